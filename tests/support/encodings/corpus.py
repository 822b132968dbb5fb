"""Makes documents in many encodings from texts in many languages, whole, spoilt and with control characters."""

import codecs
import random
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

LENGTHS = (20, 80, 200, 2_000)
"""Characters of an excerpt."""

VARIANTS = ("whole", "spoilt", "controls")
"""As it is; with one byte changed; with a few control characters as exports and old terminals leave them."""

_WESTERN = ("cp1252", "iso8859_15", "cp850", "mac_roman")
_CENTRAL = ("cp1250", "iso8859_2", "cp852")
_BALTIC = ("cp1257", "iso8859_13")

LEGACY: Mapping[str, tuple[str, ...]] = {
    "en": ("cp1252",),
    **dict.fromkeys(("fr", "de", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "is", "ca"), _WESTERN),
    **dict.fromkeys(("pl", "cs", "sk", "hu", "ro", "sl", "hr"), _CENTRAL),
    **dict.fromkeys(("ru", "bg"), ("cp1251", "koi8_r", "iso8859_5", "cp866", "mac_cyrillic")),
    "uk": ("cp1251", "koi8_u", "iso8859_5"),
    "sr": ("cp1251", "iso8859_5"),
    "el": ("cp1253", "iso8859_7"),
    "tr": ("cp1254", "iso8859_9"),
    **dict.fromkeys(("et", "lv", "lt"), _BALTIC),
    "vi": ("cp1258",),
    "th": ("cp874", "tis_620"),
    "he": ("cp1255", "iso8859_8"),
    "ar": ("cp1256", "iso8859_6"),
    "ja": ("cp932", "euc_jp", "iso2022_jp"),
    "zh": ("gb18030", "gb2312", "hz"),
    "zh_tw": ("big5",),
    "ko": ("cp949", "euc_kr", "iso2022_kr"),
}
"""The encodings in which text of a language is usually found, beside Unicode."""

UNICODE = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"),
    *("utf-16-be with a mark", "utf-32", "utf-32-le", "utf-32-be"),
)

_PLAINER = {
    **dict.fromkeys("‘’‚", "'"),
    **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("–—", "-"),
    "…": "...",
    "€": "EUR",
    "ș": "ş",
    "ț": "ţ",
    "Ș": "Ş",
    "Ț": "Ţ",
    "\u00a0": " ",
}


class Case(NamedTuple):
    """A document whose right reading is known."""

    language: str
    encoding: str
    length: int
    variant: str
    data: bytes
    text: str
    """What a reader who knows the encoding gets, damaged bytes as U+FFFD, without a byte-order mark."""
    intact: tuple[int, int]
    """Characters at the beginning and at the end of `text` that the spoilt byte has not changed."""

    def is_right(self, text: str) -> bool:
        """Whether a reading has every character right; one that the spoilt byte has changed may be anything."""
        if self.variant != "spoilt":
            return text == self.text
        begin, end = self.intact
        is_long_enough = len(text) >= begin + end
        return is_long_enough and text[:begin] == self.text[:begin] and text.endswith(self.text[len(self.text) - end :])

    @property
    def group(self) -> str:
        """Whether it is Unicode or an older encoding."""
        return "Unicode" if self.encoding.startswith("utf") else "legacy"


def cases(
    texts: Mapping[str, str],
    *,
    lengths: tuple[int, ...] = LENGTHS,
    variants: tuple[str, ...] = VARIANTS,
    excerpts: int = 4,
    unicode_excerpts: int = 2,
    seed: int = 1,
) -> Iterator[Case]:
    """Yield excerpts of each text in each usual encoding of its language; none of them is ASCII only."""
    draw = random.Random(seed)
    for language, text in texts.items():
        for length in lengths:
            if len(text) < length:
                continue
            for encoding, count in _encodings(language, excerpts, unicode_excerpts):
                written = as_written(text, encoding)
                for _ in range(count):
                    excerpt = _excerpt(written, length, draw)
                    if excerpt is None:
                        continue
                    data = _encode(excerpt, encoding)
                    if data is None:
                        continue
                    for variant in variants:
                        changed = _VARIANTS[variant](data, encoding, draw)
                        read = _read(changed, encoding)
                        intact = _common(_read(data, encoding), read)
                        yield Case(language, encoding, length, variant, changed, read, intact)


