"""The names, addresses and folders of an embedded cluster. Computing them is pure."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import named
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import make_private
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST

SETTINGS_FILE = "cluster.json"
API_PORT = 6443
REGISTRY_PORT = 5000
# What is in a lab's folder.
_OF_A_LAB = re.compile(
    r"cluster\.json|contract\.(json|new)|faults\.json|exercises\.json(\.new)?|kubeconfig(\.new)?|"
    rf"kubectl|nodes|{HOST}|tunnel\S*"
)
# kubeadm gives these services the first and the tenth address of the range in every cluster.
_API_SERVICE, _DNS_SERVICE = 1, 10
_POD_BLOCK_PREFIX = 24
IPV4, DUAL = "ipv4", "dual"
# Unique local addresses (RFC 4193).
_UNIQUE_LOCAL = 0xFD00 << 112
_LINK_PREFIX = 64
# kube-apiserver takes at most 20 bits for services (kubernetes: cmd/kube-apiserver/app/options).
_SERVICES_PREFIX = 112


@dataclass(frozen=True)
class Settings:
    """The settings that the cluster was made with; saved beside it and never changed.

    Args:
        profile: the cluster's name, which is also its first node's name.
        state: the folder that has a folder for each profile.
        nodes: the number of nodes.
        network, pod_network, service_network: CIDR blocks.
        binaries: the folder of kube-apiserver, kubelet and the others.
        daemons: the folder that Debian's packages (containerd, etcd ...) are unpacked in.
        registry: the folder that the image registry serves.
        pull_through: whether images that the lab doesn't have are fetched from their registries.
        proxy_mode: with which rules kube-proxy leads packets to services.
        ip_family: of which nodes, pods and services have addresses: IPV4, or DUAL for IPv6 too.
    """

    profile: str
    state: str
    nodes: int
    network: str
    pod_network: str
    service_network: str
    binaries: str
    daemons: str
    registry: str
    pull_through: bool = False
    proxy_mode: str = "iptables"
    ip_family: str = IPV4

    @property
    def dual_stack(self) -> bool:
        """Whether there are addresses of two families."""
        return self.ip_family == DUAL


@dataclass(frozen=True)
class NodeLayout:
    """One node: its name, folder, addresses and the blocks of its pods', one of each family."""

    name: str
    addresses: tuple[str, ...]
    pod_blocks: tuple[str, ...]
    folder: Path
    control_plane: bool

    @property
    def address(self) -> str:
        """Its address of IPv4."""
        return self.addresses[0]

    @property
    def pod_block(self) -> str:
        """The block of its pods' addresses of IPv4."""
        return self.pod_blocks[0]

    @property
    def etc(self) -> Path:
        """The upper folder of the node's /etc, which is an overlay on the machine's."""
        return self.folder / "etc"

    @property
    def var(self) -> Path:
        """The node's /var."""
        return self.folder / "var"


