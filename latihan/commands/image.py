"""``image``: images of one's own for the lab, which has no way to a registry."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import (
    blobs,
    image_archives,
    references,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.image_archives import (
    Archive,
    ArchivedImage,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.own_images import (
    OwnImages,
    folder_in,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.references import Reference
from latihan.base import suggestions
from latihan.base.exits import Exit
from latihan.base.project import Project, need_root
from latihan.commands.command import Context
from latihan.inputs import playbooks
from latihan.inputs.options import add_options

RAW = False
_BUILDS = "images"
_MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``image``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    load = actions.add_parser("load", help="load an archive: an OCI layout, or of `docker save`")
    load.add_argument("file", type=Path, metavar="FILE")
    load.add_argument("--name", help="call the image this, whatever its name in the archive is")
    actions.add_parser("list", help="list the images that the lab has")
    build = actions.add_parser("build", help="build an image from Debian packages")
    build.add_argument("name", metavar="NAME")
    build.add_argument("--packages", nargs="+", required=True, metavar="PACKAGE")
    about = "what its containers run (default: bash)"
    build.add_argument("--command", type=shlex.split, default=[], help=about)
    remove = actions.add_parser("remove", help="remove an image that was loaded or built")
    remove.add_argument("name", metavar="NAME")


def execute(context: Context, options: argparse.Namespace) -> int:
    """Load, list, build or remove images."""
    need_root(context.provider)
    own = OwnImages(folder_in(context.project.cache / "images"))
    if options.action == "load":
        lines = _load(own, options.file.absolute(), options.name, _taken(context.project))
    elif options.action == "list":
        lines = _listed(own, _taken(context.project))
    elif options.action == "build":
        return _build(context, options)
    else:
        lines = _remove(own, references.parse(options.name))
    for line in lines:
        context.console.print(line)
    return Exit.HOLDS


def _taken(project: Project) -> list[str]:
    """The names of the images that every lab has of itself."""
    path = project.roles / "images" / "vars" / "main.yml"
    return [image["name"] for image in yaml_files.read_one(path, "variables")["images_own"]]


def _load(own: OwnImages, path: Path, name: str | None, taken: list[str]) -> Iterator[str]:
    architecture = blobs.architecture()
    with image_archives.opened(path) as archive:
        images = archive.images(architecture)
        named = _named(archive, images, name)
        for reference in named:
            references.require_free(reference, taken)
        with own.adding() as new:
            copied = []
            for number, image in enumerate(images):
                folder = new / str(number)
                folder.mkdir()
                copied.append((archive.copy(image, architecture, folder), folder))
            for reference, number in named.items():
                own.put(reference, *copied[number])
    for reference in named:
        yield f"Loaded {reference.familiar}."


def _named(
    archive: Archive, images: Sequence[ArchivedImage], name: str | None
) -> dict[Reference, int]:
    """The names to load, and the number of the image that each is for.

    Raises:
        LabError: an image has no name, or one that no image can have.
    """
    if name and len(images) != 1:
        raise archive.refused(f"--name is for one image, and it has {len(images)}", "Leave it out.")
    named = {}
    for number, image in enumerate(images):
        for each in (name,) if name else image.names:
            named[references.parse(each)] = number
    if len(set(named.values())) != len(images) or not images:
        raise archive.refused("an image in it has no name", "Give it one with --name NAME.")
    return named


def _listed(own: OwnImages, taken: list[str]) -> Iterator[str]:
    rows = [(name.removeprefix("library/"), "the lab's own") for name in sorted(taken)]
    rows += [(each.reference.familiar, f"{each.size / _MIB:.1f} MiB") for each in own.all()]
    width = max(len(name) for name, _about in rows)
    for name, about in rows:
        yield f"{name:{width}}  {about}"


def _build(context: Context, options: argparse.Namespace) -> int:
    # Ansible takes a tenth of a second to import; the other actions need none of it.
    from latihan.commands import play  # noqa: PLC0415

    references.require_free(references.parse(options.name), _taken(context.project))
    image: dict[str, Any] = {"name": options.name, "packages": options.packages}
    if options.command:
        image["command"] = options.command
    values = json.dumps({"lab_images_extra": [image]})
    parser = argparse.ArgumentParser()
    add_options(parser, _BUILDS)
    playbook = playbooks.find(context.project, _BUILDS)
    command_line = shlex.join(["python3", "runner.py", _BUILDS, "-e", values])
    return play.play(context, playbook, parser.parse_args(["-e", values]), command_line)


def _remove(own: OwnImages, reference: Reference) -> Iterator[str]:
    if not own.remove(reference):
        names = [each.reference.familiar for each in own.all()]
        otherwise = f"There are: {', '.join(names) or 'none'}."
        raise LabError(
            f"No image {reference.familiar} was loaded or built.",
            suggestions.hint(reference.familiar, names, otherwise),
            Kind.INPUT,
        )
    yield f"Removed {reference.familiar}. A node that has pulled it keeps it."
