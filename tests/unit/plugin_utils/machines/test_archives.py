"""Archives: made once, made again when the folder is another, and right for the machine."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.machines import archives


def filled(cache: Path, text: str) -> Path:
    folder = cache / "images" / "debian-1"
    folder.mkdir(parents=True)
    (folder / "locations.conf").write_text(f"alias {folder}/blobs; {text}", encoding="utf-8")
    (folder / "link").symlink_to("locations.conf")
    return folder


def test_an_archive_has_the_paths_of_the_machine(tmp_path: Path) -> None:
    folder = filled(tmp_path, "")
    made = archives.of_folder(tmp_path, folder, Path("/var/cache/there"))
    assert (made.folder, made.size) == ("images/debian-1", Path(made.path).stat().st_size)
    assert archives.digest(Path(made.path)) == made.sha256
    with tarfile.open(made.path) as tar:
        table = tar.extractfile("locations.conf")
        assert table
        assert table.read() == b"alias /var/cache/there/images/debian-1/blobs; "
        assert tar.getmember("link").issym()


def test_an_archive_is_made_once(tmp_path: Path) -> None:
    folder = filled(tmp_path, "")
    first = archives.of_folder(tmp_path, folder, Path("/there"))
    before = Path(first.path).stat().st_mtime_ns
    assert archives.of_folder(tmp_path, folder, Path("/there")) == first
    assert Path(first.path).stat().st_mtime_ns == before
    (folder / "new").touch()
    again = archives.of_folder(tmp_path, folder, Path("/there"))
    assert again.sha256 != first.sha256


def test_half_an_archive_is_made_again(tmp_path: Path) -> None:
    folder = filled(tmp_path, "")
    first = archives.of_folder(tmp_path, folder, Path("/there"))
    Path(first.path).write_bytes(b"half")
    assert archives.of_folder(tmp_path, folder, Path("/there")).size == first.size
    Path(first.path).with_suffix(".json").write_text(json.dumps({}), encoding="utf-8")
    assert archives.of_folder(tmp_path, folder, Path("/there")).size == first.size


def test_the_projects_archive_depends_on_its_files_alone(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / "a").write_text("a", encoding="utf-8")
    (root / ".venv").mkdir()
    (root / ".venv" / "b").touch()
    names = archives.project_files(root)
    assert names == ["a"]
    first = archives.of_project(root, names, tmp_path)
    (root / "a").touch()
    assert archives.of_project(root, names, tmp_path).sha256 == first.sha256
