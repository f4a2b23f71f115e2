"""What the action plugins that work on a live lab have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract, read
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    Expression,
    ExpressionError,
    compiled,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError


@dataclass(frozen=True)
class Lab:
    """A cluster that can be asked: its API, its contract, and the namespace that is meant."""

    api: Api
    contract: Contract
    namespace: str


def lab(contract: str, namespace: str) -> Lab:
    """The lab of a contract; LabError where there is none."""
    told = read(Path(contract))
    return Lab(Api(Path(told.kubeconfig)), told, namespace)


def expressions(sources: Sequence[str]) -> list[Expression]:
    """Compile the expressions of a task; LabError, before anything runs, where one is none."""
    try:
        return [compiled(source) for source in sources]
    except ExpressionError as error:
        raise LabError(
            f"An expression of the task doesn't compile: {error}.",
            "Write it in JMESPath.",
            Kind.INPUT,
        ) from error


def queries(sources: Mapping[str, str]) -> dict[str, Expression]:
    """Compile a task's option ``query``; LabError, before anything runs, where one is none."""
    return dict(zip(sources, expressions(list(sources.values())), strict=True))


def answers(query: Mapping[str, Expression], document: Any) -> dict[str, Any]:
    """The values of some expressions; LabError where one can't be answered."""
    try:
        return {name: expression.value(document) for name, expression in query.items()}
    except ExpressionError as error:
        raise LabError(f"A fact of the query isn't there: {error}.", kind=Kind.INPUT) from error
