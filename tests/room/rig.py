"""A room of machines: root file systems with an sshd, on a network that only the test has.

A machine has its own files, processes, host name, control groups and network, and systemd as its
first process. It shares the kernel with this machine. The controller's network is a namespace too,
so nothing that it sends leaves this machine. A room that is not isolated shares this machine's
network, whose mirrors it reaches, and its control groups; it listens on loopback alone. It has no
systemd, which would set up a network that isn't its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import cgroups
from tests.integration.labs import CACHE
from tests.machines.roots import NETWORK, settings
from tests.places import ROOT

_BOOT = Path(__file__).parent / "machine.sh"
# What somebody who installs a small Debian server has at least.
_PACKAGES = "ca-certificates,dbus,libpam-systemd,openssh-server,procps,python3,sudo"
# Units of systemd that set the kernel or mount what a namespace doesn't separate, that read a
# console, or that begin something in the middle of a test.
_MASKED = (
    "dev-hugepages.mount",
    "getty.target",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-modules-load.service",
    "systemd-sysctl.service",
    "timers.target",
)
# The kernel and its boot ID are this machine's: what it logs isn't meant, and in a journal that is
# kept all boots would be one.
_JOURNAL = "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n"
# The machines that are good enough for a lab; machine.py says the same of each.
_SYSTEMS = {
    suite: {"id": "debian", "version": version, "codename": suite, "python": python,
            "processor": platform.machine()}
    for suite, version, python in (("bookworm", "12", "3.11"), ("trixie", "13", "3.13"))
}  # fmt: skip
_SPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc")
# The namespace of control groups begins where a process is, so it waits until it was put there.
_WAITING = ("sh", "-c", 'read -r _; exec "$@"', "sh")
_NETWORK = "198.18.0"  # RFC 2544: for tests
PASSWORD = "a room's secret"
_STOPPED = 60.0


@dataclass
class Machine:
    """A machine of the room.

    ``root`` has its files, ``namespace`` is its network, if its own. ``boot`` is what machine.sh
    takes: its first process, a file to show as /proc/meminfo, and how much its caches may hold.
    """

    name: str
    suite: str
    address: str
    root: Path
    namespace: str
    port: int
    boot: tuple[str, str, str]
    process: subprocess.Popen[bytes] | None = None

    def inside(self, *argv: str) -> str:
        """Run a command in the machine as its root."""
        first = self.first
        assert first, f"{self.name} is off"
        done = subprocess.run(
            ["nsenter", f"--target={first}", "--mount", "--pid", "--net", "--uts", "--ipc",
             "--cgroup", f"--root=/proc/{first}/root", "--wdns=/", *argv],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def first(self) -> str:
        """The process, seen from here, that is the machine's first one; empty if it has none."""
        if not self.process:
            return ""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return children.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""

    @property
    def control_group(self) -> str:
        """Its control groups, relative to a hierarchy's root; empty if it shares this machine's."""
        return self.namespace


