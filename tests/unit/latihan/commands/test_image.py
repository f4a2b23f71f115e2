"""``image``: archives in, archives refused, and images out again."""

from __future__ import annotations

from pathlib import Path

import pytest

from latihan.base.project import Project
from latihan.cli import main
from tests import images
from tests.places import ROOT

LAYER = images.tar({"app": b"app"})


@pytest.fixture
def own(tmp_path: Path) -> Project:
    return Project(ROOT, tmp_path / "cache", tmp_path / "state")


def run(own: Project, *arguments: str) -> int:
    return main(["image", *arguments], own)


def test_images_come_and_go(
    own: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = images.saved({"app:1": (LAYER,), "quay.io/team/app:2": (LAYER, images.tar({}))})
    file = str(images.write(tmp_path / "a.tar", two))
    assert run(own, "load", file) == 0
    assert capsys.readouterr().out == "Loaded app:1.\nLoaded quay.io/team/app:2.\n"
    assert run(own, "list") == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert {"nginx:latest", "app:1", "quay.io/team/app:2"} <= listed
    assert run(own, "remove", "docker.io/library/app:1") == 0
    assert run(own, "remove", "app:1") == 2
    assert "There are: quay.io/team/app:2" in capsys.readouterr().err


def test_an_image_can_get_another_name(own: Project, tmp_path: Path) -> None:
    file = str(images.write(tmp_path / "a.tar", images.layout("1.0", LAYER)))
    assert run(own, "load", file) == 2
    assert run(own, "load", file, "--name", "mine") == 0
    assert run(own, "remove", "mine:latest") == 0


@pytest.mark.parametrize(
    ("files", "arguments", "words"),
    [
        (images.saved({"nginx": (LAYER,)}), (), "has an image nginx:latest of its own"),
        (images.saved({"A B": (LAYER,)}), (), "No image can be called 'A B'"),
        (images.saved({"": (LAYER,)}), (), "an image in it has no name"),
        ({"manifest.json": b"[]"}, (), "an image in it has no name"),
        (
            images.saved({"a": (LAYER,), "b": (LAYER, LAYER)}),
            ("--name", "c"),
            "--name is for one image, and it has 2",
        ),
        # The first is right; it doesn't get in without the second.
        (
            {
                name: data[:-600] if name.startswith(images.digest(LAYER)[7:]) else data
                for name, data in images.saved({"a": (b"\0" * 9,), "b": (LAYER,)}).items()
            },
            (),
            "can't be loaded",
        ),
    ],
)
def test_what_is_refused_leaves_nothing(
    own: Project,
    capsys: pytest.CaptureFixture[str],
    files: images.Files,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    file = str(images.write(own.cache.with_name("a.tar"), files))
    assert run(own, "load", file, *arguments) == 2
    said = capsys.readouterr().err
    assert words in " ".join(said.split())
    assert said.count("runner.py:") == 1
    assert not [path for path in own.cache.rglob("*") if path.is_file() and path.name != ".lock"]


def test_the_lab_s_own_images_are_not_built_anew(
    own: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(own, "build", "nginx", "--packages", "nginx") == 2
    assert "has an image nginx:latest of its own" in capsys.readouterr().err
