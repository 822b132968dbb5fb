"""What is wrong with a labels file and its documents: every problem with its place and its fix."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..text.offsets import CODE_POINT, UTF16, Ruler, length
from . import label_problems as kinds
from .label_problems import LabelsProblem
from .values import Document, Kind, Labels, LeftOut, Reason, Span

# Limits of custom NER and classification projects (page "service limits", read 2026-11).
MIN_DOCUMENTS = 10
MAX_DOCUMENT_CHARACTERS = 128_000
MAX_LABEL_CHARACTERS = 500
MAX_CATEGORIES = 200
MAX_NAME_CHARACTERS = 50
FORBIDDEN_IN_CATEGORY = ":$&%*()+~#/?"
#: What a training job's warning recommends: "it is recommended to have `10` tags".
RECOMMENDED_LABELS = 10
_BOM = b"\xef\xbb\xbf"
_NAME = re.compile(r"[A-Za-z0-9]+\.txt")
_SHOWN_CHARACTERS = 40
#: Unlabelled occurrences are looked for of texts at least as long, so that "the" and "5%" are none.
_LONG_ENOUGH = 6


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found, and the labels with everything corrected that can be corrected without a decision."""

    problems: tuple[LabelsProblem, ...]
    corrected: Labels


def texts_of(files: Mapping[str, bytes]) -> tuple[dict[str, str], tuple[LabelsProblem, ...]]:
    """Return the texts of documents that are in UTF-8, without byte-order mark, and problems of the files."""
    texts, found = {}, []
    for name, data in files.items():
        if data.startswith(_BOM):
            found.append(kinds.BYTE_ORDER_MARK.problem(name))
        try:
            texts[name] = data.removeprefix(_BOM).decode("utf-8")
        except UnicodeDecodeError as error:
            found.append(kinds.DOCUMENT_NOT_UTF8.problem(name, reason=error.reason))
            continue
        if "\r\n" in texts[name]:
            found.append(kinds.MIXED_LINE_ENDS.problem(name))
    return texts, tuple(found)


def check(labels: Labels, unreadable: frozenset[str] = frozenset(), unit: str = UTF16) -> Checked:
    """Check labels against their documents.

    `unreadable` are documents that were found and are no text: their problem is told elsewhere. `unit` is what the
    offsets of `left_out` count.
    """
    labels, shifted = _realigned(labels, unit)
    found = [*shifted, *_left_out(labels, unreadable, unit)]
    for document in labels.documents:
        found += [*_of_document(document), *_of_spans(document)]
    found += [*_of_project(labels), *_of_categories(labels), *_documents_twice(labels)]
    found += [*_labelled_differently(labels), *_not_labelled(labels)]
    order = {document.name: n for n, document in enumerate(labels.documents)}
    found.sort(key=lambda one: (order.get(one.document, -1), one.offset or -1))
    corrected = replace(labels, documents=tuple(_corrected(one) for one in labels.documents), left_out=())
    return Checked(tuple(found), corrected)


# --- offsets ------------------------------------------------------------------------------------------------------


class _Reading(NamedTuple):
    """One way in which offsets may have been counted, other than the one that the file states."""

    cause: str
    #: Turns a place of the file's unit into a code point; None where there is none.
    place: Callable[[int], int | None]


def _readings(text: str, unit: str) -> Iterator[_Reading]:
    """Yield the ways in which tools are known to count otherwise."""
    other, name = (CODE_POINT, "code points") if unit == UTF16 else (UTF16, "UTF-16 code units")
    here = Ruler(text, unit)
    yield _Reading("the byte-order mark was counted", lambda place: here.to_code_point(place - 1))
    yield _Reading("a character before the text was not counted", lambda place: here.to_code_point(place + 1))
    if length(text, unit) != length(text, other):
        there = Ruler(text, other)
        yield _Reading(f"offsets count {name}", there.to_code_point)
    if "\r\n" in text:
        one = _with_one_line_end(text, unit)
        yield _Reading("line ends of two characters were counted as one", one)
        yield _Reading("so, and the byte-order mark was counted", lambda place: one(place - 1))
    elif "\n" in text:
        yield _Reading("line ends were two characters when it was labelled", _with_two_line_ends(text, unit))


def _with_one_line_end(text: str, unit: str) -> Callable[[int], int | None]:
    ruler = Ruler(text.replace("\r\n", "\n"), unit)
    starts = [match.start() - n for n, match in enumerate(re.finditer("\r\n", text))]

    def place(given: int) -> int | None:
        found = ruler.to_code_point(given)
        return None if found is None else found + sum(start < found for start in starts)

    return place


