"""`/api/documents`: pages of lists, the latest documents first."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ... import problems
from ...core.cursors import InvalidCursor, Place, to_cursor, to_place
from ...core.names import LONGEST_BLOB_NAME
from ...core.views import Filter, ShownState
from ...typed_data import converted
from ...workflows.document_lists import MOST_ROWS, DocumentPage
from ..document_ids import name_of
from ..parts import WebParts
from ..problem_json import RefusedError, json_response
from .rows import Row, row_of

MOST_CODE_CHARACTERS = 200


class Searched(msgspec.Struct, frozen=True, rename="camel"):
    """How far a page has looked: at how many blobs, and until when; `complete` where nothing is behind it."""

    blobs: int
    until: datetime | None
    complete: bool


class RowPage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A page of a list; `nextCursor` is not there at its end."""

    value: list[Row]
    searched: Searched
    next_cursor: str | None = None


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""

    def get(request: Request) -> Response:
        query = request.query_params
        asked, most = filter_of(query), number_in(query, "limit", MOST_ROWS)
        if "ids" in query:
            told = parts.lists.named(_names_in(query["ids"]))
            return json_response(RowPage([row_of(one) for one in told], Searched(len(told), None, complete=True)))
        return page_response(query, parts.lists.page, asked, most)

    return [Route("/documents", get, methods=["GET"])]


def page_response(
    query: QueryParams, read: Callable[[Filter, Place | None, int], DocumentPage], asked: Filter, most: int
) -> Response:
    """Answer with the page that begins at the query's cursor. Raises `RefusedError`."""
    try:
        page = read(asked, to_place(query["cursor"]) if query.get("cursor") else None, most)
    except InvalidCursor as error:
        raise RefusedError(problems.INVALID_CURSOR.refusal()) from error
    return json_response(page_of(page))


def page_of(page: DocumentPage) -> RowPage:
    """Return a page as the API shows it."""
    searched = Searched(page.looked_at, page.until, complete=page.next is None)
    following = to_cursor(page.next) if page.next else None
    return RowPage([row_of(one) for one in page.told], searched, following)


class _Query(msgspec.Struct, frozen=True):
    """What may be asked of lists; an empty value is none."""

    state: ShownState | None = None
    review: bool | None = None
    reviewed: bool | None = None
    prefix: Annotated[str, msgspec.Meta(max_length=LONGEST_BLOB_NAME)] = ""
    name: Annotated[str, msgspec.Meta(max_length=LONGEST_BLOB_NAME)] = ""
    code: Annotated[str, msgspec.Meta(max_length=MOST_CODE_CHARACTERS)] | None = None
    model: Annotated[str, msgspec.Meta(max_length=MOST_CODE_CHARACTERS)] | None = None


def filter_of(query: QueryParams) -> Filter:
    """Return the filter in a query. Raises `RefusedError`."""
    given = {name: value for name in _Query.__struct_fields__ if (value := query.get(name))}
    try:
        asked = converted(given, _Query, strict=False)
    except msgspec.ValidationError as error:
        raise RefusedError(problems.INVALID_REQUEST.refusal(reason=str(error))) from error
    for name, value in given.items():
        found = getattr(asked, name)
        # The word "null" would be read as nothing, and "0" as a truth value.
        is_odd = found is None or (isinstance(found, bool) and value not in ("true", "false"))
        if is_odd or len(query.getlist(name)) > 1:
            raise RefusedError(problems.INVALID_REQUEST.refusal(reason=f"'{name}' has a value that it can not have"))
    return Filter(
        states=frozenset({asked.state}) if asked.state else frozenset(),
        prefix=asked.prefix,
        part=asked.name,
        code=asked.code,
        model=asked.model,
        review=asked.review,
        reviewed=asked.reviewed,
    )


def number_in(query: QueryParams, name: str, most: int) -> int:
    """Return a number from 1 to `most` in a query, `most` where it is not there. Raises `RefusedError`."""
    text = query.get(name, str(most))
    if not text.isascii() or not text.isdecimal() or len(text) > 6 or not 1 <= int(text) <= most:
        raise RefusedError(problems.INVALID_REQUEST.refusal(reason=f"'{name}' is not a number from 1 to {most}"))
    return int(text)


def _names_in(ids: str) -> list[str]:
    given = [one for one in ids.split(",") if one]
    if len(given) > MOST_ROWS:
        raise RefusedError(problems.INVALID_REQUEST.refusal(reason=f"there are more than {MOST_ROWS} ids"))
    names = [name_of(one) for one in given]
    if None in names:
        raise RefusedError(problems.INVALID_REQUEST.refusal(reason="an id is not that of any name"))
    return [name for name in names if name is not None]
