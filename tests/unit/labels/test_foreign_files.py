"""Files as the tools themselves write them, and files that are none."""

import json
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from functions.labels import docbin, language_studio
from functions.labels.formats import FORMATS, Source, format_of
from functions.labels.values import Document, Kind, Labels, LabelsError, LeftOut, Reason, Span

DATA = Path(__file__).parents[2] / "data" / "labels"
EMOJI = "😀 Anna owes."
ANNA = (Span(2, 6, "Borrower"),)


def read(name: str, content: Any, texts: dict[str, str] | None = None, unit: str | None = None) -> Labels:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return FORMATS[name].read(data, Source(texts or {}, unit))


def only(labels: Labels) -> Document:
    (document,) = labels.documents
    return document


def test_form_of_2021_gives_categories_by_number() -> None:
    file = {
        "entityNames": ["Lender", "Borrower"],
        "documents": [
            {
                "location": "a.txt",
                "culture": "en-us",
                "entities": [
                    {"regionStart": 0, "regionLength": 13, "labels": [{"entity": 1, "start": 3, "length": 4}]}
                ],
            }
        ],
    }
    labels = read("language-studio-2021", file, {"a.txt": EMOJI})
    assert labels.categories == ("Lender", "Borrower")
    assert only(labels) == Document("a.txt", EMOJI, ANNA, (), "en-us")
    assert language_studio.is_form_of_2021(json.dumps(file).encode())


def studio(*labels: dict[str, Any], unit: str = "Utf16CodeUnit", **assets: Any) -> dict[str, Any]:
    documents = [{"location": "a.txt", "language": "en-us", "entities": [{"labels": list(labels)}]}]
    return {
        "projectFileVersion": "2022-05-01",
        "stringIndexType": unit,
        "metadata": {"projectKind": "CustomEntityRecognition", "language": "en-us"},
        "assets": {"entities": [{"category": "Borrower"}], "documents": documents, **assets},
    }


@pytest.mark.parametrize(("unit", "offset"), [("Utf16CodeUnit", 3), ("UnicodeCodePoint", 2), ("TextElements_v8", 2)])
def test_file_says_its_unit(unit: str, offset: int) -> None:
    file = studio({"category": "Borrower", "offset": offset, "length": 4}, unit=unit)
    assert only(read("language-studio", file, {"a.txt": EMOJI})).spans == ANNA


def test_what_does_not_fit_is_left_out_and_told() -> None:
    """Half of a surrogate pair, an end behind the text, and a document without a text."""
    file = studio(
        {"category": "Borrower", "offset": 1, "length": 4},
        {"category": "Borrower", "offset": 3, "length": 400},
        {"category": "Borrower", "offset": 3, "length": 4},
    )
    file["assets"]["documents"].append({"location": "b.txt"})
    labels = read("language-studio", file, {"a.txt": EMOJI})
    assert only(labels).spans == ANNA
    assert labels.left_out == (
        LeftOut("a.txt", Reason.OFFSETS, "Borrower", 1, 4),
        LeftOut("a.txt", Reason.OFFSETS, "Borrower", 3, 400),
        LeftOut("b.txt", Reason.NO_TEXT),
    )


def test_two_project_kinds_are_refused() -> None:
    with pytest.raises(LabelsError, match="two kinds of project"):
        read("language-studio", studio(projectKind="CustomSingleLabelClassification"))


def lines(*entries: dict[str, Any]) -> bytes:
    return b"\r\n".join(json.dumps(entry).encode() for entry in entries) + b"\n\n"


@pytest.mark.parametrize(
    "entry",
    [
        {"text": EMOJI, "label": [[3, 7, "Borrower"]]},
        {"id": 7, "text": EMOJI, "labels": [[3, 7, "Borrower"]], "Comments": []},
        {
            "text": EMOJI,
            "entities": [{"id": 1, "label": "Borrower", "start_offset": 3, "end_offset": 7}],
            "relations": [],
        },
        {"data": EMOJI, "label": [[3, 7, "Borrower"]], "meta": {}},
    ],
)
def test_doccano_exports_are_read(entry: dict[str, Any]) -> None:
    assert only(read("doccano", lines(entry))) == Document("document00001.txt", EMOJI, ANNA)