def _with_two_line_ends(text: str, unit: str) -> Callable[[int], int | None]:
    long = text.replace("\n", "\r\n")
    ruler = Ruler(long, unit)

    def place(given: int) -> int | None:
        found = ruler.to_code_point(given)
        return None if found is None else found - long.count("\r", 0, found)

    return place


def _realigned(labels: Labels, unit: str) -> tuple[Labels, list[LabelsProblem]]:
    """Return labels of which those documents are read anew that clearly fit another way of counting."""
    if labels.kind is not Kind.ENTITIES:
        return labels, []
    misfits: dict[str, list[LeftOut]] = defaultdict(list)
    for one in labels.left_out:
        if one.reason is Reason.OFFSETS:
            misfits[one.document].append(one)
    documents, found, realigned = [], [], set()
    for document in labels.documents:
        better = _better(document, misfits[document.name], unit)
        if better is None:
            documents.append(document)
            continue
        cause, spans, wrong, left, count = better
        problem = kinds.OFFSETS_SHIFTED.problem(document.name, wrong=wrong, count=count, left=left, cause=cause)
        found.append(problem)
        realigned.add(document.name)
        documents.append(replace(document, spans=spans))
    left_out = tuple(
        one for one in labels.left_out if one.reason is not Reason.OFFSETS or one.document not in realigned
    )
    return replace(labels, documents=tuple(documents), left_out=left_out), found


def _better(
    document: Document, misfits: list[LeftOut], unit: str
) -> tuple[str, tuple[Span, ...], int, int, int] | None:
    """Return the reading that fits clearly better: cause, labels, and how many did not fit, do not now, there are."""
    text, ruler = document.text, Ruler(document.text, unit)
    raw = [(ruler.to_unit(one.start), ruler.to_unit(one.end), one.category) for one in document.spans]
    raw += [
        (one.offset, one.offset + one.length, one.category)
        for one in misfits
        if one.offset is not None and one.length is not None
    ]
    count = len(raw)
    wrong = sum(not _fits(text, span.start, span.end) for span in document.spans) + len(misfits)
    # Two labels drawn badly are no evidence; most labels off in the same way are.
    if wrong < 2 or wrong * 3 < count:
        return None
    best: tuple[str, tuple[Span, ...], int, int, int] | None = None
    for reading in _readings(text, unit):
        spans = []
        for start, end, category in raw:
            first, last = reading.place(start), reading.place(end)
            if first is not None and last is not None and first < last:
                spans.append(Span(first, last, category))
        left = count - sum(_fits(text, span.start, span.end) for span in spans)
        if left * 4 <= wrong and len(spans) == count and (best is None or left < best[3]):
            best = (reading.cause, tuple(sorted(spans)), wrong, left, count)
    return best


def _fits(text: str, start: int, end: int) -> bool:
    """Whether a label begins and ends where words do."""
    labelled = text[start:end]
    return labelled == labelled.strip() and not _is_inside_word(text, start) and not _is_inside_word(text, end)


def _is_inside_word(text: str, place: int) -> bool:
    if not 0 < place < len(text):
        return False
    before, after = text[place - 1], text[place]
    if unicodedata.category(after).startswith("M"):
        return True
    # Letters next to digits ("12km") and letters of scripts without spaces are no sign of a mistake.
    return (before.isalpha() and after.isalpha() and not _is_unspaced(before)) or (before.isdigit() and after.isdigit())


def _is_unspaced(char: str) -> bool:
    return (
        "\u0e00" <= char <= "\u0eff" or "\u1000" <= char <= "\u109f" or "\u1780" <= char <= "\u17ff" or char > "\u2e7f"
    )


def _left_out(labels: Labels, unreadable: frozenset[str], unit: str) -> Iterator[LabelsProblem]:
    texts = {document.name: document.text for document in labels.documents}
    for one in labels.left_out:
        if one.reason is Reason.NO_TEXT:
            if one.document not in unreadable:
                yield kinds.DOCUMENT_MISSING.problem(one.document)
        elif one.reason is Reason.OFFSETS:
            yield kinds.OFFSETS_DO_NOT_FIT.problem(
                one.document,
                category=one.category,
                place=one.offset,
                length=one.length,
                unit=unit,
                size=length(texts.get(one.document, ""), unit),
            )
        else:
            yield kinds.LEFT_OUT.problem(one.document, reason=str(one.reason))


# --- one document -------------------------------------------------------------------------------------------------


def _of_document(document: Document) -> Iterator[LabelsProblem]:
    characters = len(document.text)
    if not document.text.strip():
        yield kinds.DOCUMENT_EMPTY.problem(document.name)
    if characters > MAX_DOCUMENT_CHARACTERS:
        yield kinds.DOCUMENT_TOO_LONG.problem(document.name, characters=characters, limit=MAX_DOCUMENT_CHARACTERS)
    if not is_service_name(document.name):
        yield kinds.DOCUMENT_NAME.problem(document.name, suggestion=service_name(document.name))


