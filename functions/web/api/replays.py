"""`/api/documents/{id}/replay` and `/api/replays`: documents that have ended are submitted again."""

from typing import Annotated

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ... import problems
from ...core.names import LONGEST_BLOB_NAME
from ...core.views import Filter, ShownState
from ...errors import RulesUnreadable
from ...workflows.document_lists import ENDED, MOST_ROWS
from ...workflows.handing_over import Fate, Given
from ...workflows.replay import ReplayAsked
from ..parts import WebParts
from ..problem_json import RefusedError, json_response
from ..request_body import json_body
from .document_details import name_in
from .document_list import MOST_CODE_CHARACTERS

MOST_STARTED = 100
"""Documents that a request gives to the app: each is read and claimed while it lasts."""
MOST_PAGES = 10
"""Pages of the list that are looked through for documents."""

_Name = Annotated[str, msgspec.Meta(max_length=LONGEST_BLOB_NAME)]
_Code = Annotated[str, msgspec.Meta(max_length=MOST_CODE_CHARACTERS)]


class ReplayRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Which documents are to be submitted again: `done` or `failed` ones."""

    state: ShownState
    code: _Code | None = None
    prefix: _Name | None = None
    name: _Name | None = None
    model: _Code | None = None
    review: bool | None = None


class NoMembers(msgspec.Struct, frozen=True):
    """An object that says nothing."""


class Replays(msgspec.Struct, frozen=True, rename="camel"):
    """The answer: how many documents were found, and how many of them were started.

    Where there are more, the same request starts the next ones; `complete` is false where not all were looked at.
    """

    count: int
    started: int
    complete: bool


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of these resources."""

    async def post_one(request: Request) -> Response:
        name = name_in(request)
        await json_body(request, NoMembers)
        given = await run_in_threadpool(_start, parts, [name], Filter(states=ENDED))
        if not _started(given):
            raise RefusedError(problems.NOT_REPLAYABLE.refusal())
        return json_response(Replays(1, 1, complete=True), 202)

    async def post_many(request: Request) -> Response:
        wanted = await json_body(request, ReplayRequest)
        if wanted.state not in ENDED:
            raise RefusedError(problems.INVALID_REQUEST.refusal(reason="'state' is neither done nor failed"))
        asked = Filter(
            states=frozenset({wanted.state}),
            code=wanted.code or None,
            prefix=wanted.prefix or "",
            part=wanted.name or "",
            model=wanted.model or None,
            review=wanted.review,
        )
        return json_response(await run_in_threadpool(_many, parts, asked), 202)

    return [
        Route("/documents/{id}/replay", post_one, methods=["POST"]),
        Route("/replays", post_many, methods=["POST"]),
    ]


def _many(parts: WebParts, asked: Filter) -> Replays:
    names: list[str] = []
    place, is_complete = None, False
    for _ in range(MOST_PAGES):
        page = parts.lists.page(asked, place, MOST_ROWS)
        names += [told.row.name for told in page.told]
        place, is_complete = page.next, page.next is None
        if is_complete:
            break
    given = _start(parts, names[:MOST_STARTED], asked)
    return Replays(len(names), _started(given), is_complete)


def _start(parts: WebParts, names: list[str], asked: Filter) -> list[Given]:
    if not names:
        return []
    try:
        return parts.replay.at_once(ReplayAsked(asked, tuple(names)), MOST_STARTED)
    except RulesUnreadable as error:
        raise RefusedError(problems.NOT_REPLAYABLE.refusal()) from error
    finally:
        for name in names:
            parts.lists.forget(name)


def _started(given: list[Given]) -> int:
    return sum(one.fate is Fate.SUBMITTED for one in given)
