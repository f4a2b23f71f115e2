"""Documentation of the action plugin of the same name, which does the work."""

DOCUMENTATION = r"""
module: cluster
short_description: An embedded Kubernetes cluster, its nodes being namespaces of this machine
description:
  - Makes, starts, stops and removes a real Kubernetes cluster whose nodes are Linux namespaces.
  - Nothing outside the state folder and the lab's own namespaces and control groups changes.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - filelock
  - kubernetes
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
  binaries:
    description: The folder of kube-apiserver, kubelet and the others.
    type: path
  daemons:
    description: The folder that containerd, crun, etcd and the others are unpacked in.
    type: path
  registry:
    description: The folder that the lab's image registry serves.
    type: path
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
