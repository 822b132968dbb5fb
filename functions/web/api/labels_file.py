"""`/api/labels`: what people have decided, as a labels file."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ... import problems
from ...core.views import Filter
from ...labels.streaming import STREAMS, stream
from ...labels.values import LabelsError
from ...workflows.reviewed_documents import Reviewed
from ..parts import WebParts
from ..problem_json import RefusedError
from .document_details import attachment
from .document_list import filter_of


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""

    def get(request: Request) -> Response:
        query = request.query_params
        name = query.get("format", "")
        if name not in STREAMS:
            raise RefusedError(problems.INVALID_REQUEST.refusal(reason=f"'format' is none of {', '.join(STREAMS)}"))
        asked = filter_of(query)
        file, media_type, _ = STREAMS[name]
        found = parts.corrections.documents(asked.prefix, _wanted(parts, asked))
        try:
            content = b"".join(stream(name, (one.document for one in found if isinstance(one, Reviewed))))
        except LabelsError as error:
            raise RefusedError(problems.NOT_LABELS.refusal(format=name, reason=str(error).rstrip("."))) from error
        return Response(content, headers={"Content-Disposition": attachment(file)}, media_type=media_type)

    return [Route("/labels", get, methods=["GET"])]


def _wanted(parts: WebParts, asked: Filter) -> Callable[[str], bool]:
    def is_wanted(name: str) -> bool:
        if asked == Filter(prefix=asked.prefix):
            return True
        told = parts.lists.look(name)
        return told is not None and asked.matches(told.row)

    return is_wanted
