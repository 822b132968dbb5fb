"""Every problem that `check` names is found where it is, and nowhere else."""

from typing import Any

import pytest

from functions.labels import label_problems
from functions.labels.checking import check, service_name, texts_of
from functions.labels.label_problems import KINDS
from functions.labels.values import Document, Kind, Labels, LeftOut, Reason, Span
from functions.text.offsets import CODE_POINT, UTF16, Ruler

FILLER = tuple(
    Document(
        f"filler{n}.txt",
        f"Filler number {n}: of Bo.",
        (Span(len(f"Filler number {n}: of "), len(f"Filler number {n}: of Bo"), "Borrower"),),
    )
    for n in range(12)
)


def found(
    *documents: Document, categories: tuple[str, ...] = ("Borrower",), filler: bool = True, **more: Any
) -> list[str]:
    labels = Labels(Kind.ENTITIES, categories, (*documents, *(FILLER if filler else ())), **more)
    return [
        f"{one.code} {one.document} {'' if one.offset is None else one.offset}".strip()
        for one in check(labels).problems
    ]


def labelled(text: str, *marked: tuple[str, str], name: str = "a.txt") -> Document:
    """A document with the first occurrence of each text labelled."""
    spans = [Span(text.index(part), text.index(part) + len(part), category) for part, category in marked]
    return Document(name, text, tuple(spans))


def test_good_labels_have_no_problem() -> None:
    assert found(labelled("Anna Bell owes.", ("Anna Bell", "Borrower"))) == []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (labelled("Anna owes.", ("Anna ", "Borrower")), ["WhiteSpaceAtEdge a.txt 0"]),
        (labelled("Bell St\r\nDublin", ("Bell St\r\nDublin", "Borrower")), ["AcrossLineEnd a.txt 0"]),
        (labelled("Bell Bank owes", ("Bell Bank", "Borrower"), ("Bank", "Borrower")), ["Overlap a.txt 5"]),
        (labelled("Anna owes.", ("Anna", "Borrower"), ("Anna", "Borrower")), ["LabelTwice a.txt 0"]),
        (labelled("Annabel owes.", ("Anna", "Borrower")), ["InsideWord a.txt 0"]),
        (labelled("x" * 501, ("x" * 501, "Borrower")), ["LabelTooLong a.txt 0"]),
        (Document("a.txt", " \n"), ["DocumentEmpty a.txt"]),
        (Document("a.txt", "a " * 64_001), ["DocumentTooLong a.txt"]),
        (Document("ä b.txt", "x"), ["DocumentName ä b.txt"]),
        (Document("b.txt", "Filler number\n3: of Bo.\n", FILLER[3].spans), ["SameTextTwice filler3.txt"]),
        (labelled("Anna owes.", ("Anna", "Lender")), ["CategoryNotListed"]),
    ],
    ids=lambda value: value[0].split()[0] if isinstance(value, list) else "",
)
def test_problem_of_one_document_is_found(document: Document, expected: list[str]) -> None:
    assert found(document) == expected


def test_document_named_twice_is_found() -> None:
    assert found(Document("a.txt", "One."), Document("a.txt", "Two.")) == ["DocumentTwice a.txt"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LoanAmount", "Loan Amount"),
        ("LoanAmount", "loanamount"),
        ("LoanAmount", "LoanAmounts"),
        ("LoanAmount", "LoanAmmount"),
        ("LoanAmount", "LoanAmuont"),
        ("Straße", "STRASSE"),
    ],
)
def test_categories_spelled_two_ways_are_found(one: str, other: str) -> None:
    documents = [
        Document(
            f"d{n}.txt", f"Sum {n:02} and 7{n:02}", (Span(0, 6, one), Span(11, 14, other) if n else Span(11, 14, one))
        )
        for n in range(11)
    ]
    assert found(*documents, categories=(one, other, "Borrower")) == ["CategorySpelling"]


