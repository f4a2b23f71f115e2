"""The lab in a container: what runs outside of it.

It needs Python 3.9 and its standard library alone, on any system that has Docker or Podman: nothing
else of the project is imported here.
"""
