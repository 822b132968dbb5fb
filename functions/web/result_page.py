"""One self-contained file for a result: the text with its entities, to read without a connection and to mail.

Everything of the document is escaped. The one script and the one style are allowed by their hashes, nothing else is
loaded or run. Without script the text, the list and the names of the categories are there; the script adds the marks in
the text, the filter, and going through the entities one by one.
"""

import base64
import hashlib
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from ..text.offsets import CODE_POINT, UTF16, Ruler

COLOURS = 12
MOST_LANES = 2
SHADES = (0.7, 0.9)
"""From which confidence on the second and the third tint; below the first an entity is unsure."""
END_OF_STYLE = "/* --- Everything --- */"
"""What stands before it in the page's stylesheet, colours and marks, is the same here."""
_HERE = Path(__file__).parent
_LINE_END = re.compile(r"\r\n|[\n\r\f]")
_PLACES = {"page": "page {}", "slide": "slide {}", "sheet": "sheet {}", "row": "row {}", "part": "part {}"}


class Mark(NamedTuple):
    """An entity as it is shown: its span in UTF-16 units, and what a person decided of it."""

    start: int
    end: int
    category: str
    confidence: float | None
    decision: str | None
    place: str
    part: str
    """The place without the row: what begins a new section of the text."""


def result_page(
    name: str, text: str, result: Mapping[str, Any], corrections: Mapping[str, Any] | None, categories: Sequence[str]
) -> str:
    """Return the view of a result as one HTML page.

    `result` is the content of `<name>.entities.json`, `corrections` that of `<name>.corrections.json`, if there is one;
    `categories` are the model's, whose order gives the colours.
    """
    # Html has no NUL, and UTF-8 no half of a surrogate pair; each becomes one character, so that offsets stay right.
    text = re.sub("[\0\ud800-\udfff]", "\ufffd", text)
    marks = _marks(text, result, corrections)
    names = list(dict.fromkeys([*categories, *sorted({mark.category for mark in marks})]))
    colours = {category: n % COLOURS + 1 for n, category in enumerate(names)}
    lanes = lanes_of([(mark.start, mark.end) for mark in marks])
    style, script = _assets()
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )
    file = name.rpartition("/")[2]
    words = _by_units(text)
    rows = [_row(mark, lane, colours, words) for mark, lane in zip(marks, lanes, strict=True)]
    return _PAGE.format(
        policy=escape(policy),
        title=_safe(file),
        language=_safe(str(result.get("document", {}).get("language") or "en")),
        style=style,
        facts="".join(f"<span>{_safe(fact)}</span>" for fact in _facts(result, marks)),
        legend="".join(_legend(category, colours, marks) for category in names),
        text=_paragraphs(text, marks),
        rows="".join(rows) or "<li>No entities were found.</li>",
        script=script,
    )


def _marks(text: str, result: Mapping[str, Any], corrections: Mapping[str, Any] | None) -> list[Mark]:
    unit = result.get("stringIndexType", CODE_POINT)
    by_model: dict[tuple[str, int, int], Mapping[str, Any]] = {}
    added: list[Mapping[str, Any]] = []
    to_units = _converter(text, unit)
    if corrections:
        to_corrected = _converter(text, corrections.get("stringIndexType", CODE_POINT))
        for decision in corrections["decisions"]:
            model = decision.get("modelEntity")
            if model:
                by_model[(model["category"], *_span(model, to_corrected))] = decision
            elif decision.get("entity"):
                added.append(decision["entity"])
    marks = []
    for entity in result["entities"]:
        start, end = _span(entity, to_units)
        decision = by_model.get((entity["category"], start, end))
        category = entity["category"]
        if decision and decision.get("entity"):
            category, (start, end) = decision["entity"]["category"], _span(decision["entity"], to_corrected)
        location = entity.get("location") or {}
        place = ", ".join(_place(key, value) for key, value in location.items())
        part = ", ".join(_place(key, value) for key, value in location.items() if key != "row")
        marks.append(
            Mark(start, end, category, entity.get("confidenceScore"), decision and decision["decision"], place, part)
        )
    marks += [Mark(*_span(entity, to_corrected), entity["category"], None, "added", "", "") for entity in added]
    return sorted(marks, key=lambda mark: (mark.start, -mark.end))


def _converter(text: str, unit: str) -> Any:
    if unit == UTF16:
        return lambda position: position
    ruler, units = Ruler(text, unit), Ruler(text, UTF16)

    def convert(position: int) -> int:
        code_point = ruler.to_code_point(position)
        # A position that is within a character, or behind the text, counts as the end of the text.
        return units.to_unit(len(text) if code_point is None else code_point)

    return convert


def _span(entity: Mapping[str, Any], to_units: Any) -> tuple[int, int]:
    return to_units(entity["offset"]), to_units(entity["offset"] + entity["length"])


def _place(key: str, value: object) -> str:
    return _PLACES.get(key, "{}").format(value)


