"""A person's own images: all of one or nothing, and nothing that nobody uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import blobs, references
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.own_images import OwnImages


def add(own: OwnImages, name: str, *layers: bytes) -> None:
    with own.adding() as new:
        written = [(blobs.LAYER_TYPE, blobs.write(new, each)) for each in layers]
        manifest = blobs.manifest(blobs.write(new, name.encode()), written)
        own.put(references.parse(name), manifest, new)


def listed(own: OwnImages) -> dict[str, int]:
    return {each.reference.familiar: each.size for each in own.all()}


def contents(own: OwnImages) -> set[bytes]:
    return {each.read_bytes() for each in own.folder.glob("blobs/*")}


def test_images_are_listed_and_share_layers(tmp_path: Path) -> None:
    own = OwnImages(tmp_path / "own")
    assert own.all() == []
    add(own, "a:1", b"shared", b"one")
    add(own, "quay.io/a/b:2", b"shared", b"two!")
    assert listed(own) == {"a:1": 9, "quay.io/a/b:2": 10}
    assert contents(own) == {b"a:1", b"quay.io/a/b:2", b"shared", b"one", b"two!"}
    tag = own.folder / "manifests/quay.io/a/b/:2"
    assert tag.read_bytes() == tag.with_name(own.all()[1].digest).read_bytes()


def test_what_no_image_needs_any_more_goes(tmp_path: Path) -> None:
    own = OwnImages(tmp_path / "own")
    add(own, "a:1", b"shared", b"one")
    add(own, "b", b"shared")
    add(own, "a:1", b"shared", b"again")
    assert contents(own) == {b"a:1", b"b", b"shared", b"again"}
    assert len(list(own.folder.glob("manifests/**/sha256:*"))) == 2
    assert own.remove(references.parse("a:1"))
    assert not own.remove(references.parse("a:1"))
    assert (contents(own), listed(own)) == ({b"b", b"shared"}, {"b:latest": 6})


def test_an_addition_that_fails_leaves_nothing(tmp_path: Path) -> None:
    own = OwnImages(tmp_path / "own")
    add(own, "a:1", b"one")

    def fail() -> None:
        with own.adding() as new:
            blobs.write(new, b"half")
            raise LabError("It is damaged.")

    with pytest.raises(LabError):
        fail()
    assert (contents(own), listed(own)) == ({b"a:1", b"one"}, {"a:1": 3})
    assert not list(own.folder.glob(".new*"))
