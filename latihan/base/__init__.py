"""What every other room may use: exit codes, folders, signals, locks, text."""
