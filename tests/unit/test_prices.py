"""Forecasts go by the prices of `docs/prices.json`, and say where those come from."""

import json

import pytest

from functions.prices import CUSTOM_TEXT_RECORDS, READ_PAGES, ListPrice
from local.process import ROOT

FILE = json.loads((ROOT / "docs" / "prices.json").read_text("utf-8"))
PRICES = {entry["key"]: entry for entry in FILE["prices"]}


@pytest.mark.parametrize(("key", "price"), [("text_records", CUSTOM_TEXT_RECORDS), ("read_pages", READ_PAGES)])
def test_prices_are_those_of_the_list(key: str, price: ListPrice) -> None:
    entry = PRICES[key]
    assert (entry["usd"], entry["per"], entry["region"]) == (price.usd_per_thousand, 1000, price.region)
    assert price.of in FILE["sources"][entry["source"]]
