"""Answer the kinds of tasks that need no project: by rules, not by a model.

A rule is a pattern or a list of words, so everybody can say what will be found in a text; nothing else is promised. A
match depends on the sentence around it at most, so a slice of a text is answered like the whole.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from local.language_service.languages import NAMES, TELLING_WORDS


class PrebuiltKind(Enum):
    """Kinds of tasks without a project, as spelt on the wire."""

    ENTITIES = "EntityRecognition"
    PII = "PiiEntityRecognition"
    HEALTHCARE = "Healthcare"
    KEY_PHRASES = "KeyPhraseExtraction"


MODEL_VERSION = "2023-09-01"
"""The version that replies name where a task asks for ``latest``."""

MASKS = ("characterMask", "entityMask", "noMask")
MASKING_CHARACTERS = "!#$%&*+-=?@^_~"


@dataclass(frozen=True, slots=True)
class PrebuiltParameters:
    """The parameters of a task, checked."""

    model_version: str = "latest"
    #: Of PII: ``none``, or ``phi`` for what is protected in health records.
    domain: str = "none"
    #: Only these categories, and none of those; empty for no choice.
    included: frozenset[str] = field(default_factory=frozenset)
    excluded: frozenset[str] = field(default_factory=frozenset)
    #: How found PII is masked; see ``MASKS``.
    mask: str = "characterMask"
    masking_character: str = "*"


class Found(NamedTuple):
    """One entity; offset and length count code points of the text."""

    category: str
    offset: int
    length: int
    confidence: float
    text: str
    subcategory: str | None = None

    @property
    def end(self) -> int:
        """The code point index after the entity."""
        return self.offset + self.length


class _Rule(NamedTuple):
    category: str
    pattern: re.Pattern[str]
    confidence: float
    subcategory: str | None = None


def _rule(category: str, pattern: str, confidence: float, subcategory: str | None = None, flags: int = 0) -> _Rule:
    return _Rule(category, re.compile(pattern, flags), confidence, subcategory)


_MONTH = (
    "(?:January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
)
_DATE = (
    rf"\b(?:\d{{1,2}} {_MONTH},? \d{{4}}|{_MONTH} \d{{1,2}},? \d{{4}}|\d{{4}}-\d\d-\d\d|\d{{1,2}}/\d{{1,2}}/\d{{4}})\b"
)
_NAME = r"[^\W\d_a-z][^\W\d_]*(?:['’-][^\W\d_]+)*"
_GIVEN_NAMES = (
    "Abdul Alice Anna Bob Carlos Daniel David Emma Grace Ingrid James Jane Jennifer John Julia Laura Lena Maria María "
    "Mary Mei Michael Omar Paul Peter Priya Robert Samuel Sarah Sofia Thomas"
)
_PLACES = (
    "Amsterdam Berlin Boston Chicago Copenhagen Dublin Germany France Hamburg India Ireland Kearney Lisbon London "
    "Madrid Mumbai Nebraska Paris Redmond Rome Seattle Spain Tokyo Vienna Zurich"
)

#: What two kinds have in common; of matches that overlap the one of the earlier rule counts.
_SHARED = (
    _rule("Email", r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b", 0.99),
    _rule("URL", r"\bhttps?://[^\s<>\"']+[^\s<>\"'.,;:!?)]", 0.99),
    _rule("IPAddress", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", 0.95),
    _rule("DateTime", _DATE, 0.97, "Date"),
    _rule("PhoneNumber", r"(?<![\w-])(?:\+\d{1,3}[ -])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])", 0.8),
    _rule(
        "Organization",
        rf"\b(?:{_NAME} (?:& )?){{1,3}}(?:Bank|Trust|Inc|Ltd|LLC|GmbH|Corporation|Company|University|Hospital)\b"
        rf"|\bBank of {_NAME}\b",
        0.86,
    ),
    _rule("Person", rf"\b(?:Mr|Mrs|Ms|Dr|Prof)\. (?P<found>{_NAME}(?: {_NAME}){{0,2}})", 0.92),
    _rule("Person", rf"\b(?:{'|'.join(_GIVEN_NAMES.split())}) {_NAME}(?: {_NAME})?\b", 0.88),
    _rule("Person", rf"\b(?:{'|'.join(_GIVEN_NAMES.split())})\b", 0.45),
)

_ENTITY_RULES = (
    *_SHARED,
    _rule("Quantity", r"[$€£]\s?\d+(?:[.,]\d+)*", 0.9, "Currency"),
    _rule("Quantity", r"\b\d+(?:[.,]\d+)*\s?(?:%|percent\b)", 0.9, "Percentage"),
    _rule("Quantity", r"\b\d+(?:[.,]\d+)*\b", 0.8, "Number"),
    _rule("Location", rf"\b(?:{'|'.join(_PLACES.split())})\b", 0.76, "GPE"),
    _rule("PersonType", r"\b(?:borrower|lender|patient|doctor|employee|customer)s?\b", 0.6, flags=re.IGNORECASE),
)

_PII_RULES = (
    _rule("USSocialSecurityNumber", r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", 0.85),
    _rule("InternationalBankingAccountNumber", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", 0.9),
    _rule("CreditCardNumber", r"\b(?:\d{4}[ -]?){3}\d{4}\b", 0.95),
    _rule("Address", rf"\b\d{{1,5}} (?:{_NAME} ){{1,3}}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Drive|Boulevard)\b", 0.83),
    *_SHARED,
)

#: Categories that are not protected in health records.
_NOT_HEALTH = frozenset({"Organization"})


def entities(text: str, parameters: PrebuiltParameters) -> list[Found]:
    """Find prebuilt entities, sorted by offset."""
    return _matches(text, _ENTITY_RULES, parameters)


def pii(text: str, parameters: PrebuiltParameters) -> list[Found]:
    """Find personal information, sorted by offset."""
    found = _matches(text, _PII_RULES, parameters)
    return [one for one in found if parameters.domain != "phi" or one.category not in _NOT_HEALTH]


def redacted(text: str, found: Iterable[Found], parameters: PrebuiltParameters) -> str:
    """Mask what was found; found entities do not overlap."""
    parts: list[str] = []
    end = 0
    for one in found:
        parts += (text[end : one.offset], _mask(one, parameters))
        end = one.end
    return "".join((*parts, text[end:]))


def _mask(one: Found, parameters: PrebuiltParameters) -> str:
    if parameters.mask == "noMask":
        return one.text
    if parameters.mask == "entityMask":
        return f"[{one.category.upper()}]"
    return parameters.masking_character * one.length


def _matches(text: str, rules: Iterable[_Rule], parameters: PrebuiltParameters) -> list[Found]:
    found: list[Found] = []
    taken: list[tuple[int, int]] = []
    for rule in rules:
        if rule.category in parameters.excluded or (parameters.included and rule.category not in parameters.included):
            continue
        for match in rule.pattern.finditer(text):
            start, end = match.span("found" if "found" in rule.pattern.groupindex else 0)
            # Those taken overlap none of the others, so only the two beside this one can.
            place = bisect_left(taken, (start, end))
            if (place and taken[place - 1][1] > start) or (place < len(taken) and taken[place][0] < end):
                continue
            if rule.category == "CreditCardNumber" and not _is_card_number(match.group()):
                continue
            taken.insert(place, (start, end))
            found.append(Found(rule.category, start, end - start, rule.confidence, text[start:end], rule.subcategory))
    return sorted(found, key=lambda one: one.offset)


def _is_card_number(text: str) -> bool:
    """Check the last digit of a card number (ISO/IEC 7812-1, the Luhn formula)."""
    digits = [int(char) for char in text if char.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


# --- Healthcare ------------------------------------------------------------------------------------------------------


class HealthFound(NamedTuple):
    """One healthcare entity: what was found, its preferred name, its links (source, id) and its assertion."""

    found: Found
    name: str | None
    links: tuple[tuple[str, str], ...]
    assertion: Mapping[str, str]


class Relation(NamedTuple):
    """A relation of two entities, by their places in the list of entities, each with its role."""

    kind: str
    roles: tuple[tuple[int, str], tuple[int, str]]
    confidence: float


#: Words by category, with the preferred name and an id of the UMLS.
_HEALTH_WORDS: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "MedicationName": (
        ("ibuprofen", "ibuprofen", "C0020740"),
        ("aspirin", "aspirin", "C0004057"),
        ("metformin", "metformin", "C0025598"),
        ("lisinopril", "lisinopril", "C0065374"),
        ("amoxicillin", "amoxicillin", "C0002645"),
        ("insulin", "insulin", "C0021641"),
    ),
    "Diagnosis": (
        ("diabetes", "Diabetes Mellitus", "C0011849"),
        ("hypertension", "Hypertensive disease", "C0020538"),
        ("pneumonia", "Pneumonia", "C0032285"),
        ("asthma", "Asthma", "C0004096"),
    ),
    "SymptomOrSign": (
        ("chest pain", "Chest Pain", "C0008031"),
        ("fever", "Fever", "C0015967"),
        ("cough", "Coughing", "C0010200"),
        ("headache", "Headache", "C0018681"),
        ("nausea", "Nausea", "C0027497"),
    ),
    "BodyStructure": (
        ("knee", "Knee", "C0022742"),
        ("lung", "Lung", "C0024109"),
        ("heart", "Heart", "C0018787"),
    ),
}

_HEALTH_RULES = (
    _rule("Dosage", r"\b\d+(?:\.\d+)? ?(?:mg|mcg|g|ml|units)\b", 0.98),
    _rule(
        "Frequency",
        r"\b(?:once|twice|three times) (?:a|per) (?:day|week)\b|\b(?:once |twice )?daily\b|\bevery \d+ hours\b",
        0.96,
        flags=re.IGNORECASE,
    ),
    _rule("MedicationRoute", r"\b(?:orally|intravenously|by mouth)\b", 0.95, flags=re.IGNORECASE),
    _rule("Age", r"\b\d{1,3}[- ]year[- ]old\b", 0.94),
    _rule("Date", _DATE, 0.97),
)

_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\S)[^.!?\n]*)*(?:[.!?\n]+|\Z)")
#: What is said of an entity by words before it in its sentence.
_ASSERTIONS = (
    (re.compile(r"\b(?:no|denies|without|negative for)\b(?![^,;]*\bbut\b)", re.IGNORECASE), ("certainty", "negative")),
    (re.compile(r"\b(?:possible|suspected|may have)\b", re.IGNORECASE), ("certainty", "positivePossible")),
    (re.compile(r"\bif\b", re.IGNORECASE), ("conditionality", "hypothetical")),
    (re.compile(r"\b(?:mother|father|family history)\b", re.IGNORECASE), ("association", "other")),
)
#: The relation that ties an entity of a category to the nearest medication of its sentence.
_TO_MEDICATION = {
    "Dosage": "DosageOfMedication",
    "Frequency": "FrequencyOfMedication",
    "MedicationRoute": "RouteOfMedication",
}


def healthcare(text: str) -> tuple[list[HealthFound], list[Relation]]:
    """Find healthcare entities, sorted by offset, and their relations; a relation stays within a sentence."""
    found: list[HealthFound] = []
    relations: list[Relation] = []
    for sentence in _SENTENCE.finditer(text):
        first = len(found)
        found += _in_sentence(sentence.group(), sentence.start())
        relations += _relations(found, first)
    return found, relations


_WORD_RULES = [
    (_rule(category, rf"\b{word}\b", 0.99, flags=re.IGNORECASE), name, (("UMLS", identifier),))
    for category, words in _HEALTH_WORDS.items()
    for word, name, identifier in words
]


def _in_sentence(sentence: str, start: int) -> list[HealthFound]:
    found: list[HealthFound] = []
    for rule, name, links in (*_WORD_RULES, *((rule, None, ()) for rule in _HEALTH_RULES)):
        for match in rule.pattern.finditer(sentence):
            one = Found(rule.category, start + match.start(), len(match.group()), rule.confidence, match.group())
            found.append(HealthFound(one, name, links, _assertion(rule.category, sentence[: match.start()])))
    return sorted(found, key=lambda one: one.found.offset)


def _assertion(category: str, before: str) -> dict[str, str]:
    if category not in ("Diagnosis", "SymptomOrSign", "MedicationName"):
        return {}
    return {name: value for pattern, (name, value) in _ASSERTIONS if pattern.search(before)}


def _relations(found: Sequence[HealthFound], first: int) -> Iterator[Relation]:
    numbers = range(first, len(found))
    medications = [number for number in numbers if found[number].found.category == "MedicationName"]
    for number in numbers:
        one = found[number].found
        kind = _TO_MEDICATION.get(one.category)
        if kind and medications:
            nearest = min(medications, key=lambda other: abs(found[other].found.offset - one.offset))
            yield Relation(kind, ((number, one.category), (nearest, "Medication")), 0.95)


# --- Key phrases -----------------------------------------------------------------------------------------------------

_LONGEST_PHRASE = 4
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def key_phrases(text: str) -> list[str]:
    """Give the runs of at most four words without a common word or punctuation in between, each once.

    Rapid automatic keyword extraction (Rose and others, 2010) without its ranking; a run of one word counts if it is
    long.
    """
    found: dict[str, None] = {}
    run: list[re.Match[str]] = []
    for word in _WORD.finditer(text):
        is_common = word.group().lower() in _COMMON or not any(map(str.isalpha, word.group()))
        if run and (is_common or text[run[-1].end() : word.start()].strip(" ") or len(run) == _LONGEST_PHRASE):
            _add(found, text, run)
            run = []
        if not is_common:
            run.append(word)
    _add(found, text, run)
    return list(found)


_COMMON = frozenset(word for words in TELLING_WORDS.values() for word in words)


def _add(found: dict[str, None], text: str, run: Sequence[re.Match[str]]) -> None:
    if len(run) > 1 or (run and len(run[0].group()) > 5):
        found[text[run[0].start() : run[-1].end()]] = None


# --- Languages -------------------------------------------------------------------------------------------------------


def detected_language(text: str) -> dict[str, Any]:
    """Tell the language of a text by its most common words; English where there are none."""
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", text[:5_000])]
    counts = {code: sum(word in telling for word in words) for code, telling in TELLING_WORDS.items()}
    (best, count), *_ = sorted(counts.items(), key=lambda pair: -pair[1])
    best = best if count else "en"
    total = sum(counts.values()) or 1
    return {"name": NAMES[best], "iso6391Name": best, "confidenceScore": round(count / total, 2)}