@pytest.mark.parametrize(("one", "other"), [("Party1", "Party2"), ("Lender", "Borrower"), ("Date", "Rate")])
def test_different_categories_are_left_alone(one: str, other: str) -> None:
    documents = [
        Document(f"d{n}.txt", f"Sum {n:02} and 7{n:02}", (Span(0, 6, one), Span(11, 14, other))) for n in range(10)
    ]
    assert found(*documents, categories=(one, other, "Borrower")) == []


@pytest.mark.parametrize(("name", "suggestion"), [("Loan & Rate", "Loan  Rate"), ("a" * 51, "a" * 50)])
def test_category_names_of_service_are_checked(name: str, suggestion: str) -> None:
    documents = [Document(f"d{n}.txt", f"Sum {n:02}", (Span(0, 6, name),)) for n in range(10)]
    (problem,) = check(Labels(Kind.ENTITIES, (name,), tuple(documents))).problems
    assert (problem.code, suggestion in problem.fix) == ("CategoryName", True)


def test_same_text_under_two_categories_is_found() -> None:
    one = labelled("Anna Bell owes.", ("Anna Bell", "Borrower"))
    other = labelled("By ANNA  Bell.", ("ANNA  Bell", "Lender"), name="b.txt")
    labels = Labels(Kind.ENTITIES, ("Borrower", "Lender"), (one, other, *FILLER))
    problem = next(one for one in check(labels).problems if one.code == "LabelledDifferently")
    assert (problem.document, problem.offset) == ("a.txt", 0)
    assert (
        problem.told
        == "'Anna Bell' is labelled 'Borrower' 1 times (first in 'a.txt') and 'Lender' 1 times (first in 'b.txt')."
    )


def test_unlabelled_occurrence_is_noted() -> None:
    known = [labelled(f"Anna Bell owes {n}.", ("Anna Bell", "Borrower"), name=f"k{n}.txt") for n in range(2)]
    assert found(*known, Document("a.txt", "It was Anna Bell, not Anna Bellamy.")) == ["NotLabelled a.txt 7"]


def test_few_labels_of_training_set_are_found() -> None:
    """Those of the test set teach nothing."""
    documents = [
        Document(f"d{n}.txt", f"Sum {n:02}", (Span(0, 6, "Sum"),), (), "", "Test" if n < 3 else "Train")
        for n in range(12)
    ]
    (problem,) = check(Labels(Kind.ENTITIES, ("Sum",), tuple(documents))).problems
    assert problem.told.startswith("The category 'Sum' has 9 labels in 9 documents of the training set")
    assert problem.fix.startswith("Label 1 more")


def test_category_without_test_labels_is_noted() -> None:
    documents = [Document(f"d{n}.txt", f"Sum {n:02}", (Span(0, 6, "Sum"),), (), "", "Train") for n in range(12)]
    documents.append(Document("t.txt", "Of Bo", (Span(3, 5, "Borrower"),), (), "", "Test"))
    assert found(*documents, categories=("Sum", "Borrower")) == ["NoTestLabels"]


def test_few_documents_are_found() -> None:
    assert found(*FILLER[:9], filler=False)[0] == "TooFewDocuments"


def test_misfits_and_missing_documents_are_found() -> None:
    left_out = (
        LeftOut("a.txt", Reason.OFFSETS, "Borrower", 70, 4),
        LeftOut("b.txt", Reason.NO_TEXT),
        LeftOut("c.txt", Reason.NOT_ACCEPTED),
    )
    assert found(Document("a.txt", "Anna owes."), left_out=left_out) == [
        "DocumentMissing b.txt",
        "LabelLeftOut c.txt",
        "OffsetsDoNotFit a.txt",
    ]


def test_byte_order_mark_and_line_ends_are_noted() -> None:
    texts, found_in_files = texts_of({"a.txt": b"\xef\xbb\xbfAnna\r\n", "b.txt": b"\xe4", "c.txt": b"x\n"})
    assert texts == {"a.txt": "Anna\r\n", "c.txt": "x\n"}
    assert [f"{one.code} {one.document}" for one in found_in_files] == [
        "ByteOrderMark a.txt",
        "LineEnds a.txt",
        "DocumentNotUtf8 b.txt",
    ]


