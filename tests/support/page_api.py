"""The API of the page, in memory: documents, results, corrections with ETags, uploads to an origin of their own.

It keeps the contract that the page relies on, so that the page can be tested alone: two HTTP servers, one for page and
API, one for the storage that uploads go to. `work()` does what the app would do in the meantime; nothing happens by
itself.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
import socket
import threading
import urllib.parse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from functions.text.offsets import UTF16, Ruler
from functions.web.page_headers import api_headers, page_headers

STATIC = Path(__file__).parents[2] / "functions" / "web" / "static"
CATEGORIES = (
    "Borrower",
    "Lender",
    "LoanNumber",
    "Amount",
    "InterestRate",
    "Date",
    "Address",
    "Guarantor",
    "Collateral",
    "Clause",
    "Account",
    "Contact",
)
PATTERNS = {
    "LoanNumber": r"TC-\d[\d-]*\d",
    "Amount": r"(?:EUR|GBP|£|€) ?\d[\d,.]*\d",
    "Date": r"\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December) \d{4}",
    "InterestRate": r"\d+(?:\.\d+)? %",
    "Borrower": r"(?:Mr|Mrs|Ms) [A-Z]\w+|<img[^>]*>",
}


def document_id(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def marked(source: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the text of `source` and the entities marked in it as `[[Category:0.97|words]]`, which may be nested."""
    text, entities, stack = [], [], []
    length = 0
    for part in re.split(r"(\[\[[^|\[\]]+\||\]\])", source):
        if part.startswith("[["):
            category, _, confidence = part[2:-1].partition(":")
            stack.append((category, float(confidence or 0.99), length))
        elif part == "]]":
            category, sureness, start = stack.pop()
            entities.append(
                {"category": category, "confidenceScore": sureness, "offset": start, "length": length - start}
            )
        else:
            text.append(part)
            length += len(part)
    return "".join(text), entities


