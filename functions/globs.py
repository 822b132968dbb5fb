"""Patterns of document names: `*` and `?` within a folder, `**` for any folders.

Matched without regular expressions: whatever pattern somebody writes, a name takes time in proportion to its length and
that of the pattern.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
P = TypeVar("P")


def matches(pattern: str, name: str) -> bool:
    """Whether a document's name matches a pattern, upper and lower case told apart.

    `**` at the end stands for at least one segment: `loans/**` is everything below `loans`, and not a document of that
    name.
    """
    segments = pattern.split("/")
    if segments[-1] == "**":
        segments.append("*")
    return _matches(segments, name.split("/"), "**", _segment_matches)


def _segment_matches(pattern: str, segment: str) -> bool:
    return _matches(pattern, segment, "*", lambda one, other: one in ("?", other))


def _matches(pattern: Sequence[P], items: Sequence[T], star: P, is_match: Callable[[P, T], bool]) -> bool:
    """Whether items match a pattern in which `star` stands for any number of them.

    Only the last star that was passed is ever tried again: an earlier one could not do more.
    """
    at, item, last_star, tried = 0, 0, -1, 0
    while item < len(items):
        if at < len(pattern) and pattern[at] == star:
            last_star, tried = at, item
            at += 1
        elif at < len(pattern) and is_match(pattern[at], items[item]):
            at, item = at + 1, item + 1
        elif last_star >= 0:
            tried += 1
            at, item = last_star + 1, tried
        else:
            return False
    return all(one == star for one in pattern[at:])
