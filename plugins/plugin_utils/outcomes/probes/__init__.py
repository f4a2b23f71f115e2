"""Probes: what can be asked of a network, from where, and how the answer is read."""
