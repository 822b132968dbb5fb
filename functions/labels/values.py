"""What every labels format comes down to: documents with their texts and what is labelled in them."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from itertools import pairwise

from ..errors import EntityDropError


class LabelsError(EntityDropError):
    """A labels file that can not be read or written as asked; the message says where, why and what to do."""


class Kind(Enum):
    """What the labels teach; the value is the service's `projectKind`."""

    ENTITIES = "CustomEntityRecognition"
    SINGLE_LABEL = "CustomSingleLabelClassification"
    MULTI_LABEL = "CustomMultiLabelClassification"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled entity: code points `start` to before `end` of the document's text."""

    start: int
    end: int
    category: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document and what is labelled in it.

    `text` has its line ends as they are in the file, and no byte-order mark. `dataset` is `Train`, `Test`, or empty
    where the document belongs to neither yet.
    """

    name: str
    text: str
    spans: tuple[Span, ...] = ()
    classes: tuple[str, ...] = ()
    language: str = ""
    dataset: str = ""


class Reason(StrEnum):
    """Why something of a file is not among its labels."""

    NO_TEXT = "no text of this document was given"
    OFFSETS = "the offsets do not fit the text"
    CATEGORY = "the file does not list this category"
    NOT_ACCEPTED = "its answer is not 'accept'"
    SEVERAL_ANNOTATIONS = "another annotation of the same document was taken"
    TOKENS = "the tokens do not occur in the text in this order"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A label (or with all its labels a document) that a file has and `Labels` has not."""

    document: str
    reason: Reason
    category: str = ""
    #: As the file gives them, in the file's unit; None for a whole document.
    offset: int | None = None
    length: int | None = None

    def __str__(self) -> str:
        label = f" '{self.category}'" if self.category else ""
        place = "" if self.offset is None else f" at {self.offset}, length {self.length}"
        return f"{self.document}:{label}{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Project:
    """What a labels file of the Language service says about its project."""

    name: str = ""
    container: str = ""
    language: str = ""
    description: str = ""
    is_multilingual: bool = False
    confidence_threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """A labels file of any format. What could not be taken over stands in `left_out`, so that nothing is lost unseen.

    `categories` are the entity categories or the classes, in the file's order.
    """

    kind: Kind
    categories: tuple[str, ...]
    documents: tuple[Document, ...]
    project: Project = Project()
    left_out: tuple[LeftOut, ...] = ()


def used_categories(documents: tuple[Document, ...]) -> tuple[str, ...]:
    """Return the categories and classes that occur in documents, in the order in which they do."""
    found = (name for one in documents for name in (*(span.category for span in one.spans), *one.classes))
    return tuple(dict.fromkeys(found))


def first_overlap(document: Document) -> tuple[Span, Span] | None:
    """Return two labels of a document that have characters in common; None where there are none."""
    in_order = sorted(document.spans)
    for before, after in pairwise(in_order):
        if after.start < before.end:
            return before, after
    return None


def refuse_overlaps(documents: tuple[Document, ...], format_name: str) -> None:
    """Raise `LabelsError` where a document has overlapping labels and the format can not say so."""
    for document in documents:
        pair = first_overlap(document)
        if pair:
            one, other = pair
            raise LabelsError(
                f"'{document.name}' has overlapping labels, '{one.category}' at {one.start} to {one.end} and "
                f"'{other.category}' at {other.start} to {other.end}; {format_name} gives each character one label. "
                "Remove one of them ('labels check' lists all), or export to Language Studio, doccano, Label Studio "
                "or Prodigy."
            )
