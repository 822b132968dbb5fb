"""The chaos run: every document ends in exactly one right result, whatever dies on the way.

`python -m tests.chaos --seed 7` drops 1,000 documents while three functions hosts are killed and started again
at random moments and the Language stand-in fails, throttles, cuts connections and loses jobs; then it checks every
document. Exit code 0 only if every promise was kept. The seed decides documents, names, events, replacements, the
times of the kills and what the stand-in does to whom; which documents share a request depends on the machine's speed.

For some seconds at a time the service answers nothing but a proxy's pages, or fails all jobs. A few documents make
every job fail; they have to end in reports that blame them, and their neighbours in entities. For that to happen in
minutes the hosts run the app with shorter waits (`tests.chaos.waits`).
"""

import json
import random
import re
import secrets
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import click
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from functions.core.results import entities_name, error_name, refused_name
from local.language_service.projects import learn_project
from local.process import ROOT
from local.stack import MODEL_CACHE, SAMPLES, Stack
from tests.chaos.plan import FAULTS, Plan, make_plan
from tests.chaos.verdict import Evidence, StoredResult, Verdict, judge
from tests.chaos.world import PATIENT_S, Agenda, Dropper, Hosts, Incidents, Killer

STALLED_S = 480.0
"""Seconds without any progress after which a document counts as lost: longer than a sweep's grace and a lease."""

QUIET_WITHIN_S = 900.0
"""Seconds in which everything must be gone once every document has its result, even if things still move."""


class Pace(NamedTuple):
    """What in Azure takes minutes, or waits for the night, and here must not; seconds but for the last."""

    message_lease_s: float = 20.0
    """After which the messages of a killed host are seen again; in Azure it is ten minutes."""
    sweep_every_s: float = 15.0
    reconcile_every_s: float = 25.0
    """How often the two timers are fired by hand, on top of their schedules."""
    job_timeout_minutes: float = 0.3


HURRY = Pace(message_lease_s=8.0, sweep_every_s=8.0, reconcile_every_s=12.0, job_timeout_minutes=0.15)
"""For a small run."""

RETAKES = 3
"""Times that the run waits for documents which `reconcile` takes up again."""

APP_SCRIPT = "chaos_app.py"

BROKEN, LEFT_OVER = "broken", "left-over"
"""Folders for the records of documents to which a promise was broken, and for what should be gone."""

