"""Fuzzes an extractor: `python -m tests.fuzz FORMAT --seconds 600`, with `any` for all of them with recognition.

libFuzzer (package atheris) changes small files and keeps those that reach new code of ours; it does not see the code of
libraries. Every file must end in a text or in `NotExtractable`, within 30 seconds and 2 GB. The first other end stops
the run with exit code 77 (a slow one with 70) and leaves its file in `.cache/fuzz/FORMAT/`; `python -m tests.fuzz
FORMAT FILE` reads that again. Files that reached new code are kept in `.cache/fuzz/FORMAT/corpus/` for the next run.
"""

import argparse
import hashlib
import io
import sys
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["functions.text"]):
    from functions.text.formats import extractors
    from functions.text.formats.extraction import Limits, NotExtractable, Output

    for _format in extractors.FORMATS.values():
        import_module(f"functions.text.formats.{_format.module}")

from .seeds import seeds

_CACHE = Path(__file__).parents[2] / ".cache" / "fuzz"
_ARCHIVES = ("docx", "pptx", "xlsx", "ods", "odt", "epub", "zip")
_TEXTS = tuple(name for name, each in extractors.FORMATS.items() if each.is_text)
_MAX_BYTES = 100_000
_LIMITS = Limits(characters=500_000, unpacked_bytes=20_000_000, entries=1_000, pages=1_000)


def target(name: str) -> Callable[[bytes], None]:
    """Return what reads a file of a format, and lets out only what it should not raise."""

    def read(data: bytes) -> None:
        output = Output(limits=_LIMITS, nested=extractors._nested)
        try:
            if name == "any":
                extractors._extract(data, output)
            else:
                import_module(f"functions.text.formats.{extractors.FORMATS[name].module}").extract(data, output)
        except (NotExtractable, RecursionError):  # The second is reported as the limit of nesting.
            return
        text = output.extracted(name).text
        text.encode()
        assert len(text) == output.length

    return read


def member_changed(data: bytes, max_size: int, seed: int) -> bytes:
    """Change a member of a zip archive: changed bytes of the archive itself only break its checksums.

    One of twenty changes is of the archive nevertheless.
    """
    random = Random(seed)
    try:
        if random.randrange(20) == 0:
            raise ValueError
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = random.choice(sorted(members))
    except Exception:  # It is no archive any more.
        return bytes(atheris.Mutate(data, max_size))
    members[name] = bytes(atheris.Mutate(members[name], max_size))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    changed = buffer.getvalue()
    return changed if len(changed) <= max_size else data


def text_changed(data: bytes, max_size: int, seed: int) -> bytes:
    """Change text and keep it UTF-8, but for one change of twenty: guessing an encoding takes longer than all else."""
    changed = bytes(atheris.Mutate(data, max_size))
    if Random(seed).randrange(20) == 0:
        return changed
    return changed.decode("utf-8", "ignore").encode()


def fuzz(name: str, seconds: int) -> None:
    """Fuzz until the time is up; it ends the process."""
    folder = _CACHE / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for data in seeds(name):
        (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)
    options = {
        "max_total_time": seconds,
        "max_len": _MAX_BYTES,
        "timeout": 30,
        "rss_limit_mb": 2_000,
        "print_final_stats": 1,
        "artifact_prefix": f"{folder}/",
    }
    arguments = [sys.argv[0], *(f"-{option}={value}" for option, value in options.items()), str(corpus)]
    mutator = member_changed if name in _ARCHIVES else text_changed if name in _TEXTS else None
    atheris.Setup(arguments, target(name), **({"custom_mutator": mutator} if mutator else {}))
    atheris.Fuzz()


def main() -> None:
    """Fuzz a format, or read one file as fuzzing does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format", choices=[*extractors.FORMATS, "any"])
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--seconds", type=int, default=600)
    arguments = parser.parse_args()
    if arguments.file:
        target(arguments.format)(arguments.file.read_bytes())
    else:
        fuzz(arguments.format, arguments.seconds)


if __name__ == "__main__":
    main()
