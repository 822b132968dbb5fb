"""The encoding that a document, or whoever stored it, declares."""

import codecs
import re

_IN_HEADER = re.compile(r"""charset\s*=\s*["']?([^\s"';,]+)""", re.IGNORECASE)
_IN_XML = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z][\w.:-]*)["']""")
_IN_HTML = re.compile(rb"""<meta[^>]{0,400}?charset\s*=\s*["']?\s*([A-Za-z][\w.:-]*)""", re.IGNORECASE)

_HTML_BYTES = 1_024
"""How far into a page its `meta` element is looked for (HTML standard, "prescan a byte stream", read 2026-11)."""

# Names that mean what Windows makes of them, as browsers read them (WHATWG encoding standard, read 2026-11).
_MEANING = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
_OTHER_NAMES = {
    "latin1": "cp1252",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "windows-949": "cp949",
    "windows-874": "cp874",
    "ks_c_5601-1987": "cp949",
    "x-gbk": "gb18030",
    "x-x-big5": "big5hkscs",
    "x-euc-jp": "euc_jp",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "iso-8859-8-i": "iso8859-8",
    "dos-862": "cp862",
    "koi8": "koi8-r",
    "utf-16": "utf-16-le",
    "utf-32": "utf-32-le",
    "ucs-2": "utf-16-le",
    "unicode": "utf-16-le",
}
_READABLE = re.compile(
    r"cp(125[0-8]|437|737|775|85[0257]|86[0-69]|874|932|949|950|1125)|iso8859-\d+|koi8-[rut]|mac-\w+|euc_jp|gb18030"
    r"|big5hkscs|johab|shift_jisx?\w*|kz1048|iso2022_\w+|hz|utf-(8|16|16-le|16-be|32-le|32-be)"
)
"""Python's names of encodings of text; its other codecs (`rot13`, `idna`, `unicode_escape`, …) are none."""


def declared_charset(content_type: str, data: bytes) -> str | None:
    """Return Python's name of the declared encoding: by the content type, an XML declaration, or a `meta` element.

    None where there is none, where nobody knows it, and where it is ASCII or UTF-8, which need no declaration. A
    document whose declaration can be read byte by byte is not UTF-16 or UTF-32, whatever it says.
    """
    in_header = _IN_HEADER.search(content_type)
    name = _python_name(in_header.group(1)) if in_header else None
    if name:
        return name
    inside = _IN_XML.match(data[:_HTML_BYTES]) or _IN_HTML.search(data[:_HTML_BYTES])
    name = _python_name(inside.group(1).decode("ascii", "replace")) if inside else None
    return None if name and name.startswith("utf-") else name


def _python_name(label: str) -> str | None:
    label = label.strip().lower()
    label = _OTHER_NAMES.get(label, label)
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    name = _MEANING.get(name, name)
    if name in ("ascii", "utf-8") or not _READABLE.fullmatch(name):
        return None
    return name
