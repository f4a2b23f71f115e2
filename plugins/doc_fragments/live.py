"""What all of the action group ``live`` take: which lab is meant, and which part of it."""

from __future__ import annotations


class ModuleDocFragment:
    """Where Ansible looks for a documentation fragment."""

    DOCUMENTATION = r"""
options:
  contract:
    description: The file in which the provider says where the cluster is.
    type: path
    required: true
  namespace:
    description: The namespace whose pods, services and endpoints are meant.
    type: str
    default: default
"""
