r"""CoNLL: a word a line, its tag in the last column, a blank line between sentences, `-DOCSTART-` before a document.

Tags may be of the schemes IOB1, IOB2, BIOES or BILUO; IOB2 is written. White space is lost in this format, so what is
written has in its third column what follows each word, as CoNLL-U says it (`SpaceAfter=No`, `SpacesAfter=\n`): read
again, the text is the same. Of a file without that the words are looked up in the documents' texts, where those are
given; else the text is the words with blanks between them, and a line for each sentence.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from .tokens import Token, align, spans_of_tags, tokens_of
from .values import (
    Document,
    Kind,
    Labels,
    LabelsError,
    LeftOut,
    Reason,
    refuse_overlaps,
    used_categories,
)

_DOCUMENT = "-DOCSTART-"
# Line ends and blanks that would end a line or a column, and the signs that CoNLL-U's escapes need themselves.
_ESCAPES = {" ": r"\s", "\t": r"\t", "\n": r"\n", "\r": r"\r", "|": r"\p", "\\": "\\\\"}
_UNESCAPES = {escape: char for char, escape in _ESCAPES.items()}
_AFTER = "SpacesAfter="
_NO_SPACE = "SpaceAfter=No"


@dataclass(slots=True)
class _Part:
    """The lines of one document."""

    name: str = ""
    language: str = ""
    dataset: str = ""
    before: str = ""
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    #: What follows each word; None where the file does not say.
    after: list[str | None] = field(default_factory=list)
    #: Numbers of words behind which a sentence ends.
    sentence_ends: set[int] = field(default_factory=set)


def read(content: bytes, name_of: Callable[[int], str], texts: Mapping[str, str] | None = None) -> Labels:
    """Read words and tags; `texts` are the documents' texts by name, where there are any. Raises `LabelsError`."""
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise LabelsError(f"This is not a CoNLL file: it is not in UTF-8 ({error.reason}).") from None
    left_out: list[LeftOut] = []
    documents = []
    for number, part in enumerate(_parts(lines), 1):
        name = part.name or name_of(number)
        text, places = _text_of(part, (texts or {}).get(name))
        if places is None:
            left_out.append(LeftOut(name, Reason.TOKENS))
            continue
        spans = tuple(sorted(spans_of_tags(places, part.tags)))
        documents.append(Document(name, text, spans, (), part.language, part.dataset))
    return Labels(Kind.ENTITIES, used_categories(tuple(documents)), tuple(documents), left_out=tuple(left_out))


def write(labels: Labels) -> bytes:
    """Write four columns: word, `-X-`, what follows the word, and its tag. Raises `LabelsError` where it can not be."""
    if labels.kind is not Kind.ENTITIES:
        raise LabelsError("CoNLL has words with tags, and no classes of documents; export to another format.")
    refuse_overlaps(labels.documents, "CoNLL")
    return "".join(line for document in labels.documents for line in _lines(document)).encode()


def _parts(lines: list[str]) -> Iterator[_Part]:
    part: _Part | None = None
    for number, raw in enumerate(lines, 1):
        line = raw.removesuffix("\r")
        columns = line.split("\t") if "\t" in line else line.split()
        if not line.strip():
            if part and part.words:
                part.sentence_ends.add(len(part.words) - 1)
            continue
        if columns[0] == _DOCUMENT and columns[-1] == "O":
            if part:
                yield part
            part = _started(columns)
            continue
        if line.startswith("# ") and len(columns) == 1:
            continue  # a comment of CoNLL-U
        if len(columns) < 2:
            raise LabelsError(f"Line {number} has one column; a line is a word and, in the last column, its tag.")
        if not re.fullmatch(r"O|[BILUES]-.+", columns[-1]):
            raise LabelsError(f"Line {number} ends in '{columns[-1]}', which is no tag: O, or B- or I- and a category.")
        part = part or _Part()
        part.words.append(columns[0])
        part.tags.append(columns[-1])
        part.after.append(_after(columns[2]) if len(columns) == 4 else None)
    if part:
        yield part


def _started(columns: list[str]) -> _Part:
    fields = dict(one.partition("=")[::2] for one in columns[2].split("|")) if len(columns) == 4 else {}
    return _Part(
        name=_unescaped(fields.get("Location", "")),
        language=_unescaped(fields.get("Language", "")),
        dataset=_unescaped(fields.get("Dataset", "")),
        before=_unescaped(fields.get("SpacesBefore", "")),
    )


def _after(column: str) -> str | None:
    if column == _NO_SPACE:
        return ""
    if column.startswith(_AFTER):
        return _unescaped(column.removeprefix(_AFTER))
    return " " if column == "SpaceAfter=Yes" else None


def _text_of(part: _Part, given: str | None) -> tuple[str, list[tuple[int, int]] | None]:
    if given is not None:
        return given, align(part.words, given)
    text, places = part.before, []
    for n, (word, after) in enumerate(zip(part.words, part.after, strict=True)):
        places.append((len(text), len(text) + len(word)))
        text += word
        if after is None:
            after = "\n" if n in part.sentence_ends else " "
            after = "" if n == len(part.words) - 1 else after
        text += after
    return text, places


def _lines(document: Document) -> Iterator[str]:
    tokens = tokens_of(document)
    tags = _tags(document, tokens)
    words = [n for n, token in enumerate(tokens) if not token.is_space]
    yield _line(_DOCUMENT, _start_fields(document, document.text[: tokens[words[0]].start] if words else document.text))
    yield "\n"
    for n, following in zip(words, [*words[1:], None][: len(words)], strict=True):
        end = tokens[following].start if following is not None else len(document.text)
        space = document.text[tokens[n].end : end]
        yield _line(tokens[n].text, _after_column(space), tags[n])
        # A sentence must not end within a label: readers start a new one behind it.
        inside = following is not None and tags[following].startswith("I-")
        if "\n" in space and not inside:
            yield "\n"
    yield "\n"


def _tags(document: Document, tokens: list[Token]) -> list[str]:
    tags = ["O"] * len(tokens)
    for span in document.spans:
        text = document.text[span.start : span.end]
        if text != text.strip() or re.search(r"[\t\r\n]", span.category):
            raise LabelsError(
                f"'{document.name}' has a label '{span.category}' at {span.start} to {span.end} with white space at "
                "its edges or a tab in its category, which CoNLL can not say. 'labels check --write' trims labels."
            )
        scheme = "B"
        for n, token in enumerate(tokens):
            if span.start <= token.start and token.end <= span.end:
                tags[n] = f"{scheme}-{span.category}"
                scheme = "I" if not token.is_space else scheme
    return tags


def _line(word: str, column: str, tag: str = "O") -> str:
    return f"{word}\t-X-\t{column}\t{tag}\n"


def _after_column(space: str) -> str:
    if space == " ":
        return "SpaceAfter=Yes"
    return _AFTER + _escaped(space) if space else _NO_SPACE


def _start_fields(document: Document, before: str) -> str:
    fields = {
        "Location": document.name,
        "Language": document.language,
        "Dataset": document.dataset,
        "SpacesBefore": before,
    }
    return "|".join(f"{name}={_escaped(value)}" for name, value in fields.items() if value) or "_"


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(char, char) for char in text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda match: _UNESCAPES.get(match[0], match[0]), text)