_LOOK_EVERY_S = 2.0
_BLOB_QUEUE_PREFIX = "azure-webjobs-blobtrigger-"
_RECONCILED = re.compile(
    r"Reconcile: (\d+) dropped = (\d+) done \+ (\d+) failed \+ (\d+) pending, "
    r"of which (\d+) were submitted now, (\d+) of them after an earlier report"
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a run has shown, and how it went."""

    plan: Plan
    verdict: Verdict
    seconds: float
    kills: int
    requests: dict[str, int]
    faults: dict[str, int]
    reconciled: str
    """The last line of `reconcile`, which ran when everything was quiet."""
    problems: list[str] = field(default_factory=list)
    """What went wrong beside single documents."""

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return self.verdict.is_clean and not self.problems


def run(
    plan: Plan,
    folder: Path,
    *,
    hosts: int = 3,
    resources: int = 1,
    events: str = "eventgrid",
    pace: Pace = Pace(),  # noqa: B008 - frozen
    tell: Callable[[str], None] = lambda text: None,
) -> Report:
    """Let a plan happen and return what came of it; logs, and whatever went wrong, are left in `folder`."""
    key = secrets.token_urlsafe(24)
    by_events = events == "eventgrid"
    stack = Stack(
        folder,
        hosts=hosts,
        resources=resources,
        settings={
            "PYTHON_SCRIPT_FILE_NAME": APP_SCRIPT,
            "BLOB_TRIGGER_SOURCE": "EventGrid" if by_events else "LogsAndContainerScan",
            "FIRST_POLL_SECONDS": "1",
            "MAX_POLL_SECONDS": "5",
            "JOB_TIMEOUT_MINUTES": f"{pace.job_timeout_minutes:g}",
        },
        language_options=[
            *("--seed", str(plan.seed), "--min-seconds", "0.5", "--max-seconds", "1.5"),
            *("--latency-seconds", "1", "5", "--not-started-seconds", "15", "--drip-seconds", "60"),
            *(option for fault in FAULTS for option in ("--fault", fault)),
        ],
        host_options=[
            *("--message-lease", f"{pace.message_lease_s:g}", "--extension-key", key),
            *("--app", str(_app_with_shorter_waits(folder / "app"))),
        ],
        tell=tell,
    )
    with stack, _Watch(plan, stack, pace, tell) as watch, ExitStack() as last:
        rng = random.Random(f"{plan.seed}|callers")
        callers = Hosts(stack.hosts, key, rng)
        agenda = Agenda()
        last.callback(agenda.stop)
        dropper = Dropper(plan, agenda, watch.intake, callers if by_events else None)
        last.callback(dropper.stop)
        killers = [Killer(host, plan.outages(number)) for number, host in enumerate(stack.hosts)]
        for killer in killers:
            killer.start()
            last.callback(killer.stop)
        Incidents(plan, agenda, stack.languages).begin()
        dropper.begin()
        watch.until_all_have_results(dropper, agenda, callers, killers)
        for killer in killers:
            killer.stop()
        left_over, reconciled = watch.until_night_is_over(callers)
        seconds = agenda.now_s
        dropper.stop()
        problems = watch.wrong_at_rest(reconciled)
        problems += [str(killer.error) for killer in killers if killer.error]
        evidence = Evidence(
            dropper.etags,
            watch.results(),
            [entry for language in stack.languages for entry in language.admin("GET", "ledger")],
            left_over,
            frozenset(watch.went_back),
            frozenset(dropper.unsafe),
        )
        tell("Checking every document against the stand-in's model")
        verdict = judge(plan, evidence, _model())
        watch.keep(verdict, evidence)
        counters = [language.counters() for language in stack.languages]
        return Report(
            plan,
            verdict,
            seconds,
            sum(killer.kills for killer in killers),
            _sum(each["requests"] for each in counters),
            _sum(each["faults"] for each in counters),
            reconciled,
            problems,
        )


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _app_with_shorter_waits(folder: Path) -> Path:
    """Write a folder for the host whose app is the product with the waits of `tests.chaos.waits`, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "host.json", folder)
    (folder / APP_SCRIPT).write_text(
        '"""The app of a chaos run: the product with shorter waits."""\n\n'
        "from tests.chaos.waits import shorten\n\n"
        "shorten()\n\n"
        "from function_app import app\n\n"
        '__all__ = ["app"]\n',
        "utf-8",
    )
    return folder


def _model() -> Callable[[str], list[dict[str, Any]]]:
    """Return the model that the stand-in serves, taken from the same cache."""
    project = learn_project(SAMPLES / "labels.json", SAMPLES / "labelled", MODEL_CACHE)
    return lambda text: [entity._asdict() for entity in project.entities(text)]


def _is_at_work(line: str) -> bool:
    """Whether a line of `reconcile` shows documents that it has taken up, or that an earlier run of it has."""
    _, _, _, pending, _, retaken = _numbers(line)
    return pending > 0 or retaken > 0


