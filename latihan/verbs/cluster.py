"""``kubectl``, ``shell``, ``url`` and ``tunnel``: looking around in a lab that is up."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.errors import Kind, LabError
from latihan import nearest
from latihan.ansible import on_signals
from latihan.exits import Exit
from latihan.playing import need_root
from latihan.verbs.base import Context, Verb

_TUNNEL = "ansible_collections.latihan.lab.plugins.plugin_utils.tunnel"
_HOST = "host"
_START = "Start it with `python3 runner.py start`."


def become(argv: list[str]) -> int:
    """Become another program, so that its exit code and its terminal are its own."""
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise LabError(
            f"{argv[0]} can't be run: {error.strerror}.",
            "Make the cluster again with `python3 runner.py provision`.",
            Kind.MACHINE,
        ) from error


def kubectl(context: Context, options: argparse.Namespace) -> int:
    """Become kubectl, for the cluster of the profile."""
    need_root(context.provider)
    return become(context.contract().kubectl_command(*options.arguments))


def shell_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``shell``."""
    parser.add_argument("node", metavar="NODE|host", help="the name of a node, or host")
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="run this instead of a shell",
    )


def shell(context: Context, options: argparse.Namespace) -> int:
    """Become a shell, or a command, on a node or on the lab's host."""
    need_root(context.provider)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    return become([*entering(context.contract(), options.node), *(command or ["bash"])])


def entering(contract: Contract, name: str) -> tuple[str, ...]:
    """The command line that runs what follows it on a node or on the lab's host."""
    if name == _HOST:
        enter = contract.host_enter
    else:
        node = contract.node(name)
        enter = node.enter
        if enter == ():
            raise LabError(f"The node {name!r} is stopped.", _START, Kind.INPUT)
    if enter is None:
        raise LabError(
            f"The provider {contract.provider!r} has no way into {name!r}.",
            "Use `python3 runner.py kubectl debug` instead.",
            Kind.INPUT,
        )
    return enter


def url_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``url``."""
    parser.add_argument("service", help="a service of type NodePort or LoadBalancer")
    parser.add_argument("-n", "--namespace", default="default", help="its namespace (default)")


def url(context: Context, options: argparse.Namespace) -> int:
    """Print an address of a service that answers from the lab's host, one line a port."""
    need_root(context.provider)
    contract = context.contract()
    for line in urls(contract, services(contract, options.namespace), options.service):
        context.console.print(line, markup=False)
    return Exit.HOLDS


def services(contract: Contract, namespace: str) -> list[Mapping[str, Any]]:
    """The services of a namespace as the API has them."""
    asked = ("--request-timeout=10s", "-n", namespace, "get", "services", "-o", "json")
    try:
        done = subprocess.run(
            contract.kubectl_command(*asked), capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise LabError(f"{contract.kubectl} can't be run: {error.strerror}.") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise LabError(f"The cluster doesn't answer: {said[-1]}", f"Is it stopped? {_START}")
    items = json.loads(done.stdout)["items"]
    return list(items)


def urls(contract: Contract, found: Sequence[Mapping[str, Any]], name: str) -> Iterator[str]:
    """The addresses of a service: the first node that runs, and each of the service's node ports.

    Raises:
        LabError: there is no such service, or nothing outside the cluster reaches it.
    """
    by_name = {str(each["metadata"]["name"]): each["spec"] for each in found}
    if name not in by_name:
        known = f"The services are: {', '.join(sorted(by_name)) or 'none'}."
        raise LabError(
            f"There is no service {name!r}.", nearest.hint(name, by_name, known), Kind.INPUT
        )
    spec = by_name[name]
    ports = [port["nodePort"] for port in spec.get("ports", []) if port.get("nodePort")]
    if not ports:
        raise LabError(
            f"The service {name!r} is of type {spec.get('type', 'ClusterIP')}, "
            "which has no address outside the cluster.",
            "Only NodePort and LoadBalancer have one: see `python3 runner.py services`.",
            Kind.INPUT,
        )
    running = [node for node in contract.nodes if node.enter != ()] or list(contract.nodes)
    for port in ports:
        yield f"http://{running[0].address}:{port}"


def tunnel(context: Context, options: argparse.Namespace) -> int:  # noqa: ARG001 - it has none
    """Give LoadBalancer services their addresses until somebody ends it."""
    need_root(context.provider)
    context.contract()
    path = context.project.contract(context.profile)
    asked: list[int] = []
    # In a group of its own, so that Ctrl-C reaches it once, through us, and it can put away.
    argv = [sys.executable, "-m", _TUNNEL, str(path)]
    with subprocess.Popen(argv, process_group=0) as program:

        def end(number: int, frame: object) -> None:  # noqa: ARG001 - a signal handler's shape
            asked.append(number)
            program.send_signal(signal.SIGTERM)

        with on_signals(end):
            returned = program.wait()
    return Exit.HOLDS if asked else returned


KUBECTL = Verb("Run kubectl on the lab's cluster; all that follows goes to it.", kubectl, raw=True)
SHELL = Verb("Open a shell on a node or on the lab's host, or run a command there.", shell,
             shell_arguments)  # fmt: skip
URL = Verb("Print an address of a service that answers from the lab's host.", url, url_arguments)
TUNNEL = Verb("Give services of type LoadBalancer their addresses until Ctrl-C.", tunnel)
