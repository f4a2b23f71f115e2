"""What a provider remembers about a lab, in the profile's folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import (
    make_private,
    write_private,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import (
    Profile,
    may_be_named,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.typed import from_json

_KUBECONFIG = "kubeconfig"
_CACHE = "kubectl-cache"
_CONTRACT = "contract.json"
_EXERCISES = "exercises.json"
Settings = TypeVar("Settings")


def kubeconfig(profile: Profile) -> Path:
    """The lab's own kubeconfig."""
    return profile.folder / _KUBECONFIG


def kubectl_cache(profile: Profile) -> Path:
    """Where kubectl keeps what it has learned about the API."""
    return profile.folder / _CACHE


@dataclass(frozen=True)
class Memory(Generic[Settings]):
    """The labs of one provider.

    Args:
        name: the provider's, which is that of its file.
        kind: the dataclass of a lab's settings.
        more: other files that the provider makes in a lab's folder.
    """

    name: str
    kind: type[Settings]
    more: frozenset[str] = frozenset()

    def load(self, profile: Profile) -> Settings | None:
        """The settings of a lab, even of a half-made one; None if there are none.

        Raises:
            LabError: they can't be read.
        """
        path = self._file(profile.folder)
        try:
            return from_json(self.kind, path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise LabError(
                f"{path} can't be read as a lab's settings: {error}.",
                f"Remove what the lab made by hand, then {profile.folder}.",
                Kind.INPUT,
            ) from error

    def save(self, profile: Profile, settings: Settings) -> None:
        """Write the settings in one step, for their owner alone."""
        make_private(profile.folder)
        plain: Any = settings
        write_private(self._file(profile.folder), json.dumps(asdict(plain), indent=2) + "\n")

    def labs(self, state: Path) -> set[Profile]:
        """The labs that have a folder in this folder of all labs."""
        folders = state.iterdir() if state.is_dir() else ()
        return {
            Profile(each.name, state)
            for each in folders
            if may_be_named(each.name) and not each.is_symlink() and self._file(each).is_file()
        }

    def remove(self, profile: Profile) -> None:
        """Remove the lab's folder; LabError if something else is in it."""
        own = {f"{self.name}.json", _KUBECONFIG, _CACHE, _CONTRACT, _EXERCISES, *self.more}
        own |= {f"{name}.new" for name in own} | {"contract.new"}
        others = [each.name for each in profile.folder.iterdir() if each.name not in own]
        if others or profile.folder.is_symlink():
            listed = ", ".join(sorted(others))
            raise LabError(
                f"{profile.folder} has something that isn't the lab's: {listed}.",
                "Move it elsewhere; then try again.",
                Kind.INPUT,
            )
        shutil.rmtree(profile.folder)

    def _file(self, folder: Path) -> Path:
        return folder / f"{self.name}.json"
