"""Changes each byte of small files, one at a time, and reports what the extractors make of it.

`python -m tests.benchmarks.flips pdf rtf` does so for all samples of these formats in tests/data/formats, without names
for all. Every changed file must end in a text or in a reason, within the limits; a reader that ends its process is
counted, and the file with the slowest answer is named.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from functions.text.formats.extraction import NotExtractable
from functions.text.formats.runner import Runner

SAMPLES = Path(__file__).parents[1] / "data" / "formats"
_FLIPPED = 0xFF


def samples(formats: Iterable[str] = ()) -> list[Path]:
    """Return the sample files of the formats, of all if none is named."""
    wanted = {f".{name}" for name in formats}
    return sorted(path for path in SAMPLES.iterdir() if path.suffix in wanted or not wanted)


def flipped(data: bytes, step: int = 1) -> Iterator[tuple[int, bytes]]:
    """Yield every `step`th place and the data with the byte there changed."""
    for place in range(step // 2, len(data), step):
        changed = bytearray(data)
        changed[place] ^= _FLIPPED
        yield place, bytes(changed)


def outcome(runner: Runner, data: bytes) -> str:
    """Return in a few words what comes of a file."""
    try:
        found = runner.extract(data)
    except NotExtractable as error:
        if "ended the process" in error.detail or "reader failed" in error.detail:
            return f"defect: {error.detail}"
        return f"limit of {error.limit}" if error.limit else str(error.reason)
    return f"text ({found.format})"


def main(formats: list[str]) -> int:
    """Print a line for each file; return how many outcomes are defects of a reader."""
    defects = 0
    with Runner() as runner:
        for path in samples(formats):
            counts: Counter[str] = Counter()
            slowest = (0.0, 0)
            begin = time.perf_counter()
            for place, data in flipped(path.read_bytes()):
                start = time.perf_counter()
                counts[outcome(runner, data)] += 1
                slowest = max(slowest, (time.perf_counter() - start, place))
            seconds = time.perf_counter() - begin
            listed = ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
            print(f"{path.name}: {sum(counts.values()):,} files in {seconds:.0f} s, slowest {slowest[0]:.2f} s "
                  f"(byte {slowest[1]:,}): {listed}", flush=True)  # fmt: skip
            defects += sum(count for name, count in counts.items() if name.startswith("defect"))
    print(f"{defects:,} defects of readers")
    return min(defects, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
