"""What a survey makes in the lab's namespace, as the API takes it. Pure functions.

Everything has the label ``latihan.lab/survey``, by which it is found and removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject

LABEL = "latihan.lab/survey"
IMAGE = "python:3.11-slim"
CONTAINER = "agent"
# In the pod's environment, so that what enters the pod finds it too.
PROGRAM = ("python3", "-c", "import os; exec(os.environ['SURVEY_PROGRAM'])")
# What the services are called; those of one node end in its number.
ANY, LOCAL, ALONE, HEADLESS, STICKY = (
    "survey-any",
    "survey-local",
    "survey-alone",
    "survey-headless",
    "survey-sticky",
)
HOSTS = "survey-node-"  # What the names of the pods in the nodes' networks begin with.
OPEN, GUARD = "survey-open", "survey-guard"
_NODE = "latihan.lab/survey-node"
_NOBODY = 65534
_LASTS = 1800  # Seconds after which the pods end, should nobody remove them.


@dataclass(frozen=True)
class Site:
    """A node with its two agents, and the service of the one in the pod network.

    Args:
        node: the node's name.
        number: its place among those that take part, from 1.
        addresses: the node's own addresses, one of each family.
    """

    node: str
    number: int
    addresses: tuple[str, ...]

    @property
    def pod(self) -> str:
        """The pod in the pod network."""
        return f"survey-pod-{self.number}"

    @property
    def host(self) -> str:
        """The pod in the node's network."""
        return f"{HOSTS}{self.number}"

    @property
    def service(self) -> str:
        """The service with that pod alone behind it."""
        return f"survey-to-{self.number}"


@dataclass(frozen=True)
class Agents:
    """What the agents are, and where they listen.

    Args:
        program: the text of their program.
        image: their image, which has Python.
        port: where they answer connections and datagrams; at the next one only connections.
    """

    program: str
    image: str
    port: int

    @property
    def second_port(self) -> int:
        """The port that a policy closes."""
        return self.port + 1


def pods(sites: Sequence[Site], agents: Agents) -> Iterator[ApiObject]:
    """The pods of all nodes.

    Those in the pod network meet the Pod Security Standard "restricted": they may send echo
    requests without a capability. A pod in its node's network can't have such a setting.
    """
    for site in sites:
        listens: ApiObject = {"valueFrom": {"fieldRef": {"fieldPath": "status.podIPs"}}}
        labels = {LABEL: "pod", _NODE: str(site.number)}
        spec: ApiObject = {
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "runAsGroup": _NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
                "sysctls": [{"name": "net.ipv4.ping_group_range", "value": "0 2147483647"}],
            }
        }
        yield _pod(site.pod, labels, agents, listens, {"nodeName": site.node, **spec})
        spec = {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
        listens = {"value": ",".join(site.addresses)}
        yield _pod(site.host, {LABEL: "node"}, agents, listens, {"nodeName": site.node, **spec})


def _pod(
    name: str, labels: Mapping[str, str], agents: Agents, listens: ApiObject, spec: ApiObject
) -> ApiObject:
    capabilities: ApiObject = {"drop": ["ALL"]}
    if spec.get("hostNetwork"):
        capabilities["add"] = ["NET_RAW"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": _LASTS,
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "dnsConfig": {"options": [{"name": "timeout", "value": "2"}]},
            **spec,
            "containers": [
                {
                    "name": CONTAINER,
                    "image": agents.image,
                    "command": [*PROGRAM],
                    "env": [
                        {"name": "SURVEY_PROGRAM", "value": agents.program},
                        {"name": "SURVEY_NAME", "value": name},
                        {
                            "name": "SURVEY_PORTS",
                            "value": f"{agents.port},{agents.second_port}",
                        },
                        {"name": "SURVEY_ADDRESSES", **listens},
                    ],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": capabilities,
                    },
                    "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                }
            ],
        },
    }


def services(sites: Sequence[Site], agents: Agents) -> Iterator[ApiObject]:
    """The services: one with each pod alone behind it, and one of each kind with all of them."""
    everyone = {LABEL: "pod"}
    ports = [
        {"name": protocol.lower(), "protocol": protocol, "port": agents.port}
        for protocol in ("TCP", "UDP")
    ]
    tcp, local = ports[:1], {"type": "NodePort", "externalTrafficPolicy": "Local"}
    for site in sites:
        yield _service(site.service, {_NODE: str(site.number)}, ports)
    yield _service(ANY, everyone, ports, {"type": "NodePort"})
    yield _service(LOCAL, everyone, tcp, local)
    yield _service(ALONE, {_NODE: str(sites[0].number)}, tcp, local)
    yield _service(HEADLESS, everyone, tcp, {"clusterIP": "None"})
    yield _service(STICKY, everyone, tcp, {"sessionAffinity": "ClientIP"})


def _service(
    name: str,
    selector: Mapping[str, str],
    ports: Sequence[ApiObject],
    more: Mapping[str, object] | None = None,
) -> ApiObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {LABEL: "service"}},
        "spec": {
            "selector": dict(selector),
            # Where there is one family it means that one (kubernetes.io: dual-stack).
            "ipFamilyPolicy": "PreferDualStack",
            "ports": list(ports),
            **(more or {}),
        },
    }


def policy(name: str, ports: Sequence[int] = ()) -> ApiObject:
    """A policy for the pods of a survey: whoever asks may, at these ports of TCP or at all.

    The lab's own policy leaves these pods out, and what is not allowed by any is denied.
    """
    entry = {"ports": [{"protocol": "TCP", "port": port} for port in ports]} if ports else {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": {LABEL: "policy"}},
        "spec": {
            "podSelector": {"matchLabels": {LABEL: "pod"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [entry],
            "egress": [{}],
        },
    }
