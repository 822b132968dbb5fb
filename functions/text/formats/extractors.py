"""From the bytes of a file to its text: the table of formats, and files inside of files.

Everything here may be slow, need much memory, or end the process, whatever the file is: the app calls it in a child
process only (`runner.py`).
"""

from dataclasses import dataclass
from importlib import import_module

from ... import problems
from . import HEAD_BYTES
from .extraction import Extracted, Limits, NotExtractable, Output, Reason, Scan, over_limit
from .recognition import recognise, what_it_is

VERSION = "1"
"""Of all extractors together, because files contain each other. It goes up with every change of any format's text."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is read."""

    module: str
    """Beside this one, with a function `extract(data, output)`. It is imported at the first use."""
    is_text: bool = False
    """Whether it has the size limit of text documents, not the one of other files."""
    libraries: tuple[str, ...] = ()
    """What its module imports when it is used. A child process imports it before its limits begin."""


_XML = ("pyexpat", "xml.parsers.expat")
_OFFICE = ("zipfile", *_XML)
_DECODING = ("chardet", "encodings.idna")

FORMATS = {
    "plain": Format("plain", is_text=True, libraries=_DECODING),
    "md": Format("md", is_text=True, libraries=_DECODING),
    "csv": Format("csv", is_text=True, libraries=_DECODING),
    "tsv": Format("csv", is_text=True, libraries=_DECODING),
    "json": Format("json", is_text=True, libraries=_DECODING),
    "jsonl": Format("json", is_text=True, libraries=_DECODING),
    "xml": Format("xml", is_text=True, libraries=_XML),
    "html": Format("html", is_text=True, libraries=("selectolax.lexbor",)),
    "pdf": Format("pdf", libraries=("pypdfium2", "pypdfium2.raw")),
    "docx": Format("docx", libraries=_OFFICE),
    "pptx": Format("pptx", libraries=_OFFICE),
    "xlsx": Format("xlsx", libraries=_OFFICE),
    "xls": Format("xls", libraries=("olefile",)),
    "ods": Format("ods", libraries=_OFFICE),
    "odt": Format("odt", libraries=_OFFICE),
    "epub": Format("epub", libraries=_OFFICE),
    "rtf": Format("rtf"),
    "eml": Format("eml", libraries=("email.parser", "email.policy", "email.generator", "email.utils")),
    "msg": Format("msg", libraries=("olefile",)),
    "zip": Format("zip", libraries=("zipfile",)),
}


_READABLE_PICTURES = {f"a {name} picture": name.lower() for name in ("PNG", "JPEG", "TIFF", "BMP", "HEIF")}
"""Formats by what `what_it_is` calls them: those that the Read model takes ("Read model", learn.microsoft.com, read
2026-09)."""


def extract(data: bytes, limits: Limits) -> Extracted:
    """Return the text of a file of any format.

    Raises `NotExtractable`. Anything else that comes out of it is a defect of a reader, or the end of the memory.
    """
    output = Output(limits=limits, nested=_nested)
    name = _extract(data, output)
    return output.extracted(name)


def exact_format(data: bytes, output: Output) -> str:
    """Return the format of a file; for archives and compound files their directory is read."""
    name = recognise(data[:HEAD_BYTES])
    if name == "zip":
        from .zip import format_of as format_of_zip

        return format_of_zip(data, output)
    if name == "ole":
        from .msg import format_of as format_of_ole

        return format_of_ole(data)
    if name in ("picture", "recording"):
        kind = what_it_is(data[:HEAD_BYTES])
        scan = None if output.path or kind not in _READABLE_PICTURES else Scan(_READABLE_PICTURES[kind], None)
        raise NotExtractable(Reason.NO_TEXT, f"It is {kind}, and has no text.", scan=scan)
    return name


def _extract(data: bytes, output: Output) -> str:
    if not data:
        raise NotExtractable(Reason.NO_TEXT, "It has 0 bytes.")
    name = exact_format(data, output)
    begin = output.length
    module = import_module(f"{__package__}.{FORMATS[name].module}")
    try:
        module.extract(data, output)
    except RecursionError as error:
        raise over_limit("nesting", output.limits.nesting) from error
    finally:
        output.archive = None
    if output.is_blank_from(begin):
        left_out = [one.message for one in output.warnings if problems.PART_NOT_READ.covers(one)]
        raise NotExtractable(Reason.NO_TEXT, " ".join(["There is no text in it, or only white space.", *left_out[:3]]))
    return name


def _nested(name: str, data: bytes, output: Output) -> None:
    """Extract a file inside another one, or warn that it has no text.

    A limit ends the whole: all levels share it.
    """
    path = f"{output.path}/{name}" if output.path else name
    try:
        with output.within(name):
            _extract(data, output)
    except NotExtractable as error:
        if error.reason is Reason.LIMIT:
            raise
        output.warn(problems.PART_NOT_READ.warning(part=path, reason=error.reason, detail=error.detail))


def load() -> None:
    """Import all that extractors need, so that nothing has to be read from disk later.

    Formats whose library is not installed fail when they are used.
    """
    for name in sorted({library for each in FORMATS.values() for library in each.libraries}):
        _import(name)
    for each in FORMATS.values():
        _import(f"{__package__}.{each.module}")


def _import(name: str) -> None:
    try:
        import_module(name)
    except ModuleNotFoundError:
        return