def test_doccano_lines_without_labels_are_documents() -> None:
    labels = read("doccano", lines({"text": "a", "label": []}, {"text": "b", "label": ["x"]}, {"text": "c"}))
    assert labels.kind is Kind.SINGLE_LABEL
    assert [document.classes for document in labels.documents] == [(), ("x",), ()]


def task(*annotations: dict[str, Any], **data: str) -> dict[str, Any]:
    return {"id": 1, "data": data or {"text": EMOJI}, "annotations": list(annotations), "predictions": []}


def region(start: int, end: int, text: str | None = "Anna") -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": ["Borrower"]} | ({"text": text} if text else {})
    return {"id": "x", "from_name": "l", "to_name": "t", "type": "labels", "value": value}


@pytest.mark.parametrize(("start", "end"), [(2, 6), (3, 7)])
def test_label_studio_unit_is_told_by_text(start: int, end: int) -> None:
    """Releases before 1.4 counted UTF-16 code units."""
    labels = read("label-studio", [task({"result": [region(start, end)]}, content=EMOJI)])
    assert only(labels).spans == ANNA


def test_label_studio_takes_ground_truth_of_several() -> None:
    made = [
        {"result": [region(0, 1, None)], "updated_at": "2024-02-01"},
        {"result": [region(2, 6)], "ground_truth": True},
        {"result": [region(0, 6, None)], "was_cancelled": True},
    ]
    labels = read("label-studio", [task(*made)])
    assert only(labels).spans == ANNA
    assert labels.left_out == (LeftOut("document00001.txt", Reason.SEVERAL_ANNOTATIONS),)


def test_label_studio_short_form_is_read() -> None:
    rows = [{"id": 1, "text": EMOJI, "label": [{"start": 2, "end": 6, "text": "Anna", "labels": ["Borrower"]}]}]
    assert only(read("label-studio", rows)).spans == ANNA


def test_label_studio_html_is_refused() -> None:
    value = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 2, "labels": ["Borrower"]}
    with pytest.raises(LabelsError, match="no offsets of a text"):
        read("label-studio", [task({"result": [{"type": "hypertextlabels", "value": value}]})])


def test_label_studio_predictions_are_no_labels() -> None:
    given = task() | {"predictions": [{"result": [region(2, 6)]}]}
    assert only(read("label-studio", [given])).spans == ()


def test_prodigy_takes_accepted_answers_only() -> None:
    span = {"start": 2, "end": 6, "label": "Borrower", "token_start": 1, "token_end": 1}
    labels = read(
        "prodigy",
        lines(
            {"text": EMOJI, "spans": [span], "answer": "accept", "_input_hash": 1, "meta": {"source": "x"}},
            {"text": "Rejected.", "answer": "reject"},
        ),
    )
    assert only(labels).spans == ANNA
    assert labels.left_out == (LeftOut("document00002.txt", Reason.NOT_ACCEPTED),)


@pytest.mark.parametrize(
    "content",
    [
        {"text": EMOJI, "ents": [{"start": 2, "end": 6, "label": "Borrower"}], "tokens": []},
        [[EMOJI, {"entities": [[2, 6, "Borrower"]]}]],
        {"classes": ["BORROWER"], "annotations": [None, [EMOJI, {"entities": [[2, 6, "Borrower"]]}]]},
        [
            {
                "id": 0,
                "paragraphs": [
                    {
                        "raw": EMOJI,
                        "sentences": [
                            {
                                "tokens": [
                                    {"orth": "😀", "ner": "O"},
                                    {"orth": "Anna", "ner": "U-Borrower"},
                                    {"orth": "owes", "ner": "O"},
                                    {"orth": ".", "ner": "-"},
                                ]
                            }
                        ],
                    }
                ],
            }
        ],
    ],
    ids=["to_json", "pairs", "annotations", "training"],
)
def test_spacy_json_forms_are_read(content: Any) -> None:
    assert only(read("spacy-json", content)) == Document("document00001.txt", EMOJI, ANNA)


def test_docbin_of_spacy_is_read() -> None:
    """Written by spaCy 3.8.18; a bin of ours was read by it to the same offsets."""
    labels = read("spacy", (DATA / "by_spacy.spacy").read_bytes())
    text = "Anna  Bell 😀 owes £5 to Acme Inc.\r\n"
    assert labels.documents == (
        Document("document00001.txt", text, (Span(0, 10, "Borrower"), Span(24, 33, "Lender"))),
        Document("document00002.txt", "Nothing here."),
    )


