"""The steps, in order, that make, start, stop and remove an embedded cluster."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Reach,
    Reachable,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes, refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import (
    HOST,
    Profile,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    api,
    cgroups,
    containerd,
    files,
    network,
    pki,
    spaces,
    supervision,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import (
    API_PORT,
    Layout,
    NodeLayout,
    is_lab,
    save,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.spaces import (
    Space,
    SpaceSpec,
    Starting,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import binaries, versions

PROVIDER = "embedded"
# The space, so to speak, of the process that offers the API on this machine's loopback.
_FORWARDER = "api"
# And of the one that fetches images.
_PULLER = "pull-through"
# On a machine whose cores have ten times as much to do, each takes half a minute.
_API_WITHIN = 120.0
_NODES_WITHIN = 120.0
# A kube-proxy waits long before it asks an API again that vanished without closing connections.
_RULES_WITHIN = 120.0
_STOP_WITHIN = 5.0
# What the kubelet wants to set; all of these belong to the machine, not to a namespace.
# kubernetes: pkg/kubelet/cm/container_manager_linux.go (setupKernelTunables).
_KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
_IPV6 = Path("/proc/sys/net/ipv6")
_FORWARDING = {"ipv4/ip_forward": "1"}
_FORWARDING_IPV6 = {"ipv6/conf/all/forwarding": "1"}


def create(layout: Layout) -> None:
    """Make a new cluster.

    Args:
        layout: the cluster.

    Raises:
        LabError: a step failed; what had been made is removed again.
    """
    try:
        with refusals.translated(layout.folder):
            _create(layout)
    except BaseException as error:
        try:
            teardown(layout.settings.profile, Path(layout.settings.state))
        except LabError as left:
            # Why it could not be made matters more.
            if not isinstance(error, LabError):
                raise
            error.detail = f"Not all of it could be removed: {left}\n{error.detail}"
        raise


def _create(layout: Layout) -> None:
    """Make it, and leave what there is if a step fails."""
    kubernetes = versions.of(binaries.version(Path(layout.settings.binaries) / "kubelet"))
    versions.require_proxy_mode(kubernetes, layout.settings.proxy_mode)
    if layout.settings.dual_stack and not _IPV6.exists():
        raise LabError(
            "This machine has no IPv6: its kernel was started or built without it.",
            "Leave lab_ip_family out.",
            Kind.MACHINE,
        )
    save(layout)
    files.write_host(layout)
    for node in layout.nodes:
        files.write_node(layout, node, kubernetes)
    with ThreadPoolExecutor() as pool:
        certificates = pool.submit(pki.make, layout)
        _power_on(layout, layout.nodes, before_go=certificates.result)
    _pull_through(layout)
    _forward_api(layout)
    api.wait_api(layout, within=seconds(_API_WITHIN))
    _start_the_rest(layout)
    api.apply(layout, files.system_manifest(layout, kubernetes))
    api.introduce_nodes(layout, kubernetes.control_plane_roles, within=seconds(_NODES_WITHIN))
    api.wait_nodes(layout, since=None, within=seconds(_NODES_WITHIN))
    api.wait_system(layout, since=0, within=seconds(_NODES_WITHIN))
    # Last, because a profile that has a contract is complete.
    write_contract(layout)


def start(layout: Layout, names: Sequence[str] = ()) -> bool:
    """Start a cluster that was stopped, or some nodes of it.

    Args:
        layout: the cluster.
        names: the nodes; empty means the whole cluster.

    Returns:
        Whether anything had to be started.

    Raises:
        LabError: a step failed.
    """
    running = _spaces(layout)
    nodes = [layout.node(name) for name in names] or list(layout.nodes)
    _require_for(layout, nodes, running)
    since = time.time()
    before = set(running)
    resumed = _resumed(running)
    # What had to be powered off comes back too, whoever asked for it.
    wanted = {node.name for node in nodes} | (before - set(running))
    nodes = [node for node in layout.nodes if node.name in wanted]
    missing = [node for node in nodes if node.name not in running]
    began = bool(missing) or HOST not in running
    if began:
        _power_on(layout, missing)
    beside = [_pull_through(layout), _forward_api(layout)]
    api.wait_api(layout, within=seconds(_API_WITHIN))
    _start_the_rest(layout)
    write_contract(layout)
    again = [node.name for node in nodes if node in missing or node.name in resumed]
    if again:
        api.wait_nodes(layout, since=since, within=seconds(_NODES_WITHIN), names=again)
    api.wait_nodes(
        layout, since=None, within=seconds(_NODES_WITHIN), names=[node.name for node in nodes]
    )
    if layout.control_plane in missing:  # The cluster's DNS runs there, and nowhere else.
        api.wait_system(layout, since=since, within=seconds(_NODES_WITHIN))
        kept = [running[node.name] for node in layout.nodes if node.name in running]
        if kept:
            api.wait_rules(layout, partial(_rules, kept), seconds(_RULES_WITHIN))
    return began or any(beside) or bool(resumed)


def stop(layout: Layout, names: Sequence[str] = ()) -> bool:
    """Stop a cluster, or some nodes of it, like a machine: first the programs, then the power.

    Args:
        layout: the cluster.
        names: the nodes; empty means the whole cluster.

    Returns:
        Whether anything was running.

    Raises:
        LabError: something doesn't end.
    """
    running = _spaces(layout)
    wanted = [layout.node(name).name for name in names] or [n.name for n in layout.nodes]
    stopping = [running[name] for name in wanted if name in running]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda space: _shut_down(layout, space), stopping))
    if not names and HOST in running:
        spaces.power_off(running[HOST])
        stopping.append(running[HOST])
    write_contract(layout)
    return bool(stopping)


def teardown(profile: str, state: Path) -> bool:
    """Remove everything of a lab, even of a half-made one: its processes' environments identify it.

    Args:
        profile: the lab.
        state: the folder that has a folder for each profile.

    Returns:
        Whether there was anything.

    Raises:
        LabError: something can't be removed, or the folder has something else in it.
    """
    lab = Profile(profile, state)
    if os.path.lexists(lab.folder) and not is_lab(lab.folder):
        raise LabError(
            f"{lab.folder} is not the folder of a lab, or not only that.",
            "Move what is not the lab's elsewhere; then try again.",
            Kind.INPUT,
        )
    # First, since a profile that has a contract is complete.
    lab.contract.unlink(missing_ok=True)
    had_processes = False
    while found := spaces.processes(profile, state):
        had_processes = True
        for space in spaces.find(profile, state).values():
            spaces.power_off(space)
        spaces.kill(found)
        spaces.wait_gone(found)
    had_groups = cgroups.remove(cgroups.of(profile))
    had_folder = lab.folder.exists()
    if had_folder:
        shutil.rmtree(lab.folder)
    # This succeeds only for the last lab: another lab's folder keeps it.
    with contextlib.suppress(OSError):
        state.rmdir()
    return had_processes or had_groups or had_folder


def write_contract(layout: Layout) -> None:
    """Write down for the rest of the lab how the cluster is reached now."""
    running = _spaces(layout)
    settings = layout.settings
    written = contract.Contract(
        profile=settings.profile,
        provider=PROVIDER,
        kubeconfig=str(layout.kubeconfig),
        kubectl=f"{settings.binaries}/kubectl",
        host_address=layout.host_address,
        host=_reach(running.get(HOST)),
        nodes=tuple(
            contract.Node(node.name, node.address, _reach(running.get(node.name)))
            for node in layout.nodes
        ),
        network=settings.network,
        pod_network=settings.pod_network,
        service_network=settings.service_network,
        kubectl_cache=str(layout.kubectl_cache),
        inside=("sh", files.INSIDE_FILE),
        tools=("sh", files.TOOLS_FILE),
        names=(f"{layout.control_plane.name}.{settings.profile}",),
    )
    contract.write(layout.contract, written)


def _reach(space: Space | None) -> Reach:
    """How a space is reached: through its PID 1, as long as that is the same process."""
    process = processes.of(space.pid) if space else None
    return Reachable(space.enter, process) if space and process else Stopped()


def _rules(nodes: Sequence[Space]) -> dict[str, str]:
    save = ("iptables-save", "-t", "nat")
    return {node.name: run([*node.enter, *save]).stdout for node in nodes}


def _spaces(layout: Layout) -> dict[str, Space]:
    return spaces.find(layout.settings.profile, Path(layout.settings.state))


def _power_on(
    layout: Layout,
    nodes: Sequence[NodeLayout],
    before_go: Callable[[], object] = lambda: None,
) -> None:
    """Start the spaces of these nodes, and the lab's host if it is off."""
    profile, state = layout.settings.profile, Path(layout.settings.state)
    with contextlib.ExitStack() as cleanup:
        begun: list[Starting] = []
        host = _spaces(layout).get(HOST)
        if host is None:
            spec = _spec(layout, HOST, layout.host_folder, kernel_settings={})
            begun.append(cleanup.enter_context(spaces.begin(spec, profile=profile, state=state)))
            host = begun[0].space
            network.set_up_host(layout, host)
        for node in nodes:
            spec = _spec(layout, node.name, node.folder, kernel_settings=_KERNEL_SETTINGS)
            starting = cleanup.enter_context(spaces.begin(spec, profile=profile, state=state))
            begun.append(starting)
            network.connect(layout, host, node, starting.space)
        before_go()
        for starting in begun:
            starting.go()
        for starting in begun:
            spaces.wake(starting.space)


