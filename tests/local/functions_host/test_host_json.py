"""host.json: the documented defaults, the limits, and one message for all that is wrong."""

from __future__ import annotations

import pytest

from local.functions_host.errors import StartError
from local.functions_host.host_json import (
    BlobOptions,
    HostOptions,
    HttpSection,
    QueueOptions,
    parse_host_json,
    parse_time_span,
)


def test_empty_host_json_gives_defaults() -> None:
    assert parse_host_json({"version": "2.0"}, cores=2) == HostOptions(
        queues=QueueOptions(
            batch_size=16,
            new_batch_threshold=16,
            max_dequeue_count=5,
            visibility_timeout_s=0.0,
            max_polling_interval_s=60.0,
            base64=True,
        ),
        blobs=BlobOptions(max_degree_of_parallelism=16, poison_blob_threshold=5),
        function_timeout_s=1800.0,
    )


def test_every_given_value_counts() -> None:
    content = {
        "version": "2.0",
        "functionTimeout": "00:10:00",
        "extensions": {
            "blobs": {"maxDegreeOfParallelism": 64, "poisonBlobThreshold": 3},
            "queues": {
                "batchSize": 8,
                "newBatchThreshold": 0,
                "maxDequeueCount": 2,
                "visibilityTimeout": "00:00:30",
                "maxPollingInterval": "00:00:02",
                "messageEncoding": "none",
            },
        },
    }
    assert parse_host_json(content, cores=1) == HostOptions(
        QueueOptions(8, 0, 2, 30.0, 2.0, base64=False), BlobOptions(64, 3), 600.0
    )


@pytest.mark.parametrize(
    ("parallelism", "batch_size", "threshold"),
    # The table of SharedBlobQueueListenerFactory's own tests.
    [(100, 32, 68), (16, 9, 7), (2, 2, 0), (1, 1, 0)],
)
def test_blob_parallelism_sets_batch_size(parallelism: int, batch_size: int, threshold: int) -> None:
    options = BlobOptions(parallelism, poison_blob_threshold=7).queue_options()

    assert (options.batch_size, options.new_batch_threshold, options.concurrency) == (
        batch_size,
        threshold,
        parallelism,
    )
    assert (options.max_dequeue_count, options.max_polling_interval_s) == (7, 2.0)


def test_minus_one_means_no_function_timeout() -> None:
    assert parse_host_json({"version": "2.0", "functionTimeout": "-1"}, cores=1).function_timeout_s is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:02", 2.0), ("01:02:03", 3723.0), ("1.00:00:00", 86400.0), ("00:00:00.2500000", 0.25), ("00:05", 300.0)],
)
def test_dot_net_time_spans_are_read(text: str, seconds: float) -> None:
    assert parse_time_span(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "24:00:00", "00:60:00", "00:00:60", "-00:00:01", "1h"])
def test_other_texts_are_no_time_spans(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time span"):
        parse_time_span(text)


def test_all_wrong_values_are_reported_together() -> None:
    content = {
        "version": "2.0",
        "functionTimeout": "soon",
        "extensions": {
            "blobs": {"maxDegreeOfParallelism": 0},
            "queues": {"batchSize": 33, "maxDequeueCount": True, "messageEncoding": "utf8"},
        },
    }
    with pytest.raises(StartError) as raised:
        parse_host_json(content, cores=1)

    assert raised.value.problems == (
        "host.json: 'extensions.queues.batchSize' is 33; it must be a whole number from 1 to 32.",
        "host.json: 'extensions.queues.messageEncoding' is 'utf8'; it must be one of base64, none.",
        "host.json: 'extensions.queues.maxDequeueCount' is True; it must be a whole number of at least 1.",
        "host.json: 'extensions.blobs.maxDegreeOfParallelism' is 0; it must be a whole number of at least 1.",
        "host.json: 'functionTimeout' is 'soon'; it must be a time span such as '00:00:02'.",
    )


@pytest.mark.parametrize("content", [[], {"version": "1.0"}, {}])
def test_other_host_json_version_is_refused(content: object) -> None:
    with pytest.raises(StartError, match=r"version.*2\.0"):
        parse_host_json(content, cores=1)


def http_section(**values: object) -> HttpSection:
    return parse_host_json({"version": "2.0", "extensions": {"http": values}}, cores=1).http


def test_http_section_has_documented_defaults() -> None:
    assert http_section() == HttpSection("api", {}, None, ("localhost", "127.0.0.1", "[::1]"), None, None)
    assert http_section(maxConcurrentRequests=-1, maxOutstandingRequests=-1) == http_section()


@pytest.mark.parametrize(("given", "prefix"), [("", ""), (None, ""), ("v1", "v1")])
def test_route_prefix(given: str | None, prefix: str) -> None:
    assert http_section(routePrefix=given).route_prefix == prefix


@pytest.mark.parametrize(
    ("hsts", "header"),
    [
        ({"isEnabled": False, "maxAge": "10"}, None),
        ({"isEnabled": True}, "max-age=2592000"),
        ({"isEnabled": True, "maxAge": "1.00:00:10", "preload": True}, "max-age=86410; preload"),
    ],
)
def test_hsts_header(hsts: dict[str, object], header: str | None) -> None:
    assert http_section(hsts=hsts).hsts == header


def test_wrong_http_values_are_listed() -> None:
    with pytest.raises(StartError) as raised:
        http_section(
            routePrefix=5, customHeaders={"a": 1}, maxConcurrentRequests="x", hsts={"isEnabled": True, "maxAge": "x"}
        )
    assert [problem.split("'")[1] for problem in raised.value.problems] == [
        "extensions.http.customHeaders.a",
        "extensions.http.routePrefix",
        "extensions.http.maxConcurrentRequests",
        "extensions.http.hsts.maxAge",
    ]
