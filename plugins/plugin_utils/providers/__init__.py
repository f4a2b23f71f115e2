"""What makes clusters: a folder for each provider, and the one place that chooses among them.

A provider is a folder here whose module ``provider`` has a ``PROVIDER``, a file in ``inventory/``
and one in the role cluster's ``tasks/``, all of the same name. Nothing else names one.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Provider

DEFAULT = "embedded"


@cache
def names() -> tuple[str, ...]:
    """The names of the providers."""
    return tuple(sorted(each.name for each in pkgutil.iter_modules(__path__) if each.ispkg))


def named(name: str) -> Provider:
    """The provider with that name; LabError if there is none."""
    if name not in names():
        raise LabError(
            f"There is no provider {name!r}.",
            f"The providers are: {', '.join(names())}.",
            Kind.INPUT,
        )
    provider: Provider = importlib.import_module(f"{__name__}.{name}.provider").PROVIDER
    return provider


def labs(state: Path) -> dict[Profile, Provider]:
    """The labs on this machine, with their providers.

    Args:
        state: a folder of all profiles. Labs whose folder is elsewhere count if they run.
    """
    made = map(named, names())
    return {lab: provider for provider in made for lab in sorted(provider.labs(state))}


def of(profile: Profile, asked: str = "") -> Provider:
    """The provider of a lab.

    Args:
        profile: the lab.
        asked: the provider that is asked for; empty if none is.

    Returns:
        The one that made the lab; if there is no lab, the one asked for, or the default.

    Raises:
        LabError: the provider is unknown, or another one made the lab.
    """
    made_by = contract.provider_of(profile.contract)
    if made_by and asked not in ("", made_by):
        raise LabError(
            f"The lab {profile.name!r} is of the provider {made_by!r}, not {asked!r}.",
            f"Use --provider {made_by}, or choose another profile.",
            Kind.INPUT,
        )
    if made_by and made_by not in names():
        raise LabError(
            f"{profile.contract} names the provider {made_by!r}, which there is not.",
            f"The providers are: {', '.join(names())}.",
            Kind.INPUT,
        )
    return named(made_by or asked or DEFAULT)
