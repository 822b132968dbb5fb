"""What the settings accept, the real clients accept: azure-storage-blob and -queue, azure-identity, requests."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from azure.storage.blob._shared import sign_string
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from functions.app import connect, utcnow
from functions.core.outcomes import Accepted
from functions.core.work import work_of
from functions.errors import SettingsError
from functions.identity import credential
from functions.language.auth import KeyAuth, NoAuth, TokenAuth, entra_scope
from functions.language.budget import RequestBudget
from functions.language.client import LanguageClient, default_session
from functions.settings import Settings, StorageConnection
from functions.storage.clients import blob_service, queue
from functions.storage_connection import BLOB_URI, CLIENT_ID, QUEUE_URI
from local.process import ROOT
from tests.support.examples import examples
from tests.support.language import auth_of
from tests.support.material import REQUIRED

ID = "11111111-1111-1111-1111-111111111111"
OTHER_ID = "22222222-2222-2222-2222-222222222222"
SAS = "sv=2022-11-02&ss=bq&srt=sco&sp=rwdlacup&se=2030-01-01T00:00:00Z&sig=c2VjcmV0%3D"
CONNECTION_STRINGS = [
    "UseDevelopmentStorage=true",
    "DefaultEndpointsProtocol=https;AccountName=account;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net",
    "AccountName=account;AccountKey=c2VjcmV0",
    f"AccountName=account;SharedAccessSignature={SAS}",
    f"BlobEndpoint=https://account.blob.core.windows.net/;QueueEndpoint=https://account.queue.core.windows.net/;"
    f"SharedAccessSignature=?{SAS}",
    "BlobEndpoint=http://127.0.0.1:10000/dev;QueueEndpoint=http://127.0.0.1:10001/dev;AccountName=dev;AccountKey=aA==",
    "BlobEndpoint=https://blobs.contoso.com;BlobSecondaryEndpoint=https://blobs-2.contoso.com;"
    "QueueEndpoint=https://queues.contoso.com;AccountName=account;AccountKey=aA==",
]
ADDRESSES = [
    "https://account.blob.core.windows.net/",
    "https://account.queue.core.windows.net",
    "https://account.z1.blob.storage.azure.net",
    "https://loans.cognitiveservices.azure.com",
    "https://gw.contoso.com:8443/lang/v1/",
    "http://language:5000",
    "http://[fd00::1]:5000/a",
    "https://127.0.0.1:10000/dev",
]
NOISE = [
    "",
    ";",
    "=",
    "/",
    "//",
    ":",
    "@",
    "?",
    "#",
    ".",
    "..",
    "[",
    "]",
    "%",
    " ",
    "\n",
    '"',
    "é",
    "0",
    "70000",
    "A",
    "a",
    "-",
]


@st.composite
def altered(draw: st.DrawFn, originals: list[str]) -> str:
    """Draw a right text with a few chunks cut out, doubled, changed in case, or with noise put in."""
    text = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 6)))
        chunk = draw(st.sampled_from([*NOISE, text[start:end] * 2, text[start:end].upper()]))
        text = text[:start] + chunk + text[end:]
    return text


def accepted(**environ: str) -> Settings:
    try:
        return Settings.from_env({**REQUIRED, **environ})
    except SettingsError:
        assume(False)
        raise


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of this machine; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


FUZZ = settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


@pytest.mark.long
@FUZZ
@given(altered(CONNECTION_STRINGS))
def test_clients_take_every_accepted_connection_string(text: str) -> None:
    storage = accepted(DocumentStorage=text).storage
    blobs, jobs = blob_service(storage), queue(storage, "jobs")
    for client in (blobs, jobs):
        assert client.url.startswith(("https://", "http://"))
        if hasattr(client.credential, "account_key"):
            assert sign_string(client.credential.account_key, "text")
        else:
            assert "sig=" in client.url
    assert urlsplit(blobs.get_container_client("documents").url).path.endswith("/documents")
    assert urlsplit(jobs.url).path.endswith("/jobs")


@pytest.mark.parametrize("text", CONNECTION_STRINGS)
def test_plain_connection_strings_are_accepted(text: str) -> None:
    assert Settings.from_env({**REQUIRED, "DocumentStorage": text}).storage.connection_string == text


@pytest.mark.long
@settings(FUZZ, max_examples=examples(60))
@given(altered(ADDRESSES), altered(ADDRESSES))
def test_clients_take_every_accepted_storage_address(blob_uri: str, queue_uri: str) -> None:
    environ = {BLOB_URI: blob_uri, QUEUE_URI: queue_uri}
    storage = accepted(DocumentStorage="", **environ).storage
    for client, uri in ((blob_service(storage), blob_uri), (queue(storage, "jobs"), queue_uri)):
        assert urlsplit(client.url).scheme == "https"
        assert urlsplit(client.url).hostname == urlsplit(uri).hostname


@pytest.mark.long
@FUZZ
@given(altered(ADDRESSES))
def test_requests_takes_every_accepted_endpoint(text: str) -> None:
    """The address that is asked is the endpoint with the operation's path behind it, to the letter."""
    endpoint = accepted(LANGUAGE_ENDPOINT=text, ALLOW_HTTP_ENDPOINT="true").language_endpoint
    url = f"{endpoint}/language/analyze-text/jobs?api-version=2023-04-01"
    prepared = requests.Request("POST", url).prepare()
    assert prepared.url == url
    assert "//" not in urlsplit(url).path
    pool = HTTPAdapter().get_connection_with_tls_context(prepared, verify=True)
    parts = urlsplit(endpoint)
    assert str(pool.host).strip("[]") == parts.hostname
    assert pool.port in (parts.port, None if parts.port else {"https": 443, "http": 80}[parts.scheme])


