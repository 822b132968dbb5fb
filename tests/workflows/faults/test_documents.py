"""Documents that are compressed, damaged, in older encodings, or mostly blank, from the drop to their entities."""

import gzip
import zlib

import brotli
import pytest

from functions.text.splitting import MAX_REQUEST_CHARACTERS
from tests.support.scenarios import LONG
from tests.support.world import World, letter, pairs_in

SHORT = letter(1) + "Zoë Müller borrows $77 from Ana Núñez – “as agreed”.\n"
LONG_SHORT = [pytest.param(SHORT, id="short"), pytest.param(SHORT + LONG, id="long")]


@pytest.fixture
def world() -> World:
    return World()


def drop(world: World, name: str, data: bytes, content_type: str = "", content_encoding: str = "") -> None:
    world.intake.write(name, data, content_type=content_type, content_encoding=content_encoding)
    world.announce(name)
    world.run()


def check(world: World, name: str, text: str) -> list[str]:
    """Check that a document has the entities of `text`; return the codes of its warnings."""
    result = world.entities(name)
    assert result is not None, (world.error(name), world.describe())
    found = [(one["category"], one["offset"], one["length"], one["text"]) for one in result["entities"]]
    assert found == pairs_in(text)
    assert result["document"]["characters"] == len(text)
    world.check_quiet()
    return [warning["code"] for warning in result["warnings"]]


@pytest.mark.parametrize("text", LONG_SHORT)
@pytest.mark.parametrize(
    ("pack", "declared"),
    [(gzip.compress, "gzip"), (gzip.compress, ""), (zlib.compress, "deflate"), (brotli.compress, "br")],
)
def test_compressed_documents_have_their_entities(world: World, text: str, pack, declared: str) -> None:  # type: ignore[no-untyped-def]
    drop(world, "a.txt", pack(text.encode()), content_encoding=declared)
    assert check(world, "a.txt", text) == []


def test_wrong_content_encoding_is_ignored_with_warning(world: World) -> None:
    drop(world, "a.txt", SHORT.encode(), content_encoding="gzip")
    assert check(world, "a.txt", SHORT) == ["WrongContentEncoding"]


def test_damaged_gzip_document_is_reported(world: World) -> None:
    drop(world, "a.txt", gzip.compress(LONG.encode())[:-100])
    assert world.check_failed("a.txt", "DamagedContent")["error"]["fault"] == "document"


def test_compression_bomb_is_reported() -> None:
    world = World(settings={"MAX_DOCUMENT_BYTES": "100000"})
    drop(world, "a.txt", gzip.compress(bytes(10_000_000)), content_encoding="gzip")
    assert "100,000" in world.check_failed("a.txt", "TooLarge")["error"]["message"]


@pytest.mark.parametrize("text", LONG_SHORT)
def test_damaged_utf8_has_exact_entities(world: World, text: str) -> None:
    data = text.encode()
    places = [3, len(data) // 2, len(data) - 2]
    for place in places:
        while data[place] > 0x7F:
            place += 1
        data = data[:place] + b"\xff" + data[place + 1 :]
    drop(world, "a.txt", data)
    assert check(world, "a.txt", data.decode("utf-8", "replace")) == ["CharactersReplaced"]


@pytest.mark.parametrize("text", LONG_SHORT)
def test_declared_charset_is_used(world: World, text: str) -> None:
    drop(world, "a.txt", text.encode("cp1252"), content_type="text/plain; charset=windows-1252")
    assert check(world, "a.txt", text) == []
    assert world.entities("a.txt")["document"]["encoding"] == "cp1252"  # type: ignore[index]


def test_doubtful_encoding_sets_review(world: World) -> None:
    drop(world, "a.txt", "Peter Brown, La Niña".encode("mac_roman"))
    result = world.entities("a.txt")
    assert result is not None
    assert (result["review"], [warning["code"] for warning in result["warnings"]]) == (True, ["EncodingDoubtful"])


@pytest.mark.parametrize("repeated", [1, 3_000])
def test_iso2022_jp_has_its_entities(world: World, repeated: int) -> None:
    text = "山田太郎 and Mary Miller borrowed $500. 返済は毎月行われます。\n" * repeated
    drop(world, "a.txt", text.encode("iso2022_jp"))
    assert check(world, "a.txt", text) == []
    assert world.entities("a.txt")["review"] is False  # type: ignore[index]


def test_blank_chunks_are_not_sent(world: World) -> None:
    text = letter(1) + LONG[: MAX_REQUEST_CHARACTERS + 5_000] + " \n" * (2 * MAX_REQUEST_CHARACTERS) + letter(2)
    drop(world, "a.txt", text.encode())
    assert check(world, "a.txt", text) == []
    sent = [document.characters for entry in world.service.counters.ledger for document in entry.documents]
    assert len(sent) == 3
    assert world.entities("a.txt")["textRecords"] <= sum(sent) // 1_000 + len(sent)  # type: ignore[index]
    assert sum(sent) < len(text) - MAX_REQUEST_CHARACTERS


def test_long_blank_document_has_no_text(world: World) -> None:
    drop(world, "a.txt", b" \r\n" * MAX_REQUEST_CHARACTERS)
    world.check_failed("a.txt", "NoText")


def test_text_before_long_gap_is_sent(world: World) -> None:
    text = letter(1) + " " * (3 * MAX_REQUEST_CHARACTERS)
    drop(world, "a.txt", text.encode())
    assert check(world, "a.txt", text) == []
    assert len(world.service.counters.ledger) == 1


@pytest.mark.parametrize("name", ["a.tar.gz", "a.txt"])
def test_archive_inside_gzip_is_no_text(world: World, name: str) -> None:
    drop(world, name, gzip.compress(b"a.txt".ljust(257, b"\0") + b"ustar\x0000" + bytes(248) + SHORT.encode()))
    assert "tar archive" in world.check_failed(name, "NotText")["error"]["message"]
