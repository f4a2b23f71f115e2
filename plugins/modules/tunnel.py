"""Documentation of the action plugin of the same name, which does the work."""

DOCUMENTATION = r"""
module: tunnel
short_description: Give services of type LoadBalancer external addresses
description:
  - Starts or stops the lab's load balancer, which works like C(minikube tunnel). While it runs,
    each service of type LoadBalancer has its ClusterIP as its external address, and the lab's host
    has a route to it.
  - Only services of O(namespace) get addresses; if it is empty, those of all namespaces do.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - cryptography
  - filelock
  - kubernetes
  - psutil
  - pydantic
  - supervisor
extends_documentation_fragment:
  - latihan.lab.live
options:
  state:
    description: Whether it should run.
    type: str
    choices: [started, stopped]
    default: started
"""

EXAMPLES = r"""
- name: Open the tunnel
  latihan.lab.tunnel:
"""

RETURN = r"""
changed:
  description: Whether anything changed.
  type: bool
  returned: always
"""
