"""Route templates of HTTP triggers: `items/{id:int}/{*rest}`.

Rules: classic ASP.NET Core routing as the Functions host uses it (dotnet/aspnetcore `RoutePatternParser`,
`RoutePatternMatcher`, `PathTokenizer` and the route constraints; WebJobs.Extensions.Http `WebJobsRouteBuilder`; read
2026-11). Segments with several parts, such as `{name}.{ending}`, and the constraint `datetime` are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

Constraint = Callable[[str], bool]

_PARAMETER = re.compile(r"\{(?:\{\{|\}\}|[^{}])*\}")
_PIECE = re.compile(rf"{_PARAMETER.pattern}|/|[^/{{}}]+|[{{}}]")
_HEX = "[0-9A-Fa-f]"
_BARE_GUID = f"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"
_GUID = re.compile(rf"\s*(?:{_HEX}{{32}}|{_BARE_GUID}|\{{{_BARE_GUID}\}}|\({_BARE_GUID}\))\s*")


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a template: a literal, or a parameter with its constraints."""

    text: str
    """The literal in lower case, or the parameter's name."""
    is_parameter: bool = False
    is_catch_all: bool = False
    is_optional: bool = False
    default: str | None = None
    constraints: tuple[Constraint, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteTemplate:
    """A parsed template, which says of a path whether it is meant and what its parameters stand for."""

    template: str
    segments: tuple[Segment, ...] = field(repr=False)

    @classmethod
    def parse(cls, template: str) -> RouteTemplate:
        """Return the parsed template; raises `ValueError` for one that the real host, or this one, refuses."""
        text = template.removeprefix("~/").removeprefix("/")
        if "//" in template:
            raise ValueError(f"the route '{template}' has two slashes in a row; a route does not begin with '/'")
        segments: list[Segment] = []
        parts: list[str] = []
        for piece in [*_PIECE.findall(text.removesuffix("/")), "/"]:
            if piece != "/":
                parts.append(piece)
            elif parts:
                segments.append(_segment(parts, template))
                parts = []
        _check(segments, template)
        return cls(template, tuple(segments))

    def match(self, path: str) -> dict[str, str] | None:
        """Return the parameters of a path that begins with `/`, or None when it is not meant.

        The path is decoded, but for `%2F`. What stands for nothing is left out, as the worker gets it.
        """
        given = path.removeprefix("/").split("/")
        if given[-1] == "":
            given.pop()
        values = self._values(given, path)
        if values is None:
            return None
        values = {
            one.text: one.default for one in self.segments if one.is_parameter and one.default is not None
        } | values
        if all(_fits(segment, values.get(segment.text)) for segment in self.segments):
            return values
        return None

    def _values(self, given: list[str], path: str) -> dict[str, str] | None:
        values: dict[str, str] = {}
        for index, part in enumerate(given):
            if part == "" or index >= len(self.segments):
                return None
            segment = self.segments[index]
            if segment.is_catch_all:
                # Later empty parts and a slash at the end belong to it.
                values[segment.text] = path.removeprefix("/").split("/", index)[index]
                return values
            if segment.is_parameter:
                values[segment.text] = part
            elif part.lower() != segment.text:
                return None
        missing = self.segments[len(given) :]
        is_complete = all(one.is_optional or one.is_catch_all or one.default is not None for one in missing)
        return values if is_complete else None


def build_template(prefix: str, route: str) -> str:
    """Return prefix and route put together as the host does: with a slash between them, whatever they begin with."""
    return f"{prefix}/{route}" if prefix else route


def _segment(parts: list[str], template: str) -> Segment:
    if len(parts) == 1 and not parts[0].startswith("{"):
        if "?" in parts[0] or "}" in parts[0]:
            raise ValueError(f"the route '{template}' has '{parts[0]}', which is no part of a path")
        return Segment(parts[0].lower())
    if len(parts) > 1 or not _PARAMETER.fullmatch(parts[0]):
        raise ValueError(
            f"the route '{template}' has the part '{''.join(parts)}'; this host knows a literal or one parameter "
            "between two slashes"
        )
    return _parameter(parts[0][1:-1], template)


def _parameter(text: str, template: str) -> Segment:
    name = re.match(r"\*{0,2}([A-Za-z_][\w.-]*)", text)
    if not name:
        raise ValueError(f"the route '{template}' has '{{{text}}}', which names no parameter")
    rest = text[name.end() :]
    is_optional = rest.endswith("?")
    rest = rest.removesuffix("?")
    constraints: list[Constraint] = []
    default = None
    while rest:
        if rest.startswith("="):
            default, rest = rest[1:], ""
        elif found := re.match(r":(\w+)(\((?:[^()\\]|\\.|\([^()]*\))*\))?", rest):
            constraints.append(_constraint(found[1].lower(), found[2], template))
            rest = rest[found.end() :]
        else:
            raise ValueError(f"the route '{template}' has '{{{text}}}', which this host cannot read")
    if is_optional and default is not None:
        raise ValueError(f"the route '{template}': '{{{text}}}' is optional and has a default; it can be one of both")
    return Segment(name[1], True, text.startswith("*"), is_optional, default, tuple(constraints))


def _check(segments: list[Segment], template: str) -> None:
    names = [one.text.lower() for one in segments if one.is_parameter]
    if len(set(names)) < len(names):
        raise ValueError(f"the route '{template}' has a parameter twice")
    if any(one.is_catch_all for one in segments[:-1]):
        raise ValueError(f"the route '{template}' has a catch-all that is not its last part")
    if any(one.is_optional for one in segments[:-1]):
        raise ValueError(f"the route '{template}' has an optional parameter that is not its last part")


def _fits(segment: Segment, value: str | None) -> bool:
    return value is None or all(constraint(value) for constraint in segment.constraints)


def _constraint(name: str, arguments: str | None, template: str) -> Constraint:
    given = (arguments or "")[1:-1]
    if name == "regex":
        pattern = re.compile(given.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
        return lambda value: pattern.search(value) is not None
    if name in _PLAIN and arguments is None:
        return _PLAIN[name]
    try:
        numbers = [int(part) for part in given.split(",")]
    except ValueError:
        numbers = []
    if name in _WITH_NUMBERS and len(numbers) in _WITH_NUMBERS[name][0]:
        decide = _WITH_NUMBERS[name][1]
        return lambda value: decide(value, *numbers)
    raise ValueError(f"the route '{template}' has the constraint '{name}{arguments or ''}', which this host lacks")


def _integer(bits: int) -> Constraint:
    limit = 1 << (bits - 1)
    return lambda value: bool(re.fullmatch(r"\s*[+-]?[0-9]+\s*", value)) and -limit <= int(value) < limit


def _is_decimal(value: str) -> bool:
    try:
        return Decimal(value).is_finite()
    except InvalidOperation:
        return False


def _has_length(value: str, least: int, most: int | None = None) -> bool:
    return least <= len(value) <= (least if most is None else most)


def _in_range(value: str, least: int | None, most: int | None) -> bool:
    if not _integer(64)(value):
        return False
    return (least is None or int(value) >= least) and (most is None or int(value) <= most)


_PLAIN: Mapping[str, Constraint] = {
    "int": _integer(32),
    "long": _integer(64),
    "bool": lambda value: value.strip().lower() in ("true", "false"),
    "guid": lambda value: bool(_GUID.fullmatch(value)),
    "decimal": _is_decimal,
    "double": _is_decimal,
    "float": _is_decimal,
    "alpha": lambda value: bool(re.fullmatch(r"[A-Za-z]*", value)),
    "required": lambda value: value != "",
    "file": lambda value: bool(re.search(r"\.[^./]+$", value)),
    "nonfile": lambda value: not re.search(r"\.[^./]+$", value),
}
_WITH_NUMBERS: Mapping[str, tuple[tuple[int, ...], Callable[..., bool]]] = {
    "length": ((1, 2), _has_length),
    "minlength": ((1,), lambda value, least: len(value) >= least),
    "maxlength": ((1,), lambda value, most: len(value) <= most),
    "min": ((1,), lambda value, least: _in_range(value, least, None)),
    "max": ((1,), lambda value, most: _in_range(value, None, most)),
    "range": ((2,), _in_range),
}
