"""Names of images, as people write them and as a registry is asked for them.

Source: OCI distribution specification 1.0 (names and tags), and Docker's rules for what may be left
out: ``nginx`` is ``docker.io/library/nginx:latest`` (distribution/reference, normalize.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
REPOSITORY = rf"{_PART}(?:/{_PART})*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_REGISTRY = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]+)?"
_WHOLE = re.compile(rf"(?P<registry>{_REGISTRY})/(?P<repository>{REPOSITORY}):(?P<tag>{TAG})")
_DEFAULT_REGISTRY, _DEFAULT_FOLDER, _DEFAULT_TAG = "docker.io", "library", "latest"


@dataclass(frozen=True, order=True)
class Reference:
    """An image's whole name: registry, repository and tag."""

    registry: str
    repository: str
    tag: str

    @property
    def familiar(self) -> str:
        """The shortest name that means the same, as in ``kubectl run --image``."""
        name = f"{self.repository}:{self.tag}"
        if self.registry != _DEFAULT_REGISTRY:
            return f"{self.registry}/{name}"
        short = name.removeprefix(f"{_DEFAULT_FOLDER}/")
        return name if "/" in short else short

    @property
    def within(self) -> str:
        """The name in its registry, as the lab's own images have it."""
        return f"{self.repository}:{self.tag}"


def parse(text: str) -> Reference:
    """The whole name that a person's name for an image stands for.

    Raises:
        LabError: no image can be called that.
    """
    first, slash, rest = text.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, name = first.removeprefix("index."), rest
    else:
        registry, name = _DEFAULT_REGISTRY, text
    if registry == _DEFAULT_REGISTRY and "/" not in name:
        name = f"{_DEFAULT_FOLDER}/{name}"
    if ":" not in name:
        name = f"{name}:{_DEFAULT_TAG}"
    found = _WHOLE.fullmatch(f"{registry.lower()}/{name}")
    if found is None:
        raise LabError(
            f"No image can be called {text!r}.",
            "Use a name like nginx, team/app:1.0 or quay.io/team/app:1.0, with a lowercase path.",
            Kind.INPUT,
        )
    return Reference(**found.groupdict())


def require_free(reference: Reference, taken: Iterable[str]) -> None:
    """Refuse the name of an image that the lab itself needs; ``taken`` has names without registry.

    Raises:
        LabError: the lab has an image of that name.
    """
    if reference.within in taken:
        raise LabError(
            f"The lab has an image {reference.familiar} of its own, which stays as it is.",
            "Use another name or another tag.",
            Kind.INPUT,
        )
