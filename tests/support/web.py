"""The page and its API without a host: an ASGI client, signed addresses without a storage, principals."""

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from functions.storage.upload_signer import Permission

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST = "127.0.0.1:7071"
OPEN = {"WEB": "open", "WEBSITE_HOSTNAME": HOST}
KEY_MODE = {"WEB": "key"}
ENTRA = {"WEB": "entra", "WEBSITE_AUTH_ENABLED": "True"}
CLAIMS = "http://schemas.microsoft.com/identity/claims/"


class PlainSigner:
    """Makes addresses that say what they would be signed for."""

    origin = "https://account.blob.core.windows.net"

    def sign(self, name: str, permission: Permission, expires: datetime) -> str:
        address = f"{self.origin}/documents/{quote(name, safe='~/')}"
        return f"{address}?sp={permission.value}&se={quote(expires.isoformat())}&sig=signed"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; each header once, as the Functions adapter would keep it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks an ASGI application as the adapter of the Functions library does."""

    def __init__(self, app: "ASGIApp", headers: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._headers = {"host": HOST, **(headers or {})}

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        sent = {**self._headers, **({} if body is None else {"content-length": str(len(body))}), **(headers or {})}
        return asyncio.run(self._ask(path, method, body or b"", [*sent.items()]))

    def post(self, path: str, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
        body = json.dumps(content).encode()
        return self.ask(path, "POST", body, {"content-type": "application/json", **(headers or {})})

    async def _ask(self, path: str, method: str, body: bytes, headers: Sequence[tuple[str, str]]) -> Reply:
        bare, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(bare),
            "raw_path": unquote(bare).encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "server": ("127.0.0.1", 7071),
            "client": None,
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        names = [name.decode() for name, _ in sent[0]["headers"]]
        assert len(names) == len(set(names)), "the adapter keeps the last of a repeated header only"
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], found, b"".join(message["body"] for message in sent[1:]))


def principal(**changes: Any) -> dict[str, str]:
    """Return the headers by which App Service Authentication names somebody."""
    claims = {f"{CLAIMS}objectidentifier": "object-1", f"{CLAIMS}tenantid": "tenant-1", "name": "Ada Äpfel"}
    claims.update(changes.pop("claims", {}))
    content = {
        "auth_typ": "aad",
        "name_typ": "name",
        "role_typ": "role",
        "claims": [{"typ": name, "val": value} for name, value in claims.items() if value],
        **changes,
    }
    return {"x-ms-client-principal": base64.b64encode(json.dumps(content).encode()).decode()}
