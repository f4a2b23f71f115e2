"""What every other room may use: errors, processes, files, and the shape of an action plugin."""
