import codecs
import gzip
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.core.records import Chunk
from functions.errors import Warning
from functions.text.chunks import ReadyChunk, cut, text_of
from functions.text.decoding import DecodedText
from functions.text.offsets import CODE_POINT, TEXT_ELEMENT, UTF16, length
from functions.text.splitting import is_blank, split
from tests.support.material import any_text, facts, work, work_in

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


def cut_in(text: str, encoding: str, mark: bytes = b"", limit: int = LIMIT) -> tuple[bytes, list[ReadyChunk]]:
    data = mark + text.encode(encoding)
    decoded = DecodedText(text, encoding, len(mark))
    return data, cut(facts(), data, decoded, work_in(CODE_POINT), limit)


def test_short_document_is_one_chunk() -> None:
    decoded = DecodedText("Zoë 😀", "utf-8", warnings=(Warning("EncodingGuessed", "A guess."),))
    assert cut(facts(), "Zoë 😀".encode(), decoded, work_in(UTF16)) == [
        ReadyChunk(
            Chunk(
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
            work_in(UTF16),
            ("EncodingGuessed: A guess.",),
        )
    ]


def test_ready_chunk_names_its_version() -> None:
    ready = ReadyChunk(cut_in("a", "utf-8")[1][0].chunk, "a", facts("x/y.txt", '"0x9"'), work())
    assert ready.version == ("x/y.txt", '"0x9"')


@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("has_mark", [True, False])
def test_byte_range_gives_slice(encoding: str, has_mark: bool) -> None:
    text = "👩🏽 Zoë, 日本\r\n" * 600
    data, chunks = cut_in(text, encoding, MARKS[encoding] if has_mark else b"")
    assert len(chunks) > 2
    for ready in chunks:
        chunk = ready.chunk
        assert data[chunk.byte_start : chunk.byte_end].decode(encoding) == ready.text == text[chunk.start : chunk.end]
        assert chunk.byte_start is not None


@pytest.mark.parametrize(("text", "encoding"), [(WESTERN, "cp1252"), (JAPANESE, "shift_jis"), (JAPANESE, "cp932")])
def test_byte_range_follows_detected_encoding(text: str, encoding: str) -> None:
    data, chunks = cut_in(text * 200, encoding)
    assert len(chunks) > 2
    for ready in chunks:
        assert data[ready.chunk.byte_start : ready.chunk.byte_end].decode(encoding) == ready.text


@pytest.mark.parametrize("encoding", ["iso2022_jp", "hz", "utf-7", "utf-16", "utf-8-sig"])
def test_stateful_encoding_has_no_byte_range(encoding: str) -> None:
    """Its bytes depend on what came before, so every chunk is read with the whole document."""
    text = "山田太郎" * 2_000
    chunks = cut(facts(), text.encode(encoding), DecodedText(text, encoding), work_in(CODE_POINT), LIMIT)
    assert len(chunks) > 2
    assert {(ready.chunk.byte_start, ready.chunk.byte_end) for ready in chunks} == {(None, None)}
    assert all(ready.text == text[ready.chunk.start : ready.chunk.end] for ready in chunks)


def test_stateful_encoding_may_have_byte_range() -> None:
    """Where it has nothing to remember."""
    data, chunks = cut_in("山田太郎 owes 百万円 to a bank. " * 300, "iso2022_jp")
    assert len(chunks) > 2
    for ready in chunks:
        assert data[ready.chunk.byte_start : ready.chunk.byte_end].decode("iso2022_jp") == ready.text


def test_ambiguous_bytes_are_located() -> None:
    """Windows' Japanese has characters with two codes; both are two bytes long, so the places hold."""
    data = b"\x87\x90 \x81\xe0 and text. " * 500
    decoded = DecodedText(data.decode("cp932"), "cp932")
    for ready in cut(facts(), data, decoded, work_in(CODE_POINT), LIMIT):
        assert data[ready.chunk.byte_start : ready.chunk.byte_end].decode("cp932") == ready.text


@settings(max_examples=30)
@example("\u0301", "utf-8", TEXT_ELEMENT)
@example("ab" + "\u0301" * 400, "utf-16-le", TEXT_ELEMENT)
@given(any_text.filter(bool), st.sampled_from([*MARKS]), st.sampled_from([CODE_POINT, UTF16, TEXT_ELEMENT]))
def test_chunk_knows_its_offsets(sample: str, encoding: str, unit: str) -> None:
    text = (sample * 6_000)[:6_000]
    data = MARKS[encoding] + text.encode(encoding)
    decoded = DecodedText(text, encoding, len(MARKS[encoding]))
    chunks = cut(facts(), data, decoded, work_in(unit), LIMIT)
    if any(is_blank(text[part.own_start : part.own_end]) for part in split(text, LIMIT)):
        return
    assert [ready.chunk.index for ready in chunks] == [*range(len(chunks))]
    assert {ready.chunk.count for ready in chunks} == {len(chunks)}
    assert all(first.chunk.own_end == second.chunk.own_start for first, second in pairwise(chunks))
    for ready in chunks:
        chunk = ready.chunk
        assert data[chunk.byte_start : chunk.byte_end].decode(encoding) == ready.text == text[chunk.start : chunk.end]
        # Its own offsets and this one add up: also where it begins with a mark that counts for itself only there.
        assert chunk.unit_start + length(ready.text, unit) == length(text[: chunk.end], unit)
        assert chunk.utf16_start == length(text[: chunk.start], UTF16)


# --- damaged bytes ---


@st.composite
def damaged_documents(draw: st.DrawFn) -> tuple[bytes, str]:
    """A long document with bytes of its text changed, and its encoding."""
    encoding = draw(st.sampled_from(["utf-8", "cp1252", "cp932", "euc_jp", "gb18030", "utf-16-le", "iso2022_jp_2"]))
    text = (JAPANESE if encoding in ("cp932", "euc_jp", "gb18030", "iso2022_jp_2") else WESTERN) * 150
    data = bytearray(text.encode(encoding, "replace"))
    for place in draw(st.lists(st.integers(0, len(data) - 1), max_size=40)):
        data[place] = draw(st.sampled_from([0xFF, 0x81, 0x41, 0xD8, 0x0A, 0x1B]))
    return bytes(data), encoding


@settings(max_examples=60, deadline=None)
@given(damaged_documents(), st.booleans())
def test_damaged_chunks_are_read_again(document: tuple[bytes, str], has_mark: bool) -> None:
    """Exactly as they were."""
    data, encoding = document
    mark = MARKS.get(encoding, b"") if has_mark else b""
    text = data.decode(encoding, "replace")
    decoded = DecodedText(text, encoding, len(mark), "replace")
    stored = mark + data
    chunks = cut(facts(), stored, decoded, work_in(CODE_POINT), LIMIT)
    assert len(chunks) > 2
    for ready in chunks:
        chunk = ready.chunk
        assert ready.text == text[chunk.start : chunk.end]
        part = stored if chunk.byte_start is None else stored[chunk.byte_start : chunk.byte_end]
        assert text_of(chunk, part) == ready.text


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "euc_jp", "utf-16-be"])
def test_replaced_bytes_keep_ranges(encoding: str) -> None:
    """U+FFFD has three bytes in UTF-8 and does not exist in older encodings."""
    bad = b"\xd8\x00" if encoding == "utf-16-be" else b"\xff" if encoding != "cp1252" else b"\x81"
    data = b"".join(bad + f"Anna owes ${number}. ".encode(encoding) for number in range(500))
    decoded = DecodedText(data.decode(encoding, "replace"), encoding, 0, "replace")
    chunks = cut(facts(), data, decoded, work_in(CODE_POINT), LIMIT)
    assert len(chunks) > 2
    for ready in chunks:
        assert ready.chunk.byte_start is not None
        assert text_of(ready.chunk, data[ready.chunk.byte_start : ready.chunk.byte_end]) == ready.text


