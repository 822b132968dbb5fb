"""Reads resources of Azure Resource Manager, with one's own identity."""

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import requests

from ..clouds import PUBLIC, cloud_of_authority
from ..errors import EntityDropError
from ..identity import AUTHORITY_HOST, credential

TIMEOUT_S = 20.0


class NotReached(EntityDropError):
    """A resource that can not be looked at; the message and the fix are for people."""

    def __init__(self, told: str, fix: str) -> None:
        super().__init__(told)
        self.fix = fix


class ResourceManager:
    """Asks Azure Resource Manager at an address; `token` returns one's token for it."""

    def __init__(self, address: str, token: Callable[[], str], timeout_s: float = TIMEOUT_S) -> None:
        self._address = address
        self._token = token
        self._timeout_s = timeout_s

    def properties(self, resource_id: str, api_version: str) -> dict[str, Any] | None:
        """Return the properties of a resource; None where it is not there. Raises `NotReached`."""
        try:
            reply = requests.get(
                f"{self._address}/{quote(resource_id.strip('/'), safe='/')}",
                params={"api-version": api_version},
                headers={"Authorization": f"Bearer {self._token()}"},
                timeout=self._timeout_s,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise NotReached(
                f"Azure Resource Manager can not be reached ({type(error).__name__})",
                "Check the network, and try again.",
            ) from None
        if reply.status_code == 404:
            return None
        if reply.status_code != 200:
            raise _refused(reply.status_code)
        try:
            properties = reply.json()["properties"]
        except (ValueError, KeyError, TypeError):
            properties = None
        if not isinstance(properties, dict):
            raise NotReached(
                "the answer of Azure Resource Manager can not be read",
                "Is the id that of a resource, and does a proxy answer in its place?",
            )
        return properties


def _refused(status: int) -> NotReached:
    if status == 401:
        return NotReached("Azure Resource Manager does not accept your identity (HTTP 401)", "Log in with 'az login'.")
    if status == 403:
        return NotReached(
            "your identity may not see it (HTTP 403)", "The role Reader on the resource group is enough, or skip it."
        )
    if status == 429 or status >= 500:
        return NotReached(f"Azure Resource Manager fails at the moment (HTTP {status})", "Try again later.")
    return NotReached(f"Azure Resource Manager refuses to show it (HTTP {status})", "Is the resource id right?")


def own_resource_manager() -> ResourceManager:
    """Return the Azure Resource Manager of one's cloud; one's token is asked for with the first question."""
    cloud = cloud_of_authority(os.environ.get(AUTHORITY_HOST, "")) or PUBLIC

    def token() -> str:
        try:
            return credential(None, cloud.management).get_token(f"{cloud.management}/.default").token
        except Exception as error:
            raise NotReached(
                f"no token for Azure Resource Manager could be had ({type(error).__name__})", "Log in with 'az login'."
            ) from None

    return ResourceManager(cloud.management, token)
