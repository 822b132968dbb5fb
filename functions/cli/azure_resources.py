"""Reads resources of Azure Resource Manager, with one's own identity."""

import os
from typing import Any
from urllib.parse import quote

import requests

from ..clouds import PUBLIC, cloud_of_authority
from ..errors import EntityDropError
from ..identity import AUTHORITY_HOST, credential

TIMEOUT_S = 20


class NotReached(EntityDropError):
    """A resource that can not be looked at; the message is for people."""


def read_resource(resource_id: str, api_version: str) -> dict[str, Any] | None:
    """Return the properties of a resource; None where it is not there. Raises `NotReached`."""
    cloud = cloud_of_authority(os.environ.get(AUTHORITY_HOST, "")) or PUBLIC
    try:
        token = credential(None, cloud.management).get_token(f"{cloud.management}/.default").token
    except Exception as error:
        raise NotReached(f"no token for Azure Resource Manager could be had ({type(error).__name__})") from None
    return fetch(cloud.management, resource_id, api_version, token)


def fetch(management: str, resource_id: str, api_version: str, token: str) -> dict[str, Any] | None:
    """Return the properties of a resource, by a token. Raises `NotReached`."""
    address = f"{management}/{quote(resource_id.strip('/'), safe='/')}"
    try:
        reply = requests.get(
            address,
            params={"api-version": api_version},
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise NotReached(f"Azure Resource Manager can not be reached ({type(error).__name__})") from None
    if reply.status_code == 404:
        return None
    try:
        properties = reply.json()["properties"] if reply.status_code == 200 else None
    except (ValueError, KeyError, TypeError):
        properties = None
    if not isinstance(properties, dict):
        raise NotReached(f"Azure Resource Manager refuses to show it (HTTP {reply.status_code})")
    return properties
