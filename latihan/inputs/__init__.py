"""What a person asks for: playbooks and variables, read and checked."""
