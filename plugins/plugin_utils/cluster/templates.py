"""Text with ``${...}`` in it: JMESPath expressions on the lab's documents."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    Expression,
    ExpressionError,
    MissingFactError,
    compiled,
)

_QUOTES = "'\"`"


@dataclass(frozen=True)
class Template:
    """Compiled text: plain parts and expressions in turn."""

    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions in it."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    def value(self, document: Any) -> Any:
        """The text with every expression evaluated; a lone ``${...}`` keeps its value's type.

        Raises:
            MissingFactError: an expression yields nothing.
        """
        if len(self.parts) == 1 and isinstance(self.parts[0], Expression):
            return _answer(self.parts[0], document)
        return "".join(
            part if isinstance(part, str) else _shown(_answer(part, document))
            for part in self.parts
        )

    def text(self, document: Any) -> str:
        """The text for a person; what is missing is shown as unknown."""
        shown = []
        for part in self.parts:
            try:
                shown.append(part if isinstance(part, str) else _shown(_answer(part, document)))
            except ExpressionError:
                shown.append("(unknown)")
        return "".join(shown)


@lru_cache(maxsize=2048)
def template(source: str) -> Template:
    """Compile a text; ExpressionError if a ``${`` has no end or an expression isn't valid."""
    parts: list[str | Expression] = []
    rest = source
    while True:
        plain, mark, rest = rest.partition("${")
        if plain or not (parts or mark):
            parts.append(plain)
        if not mark:
            return Template(tuple(parts))
        end = _end(rest)
        parts.append(compiled(rest[:end].strip()))
        rest = rest[end + 1 :]
        if not rest:
            return Template(tuple(parts))


def _end(text: str) -> int:
    """The position of the brace that closes the expression, not one in quotes or of a pair."""
    depth, quote = 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        elif character == "{":
            depth += 1
        elif character == "}":
            if not depth:
                return position
            depth -= 1
    raise ExpressionError(f"'${{{text}' has no closing brace")


def _answer(expression: Expression, document: Any) -> Any:
    value = expression.value(document)
    if value is None:
        raise MissingFactError(f"{expression.source} is missing")
    return value


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return ", ".join(str(item).strip() for item in value) or "none"
    return json.dumps(value, ensure_ascii=False)
