"""The pure heart: values and decisions without clock, network, files, environment, SQL or Flask."""
