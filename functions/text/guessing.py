"""Guesses in which of the older encodings a document is written, and how sure that is."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .damage import decode_damaged, without
from .letters import familiarity
from .plausibility import is_readable, judge

SAMPLE_BYTES = 15_000
"""What the guess is made from; the detector itself reads 16 kB and no more."""

DOUBTFUL_MARGIN = 0.5
DOUBTFUL_MARGIN_OF_FEW = 0.1
"""From this share of the best score on the second best reading is so near that a person should choose; where there
are only few bytes beyond ASCII the scores say less. On the texts that the rules were fitted on, none of 2,144 readings
with a smaller share is wrong, and 1 in 20 of the others."""
_FEW = 10

MAX_CANDIDATES = 4


class _Encoding(NamedTuple):
    codec: str
    detector: str
    is_double_byte: bool = False


_ENCODINGS = (
    *(_Encoding(name, name) for name in ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256")),
    *(_Encoding(name, name) for name in ("cp1257", "cp1258", "cp874", "iso8859-2", "iso8859-5", "iso8859-6")),
    *(_Encoding(name, name) for name in ("iso8859-7", "iso8859-8", "iso8859-13", "iso8859-15", "iso8859-16")),
    *(_Encoding(name, name) for name in ("koi8-r", "koi8-u", "cp850", "cp437", "cp852", "cp866")),
    *(_Encoding(name, name) for name in ("mac-roman", "mac-cyrillic")),
    _Encoding("cp932", "cp932", True),
    _Encoding("euc_jp", "euc_jis_2004", True),
    _Encoding("gb18030", "gb18030", True),
    _Encoding("cp950", "big5hkscs", True),
    _Encoding("cp949", "cp949", True),
)
"""What plain text without a mark is found in. Of encodings of which one holds all of the other only the larger is
here, with one exception: Windows' code pages do not hold ISO-8859-2, -5, -6, -7, -8, -13 and -15."""


class Guess(NamedTuple):
    """A reading of a document: its encoding, the text, and the other readings that are nearly as good."""

    encoding: str
    text: str
    damages: Sequence[tuple[int, int]]
    candidates: tuple[str, ...]
    """Encodings whose text differs, the best first, up to four with the winner; empty where the guess is sure."""


def guess(data: bytes, include: Iterable[str] | None = None) -> list[tuple[str, float]]:
    """Return how well each encoding fits `data`, the best first, as the detector sees it; its names, 0 to 1.

    This is the only place that knows the detector: chardet 7, which is imported at first use.
    """
    # Imported here: few documents need it, and every cold start would pay for it.
    import chardet

    names = list(include or (each.detector for each in _ENCODINGS))
    found = chardet.detect_all(
        data,
        ignore_threshold=True,
        compat_names=False,
        include_encodings=names,
        no_match_encoding=names[0],
        empty_input_encoding=names[0],
    )
    return [(str(each["encoding"]), float(each["confidence"])) for each in found if each["encoding"]]


class _Reading(NamedTuple):
    score: float
    encoding: _Encoding
    text: str
    is_readable: bool = True


def read_by_guess(data: bytes) -> Guess | None:
    """Return the best reading of a document that has bytes beyond ASCII and is no Unicode; None where none fits."""
    sample = _sample(data)
    readings = _readings(sample)
    for place, best in enumerate(readings):
        if not best.is_readable:
            continue
        read = decode_damaged(data, best.encoding.codec, _most_faults(best.encoding, len(data)))
        # Of a long document only samples were read, so the rest may still not fit.
        if read:
            codec = _commonest(data, best, readings, read[0])
            margin = DOUBTFUL_MARGIN if _beyond_ascii(sample) >= _FEW else DOUBTFUL_MARGIN_OF_FEW
            return Guess(codec, *read, tuple(_candidates(readings[place:], codec, margin)))
    return None


def _commonest(data: bytes, best: _Reading, readings: Sequence[_Reading], text: str) -> str:
    """Return the name of the commonest encoding that gives the same text as the best one."""
    same = {reading.encoding for reading in readings if reading.text == best.text}
    for encoding in _ENCODINGS:
        if encoding is best.encoding:
            break
        if encoding in same:
            read = decode_damaged(data, encoding.codec, _most_faults(encoding, len(data)))
            if read and read[0] == text:
                return encoding.codec
    return best.encoding.codec


def _candidates(readings: Sequence[_Reading], codec: str, margin: float) -> Iterator[str]:
    """Yield the encodings that a person should choose from, none where the best reading is well ahead."""
    best = readings[0]
    others = [each for each in readings[1:] if each.text != best.text]
    if not others or others[0].score < margin * best.score:
        return
    yield codec
    # The commonest name for each text.
    texts = list(dict.fromkeys(each.text for each in others))[: MAX_CANDIDATES - 1]
    for text in texts:
        names = {each.encoding for each in others if each.text == text}
        yield next(encoding.codec for encoding in _ENCODINGS if encoding in names)


def _scored(clean: bytes) -> list[_Reading]:
    judged = _telling_words(clean)
    scores = dict(guess(judged))
    readings = []
    for encoding in _ENCODINGS:
        read = decode_damaged(clean, encoding.codec, _most_faults(encoding, len(clean)))
        if read is None:
            continue
        text, damages = read
        score = scores.get(encoding.detector, 0.0)
        if damages:
            # The detector drops an encoding at its first fault.
            score = dict(guess(_telling_words(without(clean, damages)), [encoding.detector])).get(
                encoding.detector, 0.0
            )
            score *= (0.9 if encoding.is_double_byte else 0.75) ** len(damages)
        readings.append(_Reading(score, encoding, text))
    return readings