@dataclass
class Room:
    """The machines by their names, and the namespace that the controller is in, if it is in one."""

    folder: Path
    namespace: str
    machines: dict[str, Machine] = field(default_factory=dict)

    @property
    def inventory(self) -> Path:
        """The room's inventory."""
        return self.folder / "lab.yml"

    def write_inventory(self, changes: Mapping[str, Mapping[str, object]] | None = None) -> None:
        """Write the inventory; ``changes`` sets more variables of machines."""
        hosts = {
            each.name: {
                "ansible_host": each.address,
                "ansible_port": each.port,
                "lab_machine_profile": f"room-{each.name}",
                **(changes or {}).get(each.name, {}),
            }
            for each in self.machines.values()
        }
        # Another room has the same addresses, and ssh would take the connection that it has kept.
        options = f"-o UserKnownHostsFile={self.folder}/known_hosts -o ControlPath={self.folder}/%h"
        variables = {
            "ansible_user": "teacher",
            "ansible_become_password": PASSWORD,
            "ansible_ssh_private_key_file": str(self.folder / "key"),
            "ansible_ssh_common_args": options,
        }
        room = {"lab_machines": {"vars": variables, "hosts": hosts}}
        self.inventory.write_text(yaml.safe_dump(room), encoding="utf-8")

    def switch_on(self, machine: Machine) -> None:
        """Boot a machine from its files."""
        spaces = list(_SPACES)
        if machine.namespace:
            _cable(self, machine)
            spaces.append("--cgroup")
        machine.process = subprocess.Popen(
            [*_WAITING, *_in_network(machine.namespace), *spaces, "--", "sh", _BOOT, machine.root,
             *machine.boot],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        assert machine.process.stdin
        with machine.process.stdin:
            if machine.control_group:
                cgroups.join(machine.control_group, machine.process.pid)

    def switch_off(self, machine: Machine) -> None:
        """End a machine as a power cut does; its files stay, and nothing else of it."""
        if machine.process:
            first = int(machine.first or machine.process.pid)
            # All of its PID namespace end with the first one, and before it (pid_namespaces(7)).
            with contextlib.suppress(ProcessLookupError):
                os.kill(first, signal.SIGKILL)
            machine.process.wait(_STOPPED)
            machine.process = None
        # ssh would wait for the connection that it has kept to the machine that was.
        (self.folder / machine.address).unlink(missing_ok=True)
        if machine.namespace:
            cgroups.remove(machine.control_group)
            do("ip", "netns", "del", machine.namespace)

    def restart(self, *machines: Machine) -> None:
        """Switch machines off and on; when it returns, they let their users in."""
        for machine in machines:
            self.switch_off(machine)
        for machine in machines:
            self.switch_on(machine)
        for machine in machines:
            _await(machine)

    def on_controller(self, *argv: str | Path) -> list[str]:
        """A command line, as one that runs in the controller's network."""
        return [*_in_network(self.namespace), *map(str, argv)]


@contextlib.contextmanager
def room(
    machines: Mapping[str, str],
    *,
    meminfo: Mapping[str, str] | None = None,
    disk: Mapping[str, str] | None = None,
    isolated: bool = True,
) -> Iterator[Room]:
    """A room for a while.

    Args:
        machines: the suite of each machine, by its name.
        meminfo: what /proc/meminfo says on a machine, by its name.
        disk: how much the caches may hold on a machine, as tmpfs(5) writes it, by its name.
        isolated: whether the room has a network of its own.
    """
    bases = {suite: base(suite) for suite in machines.values()}
    for suite in bases.keys() & _SYSTEMS.keys() if isolated else ():
        _supply(_SYSTEMS[suite])
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="room-", dir=CACHE)))
        made = Room(folder, f"{folder.name}-c" if isolated else "")
        do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key")
        if isolated:
            _network(made, stack)
        for number, (name, suite) in enumerate(machines.items(), start=2):
            address, port = (f"{_NETWORK}.{number}", 22) if isolated else ("127.0.0.1", _free())
            root = folder / name
            do("cp", "--archive", bases[suite], root)
            _settle(root, name, (folder / "key.pub").read_text(encoding="utf-8"))
            namespace = f"{folder.name}-{name}" if isolated else ""
            if not isolated:
                _share(root, port)
            facts = folder / f"{name}.meminfo"
            facts.write_text((meminfo or {}).get(name, ""), encoding="utf-8")
            boot = (
                "systemd" if isolated else "plain",
                str(facts) if facts.stat().st_size else "",
                (disk or {}).get(name, ""),
            )
            machine = Machine(name, suite, address, root, namespace, port, boot)
            stack.callback(made.switch_off, machine)
            made.switch_on(machine)
            made.machines[name] = machine
        for machine in made.machines.values():
            _await(machine)
        made.write_inventory()
        yield made


def _in_network(namespace: str) -> list[str]:
    """What runs a command in a network; nothing for this machine's."""
    return ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []


def _free() -> int:
    """A port of loopback that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _share(root: Path, port: int) -> None:
    """Let a machine use this machine's network and mirrors; its sshd listens on loopback alone."""
    for name in NETWORK:
        if (Path("/") / name).exists():
            shutil.copyfile(Path("/") / name, root / name)
    lines = "".join(f"{name}={value}\n" for name, value in settings().items())
    (root / "etc/environment").write_text(lines, encoding="utf-8")
    listens = f"ListenAddress 127.0.0.1\nPort {port}\n"
    (root / "etc/ssh/sshd_config.d/room.conf").write_text(listens, encoding="utf-8")


