"""Images from layers, and the registry's folder."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import registry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.layers import Extra, Layer
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.registry import Image

LAYERS = [
    Layer("base", extras=(Extra("file", "etc/motd", "hello"),)),
    Layer("web", parent="base", extras=(Extra("file", "index.html", "page"),)),
]
IMAGES = [
    Image("example/base:1", "base", ("/bin/sh",)),
    Image("example/web:latest", "web", ("/web",), (("A", "b"),), "SIGQUIT", ("80/tcp",), ("/in",)),
]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    # Layers without packages need no apt.
    apt = cast("PrivateApt", None)
    registry.build(LAYERS, IMAGES, apt, tmp_path, Path("/served"))
    return tmp_path


def test_every_blob_and_manifest_is_named_by_its_digest(built: Path) -> None:
    files = [*built.glob("blobs/*"), *built.glob("manifests/*/*/*")]
    assert len(files) == 2 + 2 + 2
    for path in files:
        assert path.name == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_images_share_layers(built: Path) -> None:
    index = json.loads((built / "images.json").read_text())
    shared = index["example/base:1"]["layers"]["base"]
    assert index["example/web:latest"]["layers"]["base"] == shared


def test_the_manifest_leads_to_config_and_layers(built: Path) -> None:
    index = json.loads((built / "images.json").read_text())
    digest = index["example/web:latest"]["digest"]
    manifest = json.loads((built / "manifests/example/web" / digest).read_text())
    config = json.loads((built / "blobs" / manifest["config"]["digest"]).read_text())
    assert config["config"] == {
        "Cmd": ["/web"],
        "Entrypoint": ["/in"],
        "Env": ["A=b"],
        "ExposedPorts": {"80/tcp": {}},
        "StopSignal": "SIGQUIT",
    }
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    for layer in manifest["layers"]:
        assert (built / "blobs" / layer["digest"]).stat().st_size == layer["size"]


def test_each_tag_has_its_location(built: Path) -> None:
    text = (built / "locations.conf").read_text()
    assert "location = /v2/example/web/manifests/latest {" in text
    assert "alias /served/blobs/$blob;" in text


@pytest.mark.parametrize(
    "name",
    ["../../etc/x:1", "a/../b:1", "/a:1", "A:1", "a:1;}", "a b:1", "a\nb:1", "a:../1", "a:", "a"],
)
def test_an_image_s_name_leads_nowhere_else(name: str) -> None:
    with pytest.raises(LabError, match="No image can be called") as raised:
        registry.require_names([*IMAGES, Image(name, "base", ())])
    assert raised.value.kind is Kind.INPUT
    registry.require_names([*IMAGES, Image("a/b__c.d---e_f:V_1.0-x", "base", ())])


def test_a_changed_image_has_another_key() -> None:
    keys = {
        registry.key(LAYERS, IMAGES, "debian-12"),
        registry.key(LAYERS, IMAGES, "debian-13"),
        registry.key(LAYERS, IMAGES[:1], "debian-12"),
        registry.key([replace(LAYERS[0], packages=("bash",)), LAYERS[1]], IMAGES, "debian-12"),
    }
    assert len(keys) == 4
    assert registry.key(LAYERS, IMAGES, "debian-12") in keys


@pytest.mark.parametrize(
    ("layers", "name", "words"),
    [
        ([Layer("a", parent="b")], "a", "No image layer is called 'b'"),
        ([Layer("a", parent="a")], "a", "is its own ancestor"),
        ([], "x", "No image layer is called 'x'"),
    ],
)
def test_layers_that_lead_nowhere(layers: list[Layer], name: str, words: str) -> None:
    with pytest.raises(LabError, match=words) as raised:
        registry.chain({layer.name: layer for layer in layers}, name)
    assert raised.value.kind is Kind.INPUT
