"""Describe the tokens of one sequence to the entity model: the words themselves, their shapes and their neighbours.

A word's neighbours are those of its own sentence: the start of a sentence is one in every paragraph. What a clause
calls somebody (``(the "Borrower")``) is told to the words before it, for it mostly comes last. No lists of names or
places are used: what the model knows, it has learnt from the labels. Features that repeat what others say are left out:
of few documents a model learns better without them (README.md of this folder has what was tried).
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from local.language_service.segments import Token, sentences

#: Tokens on the same line before a colon (or a wide gap) that count as the name of what follows.
_KEY_WORDS = 5


#: Tokens before a defined term that are told of it.
TERM_TOKENS = 45
_QUOTES = frozenset("\"'“”„‘’«»")


class _Word(NamedTuple):
    """What can be said about a word by itself."""

    #: The word as its neighbours see it: in lower case, numbers by their length.
    seen: str
    #: Its outline in one character: A capitalised, U upper case, a lower case, 9 a number, else the character itself.
    outline: str
    own: tuple[str, ...]


@lru_cache(maxsize=50_000)
def _word(text: str) -> _Word:
    if "\ud800" <= text <= "\udfff":
        text = "\ufffd"  # half a surrogate pair, a token by itself, cannot be written in UTF-8
    lower = text.lower()
    shape = _shape(text)
    if text.isdecimal():
        length = min(len(text), 6)
        return _Word("0" * length, "9", (f"w={lower}",))
    if not text[0].isalpha():
        return _Word(text, text, (f"w={text}", "punct"))
    outline = "a" if not text[0].isupper() else "U" if len(text) > 1 and text.isupper() else "A"
    return _Word(
        lower, outline, (f"w={lower}", f"s={shape}", outline, f"p={lower[:3]}", f"x={lower[-3:]}", f"y={lower[-2:]}")
    )


@lru_cache(maxsize=5_000)
def _japanese(text: str) -> _Word:
    """Describe a word with its script as its outline: which of the three says there what capitals say elsewhere."""
    word, script = _word(text), script_of(text)
    if not script:
        return word
    return word._replace(outline=script, own=tuple(script if one == word.outline else one for one in word.own))


def script_of(text: str) -> str:
    """Give the script of a text's first character, if it is one of those of Japanese: ぁ, ァ or 漢; else ""."""
    char = text[0]
    if "\u3040" <= char <= "\u309f":
        return "ぁ"
    if "\u30a0" <= char <= "\u30ff":
        return "ァ"
    return "漢" if "\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" else ""


@lru_cache(maxsize=5_000)
def _unknown(text: str) -> _Word:
    """Describe a word as one never seen: by its outline alone."""
    known = _word(text)
    return known._replace(seen=f"?{known.outline}", own=(known.outline, f"s={_shape(text)}"))


def _shape(word: str) -> str:
    """Give the word's outline letter by letter: X upper case, x lower case, d digit; long repeats are shortened."""
    outline: list[str] = []
    for char in word[:20]:
        kind = "X" if char.isupper() else "x" if char.isalpha() else "d" if char.isdecimal() else char
        if len(outline) < 2 or outline[-1] != kind or outline[-2] != kind:
            outline.append(kind)
    return "".join(outline)


def features(sequence: list[Token], unknown: Collection[str] = (), *, japanese: bool = False) -> list[list[str]]:
    """Give, for each token of a sequence, the features that hold for it.

    Words in ``unknown`` are described as if they had never been seen: so that a model learns to do without them. With
    ``japanese`` the scripts of Japanese are told apart; a model that has learnt none of them must not be told.
    """
    describe = _japanese if japanese else _word
    described: list[list[str]] = []
    for sentence in sentences(sequence):
        words = [_unknown(token.text) if token.text in unknown else describe(token.text) for token in sentence]
        _describe(sentence, words, described)
    _add_terms(sequence, described)
    return described


def _describe(sentence: Sequence[Token], words: Sequence[_Word], described: list[list[str]]) -> None:
    """Add the features of each word of a sentence."""
    # Two places on either side, so that no neighbour has to be asked whether it exists.
    seen = ["<", "<", *(word.seen for word in words), ">", ">"]
    outline = ["<", "<", *(word.outline for word in words), ">", ">"]
    for i, (word, (key, place)) in enumerate(zip(words, _line_keys(sentence, seen), strict=True)):
        a, b, c, d, e = seen[i : i + 5]
        v, w, x, y, z = outline[i : i + 5]
        gap = sentence[i].gap if i else "\n\n"
        # fmt: off
        found = [
            *word.own, "g" + gap, "1" + b, "2" + a, "3" + d, "4" + e, "5" + w, "6" + y,
            f"7{b} {c}", f"8{c} {d}", f"9{a} {b}", f"0{d} {e}",
            f"a{w}{x}{y}", f"b{v}{w}{x}", f"c{x}{y}{z}", f"i{v}{w}{x}{y}{z}",
        ]
        # fmt: on
        if place < 3:
            found.append(f"j{place}{x}")
        if key:
            found += ("k" + key, f"l{key} {x}{y}")
        described.append(found)


def _add_terms(sequence: Sequence[Token], described: Sequence[list[str]]) -> None:
    """Tell the words before a defined term of it: a capitalised word in quotation marks."""
    term, reach = "", 0
    for i in range(len(sequence) - 1, -1, -1):
        text = sequence[i].text
        if text in _QUOTES and i > 1 and sequence[i - 2].text in _QUOTES and sequence[i - 1].text[0].isupper():
            term, reach = sequence[i - 1].text.lower(), i - TERM_TOKENS
        if term and i > reach:
            outline = _word(text).outline
            described[i] += ("v" + term, f"V{term} {outline}")


def _line_keys(sequence: Sequence[Token], seen: Sequence[str]) -> list[tuple[str, int]]:
    """Give, for each token, the words before the colon (or wide gap) on its line, and its place on the line from 0."""
    keys = []
    key, before, place = "", "", 0
    for i, token in enumerate(sequence):
        if i and "\n" in token.gap:
            key, before, place = "", "", 0
        elif place and not key and token.gap == "\t" and place <= _KEY_WORDS:
            key = before
        keys.append((key, place))
        if not key and place < _KEY_WORDS:
            if token.text == ":":
                key = before
            else:
                before += f" {seen[i + 2]}"
        place += 1
    return keys
