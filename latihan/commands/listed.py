"""Objects of the cluster, as kubectl lists them: the API's Python client is slow to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import direct

Object = Mapping[str, Any]
Found = TypeVar("Found")

_REQUEST, _TOTAL = 5, 15  # Seconds for one request, and for kubectl with all its requests.


def listed(contract: Contract, read: Callable[[Sequence[Object]], Found], *kind: str) -> Found:
    """What to know of the objects that ``kubectl get`` lists.

    Args:
        contract: the lab.
        read: finds it in the objects.
        kind: the arguments after ``get``, as in ``nodes``.

    Raises:
        LabError: kubectl is missing or prints something else, or the cluster doesn't answer.
    """
    limit = f"--request-timeout={seconds(_REQUEST):g}s"
    argv = contract.kubectl_command(limit, "get", *kind, "-o", "json")
    done = run(argv, check=False, timeout=_TOTAL, env=direct())
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise LabError(
            f"The cluster doesn't answer: {said[-1]}",
            "Is it stopped? `python3 runner.py start` starts it.",
        )
    try:
        return read(json_text.read(done.stdout)["items"])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise LabError(
            f"{contract.kubectl} printed no list of {kind[0]}: {error!r}.",
            f"See what it prints: `python3 runner.py kubectl get {kind[0]} -o json`.",
            Kind.MACHINE,
        ) from error
