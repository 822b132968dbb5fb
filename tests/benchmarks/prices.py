"""`python -m tests.benchmarks.prices --publish`: what Azure charges, and what this app comes to.

`docs/prices.json` is the only place where a price stands. This module reads it, for the simulation (`scale.py`) and
for the tables of `docs/prices.md` and `docs/deploy.md`, which it writes between marks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click

from local.process import ROOT

FILE = ROOT / "docs" / "prices.json"
HOURS = 730
"""Of a month, as Azure's own calculator counts."""

MILLION = 1_000_000

ENDPOINTS, ZONES, LOG_RULES, METRIC_RULES = 5, 3, 8, 1
"""What `PRIVATE_NETWORKING=true` deploys, and the alerts; a test compares them with the infrastructure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one meter costs: `usd` for `per` units, after `free_per_month` units. `usd` is None where none was found."""

    key: str
    meter: str
    usd: float | None
    per: int
    unit: str
    region: str
    source: str
    doubt: str
    free_per_month: int = 0

    def cost(self, quantity: float, *, with_free: bool = False) -> float:
        """Return dollars for a quantity, in units; `with_free` takes the month's free units off first.

        Raises `ValueError` for a meter without a price.
        """
        if self.usd is None:
            raise ValueError(f"No price is known for {self.meter}. Put it into {FILE.name}, with its source.")
        billed = max(0, quantity - self.free_per_month) if with_free else quantity
        return billed / self.per * self.usd


@cache
def prices() -> Mapping[str, Price]:
    """Return every price by its key."""
    return {entry["key"]: Price(**entry) for entry in json.loads(FILE.read_text("utf-8"))["prices"]}


# --- The tables ---


def price_table() -> str:
    """Return the table of docs/prices.md."""
    content = json.loads(FILE.read_text("utf-8"))
    rows = [("meter", "dollars", "for", "free each month", "region", "source", "what is uncertain")]
    for price in prices().values():
        dollars = "**not found**" if price.usd is None else _plain(price.usd)
        amount = price.unit if price.per == 1 else f"{price.per:,} {price.unit}"
        free = f"{price.free_per_month:,} {price.unit}" if price.free_per_month else ""
        source = content["sources"][price.source]
        rows.append((price.meter, dollars, amount, free, price.region, source, price.doubt))
    return f"{_table(rows)}\n\nSources read on {content['checked']}."


