"""The page of all problems and warnings: docs/problems.md, made from functions/problems.py and the service's codes.

python -m docs.generate.problems     writes docs/problems.md
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from functions import problems
from functions.errors import Fault
from functions.language.error_codes import FAULTS, QUOTA_CODE
from functions.problems import PROBLEMS, REFUSALS, WARNINGS
from functions.reading import read_api

from .diagrams import meanings

PAGE = Path(__file__).parents[2] / "docs" / "problems.md"

_INTRODUCTION = """\
# Problems and warnings

What the app can tell about a document or a job, with its code.
Written from `functions/problems.py` and `functions/language/error_codes.py` by `python -m docs.generate.problems`.

A problem stands in the `error` part of an error report; the log has its code as `reason`.
Codes do not change; messages may.
Words in italics stand for values.
A code in italics is passed on from the service ([below](#codes-of-the-language-service)), from the storage, or from
the last failure.

What may pass by itself is waited for.
It is reported only if it lasts: after six submissions of the document, or after `GIVE_UP_HOURS`.
What was reported for another cause than the document is submitted again, once a night, for a while.
"""

_MORE_ABOUT = {
    Fault.DOCUMENT: "A corrected document is a new version.",
    Fault.SERVICE: "A fault of the app itself counts here, too: a newer version of it may work.",
}

_SERVICE_CODES = """\
## Codes of the Language service

The report has the service's own error in `error.service`.
Of several codes inside each other the innermost one of this table counts.
A code that is not in this table is taken for the service's fault until other documents show otherwise.
The error of a whole job says nothing about its documents: it is `JobFailed`, unless its code is the configuration's.
The error of a single document says nothing about the configuration: with such a code it is taken for the service's.
"""

_CONSEQUENCES = {
    Fault.DOCUMENT: "The document is reported; the others of its request go on.",
    Fault.CONFIGURATION: f"Documents wait (`{problems.MISCONFIGURED.code}`).",
    Fault.SERVICE: "It is tried again by itself.",
}

_READING_CODES = """\
## Codes of Document Intelligence

It reads scans, where it is switched on ([ocr.md](ocr.md)).
Its codes are understood in the same way.
"""

_WARNINGS = """\
## Warnings

They stand in the `warnings` of a result; the entities are there.
Those for review set the result's `"review": true`.
"""


_REFUSALS = """\
## Refused requests to the page's API

They are answered as `application/problem+json` with the code as `code`, and in the header `x-ms-error-code`
([page.md](page.md)). What the Functions host refuses itself, such as a wrong key, has an empty body.
"""


def page() -> str:
    """Return the text of docs/problems.md."""
    faults = (Fault.DOCUMENT, Fault.CONFIGURATION, Fault.SERVICE, Fault.STORAGE)
    sections = [_INTRODUCTION, *map(_problems_of, faults), *_service_codes(), *_warnings(), *_refusals()]
    return "\n".join(sections)


def _problems_of(fault: Fault) -> str:
    rows = (
        (_code(kind.code), _text(kind.message), "yes" if kind.is_transient else "no", _text(kind.help))
        for kind in sorted(PROBLEMS, key=lambda kind: kind.code)
        if kind.fault is fault
    )
    about = "\n".join(filter(None, [meanings(Fault)[fault], _MORE_ABOUT.get(fault)]))
    table = _table(("code", "what it says", "may pass by itself", "what to do"), rows)
    return f"## Fault: {fault}\n\n{about}\n\n{table}"


def _service_codes() -> Iterator[str]:
    quota = problems.QUOTA_EXHAUSTED
    quota_row = (_code(QUOTA_CODE), quota.fault.value, f"Documents wait (`{quota.code}`).")
    head = ("code", "fault", "what happens")
    yield _SERVICE_CODES
    yield _table(head, [*_rows_of(FAULTS), quota_row])
    yield _READING_CODES
    yield _table(head, _rows_of(read_api.FAULTS))


def _rows_of(faults: Mapping[str, Fault]) -> Iterator[tuple[str, ...]]:
    own_codes = {kind.code for kind in PROBLEMS}
    for code, fault in faults.items():
        yield _code(code), fault.value, "See above." if code in own_codes else _CONSEQUENCES[fault]


def _warnings() -> Iterator[str]:
    yield _WARNINGS
    rows = (
        (_code(kind.code), _text(kind.message), "yes" if kind.is_for_review else "no", kind.help)
        for kind in sorted(WARNINGS, key=lambda kind: kind.code)
    )
    yield _table(("code", "what it says", "for review", "what to do"), rows)


def _refusals() -> Iterator[str]:
    yield _REFUSALS
    rows = (
        (_code(kind.code), str(kind.status), _text(kind.message), _text(kind.help))
        for kind in sorted(REFUSALS, key=lambda kind: kind.code)
    )
    yield _table(("code", "status", "what it says", "what to do"), rows)


def _code(template: str) -> str:
    return _text(template) if "{" in template else f"`{template}`"


def _text(template: str) -> str:
    """Return a template with its fields in italics."""
    return re.sub(r"\{(\w+)[^}]*\}", lambda field: f"*{field[1].replace('_', ' ')}*", template)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
