"""Who may use the API: principals, hosts and origins, by the setting."""

import base64
import json

import pytest

from functions import problems
from functions.problems import RefusalKind
from functions.web.authorization import Principal, access_refusal, page_refusal, principal_in
from tests.support.web import CLAIMS, HOST, principal


def test_principal_is_account_and_tenant() -> None:
    assert principal_in(principal()) == Principal("object-1", "tenant-1", "Ada Äpfel")
    short = principal(claims={f"{CLAIMS}objectidentifier": "", f"{CLAIMS}tenantid": "", "oid": "o", "tid": "t"})
    assert principal_in(short) == Principal("o", "t", "Ada Äpfel")
    unnamed = principal(claims={"name": ""}) | {"x-ms-client-principal-name": "ada@example.org"}
    assert principal_in(unnamed) == Principal("object-1", "tenant-1", "ada@example.org")


def encoded(content: object) -> dict[str, str]:
    return {"x-ms-client-principal": base64.b64encode(json.dumps(content).encode()).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ms-client-principal": ""},
        {"x-ms-client-principal": "not base64"},
        {"x-ms-client-principal": "ä"},
        {"x-ms-client-principal": base64.b64encode(b"\xff{").decode()},
        {"x-ms-client-principal": "A" * 40_000},
        encoded([]),
        encoded({"auth_typ": "aad"}),
        encoded({"auth_typ": "aad", "claims": [{"typ": 1, "val": "x"}]}),
        # Static Web Apps' form, and a provider that nobody has set up here.
        encoded({"identityProvider": "aad", "userId": "1", "userDetails": "x", "userRoles": ["anonymous"]}),
        principal(auth_typ="github"),
        principal(claims={f"{CLAIMS}objectidentifier": ""}),
        principal(claims={f"{CLAIMS}tenantid": ""}),
        {"x-ms-client-principal-id": "object-1", "x-ms-client-principal-name": "Ada"},
    ],
)
def test_anything_else_is_nobody(headers: dict[str, str]) -> None:
    assert principal_in(headers) is None
    refusal = access_refusal("entra", "GET", {"host": "app.example", **headers})
    assert refusal == problems.SIGN_IN_NEEDED.refusal()


LOCAL = {"host": HOST}
AZURE = {"host": "app.example", **principal()}


def outcome(mode: str, method: str, headers: dict[str, str]) -> str | None:
    refusal = access_refusal(mode, method, headers)
    return refusal.code if refusal else None


FOREIGN: RefusalKind = problems.FOREIGN_ORIGIN


@pytest.mark.parametrize("host", ["127.0.0.1:7071", "localhost:1", "LOCALHOST", "[::1]:7071"])
def test_open_answers_loopback_names(host: str) -> None:
    assert outcome("open", "GET", {"host": host}) is None
    assert page_refusal("open", {"host": host}) is None


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:7071", "127.0.0.1.evil.example", "10.0.0.1", "localhost@evil.example"]
)
def test_open_answers_no_other_name(host: str) -> None:
    """A page of another site may let its own name point to this machine."""
    assert outcome("open", "GET", {"host": host}) == problems.WRONG_HOST.code
    refusal = page_refusal("open", {"host": host})
    assert refusal == problems.WRONG_HOST.refusal()
    assert outcome("key", "GET", {"host": host}) is None
    assert page_refusal("key", {"host": host}) is None


@pytest.mark.parametrize(("mode", "base"), [("open", LOCAL), ("key", {"host": "app.example"}), ("entra", AZURE)])
@pytest.mark.parametrize(
    "sent",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://app.example.evil.example"},
        {"origin": "https://app.example:444"},
        {"origin": "file://"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site", "origin": "https://app.example"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_sites_are_refused(mode: str, base: dict[str, str], sent: dict[str, str], method: str) -> None:
    assert outcome(mode, method, {**base, **sent}) == FOREIGN.code


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "sent", [{"sec-fetch-site": "same-origin"}, {"origin": "https://app.example"}, {"origin": "https://APP.example"}]
)
def test_own_page_is_answered(method: str, sent: dict[str, str]) -> None:
    assert outcome("entra", method, {**AZURE, **sent}) is None


def test_change_must_say_where_from() -> None:
    """With a session, which a browser sends along; a token is not sent by itself."""
    assert outcome("entra", "POST", AZURE) == FOREIGN.code
    assert outcome("entra", "GET", AZURE) is None
    assert outcome("entra", "POST", {**AZURE, "authorization": "Bearer x"}) is None
    assert outcome("key", "POST", {"host": "app.example"}) is None
    assert outcome("open", "POST", LOCAL) is None


def test_forwarded_names_mean_nothing() -> None:
    forged = {"x-forwarded-host": "127.0.0.1:7071", "forwarded": "host=127.0.0.1", "x-original-host": "localhost"}
    assert outcome("open", "GET", {"host": "evil.example", **forged}) == problems.WRONG_HOST.code
    sent = {"origin": "https://evil.example", "x-forwarded-host": "evil.example"}
    assert outcome("key", "POST", {"host": "app.example", **sent}) == FOREIGN.code
