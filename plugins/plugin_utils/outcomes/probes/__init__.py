"""Probes: what can be asked of a network, from where, and how to read the answers."""
