"""The catalogue of what `labels check` can say: a code, what is wrong, and what to do.

Messages and fixes are templates in the syntax of `str.format`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much it matters."""

    PROBLEM = "problem"
    """The service refuses it, or the model learns something wrong from it."""
    NOTE = "note"
    """It may be meant."""


@dataclass(frozen=True, slots=True)
class LabelsProblem:
    """One thing that is wrong with labels, in words; `document` is empty where it is about the whole file."""

    code: str
    level: Level
    document: str
    told: str
    fix: str
    #: In code points of the document's text.
    offset: int | None = None
    #: Whether `labels check --write` does what the fix says.
    is_fixed_by_write: bool = False


@dataclass(frozen=True, slots=True)
class LabelsProblemKind:
    """One kind of problem."""

    code: str
    message: str
    fix: str
    level: Level = Level.PROBLEM
    is_fixed_by_write: bool = False

    def problem(self, document: str = "", offset: int | None = None, **fields: object) -> LabelsProblem:
        """Return a problem of this kind. Raises `KeyError` where a field of a template is missing."""
        told, fix = self.message.format(**fields), self.fix.format(**fields)
        return LabelsProblem(self.code, self.level, document, told, fix, offset, self.is_fixed_by_write)


DOCUMENT_MISSING = LabelsProblemKind(
    "DocumentMissing",
    "The documents' folder has no such document, so its labels are worth nothing.",
    "Put the file there, or remove the document from the labels file.",
)
DOCUMENT_NOT_UTF8 = LabelsProblemKind(
    "DocumentNotUtf8",
    "The document is not in UTF-8 ({reason}), so no offset can be compared.",
    "Save it in UTF-8, and check again.",
)
DOCUMENT_EMPTY = LabelsProblemKind(
    "DocumentEmpty",
    "The document has no text; the service refuses empty files.",
    "Remove it from the labels file.",
)
DOCUMENT_TOO_LONG = LabelsProblemKind(
    "DocumentTooLong",
    "The document has {characters:,} characters; the limit for training is {limit:,}.",
    "Cut it at a paragraph into several documents.",
)
DOCUMENT_NAME = LabelsProblemKind(
    "DocumentName",
    "The service takes names of letters and digits that end in .txt, at the root of the container.",
    "Rename it to '{suggestion}', in the labels file, too.",
)
DOCUMENT_TWICE = LabelsProblemKind(
    "DocumentTwice",
    "The labels file names this document {count} times.",
    "Keep one of the entries, with the labels of all.",
)
SAME_TEXT_TWICE = LabelsProblemKind(
    "SameTextTwice",
    "It has the same text as {others}.",
    "Keep one of them: a model must not be tested on what it has learnt, and a text that counts twice weighs twice.",
)
TOO_FEW_DOCUMENTS = LabelsProblemKind(
    "TooFewDocuments",
    "There are {count} documents; the service trains on {least} or more.",
    "Label {missing} more.",
)
OFFSETS_DO_NOT_FIT = LabelsProblemKind(
    "OffsetsDoNotFit",
    "The label '{category}' at {place}, length {length} ({unit}) does not fit the text, which has {size:,}.",
    "Label the document anew, or look whether it is another version of the file than the one that was labelled.",
)
OFFSETS_SHIFTED = LabelsProblemKind(
    "OffsetsShifted",
    "{wrong} of {count} labels begin or end inside a word or at white space. All but {left} of them fit if {cause}.",
    "'labels check --write FILE' writes the labels with offsets moved accordingly; compare a few before you use it.",
    is_fixed_by_write=True,
)
INSIDE_WORD = LabelsProblemKind(
    "InsideWord",
    "The label '{category}' on {text} begins or ends inside a word ({whole}).",
    "Label the whole word, unless the part is meant.",
    Level.NOTE,
)
BYTE_ORDER_MARK = LabelsProblemKind(
    "ByteOrderMark",
    "The file begins with a byte-order mark, which some tools count as a character and some do not.",
    "Save it as UTF-8 without a byte-order mark, in the training container, too. The offsets here do not count it.",
    Level.NOTE,
)
MIXED_LINE_ENDS = LabelsProblemKind(
    "LineEnds",
    "The file has line ends of two characters (CR LF); tools that change them shift every offset behind the first.",
    "Upload it byte by byte (no 'ASCII' mode, no editor), or save it with LF and label it anew.",
    Level.NOTE,
)
ACROSS_LINE_END = LabelsProblemKind(
    "AcrossLineEnd",
    "The label '{category}' on {text} goes on past the end of a line.",
    "Label each line by itself, or end the label with the line.",
)
WHITE_SPACE_AT_EDGE = LabelsProblemKind(
    "WhiteSpaceAtEdge",
    "The label '{category}' on {text} begins or ends with white space.",
    "Leave the white space out; 'labels check --write FILE' does.",
    is_fixed_by_write=True,
)
LABEL_TOO_LONG = LabelsProblemKind(
    "LabelTooLong",
    "The label '{category}' has {length:,} characters; the limit is {limit:,}.",
    "Label the part that matters.",
)
LABEL_TWICE = LabelsProblemKind(
    "LabelTwice",
    "The label '{category}' on {text} is there {count} times.",
    "Keep one; 'labels check --write FILE' does.",
    is_fixed_by_write=True,
)
OVERLAP = LabelsProblemKind(
    "Overlap",
    "The labels '{category}' on {text} and '{other}' on {other_text} have characters in common.",
    "Keep one of them: a model gives each character one category.",
)
CATEGORY_NOT_LISTED = LabelsProblemKind(
    "CategoryNotListed",
    "Labels name the category '{category}', which the file's list of categories does not have.",
    "Add it to the list, or correct its spelling in the labels.",
)
CATEGORY_NAME = LabelsProblemKind(
    "CategoryName",
    "The category '{category}' {reason}.",
    "Rename it to '{suggestion}', in the labels, too.",
)
CATEGORY_SPELLING = LabelsProblemKind(
    "CategorySpelling",
    "The categories {names} look like one, spelled differently.",
    "Keep '{kept}', which has most labels, and rename the others in list and labels.",
)
TOO_MANY_CATEGORIES = LabelsProblemKind(
    "TooManyCategories",
    "There are {count} categories; the limit is {limit}.",
    "Divide them over several projects.",
)
TOO_FEW_LABELS = LabelsProblemKind(
    "TooFewLabels",
    "The category '{category}' has {count} labels in {documents} documents of the training set; the service recommends "
    "{least} or more.",
    "Label {missing} more, or remove the category.",
)
NO_TEST_LABELS = LabelsProblemKind(
    "NoTestLabels",
    "The category '{category}' has no label in the test set, so nothing is measured about it.",
    "'labels split' adds documents to the test set for every category.",
    Level.NOTE,
)
LABELLED_DIFFERENTLY = LabelsProblemKind(
    "LabelledDifferently",
    "{text} is labelled {places}.",
    "Decide for one, unless the places differ in meaning.",
    Level.NOTE,
)
NOT_LABELLED = LabelsProblemKind(
    "NotLabelled",
    "{text} is labelled '{category}' in {labelled} places and not labelled here.",
    "Label it here, too, unless it means something else.",
    Level.NOTE,
)
LEFT_OUT = LabelsProblemKind(
    "LabelLeftOut",
    "Something of the file was not taken over: {reason}.",
    "Correct it in the tool that wrote the file.",
)

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, LabelsProblemKind))
