"""A stand-in for minikube 1.38: version, profile, start, status, node, stop, delete and tunnel.

Its words are those of cmd/minikube/cmd and pkg/minikube/out/register.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import tunnel
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.provider import (
    PROVIDER,
)
from tests.standins import backing, ways

VERSION = "v1.38.0"
NOT_FOUND, TUNNEL_RUNS = 85, 111
# What a lab's start needs; every other option is refused, as minikube does with unknown ones.
OPTIONS = ("driver", "cni", "subnet", "service-cluster-ip-range", "extra-config", "wait",
           "interactive", "kubernetes-version")  # fmt: skip
STATUS = """Status:\t
\tmachine: {name}
\tpid: {pid}
\troute: {services} -> {node}
\tminikube: Running
\tservices: []
    errors: 
\t\tminikube: no errors
\t\trouter: no errors
\t\tloadbalancer emulator: no errors
"""  # noqa: W291 - so it is


def main(arguments: list[str]) -> int:
    """Run a command line."""
    parser = argparse.ArgumentParser(prog="minikube")
    for option in OPTIONS:
        parser.add_argument(f"--{option}", default="")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--embed-certs", action="store_true")
    parser.add_argument("--keep-context-active", action="store_true")
    parser.add_argument("--light", action="store_true")
    parser.add_argument("-o", dest="output", default="text")
    parser.add_argument("-p", dest="profile", default="minikube")
    parser.add_argument("words", nargs="+")
    given = parser.parse_args(arguments)
    match given.words:
        case ["version"]:
            print(json.dumps({"commit": "0" * 40, "minikubeVersion": VERSION}))
        case ["profile", "list"]:
            print(json.dumps({"invalid": [], "valid": [*map(profile, backing.clusters())]}), end="")
        case ["start"]:
            start(given)
        case _ if given.profile in backing.clusters():
            return on_profile(given)
        case _:
            event("info", message=f'Profile "{given.profile}" not found.')
            return NOT_FOUND
    return 0


def on_profile(given: argparse.Namespace) -> int:
    """Run a command on a profile that there is."""
    match given.words:
        case ["status"]:
            return status(given.profile)
        case ["stop"]:
            backing.stop(given.profile)
            event("step", name="Done", currentstep="1", totalsteps="1", message="2 nodes stopped.")
        case ["node", "start" | "stop" as verb, node]:
            getattr(backing, verb)(given.profile, node)
        case ["delete"]:
            backing.delete(given.profile)
        case ["tunnel"]:
            return keep_tunnel(given.profile)
    return 0


def event(kind: str, **data: str) -> None:
    """Print a CloudEvent as ``-o json`` does, one a line."""
    print(
        json.dumps(
            {
                "specversion": "1.0",
                "id": "00000000-0000-0000-0000-000000000000",
                "source": "https://minikube.sigs.k8s.io/",
                "type": f"io.k8s.sigs.minikube.{kind}",
                "datacontenttype": "application/json",
                "data": data,
            }
        ),
        flush=True,
    )


def profile(name: str) -> dict[str, Any]:
    """A profile as ``profile list`` has it, as far as anybody may read it."""
    known = backing.clusters()[name]
    nodes = [{"Name": "", "ControlPlane": True, "Worker": True}]
    config = {"Name": name, "Driver": known["driver"], "Nodes": nodes}
    return {"Name": name, "Status": "Skipped", "Config": config, "Active": False}


def start(given: argparse.Namespace) -> None:
    """Make a cluster, or start it."""
    steps = ("Initial Minikube Setup", "Selecting Driver", "Starting Node", "Done")
    for number, name in enumerate(steps[:-1]):
        event("step", currentstep=str(number), totalsteps="3", name=name, message=f"{name} ...")
    if given.profile in backing.clusters():
        backing.start(given.profile)
    else:
        more = {"driver": given.driver, "cni": given.cni}
        backing.create(given.profile, given.nodes, given.subnet, more)
    backing.write_kubeconfig(given.profile, Path(os.environ["KUBECONFIG"]))
    event("step", currentstep="3", totalsteps="3", name=steps[-1], message="Done!")


def status(name: str) -> int:
    """Print the nodes' states, one as an object, several as a list; the exit code is bits."""
    found = []
    for number, (node, runs) in enumerate(backing.states(name).items()):
        state = "Running" if runs else "Stopped"
        server = state if number == 0 else "Irrelevant"
        kubeconfig = "Configured" if number == 0 else "Irrelevant"
        found.append(
            {
                "Name": node,
                "Host": state,
                "Kubelet": state,
                "APIServer": server,
                "Kubeconfig": kubeconfig,
                "Worker": number > 0,
            }
        )
    print(json.dumps(found[0] if len(found) == 1 else found), end="")
    return 0 if all(each["Host"] == "Running" for each in found) else 1 | 2


def keep_tunnel(name: str) -> int:
    """Keep the lab's load balancer open until SIGINT; SIGTERM would end it as it ends minikube."""
    lab = backing.lab_of(name)
    lock_path = Path(os.environ[ways.FOLDER], f"{name}.lock")
    with lock_path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("X Exiting due to SVC_TUNNEL_ALREADY_RUNNING: Another tunnel process is already "
                  "running, terminate the existing instance to start a new one")  # fmt: skip
            return TUNNEL_RUNS
        opened = PROVIDER.tunnel(lab, "")
        with subprocess.Popen(opened.argv, stdout=subprocess.PIPE, text=True) as program:
            signal.signal(signal.SIGINT, lambda *_: program.terminate())
            for line in program.stdout or ():
                if tunnel.READY in line:
                    node = backing.contract_of(name).nodes[0].address
                    services = backing.contract_of(name).service_network
                    said = STATUS.format(name=name, pid=os.getpid(), node=node, services=services)
                    print(said, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
