"""What files cost: a burst of small docx against the same texts as txt, the import of the app, and a long pdf.

`python -m tests.benchmarks.files` prints tables in Markdown. `--before COMMIT` also runs the txt with the app of that
commit of the repository, such as the last one that read text only.
"""

from __future__ import annotations

import argparse
import io
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import psutil

from functions.text.formats.extraction import Limits
from functions.text.formats.extractors import extract
from functions.text.formats.runner import Runner
from local.demo.view import machine
from local.process import ROOT
from tests.unit.text.formats.hostile import pdf, stream

from .documents import documents
from .flips import SAMPLES
from .rig import OURS, Contestant, Rig, Round
from .single import IMPORT_LINE, import_trace, wait_for

ROUNDS = 3
_LOOK_EVERY_S = 1.0
_PATIENCE_S = 120
PDF_PAGES = 300
_PDF_LINES = 50
_TEMPLATES = {"docx of LibreOffice": "offer.docx", "docx of python-docx": "report.docx"}


class File(NamedTuple):
    """A file to drop."""

    name: str
    text: str
    data: bytes


def text_files(count: int) -> list[File]:
    """Return letters whose paragraphs are lines, as text."""
    found = ((one.name, one.text.replace("\n\n", "\n")) for one in documents(count))
    return [File(name, text, text.encode()) for name, text in found]


def docx_files(files: list[File], template: str) -> list[File]:
    """Return the same letters in the package that a program made, with its styles, numbering and fonts."""
    with zipfile.ZipFile(SAMPLES / template) as archive:
        members = {info: archive.read(info) for info in archive.infolist()}
    found = [File(f"{name.removesuffix('.txt')}.docx", text, _docx(members, text)) for name, text, _ in files]
    assert extract(found[0].data, Limits()).text == found[0].text
    return found


def _docx(members: dict[zipfile.ZipInfo, bytes], text: str) -> bytes:
    paragraphs = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{escape(line)}</w:t></w:r></w:p>' for line in text.splitlines()
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in members.items():
            content = data
            if info.filename == "word/document.xml":
                body = re.sub(r"(<w:body>).*(</w:body>)", lambda found: found[1] + paragraphs + found[2],
                              data.decode(), flags=re.DOTALL)  # fmt: skip
                content = body.encode()
            archive.writestr(info.filename, content)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Processor time of a document, in milliseconds, and documents a minute."""

    app: float
    child: float
    storage: float
    per_minute: float

    @property
    def in_app(self) -> float:
        """All of the app's, its child process included."""
        return self.app + self.child


def burst(rig: Rig, contestant: Contestant, files: list[File]) -> Cost:
    """Drop files on a fresh host and wait until each has its result. Raises `TimeoutError` where one has none."""
    with rig.round(contestant) as at_work:
        # The first file starts the child process, which is not what a burst costs.
        _drop_all(at_work, files[:1])
        before = _used(at_work)
        start = time.monotonic()
        _drop_all(at_work, files[1:])
        seconds = time.monotonic() - start
        at_work.wait_until_idle()
        after = _used(at_work)
    app, child, storage = (1_000 * (after[part] - before[part]) / len(files[1:]) for part in before)
    return Cost(app=app, child=child, storage=storage, per_minute=60 * len(files[1:]) / seconds)


def _drop_all(at_work: Round, files: list[File]) -> None:
    wanted = {at_work.result_name(file.name) for file in files}
    with ThreadPoolExecutor(1) as aside:
        dropping = aside.submit(at_work.drop, files)
        wait_for(lambda: wanted <= at_work.results(), _PATIENCE_S, _LOOK_EVERY_S)
        dropping.result()


def _used(at_work: Round) -> dict[str, float]:
    (host,) = at_work.hosts
    process = psutil.Process(host.process.pid)
    times = process.cpu_times()
    running = [each.cpu_times() for each in process.children(recursive=True)]
    ended = times.children_user + times.children_system
    return {
        "app": times.user + times.system,
        "child": ended + sum(each.user + each.system for each in running),
        "storage": at_work.processor_seconds()["storage emulator"],
    }


@contextmanager
def app_of(commit: str) -> Iterator[Contestant]:
    """Yield the app of a commit of the repository."""
    command = ["git", "archive", commit, "function_app.py", "host.json", "functions"]
    packed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="app-before-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Contestant("before", Path(folder), "submit")


