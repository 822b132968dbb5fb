"""Signed addresses on the emulator: what each allows, and what it does not, whatever a client sends."""

import base64
import datetime as dt
import ipaddress
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.app import utcnow
from functions.errors import UnsafeName
from functions.settings import Secret, StorageConnection
from functions.storage.clients import can_sign
from functions.storage.upload_signer import KEY_LIFE, KEY_RENEWED, AzureUploadSigner, Permission
from local.azurite import Azurite
from local.stand_in.in_process import MovableClock

BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}
NAMES = ["a.txt", "with space/ü%2F#?+&.txt", "<img src=x onerror=alert(1)>.txt", "日本/😀.txt", "x" * 900]


def put(address: str, data: bytes = b"hello", headers: dict[str, str] | None = None, verify: str | bool = True) -> int:
    sent = {**({} if "&comp=" in address else BLOCK_BLOB), **(headers or {})}
    return requests.put(address, data=data, headers=sent, timeout=30, verify=verify).status_code


@pytest.fixture
def service(storage: Azurite) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(storage.connection_string) as client:
        yield client


@pytest.fixture
def container(service: BlobServiceClient) -> str:
    name = f"intake-{uuid.uuid4().hex[:8]}"
    service.create_container(name)
    return name


@pytest.fixture
def signer(service: BlobServiceClient, container: str) -> AzureUploadSigner:
    return AzureUploadSigner(lambda: service, container, utcnow)


def in_minutes(minutes: float) -> dt.datetime:
    return utcnow() + dt.timedelta(minutes=minutes)


@pytest.mark.parametrize("name", NAMES)
def test_new_blob_can_be_created_once(
    signer: AzureUploadSigner, service: BlobServiceClient, container: str, name: str
) -> None:
    address = signer.sign(name, Permission.CREATE, in_minutes(15))
    assert put(address, b"first") == 201
    assert put(address, b"second") == 403
    assert put(address, b"second", {"If-None-Match": "*"}) in (403, 409)
    assert service.get_blob_client(container, name).download_blob().readall() == b"first"


def test_create_allows_nothing_else(signer: AzureUploadSigner) -> None:
    address = signer.sign("a.txt", Permission.CREATE, in_minutes(15))
    assert put(address) == 201
    assert requests.get(address, timeout=30).status_code == 403
    assert requests.head(address, timeout=30).status_code == 403
    assert requests.delete(address, timeout=30).status_code == 403
    assert put(f"{address}&comp=block&blockid={quote(base64.b64encode(b'1'))}") == 403
    assert put(address.replace("a.txt", "b.txt")) == 403
    assert put(address.replace("/a.txt", "/a.txt/../b.txt")) == 403


def test_address_ends(signer: AzureUploadSigner) -> None:
    assert put(signer.sign("a.txt", Permission.CREATE, in_minutes(-1))) == 403


def test_write_replaces_agreed_version(signer: AzureUploadSigner, service: BlobServiceClient, container: str) -> None:
    blob = service.get_blob_client(container, "a.txt")
    etag = str(blob.upload_blob(b"old")["etag"])
    address = signer.sign("a.txt", Permission.WRITE, in_minutes(15))
    assert put(address, b"new", {"If-Match": '"0x1"'}) == 412
    assert put(address, b"new", {"If-Match": etag}) == 201
    assert put(address, b"newer", {"If-Match": etag}) == 412
    assert requests.get(address, timeout=30).status_code == 403
    assert blob.download_blob().readall() == b"new"


def test_blocks_are_put_together(signer: AzureUploadSigner, service: BlobServiceClient, container: str) -> None:
    """A list of blocks that must be new does not replace what came meanwhile."""
    address = signer.sign("a.txt", Permission.WRITE, in_minutes(15))
    ids = [base64.b64encode(f"{number:06}".encode()).decode() for number in range(2)]
    for block, part in zip(ids, (b"hel", b"lo"), strict=True):
        assert put(f"{address}&comp=block&blockid={quote(block)}", part) == 201
    listed = "".join(f"<Uncommitted>{block}</Uncommitted>" for block in ids)
    blocks = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
    assert put(f"{address}&comp=blocklist", blocks, {"If-None-Match": "*"}) == 201
    assert service.get_blob_client(container, "a.txt").download_blob().readall() == b"hello"
    assert put(f"{address}&comp=blocklist", blocks, {"If-None-Match": "*"}) == 409


@pytest.mark.parametrize("name", ["", "../x", "a/%2e%2e/b"])
def test_unsafe_names_are_not_signed(signer: AzureUploadSigner, name: str) -> None:
    with pytest.raises(UnsafeName):
        signer.sign(name, Permission.CREATE, in_minutes(15))


def test_origin_is_that_of_storage(signer: AzureUploadSigner, storage: Azurite) -> None:
    assert signer.origin == storage.blob_endpoint.rpartition("/")[0]


def test_signature_can_not_sign_others(service: BlobServiceClient, storage: Azurite) -> None:
    """An account key and an identity can; with a shared access signature the app offers no uploads."""
    shared = (
        f"BlobEndpoint={storage.blob_endpoint};QueueEndpoint={storage.queue_endpoint};SharedAccessSignature=sv=1&sig=x"
    )
    assert not can_sign(StorageConnection(connection_string=Secret(shared)))
    assert can_sign(StorageConnection(connection_string=Secret(storage.connection_string)))
    assert can_sign(StorageConnection(blob_service_uri="https://account.blob.core.windows.net"))


# --- With an identity ---


class Identity:
    """An identity as the emulator asks for one: it looks at issuer, audience and times of its token."""

    def get_token(self, *_: str, **__: object) -> AccessToken:
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/99999999-8888-7777-6666-555555555555/",
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 3600,
            "oid": "11111111-2222-3333-4444-555555555555",
            "tid": "99999999-8888-7777-6666-555555555555",
        }
        parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in ({"alg": "none"}, claims)]
        return AccessToken(b".".join([*parts, b"c2ln"]).decode(), now + 3600)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for this machine and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "emulator")])
    now = utcnow()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.mark.processes
def test_identity_signs_with_delegation_key(tmp_path: Path) -> None:
    """The same address by a user delegation SAS; its key is asked for once, until it nearly ends."""
    certificate, key = make_certificate(tmp_path)
    clock = MovableClock(utcnow())
    options = ["--oauth", "basic", "--cert", str(certificate), "--key", str(key)]
    with (
        Azurite(options=options) as storage,
        BlobServiceClient(storage.blob_endpoint, credential=Identity(), connection_verify=str(certificate)) as service,
    ):
        service.create_container("intake")
        asked: list[str] = []
        ask = service.get_user_delegation_key
        service.get_user_delegation_key = lambda *given: (asked.append("key"), ask(*given))[1]  # type: ignore[method-assign]
        signer = AzureUploadSigner(lambda: service, "intake", clock)
        for name in NAMES:
            address = signer.sign(name, Permission.CREATE, in_minutes(15))
            assert "skoid=11111111-2222-3333-4444-555555555555" in address
            assert "spr=https" in address
            assert put(address, verify=str(certificate)) == 201
            assert put(address, verify=str(certificate)) == 403
        assert put(address.replace("x" * 900, "other.txt"), verify=str(certificate)) == 403
        assert asked == ["key"]
        clock.advance((KEY_LIFE - KEY_RENEWED).total_seconds() + 1)
        signer.sign("b.txt", Permission.CREATE, in_minutes(15))
        assert asked == ["key", "key"]
