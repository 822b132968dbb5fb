"""Texts that must not be seen, and how a setting's value is shown to whoever has to correct it."""

import re

LONGEST_SHOWN = 100

_SUSPECT = re.compile(
    # What credentials come with, wherever somebody may have pasted them by mistake.
    r"[@?;\r\n]|(?i:key|sig|signature|password|secret|token|bearer)\s*[=:]|(?i:bearer )"
    # A run as long as the shortest key of Azure (32 hexadecimal digits), with letters and digits in it.
    r"|(?=[A-Za-z0-9+/=_-]*[0-9])(?=[A-Za-z0-9+/=_-]*[A-Za-z])[A-Za-z0-9+/=_]{32,}"
)


class Secret(str):
    """A text that does not show itself in logs, tracebacks and debuggers."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('**********')"


def shown(text: str) -> str:
    """Return a wrong value as a message shows it: in quotes, or not at all where it may hold a secret.

    Keys and connection strings get pasted into the wrong setting, addresses come with passwords and signatures.
    """
    if len(text) > LONGEST_SHOWN or _SUSPECT.search(text):
        return "not usable (value not shown)"
    return repr(text)
