"""The verbs of `bridge`: a function each, no logic, grouped by what they are for."""