@dataclass(frozen=True)
class Layout:
    """A cluster's names, addresses and folders, computed from its settings.

    ``host_addresses``, ``prefixes`` (of the nodes' network), ``pod_networks`` and
    ``service_networks`` have one entry for each address family.
    """

    settings: Settings
    folder: Path
    nodes: tuple[NodeLayout, ...]
    host_addresses: tuple[str, ...]
    prefixes: tuple[int, ...]
    pod_networks: tuple[str, ...]
    service_networks: tuple[str, ...]
    api_service: str
    dns_service: str

    @property
    def host_address(self) -> str:
        """The address of IPv4 that the lab's host has in the nodes' network."""
        return self.host_addresses[0]

    @property
    def control_plane(self) -> NodeLayout:
        """The node that runs etcd and kube-apiserver."""
        return self.nodes[0]

    @property
    def host_folder(self) -> Path:
        """The folder of the lab's host."""
        return self.folder / HOST

    @property
    def pki(self) -> Path:
        """The cluster's keys and certificates: /etc/kubernetes/pki on the control plane."""
        return self.control_plane.etc / "kubernetes" / "pki"

    @property
    def own_images(self) -> Path:
        """A person's own images, which the lab's registry serves too."""
        # Only making and starting a lab need it.
        from ansible_collections.latihan.lab.plugins.plugin_utils.supply import (  # noqa: PLC0415
            own_images,
        )

        return own_images.folder_in(Path(self.settings.registry).parent)

    @property
    def pulled(self) -> Path:
        """What was fetched from other registries."""
        return Path(self.settings.registry).with_name("pulled")

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for use on this machine."""
        return self.folder / "kubeconfig"

    @property
    def kubectl_cache(self) -> Path:
        """The folder in which kubectl caches what it knows about the API."""
        return self.folder / "kubectl"

    @property
    def contract(self) -> Path:
        """The file that says where the cluster is, for the rest of the lab."""
        return self.folder / "contract.json"

    def node(self, name: str) -> NodeLayout:
        """The node with that name; LabError if there is none."""
        return named(self.nodes, name)


def node_names(profile: str, count: int) -> list[str]:
    """Node names as minikube makes them: the profile, then PROFILE-m02, PROFILE-m03 ..."""
    return [profile, *(f"{profile}-m{number:02d}" for number in range(2, count + 1))]


def plan(settings: Settings) -> Layout:
    """Compute the layout of a cluster.

    Raises:
        LabError: a network is not valid, or too small for that many nodes or for the services; or
            the address family isn't known.
    """
    if settings.ip_family not in (IPV4, DUAL):
        raise LabError(
            f"lab_ip_family can't be {settings.ip_family!r}.",
            f"Set it to {IPV4} or {DUAL}.",
            Kind.INPUT,
        )
    both = settings.dual_stack
    network, pods, services = (
        _network(block)
        for block in (settings.network, settings.pod_network, settings.service_network)
    )
    blocks = 2 ** max(0, _POD_BLOCK_PREFIX - pods.prefixlen)
    # The network's own address, the host's and the broadcast address are not for nodes.
    room = min(network.num_addresses - 3, blocks if pods.prefixlen <= _POD_BLOCK_PREFIX else 0)
    if not 1 <= settings.nodes <= room:
        raise LabError(
            f"{settings.nodes} nodes don't fit: {network} and {pods} have room for {room}.",
            "Ask for fewer nodes, or for larger networks.",
            Kind.INPUT,
        )
    folder = Path(settings.state) / settings.profile
    pod_blocks = pods.subnets(new_prefix=_POD_BLOCK_PREFIX)
    link = _second(network, _LINK_PREFIX)
    nodes = tuple(
        NodeLayout(
            name=name,
            addresses=(str(network[2 + index]), *([str(link[2 + index])] if both else [])),
            pod_blocks=_of_families(next(pod_blocks), _LINK_PREFIX, both=both),
            folder=folder / "nodes" / name,
            control_plane=index == 0,
        )
        for index, name in enumerate(node_names(settings.profile, settings.nodes))
    )
    return Layout(
        settings=settings,
        folder=folder,
        nodes=nodes,
        host_addresses=(str(network[1]), *([str(link[1])] if both else [])),
        prefixes=(network.prefixlen, *([link.prefixlen] if both else [])),
        pod_networks=_of_families(pods, 16 + pods.prefixlen, both=both),
        service_networks=_of_families(services, _SERVICES_PREFIX, both=both),
        api_service=_service(services, _API_SERVICE),
        dns_service=_service(services, _DNS_SERVICE),
    )


def _network(block: str) -> IPv4Network:
    try:
        return IPv4Network(block)
    except ValueError as error:
        raise LabError(
            f"{block!r} is not an IPv4 range: {error}.",
            "Write it like 192.168.49.0/24.",
            Kind.INPUT,
        ) from error


def _second(block: IPv4Network, prefix: int) -> IPv6Network:
    """The range of IPv6 that goes with one of IPv4: its address follows the first 16 bits.

    6to4 makes networks from addresses in this way (RFC 3056), so labs and blocks that don't overlap
    in one family don't in the other.
    """
    address = _UNIQUE_LOCAL | int(block.network_address) << 80
    return IPv6Network((address, prefix))


def _of_families(block: IPv4Network, prefix: int, *, both: bool) -> tuple[str, ...]:
    return (str(block), *([str(_second(block, prefix))] if both else []))


def _service(services: IPv4Network, number: int) -> str:
    if number >= services.num_addresses:
        raise LabError(
            f"{services} has no address for the cluster's own services.",
            "Ask for a larger range.",
            Kind.INPUT,
        )
    return str(services[number])


def load(state: Path, profile: str) -> Layout:
    """The layout of an existing cluster.

    Raises:
        LabError: the profile has no cluster, or its settings are damaged or another lab's.
    """
    # Only this needs it, and it takes a tenth of a second to import.
    from ansible_collections.latihan.lab.plugins.plugin_utils.common.typed import (  # noqa: PLC0415
        from_json,
    )

    path = state / profile / SETTINGS_FILE
    try:
        settings = from_json(Settings, path.read_bytes())
        cluster = plan(settings)
    except FileNotFoundError as error:
        raise LabError(
            f"The profile {profile!r} has no cluster.",
            "Make it with `python3 runner.py provision`.",
            Kind.INPUT,
        ) from error
    except (OSError, ValueError, LabError) as error:
        raise LabError(
            f"{path} can't be read as a lab's settings: "
            f"{getattr(error, 'strerror', None) or getattr(error, 'message', error)}",
            "Take the lab down (`python3 runner.py teardown`) and make it again.",
            Kind.INPUT,
        ) from error
    if cluster.folder != path.parent:
        raise LabError(
            f"{path} has the settings of another lab: of {cluster.folder}.",
            "Take the lab down (`python3 runner.py teardown`) and make it again.",
            Kind.INPUT,
        )
    return cluster


def is_lab(folder: Path) -> bool:
    """Whether a folder is a lab's, even of a half-made one: nothing else is in it."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return all(_OF_A_LAB.fullmatch(each.name) for each in folder.iterdir())


def need_own(folder: Path) -> None:
    """Refuse a lab's folder if what is written into it would land elsewhere.

    Args:
        folder: the lab's folder; it need not exist.

    Raises:
        LabError: it, or something in it that the lab writes to, is a symbolic link.
    """
    # In this order: each part is looked at before what is below it.
    patterns = ("*", f"{HOST}/*", "nodes/*", "nodes/*/*", f"{HOST}/var/tmp", "nodes/*/var/tmp")  # noqa: S108
    for path in (folder, *(path for pattern in patterns for path in folder.glob(pattern))):
        if path.is_symlink():
            raise LabError(
                f"{path} is a symbolic link; a lab writes to its own folder only.",
                "Remove the link; `python3 runner.py teardown` removes the rest of the lab.",
                Kind.INPUT,
            )


def save(layout: Layout) -> None:
    """Save the settings beside the cluster, for ``load``."""
    make_private(layout.folder)
    text = json.dumps(asdict(layout.settings), indent=2) + "\n"
    (layout.folder / SETTINGS_FILE).write_text(text, encoding="utf-8")
