"""The exit codes of the commands, for scripts."""

DONE = 0

NOT_ALL_DONE = 1
"""A document failed, a check found a problem, nothing was found, somebody pressed Ctrl-C."""

WRONG_USE = 2
"""The command or the settings are wrong."""

CANNOT_REACH = 3
"""Something can not be reached, or refuses whoever asks."""