def _common(one: str, other: str) -> tuple[int, int]:
    """Return how many characters two texts begin with alike, and how many of the others they end with alike."""
    begin = _common_start(one, other)
    return begin, _common_start(one[begin:][::-1], other[begin:][::-1])


def _common_start(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _encodings(language: str, excerpts: int, unicode_excerpts: int) -> Iterator[tuple[str, int]]:
    for encoding in LEGACY[language]:
        yield encoding, excerpts
    for encoding in UNICODE:
        yield encoding, unicode_excerpts


def as_written(text: str, encoding: str) -> str:
    """Return `text` as somebody would write it in an encoding that lacks some of its characters."""
    if encoding.startswith("utf"):
        return text
    return "".join(_as_written(character, encoding) for character in text)


def _as_written(character: str, encoding: str) -> str:
    if _fits(character, encoding):
        return character
    if encoding == "cp1258":
        # Vowels are single characters there, tones follow as combining marks.
        parts = unicodedata.normalize("NFD", character)
        for split in range(len(parts) - 1, 0, -1):
            composed = unicodedata.normalize("NFC", parts[:split]) + parts[split:]
            if _fits(composed, encoding):
                return composed
        tone = next((mark for mark in parts if mark in "\u0300\u0301\u0303\u0309\u0323"), "")
        composed = unicodedata.normalize("NFC", parts.replace(tone, "")) + tone
        if _fits(composed, encoding):
            return composed
    plainer = _PLAINER.get(character, "")
    return plainer if _fits(plainer, encoding) else ""


def _fits(text: str, encoding: str) -> bool:
    return _encode(text, encoding) is not None


def _encode(text: str, encoding: str) -> bytes | None:
    try:
        if encoding == "utf-16-be with a mark":
            return codecs.BOM_UTF16_BE + text.encode("utf-16-be")
        return text.encode(encoding)
    except UnicodeEncodeError:
        return None


def _excerpt(text: str, length: int, draw: random.Random) -> str | None:
    for _ in range(50):
        start = draw.randrange(len(text) - length + 1)
        excerpt = text[start : start + length]
        if not excerpt.isascii() and not excerpt[0].isspace() and not unicodedata.combining(excerpt[0]):
            return excerpt
    return None


def _whole(data: bytes, encoding: str, draw: random.Random) -> bytes:
    return data


def _spoilt(data: bytes, encoding: str, draw: random.Random) -> bytes:
    place = draw.randrange(len(data))
    return data[:place] + bytes([(data[place] + draw.randrange(1, 256)) % 256]) + data[place + 1 :]


def _with_controls(data: bytes, encoding: str, draw: random.Random) -> bytes:
    name = "utf-16-be" if encoding.startswith("utf-16-be") else encoding
    start, end = draw.choice([("", "\x1a"), ("\x01", ""), ("\x02", "\x03"), ("\f", "\f"), ("\x0b", "\0"), ("", "\x1e")])
    if encoding in ("utf-8-sig", "utf-16", "utf-32", "utf-16-be with a mark"):
        return data + end.encode(name.removesuffix("-sig") + ("-le" if encoding in ("utf-16", "utf-32") else ""))
    return (
        start.encode(name) + data + end.encode(name) if not encoding.startswith("iso2022_kr") else data + end.encode()
    )


_VARIANTS = {"whole": _whole, "spoilt": _spoilt, "controls": _with_controls}

_MARKS = {
    "utf-8-sig": (codecs.BOM_UTF8, "utf-8"),
    "utf-16": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-16-be with a mark": (codecs.BOM_UTF16_BE, "utf-16-be"),
    "utf-32": (codecs.BOM_UTF32_LE, "utf-32-le"),
}
# What a name means to those who write files: Windows' reading of it.
_READ_AS = {"tis_620": "cp874", "iso8859_9": "cp1254", "euc_kr": "cp949", "gb2312": "gb18030"}


def _read(data: bytes, encoding: str) -> str:
    mark, name = _MARKS.get(encoding, (b"", encoding))
    return data.removeprefix(mark).decode(_READ_AS.get(name, name), "replace")
