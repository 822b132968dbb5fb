"""Uploads: what an address is signed for, and when none is."""

from datetime import timedelta

import pytest

from functions import problems
from functions.core.upload_rules import BLOCK_BYTES, ONE_REQUEST_BYTES
from functions.storage.upload_signer import Permission
from functions.workflows.uploads import NotUploaded, Upload, Uploads
from tests.support.world import World

LARGE = {"MAX_FILE_BYTES": "104857600"}


def begun(world: World, name: str, size: int = 5, replaces: str | None = None) -> Upload:
    upload = world.app.uploads.begin(name, size, replaces)
    assert isinstance(upload, Upload), upload
    return upload


def refused(world: World, name: str, size: int = 5, replaces: str | None = None) -> NotUploaded:
    upload = world.app.uploads.begin(name, size, replaces)
    assert isinstance(upload, NotUploaded), upload
    return upload


def test_new_document_may_only_be_created(world: World) -> None:
    upload = begun(world, "loans/a b.txt")
    assert upload.permission is Permission.CREATE
    assert upload.headers == {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}
    assert upload.block_bytes is None
    assert upload.expires == world.clock() + timedelta(minutes=15)
    assert upload.address.startswith("https://account.blob.core.windows.net/documents/loans/a%20b.txt?sp=c&")


def test_present_document_is_not_replaced_unasked(world: World) -> None:
    etag = world.drop("a.txt", "old")
    answer = refused(world, "a.txt")
    assert answer.refusal == problems.DOCUMENT_EXISTS.refusal()
    assert answer.present and (answer.present.etag, answer.present.size_bytes) == (etag, 3)


def test_agreed_version_may_be_replaced(world: World) -> None:
    etag = world.drop("a.txt", "old")
    upload = begun(world, "a.txt", replaces=etag)
    assert upload.permission is Permission.WRITE
    assert upload.headers == {"x-ms-blob-type": "BlockBlob", "If-Match": etag}


def test_other_version_is_not_replaced(world: World) -> None:
    """Neither one that somebody has replaced meanwhile, nor one that is gone."""
    etag = world.drop("a.txt", "old")
    newer = world.drop("a.txt", "newer")
    answer = refused(world, "a.txt", replaces=etag)
    assert answer.refusal == problems.DOCUMENT_CHANGED.refusal()
    assert answer.present and answer.present.etag == newer
    assert refused(world, "gone.txt", replaces=etag).refusal == problems.DOCUMENT_CHANGED.refusal()


def test_large_file_is_written_in_blocks() -> None:
    world = World(settings=LARGE)
    assert begun(world, "a.pdf", ONE_REQUEST_BYTES).block_bytes is None
    upload = begun(world, "a.pdf", ONE_REQUEST_BYTES + 1)
    assert (upload.permission, upload.block_bytes) == (Permission.WRITE, BLOCK_BYTES)
    assert upload.headers == {"If-None-Match": "*"}
    etag = world.drop("a.pdf", "old")
    assert begun(world, "a.pdf", ONE_REQUEST_BYTES + 1, etag).headers == {"If-Match": etag}


def test_size_limit_is_inclusive(world: World) -> None:
    limit = 52_428_800
    assert begun(world, "a.pdf", limit)
    assert refused(world, "a.pdf", limit + 1).refusal == problems.UPLOAD_TOO_LARGE.refusal(size=limit + 1, limit=limit)


@pytest.mark.parametrize(
    "name", ["", "a/../b.txt", "a/%2e%2e/b", "%2e%2e/extraction-state/x", ".", "a\\b", "/a", "x" * 1025]
)
def test_unsafe_name_is_refused(world: World, name: str) -> None:
    assert refused(world, name).refusal.code == problems.INVALID_NAME.code


def test_without_signer_nothing_is_uploaded(world: World) -> None:
    uploads = Uploads(world.app.parts.documents, None, 100, world.clock)
    answer = uploads.begin("a.txt", 5, None)
    assert answer == NotUploaded(problems.UPLOADS_IMPOSSIBLE.refusal())
    assert uploads.origin is None
