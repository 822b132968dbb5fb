"""Each price stands in one place, with its source, and the pages show what follows from it."""

import json
import re

import pytest

from local.process import ROOT
from tests.infra.templates import provision

from .prices import ENDPOINTS, FILE, LOG_RULES, METRIC_RULES, TABLES, ZONES, Price, marks, prices, shown

PAGES = [(page, name) for page, tables in TABLES.items() for name in tables]
DOLLARS = re.compile(r"\$\d+[.,]\d")


@pytest.mark.parametrize(("page", "name"), PAGES)
def test_page_shows_prices_of_file(page: str, name: str) -> None:
    assert shown((ROOT / page).read_text("utf-8"), name) == TABLES[page][name]()


def test_every_price_has_source_and_region() -> None:
    content = json.loads(FILE.read_text("utf-8"))
    for price in prices().values():
        assert price.usd is None or content["sources"][price.source], price.key
        assert price.region or price.doubt, price.key
        assert price.per > 0
    assert set(content["sources"]) == {price.source for price in prices().values()}


def test_no_other_page_states_prices() -> None:
    for page in ("docs/deploy.md", "README.md"):
        assert DOLLARS.findall((ROOT / page).read_text("utf-8")) == [], page


def test_scale_sums_follow_from_prices() -> None:
    page = (ROOT / "docs" / "scale.md").read_text("utf-8")
    assert f"Two million text records cost ${prices()['text_records'].cost(2_000_000):,.0f};" in page
    assert (
        f"(a million documents and results are about 5 GB, ${prices()['blob_gb_months'].cost(5):.2f} a month)" in page
    )


def test_counted_resources_match_infrastructure() -> None:
    deployment = provision(PRIVATE_NETWORKING="true", ALERT_EMAIL="somebody@example.com")
    kinds = {
        "Microsoft.Network/privateEndpoints": ENDPOINTS,
        "Microsoft.Network/privateDnsZones": ZONES,
        "Microsoft.Insights/scheduledQueryRules": LOG_RULES,
        "Microsoft.Insights/metricAlerts": METRIC_RULES,
    }
    assert {kind: len(deployment.of_type(kind)) for kind in kinds} == kinds


@pytest.mark.parametrize(
    ("quantity", "with_free", "dollars"),
    [(100, False, 0.5), (100, True, 0.0), (99, True, 0.0), (300, True, 1.0), (0, False, 0.0)],
)
def test_free_units_are_taken_off_first(quantity: int, with_free: bool, dollars: float) -> None:
    price = Price(key="", meter="", usd=5.0, per=1_000, unit="", region="", source="", doubt="", free_per_month=100)
    assert price.cost(quantity, with_free=with_free) == pytest.approx(dollars)


def test_meter_without_price_cannot_be_calculated() -> None:
    with pytest.raises(ValueError, match="No price is known"):
        prices()["hosted_models"].cost(1)


def test_missing_marks_are_reported() -> None:
    begin, end = marks("prices")
    assert shown(f"before\n{begin}\n\ntable\n\n{end}\nafter", "prices") == "table"
    with pytest.raises(ValueError, match="put them back"):
        shown("a page without marks", "prices")


def test_price_of_scanned_page_follows_from_prices() -> None:
    page = (ROOT / "docs" / "ocr.md").read_text("utf-8")
    assert f"At the list price a page costs {prices()['read_pages'].cost(1) * 100:g} cents" in page
    assert f"three text records and cost {prices()['text_records'].cost(3) * 100:g} cents" in page
