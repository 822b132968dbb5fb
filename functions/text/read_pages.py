"""Puts pages that were read by OCR into the text that was extracted from the same file."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from .formats.locations import LocationMap, Place


class PageText(NamedTuple):
    """A page as it was read; `confidence` is the mean over its words, from 0 to 1, None where there is none."""

    number: int
    text: str
    confidence: float | None


class _Segment(NamedTuple):
    """A stretch of text and where it stands; None where nothing is known."""

    place: Place | None
    text: str


_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\uffff]")
_CONFIDENCE_DIGITS = 3


def with_read_pages(text: str, locations: LocationMap, pages: Iterable[PageText]) -> tuple[str, LocationMap]:
    """Return a text and its locations with each of `pages` in its place.

    A page that was read takes the place of what had been extracted from it, such as a line of the scanner's; one on
    which nothing was found leaves that. Raises `NotExtractable` where the whole has more characters than are allowed.
    """
    # Imported here, so that the app starts without it.
    from .formats.extraction import Limits, as_seen, over_limit

    segments = _segments(text, locations)
    for page in sorted(pages):
        read = _CONTROLS.sub("", as_seen(page.text)).strip()
        if read:
            _insert(segments, page, read + "\n")
    limit = Limits().characters
    if sum(len(segment.text) for segment in segments) > limit:
        raise over_limit("characters", limit)
    return _joined(segments)


def _segments(text: str, locations: LocationMap) -> list[_Segment]:
    starts = locations.starts
    first = _Segment(None, text[: starts[0]] if starts else text)
    ends = [*starts[1:], len(text)]
    rest = [_Segment(*one) for one in zip(locations.places, map(lambda a, b: text[a:b], starts, ends), strict=True)]
    return [first, *rest] if first.text else rest


def _insert(segments: list[_Segment], page: PageText, text: str) -> None:
    place: dict[str, str | int | float] = {"page": page.number}
    if page.confidence is not None:
        place["readConfidence"] = round(page.confidence, _CONFIDENCE_DIGITS)
    at, until = len(segments), len(segments)
    for index, segment in enumerate(segments):
        number = segment.place.get("page") if segment.place else None
        if number == page.number:
            at, until = min(at, index), index + 1
        elif isinstance(number, int) and number > page.number:
            at, until = min(at, index), min(until, index)
            break
    segments[at:until] = [_Segment(place, text)]


def _joined(segments: list[_Segment]) -> tuple[str, LocationMap]:
    starts: list[int] = []
    places: list[Place] = []
    length = 0
    for segment in segments:
        if segment.place is not None and segment.text:
            starts.append(length)
            places.append(segment.place)
        length += len(segment.text)
    return "".join(segment.text for segment in segments), LocationMap(tuple(starts), tuple(places))
