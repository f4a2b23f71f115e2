"""Documentation of the action plugin ``machine_archives``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_archives
short_description: Make the archives that a lab machine needs
description:
  - Fetches the Python packages and Debian packages that a machine needs, and packs them, folders of
    the cache and the project into archives, on the controller.
  - An archive is made once for each kind of system, and kept in the folder C(sent) of the cache.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - filelock
options:
  source:
    description: The project's folder on the controller.
    type: path
    required: true
  cache:
    description: The cache of the controller.
    type: path
    required: true
  target:
    description: The path of the cache on the machine.
    type: path
    required: true
  folders:
    description: Folders of the cache to pack, with daemons, programs and images.
    type: list
    elements: path
    default: []
  system:
    description: The machine's system, as in C(debian-13-x86_64).
    type: str
    required: true
  codename:
    description: The name of its release in package sources, as in C(trixie).
    type: str
    required: true
  python:
    description: The machine's Python, as in C(3.13).
    type: str
    required: true
  packages:
    description: >-
      Debian packages that the machine must have; empty if it gets these and Python's from its own
      mirrors.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Make the archives for a Debian 13
  latihan.lab.machine_archives:
    source: /root/latihan
    cache: /var/cache/latihan
    target: /var/cache/latihan
    system: debian-13-x86_64
    codename: trixie
    python: "3.13"
    packages: [python3-venv]
"""

RETURN = r"""
archives:
  description: >-
    Each archive, with its C(folder) in the cache, its C(path), C(sha256) and C(size) in bytes.
  type: list
  elements: dict
  returned: always
project:
  description: The project's archive; its C(folder) is empty.
  type: dict
  returned: always
packages:
  description: The packages that were asked for.
  type: list
  elements: str
  returned: always
wheels:
  description: The folder in the cache that has the Python packages.
  type: str
  returned: when packages are given
repository:
  description: The folder in the cache that has the Debian packages.
  type: str
  returned: when packages are given
"""
