import codecs
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.pipeline.decoding import DecodedText, decode
from functions.pipeline.jobs import Piece
from functions.pipeline.pieces import ReadyPiece, cut
from functions.pipeline.text_units import CODE_POINT, TEXT_ELEMENT, UTF16, length
from tests.unit.material import any_text, facts

LIMIT = 2_000
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
WESTERN = "Hélène owes 4 000 € to the “bank”. "
JAPANESE = "山田太郎は、みずほ銀行から百万円を借りました。ｶﾀｶﾅ mixed with ASCII. "


def cut_in(text: str, encoding: str, mark: bytes = b"", limit: int = LIMIT) -> tuple[bytes, list[ReadyPiece]]:
    data = mark + text.encode(encoding)
    decoded = DecodedText(text, encoding, len(mark))
    return data, cut(facts(), data, decoded, CODE_POINT, limit)


def test_a_short_document_is_one_piece_without_byte_places() -> None:
    decoded = DecodedText("Zoë 😀", "utf-8", warnings=("A guess.",))
    assert cut(facts(), "Zoë 😀".encode(), decoded, UTF16) == [
        ReadyPiece(
            Piece(
                document="a.txt",
                etag='"0x1"',
                start=0,
                end=5,
                index=0,
                count=1,
                own_start=0,
                own_end=5,
                unit_start=0,
                utf16_start=0,
                byte_start=None,
                byte_end=None,
                encoding="utf-8",
            ),
            "Zoë 😀",
            facts(),
            ("A guess.",),
        )
    ]


def test_a_ready_piece_names_its_version() -> None:
    ready = ReadyPiece(cut_in("a", "utf-8")[1][0].piece, "a", facts("x/y.txt", '"0x9"'))
    assert ready.version == ("x/y.txt", '"0x9"')


@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("has_mark", [True, False])
def test_byte_places_lead_to_the_slice(encoding: str, has_mark: bool) -> None:
    text = "👩🏽 Zoë, 日本\r\n" * 600
    data, pieces = cut_in(text, encoding, MARKS[encoding] if has_mark else b"")
    assert len(pieces) > 2
    for ready in pieces:
        piece = ready.piece
        assert data[piece.byte_start : piece.byte_end].decode(encoding) == ready.text == text[piece.start : piece.end]
        assert piece.byte_start is not None


@pytest.mark.parametrize(("text", "encoding"), [(WESTERN, "cp1252"), (JAPANESE, "shift_jis"), (JAPANESE, "cp932")])
def test_byte_places_work_in_a_detected_encoding(text: str, encoding: str) -> None:
    data, pieces = cut_in(text * 200, encoding)
    assert len(pieces) > 2
    for ready in pieces:
        assert data[ready.piece.byte_start : ready.piece.byte_end].decode(encoding) == ready.text


@pytest.mark.parametrize("encoding", ["iso2022_jp", "hz", "utf-7", "utf-16", "utf-8-sig"])
def test_an_encoding_that_remembers_gives_no_byte_places(encoding: str) -> None:
    """Its bytes depend on what came before, so every piece is read with the whole document."""
    text = "山田太郎" * 2_000
    pieces = cut(facts(), text.encode(encoding), DecodedText(text, encoding), CODE_POINT, LIMIT)
    assert len(pieces) > 2
    assert {(ready.piece.byte_start, ready.piece.byte_end) for ready in pieces} == {(None, None)}
    assert all(ready.text == text[ready.piece.start : ready.piece.end] for ready in pieces)


def test_an_encoding_that_remembers_may_give_places_where_it_has_nothing_to_remember() -> None:
    data, pieces = cut_in("山田太郎 owes 百万円 to a bank. " * 300, "iso2022_jp")
    assert len(pieces) > 2
    for ready in pieces:
        assert data[ready.piece.byte_start : ready.piece.byte_end].decode("iso2022_jp") == ready.text


def test_bytes_that_have_two_spellings_are_found_where_they_are() -> None:
    """Windows' Japanese has characters with two codes; both are two bytes long, so the places hold."""
    data = b"\x87\x90 \x81\xe0 and text. " * 500
    decoded = DecodedText(data.decode("cp932"), "cp932")
    for ready in cut(facts(), data, decoded, CODE_POINT, LIMIT):
        assert data[ready.piece.byte_start : ready.piece.byte_end].decode("cp932") == ready.text


@settings(max_examples=30)
@example("\u0301", "utf-8", TEXT_ELEMENT)
@example("ab" + "\u0301" * 400, "utf-16-le", TEXT_ELEMENT)
@given(any_text.filter(bool), st.sampled_from([*MARKS]), st.sampled_from([CODE_POINT, UTF16, TEXT_ELEMENT]))
def test_a_piece_knows_where_it_lies_in_every_unit(sample: str, encoding: str, unit: str) -> None:
    text = (sample * 6_000)[:6_000]
    data = MARKS[encoding] + text.encode(encoding)
    decoded = decode(data) if text.strip() else DecodedText(text, encoding, len(MARKS[encoding]))
    pieces = cut(facts(), data, decoded, unit, LIMIT)
    assert [ready.piece.index for ready in pieces] == [*range(len(pieces))]
    assert {ready.piece.count for ready in pieces} == {len(pieces)}
    assert all(first.piece.own_end == second.piece.own_start for first, second in pairwise(pieces))
    for ready in pieces:
        piece = ready.piece
        assert data[piece.byte_start : piece.byte_end].decode(encoding) == ready.text == text[piece.start : piece.end]
        # Its own offsets and this one add up: also where it begins with a mark that counts for itself only there.
        assert piece.unit_start + length(ready.text, unit) == length(text[: piece.end], unit)
        assert piece.utf16_start == length(text[: piece.start], UTF16)
