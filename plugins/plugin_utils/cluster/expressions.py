"""JMESPath over the lab's documents, strict where a loose answer could prove something false.

In plain JMESPath whatever is missing is null, and two nulls are equal, so
``pods.p1.ip == pods.p2.ip`` holds if neither pod exists. Here it is an error to compare something
missing or empty, unless the expression itself says ``null``, ``[]`` or ``''``. It is also an error
if an argument of a function is missing or has a gap. The functions that the lab adds are in
``_Functions``.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jmespath
from jmespath import exceptions, functions, visitor

Node = Any  # jmespath keeps its syntax tree in plain dictionaries
Document = dict[str, Any]  # what expressions are evaluated on: records as plain data

_OF_NULLS = ("not_null", "type")  # functions whose purpose is to handle nulls
_SEEKING = ("contains", "starts_with", "ends_with")  # an empty text is in every text


class ExpressionError(Exception):
    """An expression doesn't compile, or can't be evaluated on this document."""


class MissingFactError(ExpressionError):
    """The expression asks for something that is missing in the document."""


class _Functions(functions.Functions):
    """The functions of JMESPath and the lab's own."""

    def __init__(self, document: Any, interpreter: _Interpreter) -> None:
        super().__init__()
        self._document = document
        self._strict = interpreter

    @functions.signature({"types": ["array", "string"]}, {"types": []})
    def _func_contains(self, subject: list[Any] | str, search: Any) -> bool:
        """contains(list, item) or contains(text, part); the plain one may crash on a text."""
        if isinstance(subject, list) or isinstance(search, str):
            return search in subject
        if search is None:  # possible only in the condition of a filter
            return False
        raise ExpressionError(f"contains() looks for text in a text, not for {_short(search)}")

    @functions.signature()
    def _func_root(self) -> Any:
        """root(): the whole document, also from within a projection."""
        return self._document

    @functions.signature({"types": ["object"]}, {"types": ["string"]})
    def _func_lookup(self, members: dict[str, Any], key: str) -> Any:
        """lookup(nodes, pods.p1.node): the member with that name."""
        if key not in members:
            raise MissingFactError(
                f"{key!r} not found; there is {', '.join(sorted(members)) or 'none'}"
            )
        return members[key]

    @functions.signature({"types": ["object"]}, {"types": ["string"]})
    def _func_absent(self, members: dict[str, Any], key: str) -> bool:
        """absent(pods, 'p1'): whether there is no such member."""
        return key not in members

    @functions.signature({"types": ["array"]})
    def _func_unique(self, items: list[Any]) -> list[Any]:
        """unique(list): each once, sorted by its JSON text."""
        return [json.loads(text) for text in sorted({json.dumps(item) for item in items})]

    @functions.signature({"types": ["array"]}, {"types": ["array"]})
    def _func_same(self, left: list[Any], right: list[Any]) -> bool:
        """same(a, b): the same items in any order; never true of two empty lists."""
        if not left and not right:
            raise MissingFactError("both lists are empty")
        return sorted(map(json.dumps, left)) == sorted(map(json.dumps, right))

    @functions.signature({"types": ["expref"]}, {"types": ["array"]})
    def _func_every(self, condition: Any, items: list[Any]) -> bool:
        """every(&ready, list): the condition holds for each; never true of an empty list."""
        if not items:
            raise MissingFactError("the list is empty")
        return all(self._strict.met(condition.expression, item) for item in items)

    @functions.signature({"types": ["number"]}, {"types": ["number"]}, {"types": ["number"]})
    def _func_between(self, low: float, value: float, high: float) -> bool:
        """between(30000, port, 32767): low <= value <= high."""
        return low <= value <= high

    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_in_network(self, address: str, network: str) -> bool:
        """in_network(pods.p1.ip, lab.pod_network): the address belongs to the CIDR block."""
        try:
            return ipaddress.ip_address(address) in ipaddress.ip_network(network)
        except ValueError as error:
            raise MissingFactError(str(error)) from error

    @functions.signature({"types": ["string"]})
    def _func_owner(self, address: str) -> str:
        """owner('10.244.0.5'): who has that address now, as in 'pod/p1' or 'node/latihan'."""
        owner = self._document.get("addresses", {}).get(address, {}).get("owner")
        if owner is None:
            raise MissingFactError(f"nothing of the lab has the address {address}")
        return str(owner)

    @functions.signature({"types": ["object"]})
    def _func_pairs(self, members: dict[str, Any]) -> list[str]:
        """pairs(labels): as text, as in ["name=latihan"]."""
        return [f"{key}={value}" for key, value in members.items()]

    @functions.signature({"types": ["array"]}, {"types": ["array"]})
    def _func_cross(self, left: list[Any], right: list[Any]) -> list[list[Any]]:
        """cross(a, b): each item of a with each of b, as in [[a1, b1], [a1, b2]]."""
        return [[first, second] for first in left for second in right]

    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_split(self, mark: str, text: str) -> list[str]:
        """split(' ', text): its parts."""
        if not mark:
            raise ExpressionError("split() needs text to split at")
        return text.split(mark)

    @functions.signature({"types": ["string"]})
    def _func_trim(self, text: str) -> str:
        """trim(text): without the white space around it."""
        return text.strip()


