"""Small files made by real programs, and what extractors make of bytes."""

from pathlib import Path

from functions.text.formats import extractors
from functions.text.formats.extraction import Extracted, Limits, NotExtractable

FOLDER = Path(__file__).parents[3] / "data" / "formats"


def sample(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def extracted(data: bytes | str, **limits: int) -> Extracted:
    return extractors.extract(data.encode() if isinstance(data, str) else data, Limits(**limits))


def refused(data: bytes | str, **limits: int) -> NotExtractable:
    try:
        found = extracted(data, **limits)
    except NotExtractable as error:
        return error
    raise AssertionError(f"it has a text: {found.text[:100]!r}")


def places(found: Extracted) -> list[tuple[str, dict[str, str | int]]]:
    """Return each part of the text with its place."""
    ends = [*found.locations.starts[1:], len(found.text)]
    return [
        (found.text[start:end], dict(place))
        for start, end, place in zip(found.locations.starts, ends, found.locations.places, strict=True)
    ]
