"""Documentation of the action plugin ``conformance``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conformance
short_description: Run Kubernetes' own end-to-end tests on a lab
description:
  - Runs chosen end-to-end tests of Kubernetes in the network of the lab's host, so that no packet
    leaves the lab. Each test is an outcome; the module M(latihan.lab.verdict) fails if one failed.
  - If a test that expects to run alone (C([Serial]), C([Disruptive])) is among them, one runs at a
    time.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - jmespath
  - junitparser
  - pydantic
options:
  contract:
    description:
      - The file in which the provider says where the cluster is.
      - The default is the task's variable C(lab_contract).
    type: path
  bin:
    description: The folder with the tests, as M(latihan.lab.kubernetes_tests) returns it.
    type: path
    required: true
  focus:
    description: Run tests whose names match this regular expression of Go.
    type: str
    default: '\[sig-network\].*\[Conformance\]'
  skip:
    description: Of these, leave out tests whose names match this one; empty leaves out none.
    type: str
    default: ""
  workers:
    description: How many tests to run at a time.
    type: int
    default: 4
"""

EXAMPLES = r"""
- name: Run the tests of DNS
  latihan.lab.conformance:
    bin: /var/cache/latihan/kubernetes/v1.20.2-tests/bin
    focus: '\[sig-network\] DNS .*\[Conformance\]'

- name: Fail if one of them failed
  latihan.lab.verdict:
"""

RETURN = r"""
outcomes:
  description: The tests, as M(latihan.lab.outcomes) returns outcomes.
  type: list
  elements: dict
  returned: always
"""
