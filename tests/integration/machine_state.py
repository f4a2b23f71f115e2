"""What a lab must leave as it found it, read from the machine."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

_KERNEL_SETTINGS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/ipv4/ip_forward",
    "net/netfilter/nf_conntrack_max",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)


def snapshot() -> dict[str, list[str]]:
    """Everything that a lab could leave behind, by kind, in an order that doesn't change."""
    return {
        "links": _output("ip", "-o", "link"),
        "addresses": _output("ip", "-o", "addr"),
        "routes": _output("ip", "route", "show", "table", "all"),
        "rules": _output("ip", "rule"),
        "network namespaces": _output("ip", "netns", "list"),
        "firewall": _firewall(),
        "mounts": sorted(Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()),
        # Of version 1 there is a tree for each controller, of version 2 just one.
        "control groups": sorted(
            str(path)
            for pattern in ("latihan*", "*/latihan*")
            for path in Path("/sys/fs/cgroup").glob(pattern)
        ),
        "kernel settings": [f"{key}: {_setting(key)}" for key in _KERNEL_SETTINGS],
        "temporary files": sorted(path.name for path in Path(tempfile.gettempdir()).iterdir()),
        "configuration": _files(Path("/etc")),
        "kubeconfig": _files(Path.home() / ".kube"),
        "containers' folders": [
            str(path)
            for name in ("lib/kubelet", "lib/containerd", "lib/etcd", "lib/cni", "log/pods")
            if (path := Path("/var") / name).exists()
        ],
    }


def _firewall() -> list[str]:
    """The rules alone: counters and the time of reading change by themselves."""
    lines = _output("iptables-save")
    return [line.split(" [")[0] for line in lines if not line.startswith("#")]


def _setting(key: str) -> str:
    path = Path("/proc/sys") / key
    return path.read_text(encoding="utf-8").strip() if path.exists() else "not there"


def _files(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        found.append(f"{path} {status.st_mode:o} {status.st_size} {status.st_mtime_ns}")
    return found


def _output(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return sorted(line.rstrip() for line in done.stdout.splitlines())


if __name__ == "__main__":
    print(json.dumps(snapshot()))
