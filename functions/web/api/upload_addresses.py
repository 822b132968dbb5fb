"""`/api/uploads`: an address by which one document goes straight to the storage."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...core.upload_rules import BLOCK_BYTES
from ...storage.containers import BlobInfo
from ...workflows.uploads import NotUploaded
from ..document_ids import id_of
from ..parts import WebParts
from ..problem_json import RefusedError, json_response
from ..request_body import json_body


class UploadRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is to be uploaded; `replace` is the ETag of the version that a person has agreed to replace."""

    name: str
    size: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    content_type: Annotated[str, msgspec.Meta(max_length=200)] = ""
    replace: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None


class UploadAddress(msgspec.Struct, frozen=True, rename="camel"):
    """The answer: PUT to `url`, with `headers` on the request that makes the blob.

    By the mode `put` the file goes in one request, by `blocks` in blocks of `block_bytes` and then their list
    ("Put Block", "Put Block List").
    """

    id: str
    name: str
    url: str
    mode: str
    permission: str
    headers: dict[str, str]
    block_bytes: int
    expires: datetime


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""

    async def post(request: Request) -> Response:
        wanted = await json_body(request, UploadRequest)
        upload = await run_in_threadpool(parts.uploads.begin, wanted.name, wanted.size, wanted.replace)
        if isinstance(upload, NotUploaded):
            raise RefusedError(upload.refusal, extra={"existing": _about(upload.present)} if upload.present else None)
        return json_response(
            UploadAddress(
                id=id_of(upload.name),
                name=upload.name,
                url=upload.address,
                mode="blocks" if upload.block_bytes else "put",
                permission=upload.permission.name.lower(),
                headers=upload.headers,
                block_bytes=upload.block_bytes or BLOCK_BYTES,
                expires=upload.expires,
            )
        )

    return [Route("/uploads", post, methods=["POST"])]


def _about(present: BlobInfo) -> dict[str, Any]:
    return {"etag": present.etag, "size": present.size_bytes, "changed": present.last_modified}
