"""``python -m local.language_service.measure``: how fast the stand-in is on this machine."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import psutil
import requests

from local.language_service.labels import load_labels
from local.language_service.projects import learn_project

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--labels", type=_FILE, required=True, help="Labels file to learn from.")
@click.option("--documents", type=_FOLDER, required=True, help="Folder of its documents.")
@click.option("--jobs", type=click.IntRange(1), default=4000, show_default=True, help="Small jobs to submit and poll.")
@click.option("--callers", type=click.IntRange(1), default=4, show_default=True, help="Threads that call.")
@click.option("--model-cache", type=click.Path(path_type=Path), default=Path(".cache/language-models"))
def main(labels: Path, documents: Path, jobs: int, callers: int, model_cache: Path) -> None:
    """Measure the model by itself, then small jobs over HTTP: one POST and one GET each, no two texts alike."""
    project = learn_project(labels, documents, model_cache)
    texts = [document.text for document in load_labels(labels, documents).documents]
    for name, ending in (("new text", ""), ("other texts of the same sentences", "\n\nEnd")):
        started = time.process_time()
        for text in texts:
            project.entities(text + ending)
        seconds = max(time.process_time() - started, 1e-9)
        click.echo(f"{name}: {sum(map(len, texts)) / seconds:,.0f} characters a second of processor time")
    _measure_http(labels, documents, model_cache, project.name or "any", jobs, callers)


def _measure_http(labels: Path, documents: Path, cache: Path, project: str, jobs: int, callers: int) -> None:
    command = [sys.executable, "-m", "local.language_service", "--labels", str(labels), "--documents", str(documents)]
    command += ["--model-cache", str(cache), "--min-seconds", "0", "--max-seconds", "0", "--requests-per-minute", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            if process.stdout is None or not (line := process.stdout.readline()):
                raise click.ClickException("The stand-in did not start; run it by itself to see why.")
            address = line.split()[-1]
            used, started = _processor_seconds(process.pid), time.perf_counter()
            threads = [
                threading.Thread(target=_call, args=(address, project, n, jobs // callers)) for n in range(callers)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            count = jobs // callers * callers * 2
            seconds, used = time.perf_counter() - started, _processor_seconds(process.pid) - used
            click.echo(
                f"{count} requests of {callers} callers: {count / seconds:,.0f} a second; "
                f"the stand-in used {used / count * 1000:.2f} ms of processor time each"
            )
        finally:
            process.terminate()


def _processor_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _call(address: str, project: str, caller: int, jobs: int) -> None:
    with requests.Session() as session:
        session.headers["Ocp-Apim-Subscription-Key"] = "local"
        for n in range(jobs):
            text = f"Note {caller}-{n}. The loan of £{1000 + n} to Jane Roe carries {n % 9}.{caller % 10}% interest."
            body = {
                "analysisInput": {"documents": [{"id": "1", "text": text}]},
                "tasks": [
                    {
                        "kind": "CustomEntityRecognition",
                        "parameters": {"projectName": project, "deploymentName": "any"},
                    }
                ],
            }
            url = f"{address}/language/analyze-text/jobs?api-version=2023-04-01"
            submitted = session.post(url, json=body, timeout=60)
            submitted.raise_for_status()
            session.get(submitted.headers["operation-location"], timeout=60).raise_for_status()


if __name__ == "__main__":
    main()
