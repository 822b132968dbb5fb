"""The description of the API: it names the routes that there are, and what they answer is what it says."""

import hashlib
import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from starlette.routing import Route
from starlette.types import ASGIApp

from docs.generate import openapi
from functions import problems
from functions.labels.streaming import STREAMS
from functions.web.api.described import OPENAPI
from functions.web.application import api_app, api_routes
from functions.web.document_ids import id_of
from tests.support.examples import examples
from tests.support.web import HOST, OPEN, Client
from tests.support.world import World, letter

pytestmark = pytest.mark.long

DESCRIPTION: dict[str, Any] = json.loads(OPENAPI.read_text("utf-8"))


HERE = f"http://{HOST}"


@pytest.fixture
def app() -> ASGIApp:
    """The API on a world with a document in each state that a client can meet; each test may change it."""
    world = World(settings=dict(OPEN))
    world.drop("done.txt", letter(1))
    world.drop("failed.txt", b"")
    world.settle()
    world.app.journal.flush()
    world.drop("waiting.txt", letter(2), announce=False)
    app = api_app(world.app.web)
    text = letter(1).encode()
    corrections = {
        "document": {"name": "done.txt", "etag": world.intake.get_properties("done.txt").etag},
        "text": {"sha256": hashlib.sha256(text).hexdigest()},
        "status": "reviewed",
    }
    sent = {"content-type": "application/json", "if-none-match": "*"}
    saved = Client(app).ask(
        f"/api/documents/{id_of('done.txt')}/corrections", "PUT", json.dumps(corrections).encode(), sent
    )
    assert saved.status == 204
    return app


SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
"""Cases of it know no application: each test gives them that of the fixture, which is not made before."""

EXCLUDED = [
    # A name may be refused for what a schema does not say well: control characters, dots and slashes at its ends.
    schemathesis.checks.positive_data_acceptance,
    # The other way round, too: what it generates as wrong may be right once it is text in an address. Wrong values
    # are in `test_odd_filters_are_refused`.
    schemathesis.checks.negative_data_rejection,
]


@SCHEMA.parametrize()
@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case: schemathesis.Case, app: ASGIApp) -> None:
    """No 5xx, no status, header or content that is not described; what is not described is refused."""
    case.call_and_validate(app=app, base_url=HERE, excluded_checks=EXCLUDED)


@pytest.mark.parametrize("name", ["done.txt", "failed.txt", "waiting.txt"])
def test_documents_are_as_described(app: ASGIApp, name: str) -> None:
    operation = SCHEMA["/api/documents/{id}"]["GET"]
    reply = operation.Case(path_parameters={"id": id_of(name)}).call_and_validate(app=app, base_url=HERE)
    assert reply.status_code == 200
    for result in reply.json()["results"]:
        parameters = {"id": id_of(name), "suffix": result["suffix"].lstrip(".")}
        one = SCHEMA["/api/documents/{id}/results/{suffix}"]["GET"].Case(path_parameters=parameters)
        assert one.call_and_validate(app=app, base_url=HERE).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("text", 200), ("content", 200), ("entities.csv", 200), ("view.html", 200), ("corrections", 200)],
)
def test_parts_are_as_described(app: ASGIApp, path: str, status: int) -> None:
    operation = SCHEMA[f"/api/documents/{{id}}/{path}"]["GET"]
    for name, expected in (("done.txt", status), ("none.txt", 404)):
        case = operation.Case(path_parameters={"id": id_of(name)})
        assert case.call_and_validate(app=app, base_url=HERE).status_code == expected


@pytest.mark.parametrize("path", ["session", "status", "documents", "review", "model"])
def test_lists_are_as_described(app: ASGIApp, path: str) -> None:
    case = SCHEMA[f"/api/{path}"]["GET"].Case()
    assert case.call_and_validate(app=app, base_url=HERE).status_code == 200


@pytest.mark.parametrize("name", STREAMS)
def test_labels_are_as_described(app: ASGIApp, name: str) -> None:
    case = SCHEMA["/api/labels"]["GET"].Case(query={"format": name})
    assert case.call_and_validate(app=app, base_url=HERE).status_code == 200


def test_uploads_are_as_described(app: ASGIApp) -> None:
    operation = SCHEMA["/api/uploads"]["POST"]
    for name, status in (("new.txt", 200), ("done.txt", 409), ("..", 422)):
        case = operation.Case(body={"name": name, "size": 5}, media_type="application/json")
        assert case.call_and_validate(app=app, base_url=HERE).status_code == status


def test_description_is_that_of_classes() -> None:
    """Made by `python -m docs.generate.openapi`."""
    assert OPENAPI.read_text("utf-8") == openapi.text()


def test_description_names_every_route() -> None:
    routes = {
        (f"/api{route.path}", method.lower())
        for route in api_routes(World(settings=dict(OPEN)).app.web)
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {(path, method) for path, item in DESCRIPTION["paths"].items() for method in item}
    assert described == routes


def test_described_statuses_are_those_of_problems() -> None:
    """Each status of a refusal is described somewhere, but for those of unknown addresses and methods."""
    described = {
        int(status) for item in DESCRIPTION["paths"].values() for one in item.values() for status in one["responses"]
    }
    assert {kind.status for kind in problems.REFUSALS} - described == {405}


@pytest.mark.parametrize(
    "query",
    [
        "state=null",
        "review=null",
        "reviewed=0",
        "review=True",
        "state=done&state=failed",
        "name=a&name=b",
        "limit=",
        "limit=0",
        "limit=x",
        "ids=ZG9uZS50eHQ&limit=x",
    ],
)
def test_odd_filters_are_refused(app: ASGIApp, query: str) -> None:
    for path in ("documents", "review"):
        assert Client(app).ask(f"/api/{path}?{query}").status == 400
