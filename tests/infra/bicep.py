"""Reads Bicep without Azure: says what a deployment would create, and what does not fit together.

The grammar is tree-sitter's; what names, modules and functions mean is worked out here, as far as these templates use
the language. What only Azure knows (an address, an identity's id) becomes a text such as
`<storage.properties.primaryEndpoints.blob>`. Anything the language has and this reader does not raises `BicepError`,
so a template can not pass by being misunderstood.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import tree_sitter
import tree_sitter_bicep
from tree_sitter import Node

LANGUAGE = tree_sitter.Language(tree_sitter_bicep.language())
PUNCTUATION = {"(", ")", "[", "]", "{", "}", ",", ":", "'", ".", "::", "${", "?", "=", "comment"}


class BicepError(Exception):
    """The template would be refused, or uses what this reader does not know."""


class OnlyAzureKnows(str):
    """A text that exists only once the thing is deployed; taking a part of it gives another one."""

    def member(self, name: str) -> "OnlyAzureKnows":
        """Return the text that stands for a property of this one."""
        return OnlyAzureKnows(f"{self[:-1]}.{name}>")


@dataclass
class Resource:
    """A resource as it would be deployed: properties evaluated, `symbol` its name in the template."""

    symbol: str
    type: str
    version: str
    body: dict[str, Any]
    template: str

    @property
    def name(self) -> str:
        """The resource's own name, without its parents'."""
        return str(self.body["name"])


@dataclass
class Reference:
    """What a template means when it writes the name of a resource."""

    symbol: str
    body: dict[str, Any]

    def member(self, name: str) -> Any:
        """Return `name` of the resource: its name is known, all else only to Azure."""
        if name == "name":
            return self.body["name"]
        return OnlyAzureKnows(f"<{self.symbol}.{name}>")


@dataclass
class ModuleReference:
    """What a template means when it writes the name of a module."""

    symbol: str
    outputs: dict[str, Any] | None

    def member(self, name: str) -> Any:
        """Return the outputs; asking a module for them that is not deployed is an error."""
        if name != "outputs":
            raise BicepError(f"only outputs of module {self.symbol} can be read, not {name}")
        if self.outputs is None:
            raise BicepError(f"module {self.symbol} is not deployed with these parameters, but its outputs are read")
        return self.outputs


@dataclass
class Deployment:
    """Everything one deployment would create, and the outputs it would end with."""

    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def of_type(self, kind: str) -> list[Resource]:
        """All resources of a type such as `Microsoft.Web/sites`."""
        return [resource for resource in self.resources if resource.type == kind]

    def one(self, kind: str) -> Resource:
        """Return the only resource of this type."""
        (resource,) = self.of_type(kind)
        return resource


# --- Parsing ---


@cache
def parse(path: Path) -> Node:
    """Parse a template; a syntax error raises `BicepError` with its line."""
    root = tree_sitter.Parser(LANGUAGE).parse(path.read_bytes()).root_node
    for node in walk(root):
        if node.is_error or node.is_missing:
            raise BicepError(f"{path.name}:{node.start_point.row + 1}: syntax error near {text(node)[:60]!r}")
    return root


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node) -> str:
    """The source text of a node."""
    return (node.text or b"").decode()


def parts(node: Node) -> list[Node]:
    """The children that carry meaning."""
    return [child for child in node.children if child.type not in PUNCTUATION]


def declarations(root: Node) -> Iterator[tuple[str, Node, list[Node]]]:
    """Yield each declaration's name and node, with the decorators before it."""
    decorators: list[Node] = []
    for node in root.children:
        if node.type == "decorators":
            decorators = [part for part in walk(node) if part.type == "call_expression"]
        elif node.type.endswith("_declaration"):
            name = next(child for child in node.children if child.type == "identifier")
            yield text(name), node, decorators
            decorators = []
        elif node.type not in ("target_scope_assignment", "comment", "diagnostic_comment"):
            raise BicepError(f"line {node.start_point.row + 1}: {node.type} is not understood")


# --- Evaluating ---


def deploy(path: Path, parameters: Mapping[str, Any], into: Deployment | None = None) -> Deployment:
    """Evaluate a template and its modules with these parameters; return what would be deployed."""
    return _Template(path, parameters, into or Deployment()).run()