# --- offsets counted otherwise --------------------------------------------------------------------------------------

TEXT = "Dear 😀 Anna Bell,\nyour loan of £5,000 😀 from\nBell Bank and\nPetrov Ltd\nfor Grace Lee is due.\n"
NAMES = ("Anna Bell", "£5,000", "Bell Bank", "Petrov Ltd", "Grace Lee")


def read_as(text: str, counted: str, *, shift: int, unit: str, states: str) -> Labels:
    """Labels of NAMES in ``counted``, whose offsets are taken for ones of ``text`` in the unit that the file states."""
    ruler, here = Ruler(counted, unit), Ruler(text, states)
    spans, left_out = [], []
    for name in NAMES:
        start = ruler.to_unit(counted.index(name)) + shift
        end = ruler.to_unit(counted.index(name) + len(name)) + shift
        first, last = here.to_code_point(start), here.to_code_point(end)
        if first is None or last is None:
            left_out.append(LeftOut("a.txt", Reason.OFFSETS, "Borrower", start, end - start))
        else:
            spans.append(Span(first, last, "Borrower"))
    return Labels(Kind.ENTITIES, ("Borrower",), (Document("a.txt", text, tuple(spans)),), left_out=tuple(left_out))


@pytest.mark.parametrize(
    ("text", "counted", "shift", "unit", "states", "cause"),
    [
        (TEXT, TEXT, 1, UTF16, UTF16, "byte-order mark was counted"),
        (TEXT, TEXT, -1, UTF16, UTF16, "a character before the text was not counted"),
        (TEXT, TEXT, 0, CODE_POINT, UTF16, "offsets count code points"),
        (TEXT, TEXT, 0, UTF16, CODE_POINT, "offsets count UTF-16 code units"),
        (TEXT.replace("\n", "\r\n"), TEXT, 0, UTF16, UTF16, "line ends of two characters were counted as one"),
        (TEXT.replace("\n", "\r\n"), TEXT, 1, UTF16, UTF16, "so, and the byte-order mark was counted"),
        (TEXT, TEXT.replace("\n", "\r\n"), 0, UTF16, UTF16, "line ends were two characters"),
    ],
)
def test_shifted_offsets_are_explained_and_moved(
    text: str, counted: str, shift: int, unit: str, states: str, cause: str
) -> None:
    checked = check(read_as(text, counted, shift=shift, unit=unit, states=states), unit=states)
    problem = next(one for one in checked.problems if one.document == "a.txt")
    assert (problem.code, problem.is_fixed_by_write) == ("OffsetsShifted", True)
    assert cause in problem.told
    (document,) = checked.corrected.documents
    assert sorted(text[span.start : span.end] for span in document.spans) == sorted(NAMES)


def test_right_offsets_are_not_moved() -> None:
    for text in (TEXT, TEXT.replace("\n", "\r\n")):
        labels = read_as(text, text, shift=0, unit=UTF16, states=UTF16)
        assert check(labels).corrected.documents == labels.documents


def test_correction_trims_and_drops_copies() -> None:
    document = Document("a.txt", "Of Anna .", (Span(2, 8, "A"), Span(3, 7, "A"), Span(7, 8, "A")))
    corrected = check(Labels(Kind.ENTITIES, ("A",), (document,))).corrected
    assert corrected.documents[0].spans == (Span(3, 7, "A"),)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("Büro 7.txt", "Buro-7.txt"), ("loans/a.txt", "loans-a.txt"), ("借款.txt", "document.txt"), ("a.md", "amd.txt")],
)
def test_suggested_names_are_taken(name: str, suggestion: str) -> None:
    assert service_name(name) == suggestion


def test_codes_are_distinct() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS) > 20
    assert label_problems.OVERLAP in KINDS
