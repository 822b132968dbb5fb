"""Blob trigger paths: `container/folder/{name}.txt`.

Rules: azure-webjobs-sdk `BindingTemplateToken`, `ParameterizedBlobPathSource` (read October 2024).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlobPath:
    """A pattern over container and blob name; variables are greedy and match `/` and nothing at all."""

    container: str
    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, path: str) -> BlobPath:
        """Return the pattern of a trigger's path; raises `ValueError` for one that the real host refuses.

        `{{` and `}}` stand for braces; a path without `/` matches every blob of the container.
        """
        container, slash, blob = path.partition("/")
        if not re.fullmatch(r"[A-Za-z0-9$](?:[A-Za-z0-9-]*[A-Za-z0-9])?", container):
            raise ValueError(f"'{path}' does not begin with a container's name; write 'container/{{name}}'")
        if slash and not blob:
            raise ValueError(f"'{path}' ends after the container's '/'; write '{path}{{name}}'")
        return cls(container.lower(), re.compile(_expression(blob) if slash else ".*", re.DOTALL))

    def match(self, container: str, blob: str) -> dict[str, str] | None:
        """Return what the variables stand for, or None when the blob is not meant."""
        if container.lower() != self.container:
            return None
        match = self.pattern.fullmatch(blob)
        return match.groupdict() if match else None


def _expression(blob: str) -> str:
    parts: list[str] = []
    names: set[str] = set()
    for token in re.findall(r"\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}]", blob):
        if token in ("{{", "}}"):
            parts.append(re.escape(token[0]))
        elif token in ("{", "}"):
            raise ValueError(f"'{blob}' has a single '{token}'; write '{token * 2}' for the character itself")
        elif token.startswith("{"):
            parts.append(_variable(token[1:-1], names))
        else:
            parts.append(re.escape(token))
    return "".join(parts)


def _variable(name: str, names: set[str]) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"'{{{name}}}' is not a variable of a path; use letters, digits and '_'")
    if name in names:
        raise ValueError(f"the variable '{{{name}}}' comes twice in the path; use another name")
    names.add(name)
    return f"(?P<{name}>.*)"
