"""A stand-in for kind 0.33: version, get, create and delete (pkg/cmd/kind)."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import yaml

from tests.standins import backing

VERSION = "0.33.0"
TAINT = "node-role.kubernetes.io/control-plane:NoSchedule"


def main(arguments: list[str]) -> int:
    """Run a command line; every failure is 1, with a line that begins with ERROR."""
    parser = argparse.ArgumentParser(prog="kind")
    for option in ("--name", "--kubeconfig", "--config", "--image", "--wait"):
        parser.add_argument(option, default="")
    parser.add_argument("-q", action="store_true")
    parser.add_argument("words", nargs="*")
    given = parser.parse_args(arguments)
    known = backing.clusters()
    match given.words:
        case ["version"]:
            print(VERSION if given.q else f"kind v{VERSION} go1.25.0 linux/amd64")
        case ["get", "clusters"]:
            _print_all(list(known), "No kind clusters found.")
        case ["get", "nodes"]:
            nodes = list(backing.states(given.name)) if given.name in known else []
            _print_all(nodes, f'No kind nodes found for cluster "{given.name}".')
        case ["create", "cluster"]:
            return create(given)
        case ["delete", "cluster"]:
            print(f'Deleting cluster "{given.name}" ...', file=sys.stderr)
            if given.name in known:
                backing.delete(given.name)
        case _:
            return refuse(f'unknown command "{" ".join(given.words)}" for "kind"')
    return 0


def create(given: argparse.Namespace) -> int:
    """Make a cluster; its first node gets a control plane's taint, as in kind with others."""
    if given.name in backing.clusters():
        return refuse(
            "failed to create cluster: node(s) already exist for a cluster with the name "
            f'"{given.name}"'
        )
    config = yaml.safe_load(sys.stdin.read())
    assert config["apiVersion"] == "kind.x-k8s.io/v1alpha4"
    backing.create(given.name, len(config["nodes"]), "192.168.58.0/24", {})
    backing.write_kubeconfig(given.name, Path(given.kubeconfig))
    lab = backing.contract_of(given.name)
    taint = ["taint", "nodes", lab.nodes[0].name, "--overwrite", TAINT]
    subprocess.run(lab.kubectl_command(*taint), check=True, stdout=subprocess.DEVNULL)
    print(f'Creating cluster "{given.name}" ...', file=sys.stderr)
    return 0


def refuse(why: str) -> int:
    """Fail as kind does."""
    print(f"ERROR: {why}", file=sys.stderr)
    return 1


def _print_all(names: list[str], none: str) -> None:
    if not names:
        print(none, file=sys.stderr)
    for name in names:
        print(name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
