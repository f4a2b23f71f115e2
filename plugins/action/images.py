"""Make container images from Debian packages; see the module's documentation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils import in_cluster
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import references, registry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt, apt_for
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.layers import Extra, Layer
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.own_images import (
    RECIPE,
    OwnImages,
    folder_in,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.systems import System, chosen

_FILE, _PROGRAM, _DIRECTORY = 0o644, 0o755, "755"
_IN_CLUSTER = Path(in_cluster.__file__).parent


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.images``."""

    _fetches = True

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Make the images that are missing."""
        cache = Path(args["cache"])
        layers = [self._layer(each, args["exclude"]) for each in args["layers"]]
        images = [_image(each) for each in args["images"]]
        if not args["own"]:
            registry.require_names(images)
        by_name = {layer.name: layer for layer in layers}
        for image in images:
            registry.chain(by_name, image.layer)
        if args["own"]:
            return self._own(cache, layers, images, args["reserved"])
        system = chosen(args["system"], args["codename"])
        entry = Entry(cache / "images" / registry.key(layers, images, system.name))
        if entry.ready():
            return {"changed": False, "path": str(entry.path), "images": _index(entry.path)}
        if self.check_mode:
            return {"changed": True, "path": str(entry.path)}
        apt = apt_for(cache, system)
        with apt.locked(), entry.made() as folder:
            if folder is not None:
                registry.build(layers, images, apt, folder, entry.path)
        return {"changed": True, "path": str(entry.path), "images": _index(entry.path)}

    def _own(
        self, cache: Path, layers: list[Layer], images: list[registry.Image], reserved: list[str]
    ) -> dict[str, Any]:
        """Add the images to a person's own, except those that are there already."""
        own = OwnImages(folder_in(cache / "images"))
        present = {each.reference: each.recipe for each in own.all()}
        missing = []
        for image in images:
            reference = references.parse(image.name)
            references.require_free(reference, reserved)
            recipe = registry.key(layers, [image], System.own().name)
            if present.get(reference) != recipe:
                missing.append((reference, replace(image, name=reference.within), recipe))
        if missing and not self.check_mode:
            apt = PrivateApt(cache / "apt")
            with apt.locked(), own.adding() as new:
                for reference, image, recipe in missing:
                    folder = new / recipe
                    folder.mkdir()
                    registry.build(layers, [image], apt, folder, folder)
                    digest = _index(folder)[image.name]["digest"]
                    manifest = _json(folder / "manifests" / image.repository / digest)
                    manifest["annotations"] = {RECIPE: recipe}
                    own.put(reference, manifest, folder / "blobs")
        return {"changed": bool(missing), "path": str(own.folder)}

    def _layer(self, option: dict[str, Any], exclude: list[str]) -> Layer:
        return Layer(
            name=option["name"],
            parent=option["parent"],
            packages=tuple(option["packages"]),
            only=tuple(option["only"]),
            exclude=(*([] if option["complete"] else exclude), *option["exclude"]),
            extras=(*_extras(option), *self._copies(option)),
            merged_usr=option["merged_usr"],
        )

    def _copies(self, option: dict[str, Any]) -> Iterator[Extra]:
        for path, source in option["copies"].items():
            # In check mode, what is to be copied may not have been made.
            missing = self.check_mode and not Path(source).exists()
            digest = "" if missing else _digest(Path(source))
            yield Extra("copy", path, source, _PROGRAM, digest)


def _digest(source: Path) -> str:
    try:
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LabError(
            f"{source} can't be copied into an image: {error.strerror}.", kind=Kind.INPUT
        ) from error


def _index(folder: Path) -> Any:
    return _json(folder / "images.json")


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _extras(option: dict[str, Any]) -> Iterator[Extra]:
    for path, mode in option["directories"].items():
        yield Extra("directory", path, mode=int(str(mode or _DIRECTORY), 8))
    for path, content in option["files"].items():
        yield Extra("file", path, str(content), _FILE)
    for path, content in option["programs"].items():
        yield Extra("file", path, str(content), _PROGRAM)
    for name in option["in_cluster"]:
        program = (_IN_CLUSTER / f"{name}.py").read_text(encoding="utf-8")
        yield Extra("file", f"/program/in_cluster/{name}.py", program, _FILE)
    for path, target in option["links"].items():
        yield Extra("link", path, str(target))


def _image(option: dict[str, Any]) -> registry.Image:
    return registry.Image(
        name=option["name"] if ":" in option["name"] else f"{option['name']}:latest",
        layer=option["layer"],
        command=tuple(option["command"]),
        environment=tuple((name, str(value)) for name, value in option["environment"].items()),
        stop_signal=option["stop_signal"],
        ports=tuple(option["ports"]),
        entrypoint=tuple(option["entrypoint"]),
    )
