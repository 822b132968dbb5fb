"""Keys of HTTP triggers, and what each opens.

Rules: azure-functions-host `AuthenticationLevelHandler`, `SecretManager.GetAuthorizationLevelAsync` and
`FunctionAuthorizationHandler` (read October 2024). Core Tools check nothing unless they run with `--enableAuth`.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

ANONYMOUS, FUNCTION, ADMIN = "anonymous", "function", "admin"


@dataclass(frozen=True, slots=True)
class FunctionKeys:
    """The keys of a host. Without `is_enforced` every request may do everything, as with Core Tools."""

    is_enforced: bool = False
    master: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    host: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """The host key, which opens every function."""
    functions: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The keys of single functions, by the function's name."""

    def may_call(self, function: str, level: str, request: Request) -> bool:
        """Whether a request may call a function of this level."""
        if not self.is_enforced or level == ANONYMOUS:
            return True
        given = key_of(request)
        opening = [self.master]
        if level == FUNCTION:
            opening += [self.host, *(key for name, key in self.functions.items() if name.lower() == function.lower())]
        return any(same(given, key) for key in opening)


def key_of(request: Request) -> str:
    """Return the key of a request: the first header `x-functions-key` if there is one, else the query's `code`."""
    headers = request.headers.getlist("x-functions-key")
    return headers[0] if headers else request.query_params.get("code", "")


def same(given: str, key: str) -> bool:
    """Whether a given key is the key; takes as long whatever is given."""
    return hmac.compare_digest(given.encode(), key.encode())
