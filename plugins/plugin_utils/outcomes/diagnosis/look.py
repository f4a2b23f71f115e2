"""Looks into a lab for the causes of a failure: what the API says, and what its nodes show."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http import HTTPStatus

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, RefusedError
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract, Node
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.facts import endpoints, gather
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import Completed, run
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.diagnosis.causes import (
    Inside,
    Seen,
    causes,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Cause
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why import iptables

_DNS = "/api/v1/namespaces/kube-system/endpoints/kube-dns"
_DROPPING = ("DROP", "REJECT")
_POLICY = re.compile(r"^:FORWARD DROP \[(\d+):", re.MULTILINE)
# Any port will do: an open one and a closed one answer both.
_ANY_PORT = 80
_SILENT = 124  # what timeout(1) ends with


@dataclass(frozen=True)
class FailedOutcome:
    """An outcome that failed.

    Args:
        services: the services that it is about.
        down: a node that is down on purpose.
    """

    services: Collection[str] = ()
    down: str = ""


def diagnose(lab: Lab, failures: Sequence[FailedOutcome]) -> list[list[Cause]]:
    """The likely causes of failed outcomes, from one look into the lab.

    Returns:
        For each failure its causes, the likeliest first; none where nothing is conspicuous.
    """
    if not failures:
        return []
    try:
        facts = gather(lab.api, lab.contract, lab.namespace)
        dns = dns_endpoints(lab.api)
    except RefusedError as error:
        return [[_refused(error)] for _ in failures]
    except LabError:
        return [[_silent(lab.contract, each.down)] for each in failures]
    running = [node for node in lab.contract.nodes if node.enter]
    with ThreadPoolExecutor() as pool:
        looks = list(pool.map(lambda node: inside(node, running, facts), running))
    seen = Seen(
        facts=facts,
        entered=frozenset(node.name for node in lab.contract.nodes if node.enter is not None),
        inside={node.name: look for node, look in zip(running, looks, strict=True)},
        dns_ready=dns,
    )
    return [causes(replace(seen, services=each.services, down=each.down)) for each in failures]


def dns_endpoints(api: Api) -> int:
    """How many ready endpoints the cluster's DNS has: none where it has no service either."""
    try:
        return len(endpoints(api.get(_DNS)).ready)
    except RefusedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return 0
        raise


def inside(node: Node, running: Iterable[Node], facts: Facts) -> Inside:
    """Look into one of the running nodes."""
    enter = node.enter or ()
    own = [
        f"{address}:{port}"
        for service in facts.endpoints.values()
        for address in service.ready
        for port in service.ports
        if _lives_on(facts, address, node.name)
    ]
    proxy = run([*enter, "pgrep", "--exact", "kube-proxy"], check=False)
    rules = _filter_table(node)
    return Inside(
        kube_proxy=proxy.returncode == 0,
        drops=tuple(drops(rules)),
        drops_the_rest=policy_dropped(rules) is not None and _drops_the_rest(node, running, facts),
        closed=frozenset(endpoint for endpoint in own if _refuses(enter, endpoint)),
    )


def drops(rules: str) -> list[str]:
    """The rules that drop or reject what is forwarded, and are not kube-proxy's own."""
    return [
        rule.text
        for (_table, chain), members in iptables.parse(rules).items()
        if not chain.startswith("KUBE-") and chain != "INPUT"
        for rule in members
        if rule.target in _DROPPING
    ]


def policy_dropped(rules: str) -> int | None:
    """How many forwarded packets the policy DROP has dropped; None where it is another one."""
    counted = _POLICY.search(rules)
    return int(counted[1]) if counted else None


def _drops_the_rest(node: Node, running: Iterable[Node], facts: Facts) -> bool:
    """Whether a node's policy drops what another node sends to a pod there.

    The policy alone says nothing: rules may accept all that is for pods, as Docker's do.
    """
    peers = [peer.enter or () for peer in running if peer.name != node.name]
    pods = [
        pod.ip
        for pod in facts.pods.values()
        if pod.node == node.name and pod.phase == "Running" and not pod.host_network
    ]
    if not peers or not pods:
        return False
    before = policy_dropped(_filter_table(node)) or 0
    silent = _connect(peers[0], f"{pods[0]}:{_ANY_PORT}").returncode == _SILENT
    return silent and (policy_dropped(_filter_table(node)) or 0) > before


def _filter_table(node: Node) -> str:
    save = ("iptables-save", "-c", "-t", "filter")
    return run([*(node.enter or ()), *save], check=False).stdout


def _lives_on(facts: Facts, address: str, node: str) -> bool:
    return any(pod.ip == address and pod.node == node for pod in facts.pods.values())


def _refuses(enter: tuple[str, ...], endpoint: str) -> bool:
    """Whether an endpoint refuses a connection; a connection that is dropped is no refusal."""
    done = _connect(enter, endpoint)
    return done.returncode != 0 and "refused" in done.stderr


def _connect(enter: tuple[str, ...], endpoint: str) -> Completed:
    address, _, port = endpoint.rpartition(":")
    attempt = f"exec 3<>/dev/tcp/{address}/{port}"
    return run([*enter, "timeout", "1", "bash", "-c", attempt], check=False)


def _refused(error: RefusedError) -> Cause:
    return Cause(
        id="api-refuses",
        cause=error.message,
        fix="Look at the control plane: `python3 runner.py status`.",
    )


def _silent(contract: Contract, down: str) -> Cause:
    stopped = [node.name for node in contract.nodes if node.enter == () and node.name != down]
    if stopped:
        return Cause(
            id="node-down",
            cause=f"The API does not answer, and {', '.join(stopped)} is stopped.",
            fix="Start the cluster: `python3 runner.py start`.",
        )
    return Cause(
        id="api-down",
        cause="The cluster's API does not answer.",
        fix="Look at the control plane: `python3 runner.py status`.",
    )
