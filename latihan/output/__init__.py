"""What a person sees while a playbook runs, and at its end."""
