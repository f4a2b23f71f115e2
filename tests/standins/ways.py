"""How a place of an embedded lab is entered, with the standard library alone: it is asked often."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

FOLDER = "STANDIN_FOLDER"  # of the stand-ins' own files
LENT = "STANDIN_LAB"  # the contract of a lab that is up, which the first cluster is
CLUSTERS = "clusters.json"


def become(contract: Path, place: str, command: list[str]) -> NoReturn:
    """Become a command on a node, or on ``host``; end with 1 if that is stopped."""
    read = json.loads(contract.read_text(encoding="utf-8"))
    reaches = {node["name"]: node["reach"] for node in read["nodes"]} | {"host": read["host"]}
    reach = reaches[place]
    process = reach.get("process")
    if reach["state"] != "reachable" or (process and not Path(f"/proc/{process['pid']}").exists()):
        sys.exit(f"Error response from daemon: container {place} is not running")
    argv = [*reach["enter"], *command]
    os.execvp(argv[0], argv)


def contract_with(node: str) -> Path:
    """The contract of the cluster that has a node of that name."""
    known = json.loads(Path(os.environ[FOLDER], CLUSTERS).read_text(encoding="utf-8"))
    for each in known.values():
        contract = Path(each["contract"])
        nodes = json.loads(contract.read_text(encoding="utf-8"))["nodes"]
        if node in [one["name"] for one in nodes]:
            return contract
    sys.exit(f"Error response from daemon: No such container: {node}")
