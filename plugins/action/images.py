"""Make container images from Debian packages; see the module's documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils import in_cluster
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import registry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.layers import Extra, Layer
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.packages import system_name

_FILE, _PROGRAM, _DIRECTORY = 0o644, 0o755, "755"
_IN_CLUSTER = Path(in_cluster.__file__).parent


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.images``."""

    _fetches = True

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Make the images that are missing."""
        cache = Path(args["cache"])
        layers = [_layer(each, args["exclude"]) for each in args["layers"]]
        images = [_image(each) for each in args["images"]]
        registry.require_names(images)
        by_name = {layer.name: layer for layer in layers}
        for image in images:
            registry.chain(by_name, image.layer)
        entry = Entry(cache / "images" / registry.key(layers, images, system_name()))
        if entry.ready():
            return {"changed": False, "path": str(entry.path), "images": _index(entry.path)}
        if self.check_mode:
            return {"changed": True, "path": str(entry.path)}
        apt = PrivateApt(cache / "apt")
        with apt.locked(), entry.made() as folder:
            if folder is not None:
                registry.build(layers, images, apt, folder, entry.path)
        return {"changed": True, "path": str(entry.path), "images": _index(entry.path)}


def _index(folder: Path) -> Any:
    return json.loads((folder / "images.json").read_text(encoding="utf-8"))


def _layer(option: dict[str, Any], exclude: list[str]) -> Layer:
    return Layer(
        name=option["name"],
        parent=option["parent"],
        packages=tuple(option["packages"]),
        only=tuple(option["only"]),
        exclude=(*exclude, *option["exclude"]),
        extras=tuple(_extras(option)),
        merged_usr=option["merged_usr"],
    )


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
    )
