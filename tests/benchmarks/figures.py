"""What one run of a command took: a row of docs/commands.md."""

from typing import NamedTuple


class Figure(NamedTuple):
    """What one command took."""

    what: str
    documents: int
    rows: int
    seconds: float
    memory_mb: float
