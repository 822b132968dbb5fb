"""The results of a benchmark: what was measured, on which machine, and how it stands to the bars."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from local.process import ROOT

from .burst import Burst
from .calls import Call
from .limited import ONE_RESOURCE, RUNS, THIS, TWO_RESOURCES, Limited
from .rig import BLOCKING, JOB_SECONDS, OURS, REQUESTS_PER_MINUTE, TIMER
from .single import Import, Lone, Long, Merging, figures_of
from .transactions import Transactions

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the benchmark ran on."""

    processor: str
    cores: int
    memory_gib: float
    python: str
    node: str
    azurite: str
    commit: str
    date: str
    load_before: float
    """Processes that wanted to run in the minute before the start; other work disturbs every figure."""

    @classmethod
    def this(cls) -> Machine:
        """Describe this machine."""
        package = json.loads((ROOT / "node_modules" / "azurite" / "package.json").read_text("utf-8"))
        return cls(
            processor=_processor(),
            cores=os.cpu_count() or 1,
            memory_gib=round(psutil.virtual_memory().total / 1024**3, 1),
            python=platform.python_version(),
            node=_output("node", "--version"),
            azurite=package["version"],
            commit=_output("git", "rev-parse", "--short", "HEAD"),
            date=datetime.now(UTC).date().isoformat(),
            load_before=round(psutil.getloadavg()[0], 2),
        )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


@dataclass(slots=True, kw_only=True)
class Results:
    """Everything a run measured; parts that were not asked for are empty."""

    machine: Machine
    threads: int
    job_seconds: tuple[float, float] = JOB_SECONDS
    requests_per_minute: int = REQUESTS_PER_MINUTE
    rounds: list[Burst] = field(default_factory=list)
    lone: list[Lone] = field(default_factory=list)
    long: Long | None = None
    imported: Import | None = None
    merging: Merging | None = None
    growth: list[Burst] = field(default_factory=list)
    transactions: Transactions | None = None
    calls: list[Call] = field(default_factory=list)
    spread: list[Burst] = field(default_factory=list)
    limited: list[Limited] = field(default_factory=list)

    def of(self, contestant: str) -> dict[str, float] | None:
        """Return the medians of an app's rounds by figure; None where it ran none."""
        rounds = [each for each in self.rounds if each.contestant == contestant]
        if not rounds:
            return None
        numbers = [each.name for each in fields(Burst) if isinstance(getattr(rounds[0], each.name), int | float)]
        return {name: statistics.median(getattr(each, name) for each in rounds) for name in numbers}

    def lone_of(self, contestant: str) -> dict[str, float] | None:
        """Return the figures of an app's lone documents, as `figures_of` does; None where it had none."""
        measured = [each for each in self.lone if each.contestant == contestant]
        return figures_of(measured) if measured else None

    def add_limited(self, runs: list[Limited]) -> None:
        """Add runs at a limit, in the place of earlier ones with the same names."""
        found = {each.name: each for each in [*self.limited, *runs]}
        self.limited = [found[run.name] for run in RUNS if run.name in found]

    def processor_ms(self, contestant: str) -> dict[str, float]:
        """Return the processor time that each part used for a document, in milliseconds, the median of the rounds."""
        rounds = [each for each in self.rounds if each.contestant == contestant]
        parts = {part for each in rounds for part in each.processor_ms}
        return {part: statistics.median(each.processor_ms.get(part, 0.0) for each in rounds) for part in sorted(parts)}

    def to_json(self) -> str:
        """Return the results as JSON, the bars included."""
        held = [asdict(bar) for bar in (*bars(self), *bars_of_instances(self))]
        content = asdict(self) | {"bars": held}
        return json.dumps(content, indent=2) + "\n"