def _spec(layout: Layout, name: str, folder: Path, kernel_settings: dict[str, str]) -> SpaceSpec:
    """The spec of a space of this lab."""
    settings = layout.settings
    for served in (layout.own_images, layout.pulled):
        served.mkdir(parents=True, exist_ok=True)
    keep = (
        *(settings.binaries, settings.daemons, settings.registry),
        *(str(layout.own_images), str(layout.pulled)),
        *(sys.prefix, sys.base_prefix),
    )
    return SpaceSpec(
        name=name,
        folder=str(folder),
        keep=keep,
        cgroup=files.cgroup(layout, name),
        kernel_settings=kernel_settings,
        network_settings=_FORWARDING | (_FORWARDING_IPV6 if settings.dual_stack else {}),
    )


def _require_for(layout: Layout, nodes: Sequence[NodeLayout], running: Mapping[str, Space]) -> None:
    """Refuse to start these nodes alone if what they need is off."""
    if len(nodes) == len(layout.nodes):
        return
    profile, control_plane = layout.settings.profile, layout.control_plane
    if HOST not in running:
        raise LabError(
            f"The whole cluster {profile} is stopped.",
            "Start it with `python3 runner.py start`.",
            Kind.INPUT,
        )
    if control_plane not in nodes and control_plane.name not in running:
        raise LabError(
            f"The node {control_plane.name} is stopped, and a node joins through its API.",
            "Start both with `python3 runner.py start`.",
            Kind.INPUT,
        )