def at_rest_table() -> str:
    """Return what a deployment costs in a month in which nothing is dropped."""
    cost = prices()
    sweep_gb_s = 12 * 24 * 30 * 2
    sweep = cost["gb_seconds"]
    alerts = cost["log_alert_rules"].cost(LOG_RULES) + cost["metric_alert_rules"].cost(METRIC_RULES)
    ready = cost["always_ready_gb_seconds"].cost(2 * 2 * HOURS * 3600)
    idle_queue = 2 * HOURS * 3600
    endpoints = cost["private_endpoint_hours"].cost(ENDPOINTS * HOURS) + cost["private_dns_zones"].cost(ZONES)
    rows = [
        ("what", "how much", "dollars"),
        (
            "`sweep` every 5 minutes",
            f"{12 * 24 * 30:,} runs of at least a second on 2 GB = {sweep_gb_s:,} GB-s",
            f"{sweep.cost(sweep_gb_s, with_free=True):.0f} within the free grant "
            f"({sweep.cost(sweep_gb_s):.2f} without it)",
        ),
        ("`reconcile` once a night", "30 runs and a listing for each 5,000 blobs", "0"),
        ("alerts", f"{LOG_RULES} log rules, {METRIC_RULES} metric rule", f"{alerts:.2f}"),
        ("storage, events, logs", "nearly nothing", "under 1"),
        ("**together**", "", f"**about {alerts + 0.5:.0f}**"),
        (
            "one always-ready instance for the intake and one for the queue (`ALWAYS_READY_INSTANCES=1`)",
            f"2 × 2 GB × {HOURS * 3600 / MILLION:.1f} million s",
            f"about {ready:.0f} more; each idle instance also asks its queues twice a second, "
            f"{idle_queue / MILLION:.1f} million requests a month and queue, "
            f"{cost['queue_requests'].cost(idle_queue):.2f} each",
        ),
        (
            "private networking",
            f"{ENDPOINTS} private endpoints, {ZONES} private DNS zones",
            f"about {endpoints:.0f} more",
        ),
    ]
    return _table(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a million documents take, in millions. The first three are counted, see docs/deploy.md."""

    blob_writes: float = 4.8
    blob_reads: float = 3.3
    queue_requests: float = 2.8
    executions: float = 1.05
    gb_seconds: float = 0.1165
    events: float = 6.8
    log_gb: tuple[int, int] = (5, 10)
    """Gigabytes, not millions: least and most; an estimate."""


def million_table(usage: Usage = Usage()) -> str:
    """Return what a million documents of one text record each cost."""
    cost = prices()
    quantities = {
        "blob_writes": usage.blob_writes * MILLION,
        "blob_reads": usage.blob_reads * MILLION,
        "queue_requests": usage.queue_requests * MILLION,
        "executions": usage.executions * MILLION,
        "gb_seconds": usage.gb_seconds * MILLION,
        "events": usage.events * MILLION,
    }
    dollars = {key: cost[key].cost(quantity, with_free=True) for key, quantity in quantities.items()}
    least, most = (cost["log_gb"].cost(gigabytes, with_free=True) for gigabytes in usage.log_gb)
    together = sum(dollars.values())
    rows = [
        ("what", "how much", "dollars"),
        (
            "Language",
            "1 million text records",
            f"**{cost['text_records'].cost(MILLION):,.0f}**: this is the bill, everything else is small beside it",
        ),
        ("blob writes", f"{usage.blob_writes} million", f"{dollars['blob_writes']:.2f}"),
        ("blob reads", f"{usage.blob_reads} million", f"{dollars['blob_reads']:.2f}"),
        ("queue requests", f"{usage.queue_requests} million", f"{dollars['queue_requests']:.2f}"),
        ("runs", f"{usage.executions} million", f"{dollars['executions']:.2f}"),
        (
            "run time",
            "two instances of 2 GB for 485 minutes (2,060 documents a minute were measured with everything on one "
            f"machine of two cores) = {quantities['gb_seconds']:,.0f} GB-s",
            f"{dollars['gb_seconds']:.2f}",
        ),
        (
            "events",
            f"at most {usage.events} million (Event Grid may count the app's own writes, which the filter then drops, "
            "besides matching and delivering)",
            f"{dollars['events']:.2f}",
        ),
        (
            "logs",
            f"an estimate of {usage.log_gb[0]} to {usage.log_gb[1]} GB, not measured",
            f"{least:.0f} to {most:.0f}",
        ),
        ("**without Language**", "", f"**about {together + least:.0f} to {together + most:.0f}**"),
    ]
    return _table(rows)


TABLES = {
    "docs/prices.md": {"prices": price_table},
    "docs/deploy.md": {"at rest": at_rest_table, "a million documents": million_table},
}
"""The page and the mark of each table."""


def marks(name: str) -> tuple[str, str]:
    """Return the two lines of a page between which a table stands."""
    return f"<!-- begin of {name}, from prices.json -->", f"<!-- end of {name} -->"


def shown(page: str, name: str) -> str:
    """Return the table that stands in the text of a page; raises `ValueError` where its marks are missing."""
    begin, end = marks(name)
    if begin not in page or end not in page:
        raise ValueError(f"The page must have the lines {begin!r} and {end!r}; put them back.")
    return page.partition(begin)[2].partition(end)[0].strip()


def publish(file: Path) -> None:
    """Write every table of a page anew."""
    text = file.read_text("utf-8")
    for name, table in TABLES[file.relative_to(ROOT).as_posix()].items():
        begin, end = marks(name)
        shown(text, name)
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{table()}\n\n{end}{rest.partition(end)[2]}"
    file.write_text(text, "utf-8")


def _plain(amount: float) -> str:
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount:.7f}".rstrip("0")


def _table(rows: list[tuple[str, ...]]) -> str:
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


@click.command()
@click.option("--publish", "is_publishing", is_flag=True, help="Write the tables into the pages of docs/.")
def main(is_publishing: bool) -> None:
    """Print the tables of prices, or write them into the pages."""
    for page, tables in TABLES.items():
        if is_publishing:
            publish(ROOT / page)
        for name, table in tables.items():
            click.echo(f"{page}, {name}:\n\n{table()}\n")


if __name__ == "__main__":
    main()
