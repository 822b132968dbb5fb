"""Who the app is to Azure's AI services: a resource key, or an identity of Microsoft Entra ID."""

from collections.abc import Callable

import requests
from requests.auth import AuthBase

from ..identity import cloud_for, credential
from ..secret import Secret

TokenProvider = Callable[[], str]


class KeyAuth(AuthBase):
    """Signs requests with the resource key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Ocp-Apim-Subscription-Key"] = self._key
        return request


class TokenAuth(AuthBase):
    """Signs requests with a Microsoft Entra ID token, which the provider caches and renews."""

    def __init__(self, provider: TokenProvider) -> None:
        self._provider = provider

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._provider()}"
        return request


class NoAuth(AuthBase):
    """Leaves requests as they are, and keeps `requests` from adding a password of a `.netrc` file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def entra_scope(endpoint: str) -> str:
    """Return what a token for the AI service at this address is asked for: it differs between clouds."""
    return cloud_for(endpoint).language_scope


def auth_for(endpoint: str, key: Secret | None, client_id: str | None) -> AuthBase:
    """Return the key where there is one, the app's identity otherwise: that of `client_id`, or the only one.

    Raises `SettingsError` where there is neither. Over plain http no token is ever sent: whoever reads it on the way
    could use it anywhere in Azure. Containers of the services, which are what plain http is for, ask for none.
    """
    if key:
        return KeyAuth(key)
    if endpoint.startswith("http://"):
        return NoAuth()
    from azure.identity import get_bearer_token_provider

    identity = credential(client_id, endpoint)
    return TokenAuth(get_bearer_token_provider(identity, entra_scope(endpoint)))