def _network(made: Room, stack: contextlib.ExitStack) -> None:
    """The controller's namespace, with the bridge that all machines are on."""
    do("ip", "netns", "add", made.namespace)
    stack.callback(do, "ip", "netns", "del", made.namespace)
    for line in ("link set lo up", "link add bridge type bridge", "link set bridge up",
                 f"address add {_NETWORK}.1/24 dev bridge"):  # fmt: skip
        do("ip", "-n", made.namespace, *line.split())


def _cable(made: Room, machine: Machine) -> None:
    """A machine's network, on the room's bridge; its end there goes away with it."""
    namespace, address = machine.namespace, machine.address
    do("ip", "netns", "add", namespace)
    number = int(address.rpartition(".")[2])
    port = f"p{number}"
    # The controller remembers where an address was, and a real card keeps its own when it restarts.
    do("ip", "-n", made.namespace, "link", "add", port, "type", "veth", "peer", "name", "eth0",
       "address", f"02:00:00:00:00:{number:02x}", "netns", namespace)  # fmt: skip
    do("ip", "-n", made.namespace, "link", "set", port, "master", "bridge", "up")
    do("ip", "-n", namespace, "link", "set", "lo", "up")
    do("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
    do("ip", "-n", namespace, "link", "set", "eth0", "up")


def _settle(root: Path, name: str, key: str) -> None:
    """What an installer would ask: a name, a user, and a key to log in with."""
    (root / "etc/hostname").write_text(f"{name}\n", encoding="utf-8")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost {name}\n", encoding="utf-8")
    # Without it systemd would take this for the first boot ever, and enable what can be enabled.
    (root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n", encoding="utf-8")
    for unit in _MASKED:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    journal = root / "etc/systemd/journald.conf.d/room.conf"
    journal.parent.mkdir(exist_ok=True)
    journal.write_text(_JOURNAL, encoding="utf-8")
    for old in root.glob("etc/ssh/ssh_host_*"):
        old.unlink()
    do("chroot", root, "ssh-keygen", "-A", "-q")
    do("chroot", root, "useradd", "--create-home", "--shell=/bin/bash", "--groups=sudo", "teacher")
    do("chroot", root, "chpasswd", stdin=f"teacher:{PASSWORD}\n")
    folder = root / "home/teacher/.ssh"
    folder.mkdir(mode=0o700)
    (folder / "authorized_keys").write_text(key, encoding="utf-8")
    do("chroot", root, "chown", "-R", "teacher:", "/home/teacher/.ssh")


def _await(machine: Machine) -> None:
    """Wait until a machine's sshd listens and lets users in (pam_nologin(8))."""
    ready = ("sh", "-c", "test ! -e /run/nologin && cat /proc/net/tcp")
    for _ in range(600):
        with contextlib.suppress(AssertionError):
            if f":{machine.port:04X} 00000000:0000" in machine.inside(*ready):
                return
        time.sleep(0.1)
    raise AssertionError(f"{machine.name} has no sshd")


def _supply(system: Mapping[str, str]) -> None:
    """Make what a kind of machine is sent: the controller's network leads to no mirror."""
    seen = json.dumps({"lab_machine_seen": system})
    do(ROOT / ".venv/bin/ansible-playbook", ROOT / "playbooks/bundle.yml", "-e", seen)


def base(suite: str) -> Path:
    """The files of a small server, made once and kept in the cache."""
    kept = CACHE / "machines" / f"server-{suite}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{suite}-", dir=kept.parent) as folder:
            made = Path(folder) / "root"
            do("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", suite, made)
            for package in (made / "var/cache/apt/archives").glob("*.deb"):
                package.unlink()
            shutil.move(made, kept)
    return kept


def do(*argv: str | Path, stdin: str = "") -> str:
    """Run a program of this machine to its end."""
    done = subprocess.run(argv, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """A room for a person to try: ``python -m tests.room.rig NAME=SUITE ...`` until Ctrl-D."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    with room(dict(each.split("=") for each in arguments)) as made:
        print(f"{made.inventory}\n{' '.join(made.on_controller('bash'))}", flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
