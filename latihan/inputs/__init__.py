"""What somebody asks for: playbooks, variables, and whether they make sense."""
