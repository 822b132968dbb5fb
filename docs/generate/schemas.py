"""The JSON Schemas of the files that a document can end with, made from the classes that write them.

python -m docs.generate.schemas     writes docs/schemas/entities.schema.json, error.schema.json and the others
"""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from functions.core.decisions import Corrections
from functions.core.results import ErrorReport
from functions.rules import RulesFile
from functions.tasks.kinds import KINDS

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
DRAFT = "https://json-schema.org/draft/2020-12/schema"

PUBLISHED: Mapping[str, type[msgspec.Struct]] = {
    **{f"{kind.file_suffixes[0].split('.')[1]}.schema.json": kind.result_type for kind in KINDS.values()},
    "error.schema.json": ErrorReport,
    "corrections.schema.json": Corrections,
    "rules.schema.json": RulesFile,
}
"""Each schema's file and the class of the files that it describes."""

WRITTEN_BY_PEOPLE = ("rules.schema.json",)
"""What people write has no fields but those that are known; of what the app writes there may be more some day."""


def schema_text(name: str) -> str:
    """Return the text of the schema file `name`."""
    described = PUBLISHED[name]
    (root,), definitions = msgspec.json.schema_components([described], ref_template="#/$defs/{name}")
    definitions = {key: _tidy(definitions[key]) for key in sorted(definitions)}
    if name in WRITTEN_BY_PEOPLE:
        definitions = {key: {**definition, "additionalProperties": False} for key, definition in definitions.items()}
        definitions["RulesFile"]["properties"]["$schema"] = {"type": "string"}
    # The described class itself comes first and in full; what it refers to stands below.
    top = definitions.pop(root["$ref"].rsplit("/", 1)[-1])
    return json.dumps({"$schema": DRAFT, "$id": name, **top, "$defs": definitions}, indent=2) + "\n"


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """Take the indentation of the source code out of a description."""
    if "description" not in schema:
        return schema
    return {**schema, "description": inspect.cleandoc(schema["description"])}


def main() -> None:
    """Write all schema files."""
    FOLDER.mkdir(exist_ok=True)
    for name in PUBLISHED:
        (FOLDER / name).write_text(schema_text(name), "utf-8")


if __name__ == "__main__":
    main()
