"""Reads 2,000 files in the child process, and says whether its memory or that of the app grows.

`python -m tests.benchmarks.many_files` once with the child replaced after 1,000 files, as in the app, and once with one
child for all.
"""

import contextlib
import itertools
import time

import psutil

from functions.text.formats.extraction import NotExtractable
from functions.text.formats.runner import FILES_PER_CHILD, Runner

from .flips import samples

_FILES = 2_000


def app_mb() -> float:
    """Return the memory that this process holds."""
    return float(psutil.Process().memory_info().rss / (1 << 20))


def main() -> None:
    """Print the memory after some files."""
    contents = [path.read_bytes() for path in samples()]
    for files_per_child in (FILES_PER_CHILD, _FILES + 1):
        print(f"one child for {files_per_child:,} files")
        begin = time.perf_counter()
        with Runner(files_per_child=files_per_child) as runner:
            for number, data in enumerate(itertools.islice(itertools.cycle(contents), _FILES), start=1):
                with contextlib.suppress(NotExtractable):  # Some samples have no text, on purpose.
                    runner.extract(data)
                if number in (50, _FILES // 2 + 50, _FILES - 1):
                    child = runner._child.memory_mb if runner._child else 0
                    print(f"  after {number:,} files: child {child} MB, app {app_mb():.1f} MB")
        seconds = time.perf_counter() - begin
        print(f"  {1_000 * seconds / _FILES:.1f} ms a file")


if __name__ == "__main__":
    main()
