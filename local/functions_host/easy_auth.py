"""An imitation of App Service Authentication ("Easy Auth") with Microsoft Entra ID, for one chosen user.

The real one is a closed package of the platform. Its outside: learn.microsoft.com "Work with user identities in Azure
App Service authentication" and "Customize sign-ins and sign-outs" (read 2026-11). It removes what a client sends in
its headers, puts the session's principal there, and lets through or refuses those without a session. Without it a
client's headers pass unchanged, as in the real host, so that an app can be shown not to believe them.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "AppServiceAuthSession"
LOGIN, LOGOUT, ME = "/.auth/login/aad", "/.auth/logout", "/.auth/me"
ACTIONS = ("AllowAnonymous", "RedirectToLoginPage", "Return401", "Return403")

_CLAIM = "http://schemas.microsoft.com/identity/claims/"
_NAME_CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
_ROLE_CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who signs in, and what happens to a request without a session. An excluded path may end in `*`."""

    user: str
    object_id: str = "11111111-2222-3333-4444-555555555555"
    tenant_id: str = "99999999-8888-7777-6666-555555555555"
    action: str = "AllowAnonymous"
    excluded_paths: tuple[str, ...] = ()

    @property
    def claims(self) -> list[dict[str, str]]:
        """The claims of the user, as the principal header and `/.auth/me` have them."""
        values = {
            f"{_CLAIM}objectidentifier": self.object_id,
            f"{_CLAIM}tenantid": self.tenant_id,
            "preferred_username": self.user,
            "name": self.user,
        }
        return [{"typ": name, "val": value} for name, value in values.items()]

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers by which the app learns who it is."""
        principal = {"auth_typ": "aad", "name_typ": _NAME_CLAIM, "role_typ": _ROLE_CLAIM, "claims": self.claims}
        values = {
            "x-ms-client-principal": base64.b64encode(json.dumps(principal).encode()).decode(),
            "x-ms-client-principal-id": self.object_id,
            "x-ms-client-principal-name": quote(self.user, safe="@ "),
            "x-ms-client-principal-idp": "aad",
        }
        return [(name.encode(), value.encode()) for name, value in values.items()]


class EasyAuth:
    """An ASGI application in front of another, which it tells who has signed in."""

    def __init__(self, app: ASGIApp, sign_in: SignIn) -> None:
        self._app = app
        self._sign_in = sign_in
        self._sessions: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        if response := self._own_answer(request):
            await response(scope, receive, send)
            return
        has_session = request.cookies.get(COOKIE, "") in self._sessions
        if not has_session and not self._is_excluded(scope["path"]):
            response = self._without_session(request)
            if response:
                await response(scope, receive, send)
                return
        headers = [pair for pair in scope["headers"] if not pair[0].lower().startswith(_STRIPPED)]
        if has_session:
            headers += self._sign_in.headers()
        await self._app({**scope, "headers": headers}, receive, send)

    def _own_answer(self, request: Request) -> Response | None:
        query = parse_qs(request.scope["query_string"].decode("latin-1"))
        path = request.scope["path"].lower()
        if path == LOGIN:
            session = secrets.token_urlsafe(32)
            self._sessions.add(session)
            response: Response = RedirectResponse(_own_path(query.get("post_login_redirect_uri")), 302)
            response.set_cookie(COOKIE, session, httponly=True, samesite="lax")
            return response
        if path == LOGOUT:
            self._sessions.discard(request.cookies.get(COOKIE, ""))
            response = RedirectResponse(_own_path(query.get("post_logout_redirect_uri")), 302)
            response.delete_cookie(COOKIE)
            return response
        if path == ME:
            if request.cookies.get(COOKIE, "") not in self._sessions:
                return Response(status_code=401)
            me: dict[str, Any] = {"provider_name": "aad", "user_id": self._sign_in.user}
            return JSONResponse([{**me, "user_claims": self._sign_in.claims}])
        return None

    def _is_excluded(self, path: str) -> bool:
        return any(
            path.lower().startswith(one[:-1].lower()) if one.endswith("*") else path.lower() == one.lower()
            for one in self._sign_in.excluded_paths
        )

    def _without_session(self, request: Request) -> Response | None:
        match self._sign_in.action:
            case "Return401":
                return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
            case "Return403":
                return Response(status_code=403)
            case "RedirectToLoginPage":
                return RedirectResponse(f"{LOGIN}?post_login_redirect_uri={quote(request.scope['path'])}", 302)
        return None


_STRIPPED = (b"x-ms-client-principal", b"x-ms-token-")


def _own_path(given: list[str] | None) -> str:
    """Return where to go afterwards, which is never another origin."""
    path = given[0] if given else "/"
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
