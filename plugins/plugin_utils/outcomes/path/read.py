"""Read a lab's actual state: the API's objects, and each place's network, in one go per node."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import (
    Api,
    ApiObject,
    RefusedError,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Reach,
    Reachable,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import parse
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    HOST,
    Network,
    VirtualServers,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import (
    ApiState,
    Pod,
    cluster,
)

_SLICES = tuple(f"/apis/discovery.k8s.io/{version}/endpointslices" for version in ("v1", "v1beta1"))
_LISTS = {kind: f"/api/v1/{kind}" for kind in ("nodes", "pods", "services")}
_SECONDS = 20
_ID = re.compile("[0-9a-f]{12,64}")

# A part is a line "MARK NAME", then what the command printed.
_LOOK = r"""exec 2>/dev/null
look() {
  part() { printf '\n%s %s/%s\n' "$mark" "$1" "$2"; }
  part "$1" links; ip -json -details address
  part "$1" routes; ip -json -4 route show table all
  part "$1" rules; ip -json -4 rule
  part "$1" neighbours; ip -json -4 neighbour
  part "$1" iptables; iptables-save -c
  part "$1" legacy; grep -q . /proc/net/ip_tables_names && iptables-legacy-save -c
  part "$1" nftables; command -v nft >/dev/null && nft -json list ruleset
  part "$1" nft; command -v nft >/dev/null && nft -a list ruleset
  part "$1" ipvs; cat /proc/net/ip_vs
  part "$1" bridges; command -v bridge >/dev/null && bridge -json fdb show
  part "$1" queues; command -v tc >/dev/null && tc -json qdisc
  part "$1" listening
  grep -H ' 0A \| 07 ' /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6
  part "$1" settings
  (cd /proc/sys/net && grep -H . ipv4/ip_forward ipv4/icmp_echo_ignore_all \
    ipv4/ip_default_ttl ipv4/conf/*/forwarding ipv4/conf/*/rp_filter ipv4/conf/*/arp_ignore \
    bridge/bridge-nf-call-iptables)
}"""
_OWN = r"""
names() { part "$1" resolver; cat "$2/etc/resolv.conf"; part "$1" hosts; cat "$2/etc/hosts"; }
look own; names own ""
part own processes; cat /proc/[0-9]*/stat
part own frozen
find /sys/fs/cgroup \( -name freezer.state -o -name cgroup.freeze \) \
  -exec grep -lxE 'FROZEN|1' {} + | while read -r file; do cat "${file%/*}/cgroup.procs"; done
part own sockets; find /proc/[0-9]*/fd -lname 'socket:*' -printf '%p %l\n'
"""
# A container's processes are known by its id in their control group's name.
_OF_POD = r"""
pid=$(grep -lE {ids} /proc/[0-9]*/cgroup | head -n 1 | cut -d / -f 3)
if [ -n "$pid" ]; then
  nsenter -t "$pid" -n sh -s <<'end'
mark={mark}
{look}
look {name}
end
  names {name} "/proc/$pid/root"
{more}fi
"""
# Asked inside the pod's own network, so no packet leaves it.
_PAGE = r"""  part {name} page
  nsenter -t "$pid" -n curl -sgm 1 -w '\n%{http_code}' http://127.0.0.1/
"""


@dataclass(frozen=True)
class World:
    """A lab at one moment: what the API says, and what its places are set to.

    Args:
        cluster: the API's objects.
        networks: the places that were read, by their names.
        unseen: why a place could not be read, by its name.
        balanced: what IPVS leads to, by the name of the place; such a place counts as unseen.
    """

    cluster: ApiState
    networks: Mapping[str, Network]
    unseen: Mapping[str, str]
    balanced: Mapping[str, VirtualServers] = field(default_factory=dict)


def objects(api: Api, namespace: str) -> dict[str, list[ApiObject]]:
    """The API's nodes, pods, services and endpointslices: of all namespaces, if one may see them.

    Args:
        api: the cluster's API.
        namespace: the one of the lab, which is all that some may see.

    Raises:
        LabError: the API doesn't answer.
    """
    with ThreadPoolExecutor() as pool:
        asked = {kind: pool.submit(_listed, api, path, namespace) for kind, path in _LISTS.items()}
        slices = pool.submit(_slices, api, namespace)
        found = {kind: each.result() for kind, each in asked.items()}
        return {**found, "endpointslices": slices.result()}


def _listed(api: Api, path: str, namespace: str) -> list[ApiObject]:
    try:
        return list(api.get(path).get("items") or [])
    except RefusedError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
    folder, _, kind = path.rpartition("/")
    return list(api.get(f"{folder}/namespaces/{namespace}/{kind}").get("items") or [])


def _slices(api: Api, namespace: str) -> list[ApiObject]:
    for path in _SLICES:
        try:
            return _listed(api, path, namespace)
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND or path == _SLICES[-1]:
                raise
    return []


def world(lab: Lab, pods: Collection[str] | None = None) -> World:
    """Read a lab.

    Args:
        lab: the lab.
        pods: the pods to look into, as NAMESPACE/NAME; None for all.

    Raises:
        LabError: the API doesn't answer.
    """
    known = cluster(lab.contract, lab.namespace, objects(lab.api, lab.namespace))
    return places(lab.contract, known, pods)


def places(contract: Contract, known: ApiState, pods: Collection[str] | None) -> World:
    """Read the places of a lab whose objects are known."""
    reaches = {HOST: contract.host, **{f"node/{node.name}": node.reach for node in contract.nodes}}
    entered = {
        place: each.enter
        for place, each in reaches.items()
        if isinstance(each, Reachable) and each.whole
    }
    unseen = {place: _why_unseen(each) for place, each in reaches.items() if place not in entered}
    wanted = [
        pod
        for pod in known.pods.values()
        if not pod.info.host_network and pod.containers and (pods is None or pod.name in pods)
    ]
    with ThreadPoolExecutor() as pool:
        looks = {
            place: pool.submit(
                _look, place, enter, [pod for pod in wanted if f"node/{pod.info.node}" == place]
            )
            for place, enter in entered.items()
        }
        seen = {each.place: each for look in looks.values() for each in look.result()}
    networks = {place: each for place, each in seen.items() if not each.unread}
    unseen |= {
        place: f"it does not tell its {', '.join(each.unread)}"
        for place, each in seen.items()
        if each.unread
    }
    for place in entered.keys() - seen.keys():
        unseen[place] = "it can't be entered"
    for pod in known.pods.values():
        if not pod.info.host_network and pod.place not in seen:
            reason = unseen.get(f"node/{pod.info.node}", "")
            unseen[pod.place] = (
                f"its node {pod.info.node}: {reason}" if reason else _why_not(pod, pods)
            )
    balanced = {place: each.balanced for place, each in seen.items() if each.balanced}
    return World(known, networks, unseen, balanced)


def _why_unseen(reach: Reach) -> str:
    match reach:
        case Missing(reason=reason):
            return reason
        case Reachable():
            return "only its network can be entered, not its rules and processes"
        case _:
            return "it is stopped"


def _why_not(pod: Pod, pods: Collection[str] | None) -> str:
    if pods is not None and pod.name not in pods:
        return "it was not looked into"
    return "no process of it was found" if pod.containers else f"it is {pod.info.phase}"


def script(mark: str, pods: Iterable[Pod]) -> str:
    """The shell text that reads a place and pods that run there.

    Args:
        mark: what the parts of the output begin with.
        pods: the pods.
    """
    lines = [f"mark={mark}", _LOOK, _OWN]
    for pod in pods:
        ids = "|".join(each for each in pod.containers if _ID.fullmatch(each))
        if ids:
            lines.append(
                _OF_POD.replace("{ids}", shlex.quote(ids))
                .replace("{more}", _PAGE if pod.page else "")
                .replace("{name}", shlex.quote(f"pod/{pod.name}"))
                .replace("{mark}", mark)
                .replace("{look}", _LOOK)
            )
    return "\n".join([*lines, "true"])


def split(mark: str, text: str) -> dict[str, dict[str, str]]:
    """The parts of each place in what the script printed; its own place is ``own``."""
    found: dict[str, dict[str, str]] = {}
    for part in text.split(f"\n{mark} ")[1:]:
        name, _, printed = part.partition("\n")
        place, _, kind = name.rpartition("/")
        found.setdefault(place, {})[kind] = printed
    return found


def _look(place: str, enter: Sequence[str], pods: Sequence[Pod]) -> list[Network]:
    mark = f"@{secrets.token_hex(8)}"
    try:
        done = run([*enter, "sh", "-s"], check=False, timeout=_SECONDS, stdin=script(mark, pods))
    except LabError:
        return []
    parts = split(mark, done.stdout)
    own = parts.pop("own", None)
    if own is None:
        return []
    found = [parse.network(place, own)]
    for name, printed in parts.items():
        each = parse.network(name, printed, holders=own)
        found.append(replace(each, programs=()))
    return found
