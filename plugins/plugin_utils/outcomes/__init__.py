"""Claims about the network: read, probed, judged, explained and diagnosed."""