class _Watch:
    """Looks at the storage from outside: what has a result, what is left over, what became of a document."""

    def __init__(self, plan: Plan, stack: Stack, pace: Pace, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._stack = stack
        self._pace = pace
        self._tell = tell
        waits = {"connection_timeout": PATIENT_S, "read_timeout": PATIENT_S}
        self._blobs = BlobServiceClient.from_connection_string(stack.connection_string, **waits)
        self._queues = QueueServiceClient.from_connection_string(stack.connection_string, **waits)
        self.intake = self._blobs.get_container_client(stack.setting("INPUT_CONTAINER"))
        self._output = self._blobs.get_container_client(stack.setting("OUTPUT_CONTAINER"))
        self._state = self._blobs.get_container_client(stack.setting("STATE_CONTAINER"))
        self._sweep_s = self._reconcile_s = time.monotonic()
        self._newest: dict[str, int] = {}
        self.went_back: set[str] = set()

    def __enter__(self) -> "_Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self._blobs.close()
        self._queues.close()

    def until_all_have_results(self, dropper: Dropper, agenda: Agenda, hosts: Hosts, killers: list[Killer]) -> None:
        """Wait until every newest version has its result, firing the timers; give up when nothing moves any more."""
        told, moved, before = 0.0, time.monotonic(), -1
        while True:
            done = self._with_result(dropper.etags) | self._refused(dropper.unsafe)
            progress = len(done) + dropper.dropped
            if progress != before:
                moved, before = time.monotonic(), progress
            is_dropped = dropper.dropped == self._plan.versions
            if is_dropped and agenda.is_done and len(done) == len(self._plan.documents) + len(self._plan.unsafe):
                return
            if time.monotonic() - moved > STALLED_S or any(killer.error for killer in killers):
                return
            self._fire(hosts)
            if agenda.now_s - told >= 15:
                told = agenda.now_s
                kills = sum(killer.kills for killer in killers)
                waiting = sorted((set(dropper.etags) | dropper.unsafe) - done)
                names = (
                    f"; waiting for {', '.join(repr(name[:60]) for name in waiting)}"
                    if is_dropped and len(waiting) <= 3
                    else ""
                )
                self._tell(f"{told:4.0f} s: {dropper.dropped} versions dropped, {len(done)} done, {kills} kills{names}")
            time.sleep(_LOOK_EVERY_S)

    def until_quiet(self, hosts: Hosts) -> dict[str, int]:
        """Wait until no job, chunk or message is left, and return what does not go away."""
        moved, before = time.monotonic(), self.left_over()
        end = moved + QUIET_WITHIN_S
        while any(before.values()) and time.monotonic() < min(moved + STALLED_S, end):
            self._fire(hosts)
            time.sleep(_LOOK_EVERY_S)
            now = self.left_over()
            if now != before:
                self._tell("Left over: " + (", ".join(f"{n} {what}" for what, n in now.items() if n) or "nothing"))
                moved, before = time.monotonic(), now
        return before

    def left_over(self) -> dict[str, int]:
        """Count what should be gone once every document has its result."""
        jobs = self._stack.setting("JOB_QUEUE")
        queues = [jobs, f"{jobs}-poison", "webjobs-blobtrigger-poison"]
        queues += [queue.name for queue in self._queues.list_queues(name_starts_with=_BLOB_QUEUE_PREFIX)]
        states = [
            (blob.name, (blob.metadata or {}).get("state")) for blob in self._state.list_blobs(include=["metadata"])
        ]
        return {
            "job records": sum(name.startswith("jobs/") for name, _ in states),
            "results of chunks": sum(name.startswith("pieces/") for name, _ in states),
            "records of refusals": sum(name.startswith("refused/") for name, _ in states),
            "records set aside": sum(name.startswith("set-aside/") for name, _ in states),
            "pending documents": sum(name.startswith("documents/") and state == "pending" for name, state in states),
            **{f"messages of {queue}": self._messages(queue) for queue in queues},
        }

    def until_night_is_over(self, hosts: Hosts) -> tuple[dict[str, int], str]:
        """Wait until nothing is left, also of what `reconcile` takes up again.

        What was reported for another cause than the document is taken up again: soon after the report, and then once
        a night. Returns what does not go away, and the last line of `reconcile`, which ran when nothing was left.
        """
        left_over, line = self.until_quiet(hosts), self._reconcile_once(hosts)
        for _ in range(RETAKES):
            if any(left_over.values()) or not line or not _is_at_work(line):
                break
            self._tell("Some documents were reported for another cause and are taken up again")
            left_over, line = self.until_quiet(hosts), self._reconcile_once(hosts)
        return left_over, line

    def wrong_at_rest(self, line: str) -> list[str]:
        """Return what is wrong with a line of `reconcile` when everything is done."""
        if not line:
            return ["reconcile left no line in the hosts' logs"]
        dropped, done, failed, pending, submitted, _ = _numbers(line)
        expected = (len(self._plan.documents) + len(self._plan.unsafe), dropped, 0, 0)
        if (dropped, done + failed, pending, submitted) != expected:
            return [f"reconcile does not agree that everything is done: {line}"]
        return []

    def _reconcile_once(self, hosts: Hosts) -> str:
        """Run `reconcile` from now to its end, and return its line; empty where there is none."""
        seen = len(list(self._reconciled()))
        # A run that began before may still end, so the second line that comes is surely one that began now.
        for _ in range(2):
            hosts.fire("reconcile")
            deadline = time.monotonic() + 60
            while len(lines := list(self._reconciled())) <= seen and time.monotonic() < deadline:
                time.sleep(0.5)
            seen = len(lines)
        return max(lines)[1] if lines else ""

    def results(self) -> list[StoredResult]:
        """Read every result."""

        def read(blob: Any) -> StoredResult:
            metadata = blob.metadata or {}
            body = self._output.download_blob(blob.name).readall()
            return StoredResult(blob.name, metadata.get("source_etag", ""), metadata.get("job", ""), body)

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(read, self._output.list_blobs(include=["metadata"])))

    def keep(self, verdict: Verdict, evidence: Evidence) -> None:
        """Leave record and results of every document to which a promise was broken, and the ledger, in the folder."""
        for number, breach in enumerate(verdict.breaches, 1):
            names = {entities_name(breach.document), error_name(breach.document)}
            kept = {
                "document": breach.document,
                "breach": f"{breach.kind}: {breach.what}",
                "etags": evidence.etags.get(breach.document),
                "record": self._record(breach.document),
                "results": [
                    {"name": one.name, "sourceEtag": one.source_etag, "job": one.job, "content": json.loads(one.body)}
                    for one in evidence.results
                    if one.name in names
                ],
            }
            file = self._stack.folder / BROKEN / f"{number:03}.json"
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", "utf-8")
        ledger = self._stack.folder / "ledger.json"
        ledger.write_text(json.dumps(evidence.ledger, indent=1) + "\n", "utf-8")
        left = [blob.name for blob in self._state.list_blobs() if not blob.name.startswith("documents/")]
        for name in left:
            file = self._stack.folder / LEFT_OVER / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._state.download_blob(name).readall())

    def _record(self, document: str) -> Any:
        try:
            return json.loads(self._state.download_blob(f"documents/{document}").readall())
        except ResourceNotFoundError:
            return None

    def _reconciled(self) -> Iterator[tuple[str, str]]:
        """Yield the lines of finished reconcile runs, each after its time, from all hosts' logs."""
        for host in self._stack.hosts:
            for line in host.process.log_file.read_text("utf-8", "replace").splitlines():
                found = _RECONCILED.search(line)
                if found:
                    yield line[:23], line[found.start() :]

    def _messages(self, queue: str) -> int:
        try:
            return self._queues.get_queue_client(queue).get_queue_properties().approximate_message_count or 0
        except ResourceNotFoundError:
            return 0

    def _with_result(self, etags: dict[str, tuple[str, ...]]) -> set[str]:
        """Return the documents whose newest version has its result; note any that fell back to an older one."""
        known = dict(etags)
        owners = {name: document for document in known for name in (entities_name(document), error_name(document))}
        done = set()
        for blob in self._output.list_blobs(include=["metadata"]):
            document = owners.get(blob.name)
            etag = (blob.metadata or {}).get("source_etag", "")
            if document is None or etag not in known[document]:
                continue
            version = known[document].index(etag)
            if version < self._newest.get(blob.name, -1):
                self.went_back.add(document)
            self._newest[blob.name] = version
            if version == len(known[document]) - 1:
                done.add(document)
        return done

    def _refused(self, unsafe: set[str]) -> set[str]:
        """Return the blobs with unsafe names that have their report."""
        reports = {blob.name for blob in self._output.list_blobs(name_starts_with="refused/")}
        return {name for name in list(unsafe) if refused_name(name) in reports}

    def _fire(self, hosts: Hosts) -> None:
        now_s = time.monotonic()
        if now_s - self._sweep_s >= self._pace.sweep_every_s and hosts.fire("sweep"):
            self._sweep_s = now_s
        if now_s - self._reconcile_s >= self._pace.reconcile_every_s and hosts.fire("reconcile"):
            self._reconcile_s = now_s


