"""One cluster, whoever made it: its contract, its API, what is in it now, and waits for it."""