@FUZZ
@given(st.text(st.characters(max_codepoint=0x2FF), max_size=20) | altered(["0123456789abcdef"]))
def test_header_carries_every_accepted_key(text: str) -> None:
    key = accepted(LANGUAGE_KEY=text).language_key
    assume(key is not None)
    prepared = requests.Request("POST", "https://x.example", auth=KeyAuth(str(key))).prepare()
    assert prepared.headers["Ocp-Apim-Subscription-Key"].encode("latin-1").decode() == key


def test_gateway_path_is_kept() -> None:
    """Submission, polls and the stored operation URL all go through the gateway, with no slash doubled."""
    asked: list[str] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            host = self.headers["Host"]
            self.send_response(202)
            self.send_header(
                "operation-location", f"http://{host}/lang/v1/language/analyze-text/jobs/j-1?api-version=x"
            )
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with serving(Gateway) as address:
        read = Settings.from_env({**REQUIRED, "LANGUAGE_ENDPOINT": f"{address}/lang/v1//"})
        client = LanguageClient(
            read.language_resources[0].endpoint, default_session(), auth_of(read), RequestBudget(1000, utcnow()), utcnow
        )
        outcome = client.submit(work_of(read), "name", ["text"])
        assert isinstance(outcome, Accepted)
        assert outcome.operation_url == f"{address}/lang/v1/language/analyze-text/jobs/j-1?api-version=2023-04-01"
        client.progress(work_of(read), outcome.operation_url)
    assert [path.split("?")[0] for path in asked] == [
        "/lang/v1/language/analyze-text/jobs",
        "/lang/v1/language/analyze-text/jobs/j-1",
    ]


def test_app_connects_with_each_form() -> None:
    identity = {
        BLOB_URI: ADDRESSES[0],
        QUEUE_URI: ADDRESSES[1],
        CLIENT_ID: ID,
        "DocumentStorage": "",
        "LANGUAGE_KEY": "",
    }
    for environ in ({}, identity):
        connect(Settings.from_env({**REQUIRED, **environ}))


# --- the identity ---


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    return iter(())


@pytest.mark.parametrize(
    ("endpoint", "scope", "authority"),
    [
        (
            "https://x.cognitiveservices.azure.com",
            "https://cognitiveservices.azure.com/.default",
            "login.microsoftonline.com",
        ),
        (
            "https://x.services.ai.azure.com",
            "https://cognitiveservices.azure.com/.default",
            "login.microsoftonline.com",
        ),
        (
            "https://x.cognitiveservices.azure.us",
            "https://cognitiveservices.azure.us/.default",
            "login.microsoftonline.us",
        ),
        ("https://x.services.ai.azure.us", "https://cognitiveservices.azure.us/.default", "login.microsoftonline.us"),
        (
            "https://x.cognitiveservices.azure.cn",
            "https://cognitiveservices.azure.cn/.default",
            "login.chinacloudapi.cn",
        ),
        ("https://gw.contoso.com/lang", "https://cognitiveservices.azure.com/.default", "login.microsoftonline.com"),
        (
            "https://cognitiveservices.azure.us.evil.example",
            "https://cognitiveservices.azure.com/.default",
            "login.microsoftonline.com",
        ),
    ],
)
def test_scope_and_authority_follow_cloud(endpoint: str, scope: str, authority: str) -> None:
    assert entra_scope(endpoint) == scope
    assert _authorities(credential(None, endpoint)) == {f"https://{authority}"}


@pytest.mark.parametrize("suffix", ["core.usgovcloudapi.net", "z1.blob.storage.azure.us"])
def test_storage_uses_own_clouds_authority(suffix: str) -> None:
    """The scope is the same in all clouds: "Authorize with Microsoft Entra ID", storage (read 2026-11)."""
    assert _authorities(credential(None, f"https://account.blob.{suffix}")) == {"https://login.microsoftonline.us"}


def test_gateway_follows_configured_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/")
    assert entra_scope("https://gw.contoso.com/lang") == "https://cognitiveservices.azure.us/.default"
    assert _authorities(credential(None, "https://gw.contoso.com/lang")) == {"https://login.microsoftonline.us"}


def test_configured_authority_overrides_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "login.partner.microsoftonline.cn")
    assert _authorities(credential(None, "https://x.cognitiveservices.azure.com")) == {
        "https://login.partner.microsoftonline.cn"
    }