def _numbers(line: str) -> tuple[int, ...]:
    """Return what a line of `reconcile` says: dropped, done, failed, pending, submitted, taken up after a report."""
    found = _RECONCILED.search(line)
    assert found
    return tuple(map(int, found.groups()))


# --- The command ---


@click.command(help="Drop documents while everything fails, and check what every one of them ended with.")
@click.option("--seed", type=int, required=True, help="Decides everything that can be decided beforehand.")
@click.option("--documents", type=click.IntRange(10), default=1000, show_default=True)
@click.option("--hosts", type=click.IntRange(1, 16), default=3, show_default=True)
@click.option(
    "--resources",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help="Language resources that share the work; the last of several goes away for good in the middle.",
)
@click.option(
    "--events",
    type=click.Choice(["eventgrid", "scan"]),
    default="eventgrid",
    show_default=True,
    help="What tells the app of documents: events, some doubled and some lost, or its own scan of the container.",
)
@click.option("--folder", type=click.Path(path_type=Path), help="For logs and evidence.  [default: out/chaos/SEED]")
def main(seed: int, documents: int, hosts: int, resources: int, events: str, folder: Path | None) -> None:
    """Run and print; exit code 1 if a promise was broken."""
    folder = folder or ROOT / "out" / "chaos" / str(seed)
    for part in ("logs", BROKEN, LEFT_OVER):
        shutil.rmtree(folder / part, ignore_errors=True)
    plan = make_plan(seed, documents)
    click.echo(
        f"Chaos run: seed {seed}, {documents} documents, {hosts} functions hosts, {resources} Language resources, "
        f"events by {events}"
    )
    click.echo(f"  planned: {plan.versions} versions ({plan.replaced} documents are replaced); {', '.join(FAULTS)}")
    if events == "eventgrid":
        click.echo(f"  planned: {plan.doubled_events} events delivered twice, {plan.lost_events} lost")
    click.echo(
        f"  planned: {len(plan.poison_texts)} documents make their jobs fail, {plan.stamped} get a new ETag, "
        f"{len(plan.folders)} folder markers, {len(plan.unsafe)} unsafe names"
    )
    for incident in plan.incidents:
        click.echo(f"  planned: {incident.kind} only, from {incident.begins_s:.0f} s on for {incident.lasts_s:.0f} s")
    report = run(
        plan, folder, hosts=hosts, resources=resources, events=events, tell=lambda text: click.echo(f"  {text}")
    )
    click.echo(describe(report))
    if not report.is_clean:
        click.echo(_advice(report, folder))
    sys.exit(0 if report.is_clean else 1)


