"""Who may use the API, by the setting `WEB`.

`key`: the Functions host lets nobody through without a function key. `entra`: App Service Authentication puts the
principal of the session or token into a header and removes what a client sends there; the app starts in this mode only
where that is on, and demands the principal. `open`: requests to a loopback name only, so that no page of another site
can reach it under a name of its own (DNS rebinding).

A browser sends the session of App Service Authentication with every request, whoever made it; therefore requests of
other sites are refused, by Fetch Metadata and `Origin` (RFC 6454; Fetch Metadata Request Headers, W3C, read 2026-11).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from .. import problems
from ..addresses import is_loopback
from ..problems import Refusal
from ..typed_data import from_json

PRINCIPAL_HEADER = "x-ms-client-principal"
NAME_HEADER = "x-ms-client-principal-name"
SIGN_OUT = "/.auth/logout"

MOST_PRINCIPAL_CHARACTERS = 32_768
"""What all headers of a request may have together (dotnet/aspnetcore `KestrelServerLimits`)."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_CLAIMS = "http://schemas.microsoft.com/identity/claims/"
_OBJECT_ID = ("oid", f"{_CLAIMS}objectidentifier")
_TENANT_ID = ("tid", f"{_CLAIMS}tenantid")


class Principal(NamedTuple):
    """Somebody who has signed in: the ids of the account and of its tenant decide, the name is for people."""

    object_id: str
    tenant_id: str
    name: str


class _Claim(msgspec.Struct):
    typ: str
    val: str


class _ClientPrincipal(msgspec.Struct):
    auth_typ: str
    claims: list[_Claim]


def principal_in(headers: Mapping[str, str]) -> Principal | None:
    """Return who has signed in, by the header that the platform sets; None where it does not name an account.

    Only to be asked where App Service Authentication is on: otherwise anybody can send the header.
    """
    text = headers.get(PRINCIPAL_HEADER, "")
    if not text or len(text) > MOST_PRINCIPAL_CHARACTERS:
        return None
    try:
        content = from_json(base64.b64decode(text, validate=True), _ClientPrincipal)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    claims = {claim.typ: claim.val for claim in content.claims}
    object_id = next((claims[name] for name in _OBJECT_ID if claims.get(name)), "")
    tenant_id = next((claims[name] for name in _TENANT_ID if claims.get(name)), "")
    if content.auth_typ != "aad" or not object_id or not tenant_id:
        return None
    name = claims.get("name") or claims.get("preferred_username") or headers.get(NAME_HEADER, "") or object_id
    return Principal(object_id, tenant_id, name)


def access_refusal(mode: str, method: str, headers: Mapping[str, str]) -> Refusal | None:
    """Return why a request to the API is refused; None where it may go on. Header names are in lower case."""
    host = headers.get("host", "")
    if mode == "open" and not is_loopback(_name_of(host)):
        return problems.WRONG_HOST.refusal()
    if not _is_of_this_site(mode, method, headers, host):
        return problems.FOREIGN_ORIGIN.refusal()
    if mode == "entra" and principal_in(headers) is None:
        return problems.SIGN_IN_NEEDED.refusal()
    return None


def page_refusal(mode: str, headers: Mapping[str, str]) -> Refusal | None:
    """Return why a request for a file of the page is refused; None where it may go on.

    The files hold no data, and a link on any site may lead to them.
    """
    if mode == "open" and not is_loopback(_name_of(headers.get("host", ""))):
        return problems.WRONG_HOST.refusal()
    return None


def _is_of_this_site(mode: str, method: str, headers: Mapping[str, str], host: str) -> bool:
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site.lower() not in ("same-origin", "none"):
        return False
    if origin is not None and _authority_of(origin) != host.lower():
        return False
    if method in SAFE_METHODS or mode != "entra" or site is not None or origin is not None:
        return True
    # Every browser says where a change comes from; a program that has no session sends a token.
    return "authorization" in headers


def _authority_of(origin: str) -> str | None:
    """Return host and port of an origin of the web, in lower case; None for any other, such as `null`."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    is_web = parts.scheme in ("http", "https") and not (parts.path or parts.query or parts.fragment)
    return parts.netloc.lower() if is_web else None


def _name_of(host: str) -> str:
    name = re.sub(r":\d+$", "", host.lower())
    return name.removeprefix("[").removesuffix("]")
