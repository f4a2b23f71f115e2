"""The way of a packet: what it should be, what it is, and where the two part."""
