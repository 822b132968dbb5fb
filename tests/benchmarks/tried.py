"""Reads all files of folders as the app would, and says what came of them.

`python -m tests.benchmarks.tried FOLDER…`. Files that are recognised as plain text are only counted. `--list` names
each file that has no text, and why.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from functions.text.formats import HEAD_BYTES
from functions.text.formats.extraction import NotExtractable
from functions.text.formats.recognition import recognise
from functions.text.formats.runner import Runner

_MAX_BYTES = 50_000_000


def files(folders: list[Path]) -> Iterator[tuple[Path, bytes]]:
    """Yield the files of the folders that are not too large and not empty."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and 0 < path.stat().st_size <= _MAX_BYTES:
                yield path, path.read_bytes()


def main() -> None:
    """Print how many files of each format had which outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    slowest = (0.0, "")
    with Runner() as runner:
        for path, data in files(arguments.folders):
            name = recognise(data[:HEAD_BYTES])
            if name == "plain":
                counts[name, "not read"] += 1
                continue
            start = time.perf_counter()
            try:
                found = runner.extract(data)
            except NotExtractable as error:
                outcome = f"limit of {error.limit}" if error.limit else str(error.reason)
                if arguments.list:
                    print(f"{path}: {error}")
            else:
                outcome, name = "text", found.format
                if arguments.list and any(one.code == "ReadAsPlainText" for one in found.warnings):
                    print(f"{path}: {found.warnings[0].message}")
            counts[name, outcome] += 1
            slowest = max(slowest, (time.perf_counter() - start, str(path)))
    for (name, outcome), count in sorted(counts.items()):
        print(f"{name}: {count:,} {outcome}")
    print(f"slowest {slowest[0]:.2f} s: {slowest[1]}")


if __name__ == "__main__":
    main()
