"""``url``: where a service answers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import suggestions
from latihan.base.exits import Exit
from latihan.commands.command import Context
from latihan.commands.listed import listed

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``url``."""
    parser.add_argument("service", help="a service of type NodePort or LoadBalancer")
    parser.add_argument(
        "-n", "--namespace", help="its namespace (by default the lab's own, or `default`)"
    )


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print where a service answers from the lab's host, one line per port."""
    contract = context.contract()
    name, namespace = options.service, ("-n", options.namespace or contract.namespace or "default")
    lines = listed(
        contract, lambda found: list(urls(contract, found, name)), "services", *namespace
    )
    for line in lines:
        context.console.print(line)
    return Exit.HOLDS


def urls(contract: Contract, found: Sequence[Mapping[str, Any]], name: str) -> Iterator[str]:
    """The addresses of a service: the first running node with each of the service's node ports.

    Raises:
        LabError: there is no such service, or it can't be reached from outside the cluster.
    """
    by_name = {str(each["metadata"]["name"]): each["spec"] for each in found}
    if name not in by_name:
        otherwise = f"The services are: {', '.join(sorted(by_name)) or 'none'}."
        raise LabError(
            f"There is no service {name!r}.", suggestions.hint(name, by_name, otherwise), Kind.INPUT
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
    yield from map(contract.outside, ports)
