"""What a lab requires of the machine and of the user's values, checked before anything is changed.

``survey`` reads the machine, ``judge`` is pure, ``try_out`` does in throwaway namespaces what the
lab will do. ``check`` is all three.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import platform
import re
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import require_own
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import (
    VARIABLE,
    factor,
    seconds,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import (
    FILES_HINT,
    OPEN_FILES,
    raise_open_files,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import conditions
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.checks import Check
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.conditions import (
    CONTROLLERS,
    Conditions,
)

GIB = 1024**3
# Bytes; measured on Debian 12 with two nodes, then rounded up: see benchmarks/.
NEED_BUILD = 4 * GIB
NEED_CACHE = 1 * GIB
NEED_STATE = 1 * GIB
SPARE = GIB // 4
NEED_MEMORY = 3 * GIB // 2
_NEED_MEMORY_NODE = GIB // 16  # Each node more than two.
MOST_NODES = 50
# Measured: 4 by a kubelet, 1 each by containerd, kube-proxy and kube-controller-manager.
NEED_INOTIFY_NODE, NEED_INOTIFY = 6, 1
# The kernel has one table of neighbours for all namespaces (arp(7)), and drops packets if it is
# full.
_NEIGHBOURS = "net/{family}/neigh/default/gc_thresh3"
_FAMILIES = ("ipv4", "ipv6")
_CONNECTS_WITHIN = 5.0
_SYSTEMS = {"debian": (12,), "ubuntu": (22, 4)}
Network = ipaddress.IPv4Network
# A line of /proc/net/route: interface, destination, gateway, four numbers, mask.
_ROUTE = re.compile(
    r"^(\S+)\s+([0-9A-F]{8})\s+[0-9A-F]{8}\s+(?:[0-9A-F]+\s+){4}([0-9A-F]{8})\b", re.MULTILINE
)


@dataclass(frozen=True)
class LabSpec:
    """The lab that the user asks for.

    ``networks`` are ranges in CIDR notation, by the variable that sets each; messages name it.
    """

    cache: Path
    state: Path
    profile: str = "latihan"
    nodes: int = 2
    networks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UsedRange:
    """A range that is in use already, and what for."""

    network: Network
    use: str


# No node or pod can have these: IANA's registry of special-purpose IPv4 addresses.
_SPECIAL = tuple(
    UsedRange(Network(block), f"{block}, which is {use}")
    for block, use in (
        ("0.0.0.0/8", "reserved for local use"),
        ("127.0.0.0/8", "for loopback"),
        ("169.254.0.0/16", "for link-local addresses"),
        ("224.0.0.0/4", "for multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
# kubernetes: cmd/kube-apiserver/app/options/validation.go (maxCIDRBits).
_LARGEST_SERVICES = 12
_ROOMY = 16  # The prefix length of a range that is large enough for any lab.
_POD_BLOCK = 24  # The prefix length of the range of one node's pods.


@dataclass(frozen=True)
class Disk:
    """The file system that a folder is on or will be on: its device, and its free bytes."""

    device: int
    free: int


@dataclass(frozen=True)
class Machine:
    """The machine; sizes are in bytes.

    ``memory`` is its total memory, ``available`` what programs can still get. ``built`` says that
    the cache already has the programs of Kubernetes, ``cached`` that it has the images, ``made``
    that the lab exists: each means that less space is needed. ``open_files`` is how many a process
    may have. ``loopback`` says what happens to a connection to 127.0.0.1; empty if it is accepted.
    ``inotify`` is how many instances are free, as far as a lab needs them (inotify(7)), and
    ``neighbours`` how many addresses on its links the kernel can remember (arp(7)).
    ``patience`` is by what every time limit is multiplied here. ``conditions`` are what containers
    and settings of the kernel may spoil.
    """

    user: int
    release: Mapping[str, str]
    controllers: frozenset[str]
    memory: int
    available: int
    cache: Disk
    state: Disk
    used: tuple[UsedRange, ...]
    built: bool = False
    cached: bool = False
    made: bool = False
    open_files: int = OPEN_FILES
    loopback: str = ""
    inotify: int = MOST_NODES * NEED_INOTIFY_NODE + NEED_INOTIFY
    neighbours: int = (MOST_NODES + 2) ** 2
    patience: float = 1.0
    conditions: Conditions = field(default_factory=Conditions)


def check(spec: LabSpec) -> list[Check]:
    """All checks, the user's values first. The machine stays as it was."""
    machine = survey(spec)
    is_root = machine.user == 0
    tried = list(try_out(spec.state)) if is_root else []
    return [*judge(spec, machine), _owners(spec), *tried]


