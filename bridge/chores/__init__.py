"""What is done every now and then beside the lanes: care of what is stored, and of the bridge itself."""
