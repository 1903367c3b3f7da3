"""HTTP: intake for senders, the API and the pages for people."""
