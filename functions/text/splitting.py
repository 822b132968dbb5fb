"""Splits a long text into slices that fit a request, so that merging them gives what the whole text would have given.

Neighbouring slices overlap. In the middle of each overlap lies a seam; an entity belongs to the slice in which it
*starts on its own side of the seam*, and is taken from there only. That is the whole rule against duplicates, and it
is exact as long as the service sees enough text on both sides of what a slice owns: `LEAD_IN` before the seam, so
that its reading of the first owned characters is settled, and `RUN_OUT` behind it, so that an entity that starts just
before the seam is seen to its end.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from .offsets import is_mark

LONGEST_ENTITY = 500
"""The longest entity the service can learn, in characters (custom NER "service limits", labels; read 2026-11)."""

LEAD_IN = 500
"""Characters that a slice shows the service before the first one it owns."""

RUN_OUT = LONGEST_ENTITY + 500
"""Characters that a slice shows the service behind the last one it owns."""

LONGEST_REACH = 2_000
"""How many characters a cut may move to find a good place; a paragraph of 2,000 characters is a long one."""

MAX_REQUEST_CHARACTERS = 125_000
"""Characters in one request, over all its documents (custom NER "service limits", read 2026-11).

The service counts text elements, of which a text never has more than code points; we count code points.
"""


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of a text, in code points: what the service is shown, and the part of it that the slice owns."""

    start: int
    end: int
    own_start: int
    own_end: int


# From the best place to cut to the worst; each pattern ends where the cut goes.
_BOUNDARIES = (
    re.compile(r"\n[^\S\n]*\r?\n\s*"),  # a blank line
    re.compile(r"\r\n|\n|\r(?!\n)"),  # a line end
    re.compile(r"[.!?。！？؟।]['\"”’»)\]]*\s+"),  # a sentence end
    re.compile(r"\s+"),  # white space
)


_NOT_BLANK = re.compile(r"[^\s\x00-\x1f\x7f\u200b\ufeff]")


def is_blank(text: str) -> bool:
    """Whether there is nothing in a text but white space and what has no width at all, such as control characters."""
    return _NOT_BLANK.search(text) is None


def split(
    text: str, max_characters: int = MAX_REQUEST_CHARACTERS, *, lead_in: int = LEAD_IN, run_out: int = RUN_OUT
) -> list[Slice]:
    """Return the slices of `text`, in order; one slice where the text fits.

    What the slices own is the whole text without gap or overlap, each slice is at most `max_characters` long, and
    every cut is at a paragraph, line, sentence or word where the text has one within reach.
    """
    if len(text) <= max_characters:
        return [Slice(0, len(text), 0, len(text))]
    reach = min(LONGEST_REACH, (max_characters - lead_in - run_out) // 4)
    if reach < 1:
        raise ValueError(f"a slice of {max_characters} characters has no room for {lead_in} + {run_out} of overlap")
    seams = _seams(text, max_characters, lead_in, run_out, reach)
    return [
        Slice(
            start=_cut(text, max(0, own_start - lead_in - reach), max(0, own_start - lead_in)),
            end=_cut(text, min(len(text), own_end + run_out), min(len(text), own_end + run_out + reach)),
            own_start=own_start,
            own_end=own_end,
        )
        for own_start, own_end in pairwise(seams)
    ]


def _seams(text: str, max_characters: int, lead_in: int, run_out: int, reach: int) -> list[int]:
    """Return the borders of what each slice owns, 0 and the text's length included."""
    # A slice's start may move back by `reach` and its end forward by `reach` to find a good cut.
    own = max_characters - lead_in - run_out - 2 * reach
    seams = [0]
    while len(text) - seams[-1] > own:
        latest = seams[-1] + own
        seams.append(_cut(text, max(seams[-1] + 1, latest - reach), latest))
    return [*seams, len(text)]


def _cut(text: str, low: int, high: int) -> int:
    """Return the best place to cut in `low..high`: the last one of the best kind."""
    if low <= 0 or high >= len(text):
        return 0 if low <= 0 else len(text)
    for boundary in _BOUNDARIES:
        places = [match.end() for match in boundary.finditer(text, low, high)]
        # A run of white space that the window cuts off ends behind it, not in it.
        places = [place for place in places if place < high or not text[place].isspace()]
        # Even white space can carry marks.
        places = [place for place in places if _is_between_characters(text, place)]
        if places:
            return places[-1]
    return _between_characters(text, low, high)


def _between_characters(text: str, low: int, high: int) -> int:
    """Return the last place in `low..high` that does not part a character from its marks or joiners."""
    return next((place for place in range(high, low, -1) if _is_between_characters(text, place)), high)


def _is_between_characters(text: str, place: int) -> bool:
    before, follower = text[place - 1], text[place]
    return not is_mark(follower) and "\u200d" not in (follower, before) and (before, follower) != ("\r", "\n")