def is_service_name(name: str) -> bool:
    """Whether the service takes a document of this name: letters and digits, `.txt`; hyphens and `_` are let pass."""
    return _NAME.fullmatch(re.sub("[-_]", "", name)) is not None


def service_name(name: str) -> str:
    """Return a name that the service takes, as like the given one as it can be."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().removesuffix(".txt")
    return (re.sub("[^A-Za-z0-9_-]+", "", plain.replace("/", "-").replace(" ", "-")) or "document") + ".txt"


def _of_spans(document: Document) -> Iterator[LabelsProblem]:
    text, name = document.text, document.name
    for span, count in Counter(document.spans).items():
        labelled = text[span.start : span.end]
        told = {"category": span.category, "text": _shown(labelled)}
        if count > 1:
            yield kinds.LABEL_TWICE.problem(name, span.start, count=count, **told)
        if labelled != labelled.strip():
            yield kinds.WHITE_SPACE_AT_EDGE.problem(name, span.start, **told)
        if "\n" in labelled.strip() or "\r" in labelled.strip():
            yield kinds.ACROSS_LINE_END.problem(name, span.start, **told)
        if span.end - span.start > MAX_LABEL_CHARACTERS:
            size = span.end - span.start
            yield kinds.LABEL_TOO_LONG.problem(name, span.start, length=size, limit=MAX_LABEL_CHARACTERS, **told)
        if _is_inside_word(text, span.start) or _is_inside_word(text, span.end):
            whole = _shown(_whole_words(text, span.start, span.end))
            yield kinds.INSIDE_WORD.problem(name, span.start, whole=whole, **told)
    in_order = sorted(set(document.spans))
    reach = in_order[0] if in_order else None
    for span in in_order[1:]:
        if reach and span.start < reach.end:
            yield kinds.OVERLAP.problem(
                name,
                span.start,
                category=reach.category,
                text=_shown(text[reach.start : reach.end]),
                other=span.category,
                other_text=_shown(text[span.start : span.end]),
            )
        if reach is None or span.end > reach.end:
            reach = span


def _whole_words(text: str, start: int, end: int) -> str:
    while _is_inside_word(text, start):
        start -= 1
    while _is_inside_word(text, end):
        end += 1
    return text[start:end]


def _shown(text: str) -> str:
    """Quote a text, shortened, with line ends and tabs visible."""
    short = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
    return "'" + short.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t") + "'"


def _corrected(document: Document) -> Document:
    spans = set()
    for span in document.spans:
        labelled = document.text[span.start : span.end]
        start = span.start + len(labelled) - len(labelled.lstrip())
        end = span.end - (len(labelled) - len(labelled.rstrip()))
        if start < end:
            spans.add(Span(start, end, span.category))
    return replace(document, spans=tuple(sorted(spans)))


# --- all documents ------------------------------------------------------------------------------------------------


def _of_project(labels: Labels) -> Iterator[LabelsProblem]:
    count = len(labels.documents)
    if count < MIN_DOCUMENTS:
        yield kinds.TOO_FEW_DOCUMENTS.problem(count=count, least=MIN_DOCUMENTS, missing=MIN_DOCUMENTS - count)
    if len(labels.categories) > MAX_CATEGORIES:
        yield kinds.TOO_MANY_CATEGORIES.problem(count=len(labels.categories), limit=MAX_CATEGORIES)


def _of_categories(labels: Labels) -> Iterator[LabelsProblem]:
    counts = _category_counts(labels.documents)
    names = list(dict.fromkeys([*labels.categories, *counts]))
    for name in names:
        if name not in labels.categories:
            yield kinds.CATEGORY_NOT_LISTED.problem(category=name)
        forbidden = sorted(set(name) & set(FORBIDDEN_IN_CATEGORY))
        suggestion = "".join(char for char in name if char not in FORBIDDEN_IN_CATEGORY).strip()[:MAX_NAME_CHARACTERS]
        if forbidden:
            reason = f"has {' '.join(forbidden)}, which the service does not take"
            yield kinds.CATEGORY_NAME.problem(category=name, reason=reason, suggestion=suggestion)
        elif len(name) > MAX_NAME_CHARACTERS:
            reason = f"has {len(name)} characters; the limit is {MAX_NAME_CHARACTERS}"
            yield kinds.CATEGORY_NAME.problem(category=name, reason=reason, suggestion=suggestion)
    yield from _spelled_differently(names, counts)
    trained = tuple(one for one in labels.documents if one.dataset != "Test")
    trained_counts, trained_documents = _category_counts(trained), _document_counts(trained)
    tested = _category_counts(tuple(one for one in labels.documents if one.dataset == "Test"))
    for name in labels.categories:
        count = trained_counts[name]
        if count < RECOMMENDED_LABELS:
            yield kinds.TOO_FEW_LABELS.problem(
                category=name,
                count=count,
                documents=trained_documents[name],
                least=RECOMMENDED_LABELS,
                missing=RECOMMENDED_LABELS - count,
            )
        if tested and not tested[name]:
            yield kinds.NO_TEST_LABELS.problem(category=name)


def _names_in(document: Document) -> list[str]:
    return [*(span.category for span in document.spans), *document.classes]


def _category_counts(documents: tuple[Document, ...]) -> Counter[str]:
    return Counter(name for document in documents for name in _names_in(document))


def _document_counts(documents: tuple[Document, ...]) -> Counter[str]:
    return Counter(name for document in documents for name in set(_names_in(document)))


def _spelled_differently(names: list[str], counts: Counter[str]) -> Iterator[LabelsProblem]:
    groups: list[list[str]] = []
    for name in names:
        for group in groups:
            if any(_is_same_name(name, other) for other in group):
                group.append(name)
                break
        else:
            groups.append([name])
    for group in groups:
        if len(group) > 1:
            kept = max(group, key=lambda name: counts[name])
            told = ", ".join(f"'{name}' ({counts[name]} labels)" for name in group)
            yield kinds.CATEGORY_SPELLING.problem(names=told, kept=kept)


def _is_same_name(one: str, other: str) -> bool:
    """Whether two names differ in case, in signs, in an ending s, or (if they are long) in one letter."""
    first, second = _letters(one), _letters(other)
    if first == second or first.rstrip("s") == second.rstrip("s"):
        return True
    # "Party1" and "Party2" are two names.
    digits = re.sub(r"\D", "", first), re.sub(r"\D", "", second)
    return min(len(first), len(second)) >= 6 and digits[0] == digits[1] and _is_one_edit(first, second)


def _letters(name: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", name).casefold() if char.isalnum())


def _is_one_edit(one: str, other: str) -> bool:
    """Whether one letter more, less or other, or two neighbours exchanged, make one name of the other."""
    if len(one) > len(other):
        one, other = other, one
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    rest, other_rest = one[start:], other[start:]
    if len(one) == len(other):
        return rest[1:] == other_rest[1:] or (rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:])
    return len(other) - len(one) == 1 and rest == other_rest[1:]


def _documents_twice(labels: Labels) -> Iterator[LabelsProblem]:
    for name, count in Counter(document.name for document in labels.documents).items():
        if count > 1:
            yield kinds.DOCUMENT_TWICE.problem(name, count=count)
    by_text: dict[str, list[Document]] = defaultdict(list)
    for document in labels.documents:
        if document.text.strip():
            by_text[" ".join(document.text.split())].append(document)
    for group in by_text.values():
        others = dict.fromkeys(document.name for document in group)
        for name in list(others)[1:]:
            told = ", ".join(f"'{other}'" for other in others if other != name)
            yield kinds.SAME_TEXT_TWICE.problem(name, others=told)


def _labelled_differently(labels: Labels) -> Iterator[LabelsProblem]:
    places: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    first: dict[str, tuple[str, int, str]] = {}
    for document in labels.documents:
        for span in document.spans:
            labelled = document.text[span.start : span.end]
            key = " ".join(labelled.casefold().split())
            places[key][span.category].append(document.name)
            first.setdefault(key, (document.name, span.start, labelled))
    for key, categories in places.items():
        if len(categories) > 1:
            name, offset, labelled = first[key]
            told = " and ".join(
                f"'{category}' {len(names)} times (first in '{names[0]}')" for category, names in categories.items()
            )
            yield kinds.LABELLED_DIFFERENTLY.problem(name, offset, text=_shown(labelled), places=told)


def _not_labelled(labels: Labels) -> Iterator[LabelsProblem]:
    """Yield texts that are labelled at least twice, always as the same, and stand somewhere without a label."""
    known: dict[str, Counter[str]] = defaultdict(Counter)
    for document in labels.documents:
        for span in document.spans:
            known[document.text[span.start : span.end]][span.category] += 1
    wanted = {
        text: next(iter(categories.items()))
        for text, categories in known.items()
        if len(categories) == 1 and sum(categories.values()) > 1 and len(text) >= _LONG_ENOUGH and "\n" not in text
    }
    for document in labels.documents:
        covered = sorted(document.spans)
        for text, (category, count) in wanted.items():
            start = document.text.find(text)
            while start >= 0:
                end = start + len(text)
                is_free = all(span.end <= start or span.start >= end for span in covered)
                if is_free and _fits(document.text, start, end):
                    yield kinds.NOT_LABELLED.problem(
                        document.name, start, text=_shown(text), category=category, labelled=count
                    )
                start = document.text.find(text, end)
