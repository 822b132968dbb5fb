"""What is recorded of a text that was extracted from a file: its facts, and the chunks that it is analysed in."""

import hashlib
from dataclasses import replace

import msgspec

from ..text.chunks import ReadyChunk, cut
from ..text.decoding import DecodedText
from .records import DocumentFacts, TextFacts
from .results import extracted_name
from .work import WorkSpec


def text_facts(document: str, text: str, format_name: str, extractor: str | None, ocr: str | None = None) -> TextFacts:
    """Return the facts of a text that was extracted from a document by a version of the extractors, and by `ocr`."""
    return TextFacts(
        source="extracted",
        format=format_name,
        extractor=extractor,
        blob=extracted_name(document),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        ocr=ocr,
    )


def chunks_of_text(
    facts: DocumentFacts, text: str, work: WorkSpec, key: str, language: str | None
) -> tuple[ReadyChunk, ...]:
    """Return the chunks of an extracted text, to be read from its working copy at `key`.

    `language` is that of the document itself, None where that of `work` holds.
    """
    return tuple(
        replace(one, chunk=msgspec.structs.replace(one.chunk, language=language, extracted=key))
        for one in cut(facts, text.encode(), DecodedText(text, "utf-8"), work)
    )


def as_read_before(facts: DocumentFacts, earlier: DocumentFacts) -> DocumentFacts:
    """Return what is known of a file that OCR has to read, with what it found in an earlier version of that content."""
    return msgspec.structs.replace(facts, encoding=earlier.encoding, characters=earlier.characters)
