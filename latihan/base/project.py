"""Where things are: the project's own folders, the cache, the state of a profile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Provider
from latihan.base import suggestions

DEFAULT_PROFILE = "latihan"
DEFAULT_PROVIDER = providers.DEFAULT
# Root's folder, and for others the variable and the folder in their home (XDG Base Directory).
_CACHE = ("/var/cache/latihan", "XDG_CACHE_HOME", ".cache")
_STATE = ("/var/lib/latihan", "XDG_STATE_HOME", ".local/state")


@dataclass(frozen=True)
class Project:
    """The folders that commands work on.

    ``root`` is the project, ``cache`` what outlives a teardown, ``state`` what belongs to clusters.
    ``reports`` is where runs leave their reports, ``artifacts`` in ``root`` if it is None; ``kept``
    is how many runs of each profile stay there.
    """

    root: Path
    cache: Path
    state: Path
    reports: Path | None = None
    kept: int = 100

    @property
    def playbooks(self) -> Path:
        """One file for each thing that a person can run."""
        return self.root / "playbooks"

    @property
    def roles(self) -> Path:
        """The roles that playbooks are made of."""
        return self.root / "roles"

    @property
    def inventory(self) -> Path:
        """One file for each provider."""
        return self.root / "inventory"

    def artifacts(self, profile: str) -> Path:
        """What the runs of a profile left behind, one folder per run."""
        return (self.reports or self.root / "artifacts") / profile

    def profile(self, name: str) -> Profile:
        """A lab, by its name."""
        return Profile(name, self.state)

    @property
    def locks(self) -> Path:
        """The locks of labs, by their names."""
        return self.cache / "locks"

    def contract(self, profile: str) -> Path:
        """The file that says where the cluster is and how to enter its nodes."""
        return self.profile(profile).contract


def from_environment(environment: Mapping[str, str] = os.environ) -> Project:
    """The project that this file belongs to; variables that start with LATIHAN_ change its values.

    Paths are resolved, since a lab's processes are found by the path of its state.

    Raises:
        LabError: a variable has no valid value.
    """
    reports = environment.get("LATIHAN_ARTIFACTS")
    kept = environment.get("LATIHAN_KEPT_RUNS") or str(Project.kept)
    if not kept.isdecimal() or int(kept) < 1:
        raise LabError(
            f"LATIHAN_KEPT_RUNS is {kept!r}, which is not a number of runs.",
            "Set it to 1 or more.",
            Kind.INPUT,
        )
    return Project(
        root=Path(__file__).resolve().parents[2],
        cache=_folder(environment, "LATIHAN_CACHE", *_CACHE),
        state=_folder(environment, "LATIHAN_STATE", *_STATE),
        reports=Path(reports).resolve() if reports else None,
        kept=int(kept),
    )


def _folder(
    environment: Mapping[str, str], variable: str, roots: str, base: str, others: str
) -> Path:
    """A folder by its variable, else that of root, else that of whoever runs this."""
    own = Path(environment.get(base) or Path(environment.get("HOME") or "/", others), "latihan")
    path = Path(environment.get(variable) or (own if os.geteuid() else roots))
    try:
        return path.resolve()
    except RuntimeError as error:  # pathlib's word for a link that leads to itself
        raise LabError(
            f"{variable} is {path}, a symbolic link that leads to itself.",
            "Name a folder.",
            Kind.INPUT,
        ) from error


def checked_profile(name: str, *, second: bool = False) -> str:
    """The name of a profile, checked.

    Args:
        name: the name.
        second: whether the name of a profile's second lab is allowed too.

    Raises:
        LabError: no profile can have that name.
    """
    profiles.checked(profiles.owner_of(name) if second else name)
    return name


def checked_lab(
    project: Project, profile: str, provider: str | None, *, second: bool = False
) -> Provider:
    """The provider of a lab, after its profile and provider are checked.

    Args:
        project: where labs are.
        profile: the lab's name.
        provider: the provider that is asked for; None for the lab's own, or the default.
        second: whether the name of a profile's second lab is allowed too.

    Raises:
        LabError: no profile can have that name, there is no such provider, or another one made the
            lab.
    """
    checked_profile(profile, second=second)
    names = providers.names()
    if provider is not None and provider not in names:
        raise LabError(
            f"There is no provider {provider!r}.",
            suggestions.hint(provider, names, f"The providers are: {', '.join(names)}."),
            Kind.INPUT,
        )
    return providers.of(project.profile(profile), provider or "")


def need_root(provider: Provider) -> None:
    """Refuse to work without the rights that a lab of that provider needs."""
    if provider.needs_root and os.geteuid() != 0:
        raise LabError(
            f"This needs root: {provider.needs_root}.",
            "Run it as root, or with sudo.",
            Kind.MACHINE,
        )