def require(checks: Iterable[Check]) -> None:
    """Raise the first failed check as a LabError, with all failed ones in its detail."""
    failed = [each for each in checks if not each.ok]
    if failed:
        first = failed[0]
        detail = "\n".join(f"{each.name}: {each.message} {each.hint}" for each in failed)
        raise LabError(first.message, first.hint, first.kind, detail)


def judge(spec: LabSpec, machine: Machine) -> list[Check]:
    """The checks that need no trial; the user's values come first."""
    return [
        _profile(spec.profile),
        _nodes(spec.nodes),
        *_networks(spec, machine),
        _root(machine.user),
        _system(machine.release),
        _controllers(machine.controllers),
        *conditions.judge(machine.conditions),
        _open_files(machine.open_files),
        _loopback(machine.loopback),
        _memory(spec, machine),
        _inotify(spec, machine),
        _neighbours(spec, machine),
        *_disks(spec, machine),
        *_patience(machine.patience),
    ]


def _profile(name: str) -> Check:
    try:
        profiles.checked(name)
    except LabError as error:
        return Check("profile", False, error.message, error.hint, error.kind)
    return Check("profile", True, f"The profile is {name!r}.", kind=Kind.INPUT)


def _nodes(number: int) -> Check:
    good = 1 <= number <= MOST_NODES
    return Check(
        "nodes",
        good,
        f"The lab has {number} nodes." if good else f"This can't be done with {number} nodes.",
        "" if good else f"Set lab_nodes to a number from 1 to {MOST_NODES}.",
        Kind.INPUT,
    )


def _networks(spec: LabSpec, machine: Machine) -> Iterator[Check]:
    """Each range is valid, big enough and not too big, and overlaps no range in use.

    What the machine uses since the lab was made doesn't harm it: the lab's network is its own.
    """
    networks, nodes, used = spec.networks, spec.nodes, machine.used
    parsed: dict[str, Network] = {}
    for name, text in networks.items():
        try:
            parsed[name] = Network(text)
        except ValueError as error:
            yield _bad_range(
                name,
                f"{name} is {text!r}, which is not an IPv4 range: {error}.",
                "Write it like 192.168.49.0/24.",
            )
    for name, network in parsed.items():
        unfit = _too_small(name, network, nodes) or _too_large(name, network)
        problem = unfit or _collision(name, network, parsed, _SPECIAL)
        shared = _collision(name, network, {}, used)
        if shared and not problem and machine.made:
            hint = "The lab was made before that, and still works."
            yield Check(name, True, shared, hint, Kind.INPUT, warning=True)
        elif problem := problem or shared:
            prefix = _ROOMY if unfit else network.prefixlen
            free = suggest(prefix, [*parsed.values(), *(each.network for each in used)])
            yield _bad_range(
                name, problem, f"Choose a free range, such as `-e {name}={free}`." if free else ""
            )
        else:
            yield Check(name, True, f"{name} is {network}.", kind=Kind.INPUT)


def _bad_range(name: str, message: str, hint: str) -> Check:
    return Check(name, False, message, hint, Kind.INPUT)


