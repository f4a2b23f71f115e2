"""Documentation of the action plugin ``kubernetes_tests``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_tests
short_description: Provide Kubernetes' own end-to-end tests
description:
  - Builds the end-to-end tests, the program that runs several of them at a time, and what the
    tests' images run, from Debian's source package of Kubernetes, and runs each to check it.
  - They are kept in the cache, so a second run does nothing.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - filelock
options:
  cache:
    description: The folder in which the tests are kept.
    type: path
    required: true
  version:
    description: The version of Kubernetes that they test.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Build the tests of Kubernetes
  latihan.lab.kubernetes_tests:
    cache: /var/cache/latihan
    version: v1.20.2
"""

RETURN = r"""
bin:
  description: The folder with C(e2e.test), C(ginkgo), C(agnhost) and C(regression-issue-74839).
  type: str
  returned: always
"""
