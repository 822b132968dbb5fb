"""Cells that no spreadsheet takes for a formula ("CSV Injection", OWASP, read 2026-11).

Excel, LibreOffice Calc and Google Sheets evaluate a cell that begins with `=`, `+`, `-`, `@` (or their full-width
forms), quoted or not; a tab or a line break before it is skipped. Excel splits a file at the list separator of the
user's region, which may be another than the comma: then a cell also begins behind each such sign. An apostrophe is put
before every sign with which a formula could begin at one of these places; nothing is taken away.
"""

import re
from typing import Final

_CELL_BEGINS: Final = "(^|[,;|\t\r\n\x0b\x0c\x1c-\x1f\x85\u2028\u2029])"
_SKIPPED: Final = "([\\s\"'\ufeff\0]*)"
_FORMULA: Final = "[=+\\-@\uff0b\uff0d\uff1d\uff20]"
_SIGNS: Final = re.compile(_FORMULA)
_STARTS: Final = re.compile(f"{_CELL_BEGINS}{_SKIPPED}(?={_FORMULA})")


def harmless(text: str) -> str:
    """Return a text for a cell of a CSV file that is opened in a spreadsheet."""
    if not _SIGNS.search(text):
        return text  # Nearly every cell.
    return _STARTS.sub(r"\1\2'", text)