def _too_small(name: str, network: Network, nodes: int) -> str:
    """Why a range has too few addresses; empty if it has enough."""
    if "pod" in name:
        blocks = 2.0 ** (_POD_BLOCK - network.prefixlen)
        if blocks < nodes:
            return f"{name} is {network}: {nodes} nodes need a /{_POD_BLOCK} block each."
        return ""
    usable = network.num_addresses - 2
    least = max(nodes + 1, 14)
    if usable < least:
        return f"{name} is {network}, which has {max(usable, 0)} addresses; {least} are needed."
    return ""


def _too_large(name: str, network: Network) -> str:
    """Why a range has too many addresses; empty if it doesn't."""
    if "service" in name and network.prefixlen < _LARGEST_SERVICES:
        return f"{name} is {network}; kube-apiserver accepts at most a /{_LARGEST_SERVICES}."
    return ""


def _collision(
    name: str, network: Network, others: Mapping[str, Network], used: Iterable[UsedRange]
) -> str:
    """What a range overlaps with, as a message; empty if it is free."""
    for other, range_ in others.items():
        if other != name and network.overlaps(range_):
            return f"{name} ({network}) and {other} ({range_}) overlap."
    for each in used:
        if network.overlaps(each.network):
            return f"{name} ({network}) overlaps {each.use}."
    return ""


def suggest(prefix: int, used: Iterable[Network]) -> str:
    """A free private range with this prefix length or a longer one; empty if there is none."""
    used = list(used)
    for candidate in (Network(f"10.{number}.0.0/16") for number in range(50, 250)):
        if not any(candidate.overlaps(each) for each in used):
            return f"{candidate.network_address}/{max(prefix, candidate.prefixlen)}"
    return ""


def _root(user: int) -> Check:
    return Check(
        "root",
        user == 0,
        "You are root."
        if user == 0
        else "The lab needs root, because it makes network namespaces.",
        "" if user == 0 else "Run it as root, for instance with `sudo`.",
    )


def _system(release: Mapping[str, str]) -> Check:
    """Debian 12 and Ubuntu 22.04 or newer are supported; systems made from these may work."""
    name = release.get("PRETTY_NAME", release.get("ID", "an unknown system"))
    oldest = _SYSTEMS.get(release.get("ID", ""))
    if oldest:
        version = tuple(int(part) for part in re.findall(r"\d+", release.get("VERSION_ID", "")))
        if not version or version >= oldest:
            return Check("system", True, f"The system is {name}.")
    elif _SYSTEMS.keys() & set(release.get("ID_LIKE", "").split()):
        return Check(
            "system",
            True,
            f"The system is {name}, which is like Debian but untested.",
            "If packages are missing, use Debian 12.",
            warning=True,
        )
    return Check(
        "system",
        False,
        f"The lab does not support {name}.",
        "Use Debian 12 or newer, or Ubuntu 22.04 or newer; a virtual machine will do.",
    )


def _controllers(available: frozenset[str]) -> Check:
    absent = sorted(CONTROLLERS - available)
    return Check(
        "cgroups",
        not absent,
        f"The control group controllers {', '.join(sorted(CONTROLLERS))} are mounted."
        if not absent
        else f"Control group controllers are not mounted: {', '.join(absent)}.",
        ""
        if not absent
        else "Mount them under /sys/fs/cgroup; in a container, start it with the host's cgroups."
        " A small board may need cgroup_enable=memory on the kernel's command line.",
    )


def _open_files(number: int) -> Check:
    good = number >= OPEN_FILES
    return Check(
        "open files",
        good,
        f"{number} open files are allowed."
        if good
        else f"Only {number} open files are allowed; the lab needs {OPEN_FILES}.",
        "" if good else FILES_HINT,
    )


def _loopback(trouble: str) -> Check:
    return Check(
        "loopback",
        not trouble,
        f"This machine can't connect to its own 127.0.0.1: {trouble}."
        if trouble
        else "This machine can connect to its own 127.0.0.1.",
        "Accept what comes in on the interface lo (`iptables -I INPUT -i lo -j ACCEPT`), and set it"
        " up (`ip link set lo up`)."
        if trouble
        else "",
    )


