"""Books (EPUB): their pages in reading order, each as HTML is read; the page for navigation is left out."""

import re
from posixpath import dirname, join, normpath
from urllib.parse import unquote

from .archives import Archive, opened
from .extraction import NotExtractable, Output, Reason, words
from .html import write_page
from .plain import decoded
from .xml_reader import Attributes, ElementReader, Names, read

_NAMES = Names(
    {
        "urn:oasis:names:tc:opendocument:xmlns:container": "container",
        "http://www.idpf.org/2007/opf": "opf",
        "http://www.w3.org/2001/04/xmlenc#": "enc",
    }
)
_PAGES = frozenset(("application/xhtml+xml", "text/html", "application/html"))
_FONT_KEYS = frozenset(("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"))
"""What only makes fonts useless elsewhere, and protects no text."""
_CLOSED_ELEMENT = re.compile(r"<([a-zA-Z][a-zA-Z0-9]*)((?:\s[^<>]*)?)/>")
_WITHOUT_CONTENT = words("area base br col embed hr img input link meta param source track wbr")


def extract(data: bytes, output: Output) -> None:
    """Write the text of the pages, their headings as places."""
    archive = opened(data, output)
    pages = _pages(archive, output)
    output.count_pages(len(pages))
    encrypted = _Encryption()
    if "META-INF/encryption.xml" in archive:
        read(archive.chunks("META-INF/encryption.xml"), encrypted, _NAMES, output.limits)
    if not encrypted.parts.isdisjoint(pages):
        raise NotExtractable(
            Reason.PROTECTED,
            "It is a book that only the reader's own program can open. Drop a copy without protection.",
        )
    for page in pages:
        text = decoded(archive.read(page), output)
        write_page(_CLOSED_ELEMENT.sub(_opened_and_closed, text), output)
        output.write("\n")


def _opened_and_closed(element: re.Match[str]) -> str:
    """Return an element without content as HTML has it: there `<title/>` would begin a title that does not end."""
    name, attributes = element.groups()
    return element.group() if name.lower() in _WITHOUT_CONTENT else f"<{name}{attributes}></{name}>"


def _pages(archive: Archive, output: Output) -> list[str]:
    """Return the names of the pages in reading order, without one that is missing."""
    container = _Container()
    read(archive.chunks("META-INF/container.xml"), container, _NAMES, output.limits)
    if not container.package:
        raise NotExtractable(Reason.DAMAGED, "It does not say where its contents are.")
    package = _Package(dirname(container.package))
    read(archive.chunks(container.package), package, _NAMES, output.limits)
    found = [package.pages[each] for each in package.order if each in package.pages]
    return [each for each in dict.fromkeys(found) if each in archive]


class _Container(ElementReader):
    def __init__(self) -> None:
        super().__init__()
        self.package = ""
        self.starts["container:rootfile"] = self._file

    def _file(self, attributes: Attributes) -> None:
        self.package = self.package or attributes.get("full-path", "")


class _Package(ElementReader):
    def __init__(self, folder: str) -> None:
        super().__init__()
        self.pages: dict[str, str] = {}
        self.order: list[str] = []
        self._folder = folder
        self.starts |= {
            "opf:item": self._item,
            "opf:itemref": lambda found: self.order.append(found.get("idref", "")),
        }

    def _item(self, attributes: Attributes) -> None:
        is_navigation = "nav" in attributes.get("properties", "").split()
        if attributes.get("media-type") in _PAGES and not is_navigation:
            path = unquote(attributes.get("href", "").partition("#")[0])
            self.pages[attributes.get("id", "")] = normpath(join(self._folder, path))


class _Encryption(ElementReader):
    def __init__(self) -> None:
        super().__init__()
        self.parts: set[str] = set()
        self._is_font_key = False
        self.starts |= {"enc:EncryptionMethod": self._method, "enc:CipherReference": self._reference}

    def _method(self, attributes: Attributes) -> None:
        self._is_font_key = attributes.get("Algorithm") in _FONT_KEYS

    def _reference(self, attributes: Attributes) -> None:
        if not self._is_font_key:
            self.parts.add(unquote(attributes.get("URI", "")))
