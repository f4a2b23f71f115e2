"""Images, and the read-only registry that serves them: a folder that plain nginx can serve.

Formats: OCI image specification 1.0 (config, manifest), and pulling as in the OCI distribution
specification 1.0 (``/v2/NAME/manifests/REFERENCE``, ``/v2/NAME/blobs/DIGEST``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import blobs as parts
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.blobs import Blob
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.layers import Layer, write_layer
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.references import REPOSITORY, TAG

_NAME = re.compile(f"{REPOSITORY}:{TAG}")
# Increase this if the same layers and images are to be written in another way.
_RECIPE = 3


@dataclass(frozen=True)
class Image:
    """An image: its name with its tag, without a host (``library/nginx:latest``).

    ``layer`` is its topmost layer; the other fields are those of the OCI image configuration.
    """

    name: str
    layer: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    stop_signal: str = ""
    ports: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()

    @property
    def repository(self) -> str:
        """The name without the tag."""
        return self.name.rpartition(":")[0]


def require_names(images: Sequence[Image]) -> None:
    """Raise a LabError unless all names are valid: they become folders and lines for nginx."""
    for image in images:
        if not _NAME.fullmatch(image.name):
            raise LabError(
                f"No image can be called {image.name!r}.",
                "Use a name like library/nginx:latest, in lowercase before the tag.",
                Kind.INPUT,
            )


def key(layers: Sequence[Layer], images: Sequence[Image], system: str) -> str:
    """The folder's name; it depends on the layers, the images and the system."""
    digest_input = repr((_RECIPE, tuple(layers), tuple(images), system))
    return f"{system}-{hashlib.sha256(digest_input.encode()).hexdigest()[:12]}"


def chain(layers: Mapping[str, Layer], name: str) -> list[Layer]:
    """The layers of an image, from the lowest to the topmost, which is ``name``.

    Raises:
        LabError: a layer is missing, or is its own ancestor.
    """
    found: list[Layer] = []
    while name:
        if name not in layers:
            raise LabError(
                f"No image layer is called {name!r}.",
                f"The layers are: {', '.join(sorted(layers))}.",
                Kind.INPUT,
            )
        if layers[name] in found:
            raise LabError(f"The image layer {name!r} is its own ancestor.", kind=Kind.INPUT)
        found.append(layers[name])
        name = layers[name].parent
    return found[::-1]


def build(
    layers: Sequence[Layer], images: Sequence[Image], apt: PrivateApt, into: Path, served: Path
) -> None:
    """Make the images and lay them out as a registry.

    Args:
        layers: the layers that the images are made of.
        images: the images.
        apt: downloads their packages.
        into: the folder to fill: ``blobs/DIGEST``, ``manifests/NAME/DIGEST``, ``images.json``
            and ``locations.conf``, which an nginx server block includes.
        served: the path that the folder will have when nginx serves it.

    Raises:
        LabError: a package is unknown or can't be downloaded.
    """
    (into / "blobs").mkdir()
    by_name = {layer.name: layer for layer in layers}
    progress = Progress("images made", len(images))
    made: dict[str, Blob] = {}
    written: dict[str, tuple[set[str], set[str]]] = {"": (set(), set())}
    index: dict[str, dict[str, Any]] = {}
    for image in images:
        stack = chain(by_name, image.layer)
        for layer in stack:
            if layer.name not in made:
                made[layer.name], written[layer.name] = _make_layer(
                    layer, stack, apt, written[layer.parent], into
                )
        blobs = [made[layer.name] for layer in stack]
        index[image.name] = {
            "digest": _describe(image, blobs, into),
            "bytes": sum(blob.size for blob in blobs),
            "layers": {layer.name: blob.digest for layer, blob in zip(stack, blobs, strict=True)},
        }
        progress.advance()
    (into / "images.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    (into / "locations.conf").write_text(locations(index, served), encoding="utf-8")


def _make_layer(
    layer: Layer,
    stack: Sequence[Layer],
    apt: PrivateApt,
    below: tuple[set[str], set[str]],
    into: Path,
) -> tuple[Blob, tuple[set[str], set[str]]]:
    """Write a layer's blob; returns it with the packages and directories up to this layer."""
    packages, directories = set(below[0]), set(below[1])
    debs = []
    if layer.packages:
        through = stack[: stack.index(layer) + 1]
        names = [package for each in through for package in each.packages]
        debs = apt.fetch(names, lambda name: layer.wants(name) and name not in packages)
    packages.update(deb.name for deb in debs)
    new = into / "blobs" / "new"
    blob = write_layer(layer, debs, directories, new)
    new.rename(into / "blobs" / blob.digest)
    return blob, (packages, directories)


def _describe(image: Image, blobs: Sequence[Blob], into: Path) -> str:
    """Write the image's config and manifest; returns the manifest's digest."""
    configuration: dict[str, Any] = {
        "Cmd": list(image.command),
        "Env": [f"{name}={value}" for name, value in image.environment],
    }
    if image.entrypoint:
        configuration["Entrypoint"] = list(image.entrypoint)
    if image.stop_signal:
        configuration["StopSignal"] = image.stop_signal
    if image.ports:
        configuration["ExposedPorts"] = {port: {} for port in image.ports}
    document = {
        "architecture": parts.architecture(),
        "os": "linux",
        "config": configuration,
        "rootfs": {"type": "layers", "diff_ids": [blob.digest for blob in blobs]},
    }
    config = parts.write(into / "blobs", parts.encoded(document))
    folder = into / "manifests" / image.repository
    folder.mkdir(parents=True, exist_ok=True)
    manifest = parts.manifest(config, [(parts.LAYER_TYPE, blob) for blob in blobs])
    return parts.write(folder, parts.encoded(manifest)).digest


def locations(index: Mapping[str, Mapping[str, Any]], served: Path) -> str:
    """The part of an nginx server block that serves the images.

    Args:
        index: each image by its name and tag, with its manifest's ``digest``.
        served: the folder that has ``blobs`` and ``manifests``.
    """
    tags = ""
    for name, entry in sorted(index.items()):
        repository, _, tag = name.rpartition(":")
        tags += f"location = /v2/{repository}/manifests/{tag} {{\n"
        tags += f"    rewrite ^ /v2/{repository}/manifests/{entry['digest']} last;\n}}\n"
    return f"""\
# The images of the lab, read-only, in the registry protocol version 2.
location = /v2/ {{
    default_type application/json;
    add_header Docker-Distribution-Api-Version registry/2.0 always;
    return 200 '{{}}';
}}
{tags}location ~ ^/v2/(?<name>.+)/manifests/(?<manifest>sha256:[0-9a-f]+)$ {{
    add_header Docker-Content-Digest $manifest;
    types {{ }}
    default_type {parts.MANIFEST_TYPE};
    alias {served}/manifests/$name/$manifest;
}}
location ~ ^/v2/.+/blobs/(?<blob>sha256:[0-9a-f]+)$ {{
    add_header Docker-Content-Digest $blob;
    types {{ }}
    default_type application/octet-stream;
    alias {served}/blobs/$blob;
}}
location / {{
    default_type application/json;
    return 404 '{{"errors":[{{"code":"NAME_UNKNOWN","message":"the lab has no such image"}}]}}';
}}
"""