def bursts(count: int, rounds: int, commit: str | None) -> None:
    """Print what a file costs in a burst, in rounds in turn."""
    texts = text_files(count)
    with tempfile.TemporaryDirectory(prefix="files-") as folder, ExitStack() as stack:
        runs = {"txt": (OURS, texts)}
        if commit:
            runs[f"txt, commit {commit}"] = (stack.enter_context(app_of(commit)), texts)
        runs |= {name: (OURS, docx_files(texts, template)) for name, template in _TEMPLATES.items()}
        costs: dict[str, list[Cost]] = {name: [] for name in runs}
        rig = stack.enter_context(Rig(Path(folder)))
        rig.acquaint(texts)
        for number in range(rounds):
            # There and back, so that no run is always the first on a machine that gets slower.
            for name, (contestant, files) in list(runs.items())[:: -1 if number % 2 else 1]:
                costs[name].append(burst(rig, contestant, files))
                print(f"{name}: {costs[name][-1]}", file=sys.stderr)
    print(f"| burst of {count:,} | app (ms a document) | its child process | app, child included, of txt's "
          "| storage emulator | documents a minute |\n| --- | ---: | ---: | ---: | ---: | ---: |")  # fmt: skip
    for name, found in costs.items():
        cost = _median(found)
        # Each with the txt of its own round: other work on the machine changes both.
        shares = sorted(one.in_app / other.in_app for one, other in zip(found, costs["txt"], strict=True))
        print(f"| {name} | {cost.app:.1f} | {cost.child:.1f} | {statistics.median(shares):.0%} "
              f"({shares[0]:.0%} to {shares[-1]:.0%}) | {cost.storage:.1f} | {cost.per_minute:,.0f} |")  # fmt: skip


def _median(costs: list[Cost]) -> Cost:
    return Cost(**{name: statistics.median(getattr(cost, name) for cost in costs) for name in Cost.__slots__})


def imports() -> None:
    """Print how much of the app's import is for formats."""
    times = []
    for _ in range(ROUNDS):
        lines = [match for line in import_trace().splitlines() if (match := IMPORT_LINE.match(line))]
        names = [line[4] for line in lines if line[4].startswith("functions.text.formats")]
        of_formats = sum(int(line[1]) for line in lines if line[4] in names)
        times.append((of_formats / 1_000, int(lines[-1][2]) / 1_000))
    share, whole = (statistics.median(each) for each in zip(*times, strict=True))
    print(f"\nImport of the app: {whole:,.0f} ms, {share:.1f} ms of it for {', '.join(names)}.")


def long_pdf() -> None:
    """Print what a long pdf takes."""
    data = pdf_of_text(PDF_PAGES)
    seconds = []
    with Runner() as runner:
        for _ in range(ROUNDS):
            start = time.perf_counter()
            found = runner.extract(data)
            seconds.append(time.perf_counter() - start)
        (child,) = psutil.Process().children()
        status = Path(f"/proc/{child.pid}/status")
        peak_kb = re.search(r"VmHWM:\s+(\d+)", status.read_text("ascii")) if status.exists() else None
    peak = f"{int(peak_kb[1]) / 1_000:.0f} MB" if peak_kb else "unknown"
    print(f"\nPdf of {PDF_PAGES} pages and {len(found.text):,} characters: {statistics.median(seconds[1:]):.2f} s, "
          f"{seconds[0]:.2f} s as the first file; peak of the child process {peak}.")  # fmt: skip


def pdf_of_text(pages: int) -> bytes:
    """Return a pdf of full pages of text."""
    lines = textwrap.wrap(" ".join(one.text for one in documents(3 * pages)), 80)
    numbers = range(10, 10 + 2 * pages, 2)
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%b] /Count %d >>" % (b" ".join(b"%d 0 R" % each for each in numbers), pages),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    }
    for number in numbers:
        shown = b" ".join(b"(%b) '" % line.encode("cp1252") for line in lines[:_PDF_LINES])
        del lines[:_PDF_LINES]
        objects[number] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F 3 0 R >> >> >>" % (number + 1)
        )
        objects[number + 1] = stream(b"BT /F 10 Tf 14 TL 50 750 Td %b ET" % shown)
    return pdf(objects)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--before", metavar="COMMIT")
    arguments = parser.parse_args()
    print(f"{machine()}, {datetime.now(UTC):%Y-%m-%d}\n")
    bursts(arguments.files, arguments.rounds, arguments.before)
    imports()
    long_pdf()


if __name__ == "__main__":
    main()
