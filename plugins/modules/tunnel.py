"""Documentation of the action plugin of the same name, which does the work."""

DOCUMENTATION = r"""
module: tunnel
short_description: Gives services of type LoadBalancer their addresses, as long as it runs
description:
  - Starts or stops the lab's load balancer, which works as C(minikube tunnel) does. The lab's host
    gets a route to each service of type LoadBalancer, which gets its ClusterIP as its external
    address.
  - Only services of O(namespace) get addresses; those of all namespaces if it is empty.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - filelock
  - kubernetes
  - psutil
extends_documentation_fragment:
  - latihan.lab.live
options:
  state:
    description: Whether it runs.
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
  description: Whether anything is other than before.
  type: bool
  returned: always
"""
