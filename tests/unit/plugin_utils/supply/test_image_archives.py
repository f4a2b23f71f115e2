"""Archives of images: what is in them, and what is refused."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import image_archives
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.blobs import (
    LAYER_TYPE,
    architecture,
)
from tests import images
from tests.images import Files

HERE = architecture()
OTHER = "s390x"
BASE = images.tar({"bin/sh": b"#!", "etc/motd": b"hello"})
TOP = gzip.compress(images.tar({"app": b"app"}), mtime=0)
SAVED = images.saved({"team/app:1": (BASE, TOP)})
LAYOUT = images.layout("quay.io/team/app:1", BASE, TOP)
BOTH = images.layout("app:1", BASE, machines=(OTHER, HERE))


def load(path: Path, into: Path) -> tuple[tuple[str, ...], list[tuple[str, bytes]]]:
    """The names of the one image, and its layers with their types."""
    with image_archives.opened(path) as archive:
        [image] = archive.images(HERE)
        manifest = archive.copy(image, HERE, into)
    layers = [
        (layer["mediaType"].removeprefix(LAYER_TYPE), (into / layer["digest"]).read_bytes())
        for layer in manifest["layers"]
    ]
    config = json.loads((into / manifest["config"]["digest"]).read_bytes())
    assert config["architecture"] == HERE
    return image.names, layers


@pytest.fixture
def into(tmp_path: Path) -> Path:
    (tmp_path / "into").mkdir()
    return tmp_path / "into"


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (SAVED, ("team/app:1",)),
        (LAYOUT, ("quay.io/team/app:1",)),
        ({**LAYOUT, **SAVED}, ("team/app:1",)),
        ({f"./{name}": data for name, data in LAYOUT.items()}, ("quay.io/team/app:1",)),
        (images.layout("1.0", BASE, TOP), ()),
        (images.saved({"": (BASE, TOP)}), ()),
    ],
)
def test_an_image_comes_out_as_it_went_in(
    tmp_path: Path, into: Path, files: Files, names: tuple[str, ...]
) -> None:
    path = images.write(tmp_path / "a.tar", files)
    assert load(path, into) == (names, [("", BASE), ("+gzip", TOP)])


def test_an_archive_may_be_compressed_and_have_images_for_other_machines(
    tmp_path: Path, into: Path
) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(images.tar(BOTH)))
    assert load(path, into) == (("app:1",), [("", BASE)])


def test_a_layer_that_is_a_link_to_another_is_that(tmp_path: Path, into: Path) -> None:
    files = images.saved({"app:1": (BASE, BASE)})
    document = json.loads(files["manifest.json"])
    document[0]["Layers"][1] = "twin/layer.tar"
    target = f"../{document[0]['Layers'][0]}"
    members: dict[str, bytes | tarfile.TarInfo] = {
        **files,
        "manifest.json": json.dumps(document).encode(),
        "twin/layer.tar": images.link("twin/layer.tar", target, tarfile.SYMTYPE),
    }
    path = tmp_path / "a.tar"
    path.write_bytes(images.tar(members))
    assert load(path, into) == (("app:1",), [("", BASE), ("", BASE)])


def without(files: Files, part: str) -> Files:
    return {name: data for name, data in files.items() if part not in name}


def changed(files: Files, change: Callable[[bytes], bytes], part: str = "blobs") -> Files:
    return {name: change(data) if part in name else data for name, data in files.items()}


def of_layer(**members: tarfile.TarInfo) -> Files:
    return images.saved({"app:1": (images.tar(members),)})


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"readme": b""}, "neither an index.json nor a manifest.json"),
        ({"manifest.json": b"[{"}, "manifest.json: all of it: Invalid JSON"),
        ({"manifest.json": b"[" * 100_000}, "manifest.json: all of it: Invalid JSON"),
        ({"manifest.json": b'{"a": 1}'}, "manifest.json: all of it"),
        ({"manifest.json": b'[{"Config": "c"}]'}, "manifest.json: 0.Layers"),
        ({"manifest.json": b'[{"Config": "../c", "Layers": []}]'}, "../c is missing"),
        ({"manifest.json": b" " * (9 << 20)}, "larger than any such file"),
        ({"index.json": b'{"manifests": [{"digest": "sha256:../x"}]}'}, "manifests.0.digest"),
        (without(SAVED, "layer.tar"), "layer.tar is missing"),
        (without(LAYOUT, images.digest(TOP)[7:]), "is missing"),
        (changed(LAYOUT, lambda data: data + b" "), "is damaged"),
        (changed(SAVED, lambda data: data + b" ", "layer.tar"), "isn't what the image's config"),
        (changed(SAVED, lambda data: data[:-9], images.digest(TOP)[7:]), "no archive, or damaged"),
        (changed(SAVED, lambda _: b"\x28\xb5\x2f\xfd", "layer.tar"), "compressed with zstd"),
        (changed(SAVED, lambda _: b"not a tar", "layer.tar"), "no archive, or damaged"),
        (images.saved({"a:1": (BASE,)}, machine=OTHER), f"its image is for linux/{OTHER}"),
        (images.saved({"a:1": (BASE,)}, system="windows"), f"its image is for windows/{HERE}"),
        (images.layout("a:1", BASE, machines=(OTHER,)), f"it has an image for linux/{OTHER}"),
        (of_layer(a=tarfile.TarInfo("../etc/passwd")), "'../etc/passwd', which leads outside"),
        (of_layer(a=tarfile.TarInfo("/etc/passwd")), "'/etc/passwd', which leads outside"),
        (of_layer(a=images.link("a", "../../x", tarfile.LNKTYPE)), "'a', which leads outside"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(
    tmp_path: Path, into: Path, files: Files, words: str
) -> None:
    with pytest.raises(LabError) as refused:
        load(images.write(tmp_path / "a.tar", files), into)
    assert words in refused.value.message
    assert (refused.value.kind, refused.value.hint != "") == (Kind.INPUT, True)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("files", [SAVED, LAYOUT], ids=["saved", "layout"])
def test_half_an_archive_is_refused(tmp_path: Path, into: Path, files: Files, share: float) -> None:
    whole = images.tar(files)
    end = whole.rstrip(b"\0")
    (tmp_path / "a.tar").write_bytes(whole[: int(len(end) * share)])
    with pytest.raises(LabError) as refused:
        load(tmp_path / "a.tar", into)
    assert refused.value.kind is Kind.INPUT


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b\x08broken", b"PK\x03\x04"])
def test_what_is_no_archive_is_refused(tmp_path: Path, into: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(LabError, match="no archive, or damaged") as refused:
        load(tmp_path / "a.tar", into)
    assert refused.value.kind is Kind.INPUT


@pytest.mark.parametrize("name", ["nowhere.tar", "."])
def test_a_path_that_is_no_file_is_refused(tmp_path: Path, into: Path, name: str) -> None:
    with pytest.raises(LabError, match="can't be read") as refused:
        load(tmp_path / name, into)
    assert refused.value.kind is Kind.INPUT
