"""Alerts and workbook ask for what the app really reports, and watch what an operator must know."""

import json
import re
from typing import Any

import pytest

from functions.core.expiry import WARNED_DAYS
from tests.infra.bicep import Resource
from tests.infra.templates import INFRA, ROOT, provision

METRICS = set(re.findall(r"_meter\.create_\w+\(\s*\"([\w.]+)\"", (ROOT / "functions" / "telemetry.py").read_text()))
"""The metrics of the app, by the names its telemetry gives them."""


ALERTS = (
    "old-document",
    "errors",
    "failed-documents",
    "throttling",
    "silence",
    *(f"expiry-{days}" for days in WARNED_DAYS),
)


def rules() -> dict[str, Resource]:
    found = provision().of_type("Microsoft.Insights/scheduledQueryRules")
    return {rule.name.split("-", 2)[2]: rule for rule in found}


def query(rule: Resource) -> str:
    (criterion,) = rule.body["properties"]["criteria"]["allOf"]
    return str(criterion["query"])


def workbook_queries() -> dict[str, str]:
    items: list[dict[str, Any]] = json.loads((INFRA / "workbook.json").read_text())["items"]
    return {item["name"]: item["content"]["query"] for item in items if item["type"] == 3}


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\"((?:documents|service|reading)\.\w+)\"", text))


def test_operator_has_all_alerts() -> None:
    """Old documents, errors, throttling, silence, models that expire, and dead letters."""
    assert set(rules()) == set(ALERTS)
    dead_letter = provision().one("Microsoft.Insights/metricAlerts").body["properties"]
    (criterion,) = dead_letter["criteria"]["allOf"]
    assert criterion["metricName"] == "DeadLetteredCount"
    assert dead_letter["scopes"] == ["<" + provision().one("Microsoft.EventGrid/systemTopics").name + ".id>"]


def test_old_document_alert_is_one_hour() -> None:
    assert "documents.oldest_unfinished_seconds" in query(rules()["old-document"])
    assert "> 3600" in query(rules()["old-document"])


def test_expiry_is_told_in_three_steps() -> None:
    """Each number of days belongs to one rule; the nearer the day, the more severe."""
    bounds = {}
    for days in WARNED_DAYS:
        rule = rules()[f"expiry-{days}"]
        asked = query(rule).partition("| where days ")[2]
        bounds[days] = (asked, rule.body["properties"]["severity"])
        assert str(days) in rule.body["properties"]["displayName"]
    assert bounds == {90: ("> 30 and days <= 90", 3), 30: ("> 7 and days <= 30", 2), 7: ("<= 7", 1)}


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_complete(name: str) -> None:
    """The sweep reports every five minutes; a window shorter than the pause between two looks would miss some."""
    properties = rules()[name].body["properties"]
    (criterion,) = properties["criteria"]["allOf"]
    assert (criterion["timeAggregation"], criterion["operator"], criterion["threshold"]) == ("Count", "GreaterThan", 0)
    assert properties["windowSize"] in ("PT15M", "PT30M", "PT1H")
    assert properties["evaluationFrequency"] == "PT15M"
    assert len(properties["description"].split()) >= 10


def test_alerts_and_workbook_use_known_metrics() -> None:
    queries = [*map(query, rules().values()), *workbook_queries().values()]
    named = set().union(*map(metrics_in, queries))
    assert named <= METRICS


def test_workbook_shows_every_metric() -> None:
    assert len(METRICS) >= 8
    assert set().union(*map(metrics_in, workbook_queries().values())) == METRICS


def test_mail_needs_address() -> None:
    assert provision().of_type("Microsoft.Insights/actionGroups") == []
    deployment = provision(ALERT_EMAIL="operator@example.org")
    receiver = deployment.one("Microsoft.Insights/actionGroups")
    assert receiver.body["properties"]["emailReceivers"][0]["emailAddress"] == "operator@example.org"
    for rule in deployment.of_type("Microsoft.Insights/scheduledQueryRules"):
        assert rule.body["properties"]["actions"] == {"actionGroups": [f"<{receiver.name}.id>"]}
    (action,) = deployment.one("Microsoft.Insights/metricAlerts").body["properties"]["actions"]
    assert action == {"actionGroupId": f"<{receiver.name}.id>"}


def test_telemetry_needs_apps_identity() -> None:
    assert provision().one("Microsoft.Insights/components").body["properties"]["DisableLocalAuth"] is True
