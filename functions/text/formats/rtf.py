"""RTF: text as Word shows it, read by a tokeniser of our own.

The known library (striprtf) loses headers, footers, text boxes and comments, keeps hidden and deleted text, and returns
halves of characters for emoji. Here: headers, footers, footnotes, comments and text boxes stand where they are in the
file, rows of tables are lines with tabs, deleted and hidden text is left out, list numbers are those that the writing
program put there.
"""

import re
from dataclasses import dataclass, replace

from ... import problems
from .extraction import NotExtractable, Output, Reason, as_seen, over_limit, words

_TOKEN = re.compile(
    rb"\\(?:([a-zA-Z]{1,32})(-?[0-9]{1,10})?[ ]?|'([0-9a-fA-F]{2})|([^a-zA-Z]))|([{}])|([^\\{}\r\n]+)|[\r\n]+",
    re.DOTALL,
)


def _names(text: str) -> frozenset[bytes]:
    return frozenset(name.encode() for name in words(text))


_SKIPPED = _names(
    "colortbl stylesheet info pict objdata fldinst themedata colorschememapping datastore listtable listoverridetable "
    "rsidtbl generator xmlnstbl latentstyles filetbl revtbl atnid atnref atnicn atndate annotationid bkmkstart bkmkend "
    "template pgptbl mmathPr nonshppict nonesttables nesttableprops txe xe tc rxe private objclass objname sp sn sv do "
    "fchars lchars pgdsctbl falt panose fontemb pnseclvl author operator title subject keywords doccomm "
    "ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn wgrffmtfilter blipuid shprslt picprop company "
    "pntxta pntxtb upr"
)
_APART = _names("header headerl headerr headerf footer footerl footerr footerf footnote annotation shptxt")
"""Destinations whose text stands on lines of its own."""
_NUMBERS = frozenset((b"listtext", b"pntext"))
_KEPT = _APART | _NUMBERS | frozenset((b"shpinst", b"ud"))
"""Destinations that are read although readers may leave them out (`\\*`)."""

_TEXTS = {
    b"par": "\n",
    b"line": "\n",
    b"page": "\n",
    b"sect": "\n",
    b"column": "\n",
    b"row": "\n",
    b"nestrow": "\n",
    b"cell": "\t",
    b"nestcell": "\t",
    b"tab": "\t",
    b"emdash": "\u2014",
    b"endash": "\u2013",
    b"emspace": " ",
    b"enspace": " ",
    b"qmspace": " ",
    b"bullet": "\u2022",
    b"lquote": "\u2018",
    b"rquote": "\u2019",
    b"ldblquote": "\u201c",
    b"rdblquote": "\u201d",
}
_SYMBOLS = {b"~": " ", b"_": "-", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}

