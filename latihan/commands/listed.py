"""Objects of the cluster, as kubectl lists them: the API's Python client is slow to import."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import direct

_REQUEST, _TOTAL = 5, 15  # Seconds for one request, and for kubectl with all its requests.


def listed(contract: Contract, *kind: str) -> list[Mapping[str, Any]]:
    """The objects that ``kubectl get`` lists.

    Args:
        contract: the lab.
        kind: the arguments after ``get``, as in ``nodes``.

    Raises:
        LabError: kubectl is missing, or the cluster doesn't answer.
    """
    argv = contract.kubectl_command(f"--request-timeout={_REQUEST}s", "get", *kind, "-o", "json")
    done = run(argv, check=False, timeout=_TOTAL, env=direct())
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise LabError(
            f"The cluster doesn't answer: {said[-1]}",
            "Is it stopped? `python3 runner.py start` starts it.",
        )
    items: list[Mapping[str, Any]] = json.loads(done.stdout)["items"]
    return items
