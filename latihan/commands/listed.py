"""Objects of the lab's cluster, as its own kubectl lists them: the API's client imports slowly."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError

_ANSWERS_WITHIN = 10


def listed(contract: Contract, *kind: str) -> list[Mapping[str, Any]]:
    """The objects that ``kubectl get`` lists.

    Args:
        contract: the lab.
        kind: the arguments after ``get``, as in ``nodes``.

    Raises:
        LabError: kubectl can't be run, or the cluster doesn't answer.
    """
    timeout = f"--request-timeout={_ANSWERS_WITHIN}s"
    argv = contract.kubectl_command(timeout, "get", *kind, "-o", "json")
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as error:
        raise LabError(f"{contract.kubectl} can't be run: {error.strerror}.") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise LabError(
            f"The cluster doesn't answer: {said[-1]}", "Is it stopped? `python3 runner.py start`."
        )
    items: list[Mapping[str, Any]] = json.loads(done.stdout)["items"]
    return items
