"""Cut a text into words, for the formats that label words and not characters."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .values import Document, Span

# A word with its marks, a run of white space, or one other character. Each character of a text is in one of them.
_PART = re.compile(
    r"\s+|(?:\w[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u200c\u200d]*)+|[^\w\s]"
)


class Token(NamedTuple):
    """A word, or white space that is more than the one blank behind a word; code points `start` to before `end`."""

    text: str
    start: int
    end: int
    #: Whether one blank follows that belongs to no token.
    has_blank: bool

    @property
    def is_space(self) -> bool:
        """Whether it is white space."""
        return self.text.isspace()


def tokens_of(document: Document) -> list[Token]:
    """Return the tokens of a document. No token lies across the border of a label, so tokens can carry them exactly.

    Together with the blanks behind them they are the whole text.
    """
    starts = {span.start for span in document.spans}
    ends = {span.end for span in document.spans}
    found: list[Token] = []
    for start, end in _pieces(document.text, sorted(starts | ends)):
        text = document.text[start:end]
        # One blank behind a word is a mark on the word, unless it is itself labelled.
        is_mark = text[0] == " " and found and not found[-1].has_blank and not found[-1].is_space
        if is_mark and start not in starts and start + 1 not in ends:
            found[-1] = found[-1]._replace(has_blank=True)
            start += 1
        if start < end:
            found.append(Token(document.text[start:end], start, end, False))
    return found


def _pieces(text: str, borders: Sequence[int]) -> Iterator[tuple[int, int]]:
    place = 0
    for border in [*borders, len(text)]:
        for match in _PART.finditer(text, place, max(place, border)):
            yield match.span()
        place = max(place, border)


def span_tokens(tokens: Sequence[Token], span: Span) -> tuple[int, int]:
    """Return the numbers of the first and last token of a label. Raises `ValueError` where it has none."""
    numbers = [n for n, token in enumerate(tokens) if span.start <= token.start and token.end <= span.end]
    if not numbers:
        raise ValueError("a label of no characters has no tokens")
    return numbers[0], numbers[-1]


def align(words: Sequence[str], text: str) -> list[tuple[int, int]] | None:
    """Return where words stand in a text, in order and with white space alone between them; None where they do not."""
    places = []
    place = 0
    for word in words:
        start = text.find(word, place)
        if start < 0 or text[place:start].strip():
            return None
        place = start + len(word)
        places.append((start, place))
    return None if text[place:].strip() else places


def spans_of_tags(places: Sequence[tuple[int, int]], tags: Sequence[str]) -> list[Span]:
    """Return the labels that tags of words give, in any of the schemes IOB1, IOB2, BILUO and BIOES.

    A label starts at B-, S- or U-, at a change of category, and behind what is no label, and goes on for every I-, L-
    or E- of its category behind it.
    """
    spans: list[Span] = []
    before = "O"
    for (start, end), tag in zip(places, tags, strict=True):
        scheme, _, category = tag.partition("-")
        if not category:
            before = "O"
            continue
        goes_on = scheme in "ILE" and before.partition("-")[2] == category and before[0] not in "LEUS"
        if goes_on:
            spans[-1] = Span(spans[-1].start, end, category)
        else:
            spans.append(Span(start, end, category))
        before = tag
    return spans
