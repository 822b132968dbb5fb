"""Every labels format by its name: how it is read and written, and what files of it are called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..text.offsets import CODE_POINT, UTF16
from . import conll, docbin, doccano, label_studio, language_studio, prodigy, spacy_json
from .values import Labels, LabelsError

UNITS = (UTF16, CODE_POINT)
"""What offsets count. A format has its own default."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a file is read with: the texts of documents by name, and the unit of offsets where the default is wrong."""

    texts: Mapping[str, str]
    unit: str | None = None

    @staticmethod
    def name_of(number: int) -> str:
        """Name a document that has no name: letters and digits, as the service wants it; numbers count from 1."""
        return f"document{number:05d}.txt"


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    name: str
    suffix: str
    meaning: str
    read: Callable[[bytes, Source], Labels]
    write: Callable[[Labels, str | None], bytes]
    #: Whether the file has the documents' texts; else they lie beside it.
    has_texts: bool = True
    #: Whether the file has offsets, so that their unit can be asked for.
    has_units: bool = True


_ALL = (
    Format(
        "language-studio",
        ".json",
        "the Language service's labels file, form 2022-05-01",
        lambda content, source: language_studio.read(content, source.texts, source.unit),
        lambda labels, unit: language_studio.write(labels, unit or UTF16),
        has_texts=False,
    ),
    Format(
        "language-studio-2021",
        ".json",
        "its form of 2021, with entityNames",
        lambda content, source: language_studio.read(content, source.texts, source.unit),
        lambda labels, unit: language_studio.write_2021(labels, unit or UTF16),
        has_texts=False,
    ),
    Format(
        "doccano",
        ".jsonl",
        "doccano's JSON Lines",
        lambda content, source: doccano.read(content, source.name_of, source.unit or doccano.DEFAULT_UNIT),
        lambda labels, unit: doccano.write(labels, unit or doccano.DEFAULT_UNIT),
    ),
    Format(
        "label-studio",
        ".json",
        "Label Studio's JSON; JSON-MIN is read, too",
        lambda content, source: label_studio.read(content, source.name_of, source.unit),
        lambda labels, unit: label_studio.write(labels, unit or label_studio.DEFAULT_UNIT),
    ),
    Format(
        "prodigy",
        ".jsonl",
        "Prodigy's JSON Lines",
        lambda content, source: prodigy.read(content, source.name_of, source.unit or prodigy.DEFAULT_UNIT),
        lambda labels, unit: prodigy.write(labels, unit or prodigy.DEFAULT_UNIT),
    ),
    Format(
        "spacy",
        ".spacy",
        "spaCy's DocBin, for `spacy train`",
        lambda content, source: docbin.read(content, source.name_of),
        lambda labels, unit: docbin.write(labels),
        has_units=False,
    ),
    Format(
        "spacy-json",
        ".json",
        "spaCy's JSON training format",
        lambda content, source: spacy_json.read(content, source.name_of),
        lambda labels, unit: spacy_json.write(labels),
        has_units=False,
    ),
    Format(
        "conll",
        ".conll",
        "CoNLL, a word and its tag a line",
        lambda content, source: conll.read(content, source.name_of, source.texts),
        lambda labels, unit: conll.write(labels),
        has_units=False,
    ),
)
FORMATS = {one.name: one for one in _ALL}


def format_of(name: str) -> Format:
    """Return a format by its name. Raises `LabelsError` that lists all."""
    try:
        return FORMATS[name]
    except KeyError:
        raise LabelsError(f"'{name}' is no labels format; there are {', '.join(FORMATS)}.") from None
