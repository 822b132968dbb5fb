"""Recognises UTF-16 and UTF-32 without a byte-order mark, by what their units say when they are read either way.

Each byte order is tried on samples of the document. Text keeps to few blocks of Unicode and to characters that exist;
read in the wrong order it scatters over dozens of blocks.
"""

import sys
import unicodedata
from array import array
from collections import Counter
from collections.abc import Sequence

_SAMPLE_BYTES = 16_384
"""Bytes read at the beginning, in the middle and at the end of a long document."""

_ENOUGH_UNITS = 8
"""Below so many units none may be damaged: two would fit by chance."""

_BLOCKS_BIG = ((0x2E80, 0x3130, "CJK"), (0x3400, 0xA000, "CJK"), (0xAC00, 0xD7B0, "Hangul"), (0xFF00, 0xFFF0, "CJK"))
"""Scripts that are larger than the 256 characters that else count as one block."""

_FRAMING = frozenset((1, 2, 3, 4, 0x1A, 0x1C, 0x1D, 0x1E, 0x1F))

_UNCERTAIN_SCRIPTS = ((0x370, 0x700), (0xE00, 0xE80), (0x3040, 0x3100))
"""Greek, Cyrillic, Armenian, Hebrew, Arabic; Thai; kana: what tells UTF-16 from chance where no unit is ASCII."""


def utf32(data: bytes) -> str | None:
    """Return the encoding where a document is UTF-32 without a mark."""
    if len(data) < 4:
        return None
    for encoding, order in (("utf-32-le", "little"), ("utf-32-be", "big")):
        units = _units(data, "I", 4, order)
        unfit = sum(unit > 0x10FFFF or 0xD800 <= unit < 0xE000 for unit in units)
        if unfit > max(len(units) >= _ENOUGH_UNITS, 0.0025 * len(units)) or _is_mostly_framing(units):
            continue
        characters = [chr(unit) for unit in units if unit <= 0x10FFFF]
        odd = sum(_is_odd(character) for character in characters)
        scripts = {_block(ord(character)) for character in characters if character.isalpha()}
        if odd <= max(1, 0.02 * len(units)) and len({_script(block) for block in scripts}) <= 3:
            return encoding
    return None


def utf16(data: bytes) -> str | None:
    """Return the encoding where a document that has zero bytes is UTF-16 without a mark."""
    if len(data) < 2:
        return None
    judged = [(_judge16(units), units, encoding) for encoding, units in _both_orders(data)]
    (bad, share), units, encoding = min(judged, key=lambda each: (each[0][0], -each[0][1]))
    # A few bytes of a binary file fit by chance: of them more is asked.
    is_short = len(units) < _ENOUGH_UNITS
    padding = next((number for number, unit in enumerate(reversed(units)) if unit), len(units))
    if share < (0.95 if is_short else 0.75) or bad > (padding if is_short else max(1.5, 0.02 * len(units))):
        return None
    if not any(chr(unit).isalnum() for unit in units if not 0xD800 <= unit < 0xE000) or _is_mostly_framing(units):
        return None
    return encoding if _ideographs(units) <= 0.5 * len(units) or _has_common_ideographs(units) else None


def utf16_without_ascii(data: bytes) -> str | None:
    """Return the encoding where a document without any zero byte is UTF-16 in a script of its own: kana, Greek, …

    Never Hangul, and ideographs only where the commonest ones are among them: any pair of bytes is one or the other.
    """
    if len(data) < 4 or len(data) % 2:
        return None
    for encoding, units in _both_orders(data):
        own = sum(any(low <= unit < high for low, high in _UNCERTAIN_SCRIPTS) for unit in units)
        bad, share = _judge16(units)
        is_script = own >= max(2, 0.3 * len(units)) or _has_common_ideographs(units)
        if is_script and share >= 0.9 and bad <= 0.02 * len(units):
            return encoding
    return None


def _both_orders(data: bytes) -> list[tuple[str, Sequence[int]]]:
    return [(encoding, _units(data, "H", 2, order)) for encoding, order in _ORDERS16]


def _ideographs(units: Sequence[int]) -> int:
    return sum(0x3400 <= unit < 0xA000 for unit in units)


def _has_common_ideographs(units: Sequence[int]) -> bool:
    return sum(chr(unit) in COMMON_IDEOGRAPHS for unit in units) >= max(3, 0.1 * len(units))


COMMON_IDEOGRAPHS = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同"
    "現无前本面公开此些已日實实定這個們來為國說時會對後過發裡種經麼學無與及或者由從从請请將将並并被該该选選文件用户戶"
    "、。，：；「」（）"
)
"""The commonest ideographs of Chinese text, and its punctuation: one unit in three, where chance gives one in 500."""


_ORDERS16 = (("utf-16-le", "little"), ("utf-16-be", "big"))


def _units(data: bytes, typecode: str, size: int, order: str) -> Sequence[int]:
    """Return sampled units; the bytes behind the last whole unit are left out."""
    if len(data) > 3 * _SAMPLE_BYTES:
        middle = len(data) // 2 // size * size
        end = (len(data) - _SAMPLE_BYTES) // size * size
        data = data[:_SAMPLE_BYTES] + data[middle : middle + _SAMPLE_BYTES] + data[end:]
    units = array(typecode, data[: len(data) // size * size])
    if order != sys.byteorder:
        units.byteswap()
    return units


def _judge16(units: Sequence[int]) -> tuple[float, float]:
    """Return how many units are bad, and the share of ASCII and the three commonest blocks."""
    counts = Counter(units)
    bad: float = 0
    blocks: Counter[object] = Counter()
    total = ascii_units = 0
    highs = sum(count for unit, count in counts.items() if 0xD800 <= unit < 0xDC00)
    lows = sum(count for unit, count in counts.items() if 0xDC00 <= unit < 0xE000)
    bad += abs(highs - lows)
    for unit, count in counts.items():
        total += count
        if 0xD800 <= unit < 0xE000:
            blocks["pairs"] += count
            continue
        if unit & 0xFF == 0 and unit not in (0x3000, 0x4E00) and not 0xAC00 <= unit < 0xD7A4:
            # A character whose low byte is 00 is rare; in the wrong order every ASCII character is one.
            bad += count
        elif _is_odd(chr(unit)):
            bad += count
        if unit < 0x80:
            ascii_units += count
        else:
            blocks[_block(unit)] += count
    share = (ascii_units + sum(count for _, count in blocks.most_common(3))) / max(1, total)
    return bad, share


def _block(code: int) -> object:
    return next((name for low, high, name in _BLOCKS_BIG if low <= code < high), code >> 8)


def _script(block: object) -> object:
    return "Latin" if block in (0, 1, 2, 0x1E) else block


def _is_mostly_framing(units: Sequence[int]) -> bool:
    """Whether there are more of the control characters that frame text than text has: up to four, or a quarter."""
    return sum(unit in _FRAMING for unit in units) > max(4, 0.25 * len(units))


def _is_odd(character: str) -> bool:
    """Whether a character is unassigned, for private use, or a control character that text does not have."""
    if character in "\t\n\v\f\r\x1b\x01\x02\x03\x04\x1a\x1c\x1d\x1e\x1f":
        return False
    return unicodedata.category(character) in ("Cn", "Co", "Cc", "Cs")
