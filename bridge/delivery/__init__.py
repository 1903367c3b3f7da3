"""Making it true out there: lanes, doubt, pace, and the deliverer that runs them."""
