"""One run of Ansible: its events, its results, and its end."""
