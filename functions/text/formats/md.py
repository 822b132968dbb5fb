"""Markdown: the text as it is written, so that offsets are those of the file; locations are its headings."""

import re

from .extraction import Output
from .plain import decoded

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n[\w-]+:.*?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)", re.DOTALL)
"""What tools read of a page, between two rules at its beginning; the second is no underline."""
_FENCE = re.compile(r" {0,3}(```+|~~~+)")


def extract(data: bytes, output: Output) -> None:
    """Write the text, and its headings as places."""
    text = decoded(data, output)
    output.place()
    fence = ""
    begin = 0
    matter = _FRONT_MATTER.match(text)
    first = matter.end() if matter else 0
    for start, line, following in _lines(text):
        marks = _FENCE.match(line)
        if marks:
            fence = "" if fence and marks.group(1).startswith(fence) else fence or marks.group(1)
        heading = None if fence or start < first else _heading(line, following)
        if heading:
            output.write(text[begin:start])
            output.place(heading=heading)
            begin = start
    output.write(text[begin:])


def _lines(text: str) -> list[tuple[int, str, str]]:
    """Return each line's start, the line, and the one that follows it."""
    found = [(each.start(), each.group().rstrip("\r\n")) for each in _LINE.finditer(text) if each.group()]
    following = [line for _, line in found[1:]] + [""]
    return [(start, line, after) for (start, line), after in zip(found, following, strict=True)]


def _heading(line: str, following: str) -> str | None:
    marked = _HEADING.match(line)
    if marked:
        return marked.group(1)
    # A line of hyphens below an empty line is a rule.
    return line.strip() if line.strip(" \t-=#>|*") and _UNDERLINE.match(following) else None