def test_string_hash_is_spacys() -> None:
    """The example of spaCy's page "Vocab, hashes and lexemes", and values that spaCy 3.8.18 gave."""
    assert docbin.string_hash("coffee") == 3197928453018144401
    assert docbin.string_hash("") == 0
    assert docbin.string_hash("😀 twelve bytes") == 16954700831402475040


def test_damaged_docbin_is_refused() -> None:
    packed = msgspec.msgpack.decode(zlib.decompress((DATA / "by_spacy.spacy").read_bytes()))
    for change, told in (
        ({"lengths": b"\x01\0\0\0"}, "damaged"),
        ({"strings": []}, "damaged"),
        ({"attrs": [65]}, "no ent"),
    ):
        with pytest.raises(LabelsError, match=told):
            read("spacy", zlib.compress(msgspec.msgpack.encode(packed | change)))


CONLL_2003 = b"""-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""


def test_conll_2003_is_read() -> None:
    document = only(read("conll", CONLL_2003))
    assert document.text == "EU rejects German call\nPeter Blackburn"
    assert document.spans == (Span(0, 2, "ORG"), Span(11, 17, "MISC"), Span(23, 38, "PER"))


def test_conll_words_are_found_in_given_text() -> None:
    text = "EU  rejects German\tcall\r\n\r\nPeter Blackburn\r\n"
    document = only(read("conll", CONLL_2003, {"document00001.txt": text}))
    assert document.text == text
    assert [text[span.start : span.end] for span in document.spans] == ["EU", "German", "Peter Blackburn"]


def test_conll_of_another_text_is_left_out() -> None:
    labels = read("conll", CONLL_2003, {"document00001.txt": "EU rejects French call"})
    assert labels.documents == ()
    assert labels.left_out == (LeftOut("document00001.txt", Reason.TOKENS),)


@pytest.mark.parametrize(
    "tags",
    ["B-A I-A O B-A", "I-A I-A O I-A", "B-A L-A O U-A", "B-A E-A O S-A"],
    ids=["IOB2", "IOB1", "BILUO", "BIOES"],
)
def test_conll_tag_schemes_are_read(tags: str) -> None:
    rows = "".join(f"{word} {tag}\n" for word, tag in zip(["Anna", "Bell", "and", "Lee"], tags.split(), strict=True))
    assert only(read("conll", rows.encode())).spans == (Span(0, 9, "A"), Span(14, 17, "A"))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("language-studio", b"{", "not a labels file"),
        ("language-studio", b'{"assets": {}}', "documents"),
        ("doccano", b'{"text": "a", "label": [[1, "x"]]}', "Line 1 has a label"),
        ("doccano", b'{"text": 1}', "Line 1 is not"),
        ("doccano", b'{"label": []}', "no 'text'"),
        ("label-studio", b"{}", "list of tasks"),
        ("prodigy", b"\xff", "Line 1"),
        ("spacy", b"abc", "not a DocBin"),
        ("spacy-json", b"3", "not JSON of spaCy"),
        ("spacy-json", b'[{"x": 1}]', "Document 1"),
        ("conll", b"word\n", "Line 1 has one column"),
        ("conll", b"word NN\n", "no tag"),
    ],
)
def test_other_files_are_refused(name: str, content: bytes, told: str) -> None:
    with pytest.raises(LabelsError, match=told):
        read(name, content)


@pytest.mark.parametrize("name", ["spacy", "spacy-json", "conll"])
def test_overlaps_are_refused_where_words_have_one_tag(name: str) -> None:
    document = Document("a.txt", "Anna Bell", (Span(0, 9, "A"), Span(5, 9, "B")))
    with pytest.raises(LabelsError, match=r"'a.txt' has overlapping labels, 'A' at 0 to 9 and 'B' at 5 to 9"):
        FORMATS[name].write(Labels(Kind.ENTITIES, ("A", "B"), (document,)), None)


def test_unknown_format_lists_all() -> None:
    with pytest.raises(LabelsError, match="doccano, label-studio, prodigy"):
        format_of("brat")
