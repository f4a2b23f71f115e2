"""One cluster, whoever made it: its contract, its API, its facts, and waits for them."""