def _needed_memory(spec: LabSpec) -> int:
    return NEED_MEMORY + _NEED_MEMORY_NODE * max(0, min(spec.nodes, MOST_NODES) - 2)


def _memory(spec: LabSpec, machine: Machine) -> Check:
    """Too little memory fails; if it is only in use now, maybe by this lab, that is a warning."""
    need = _needed_memory(spec)
    if machine.memory < need:
        return Check(
            "memory",
            False,
            f"The machine has {_size(machine.memory)} of memory; the lab needs {_size(need)}.",
            "Give it more memory, or use another machine."
            if need == NEED_MEMORY
            else "Give it more memory, or set lab_nodes to a smaller number.",
        )
    scarce = machine.available < need and not machine.made
    return Check(
        "memory",
        True,
        f"{_size(machine.available)} of memory is available, of {_size(machine.memory)}.",
        f"The lab needs {_size(need)}: end other programs." if scarce else "",
        warning=scarce,
    )


def _inotify(spec: LabSpec, machine: Machine) -> Check:
    """Without them the kubelet and containerd end at once; a lab that is up has its own."""
    need = _needed_inotify(spec)
    good = machine.made or machine.inotify >= need
    return Check(
        "inotify",
        good,
        "There are enough inotify instances."
        if good
        else f"Only {machine.inotify} inotify instances are free; the lab needs {need}.",
        ""
        if good
        else "End programs that watch files, or run `sysctl fs.inotify.max_user_instances=1024`.",
    )


def _needed_inotify(spec: LabSpec) -> int:
    return NEED_INOTIFY_NODE * min(spec.nodes, MOST_NODES) + NEED_INOTIFY


def _neighbours(spec: LabSpec, machine: Machine) -> Check:
    """With too few of them packets are lost when all nodes talk to each other, as in a survey."""
    # Each node knows all others, its pods and the host, and each pod knows its node.
    need = (min(spec.nodes, MOST_NODES) + 2) ** 2
    good = machine.made or machine.neighbours >= need
    settings = (_NEIGHBOURS.format(family=family).replace("/", ".") for family in _FAMILIES)
    return Check(
        "neighbours",
        good,
        "The kernel can remember enough neighbours."
        if good
        else f"The kernel remembers at most {machine.neighbours} neighbours;"
        f" {spec.nodes} nodes need {need}.",
        ""
        if good
        else f"Run `sysctl {' '.join(f'{name}=4096' for name in settings)}`,"
        " or set lab_nodes to a smaller number.",
    )


def _disks(spec: LabSpec, machine: Machine) -> Iterator[Check]:
    """Free space for the cache and for the lab, added up if both are on one file system."""
    cache = NEED_BUILD if not machine.built else 0 if machine.cached else NEED_CACHE
    state = 0 if machine.made else NEED_STATE
    together = machine.cache.device == machine.state.device
    yield _disk("cache", spec.cache, machine.cache.free, max(cache + together * state, SPARE))
    if not together:
        yield _disk("state", spec.state, machine.state.free, max(state, SPARE))


def _disk(name: str, folder: Path, free: int, need: int) -> Check:
    good = free >= need
    return Check(
        f"disk for {name}",
        good,
        f"{_size(free)} of disk space is free for {folder}."
        if good
        else f"Only {_size(free)} of disk space is free for {folder}; the lab needs {_size(need)}.",
        ""
        if good
        else f"Free some space, or set LATIHAN_{name.upper()} to a folder on a bigger disk.",
    )


def _patience(factor: float) -> Iterator[Check]:
    if factor > 1:
        yield Check(
            "patience",
            True,
            f"This machine is slow: every time limit of the lab is {factor:g} times as long.",
            f"If that is not enough, set {VARIABLE} to a higher number.",
            warning=True,
        )


