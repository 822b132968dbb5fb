"""Patterns of document names: `*` and `?` within a folder, `**` for any folders.

A name is compared without regular expressions: whatever pattern somebody writes, that takes at most a time in
proportion to the length of the name times that of the pattern.
"""

import re
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


def literal_beginning(pattern: str) -> str:
    """Return what every name begins with that matches a pattern."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def longest_literal(pattern: str) -> str:
    """Return something, as long as there is, that every name has in it that matches a pattern."""
    return max(re.split(r"[*?/]", pattern), key=len)


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
