"""What the action plugins that use a live lab have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    prepare,
    read,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    Expression,
    ExpressionError,
    compiled,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

# Whoever imports this reads a contract, and a task's process is forked from one that has done so.
prepare()


@dataclass(frozen=True)
class Lab:
    """A cluster that can be asked: its API, its contract, and the namespace that is meant."""

    api: Api
    contract: Contract
    namespace: str


def lab(contract: str, namespace: str) -> Lab:
    """The lab of a contract; LabError if there is none, or the namespace isn't the lab's."""
    found = read(Path(contract))
    found.require_namespace(namespace)
    return Lab(Api(Path(found.kubeconfig)), found, namespace)


def expressions(sources: Sequence[str]) -> list[Expression]:
    """Compile a task's expressions before anything runs; LabError if one isn't valid."""
    try:
        return [compiled(source) for source in sources]
    except ExpressionError as error:
        raise LabError(
            f"An expression of the task doesn't compile: {error}.",
            "Write it in JMESPath.",
            Kind.INPUT,
        ) from error


def queries(sources: Mapping[str, str]) -> dict[str, Expression]:
    """Compile a task's option ``query`` before anything runs; LabError if one isn't valid."""
    return dict(zip(sources, expressions(list(sources.values())), strict=True))


def answers(query: Mapping[str, Expression], document: Any) -> dict[str, Any]:
    """The values of some expressions; LabError if one can't be evaluated."""
    try:
        return {name: expression.value(document) for name, expression in query.items()}
    except ExpressionError as error:
        raise LabError(f"The query can't be answered: {error}.", kind=Kind.INPUT) from error
