"""How much of a decoded text looks as if it had been read in the wrong encoding.

Only characters beyond ASCII are judged: they are what the encodings differ in. Each gets a penalty for where it stands:
a capital inside a word, a letter of another script, a sign between letters, a character that no text has. The weights
were fitted on the texts of `tests/support/encodings` and on translations of another package than the one that
`tests.benchmarks.encodings` measures with.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

MAX_JUDGED = 400
"""Characters beyond ASCII that are judged; more change nothing."""

_WEIGHTS = {
    "unassigned": 0.6,
    "control": 0.7,
    "box drawing": 0.35,
    "drawn line": 0.2,
    "replaced": 1.0,
    "capital in word": 0.33,
    "small among capitals": 0.4,
    "mixed scripts": 0.4,
    "single letter of another script": 0.1,
    "letter at digit": -0.05,
    "half width": 0.3,
    "presentation form": 0.5,
    "lone mark": 0.5,
    "quote in word": 0.3,
    "space in word": 0.12,
    "quote on wrong side": 0.3,
    "sign in word": 0.3,
    "sign at word": 0.37,
    "common sign at word": 0.3,
    "rare sign": 0.35,
    "common sign": -0.2,
    "sign at digit": -0.15,
    "punctuation": -0.12,
    "letter": -0.14,
    "single capital": 0.25,
    "ordinal in word": -0.03,
}
_NOT_IN_ALPHABET = 0.44

# The letters beyond a-z of languages that are written in Latin letters, and of those in Cyrillic ones.
_ALPHABETS = tuple(
    frozenset(letters)
    for letters in (
        "àâæçéèêëîïôœùûüÿ",
        "äöüßéà",
        "áéíñóúüªºç",
        "àèéìíîòóùú",
        "ãáàâçéêíóôõúüªº",
        "éèëêïöóáüç",
        "åäöéüà",
        "æøåéóôòâöä",
        "åäöšžé",
        "áðéíóúýþæö",
        "àçéèíïòóúü",
        "ąćęłńóśźż",
        "áčďéěíňóřšťúůýž",
        "áäčďéíĺľňóôŕšťúýž",
        "áéíóöőúüű",
        "ăâîşţșț",
        "čšžćđ",
        "çğıöşüâîû",
        "äõöüšž",
        "āčēģīķļņšūž",
        "ąčęėįšųūž",
        "ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ",
        "абвгдежзийклмнопрстуфхцчшщъыьэюяё",
        "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
        "абвгдеёжзійклмнопрстуўфхцчшыьэюя",
        "абвгдђежзијклљмнњопрстћуфхцчџш",
        "абвгдѓежзѕијклљмнњопрстќуфхцчџш",
    )
)
_PUNCTUATION = frozenset(
    "‘’‚“”„«»‹›–—…¿¡·•\u00a0\u00ad\u2011\u200b\u200c\u200d\u200e\u200f、。「」『』，．・（）：；！？〜～"
)
_IN_WORDS = frozenset("’‘·\u00ad\u200c\u200d\u200e\u200f\u2011ー々ªº")
_OPENING = frozenset("“‘«‹„‚")
_CLOSING = frozenset("”»›")
_AT_NUMBERS = frozenset("£€¥§°%½¼¾±×²³¹ºª№฿₪")
_COMMON_SIGNS = frozenset("©®™°§£€·•№²³½¥±×")
_UNSPACED = frozenset(("CJK", "KATAKANA", "HIRAGANA", "HANGUL", "THAI", "FULLWIDTH", "HALFWIDTH", "IDEOGRAPHIC"))
_ASCII_ALLIES = frozenset(("LATIN", "MICRO", "FEMININE", "MASCULINE"))


class Plausibility(NamedTuple):
    """What is known of a text: how many characters beyond ASCII were judged, and what they add up to."""

    judged: int
    weight: float
    """The sum of penalties and, as negative numbers, of what speaks for the text."""
    penalty: float
    """The mean of the penalties alone: 0 is perfect."""


def is_readable(text: Plausibility) -> bool:
    """Whether a text can be one at all.

    Of whole texts 99 % have a mean penalty below 0.08; with one spoilt byte a few characters can have 0.5; random bytes
    have 0.2 and more in the best of all encodings from 200 bytes on.
    """
    return text.penalty <= 0.17 + 2 / max(1, text.judged)


def judge(text: str) -> Plausibility:
    """Return how plausible a text is."""
    places = [place for place, character in enumerate(text) if character > "\x7f"][:MAX_JUDGED]
    if not places:
        return Plausibility(0, 0.0, 0.0)
    padded = f" {text} "
    weights = [_WEIGHTS[kind] for place in places for kind in _kinds(padded, place + 1)]
    outside = _NOT_IN_ALPHABET * _outside_alphabets([text[place] for place in places])
    penalty = sum(weight for weight in weights if weight > 0) + outside
    return Plausibility(len(places), sum(weights) + outside, penalty / len(places))


def _kinds(text: str, place: int) -> Iterator[str]:
    """Yield what is to be said of the character beyond ASCII at `place`, which is neither the first nor the last."""
    before, character, after = text[place - 1], text[place], text[place + 1]
    category = _category(character)
    if character == "\ufffd":
        yield "replaced"
    elif category in ("Cn", "Co", "Cs"):
        yield "unassigned"
    elif category == "Cc":
        yield "control"
    elif _is_line(character):
        yield "box drawing" if before.isalpha() or after.isalpha() else "drawn line"
    elif category[0] == "L":
        yield from list(_kinds_of_letter(before, character, after, category)) or ("letter",)
    elif category[0] == "M":
        yield "letter" if _category(before)[0] in "LM" else "lone mark"
    else:
        yield _kind_of_sign(before, character, after)


def _is_line(character: str) -> bool:
    return "\u2500" <= character < "\u25a0"


def _kinds_of_letter(before: str, character: str, after: str, category: str) -> Iterator[str]:
    category_before, category_after, script = _category(before), _category(after), _script(character)
    if category == "Lu" and category_before[0] == "L" and "Ll" in (category_before, category_after):
        yield "capital in word"
    elif category == "Ll" and category_before == category_after == "Lu":
        yield "small among capitals"
    if category == "Lu" and category_before[0] != "L" and category_after[0] != "L":
        yield "single capital"
    if script not in _UNSPACED:
        neighbours = [neighbour for neighbour in (before, after) if neighbour.isalpha()]
        if any(_script(neighbour) != script for neighbour in neighbours):
            yield "mixed scripts"
        elif not neighbours and script not in _ASCII_ALLIES:
            yield "single letter of another script"
        if (before.isdigit() or after.isdigit()) and character not in _AT_NUMBERS:
            yield "letter at digit"
    if script in ("FEMININE", "MASCULINE") and not before.isdigit():
        yield "ordinal in word"
    if script == "HALFWIDTH":
        yield "half width"
    if script == "ARABIC" and character >= "\ufb50":
        yield "presentation form"


def _kind_of_sign(before: str, character: str, after: str) -> str:
    letters_around = before.isalpha() + after.isalpha()
    if character == "\u00a0" and letters_around == 2:
        return "space in word"
    if character in _PUNCTUATION:
        if letters_around == 2 and character not in _IN_WORDS:
            return "quote in word"
        is_turned = (character in _OPENING and before.isalpha()) or (character in _CLOSING and after.isalpha())
        return "quote on wrong side" if is_turned else "punctuation"
    if character in _AT_NUMBERS and (before.isdigit() or after.isdigit()):
        return "sign at digit"
    if letters_around == 2:
        return "sign in word"
    if letters_around == 1:
        return "common sign at word" if character in _COMMON_SIGNS else "sign at word"
    return "common sign" if character in _COMMON_SIGNS else "rare sign"


def _outside_alphabets(characters: list[str]) -> int:
    """Return how many letters are outside the alphabet that holds most of them; other scripts have no list here."""
    letters = [letter for letter in "".join(characters).lower() if _script(letter) in ("LATIN", "CYRILLIC")]
    if not letters:
        return 0
    return min(sum(letter not in alphabet for letter in letters) for alphabet in _ALPHABETS)


@lru_cache(maxsize=4096)
def _category(character: str) -> str:
    return unicodedata.category(character)


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """Return the first word of a character's name, which is its script for every letter."""
    return unicodedata.name(character, "?").partition(" ")[0].partition("-")[0]