@dataclass
class Document:
    name: str
    content: bytes
    etag: str
    changed: datetime
    state: str = "waiting"
    text: str = ""
    entities: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of other tasks than entities, by suffix."""
    problem: dict[str, Any] | None = None
    service_message: str | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, str]] = field(default_factory=list)
    corrections: dict[str, Any] | None = None
    corrections_etag: str = ""
    language: str = "en"
    size: int | None = None
    job_documents: int | None = None
    next_attempt: str | None = None

    @property
    def id(self) -> str:
        return document_id(self.name)

    def entities_result(self) -> dict[str, Any]:
        units = Ruler(self.text, UTF16)
        found = []
        for entity in sorted(self.entities, key=lambda one: (one["offset"], -one["length"])):
            start, end = entity["offset"], entity["offset"] + entity["length"]
            first, last = units.to_unit(start), units.to_unit(end)
            facts = {
                "text": self.text[start:end],
                "subcategory": None,
                "utf16Offset": first,
                "utf16Length": last - first,
            }
            found.append({**facts, **entity})
        return {
            "document": {
                "name": self.name,
                "etag": self.etag,
                "lastModified": stamp(self.changed),
                "sizeBytes": len(self.content),
                "encoding": "utf-8",
                "characters": len(self.text),
                "language": self.language,
            },
            "model": {"apiVersion": "2023-04-01", "project": "loans", "deployment": "production"},
            "jobs": [],
            "textRecords": 1,
            "stringIndexType": "UnicodeCodePoint",
            "entities": found,
            "warnings": self.warnings,
            "review": self.needs_review,
            "completedDateTime": stamp(self.changed),
            "text": {"source": "document", "format": "plain", "sha256": hashlib.sha256(self.text.encode()).hexdigest()},
        }

    @property
    def needs_review(self) -> bool:
        return self.state == "done" and any(entity["confidenceScore"] < 0.7 for entity in self.entities)

    @property
    def reviewed(self) -> bool:
        return bool(self.corrections and self.corrections["status"] == "reviewed")

    def row(self) -> dict[str, Any]:
        counts: dict[str, int] = {}
        for entity in self.entities:
            counts[entity["category"]] = counts.get(entity["category"], 0) + 1
        done = self.state == "done"
        decisions = self.corrections["decisions"] if self.corrections else []
        return {
            "id": self.id,
            "name": self.name,
            "etag": self.etag,
            "state": self.state,
            "review": self.needs_review and not (self.corrections and self.corrections["status"] != "open"),
            "reviewed": self.reviewed,
            "warnings": len(self.warnings),
            "size": self.size if self.size is not None else len(self.content),
            "changed": stamp(self.changed),
            "categories": [{"category": name, "count": n} for name, n in counts.items()] if done else [],
            "entityCount": len(self.entities) if done else None,
            "characters": len(self.text) if done else None,
            "leastSure": min((entity["confidenceScore"] for entity in self.entities), default=None) if done else None,
            "corrected": sum(one["decision"] != "accepted" for one in decisions) if decisions else None,
            "problem": self.problem,
            "model": "loans / production" if done else None,
            "nextAttempt": self.next_attempt,
            "jobDocuments": self.job_documents,
        }


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def problem(status: int, code: str, detail: str, **more: Any) -> Response:
    body = {
        "type": "about:blank",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    return JSONResponse(body, status, media_type="application/problem+json")


class PageApi:
    """The state behind the page; use as a context manager, which serves it."""

    def __init__(self, *, access: str = "open", key: str = "", blocks_above: int = 1 << 20) -> None:
        self.access, self.key, self.blocks_above = access, key, blocks_above
        self.documents: dict[str, Document] = {}
        self.kept_apart: list[tuple[str, str, dict[str, Any]]] = []
        self.blocks: dict[tuple[str, str], bytes] = {}
        self.leaves: dict[str, str] = {}
        self.requests: list[str] = []
        self.refuse_uploads = 0
        self.gate = threading.Event()
        """Uploads wait until it is set."""
        self.gate.set()
        self.categories = list(CATEGORIES)
        self.samples: list[dict[str, str]] = []
        self.resources: list[dict[str, Any]] = [_resource("lang-west-1", 1000)]
        self.hours: list[dict[str, Any]] = []
        self.models: list[dict[str, Any]] = [{"model": "loans / production", "expires": None}]
        self.model: dict[str, Any] | Response = {
            "model": "loans/production",
            "expires": None,
            "reviewedSinceTraining": 0,
            "reviewedIsComplete": True,
            "trainedAt": None,
            "quality": [],
            "command": "python -m functions model train --project loans --yes",
            "mayTrain": False,
        }
        """What `/api/model` answers."""
        self.totals: dict[str, int] = {}
        """Numbers for the status instead of those of the documents; for pictures."""
        self.status: dict[str, Any] = {}
        self.failures: list[dict[str, Any]] | None = None
        self.versions = 0
        self.lock = threading.Lock()
        self._page = _Server(self.app())
        self._storage = _Server(self.storage_app())

    def __enter__(self) -> PageApi:
        self._storage.start()
        self._page.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._page.stop()
        self._storage.stop()

    @property
    def url(self) -> str:
        return self._page.url

    def stop(self) -> None:
        self._page.stop()

    def start(self) -> None:
        self._page.start()

    # --- What tests put in and let happen ---

    def put(self, name: str, content: bytes | str, **more: Any) -> Document:
        """Drop a document; one of this name that is there is replaced, and its corrections kept apart."""
        data = content.encode() if isinstance(content, str) else content
        old = self.documents.get(name)
        if old and old.corrections:
            self.kept_apart.append((name, old.etag, old.corrections))
        self.versions += 1
        now = more.pop("changed", None) or datetime.now(UTC)
        document = Document(
            name, data, f'"0x{self.versions:X}"', now, history=[{"at": stamp(now), "event": "dropped", "detail": ""}]
        )
        for key, value in more.items():
            setattr(document, key, value)
        self.documents[name] = document
        return document

    def done(self, name: str, source: str, **more: Any) -> Document:
        """Drop a document whose entities are marked in `source`, and have it done."""
        text, entities = marked(source)
        places = more.pop("places", None)
        if places:
            for entity in entities:
                entity["location"] = places(entity["offset"])
        return self.put(name, text, state="done", text=text, entities=entities, **more)

    def failed(self, name: str, code: str, message: str, help: str, **more: Any) -> Document:
        fault = more.pop("fault", "document")
        facts = {
            "code": code,
            "message": message,
            "help": help,
            "fault": fault,
            "canReplay": more.pop("can_replay", True),
        }
        return self.put(name, more.pop("content", b""), state="failed", problem=facts, **more)

    def work(self, *, steps: int = 1) -> None:
        """Take every unfinished document one step further: waiting, running, then done or failed."""
        for _ in range(steps):
            for document in list(self.documents.values()):
                if document.state == "waiting":
                    document.state = "running"
                elif document.state in ("running", "deferred"):
                    self._finish(document)
                document.next_attempt = None

    def _finish(self, document: Document) -> None:
        document.history.append({"at": stamp(datetime.now(UTC)), "event": "submitted", "detail": "job 3fa85f64"})
        if not document.content:
            document.state = "failed"
            document.problem = {
                "code": "EmptyDocument",
                "message": "The document has 0 bytes.",
                "fault": "document",
                "canReplay": True,
                "help": "Drop it again once it has been written in full.",
            }
            document.history.append({"at": stamp(datetime.now(UTC)), "event": "failed", "detail": "0 bytes"})
            return
        document.text = document.content.decode("utf-8", "replace")
        found = [
            (match.start(), match.end(), category)
            for category, pattern in PATTERNS.items()
            for match in re.finditer(pattern, document.text)
        ]
        document.entities = [
            {
                "category": category,
                "confidenceScore": 0.5 + (start * 7 % 50) / 100,
                "offset": start,
                "length": end - start,
            }
            for start, end, category in sorted(found)
        ]
        document.state, document.problem = "done", None

    # --- HTTP ---

    def app(self) -> Starlette:
        routes = [
            Route("/", self._file),
            Route("/static/{path:path}", self._file),
            Route("/api/session", self._session),
            Route("/api/status", self._status),
            Route("/api/documents", self._list),
            Route("/api/review", self._review),
            Route("/api/model", self._model),
            Route("/api/labels", self._labels),
            Route("/api/uploads", self._upload, methods=["POST"]),
            Route("/api/replays", self._replays, methods=["POST"]),
            Route("/api/documents/{id}", self._document),
            Route("/api/documents/{id}/text", self._text),
            Route("/api/documents/{id}/content", self._content),
            Route("/api/documents/{id}/results/{suffix}", self._result),
            Route("/api/documents/{id}/entities.csv", self._csv),
            Route("/api/documents/{id}/view.html", self._view),
            Route("/api/documents/{id}/replay", self._replay, methods=["POST"]),
            Route("/api/documents/{id}/corrections", self._corrections, methods=["GET", "PUT"]),
        ]
        app = Starlette(routes=routes)

        async def guarded(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
            self.requests.append(f"{request.method} {request.url.path}")
            is_data = request.url.path.startswith("/api")
            if is_data and self.access == "key" and request.headers.get("x-functions-key") != self.key:
                response: Response = Response(status_code=401)
            else:
                response = await call(request)
            for name, value in (api_headers() if is_data else page_headers(self._storage.url)).items():
                response.headers[name] = value
            return response

        from starlette.middleware.base import BaseHTTPMiddleware

        app.add_middleware(BaseHTTPMiddleware, dispatch=guarded)
        return app

    def storage_app(self) -> CORSMiddleware:
        app = Starlette(
            routes=[
                Route("/documents/{name:path}", self._store, methods=["PUT"]),
                Route("/sample/{name:path}", self._sample),
            ]
        )
        return CORSMiddleware(
            app, allow_origins=["*"], allow_methods=["PUT", "GET"], allow_headers=["*"], expose_headers=["etag"]
        )

    async def _file(self, request: Request) -> Response:
        path = STATIC / request.path_params.get("path", "index.html")
        if not path.resolve().is_relative_to(STATIC) or not path.is_file():
            return problem(404, "not_found", "There is no such file.")
        # Whole: where a page goes away, a file that is read piece by piece stays open.
        return Response(path.read_bytes(), media_type=mimetypes.guess_type(path.name)[0])

    async def _session(self, _: Request) -> Response:
        user = {"name": "key"} if self.access == "key" else None
        return JSONResponse(
            {
                "access": self.access,
                "user": user,
                "version": "test",
                "limits": {"documentBytes": 10_000_000, "fileBytes": 10_000_000},
                "formats": ["text", "PDF", "Word", "Excel", "mail"],
                "samples": self.samples,
                "categories": self.categories,
                "storageOrigin": self._storage.url,
            }
        )

    def _counts(self) -> dict[str, int]:
        rows = [document.row() for document in self.documents.values()]
        states = {
            state: sum(row["state"] == state for row in rows)
            for state in ("waiting", "running", "deferred", "done", "failed")
        }
        flags = {
            "all": len(rows),
            "review": sum(row["review"] for row in rows),
            "reviewed": sum(row["reviewed"] for row in rows),
        }
        return {**states, **flags, **self.totals}

    async def _status(self, _: Request) -> Response:
        open_ = [
            document.changed
            for document in self.documents.values()
            if document.state in ("waiting", "running", "deferred")
        ]
        codes: dict[str, int] = {}
        for document in self.documents.values():
            if document.problem:
                codes[document.problem["code"]] = codes.get(document.problem["code"], 0) + 1
        failures = [{"code": code, "title": code, "count": n} for code, n in codes.items()]
        return JSONResponse(
            {
                "asOf": stamp(datetime.now(UTC)),
                "counts": self._counts(),
                "perMinute": 12,
                "oldestUnfinished": stamp(min(open_)) if open_ else None,
                "resources": self.resources,
                "daily": None,
                "models": self.models,
                "failures": failures if self.failures is None else self.failures,
                "hours": self.hours,
                "dropToResult": {"median": 3.8, "p95": 17},
                "warnings": [],
                **self.status,
            }
        )

    async def _list(self, request: Request) -> Response:
        asked = request.query_params
        rows = [
            document.row() for document in sorted(self.documents.values(), key=lambda one: one.changed, reverse=True)
        ]
        if "ids" in asked:
            rows = [row for row in rows if row["id"] in asked["ids"].split(",")]
        for name, test in _FILTERS.items():
            if asked.get(name):
                rows = [row for row in rows if test(row, asked[name])]
        start, limit = int(asked.get("cursor") or 0), int(asked.get("limit", 100))
        page = {"value": rows[start : start + limit], "searched": {"blobs": len(rows), "until": None, "complete": True}}
        if len(rows) > start + limit:
            page["nextCursor"] = str(start + limit)
        return JSONResponse(page)

    async def _review(self, _: Request) -> Response:
        rows = [document.row() for document in self.documents.values()]
        rows = sorted((row for row in rows if row["review"]), key=lambda row: row["leastSure"])
        return JSONResponse({"value": rows, "searched": {"blobs": len(rows), "until": None, "complete": True}})

    def _of(self, request: Request) -> Document | None:
        wanted = request.path_params["id"]
        return next((document for document in self.documents.values() if document.id == wanted), None)

    async def _document(self, request: Request) -> Response:
        document = self._of(request)
        if document is None:
            return problem(404, "not_found", "There is no such document.")
        done = document.state == "done"
        results = (
            [{"task": "entities", "kind": "CustomEntityRecognition", "suffix": ".entities.json", "etag": document.etag}]
            if done
            else []
        )
        results += [
            {"task": suffix, "kind": result["kind"], "suffix": f".{suffix}", "etag": document.etag}
            for suffix, result in document.results.items()
        ]
        text = (
            {
                "sha256": hashlib.sha256(document.text.encode()).hexdigest(),
                "source": "document",
                "format": "plain",
                "blob": None,
            }
            if done
            else None
        )
        tries = sum(entry["event"] == "failed" for entry in document.history) or 1
        job = (
            {"id": "3fa85f64-1", "operationId": "9b1d02c7-44aa", "resource": "lang-west-1", "submissions": tries}
            if document.problem and document.service_message
            else None
        )
        return JSONResponse(
            {
                **document.row(),
                "history": document.history,
                "job": job,
                "serviceMessage": document.service_message,
                "results": results,
                "text": text,
                "language": document.language if done else None,
            }
        )

    async def _text(self, request: Request) -> Response:
        document = self._of(request)
        return PlainTextResponse(document.text if document else "")

    async def _content(self, request: Request) -> Response:
        document = self._of(request)
        return Response(document.content if document else b"", media_type="application/octet-stream")

    async def _result(self, request: Request) -> Response:
        document, suffix = self._of(request), request.path_params["suffix"]
        if document is None:
            return problem(404, "not_found", "There is no such document.")
        if suffix == "error.json":
            return JSONResponse({"error": document.problem})
        whole = document.entities_result()
        if suffix != "entities.json":
            del whole["entities"]
            whole |= document.results[suffix]
        return JSONResponse(whole)

    async def _csv(self, request: Request) -> Response:
        document = self._of(request)
        assert document is not None
        return Response(
            "text,category\r\n"
            + "".join(
                f"{entity['text']},{entity['category']}\r\n" for entity in document.entities_result()["entities"]
            ),
            media_type="text/csv",
        )

    async def _view(self, request: Request) -> Response:
        from functions.web.result_page import result_page

        document = self._of(request)
        assert document is not None
        return Response(
            result_page(
                document.name, document.text, document.entities_result(), document.corrections, self.categories
            ),
            media_type="text/html",
        )

    async def _replay(self, request: Request) -> Response:
        document = self._of(request)
        assert document is not None
        document.state, document.problem, document.changed = "waiting", None, datetime.now(UTC)
        return JSONResponse({}, 202)

    async def _replays(self, request: Request) -> Response:
        asked = await request.json()
        chosen = [
            one
            for one in self.documents.values()
            if one.problem and asked.get("code", one.problem["code"]) == one.problem["code"]
        ]
        for document in chosen:
            document.state, document.problem, document.changed = "waiting", None, datetime.now(UTC)
        return JSONResponse({"count": len(chosen), "started": len(chosen)}, 202)

    async def _corrections(self, request: Request) -> Response:
        document = self._of(request)
        if document is None:
            return problem(404, "not_found", "There is no such document.")
        if request.method == "GET":
            if document.corrections is None:
                return problem(404, "no_corrections", "Nobody has corrected this document.")
            return JSONResponse(document.corrections, headers={"etag": document.corrections_etag})
        expected, absent = request.headers.get("if-match"), request.headers.get("if-none-match")
        if not expected and absent != "*":
            return problem(428, "condition_needed", "Say If-Match or If-None-Match.")
        body = await request.json()
        with self.lock:
            if body["document"]["etag"] != document.etag:
                return problem(409, "document_replaced", "A newer version of the document was dropped.")
            if (absent and document.corrections is not None) or (expected and expected != document.corrections_etag):
                return problem(
                    412,
                    "corrections_changed",
                    "Somebody else has saved.",
                    present=document.corrections,
                    etag=document.corrections_etag,
                )
            self.versions += 1
            document.corrections, document.corrections_etag = body, f'"0xC{self.versions:X}"'
        return Response(status_code=204, headers={"etag": document.corrections_etag})

    async def _upload(self, request: Request) -> Response:
        asked = await request.json()
        name, size = asked["name"], asked["size"]
        if not name or any(part in ("", ".", "..") for part in name.split("/")):
            return problem(422, "name_unusable", "The name can not be used.")
        if size > 10_000_000:
            return problem(413, "file_too_large", f"The file has {size:,} bytes; the limit is 10,000,000.")
        old = self.documents.get(name)
        if old and asked.get("replace") != old.etag:
            return problem(
                409,
                "document_exists",
                "A document of this name is there.",
                existing={"etag": old.etag, "size": len(old.content), "changed": stamp(old.changed)},
            )
        token = f"{len(self.leaves)}"
        self.leaves[token] = name
        mode = "blocks" if old or size > self.blocks_above else "put"
        headers = {"If-Match": old.etag} if old else {"If-None-Match": "*"}
        url = f"{self._storage.url}/documents/{urllib.parse.quote(name)}?sig={token}"
        return JSONResponse(
            {
                "url": url,
                "mode": mode,
                "blockBytes": self.blocks_above,
                "headers": headers,
                "expires": stamp(datetime.now(UTC) + timedelta(minutes=15)),
                "name": name,
            }
        )

    async def _store(self, request: Request) -> Response:
        name, asked = request.path_params["name"], request.query_params
        body = await request.body()
        await _wait(self.gate)
        if self.refuse_uploads > 0:
            self.refuse_uploads -= 1
            return Response(status_code=503)
        if self.leaves.get(asked.get("sig", "")) != name:
            return Response(status_code=403)
        if asked.get("comp") == "block":
            self.blocks[name, asked["blockid"]] = body
            return Response(status_code=201)
        old = self.documents.get(name)
        if old and request.headers.get("if-match") != old.etag:
            return Response(status_code=409)
        if asked.get("comp") == "blocklist":
            body = b"".join(
                self.blocks.pop((name, block)) for block in re.findall(r"<Latest>(.*?)</Latest>", body.decode())
            )
        elif request.headers.get("x-ms-blob-type") != "BlockBlob":
            return Response(status_code=400)
        document = self.put(name, body)
        return Response(status_code=201, headers={"etag": document.etag})

    async def _sample(self, request: Request) -> Response:
        return PlainTextResponse(
            f"Loan TC-{len(request.path_params['name'])}00 of EUR 12,000 at 4.1 % for Mr Adeyemi, 3 March 2026."
        )

    async def _model(self, _: Request) -> Response:
        if isinstance(self.model, Response):
            return self.model
        return JSONResponse(self.model)

    async def _labels(self, request: Request) -> Response:
        files = [
            {"name": one.name, "decisions": one.corrections["decisions"]}
            for one in self.documents.values()
            if one.corrections
        ]
        file = {"doccano": "labels.jsonl", "spacy": "labels.spacy"}.get(request.query_params["format"], "labels.json")
        headers = {"Content-Disposition": f"attachment; filename=\"{file}\"; filename*=UTF-8''{file}"}
        return JSONResponse({"format": request.query_params["format"], "files": files}, headers=headers)


_FILTERS: dict[str, Callable[[dict[str, Any], str], bool]] = {
    "state": lambda row, value: row["state"] == value,
    "review": lambda row, value: row["review"] == (value == "true"),
    "reviewed": lambda row, value: row["reviewed"] == (value == "true"),
    "prefix": lambda row, value: row["name"].startswith(value),
    "name": lambda row, value: value.lower() in row["name"].lower(),
    "code": lambda row, value: bool(row["problem"]) and row["problem"]["code"] == value,
    "model": lambda row, value: row["model"] == value,
}


def _resource(name: str, limit: int, used: int = 0, until: str | None = None, state: str = "healthy") -> dict[str, Any]:
    return {
        "name": name,
        "requestsPerMinute": limit,
        "requestsInUse": used,
        "throttledUntil": until,
        "state": state,
        "detail": None,
    }


async def _wait(gate: threading.Event) -> None:
    import asyncio

    while not gate.is_set():
        await asyncio.sleep(0.02)


class _Server:
    """A server in a thread, which can be stopped and started again at the same address."""

    def __init__(self, app: Any) -> None:
        self.app = app
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = uvicorn.Config(self.app, host="127.0.0.1", port=self.port, log_level="warning", lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.01)

    def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join()
