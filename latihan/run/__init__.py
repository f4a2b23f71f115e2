"""One run of Ansible: its events, what they come to, and its end."""