def _size(number: int) -> str:
    return f"{number / GIB:.1f} GiB"


def _owners(spec: LabSpec) -> Check:
    """The cache and the state are root's alone: what is in them runs as root."""
    try:
        require_own(spec.cache)
        require_own(spec.state)
    except LabError as error:
        return Check("owners", False, error.message, error.hint, error.kind)
    return Check("owners", True, f"Nobody else can write to {spec.cache} and {spec.state}.")


def survey(spec: LabSpec) -> Machine:
    """Read the machine; needs no root and changes nothing."""
    return Machine(
        user=os.geteuid(),
        release=_release(),
        controllers=_kernel_controllers(),
        memory=_meminfo("MemTotal"),
        available=available_memory(),
        cache=_disk_of(spec.cache),
        state=_disk_of(spec.state),
        used=tuple(_used_ranges()),
        built=any(spec.cache.glob("kubernetes/*/bin/kubelet")),
        cached=any(spec.cache.glob("images/*/images.json")),
        made=(spec.state / spec.profile / "contract.json").exists(),
        open_files=raise_open_files(),
        loopback=_connect(),
        inotify=_free_inotify(_needed_inotify(spec)),
        neighbours=min(_most_neighbours()),
        patience=factor(),
        conditions=conditions.read(),
    )


def _connect() -> str:
    """What happens to a connection to a port of 127.0.0.1; empty if it is accepted."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), seconds(_CONNECTS_WITHIN)).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _kernel_controllers() -> frozenset[str]:
    """The mounted controllers: one tree for all with version 2, one tree each with version 1."""
    root = Path("/sys/fs/cgroup")
    found = {path.name for path in root.iterdir() if path.is_dir()} if root.is_dir() else set()
    for tree in (root, root / "unified"):
        listed = tree / "cgroup.controllers"
        if listed.is_file():
            found |= set(listed.read_text(encoding="utf-8").split())
    return frozenset(found & (CONTROLLERS | {"cpuacct"}))


def _free_inotify(wanted: int) -> int:
    """How many inotify instances this user can still get, up to ``wanted``."""
    libc = ctypes.CDLL(None, use_errno=True)
    held: list[int] = []
    while len(held) < wanted and (handle := libc.inotify_init1(os.O_CLOEXEC)) >= 0:
        held.append(handle)
    for handle in held:
        os.close(handle)
    return len(held)


def _most_neighbours() -> Iterator[int]:
    """How many neighbours the kernel remembers of each family; a container may not be shown it."""
    yield Machine.neighbours
    for family in _FAMILIES:
        with suppress(FileNotFoundError):
            path = Path("/proc/sys", _NEIGHBOURS.format(family=family))
            yield int(path.read_text(encoding="utf-8"))


def available_memory() -> int:
    """Bytes that programs can get without swapping, by the kernel's estimate (proc(5))."""
    return _meminfo("MemAvailable")


def _meminfo(name: str) -> int:
    """A line of /proc/meminfo, in bytes."""
    text = Path("/proc/meminfo").read_text(encoding="utf-8")
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _nearest(folder: Path) -> Path:
    """The folder, or its closest parent that exists."""
    return next((each for each in (folder, *folder.parents) if each.is_dir()), Path("/"))


def _disk_of(folder: Path) -> Disk:
    existing = _nearest(folder)
    return Disk(existing.stat().st_dev, shutil.disk_usage(existing).free)


def _used_ranges() -> list[UsedRange]:
    """Ranges in use in this network namespace, from the kernel's tables in /proc."""
    routes = Path("/proc/net/route")
    addresses = Path("/proc/net/fib_trie")
    found = parse_routes(routes.read_text(encoding="utf-8")) if routes.exists() else []
    if addresses.exists():
        found += parse_addresses(addresses.read_text(encoding="utf-8"))
    return found


