"""What the container is made with."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from latihan.container import place as places
from latihan.container.place import CAPABILITIES, RIGHTS, ContainerPlace
from tests.places import ROOT

HERE = ContainerPlace(ROOT)


def test_each_project_has_its_own_container_and_all_share_the_caches() -> None:
    other = ContainerPlace(Path("/other"))
    assert other.name != HERE.name
    volumes = {option for option in HERE.run_options() if option.startswith("--volume=")}
    others = {option for option in other.run_options() if option.startswith("--volume=")}
    assert volumes & others == {"--volume=latihan-cache:/var/cache/latihan"}
    assert f"--volume={ROOT}:{ROOT}" in volumes


def test_a_new_containerfile_makes_a_new_image(tmp_path: Path) -> None:
    place = ContainerPlace(tmp_path)
    tags = set()
    for text in ("FROM a\n", "FROM b\n"):
        place.containerfile.write_text(text, encoding="utf-8")
        tags.add(place.tag())
    assert len(tags) == 2
    assert ContainerPlace(tmp_path, image="mine").tag() == "mine"


def test_what_a_user_sets(tmp_path: Path) -> None:
    given = {
        "LATIHAN_CONTAINER_OPTIONS": "--network host --env 'A=b c'",
        "HTTPS_PROXY": "http://me:secret@proxy",
        "LATIHAN_STATE": "/a/folder/outside",
    }
    place = places.from_environment(tmp_path, given)
    assert place.run_options()[-4:] == ["--network", "host", "--env", "A=b c"]
    # Its value would be seen by all, in the list of processes.
    assert places.handed(given) == ["HTTPS_PROXY"]


def test_the_working_folder_is_the_same_inside() -> None:
    assert HERE.folder(ROOT / "docs") == str(ROOT / "docs")
    assert HERE.folder(Path("/somewhere/else")) == str(ROOT)


def test_the_page_gives_each_right_and_what_it_is_for() -> None:
    page = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \| (.+) \|$", page, re.MULTILINE)
    named = [name for name, *_why in rows]
    assert named == [*CAPABILITIES, *(each for each in RIGHTS if not each.startswith("--cap-"))]
    assert "--privileged" not in RIGHTS


def test_the_image_has_what_the_lab_would_install() -> None:
    defaults = yaml.safe_load((ROOT / "roles/machine/defaults/main.yml").read_text())
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
    listed = [found[1] for line in lines if (found := re.match(r" {8}([a-z0-9.-]+) \\$", line))]
    assert listed == sorted(listed)
    assert set(defaults["machine_packages"]) < set(listed)