def _readings(sample: bytes) -> list[_Reading]:
    """Return the readings of a sample, the best first.

    Where there are few bytes beyond ASCII, one that is damaged spoils what the others say. So each of them is also left
    out in turn, and a reading gets the best score that it has with one byte less, at a price.
    """
    clean = sample.translate(_WITHOUT_CONTROLS)
    whole = _break_ties(_scored(clean), clean)
    places = [match.start() for match in _HIGH_RUN.finditer(clean)]
    if not 2 <= len(places) <= _FEW_TO_LEAVE_OUT:
        return sorted(map(_with_familiarity, whole), key=lambda each: -each.score)
    best = {each.encoding: each.score for each in whole}
    for place in places:
        less = clean[:place] + b" " + clean[place + 1 :]
        for each in _break_ties(_scored(less), less):
            if each.encoding in best and not each.encoding.is_double_byte:
                best[each.encoding] = max(best[each.encoding], _PRICE * each.score)
    weighed = [_with_familiarity(each._replace(score=best[each.encoding])) for each in whole]
    return sorted(weighed, key=lambda each: -each.score)


def _with_familiarity(reading: _Reading) -> _Reading:
    """Weigh a reading's score by how well its letters follow each other in some language."""
    return reading._replace(score=reading.score * math.exp(_FAMILIARITY * familiarity(reading.text)))


# Fitted on the texts of `tests/support/encodings` and the translations of Sphinx and Wagtail.
_FAMILIARITY = 0.05
_FEW_TO_LEAVE_OUT = 12
_PRICE = 0.4
"""What a score is worth that leaves one byte out. A higher price reads more spoilt texts of 20 characters right, and
more whole ones wrong."""


def _break_ties(readings: list[_Reading], clean: bytes) -> list[_Reading]:
    """Weigh the detector's scores by how plausible the texts are: much where the text is short, little where not."""
    readings = sorted(readings, key=lambda reading: -reading.score)
    best = readings[0].score if readings else 0.0
    shortness = _HALF_STRENGTH / (_HALF_STRENGTH + _beyond_ascii(clean))
    weighed = []
    for reading in readings:
        if reading.score < _NEAR_ENOUGH * best:
            break
        plausible = judge(reading.text)
        against = _STRENGTH * plausible.weight / max(1, plausible.judged) ** _DAMPING
        against += _UNLIKELY.get(reading.encoding.codec, 0.0)
        score = reading.score * math.exp(-shortness * against)
        weighed.append(reading._replace(score=score, is_readable=is_readable(plausible)))
    return sorted(weighed, key=lambda reading: -reading.score)


# Fitted together with the weights of `plausibility`.
_NEAR_ENOUGH = 0.003
"""Readings with less than this share of the best score are not looked into."""
_STRENGTH = 6.5
_DAMPING = 0.72
_HALF_STRENGTH = 6_900.0
"""Bytes beyond ASCII at which plausibility counts half."""
_UNLIKELY = {
    "cp1254": -0.2,
    "cp1257": 0.4,
    "cp1258": 0.55,
    "cp437": 0.55,
    "cp874": 1.5,
    "cp932": 0.4,
    "cp949": 0.8,
    "cp950": 1.5,
    "euc_jp": 0.2,
    "gb18030": 0.9,
    "iso8859-6": 0.5,
    "iso8859-8": 0.5,
    "iso8859-13": -0.2,
    "iso8859-15": -0.2,
    "iso8859-16": 1.8,
}
"""What speaks against an encoding in itself: the double-byte ones take much, the others are rare."""

_HIGH = bytes(range(128, 256))
_WITHOUT_CONTROLS = bytes(byte if (byte >= 32 and byte != 127) or byte in b"\t\n\r" else 32 for byte in range(256))


def _beyond_ascii(data: bytes) -> int:
    return len(data) - len(data.translate(None, _HIGH))


def _most_faults(encoding: _Encoding, size: int) -> int:
    return int(max(4, 0.005 * size)) if encoding.is_double_byte else int(max(2, 0.0033 * size))


def _sample(data: bytes) -> bytes:
    """Return up to `SAMPLE_BYTES` of a document: where it is longer, parts with bytes beyond ASCII from all of it."""
    if len(data) <= SAMPLE_BYTES:
        return data
    size = SAMPLE_BYTES // _SAMPLES
    parts = []
    for start in range(0, len(data) - _SAMPLES, len(data) // _SAMPLES):
        first = _HIGH_RUN.search(data, start)
        if first:
            begin = _word_start(data, start, first.start())
            part = data[begin : begin + size]
            end = max(part.rfind(b"\n"), part.rfind(b" "))
            parts.append(part[: end if end > size // 2 else size])
    return b"\n".join(parts)


_SAMPLES = 5


def _word_start(data: bytes, low: int, place: int) -> int:
    """Return where a word begins, or a character at least: before `place` but not before `low`, else behind it."""
    low = max(low, place - _LONGEST_WORD)
    before = max(data.rfind(b"\n", low, place), data.rfind(b" ", low, place))
    if before >= 0:
        return before + 1
    # No byte below 30 is part of a longer character in any of the encodings.
    behind = _SINGLE.search(data, place, place + _LONGEST_WORD)
    return behind.end() if behind else place


_LONGEST_WORD = 400
_SINGLE = re.compile(rb"[\x00-\x2f]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]")
_LONG_RUN = re.compile(rb"[\x80-\xff]{3,}")


def _telling_words(clean: bytes) -> bytes:
    """Return only the words beyond ASCII where a text of another script has much ASCII in between."""
    if _LONG_RUN.search(clean) and _beyond_ascii(clean) < 0.25 * len(clean):
        # By words and not by one expression, whose time grows with the square of a long word, such as base64.
        return b" ".join(word for word in clean.split() if _HIGH_RUN.search(word))
    return clean
