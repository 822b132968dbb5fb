"""The list prices that forecasts go by; `docs/prices.json` says where they come from, and a test compares them."""

from typing import NamedTuple


class ListPrice(NamedTuple):
    """What Azure's price list says, in US dollars without tax."""

    usd_per_thousand: float
    of: str
    """The date of the price list."""
    region: str


CUSTOM_TEXT_RECORDS = ListPrice(5.00, "2025-07-07", "West Europe")
"""Text records of custom tasks. Those of prebuilt tasks cost less; no number of theirs was found."""

READ_PAGES = ListPrice(1.50, "2026-09-07", "Sweden Central")
"""Pages that OCR reads."""