def parse_routes(text: str) -> list[UsedRange]:
    """The routes of /proc/net/route (hexadecimal, little-endian), without the default route."""
    used = []
    for interface, destination, mask in _ROUTE.findall(text):
        address = ipaddress.IPv4Address(int.from_bytes(bytes.fromhex(destination)[::-1]))
        bits = int(mask, 16).bit_count()
        if bits:
            network = Network((address, bits), strict=False)
            used.append(UsedRange(network, f"this machine's route to {network} on {interface}"))
    return used


def parse_addresses(text: str) -> list[UsedRange]:
    """The machine's own addresses: the ``host LOCAL`` leaves of /proc/net/fib_trie."""
    found: dict[ipaddress.IPv4Address, None] = {}
    for leaf in re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", text):
        with suppress(ValueError):
            address = ipaddress.IPv4Address(leaf)
            if not address.is_loopback:
                found[address] = None
    return [UsedRange(Network(address), f"this machine's address {address}") for address in found]


@dataclass(frozen=True)
class _Trial:
    """A command to try in throwaway namespaces; ``needs`` is a program that may be missing."""

    name: str
    argv: tuple[str, ...]
    hint: str
    needs: str = ""


_KERNEL_HINT = "Load the kernel module {0} (`modprobe {0}`); in a container, do so on its host."
# The kernel makes one network namespace at a time, and waits while it removes others.
_TRIAL_WITHIN = 120.0
_SPACES = ("unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--")
_TRIALS = (
    _Trial(
        "namespaces",
        ("true",),
        "Allow namespaces (sysctl user.max_*_namespaces); in a container, see docs/containers.md.",
    ),
    _Trial(
        "veth",
        ("ip", "link", "add", "try0", "type", "veth", "peer", "name", "try1"),
        _KERNEL_HINT.format("veth"),
        "ip",
    ),
    _Trial(
        "bridge",
        ("ip", "link", "add", "try0", "type", "bridge"),
        _KERNEL_HINT.format("bridge"),
        "ip",
    ),
    _Trial(
        "iptables",
        ("iptables", "--table", "nat", "--list"),
        _KERNEL_HINT.format("nf_tables"),
        "iptables",
    ),
)


def try_out(state: Path) -> Iterator[Check]:
    """Try what the lab will do, in namespaces that last only for the trial; needs root.

    Trials of programs that aren't installed yet are left out.
    """
    # The kernel has this file, and nothing in it, if no security module labels processes.
    label = run([*_SPACES, "cat", "/proc/self/attr/current"], check=False, timeout=_TRIAL_WITHIN)
    confined = conditions.confinement(label.stdout)
    yield from confined
    instead = confined[0].hint if confined else ""
    for trial in _TRIALS:
        if not trial.needs or shutil.which(trial.needs):
            yield _tried(trial, instead)
    with tempfile.TemporaryDirectory(prefix="latihan-", dir=_nearest(state)) as scratch:
        folders = {name: Path(scratch) / name for name in ("lower", "upper", "work", "merged")}
        for folder in folders.values():
            folder.mkdir()
        options = ",".join(f"{name}dir={folders[name]}" for name in ("lower", "upper", "work"))
        argv = ("mount", "-t", "overlay", "overlay", "-o", options, str(folders["merged"]))
        hint = "Load the kernel module overlay, or set LATIHAN_STATE to a folder on a real disk."
        yield _tried(_Trial("overlay", argv, hint), instead)


def _tried(trial: _Trial, instead: str) -> Check:
    """What a trial came to; ``instead`` is a likelier hint than its own, if not empty."""
    try:
        run([*_SPACES, *trial.argv], timeout=_TRIAL_WITHIN)
    except LabError as error:
        message = f"This machine can't use {trial.name}: {error.message}"
        hint = error.hint if error.kind is Kind.MACHINE else instead or trial.hint
        return Check(trial.name, False, message, hint)
    return Check(trial.name, True, f"This machine can use {trial.name}.")