def lanes_of(spans: Sequence[tuple[int, int]]) -> list[int]:
    """Return the lane of each span, as `lanes` in static/offsets.js: 0 is the line close to the text.

    What ends first comes first, so the inner one of two is above; of two that cross, the one that starts later is
    below.
    """
    lanes = [0] * len(spans)
    placed: list[int] = []
    reach = -1
    cluster: list[int] = []

    def place() -> None:
        cluster.sort(key=lambda at: (spans[at][1], -spans[at][0]))
        placed.clear()
        for at in cluster:
            under = [lanes[other] for other in placed[-64:] if spans[other][1] > spans[at][0]]
            lanes[at] = min(MOST_LANES, max(under, default=-1) + 1)
            placed.append(at)
        cluster.clear()

    for at in sorted(range(len(spans)), key=lambda at: (spans[at][0], -spans[at][1])):
        if spans[at][0] >= reach:
            place()
        cluster.append(at)
        reach = max(reach, spans[at][1])
    place()
    return lanes


def _by_units(text: str) -> Any:
    units = Ruler(text, UTF16)

    def words(start: int, end: int) -> str:
        first, last = units.to_code_point(start), units.to_code_point(end)
        return " ".join(text[first:last].split())

    return words


def _row(mark: Mark, lane: int, colours: Mapping[str, int], words: Any) -> str:
    colour = colours[mark.category]
    sure = 1.0 if mark.confidence is None else mark.confidence
    shade = 3 if mark.decision else 1 + sum(sure >= least for least in SHADES)
    said = {"rejected": "rejected", "changed": "✓ changed", "added": "✓ added", "accepted": "✓"}.get(
        mark.decision or "", ""
    )
    value = "" if mark.confidence is None else f"{int(mark.confidence * 100 + 1e-9) / 100:.2f}"
    data = {
        "start": mark.start,
        "end": mark.end,
        "lane": lane,
        "colour": colour,
        "shade": shade,
        "sure": sure,
        "decision": mark.decision or "",
        "category": mark.category,
    }
    attributes = " ".join(f'data-{name}="{_safe(str(one))}"' for name, one in data.items())
    return (
        f'<li {attributes}><button type="button"><bdi class="what">{_safe(words(mark.start, mark.end))}</bdi>'
        f'<span class="value">{value}</span><span class="cat c{colour}">{_safe(mark.category)}</span>'
        f'<span class="where">{_safe(" ".join(filter(None, (said, mark.place))))}</span></button></li>'
    )


def _legend(category: str, colours: Mapping[str, int], marks: Sequence[Mark]) -> str:
    count = sum(mark.category == category for mark in marks)
    if not count:
        return ""
    return (
        f'<label><input type="checkbox" checked value="{_safe(category)}"> '
        f'<span class="cat c{colours[category]}">{_safe(category)}</span> <small>{count:,}</small></label>'
    )


def _facts(result: Mapping[str, Any], marks: Sequence[Mark]) -> list[str]:
    confirmed = sum(mark.decision not in (None, "rejected") for mark in marks)
    rejected = sum(mark.decision == "rejected" for mark in marks)
    decided = f": {confirmed:,} confirmed, {rejected:,} rejected by a person" if confirmed or rejected else ""
    model = result.get("model", {})
    made = datetime.fromisoformat(result["completedDateTime"])
    facts = [f"{len(marks):,} {'entity' if len(marks) == 1 else 'entities'}{decided}"]
    known = [part for part in (model.get("project"), model.get("deployment"), model.get("modelId")) if part]
    if known:
        facts.append(f"Model {' / '.join(known)}")
    return [*facts, f"Made {made.day} {made:%B %Y, %H:%M} UTC"]


def _paragraphs(text: str, marks: Sequence[Mark]) -> str:
    starts, lines, at = [], [], 0
    position = 0
    for end in [*_LINE_END.finditer(text), None]:
        line = text[position : end.start() if end else len(text)]
        starts.append(at)
        lines.append(line)
        if end:
            at += _units(line) + len(end.group())
            position = end.end()
    places: dict[int, str] = {}
    last = ""
    for mark in marks:
        if mark.part and mark.part != last:
            places.setdefault(bisect_right(starts, mark.start) - 1, mark.part)
            last = mark.part
    return "".join(
        (f'<h3 class="place">{_safe(places[n].capitalize())}</h3>' if n in places else "")
        + f'<p dir="auto" data-at="{start}">{_safe(line)}</p>'
        for n, (start, line) in enumerate(zip(starts, lines, strict=True))
    )


def _units(line: str) -> int:
    return len(line.encode("utf-16-le")) // 2


def _safe(text: str) -> str:
    return escape(re.sub("[\0\ud800-\udfff]", "\ufffd", text))


@cache
def _assets() -> tuple[str, str]:
    colours = (_HERE / "static" / "style.css").read_text("utf-8").partition(END_OF_STYLE)[0]
    return colours + (_HERE / "result_page.css").read_text("utf-8"), (_HERE / "result_page.js").read_text("utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1><bdi>{title}</bdi></h1><p class="facts">{facts}</p></header>
<div class="bar legend" role="group" aria-label="Categories">{legend}</div>
<div class="bar player" hidden>
<button type="button" id="back" aria-label="Previous entity">‹</button>
<button type="button" id="play" aria-pressed="false">Play</button>
<button type="button" id="on" aria-label="Next entity">›</button>
<span id="now" aria-live="polite"></span>
<label class="least">Hide below <input type="range" id="least" min="0" max="1" step="0.01" value="0">
<output id="value">0.00</output></label>
</div>
<main>
<article lang="{language}">{text}</article>
<section aria-labelledby="entities"><h2 id="entities">Entities</h2><ol>{rows}</ol></section>
</main>
<footer>This file holds the text of the document. It needs no connection and sends nothing.
Made by Entity Drop.</footer>
<script>{script}</script>
</body>
</html>
"""
