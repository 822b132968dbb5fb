"""Changes the XML inside of office files, which changed bytes do not reach: a zip archive finds those by its checksums.

`python -m tests.benchmarks.xml_changes SECONDS [SEED]` takes the samples in tests/data/formats in turn; elements are
removed, doubled, moved and renamed, attributes get other values. Every file must end in a text or in a reason; what a
reader fails at is named.
"""

import copy
import io
import sys
import time
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from pathlib import Path
from random import Random

from functions.text.formats.runner import Runner

from .flips import SAMPLES, outcome

_FORMATS = (".docx", ".pptx", ".xlsx", ".odt", ".ods", ".epub")
_VALUES = (
    "", "-1", "0", "1", "99999999999", "-99999999999999", "2147483648", "1e308", "NaN", "x", "true", "none", "²",
    "%1%2%3", "[h]:mm", "#,##0,,;;@;", "[$-407]d", "A1", "XFD1048577", "ZZZZ9",
)  # fmt: skip
_MOST_ELEMENTS = 20_000


def office_samples() -> list[Path]:
    """Return the samples that are archives of XML and have a text."""
    return sorted(path for path in SAMPLES.iterdir() if path.suffix in _FORMATS and "protected" not in path.name)


def changed(data: bytes, random: Random) -> bytes:
    """Return an office file with a few changes in one or two of its parts."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    names = sorted(name for name in parts if name.endswith((".xml", ".rels", ".opf", ".xhtml")))
    for _ in range(random.randint(1, 2)):
        name = random.choice(names)
        try:
            root = ET.fromstring(parts[name])
        except ET.ParseError:
            continue  # A page of a book that names entities.
        for _ in range(random.choice((1, 2, 4, 10))):
            _change(root, random)
        parts[name] = ET.tostring(root)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def _change(root: ET.Element, random: Random) -> None:
    elements = list(root.iter())
    parent, position = _place(elements, random)
    element = random.choice(elements)
    kind = random.randrange(6)
    if kind == 0 and element.attrib:
        element.set(random.choice(sorted(element.attrib)), random.choice(_VALUES))
    elif kind == 1 and element.attrib:
        del element.attrib[random.choice(sorted(element.attrib))]
    elif kind == 2:
        element.tag = random.choice(elements).tag
    elif kind == 3:
        element.text = random.choice(_VALUES)
    elif kind == 4 and len(parent):
        del parent[position]
    elif kind == 5 and len(elements) < _MOST_ELEMENTS:
        parent.insert(position, copy.deepcopy(element))


def _place(elements: list[ET.Element], random: Random) -> tuple[ET.Element, int]:
    parent = random.choice(elements)
    return parent, random.randrange(max(len(parent), 1))


def main(seconds: float, seed: int) -> int:
    """Print how many files had which outcome; return whether a reader failed."""
    random = Random(seed)
    counts: Counter[tuple[str, str]] = Counter()
    samples = {path: path.read_bytes() for path in office_samples()}
    slowest = (0.0, "")
    end = time.monotonic() + seconds
    with Runner() as runner:
        while time.monotonic() < end:
            for path, data in samples.items():
                file = changed(data, random)
                begin = time.perf_counter()
                found = outcome(runner, file)
                slowest = max(slowest, (time.perf_counter() - begin, path.name))
                counts[path.suffix, found] += 1
    for (suffix, found), count in sorted(counts.items()):
        print(f"{suffix}: {count:,} {found}")
    defects = sum(count for (_, found), count in counts.items() if found.startswith("defect"))
    print(f"{counts.total():,} files, {defects:,} defects of readers, slowest {slowest[0]:.2f} s ({slowest[1]})")
    return min(defects, 1)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
