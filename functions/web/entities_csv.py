"""The entities of a document as CSV, safe to open in a spreadsheet."""

import csv
from io import StringIO

from ..core.spreadsheets import harmless
from ..tasks.entities import EntityResultFile

COLUMNS = ("text", "category", "subcategory", "offset", "length", "confidence", "review", "location")


def entities_csv(result: EntityResultFile) -> str:
    """Return a line for each entity, in the order of the text, below a line with the names of the columns."""
    text = StringIO()
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    for one in result.entities:
        place = one.location if isinstance(one.location, dict) else {}
        lines.writerow(
            (
                harmless(one.text),
                harmless(one.category),
                harmless(one.subcategory or ""),
                one.offset,
                one.length,
                one.confidence_score,
                "true" if one.review is True else "",
                harmless(", ".join(f"{name} {value}" for name, value in place.items())),
            )
        )
    return text.getvalue()