# What \fcharset means (RTF 1.9.1, "Font Table").
_CHARSETS = {
    0: "cp1252", 77: "mac-roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "big5hkscs",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_CODE_PAGES = {10000: "mac-roman", 65001: "utf-8", 936: "gb18030", 950: "big5hkscs", 708: "iso8859-6", 1361: "johab"}


@dataclass(frozen=True, slots=True)
class _Group:
    """What a group inherits from the one around it."""

    skipped: bool = False
    hidden: bool = False
    deleted: bool = False
    fallback: int = 1
    """Characters after `\\u` that stand for it in programs without Unicode."""
    encoding: str = ""
    destination: bytes = b""


def extract(data: bytes, output: Output) -> None:
    """Write the text."""
    begin = data.find(b"{\\rtf")
    if begin < 0:
        raise NotExtractable(Reason.DAMAGED, "It does not begin as RTF.")
    output.place()
    reader = _Reader(output)
    reader.read(data, begin)
    reader.finish()


class _Reader:
    def __init__(self, output: Output) -> None:
        self._output = output
        self._groups = [_Group()]
        self._group = self._groups[0]
        self._parts: list[str] = []
        self._bytes = bytearray()
        self._ignored = 0
        """Characters of fallback that still have to be left out."""
        self._high_surrogate = ""
        self._default_encoding = "cp1252"
        self._fonts: dict[int, str] = {}
        self._default_font = 0
        self._font_of_table = 0
        self._optional = False

    def read(self, data: bytes, position: int) -> None:
        end = len(data)
        while position < end:
            token = _TOKEN.match(data, position)
            if token is None:
                break
            position = token.end()
            word, number, byte, symbol, brace, text = token.groups()
            if text is not None:
                self._characters(text)
            elif word is not None:
                value = int(number) if number else None
                if word == b"bin":
                    position += max(0, value or 0)
                else:
                    self._word(word, value)
            elif byte is not None:
                self._byte(int(byte, 16))
            elif brace == b"{":
                self._open()
            elif brace == b"}":
                self._close()
                if len(self._groups) == 1:
                    break
            elif symbol == b"*":
                self._optional = True
            elif symbol in _SYMBOLS:
                self._write(_SYMBOLS[symbol])
        self._flush()

    def finish(self) -> None:
        """Write what is left."""
        if len(self._groups) > 1:
            self._output.warn(problems.CUT_OFF.warning())
        self._pour()

    # --- groups ---

    def _open(self) -> None:
        if len(self._groups) > self._output.limits.nesting:
            raise over_limit("nesting", self._output.limits.nesting)
        self._flush()
        self._ignored = 0
        self._groups.append(self._group)
        self._optional = False

    def _close(self) -> None:
        self._flush()
        self._ignored = 0
        ended = self._group
        self._group = self._groups.pop()
        if ended.destination in _APART and self._group.destination != ended.destination and not ended.skipped:
            self._break()

    def _destination(self, word: bytes) -> None:
        self._flush()
        if word in _SKIPPED or (self._optional and word not in _KEPT):
            self._group = replace(self._group, skipped=True, destination=word)
        elif word == b"ud":
            self._group = replace(self._group, skipped=self._groups[-2].skipped, destination=word)
        else:
            self._group = replace(self._group, destination=word)
            if word in _APART and not self._group.skipped:
                self._break()

    # --- control words ---

    def _word(self, word: bytes, value: int | None) -> None:
        if self._optional or word in _DESTINATIONS:
            self._destination(word)
            self._optional = False
        elif word == b"u":
            self._unicode(value or 0)
        elif word in _TEXTS:
            self._write(self._space() if word == b"tab" and self._group.destination in _NUMBERS else _TEXTS[word])
        elif word in _SETTERS:
            _SETTERS[word](self, value)

    def _unicode(self, value: int) -> None:
        self._flush()
        unit = value & 0xFFFF
        self._ignored = self._group.fallback
        character = chr(unit) if value < 0x10000 else chr(min(value, 0x10FFFF))
        if 0xD800 <= unit < 0xDC00 and value < 0x10000:
            self._high_surrogate = character
            return
        if 0xDC00 <= unit < 0xE000 and self._high_surrogate:
            pair = (self._high_surrogate + character).encode("utf-16-le", "surrogatepass")
            character = pair.decode("utf-16-le")
        self._high_surrogate = ""
        # Symbol fonts have their characters here; without the font they say nothing.
        self._put("" if 0xF000 <= unit <= 0xF0FF else character)

    def _set_plain(self, _: int | None) -> None:
        self._group = replace(
            self._group, hidden=False, deleted=False, encoding=self._fonts.get(self._default_font, "")
        )

    def _set_hidden(self, value: int | None) -> None:
        self._group = replace(self._group, hidden=value != 0)

    def _set_deleted(self, value: int | None) -> None:
        self._group = replace(self._group, deleted=value != 0)

    def _set_fallback(self, value: int | None) -> None:
        self._group = replace(self._group, fallback=max(0, min(value or 0, 10)))

    def _set_code_page(self, value: int | None) -> None:
        self._default_encoding = _CODE_PAGES.get(value or 0, f"cp{value}")

    def _set_default_font(self, value: int | None) -> None:
        self._default_font = value or 0

    def _set_font(self, value: int | None) -> None:
        self._flush()
        if self._group.destination == b"fonttbl":
            self._font_of_table = value or 0
        else:
            self._group = replace(self._group, encoding=self._fonts.get(value or 0, ""))

    def _set_charset(self, value: int | None) -> None:
        if self._group.destination == b"fonttbl" and value in _CHARSETS:
            self._fonts[self._font_of_table] = _CHARSETS[value]

    def _set_mac(self, _: int | None) -> None:
        self._default_encoding = "mac-roman"

    # --- text ---

    def _byte(self, byte: int) -> None:
        if self._ignored:
            self._ignored -= 1
        elif self._is_shown():
            self._bytes.append(byte)

    def _characters(self, text: bytes) -> None:
        if self._ignored:
            left_out = min(self._ignored, len(text))
            self._ignored -= left_out
            text = text[left_out:]
        if text and self._is_shown():
            self._bytes += text

    def _write(self, text: str) -> None:
        if self._ignored:
            self._ignored -= 1
            return
        self._put(text)

    def _put(self, text: str) -> None:
        if self._is_shown():
            self._flush()
            self._parts.append(text)
            if len(self._parts) > 10_000:
                self._pour()

    def _is_shown(self) -> bool:
        group = self._group
        return not (group.skipped or group.hidden or group.deleted or group.destination == b"fonttbl")

    def _flush(self) -> None:
        """Decode the bytes so far: characters of two bytes may be written as two."""
        if self._bytes:
            data = bytes(self._bytes).replace(b"\0", b"")
            self._bytes.clear()
            try:
                text = data.decode(self._group.encoding or self._default_encoding, "replace")
            except LookupError:
                text = data.decode("cp1252", "replace")
            self._parts.append(text.lstrip() if self._group.destination in _NUMBERS else text)

    def _space(self) -> str:
        """Return what stands for a tab beside a list number."""
        self._flush()
        return " " if self._parts and not self._parts[-1][-1:].isspace() else ""

    def _break(self) -> None:
        """End the line, if there is one."""
        last = self._parts[-1] if self._parts else ""
        if last and not last.endswith("\n"):
            self._parts.append("\n")

    def _pour(self) -> None:
        text = "".join(self._parts)
        self._parts.clear()
        self._output.write(_BEFORE_LINE_END.sub("\n", as_seen(text)))


_BEFORE_LINE_END = re.compile(r"[ \t]+\n")
_DESTINATIONS = _SKIPPED | _KEPT | frozenset((b"fonttbl",))
_SETTERS = {
    b"plain": _Reader._set_plain,
    b"v": _Reader._set_hidden,
    b"deleted": _Reader._set_deleted,
    b"uc": _Reader._set_fallback,
    b"ansicpg": _Reader._set_code_page,
    b"deff": _Reader._set_default_font,
    b"f": _Reader._set_font,
    b"fcharset": _Reader._set_charset,
    b"mac": _Reader._set_mac,
}
