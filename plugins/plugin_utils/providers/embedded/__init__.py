"""The embedded provider: a real cluster whose nodes are Linux namespaces of this machine."""