class _Template:
    def __init__(self, path: Path, parameters: Mapping[str, Any], deployment: Deployment) -> None:
        self.path = path
        self.names: dict[str, Any] = {}
        self.given = dict(parameters)
        self.deployment = deployment

    def run(self) -> Deployment:
        outputs = {}
        for name, node, decorators in declarations(parse(self.path)):
            if node.type == "parameter_declaration":
                self.names[name] = self.parameter(name, node, decorators)
            elif node.type == "variable_declaration":
                self.names[name] = self.value(parts(node)[-1])
            elif node.type == "resource_declaration":
                self.names[name] = self.resource(name, node)
            elif node.type == "module_declaration":
                self.names[name] = self.module(name, node)
            elif node.type == "output_declaration":
                outputs[name] = self.value(parts(node)[-1])
            else:
                raise BicepError(f"{self.path.name}: {node.type} is not understood")
        if self.given:
            raise BicepError(f"{self.path.name} has no parameter {', '.join(self.given)}")
        self.deployment.outputs = outputs
        return self.deployment

    def parameter(self, name: str, node: Node, decorators: list[Node]) -> Any:
        _, _, kind, *default = parts(node)
        if name in self.given:
            value = self.given.pop(name)
        elif default:
            value = self.value(default[0])
        else:
            raise BicepError(f"{self.path.name}: parameter {name} is not given and has no default")
        expected = {"string": str, "int": int, "bool": bool, "array": list, "object": dict}[text(kind)]
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            raise BicepError(f"{self.path.name}: parameter {name} is {text(kind)}, not {value!r}")
        for decorator in decorators:
            arguments = [self.value(part) for part in parts(decorator.children[1])]
            rule = arguments[0] if arguments else None
            called = text(decorator.children[0])
            if (
                (called == "allowed" and value not in rule)
                or (called == "minLength" and len(value) < rule)
                or (called == "maxLength" and len(value) > rule)
            ):
                raise BicepError(f"{self.path.name}: parameter {name} is {value!r}, against @{called}({rule})")
        return value

    def resource(self, name: str, node: Node) -> Any:
        kind, version = self.value(next(part for part in parts(node) if part.type == "string")).split("@")
        existing = any(child.type == "existing" for child in node.children)

        def create(body: Node) -> Reference:
            properties = self.value(body)
            if not existing:
                self.deployment.resources.append(Resource(name, kind, version, properties, self.path.name))
            return Reference(f"{properties['name']}", properties)

        return self.each(parts(node)[-1], create, Reference(name, {"name": OnlyAzureKnows(f"<{name}.name>")}))

    def module(self, name: str, node: Node) -> Any:
        path = self.path.parent / self.value(next(part for part in parts(node) if part.type == "string"))

        def create(body: Node) -> ModuleReference:
            properties = self.value(body)
            if len(properties["name"]) > 64:
                raise BicepError(f"the deployment name {properties['name']!r} has more than 64 characters")
            inner = Deployment(self.deployment.resources)
            return ModuleReference(name, deploy(path, properties.get("params", {}), inner).outputs)

        return self.each(parts(node)[-1], create, ModuleReference(name, None))

    def each(self, body: Node, create: Any, absent: Any) -> Any:
        """Create what a declaration's body says: once, under a condition, or for each of a list."""
        if body.type == "if_statement":
            condition, inner = (child for child in parts(body) if child.type != "if")
            return create(inner) if self.value(condition) else absent
        if body.type == "for_statement":
            return self.loop(body, create)
        return create(body)

    def loop(self, node: Node, create: Any) -> list[Any]:
        name, items, body = (part for part in parts(node) if part.type not in ("for", "in"))
        outer = dict(self.names)
        made = []
        for item in self.value(items):
            self.names[text(name)] = item
            made.append(create(body))
        self.names = outer
        return made

    def value(self, node: Node) -> Any:
        evaluate = getattr(self, f"_{node.type}", None)
        if evaluate is None:
            raise BicepError(f"{self.path.name}:{node.start_point.row + 1}: {node.type} is not understood")
        return evaluate(node)

    def _identifier(self, node: Node) -> Any:
        if text(node) not in self.names:
            raise BicepError(f"{self.path.name}:{node.start_point.row + 1}: {text(node)} is not declared (above)")
        return self.names[text(node)]

    def _string(self, node: Node) -> str:
        if not parts(node):
            # The grammar has no node for blanks alone.
            return text(node)[1:-1]
        chunks = []
        for part in parts(node):
            if part.type == "string_content":
                chunks.append(text(part))
            elif part.type == "interpolation":
                chunks.append(str(self.value(parts(part)[0])))
            else:
                raise BicepError(f"{self.path.name}:{node.start_point.row + 1}: {part.type} in a string")
        return "".join(chunks)

    def _number(self, node: Node) -> int:
        return int(text(node))

    def _boolean(self, node: Node) -> bool:
        return text(node) == "true"

    def _null(self, _: Node) -> None:
        return None

    def _array(self, node: Node) -> list[Any]:
        return [self.value(part) for part in parts(node)]

    def _object(self, node: Node) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for item in parts(node):
            key_node, value_node = parts(item)
            key = text(key_node) if key_node.type == "identifier" else self.value(key_node)
            if key in made:
                raise BicepError(f"{self.path.name}:{item.start_point.row + 1}: {key} is given twice")
            made[key] = self.value(value_node)
        return made

    def _for_statement(self, node: Node) -> list[Any]:
        return self.loop(node, self.value)

    def _parenthesized_expression(self, node: Node) -> Any:
        return self.value(parts(node)[0])

    def _ternary_expression(self, node: Node) -> Any:
        chosen = "consequence" if self.value(_field(node, "condition")) else "alternative"
        return self.value(_field(node, chosen))

    def _unary_expression(self, node: Node) -> Any:
        if text(_field(node, "operator")) != "!":
            raise BicepError(f"{self.path.name}: {text(node)} is not understood")
        return not self.value(_field(node, "argument"))

    def _binary_expression(self, node: Node) -> Any:
        sign = text(_field(node, "operator"))
        left = self.value(_field(node, "left"))
        if sign in ("&&", "||"):
            return self.value(_field(node, "right")) if bool(left) == (sign == "&&") else left
        right = self.value(_field(node, "right"))
        calculate = {
            "==": lambda: left == right,
            "!=": lambda: left != right,
            "+": lambda: left + right,
            "/": lambda: left // right,
        }
        return calculate[sign]()

    def _member_expression(self, node: Node) -> Any:
        return self.member(self.value(_field(node, "object")), text(_field(node, "property")))

    def member(self, owner: Any, name: str) -> Any:
        if isinstance(owner, OnlyAzureKnows | Reference | ModuleReference):
            return owner.member(name)
        if not isinstance(owner, dict) or name not in owner:
            raise BicepError(f"{self.path.name}: there is no {name} in {owner!r}")
        return owner[name]

    def _subscript_expression(self, node: Node) -> Any:
        owner, index = self.value(_field(node, "object")), self.value(_field(node, "index"))
        return owner.member(str(index)) if isinstance(owner, OnlyAzureKnows) else owner[index]

    def _call_expression(self, node: Node) -> Any:
        function, arguments = _field(node, "function"), parts(_field(node, "arguments"))
        if function.type == "member_expression":
            owner = self.value(_field(function, "object"))
            return self.member(owner, text(_field(function, "property")) + "()")
        call = getattr(self, f"call_{text(function)}", None)
        if call is None:
            raise BicepError(
                f"{self.path.name}:{node.start_point.row + 1}: function {text(function)} is not understood"
            )
        return call(*(self.value(argument) for argument in arguments))

    # --- The functions of Bicep that the templates use ---

    def call_empty(self, value: Any) -> bool:
        return not value

    def call_split(self, value: str, separator: str) -> list[Any]:
        return value.split(separator)

    def call_replace(self, value: str, old: str, new: str) -> str:
        return value.replace(old, new)

    def call_last(self, items: list[Any]) -> Any:
        return items[-1]

    def call_toLower(self, value: str) -> str:
        return value.lower()

    def call_int(self, value: str) -> int:
        return int(value)

    def call_max(self, *values: int) -> int:
        return max(values)

    def call_union(self, *objects: dict[str, Any]) -> dict[str, Any]:
        return {key: value for part in objects for key, value in part.items()}

    def call_uniqueString(self, *values: str) -> str:
        return hashlib.sha256("|".join(values).encode()).hexdigest()[:13]

    def call_guid(self, *values: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "|".join(values)))

    def call_subscription(self) -> OnlyAzureKnows:
        return OnlyAzureKnows("<subscription>")

    def call_resourceGroup(self, *names: str) -> OnlyAzureKnows:
        return OnlyAzureKnows(f"<resourceGroup {'/'.join(names)}>")

    def call_environment(self) -> dict[str, Any]:
        return {
            "suffixes": {"storage": "core.windows.net"},
            "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
        }

    def call_tenant(self) -> OnlyAzureKnows:
        return OnlyAzureKnows("<tenant>")

    def call_subscriptionResourceId(self, kind: str, name: str) -> str:
        return f"/subscriptions/<subscription>/providers/{kind}/{name}"

    def call_loadJsonContent(self, name: str) -> Any:
        return json.loads((self.path.parent / name).read_text())

    def call_loadTextContent(self, name: str) -> str:
        return (self.path.parent / name).read_text()


def _field(node: Node, name: str) -> Node:
    child = node.child_by_field_name(name)
    if child is None:
        raise BicepError(f"line {node.start_point.row + 1}: {node.type} without {name}")
    return child


# --- Reading without evaluating ---


def unused_names(path: Path) -> set[str]:
    """Return the parameters, variables and existing resources that nothing in the template mentions."""
    root = parse(path)
    unused = set()
    for name, node, _ in declarations(root):
        counts = node.type in ("parameter_declaration", "variable_declaration") or any(
            child.type == "existing" for child in node.children
        )
        elsewhere = (other for other in walk(root) if other.type == "identifier" and text(other) == name)
        if counts and all(_inside(other, node) or _is_key(other) for other in elsewhere):
            unused.add(name)
    return unused


def _inside(node: Node, outer: Node) -> bool:
    return outer.start_byte <= node.start_byte and node.end_byte <= outer.end_byte


def _is_key(node: Node) -> bool:
    parent = node.parent
    return parent is not None and parent.type == "object_property" and parent.children[0] == node
