"""From an incident to words: what templates see, the sandbox they run in, and the filters they have."""
