"""Look into a lab for the causes of a failure: what the API says, and what its nodes show."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http import HTTPStatus

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, RefusedError
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Stopped,
)
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
# Any port will do: both an open one and a closed one answer.
_ANY_PORT = 80
_SILENT = 124  # what timeout(1) ends with

# The command lines that enter the nodes that can be entered now, by the node's name.
Entries = Mapping[str, tuple[str, ...]]


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
        The causes of each failure, the likeliest first; empty if nothing stands out.
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
    entries = lab.contract.entries
    with ThreadPoolExecutor() as pool:
        looks = list(pool.map(lambda name: inside(name, entries, facts), entries))
    seen = Seen(
        facts=facts,
        entered=frozenset(
            node.name for node in lab.contract.nodes if not isinstance(node.reach, Missing)
        ),
        inside=dict(zip(entries, looks, strict=True)),
        dns_ready=dns,
    )
    return [causes(replace(seen, services=each.services, down=each.down)) for each in failures]


def dns_endpoints(api: Api) -> int:
    """How many ready endpoints the cluster's DNS has; 0 if it has no service either."""
    try:
        return len(endpoints(api.get(_DNS)).ready)
    except RefusedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return 0
        raise


def inside(node: str, entries: Entries, facts: Facts) -> Inside:
    """Look into a node that can be entered."""
    enter = entries[node]
    own = [
        f"{address}:{port}"
        for service in facts.endpoints.values()
        for address in service.ready
        for port in service.ports
        if _lives_on(facts, address, node)
    ]
    proxy = run([*enter, "pgrep", "--exact", "kube-proxy"], check=False)
    rules = _filter_table(enter)
    return Inside(
        kube_proxy=proxy.returncode == 0,
        drops=tuple(drops(rules)),
        drops_the_rest=policy_dropped(rules) is not None and _drops_the_rest(node, entries, facts),
        closed=frozenset(endpoint for endpoint in own if _refuses(enter, endpoint)),
    )


def drops(rules: str) -> list[str]:
    """The rules, other than kube-proxy's own, that drop or reject what is forwarded."""
    return [
        rule.text
        for (_table, chain), members in iptables.parse(rules).items()
        if not chain.startswith("KUBE-") and chain != "INPUT"
        for rule in members
        if rule.target in _DROPPING
    ]


def policy_dropped(rules: str) -> int | None:
    """How many forwarded packets the policy DROP has dropped; None if the policy isn't DROP."""
    counted = _POLICY.search(rules)
    return int(counted[1]) if counted else None


def _drops_the_rest(node: str, entries: Entries, facts: Facts) -> bool:
    """Whether a node's policy drops what another node sends to a pod there.

    The policy alone says nothing: rules may accept all packets for pods, as Docker's do.
    """
    peers = [enter for peer, enter in entries.items() if peer != node]
    pods = [
        pod.ip
        for pod in facts.pods.values()
        if pod.node == node and pod.phase == "Running" and not pod.host_network
    ]
    if not peers or not pods:
        return False
    before = policy_dropped(_filter_table(entries[node])) or 0
    silent = _connect(peers[0], f"{pods[0]}:{_ANY_PORT}").returncode == _SILENT
    return silent and (policy_dropped(_filter_table(entries[node])) or 0) > before


def _filter_table(enter: Sequence[str]) -> str:
    save = ("iptables-save", "-c", "-t", "filter")
    return run([*enter, *save], check=False).stdout


def _lives_on(facts: Facts, address: str, node: str) -> bool:
    return any(pod.ip == address and pod.node == node for pod in facts.pods.values())


def _refuses(enter: tuple[str, ...], endpoint: str) -> bool:
    """Whether an endpoint refuses a connection; a dropped one doesn't count as refused."""
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
    stopped = [
        node.name for node in contract.nodes if node.reach == Stopped() and node.name != down
    ]
    if stopped:
        return Cause(
            id="node-down",
            cause=f"The API does not answer; stopped nodes: {', '.join(stopped)}.",
            fix="Start the cluster: `python3 runner.py start`.",
        )
    return Cause(
        id="api-down",
        cause="The cluster's API does not answer.",
        fix="Look at the control plane: `python3 runner.py status`.",
    )