def describe(report: Report) -> str:
    """Return the report as lines for people."""
    verdict, bill = report.verdict, report.verdict.bill
    reports = ", ".join(f"{count} {code}" for code, count in sorted(verdict.reports.items())) or "none"
    asked = sum(report.requests.values())
    faults = ", ".join(f"{count} {fault}" for fault, count in sorted(report.faults.items()))
    lines = [
        ("documents", f"{verdict.documents}, in {report.plan.versions} versions"),
        ("right results", f"{verdict.right}, {verdict.unreadable} of them with a warning of what could not be read"),
        (
            "error reports",
            f"{verdict.reports.total()}, each justified: {reports}; {verdict.poisoned} blame documents that make jobs "
            "fail",
        ),
        ("lost", str(verdict.count("lost"))),
        ("wrong", str(verdict.count("wrong"))),
        ("stale", str(verdict.count("stale"))),
        ("billed often", str(verdict.count("billed"))),
        ("left over", ", ".join(f"{count} {what}" for what, count in verdict.left_over.items()) or "nothing"),
        ("hosts killed", f"{report.kills} times"),
        ("faults", faults),
        ("submissions", f"{bill.jobs} accepted, {bill.jobs / verdict.documents:.2f} for each document"),
        ("requests", f"{asked}, {asked / verdict.documents:.2f} for each document"),
        (
            "billed",
            f"{bill.accepted} texts accepted for {bill.dropped} dropped, at most {bill.bar} allowed; "
            f"{bill.failed} forced by failed jobs and {bill.reply_cut} by lost replies; "
            f"{bill.per_dropped:.3f} for each but for these, {bill.per_dropped_strictly:.3f} with the lost replies; "
            f"the same text at most {bill.most} times",
        ),
        ("reconcile", report.reconciled),
        ("time", f"{report.seconds:.0f} s"),
        ("verdict", "every promise kept" if report.is_clean else "BROKEN"),
    ]
    return "\n".join(f"  {name:14} {value}" for name, value in lines)


def _advice(report: Report, folder: Path) -> str:
    lines = ["", "What was broken:"]
    lines += [f"  {breach.kind}: {breach.document!r}: {breach.what}" for breach in report.verdict.breaches[:20]]
    lines += [f"  {problem}" for problem in report.problems]
    if report.verdict.bill.accepted > report.verdict.bill.bar:
        lines.append(f"  the bill: {report.verdict.bill.accepted} accepted, at most {report.verdict.bill.bar} allowed")
    lines += [
        "To see what happened:",
        f"  {folder}/{BROKEN}/*.json     record (with its history), results and ETags of each document above",
        f"  {folder}/{LEFT_OVER}/        job records and chunks that should be gone",
        f"  {folder}/logs/host-*.log   search for a document's name or for the job ids in its record's history",
        f"  again: python -m tests.chaos --seed {report.plan.seed} --documents {report.verdict.documents}",
    ]
    return "\n".join(lines)
