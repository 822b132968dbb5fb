"""Describe the tokens of one sequence to the entity model: the words themselves, their shapes and their neighbours.

Nothing outside the sequence is looked at (see ``segments``), and no lists of names or places are used: what the model
knows, it has learnt from the labels.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from local.language_service.segments import Token

_UPPER = re.compile(r"[^\W\d_a-z]")


def _shape(word: str) -> str:
    """Give the word's outline: upper-case letters as X, others as x, digits as d; repeats are shortened."""
    outline: list[str] = []
    for char in word[:20]:
        kind = "X" if char.isupper() else "x" if char.isalpha() else "d" if char.isdigit() else char
        if len(outline) < 2 or outline[-1] != kind or outline[-2] != kind:
            outline.append(kind)
    return "".join(outline)


@lru_cache(maxsize=50_000)
def _own(word: str) -> tuple[str, tuple[str, ...], str]:
    """Give a word's (lower-case form, features of its own, short feature for its neighbours)."""
    lower = word.lower()
    shape = _shape(word)
    own = [f"w={lower}", f"s={shape}"]
    if word.isdecimal():
        own.append(f"digits={min(len(word), 9)}")
        lower = f"{'0' * min(len(word), 5)}"
    elif word[0].isalpha():
        own += [f"p3={lower[:3]}", f"x3={lower[-3:]}", f"x2={lower[-2:]}"]
        if word[0].isupper():
            own.append("caps" if len(word) > 1 and word.isupper() else "Cap")
    else:
        own.append("punct")
    return lower, tuple(own), shape


def features(sequence: Sequence[Token]) -> list[list[str]]:
    """Give, for each token of a sequence, the features that hold for it."""
    own = [_own(token.text) for token in sequence]
    count = len(own)
    result = []
    line_key = ""
    after_colon = ""
    line_start = 0
    for i, token in enumerate(sequence):
        gap = token.gap if i else "\n\n"
        if "\n" in gap:
            line_start, line_key, after_colon = i, "", ""
        lower, mine, _ = own[i]
        found = ["b", *mine, f"g={gap!r}"]
        if i == line_start:
            found.append("bol")
        if i - line_start < 3:
            found.append(f"lp={i - line_start}")
        if after_colon:
            found.append(f"key={after_colon}")
            if i - line_start < 12:
                found.append(f"keyp={after_colon}/{min(3, i - line_start - line_key.count(' ') - 1)}")
        for distance, name in ((1, "1"), (2, "2"), (3, "3")):
            left, right = i - distance, i + distance
            if left >= 0:
                found.append(f"-{name}={own[left][0]}")
                if distance < 3:
                    found.append(f"-s{name}={own[left][2]}")
            else:
                found.append(f"-{name}=<")
            if right < count:
                found.append(f"+{name}={own[right][0]}")
                if distance < 3:
                    found.append(f"+s{name}={own[right][2]}")
            else:
                found.append(f"+{name}=>")
        if i:
            found.append(f"-1|0={own[i - 1][0]}|{lower}")
            if i > 1:
                found.append(f"-2|-1={own[i - 2][0]}|{own[i - 1][0]}")
        if i + 1 < count:
            found.append(f"0|+1={lower}|{own[i + 1][0]}")
            found.append(f"s0|+1={own[i][2]}|{own[i + 1][2]}")
        if token.text == ":" and not after_colon and line_key:
            after_colon = line_key.strip()
        elif not after_colon:
            line_key += f" {lower}"
        result.append(found)
    return result
