"""What one run of a command took: a row of the page that `commands` writes."""

from typing import NamedTuple


class Figure(NamedTuple):
    """What one command took."""

    what: str
    documents: int
    rows: int
    seconds: float
    memory_mb: float
