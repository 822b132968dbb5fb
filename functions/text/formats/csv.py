"""Tables as text, with commas, semicolons, bars or tabs: the text as it is written; locations are its rows."""

import csv

from . import HEAD_BYTES
from .extraction import Output
from .plain import decoded
from .recognition import delimiter_of


def extract(data: bytes, output: Output) -> None:
    """Write the text, and its rows as places; rows count from 1 and include the header."""
    text = decoded(data, output)
    lines = text.splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=delimiter_of(text[:HEAD_BYTES]) or "\t")
    number = written = 0
    try:
        for _ in reader:
            number += 1
            output.place(row=number)
            output.write("".join(lines[written : reader.line_num]))
            written = reader.line_num
    except csv.Error:
        # A field of more than 128 kB, as where a quote is never closed: from there on it is one row.
        output.place(row=number + 1)
    output.write("".join(lines[written:]))
