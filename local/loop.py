"""The learning loop on this machine: a model from a third of the labels, corrections, a better model.

``python -m local.loop`` starts storage, the Language stand-in and the functions host, and does what a team does in
months: a project has few labels; documents are dropped and run; a scripted reviewer corrects the results; the commands
`model train`, `model evaluate` and `model deploy` make the next model of them. It prints F1 on documents that neither
model has seen, before and after.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from rich.console import Console

from functions.cli import terminal
from functions.cli.access import Access
from functions.cli.environment import read_settings
from functions.cli.main import run as run_command
from functions.core.decisions import corrections_name
from functions.labels import language_studio
from functions.labels.data_sets import TEST, TRAIN
from functions.labels.values import Span
from functions.workflows.authoring_jobs import Authoring
from local.demo.containers import Containers
from local.file_lock import LockedError, file_lock
from local.process import ROOT, LocalProcessError, loopback_without_proxy
from local.reviewing import corrections
from local.stack import DEPLOYMENT, PROJECT, SAMPLES, Stack

FOLDS = 5
BEFORE = "before"
AFTER = "after"
FOLDER = "to-review"
"""Where the documents are dropped."""
PACE = 0.05
"""Training jobs of the stand-in take a twentieth of the recorded 90 seconds."""
TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Division:
    """Who knows which documents."""

    labelled: tuple[str, ...]
    """A third of those that may be learnt from: the project has their labels."""
    unlabelled: tuple[str, ...]
    """The others: they are dropped, run and corrected."""
    test: tuple[str, ...]
    """Nobody learns from these."""


def divide(names: Sequence[str], fold: int) -> Division:
    """Divide documents: every fifth is for the test, of the others every third has its labels."""
    rest = [name for n, name in enumerate(names) if n % FOLDS != fold]
    return Division(
        labelled=tuple(rest[::3]),
        unlabelled=tuple(name for n, name in enumerate(rest) if n % 3),
        test=tuple(name for n, name in enumerate(names) if n % FOLDS == fold),
    )


@dataclass(frozen=True, slots=True)
class Samples:
    """The labelled samples."""

    content: dict[str, Any]
    texts: dict[str, str]
    spans: dict[str, tuple[Span, ...]]

    @property
    def names(self) -> list[str]:
        """The documents, in the order of the labels file."""
        return list(self.spans)

    def labels(self, sets: dict[str, Sequence[str]]) -> dict[str, Any]:
        """Return a labels file with the documents of each set (`Train`, `Test`)."""
        entries = {one["location"]: one for one in self.content["assets"]["documents"]}
        documents = [{**entries[name], "dataset": dataset} for dataset, names in sets.items() for name in names]
        return {**self.content, "assets": {**self.content["assets"], "documents": documents}}


def load_samples() -> Samples:
    """Read the samples."""
    data = (SAMPLES / "labels.json").read_bytes()
    texts = {name: (SAMPLES / "labelled" / name).read_bytes().decode() for name in language_studio.locations(data)}
    labels = language_studio.read(data, texts)
    return Samples(json.loads(data), texts, {one.name: one.spans for one in labels.documents})


@click.command(help="Learn from corrections, and print F1 before and after.")
@click.option("--fold", type=click.IntRange(0, FOLDS - 1), default=0, show_default=True, help="Which documents test.")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), default=ROOT / ".cache" / "loop")
def main(fold: int, work: Path) -> None:
    """Run the loop once."""
    os.environ.update(loopback_without_proxy())
    console = terminal.make_console()
    try:
        with file_lock(work / "lock"):
            sys.exit(_run(console, load_samples(), fold, work))
    except LockedError:
        told = f"The loop runs already in {work}; give this one a folder of its own: --work."
        raise click.ClickException(told) from None
    except LocalProcessError as error:
        raise click.ClickException(str(error)) from None


def _run(console: Console, samples: Samples, fold: int, work: Path) -> int:
    division = divide(samples.names, fold)
    known = work / "labels.json"
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(json.dumps(samples.labels({TRAIN: division.labelled})), "utf-8")
    options = ["--deployment", DEPLOYMENT, "--authoring-pace", str(PACE)]

    def tell(text: str) -> None:
        console.print(f"{text} …")

    with Stack(work, labels=known, language_options=options, trains=True, tell=tell) as stack:
        access = Access(partial(read_settings, stack.settings_file, azd=False, azd_environment=None))
        told = partial(_told, access)
        number = len(division.labelled)
        console.print(f"A model of {number} labelled documents is deployed, as a project has it at first.")
        _begin(stack, access, samples, division)
        before = _evaluate(told, BEFORE)
        console.print(f"{len(division.unlabelled)} more documents are dropped and run …")
        _drop(stack, samples, division.unlabelled)
        corrected = _review(stack, samples, division.unlabelled)
        console.print(f"The results are corrected: {corrected} decisions.")
        told("model", "train", "--label", AFTER, "--yes")
        after = _evaluate(told, AFTER)
        (deployed,) = told("model", "deploy", AFTER, "--yes", "--last", "5")
    what = "Deployed" if deployed["isDeployed"] else "Not deployed"
    console.print(f"{what}: {deployed['reason']}.")
    console.print(f"\nF1 on {len(division.test)} other documents: {before:.3f} before, {after:.3f} after.")
    return 0 if deployed["isDeployed"] else 1


def _begin(stack: Stack, access: Access, samples: Samples, division: Division) -> None:
    """Give the project its labels and its first model, as Language Studio would have."""
    content = samples.labels({TRAIN: division.labelled, TEST: division.test})
    container = content["metadata"]["storageInputContainerName"]
    with BlobServiceClient.from_connection_string(stack.connection_string) as blobs:
        with contextlib.suppress(ResourceExistsError):
            blobs.create_container(container)
        for name in (*division.labelled, *division.test):
            blobs.get_blob_client(container, name).upload_blob(samples.texts[name].encode(), overwrite=True)
    (client,) = access.authoring_clients.values()
    authoring = Authoring(client, PROJECT, access.clock, access.sleep)
    authoring.do("The import", "POST", (":import",), ("import", "jobs"), content)
    body = {"modelLabel": BEFORE, "trainingConfigVersion": "latest", "evaluationOptions": {"kind": "manual"}}
    authoring.do("The training", "POST", (":train",), ("train", "jobs"), body)
    place = ("deployments", DEPLOYMENT)
    authoring.do("The deployment", "PUT", place, (*place, "jobs"), {"trainedModelLabel": BEFORE})


def _evaluate(told: partial[list[dict[str, Any]]], label: str) -> float:
    (row,) = told("model", "evaluate", label)
    return float(row["micro"]["f1"])


def _drop(stack: Stack, samples: Samples, names: Sequence[str]) -> None:
    """Drop documents and wait for their results. Ends the program where they do not come."""
    with Containers(stack) as containers:
        etags = {}
        for name in names:
            etags[f"{FOLDER}/{name}"] = containers.drop(f"{FOLDER}/{name}", samples.texts[name].encode())
        until = time.monotonic() + TIMEOUT_S
        while len(containers.results_for(etags)) < len(etags):
            stack.check()
            if time.monotonic() > until:
                told = f"Not all results have come within {TIMEOUT_S:.0f} s; see {stack.folder / 'logs'}."
                raise click.ClickException(told)
            time.sleep(0.5)


def _review(stack: Stack, samples: Samples, names: Sequence[str]) -> int:
    """Correct the results, as a reviewer would who makes no mistakes; gives the number of decisions."""
    number = 0
    with BlobServiceClient.from_connection_string(stack.connection_string) as blobs:
        output = blobs.get_container_client(stack.setting("OUTPUT_CONTAINER"))
        for name in names:
            document = f"{FOLDER}/{name}"
            result = json.loads(output.download_blob(f"{document}.entities.json").readall())
            made = corrections(result, samples.spans[name])
            number += len(made["decisions"])
            output.upload_blob(corrections_name(document), json.dumps(made).encode(), metadata={"status": "reviewed"})
    return number


def _told(access: Access, *arguments: str) -> list[dict[str, Any]]:
    """Run a command, and return the lines of JSON that it has written; ends the program where it fails."""
    with _captured() as written:
        code = run_command([*arguments, "--json"], access)
    rows = [json.loads(line) for line in written.getvalue().splitlines()]
    if code > 1 or not rows:
        raise click.ClickException(f"`python -m functions {' '.join(arguments)}` has failed ({code}).")
    return rows


@contextlib.contextmanager
def _captured() -> Iterator[io.BytesIO]:
    """Take what is written to the standard output."""
    written, real = io.BytesIO(), sys.stdout
    wrapper = io.TextIOWrapper(written, "utf-8", write_through=True)
    sys.stdout = wrapper
    try:
        yield written
    finally:
        sys.stdout = real
        wrapper.detach()  # It would close what was written.


if __name__ == "__main__":
    main()
