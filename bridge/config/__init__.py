"""The configuration: `bridge.yml` read with the line of every key, checked whole, made into frozen values.

`load.load` gives rules and settings or raises with every problem; `check.check` finds what is worth a second look.
Nothing is imported here, so that `bridge --help` stays quick.
"""
