"""Documentation of the action plugin ``missing_packages``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: missing_packages
short_description: Find the Debian packages that are not installed
description:
  - Returns which of some Debian packages are not installed, so that a run that has them all need
    not start the package manager.
version_added: "0.1.0"
author:
  - The latihan team
options:
  packages:
    description: Names of packages.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: See which tools are missing
  latihan.lab.missing_packages:
    packages: [iproute2, iptables]
  register: missing_tools
"""

RETURN = r"""
packages:
  description: The packages that are not installed, in the order asked for.
  type: list
  elements: str
  returned: success
"""
