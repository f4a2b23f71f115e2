"""Documentation of the action plugin ``images``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: images
short_description: Make container images from Debian packages and lay them out as a registry
description:
  - Makes OCI images from Debian packages, with layers that the images share. It installs nothing,
    and needs no container runtime and no image registry.
  - The result is a folder that plain nginx serves as a read-only registry. An nginx server block
    includes its C(locations.conf).
  - The folder is named after its contents, so a second run does nothing.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - filelock
extends_documentation_fragment:
  - latihan.lab.other_system
options:
  cache:
    description: The folder in which the images, package lists and package files are kept.
    type: path
    required: true
  exclude:
    description: Name patterns of packages that no image needs, such as those for installing.
    type: list
    elements: str
    default: []
  own:
    description: >-
      Add the images to a person's own, which are in the folder C(images/own) of the cache and have
      whole names (C(quay.io/team/app:1.0)), rather than making a set of images.
    type: bool
    default: false
  reserved:
    description: Names that none of a person's own images may have, with tag and without host.
    type: list
    elements: str
    default: []
  layers:
    description: The layers that images are made of.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the layer is called.
        type: str
        required: true
      parent:
        description: The layer below this one; empty if there is none.
        type: str
        default: ""
      packages:
        description: Debian packages. The packages that they depend on are added.
        type: list
        elements: str
        default: []
      only:
        description: Name patterns of the packages to include, out of all that are needed.
        type: list
        elements: str
        default: ["*"]
      exclude:
        description: More name patterns of packages to leave out.
        type: list
        elements: str
        default: []
      complete:
        description: Whether the layer has the packages that the task's C(exclude) leaves out too.
        type: bool
        default: false
      merged_usr:
        description: Whether the layer has C(/bin), C(/lib) and C(/sbin) as links into C(/usr).
        type: bool
        default: false
      directories:
        description: Directories to make, as path and mode (C(1777) in octal digits).
        type: dict
        default: {}
      files:
        description: Files to write, as path and content.
        type: dict
        default: {}
      programs:
        description: Executable files to write, as path and content.
        type: dict
        default: {}
      copies:
        description: Executable files to copy from this machine, as path and source.
        type: dict
        default: {}
      in_cluster:
        description: >-
          Programs of the collection that run in pods, by name. They go to C(/program), and
          C(python3 -m in_cluster.NAME) runs one of them there.
        type: list
        elements: str
        default: []
      links:
        description: Symbolic links to make, as path and target.
        type: dict
        default: {}
  images:
    description: The images to make.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name with tag and without host, such as C(library/nginx:latest).
        type: str
        required: true
      layer:
        description: The image's topmost layer.
        type: str
        required: true
      command:
        description: >-
          The command that its containers run. After an C(entrypoint) these are its arguments.
        type: list
        elements: str
        required: true
      environment:
        description: Environment variables of that command, as name and value.
        type: dict
        default: {}
      entrypoint:
        description: The beginning of the command, which a pod's C(args) leave as it is.
        type: list
        elements: str
        default: []
      stop_signal:
        description: The signal that asks it to end; empty for the runtime's default.
        type: str
        default: ""
      ports:
        description: The ports it listens on, such as C(80/tcp).
        type: list
        elements: str
        default: []
"""

EXAMPLES = r"""
- name: Make a web server's image
  latihan.lab.images:
    cache: /var/cache/latihan
    layers:
      - name: web
        packages: [nginx-light]
        merged_usr: true
    images:
      - name: example/web:latest
        layer: web
        command: [nginx, -g, daemon off;]
"""

RETURN = r"""
path:
  description: >-
    The folder with C(blobs), C(manifests), C(images.json) and C(locations.conf); of C(own) images,
    the folder with C(blobs) and C(manifests).
  type: str
  returned: always
images:
  description: Each image's name, with its C(digest), its size in C(bytes) and its C(layers).
  type: dict
  returned: when the images exist and are a set
"""
