"""The options of modules that can fetch packages for another system."""

from __future__ import annotations


class ModuleDocFragment:
    """Where Ansible looks for a documentation fragment."""

    DOCUMENTATION = r"""
options:
  system:
    description:
      - The system that they are for, as in C(debian-13-x86_64); empty for this machine's own.
      - It must be of the same distribution and for the same processor.
    type: str
    default: ""
  codename:
    description: The name of that system's release in package sources, as in C(trixie).
    type: str
    default: ""
"""