def _resumed(running: dict[str, Space]) -> set[str]:
    """Complete the spaces that an interrupted run left with stopped programs.

    Args:
        running: the running spaces. Those that can't be completed, or are without their network
            since the lab's host is off, are powered off and removed from it.

    Returns:
        The names of the completed ones.
    """
    resumed = set()
    for name in sorted(running, key=lambda name: name != HOST):
        completed = _completed(running[name]) if HOST in running else None
        if completed is None:
            spaces.power_off(running.pop(name))
        elif completed:
            resumed.add(name)
    return resumed


def _start_the_rest(layout: Layout) -> None:
    """Start what waits for the API on a slow machine (``files``); elsewhere nothing does."""
    for name, space in _spaces(layout).items():
        if name != HOST:
            supervision.complete(space)


def _completed(space: Space) -> bool | None:
    """Whether a space had stopped programs, which are started again; None if they can't be."""
    try:
        return supervision.complete(space)
    except LabError:
        return None


def _forward_api(layout: Layout) -> bool:
    """Offer the API on a port of this machine's loopback, the same one as before if it is free.

    Returns:
        Whether it wasn't offered before.
    """
    profile, state = layout.settings.profile, Path(layout.settings.state)
    if spaces.processes(profile, state, space=_FORWARDER):
        return False
    with _listener(api.port_of(layout.kubeconfig)) as listener:
        port = listener.getsockname()[1]
        pki.write_kubeconfig(layout, port)
        to = (layout.control_plane.address, str(API_PORT))
        _beside(layout, _FORWARDER, ("--net",), ("forward", *to), listener)
    return True


def _pull_through(layout: Layout) -> bool:
    """Fetch images from their registries, if that was asked for.

    Returns:
        Whether that was asked for and not done before.
    """
    profile, state = layout.settings.profile, Path(layout.settings.state)
    if not layout.settings.pull_through or spaces.processes(profile, state, space=_PULLER):
        return False
    host = _spaces(layout)[HOST]
    path = Path(f"/proc/{host.pid}/root{files.PULL_SOCKET}")
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(128)
        # Without the lab's network: this is the one way out of it.
        _beside(layout, _PULLER, (), ("pull_through", str(layout.pulled)), listener)
    return True


def _beside(
    layout: Layout,
    name: str,
    namespaces: Sequence[str],
    program: Sequence[str],
    listener: socket.socket,
) -> None:
    """Start a module of this package that serves a socket, as long as the lab's host runs."""
    module, *arguments = program
    lab = Profile(layout.settings.profile, Path(layout.settings.state))
    host, cgroup = _spaces(layout)[HOST], files.cgroup(layout, HOST)
    process = subprocess.Popen(
        [
            # Inside the host's PID namespace, so that it ends with the lab's host.
            *("nsenter", f"--target={host.pid}", *namespaces, "--pid", "--"),
            *(sys.executable, "-m", f"{__package__}.{module}"),
            *(str(listener.fileno()), *arguments, cgroup),
        ],
        pass_fds=[listener.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=spaces.environment(lab, name),
        cwd="/",
        start_new_session=True,
    )
    # What it has started by now joins by itself.
    cgroups.join(cgroup, process.pid)


@contextlib.contextmanager
def _listener(port: int) -> Iterator[socket.socket]:
    """A listening socket on 127.0.0.1, on that port or, if it is taken, on a free one."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield listener


def _shut_down(layout: Layout, space: Space) -> None:
    """End a node's containers, then its programs, then the node.

    The kubelet ends first, as on a machine that shuts down. containerd records how each container
    ended, and the kubelet reads that when the node is started again.
    """
    # What doesn't end by itself, or has ended already, ends with the power below.
    with contextlib.suppress(LabError):
        supervision.stop(space, "kubelet")
    containers = cgroups.container_inits(files.cgroup(layout, space.name))
    spaces.terminate(containers)
    with contextlib.suppress(LabError):
        spaces.wait_gone(containers, within=_STOP_WITHIN)
        containerd.wait_ended(layout.node(space.name).var, within=_STOP_WITHIN)
    with contextlib.suppress(LabError):
        supervision.stop(space, "containerd")
    spaces.power_off(space)
