"""A survey of a cluster's network: who reaches whom, between all its nodes or a sample of them."""