class _Interpreter(visitor.TreeInterpreter):
    """Evaluates an expression and refuses to compare what is missing.

    The condition of a filter is an exception: if a member is missing there, the item doesn't match.
    What it takes from ``root()`` is not a member of the item, and must be there.
    """

    def __init__(self, document: Any) -> None:
        self._lab = _Functions(document, self)
        super().__init__(jmespath.Options(custom_functions=self._lab))
        self._filters = 0

    def met(self, condition: Node, item: Any) -> bool:
        """Whether the condition is true of the item; an error if it yields nothing."""
        value = self.visit(condition, item)
        if value is None and self._has_to_be_there(condition):
            raise MissingFactError(f"{_text(condition)} is missing")
        return value is True

    def visit_function_expression(self, node: Node, value: Any) -> Any:
        arguments = [self.visit(child, value) for child in node["children"]]
        if node["value"] not in _OF_NULLS:
            pairs = zip(node["children"], arguments, strict=True)
            for position, (child, argument) in enumerate(pairs):
                sought = position == 1 and node["value"] in _SEEKING
                says_so = child["type"] == "literal" or (argument in ("", []) and not sought)
                if not says_so and self._has_to_be_there(child):
                    self._present(child, argument)
        return self._lab.call_function(node["value"], arguments)

    def visit_comparator(self, node: Node, value: Any) -> Any:
        if not any(_says_empty(child) for child in node["children"]):
            for child in node["children"]:
                if self._has_to_be_there(child):
                    self._present(child, self.visit(child, value))
        return super().visit_comparator(node, value)

    def visit_not_expression(self, node: Node, value: Any) -> Any:
        (child,) = node["children"]
        if self._has_to_be_there(child):
            self._present(child, self.visit(child, value))
        return super().visit_not_expression(node, value)

    def visit_or_expression(self, node: Node, value: Any) -> Any:
        left, right = node["children"]
        found = super().visit_or_expression(node, value)
        if found is False and right["type"] != "literal" and self._has_to_be_there(left):
            self._present(left, self.visit(left, value))
        return found

    def _has_to_be_there(self, node: Node) -> bool:
        return not self._filters or "root" in _calls(node)

    def visit_filter_projection(self, node: Node, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        kept = []
        for item in base:
            self._filters += 1
            try:
                matches = self.visit(node["children"][2], item) not in (None, False, "", [], {})
            finally:
                self._filters -= 1
            if matches:
                kept.append(self.visit(node["children"][1], item))
        return [item for item in kept if item is not None]

    def _present(self, node: Node, value: Any) -> None:
        if value is None or value == "" or (isinstance(value, list) and not value):
            raise MissingFactError(f"{_text(node)} is missing")
        if isinstance(value, list) and any(item is None for item in value):
            raise MissingFactError(f"{_text(node)} has a gap: {json.dumps(value)}")


@dataclass(frozen=True)
class Expression:
    """A compiled expression: its source and its syntax tree."""

    source: str
    tree: Node = field(repr=False, compare=False)

    def value(self, document: Any) -> Any:
        """What it yields on the document; ExpressionError if it can't be evaluated."""
        return _evaluate(self.tree, document)

    def holds(self, document: Any) -> tuple[bool, str]:
        """Whether it yields true and nothing but true, and if not, why not."""
        try:
            result = self.value(document)
        except ExpressionError as error:
            return False, f"{self.source}: {error}"
        if result is True:
            return True, ""
        return False, f"{self.source}: {_sides(self.tree, document) or f'it is {_short(result)}'}"

    def paths(self) -> set[tuple[str, ...]]:
        """The members of the document that it starts from, as in {("pods", "p1", "ip")}."""
        return _paths(self.tree)


@lru_cache(maxsize=2048)
def compiled(source: str) -> Expression:
    """Compile an expression; ExpressionError, with the place, if it isn't valid."""
    try:
        tree = jmespath.compile(source).parsed
    except exceptions.JMESPathError as error:
        raise ExpressionError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ExpressionError("it is nested too deeply") from error
    unknown = _calls(tree) - set(_Functions.FUNCTION_TABLE)
    if unknown:
        raise ExpressionError(f"unknown function {', '.join(sorted(unknown))}()")
    return Expression(source, tree)


def functions_of_the_lab() -> list[str]:
    """The names of the functions that the lab adds to those of JMESPath."""
    return sorted(set(_Functions.FUNCTION_TABLE) - set(functions.Functions.FUNCTION_TABLE))


def _evaluate(tree: Node, document: Any) -> Any:
    try:
        return _Interpreter(document).visit(tree, document)
    except exceptions.JMESPathTypeError as error:
        given = "nothing" if error.current_value is None else _short(error.current_value)
        needs = " or ".join(error.expected_types)
        raise ExpressionError(f"{error.function_name}() takes {needs}, not {given}") from error
    except exceptions.JMESPathError as error:
        raise ExpressionError(" ".join(str(error).split())) from error


def _sides(tree: Node, document: Any) -> str:
    """For a comparison, its two sides; for ``a && b``, the part that is false."""
    if tree["type"] == "comparator":
        left, right = (_short(_evaluate(child, document)) for child in tree["children"])
        return f"on the left {left}, on the right {right}"
    if tree["type"] == "and_expression":
        for child in tree["children"]:
            if _evaluate(child, document) is not True:
                return _sides(child, document) or f"{_text(child)} is not true"
    if tree["type"] == "function_expression" and tree["value"] in ("same", "contains", "between"):
        values = (_short(_evaluate(child, document)) for child in tree["children"])
        return f"{tree['value']} of {' and '.join(values)} is false"
    return ""


def _short(value: Any, limit: int = 300) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else f"{text[:limit]}..."


def _text(node: Node) -> str:
    """A part of an expression, near to how it was written."""
    children = [_text(child) for child in _children(node)]
    written = {
        "field": str(node.get("value")),
        "literal": json.dumps(node.get("value")),
        "index": f"[{node.get('value')}]",
        "identity": "",
        "current": "@",
        "subexpression": ".".join(children),
        "index_expression": "".join(children),
        "function_expression": f"{node.get('value')}({', '.join(children)})",
        "flatten": "".join(children),
        "multi_select_list": f"[{', '.join(children)}]",
        "expref": "".join(children),
        "projection": "[].".join(part for part in children if part),
        "value_projection": ".*.".join(part for part in children if part),
        "filter_projection": "[?].".join(part for part in children[:2] if part),
    }
    return written.get(node["type"], str(node["type"]).replace("_", " "))


def _says_empty(node: Node) -> bool:
    """Whether the expression itself says null, [] or ''."""
    return node["type"] == "literal" and node["value"] in (None, [], "")


def _children(node: Node) -> list[Node]:
    return [child for child in node.get("children", []) if isinstance(child, dict)]


def _calls(node: Node) -> set[str]:
    own = {node["value"]} if node["type"] == "function_expression" else set()
    return own.union(*(_calls(child) for child in _children(node)))


def _paths(node: Node) -> set[tuple[str, ...]]:
    """Paths from the document's root; what follows a projection or a pipe has another root."""
    if node["type"] == "field":
        return {(node["value"],)}
    if node["type"] in ("subexpression", "index_expression"):
        chain: list[str] = []
        for child in _flat(node):
            if child["type"] != "field":
                return {tuple(chain)} if chain else _paths(child)
            chain.append(child["value"])
        return {tuple(chain)}
    if node["type"] in ("projection", "value_projection", "filter_projection", "pipe", "flatten"):
        return _paths(node["children"][0])
    if node["type"] == "expref":
        return set()
    return set().union(*(_paths(child) for child in _children(node)))


def _flat(node: Node) -> list[Node]:
    if node["type"] in ("subexpression", "index_expression"):
        return [leaf for child in node["children"] for leaf in _flat(child)]
    return [node]
