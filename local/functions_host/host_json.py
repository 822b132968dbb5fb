"""`host.json`: the options that this host obeys, with the real host's defaults.

Defaults: azure-sdk-for-net `QueuesOptions`, `BlobsOptions`, `SharedBlobQueueListenerFactory` (read 2024);
`functionTimeout`: learn.microsoft.com "functions-scale", the 30 minutes of the Flex, Premium and Dedicated plans.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.functions_host.errors import StartError

MAX_BATCH_SIZE = 32
"""The queue service hands out at most 32 messages a request."""

BLOB_QUEUE_POLL_S = 2.0
"""The longest pause between two looks at the internal blob queue, as of a host in the Development environment.

A host in Azure goes up to a minute, so that a second host would hardly take part in a burst.
"""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """How one queue is polled and when its messages are poison."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int = 5
    visibility_timeout_s: float = 0.0
    max_polling_interval_s: float = 60.0
    base64: bool = True

    @property
    def concurrency(self) -> int:
        """The most messages in flight: a batch is fetched whenever `new_batch_threshold` or fewer are running."""
        return self.batch_size + self.new_batch_threshold


@dataclass(frozen=True, slots=True)
class BlobOptions:
    """How many blob functions run at a time, and when a blob is poison."""

    max_degree_of_parallelism: int
    poison_blob_threshold: int = 5

    def queue_options(self) -> QueueOptions:
        """Return the options of the internal queue that all blob functions of the app share.

        Whatever `extensions.queues` says, idle polls come `BLOB_QUEUE_POLL_S` apart; an event of this process ends
        the wait.
        """
        batch_size = min(MAX_BATCH_SIZE, self.max_degree_of_parallelism // 2 + 1)
        return QueueOptions(
            batch_size=batch_size,
            new_batch_threshold=self.max_degree_of_parallelism - batch_size,
            max_dequeue_count=self.poison_blob_threshold,
            max_polling_interval_s=BLOB_QUEUE_POLL_S,
        )


@dataclass(frozen=True, slots=True)
class HttpSection:
    """How HTTP functions are reached; a limit of None is no limit. `hsts` is the value of its header, if it is on."""

    route_prefix: str = "api"
    custom_headers: Mapping[str, str] = field(default_factory=dict)
    hsts: str | None = None
    hsts_excluded_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    """What ASP.NET's `HstsOptions.ExcludedHosts` has from the start."""
    max_concurrent: int | None = None
    max_outstanding: int | None = None


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Everything of `host.json` that this host obeys; `function_timeout_s` None means no limit."""

    queues: QueueOptions
    blobs: BlobOptions
    function_timeout_s: float | None = 30 * 60.0
    http: HttpSection = field(default_factory=HttpSection)


def read_host_json(path: Path, cores: int) -> HostOptions:
    """Return the options in the file; raises `StartError` listing every wrong value."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise StartError([f"'{path}' cannot be read: {exc.strerror}; an app folder needs a host.json."]) from exc
    except ValueError as exc:
        raise StartError([f"'{path}' is not JSON: {exc}."]) from exc
    return parse_host_json(content, cores)


def parse_host_json(content: object, cores: int) -> HostOptions:
    """Return the options in the parsed `host.json`; raises `StartError` listing every wrong value.

    `cores` takes part in two defaults: 8 blob runs per core, and a queue's threshold of half a batch per core.
    """
    if not isinstance(content, dict) or content.get("version") != "2.0":
        raise StartError(['host.json must be an object with "version": "2.0".'])
    problems: list[str] = []
    extensions = _section(content, "extensions", problems)
    blobs = _Reader(_section(extensions, "blobs", problems), "extensions.blobs", problems)
    queues = _Reader(_section(extensions, "queues", problems), "extensions.queues", problems)
    batch_size = queues.integer("batchSize", 16, 1, MAX_BATCH_SIZE)
    encoding = queues.text("messageEncoding", "base64", ("base64", "none"))
    options = HostOptions(
        queues=QueueOptions(
            batch_size=batch_size,
            new_batch_threshold=queues.integer("newBatchThreshold", batch_size // 2 * cores, 0),
            max_dequeue_count=queues.integer("maxDequeueCount", 5, 1),
            visibility_timeout_s=queues.span("visibilityTimeout", 0.0, 0.0),
            max_polling_interval_s=queues.span("maxPollingInterval", 60.0, 0.1),
            base64=encoding == "base64",
        ),
        blobs=BlobOptions(
            max_degree_of_parallelism=blobs.integer("maxDegreeOfParallelism", 8 * cores, 1),
            poison_blob_threshold=blobs.integer("poisonBlobThreshold", 5, 1),
        ),
        function_timeout_s=_function_timeout(_Reader(content, "", problems)),
        http=_http_section(_section(extensions, "http", problems), problems),
    )
    if problems:
        raise StartError(problems)
    return options


def _http_section(values: Mapping[str, Any], problems: list[str]) -> HttpSection:
    """Return `extensions.http` (WebJobs.Extensions.Http `HttpOptions` and the host's `HttpOptionsSetup`, October 2024).

    The limits are off by default, as everywhere but on the Consumption plan of Windows.
    """
    reader = _Reader(values, "extensions.http", problems)
    headers = _section(values, "customHeaders", problems)
    problems += [
        f"host.json: 'extensions.http.customHeaders.{name}' must be a text."
        for name, value in headers.items()
        if not isinstance(value, str)
    ]
    # A prefix of null is an empty one; only without any does the default count.
    prefix = values.get("routePrefix", "api") or ""
    if not isinstance(prefix, str):
        problems.append(f"host.json: 'extensions.http.routePrefix' is {prefix!r}; it must be a text.")
        prefix = ""
    limits = {name: reader.integer(name, -1, -1) for name in ("maxConcurrentRequests", "maxOutstandingRequests")}
    hsts = _section(values, "hsts", problems)
    return HttpSection(
        route_prefix=prefix,
        custom_headers={name: str(value) for name, value in headers.items()},
        hsts=_hsts(hsts, problems) if hsts.get("isEnabled") is True else None,
        hsts_excluded_hosts=tuple(hsts.get("excludedHosts") or HttpSection().hsts_excluded_hosts),
        max_concurrent=limits["maxConcurrentRequests"] if limits["maxConcurrentRequests"] > 0 else None,
        max_outstanding=limits["maxOutstandingRequests"] if limits["maxOutstandingRequests"] > 0 else None,
    )


def _hsts(values: Mapping[str, Any], problems: list[str]) -> str:
    text = str(values.get("maxAge", "30"))
    try:
        # A bare number is a number of days (.NET TimeSpan).
        seconds = int(text) * 86_400 if text.isdigit() else int(parse_time_span(text))
    except ValueError:
        problems.append(f"host.json: 'extensions.http.hsts.maxAge' is {text!r}; it must be a time span or days.")
        seconds = 0
    flags = [
        name for key, name in (("includeSubDomains", "includeSubDomains"), ("preload", "preload")) if values.get(key)
    ]
    return "; ".join([f"max-age={seconds}", *flags])


def _function_timeout(reader: _Reader) -> float | None:
    if str(reader.values.get("functionTimeout", "")).strip() in ("-1", "-00:00:01"):
        return None
    return reader.span("functionTimeout", 30 * 60.0, 1.0)


def parse_time_span(text: str) -> float:
    """Return the seconds of a .NET `[d.]hh:mm:ss[.fraction]` text; raises `ValueError` for any other shape."""
    match = re.fullmatch(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d{1,7})?))?", text.strip())
    if not match:
        raise ValueError(f"'{text}' is not a time span such as '00:00:02'")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    if hours > 23 or minutes > 59 or seconds >= 60:
        raise ValueError(f"'{text}' is not a time span such as '00:00:02' (hours to 23, minutes and seconds to 59)")
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _section(values: Mapping[str, Any], name: str, problems: list[str]) -> Mapping[str, Any]:
    section = values.get(name, {})
    if isinstance(section, dict):
        return section
    problems.append(f"host.json: '{name}' must be an object.")
    return {}


@dataclass(frozen=True, slots=True)
class _Reader:
    values: Mapping[str, Any]
    section: str
    problems: list[str]

    def integer(self, name: str, default: int, least: int, most: int | None = None) -> int:
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least or (most and value > most):
            limits = f"from {least} to {most}" if most else f"of at least {least}"
            self._refuse(name, value, f"a whole number {limits}")
            return default
        return value

    def span(self, name: str, default: float, least: float) -> float:
        value = self.values.get(name)
        if value is None:
            return default
        try:
            seconds = parse_time_span(str(value))
        except ValueError:
            self._refuse(name, value, "a time span such as '00:00:02'")
            return default
        if seconds < least:
            self._refuse(name, value, f"at least {least:g} s")
            return default
        return seconds

    def text(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = str(self.values.get(name, default)).lower()
        if value not in allowed:
            self._refuse(name, value, f"one of {', '.join(allowed)}")
            return default
        return value

    def _refuse(self, name: str, value: object, wanted: str) -> None:
        where = f"{self.section}.{name}" if self.section else name
        self.problems.append(f"host.json: '{where}' is {value!r}; it must be {wanted}.")
