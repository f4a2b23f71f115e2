"""Documentation of the action plugin of the same name, which does the work."""

DOCUMENTATION = r"""
module: cluster
short_description: A Kubernetes cluster made, started, stopped or removed by its provider
description:
  - Asks a provider for a cluster. When it has run there is a contract, the same for all providers.
    It says where the cluster is and how its nodes are entered.
  - The role P(latihan.lab.cluster#role) gets what the provider needs, and hands over its options.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - filelock
  - kubernetes
  - psutil
  - supervisor
options:
  profile:
    description: The cluster's name, which is its first node's name too.
    type: str
    required: true
  state_folder:
    description: The folder that has a folder for each profile.
    type: path
    required: true
  provider:
    description: >-
      What makes the cluster; the one that made it, or the lab's default, if not given.
    type: str
    default: ""
  state:
    description:
      - C(present) makes the cluster, or starts it when it is there and stopped.
      - C(started) and C(stopped) start and stop a cluster that is there.
      - C(absent) removes all of it, a half-made one too.
    type: str
    choices: [present, started, stopped, absent]
    default: present
  node:
    description: >-
      With C(started) or C(stopped), the one node to start or stop; the whole cluster if not given.
    type: str
  nodes:
    description: How many nodes. Needed with V(present), as are the options below.
    type: int
  network:
    description: The network of the nodes and the lab's host, in CIDR form.
    type: str
  pod_network:
    description: The network that each node gets a /24 block of, for its pods.
    type: str
  service_network:
    description: The network of the services' addresses.
    type: str
  options:
    description: >-
      What the provider takes besides, with C(present). The role C(latihan.lab.cluster) has a file
      of tasks for each provider, which shows it.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Stop one node
  latihan.lab.cluster:
    profile: latihan
    state_folder: /var/lib/latihan
    state: stopped
    node: latihan-m02
"""

RETURN = r"""
contract:
  description: The file that says how the cluster is reached.
  type: str
  returned: unless the state is C(absent)
"""
