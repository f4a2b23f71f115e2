"""Stand-ins for programs that can't be installed where the tests run: minikube, kind and docker.

Each takes the commands that the lab uses, and answers as the real program does (its sources and
documentation say how). Behind them is a cluster of the provider ``embedded``, so that nodes, pods
and addresses are real. What they can't show is how the real program behaves.
"""
