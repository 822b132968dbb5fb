import gzip
import random
import tracemalloc
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.errors import DocumentError, Fault, Problem
from functions.text.compression import MAX_LAYERS, Unpacked, is_compressed, unpack


def compressed(data: bytes) -> bytes:
    """Return `data` as gzip, the same bytes at any time: tests are named by them, and each worker names them."""
    return gzip.compress(data, mtime=0)


TEXT = ("Zoë owes €5,000 to 田中.\n" * 50).encode()
LIMIT = 1_000_000


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": compressed(TEXT),
    "deflate": zlib.compress(TEXT),
    "raw deflate": raw_deflate(TEXT),
    "br": brotli.compress(TEXT),
}


def problem_of(data: bytes, declared: str = "", limit: int = LIMIT) -> Problem:
    with pytest.raises(DocumentError) as caught:
        unpack(data, declared, limit)
    assert caught.value.problem.fault is Fault.DOCUMENT
    return caught.value.problem


@pytest.mark.parametrize(
    ("data", "declared", "found"),
    [
        (PACKED["gzip"], "gzip", "gzip"),
        (PACKED["gzip"], "", "gzip"),
        (PACKED["gzip"], " X-GZIP ", "gzip"),
        (PACKED["gzip"], "identity", "gzip"),
        (PACKED["deflate"], "deflate", "deflate"),
        (PACKED["raw deflate"], "Deflate", "deflate"),
        (PACKED["br"], "br", "br"),
        (brotli.compress(PACKED["gzip"]), "gzip, br", "gzip, br"),
        (compressed(PACKED["br"]), "br,identity,gzip", "br, gzip"),
        (compressed(PACKED["gzip"]), "gzip", "gzip, gzip"),
        (compressed(TEXT[:99]) + compressed(TEXT[99:]) + bytes(512), "gzip", "gzip"),
        (TEXT, "identity", None),
        (TEXT, "", None),
    ],
)
def test_content_is_unpacked(data: bytes, declared: str, found: str | None) -> None:
    assert unpack(data, declared, LIMIT) == Unpacked(TEXT, found)
    if found:
        assert unpack(data, found, None) == Unpacked(TEXT, found)
        assert is_compressed(data, declared)


@pytest.mark.parametrize("declared", ["gzip", "deflate", "br", "utf-8", "aws-chunked", "compress", "gzip, br"])
@pytest.mark.parametrize(
    ("data", "found"), [(TEXT, None), (PACKED["gzip"], "gzip"), (b"x^2 + y^2", None), (b";", None)]
)
def test_wrong_declaration_is_ignored_with_warning(declared: str, data: bytes, found: str | None) -> None:
    unpacked = unpack(data, declared, LIMIT)
    assert unpacked[:2] == (TEXT if found else data, found)
    if (declared, found) != ("gzip", "gzip"):
        assert [warning.code for warning in unpacked.warnings] == ["WrongContentEncoding"]
        assert repr(declared) in unpacked.warnings[0].message


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("cut", [1, 9, 30])
def test_truncated_content_is_damaged(kind: str, cut: int) -> None:
    problem = problem_of(PACKED[kind][:-cut], kind.split()[-1])
    assert problem.code == "DamagedContent"
    assert "in the middle of its content" in problem.message
    assert "Drop it again" in problem.help


@pytest.mark.parametrize("data", [b"\x1f\x8b", PACKED["gzip"][:8], b"\x1f\x8b\x09 text", PACKED["gzip"] + b"tail"])
def test_gzip_signature_means_gzip(data: bytes) -> None:
    """Content with it is gzip or damaged."""
    assert problem_of(data).code == "DamagedContent"


def test_wrong_checksum_is_damage() -> None:
    data = bytearray(PACKED["gzip"])
    data[-5] ^= 1
    assert problem_of(bytes(data)).code == "DamagedContent"


@pytest.mark.parametrize("kind", PACKED)
def test_limit_counts_unpacked_bytes(kind: str) -> None:
    declared = kind.split()[-1]
    assert unpack(PACKED[kind], declared, len(TEXT)).data == TEXT
    problem = problem_of(PACKED[kind], declared, len(TEXT) - 1)
    assert problem.code == "TooLarge"
    assert f"more than {len(TEXT) - 1:,} unpacked; the limit is {len(TEXT) - 1:,}" in problem.message
    assert "MAX_DOCUMENT_BYTES" in problem.help


@pytest.mark.parametrize(
    "pack", [gzip.compress, zlib.compress, raw_deflate, lambda data: brotli.compress(data, quality=3)]
)
def test_bomb_memory_is_bounded(pack: object) -> None:
    declared = {gzip.compress: "gzip", zlib.compress: "deflate", raw_deflate: "deflate"}.get(pack, "br")  # type: ignore
    bomb = pack(bytes(100 * LIMIT))  # type: ignore
    tracemalloc.start()
    try:
        assert problem_of(bomb, declared).code == "TooLarge"
        assert tracemalloc.get_traced_memory()[1] < 4 * LIMIT
    finally:
        tracemalloc.stop()


def test_nested_bomb_is_stopped() -> None:
    """At the first layer over the limit."""
    assert problem_of(compressed(compressed(bytes(100 * LIMIT)) * 50)).code == "TooLarge"


def test_layers_are_unpacked_up_to_limit() -> None:
    data = TEXT
    for _ in range(MAX_LAYERS):
        data = compressed(data)
    assert unpack(data, "", LIMIT).data == TEXT
    assert unpack(compressed(data), "", LIMIT).data.startswith(b"\x1f\x8b")


def test_gzip_of_many_parts_is_refused() -> None:
    assert "more than 10,000 parts" in problem_of(compressed(b"") * 10_001).message


@given(st.binary(max_size=200), st.sampled_from(["", "gzip", "deflate", "br", "deflate, br", "br, gzip", ",,", "x"]))
def test_any_bytes_are_unpacked_or_document_error(data: bytes, declared: str) -> None:
    for content in (data, b"\x1f\x8b" + data, PACKED["gzip"][:12] + data, b"\x78\x9c" + data):
        try:
            unpacked = unpack(content, declared, LIMIT)
        except DocumentError:
            continue
        if unpacked.content_encoding:
            assert unpack(content, unpacked.content_encoding, None).data == unpacked.data


def test_random_bytes_are_not_compressed() -> None:
    noise = random.Random(5).randbytes(1_000)
    assert unpack(noise, "gzip, deflate", LIMIT).content_encoding is None
    assert problem_of(noise, "br").code == "DamagedContent"