def from_json(text: str) -> Results:
    """Return the results that `to_json` wrote."""
    content: dict[str, Any] = json.loads(text)
    content.pop("bars")
    imported = content["imported"]
    if imported:
        imported["slowest"] = tuple((name, seconds) for name, seconds in imported["slowest"])
    return Results(
        machine=Machine(**content["machine"]),
        threads=content["threads"],
        job_seconds=tuple(content["job_seconds"]),
        requests_per_minute=content["requests_per_minute"],
        rounds=[Burst(**each) for each in content["rounds"]],
        lone=[Lone(**each) for each in content["lone"]],
        long=Long(**content["long"]) if content["long"] else None,
        imported=Import(**imported) if imported else None,
        merging=Merging(**content["merging"]) if content["merging"] else None,
        growth=[Burst(**each) for each in content["growth"]],
        transactions=Transactions(**content["transactions"]) if content["transactions"] else None,
        calls=[Call(**each) for each in content["calls"]],
        spread=[Burst(**each) for each in content["spread"]],
        limited=[Limited(**each) for each in content["limited"]],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar that the project has set itself: `measured` must be at most (or at least) `limit`."""

    what: str
    measured: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the bar is met."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def bars(results: Results) -> list[Bar]:
    """Return the bars that the measured parts can be held against."""
    found = []
    ours, blocking = results.of(OURS.name), results.of(BLOCKING.name)
    if ours:
        found.append(Bar(what="requests per document", measured=ours["requests_per_document"], limit=0.12, unit=""))
    if ours and blocking:
        found += [
            Bar(
                what="fewer requests per document than blocking",
                measured=blocking["requests_per_document"] / ours["requests_per_document"],
                limit=25,
                unit="times",
                at_least=True,
            ),
            Bar(
                what="function-seconds per document, of blocking's",
                measured=100 * ours["function_seconds_per_document"] / blocking["function_seconds_per_document"],
                limit=2,
                unit="%",
            ),
            Bar(
                what="more documents per minute than blocking",
                measured=ours["documents_per_minute"] / blocking["documents_per_minute"],
                limit=10,
                unit="times",
                at_least=True,
            ),
        ]
    found += _bars_against_timer(results)
    lone = results.lone_of(OURS.name)
    if lone:
        found.append(Bar(what="lone document, beyond job and detection", measured=lone["beyond"], limit=1.5, unit="s"))
    if results.long:
        above = results.long.memory_above_idle / 1e6
        found.append(Bar(what="longest document, memory above idle", measured=above, limit=200, unit="MB"))
    if results.imported:
        found.append(Bar(what="import of the app", measured=results.imported.seconds, limit=1.0, unit="s"))
    return found


def _bars_against_timer(results: Results) -> list[Bar]:
    found = []
    ours, timer = results.of(OURS.name), results.of(TIMER.name)
    if ours and timer:
        found += [
            _of_timers("requests per document", ours["requests_per_document"], timer["requests_per_document"], 60),
            _of_timers(
                "function-seconds per document",
                ours["function_seconds_per_document"],
                timer["function_seconds_per_document"],
                50,
            ),
            _of_timers("drop to result in a burst, median", ours["median_s"], timer["median_s"], 100),
            _of_timers("drop to result in a burst, 95th percentile", ours["p95_s"], timer["p95_s"], 100),
        ]
    lone, waited = results.lone_of(OURS.name), results.lone_of(TIMER.name)
    if lone and waited:
        found += [
            _of_timers("lone document, drop to result, median", lone["drop_to_result"], waited["drop_to_result"], 100),
            _of_timers("lone document, drop to result, 95th percentile", lone["p95"], waited["p95"], 100),
        ]
    return found


def _of_timers(what: str, ours: float, timer: float, limit: float) -> Bar:
    return Bar(what=f"{what}, of the timer's", measured=100 * ours / timer, limit=limit, unit="%")


# --- Several instances ---

MOST_REQUESTS_SPREAD = {4: 0.095, 10: 0.12}
"""Requests for each document of a burst, by the number of hosts that it is spread over."""


def bars_of_instances(results: Results) -> list[Bar]:
    """Return the bars that several instances can be held against; runs that are not valid count for none."""
    found = [
        Bar(
            what=f"requests per document, {each.hosts} hosts",
            measured=each.requests_per_document,
            limit=MOST_REQUESTS_SPREAD[each.hosts],
            unit="",
        )
        for each in results.spread
        if each.hosts in MOST_REQUESTS_SPREAD
    ]
    valid = {each.name: each for each in results.limited if each.is_valid}
    pool = {ONE_RESOURCE.name, TWO_RESOURCES.name}
    for name, each in valid.items():
        if each.release == THIS and name not in pool:
            found += _bars_of_limit(each)
    if pool <= set(valid):
        one, two = valid[ONE_RESOURCE.name], valid[TWO_RESOURCES.name]
        ratio = two.documents_per_minute / one.documents_per_minute
        what = "documents a minute, two resources of one"
        found.append(Bar(what=what, measured=ratio, limit=1.8, unit="times", at_least=True))
    return found


def _bars_of_limit(run: Limited) -> list[Bar]:
    return [
        Bar(what=f"{run.name}: requests refused", measured=run.refused, limit=0.5, unit="%"),
        Bar(what=f"{run.name}: rate used", measured=run.rate_used, limit=94, unit="%", at_least=True),
        Bar(what=f"{run.name}: from job done to result, 99 %", measured=run.delay_p99_s, limit=10, unit="s"),
    ]
