"""What the lab remembers about a cluster that isn't its own, in the profile's folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import make_private
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.common.typed import from_json

_FILE = "existing.json"
_KUBECONFIG = "kubeconfig"
_CACHE = "kubectl-cache"
_CONTRACT = "contract.json"
_OWN = frozenset([_FILE, _KUBECONFIG, _CACHE, _CONTRACT, f"{_FILE}.new", "contract.new"])


@dataclass(frozen=True)
class ExistingSettings:
    """What somebody asked for; ``server`` is the API that was found by it.

    Args:
        namespace: the lab's own namespace there.
        node_label: the label that the lab puts on a node, as in ``name=value``.
        kubeconfig, context: where the cluster is; empty for kubectl's own default.
        kubectl: the program; empty for the first one in the PATH.
        helpers: which helper pods enter the nodes: none, network or privileged.
        enter_node, enter_host: commands that enter a node, and the place outside; empty for none.
        tools: the image of helper pods.
        server: the URL of the API.
    """

    namespace: str
    node_label: str
    kubeconfig: str = ""
    context: str = ""
    kubectl: str = ""
    helpers: str = "none"
    enter_node: str = ""
    enter_host: str = ""
    tools: str = ""
    server: str = ""

    @property
    def label_key(self) -> str:
        """The key of the node label."""
        return self.node_label.partition("=")[0]


def wanted(options: Mapping[str, str]) -> ExistingSettings:
    """The settings that the options of the provider ask for; LabError if one is wrong."""
    try:
        return ExistingSettings(**options)
    except TypeError as error:
        raise LabError(
            f"The options of the provider 'existing' are wrong: {error}.",
            "Use the role latihan.lab.cluster, which sets them.",
            Kind.INPUT,
        ) from error


def together(known: ExistingSettings | None, asked: ExistingSettings) -> ExistingSettings:
    """What is asked for now, and for the rest what is known: a lab stays in its cluster.

    Raises:
        LabError: the lab is in another namespace.
    """
    if known is None:
        return asked
    for name in ("namespace", "node_label"):
        old, new = getattr(known, name), getattr(asked, name)
        if old != new:
            raise LabError(
                f"The lab has the {name.replace('_', ' ')} {old!r}, not {new!r}.",
                f"Set `-e lab_{name}={old}`, take the lab down first, or use another profile.",
                Kind.INPUT,
            )
    elsewhere = asked.kubeconfig or asked.context
    return replace(
        asked,
        kubeconfig=asked.kubeconfig if elsewhere else known.kubeconfig,
        context=asked.context if elsewhere else known.context,
        kubectl=asked.kubectl or known.kubectl,
        server=known.server,
    )


def kubeconfig(profile: Profile) -> Path:
    """The lab's own kubeconfig: one cluster, one context, one user, and the lab's namespace."""
    return profile.folder / _KUBECONFIG


def kubectl_cache(profile: Profile) -> Path:
    """Where kubectl keeps what it has learned about the API."""
    return profile.folder / _CACHE


def load(profile: Profile) -> ExistingSettings | None:
    """The settings of a lab, even of a half-made one; None if there are none.

    Raises:
        LabError: they can't be read.
    """
    path = profile.folder / _FILE
    try:
        return from_json(ExistingSettings, path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LabError(
            f"{path} can't be read as a lab's settings: {error}.",
            f"Delete the lab's namespace by hand, then {profile.folder}.",
            Kind.INPUT,
        ) from error


def save(profile: Profile, settings: ExistingSettings) -> None:
    """Write the settings in one step, for their owner alone."""
    make_private(profile.folder)
    path = profile.folder / _FILE
    new = path.with_name(f"{_FILE}.new")
    new.write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    new.replace(path)


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600, exist_ok=False)
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def is_lab(folder: Path) -> bool:
    """Whether a folder is a lab's of this provider."""
    return not folder.is_symlink() and (folder / _FILE).is_file()


def remove(profile: Profile) -> None:
    """Remove the lab's folder; LabError if something else is in it."""
    others = [each.name for each in profile.folder.iterdir() if each.name not in _OWN]
    if others or profile.folder.is_symlink():
        raise LabError(
            f"{profile.folder} has something that isn't the lab's: {', '.join(sorted(others))}.",
            "Move it elsewhere; then try again.",
            Kind.INPUT,
        )
    shutil.rmtree(profile.folder)
