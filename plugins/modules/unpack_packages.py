"""Documentation of the action plugin ``unpack_packages``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: unpack_packages
short_description: Unpack Debian packages into a folder, without installing them
description:
  - Fetches packages with a private apt, which uses the machine's archives and keys, and unpacks
    them into a folder of the cache. The machine's packages, services and C(/etc/apt) stay as they
    are.
  - The folder is named after its contents, so a second run does nothing. It is either complete or
    missing.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - filelock
extends_documentation_fragment:
  - latihan.lab.other_system
options:
  cache:
    description: The folder in which unpacked packages, package lists and package files are kept.
    type: path
    required: true
  name:
    description: What the folder is for; its path in the cache starts with this.
    type: str
    required: true
  packages:
    description: The packages.
    type: list
    elements: str
    required: true
  unpack:
    description:
      - Name patterns of the packages to unpack, out of O(packages) and all that they depend on.
      - The default is O(packages) alone; the machine must then have the libraries.
    type: list
    elements: str
    default: []
  programs:
    description: Commands, with paths inside the folder, that must succeed; they check the result.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Unpack etcd
  latihan.lab.unpack_packages:
    cache: /var/cache/latihan
    name: daemons
    packages: [etcd-server]
    programs: [usr/bin/etcd --version]
"""

RETURN = r"""
path:
  description: The folder with the unpacked packages.
  type: str
  returned: always
packages:
  description: Names and versions of what was unpacked.
  type: dict
  returned: when the folder exists
"""