# --- compressed content ---


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "iso2022_jp"])
@pytest.mark.parametrize("characters", [50, 20_000])
def test_compressed_chunk_reads_all_content(encoding: str, characters: int) -> None:
    sample = JAPANESE if encoding == "iso2022_jp" else WESTERN
    data = (sample * (characters // len(sample) + 1))[:characters].encode(encoding, "replace")
    stored = gzip.compress(data)
    decoded = DecodedText(data.decode(encoding), encoding)
    chunks = cut(facts(), data, decoded, work_in(CODE_POINT), LIMIT, content_encoding="gzip")
    assert {ready.chunk.content_encoding for ready in chunks} == {"gzip"}
    assert [text_of(ready.chunk, stored) for ready in chunks] == [ready.text for ready in chunks]


# --- blank chunks ---

GAP = " \n\t" * 4_000


def test_blank_chunks_are_left_out() -> None:
    text = WESTERN * 100 + GAP + WESTERN * 100
    _, chunks = cut_in(text, "utf-8")
    assert [ready.chunk.index for ready in chunks] == [*range(len(chunks))]
    assert {ready.chunk.count for ready in chunks} == {len(chunks)}
    assert len(chunks) < len(split(text, LIMIT))
    assert not any(is_blank(ready.text) for ready in chunks)


def test_single_remaining_chunk_is_whole() -> None:
    """The one chunk that is left of a long document."""
    text = "A short letter." + GAP
    data, [ready] = cut_in(text, "utf-8")
    assert ready.chunk.is_whole
    assert text_of(ready.chunk, data[ready.chunk.byte_start : ready.chunk.byte_end]) == ready.text
    assert ready.text.startswith("A short letter.")


@settings(max_examples=50)
@given(st.lists(st.sampled_from([WESTERN, GAP, "\x1a" * 3_000, "word ", "\ufeff" * 900]), min_size=1, max_size=30))
def test_chunks_and_blanks_rejoin(parts: list[str]) -> None:
    text = "".join(parts)
    owned = [(ready.chunk.own_start, ready.chunk.own_end) for ready in cut_in(text, "utf-8")[1]]
    place = 0
    for start, end in [*owned, (len(text), len(text))]:
        assert start >= place
        assert is_blank(text[place:start])
        place = end
    assert place == len(text)