@pytest.fixture
def token_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, list[str]]]]:
    """The address of App Service that gives tokens to managed identities; what it was asked for is collected."""
    asked: list[dict[str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(parse_qs(urlsplit(self.path).query))
            body = json.dumps(
                {"access_token": "t0ken", "expires_on": str(int(time.time()) + 7200), "token_type": "Bearer"}
            )
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as address:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{address}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        yield asked


@pytest.mark.parametrize(
    ("environ", "client_id"),
    [
        ({CLIENT_ID: ID}, [ID]),
        ({"AZURE_CLIENT_ID": ID}, [ID]),
        ({CLIENT_ID: OTHER_ID, "AZURE_CLIENT_ID": ID}, [ID]),
        ({}, None),
    ],
)
def test_language_requests_use_configured_identity(
    monkeypatch: pytest.MonkeyPatch,
    token_endpoint: list[dict[str, list[str]]],
    environ: dict[str, str],
    client_id: list[str] | None,
) -> None:
    if "AZURE_CLIENT_ID" in environ:
        monkeypatch.setenv("AZURE_CLIENT_ID", environ["AZURE_CLIENT_ID"])
    endpoint = "https://x.cognitiveservices.azure.us"
    identity = {"DocumentStorage": "", "LANGUAGE_KEY": "", BLOB_URI: ADDRESSES[0], QUEUE_URI: ADDRESSES[1]}
    read = Settings.from_env({**REQUIRED, **identity, "LANGUAGE_ENDPOINT": endpoint, **environ})
    prepared = requests.Request("POST", endpoint, auth=auth_of(read)).prepare()
    assert prepared.headers["Authorization"] == "Bearer t0ken"
    (question,) = token_endpoint
    assert question.get("client_id") == client_id
    assert question["resource"] == ["https://cognitiveservices.azure.us"]


@pytest.mark.parametrize(
    ("client_id", "environ", "asked"), [(ID, {}, [ID]), (None, {"AZURE_CLIENT_ID": ID}, [ID]), (None, {}, None)]
)
def test_storage_clients_act_as_configured_identity(
    monkeypatch: pytest.MonkeyPatch,
    token_endpoint: list[dict[str, list[str]]],
    client_id: str | None,
    environ: dict[str, str],
    asked: list[str] | None,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    storage = StorageConnection(blob_service_uri=ADDRESSES[0], queue_service_uri=ADDRESSES[1], client_id=client_id)
    blob_service(storage).credential.get_token("https://storage.azure.com/.default")
    assert token_endpoint[0].get("client_id") == asked


def test_over_plain_http_no_token_is_sent() -> None:
    endpoint = {"LANGUAGE_ENDPOINT": "http://language:5000", "ALLOW_HTTP_ENDPOINT": "true"}
    auth = auth_of(Settings.from_env({**REQUIRED, **endpoint, "LANGUAGE_KEY": ""}))
    assert isinstance(auth, NoAuth)
    prepared = requests.Request("POST", "http://language:5000", auth=auth).prepare()
    assert "Authorization" not in prepared.headers
    assert isinstance(auth_of(Settings.from_env({**REQUIRED, **endpoint})), KeyAuth)
    assert isinstance(auth_of(Settings.from_env({**REQUIRED, "LANGUAGE_KEY": ""})), TokenAuth)


@pytest.mark.parametrize(
    "environ",
    [
        {"AZURE_TOKEN_CREDENTIALS": "nonsense-s3cret"},
        {
            "AZURE_TENANT_ID": ID,
            "AZURE_CLIENT_ID": ID,
            "AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere/s3cret.pem",
        },
    ],
)
def test_unusable_credential_is_settings_error(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="The AZURE_\\* variables give no usable credential") as caught:
        credential(None, "https://x.cognitiveservices.azure.com")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_wrong_start_ends_with_one_message() -> None:
    """No client is made and nothing is loaded that a wrong setting could break first."""
    wrong = {
        "LANGUAGE_ENDPOINT": "https://<resource>.cognitiveservices.azure.com",
        "LANGUAGE_KEY": '"quoted"',
        "LANGUAGE_PROJECT": "a b",
        "LANGUAGE_DEPLOYMENT": "production",
        "DOCUMENT_LANGUAGE": "english",
        "DocumentStorage": "AccountName=account;AccountKey=c2VjcmV",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=1",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [sys.executable, "-c", "import function_app"], cwd=ROOT, env=wrong, capture_output=True, text=True, check=False
    )
    message = done.stderr[done.stderr.index("functions.errors.SettingsError") :]
    assert "6 problem(s)" in message
    for name in wrong.keys() - {"LANGUAGE_DEPLOYMENT", "PATH"}:
        assert f"  - {name} " in message
    assert "c2VjcmV" not in done.stderr and "quoted" not in done.stderr


def _authorities(chain: object) -> set[str]:
    """Return the authorities of those credentials of a chain that ask one."""
    found = set()
    for part in chain.credentials:  # type: ignore[attr-defined]
        for holder in (part, getattr(part, "_credential", None), getattr(part, "_client", None)):
            authority = getattr(holder, "_authority", None)
            if isinstance(authority, str):
                found.add(authority if authority.startswith("https://") else f"https://{authority}")
    return found
