"""What makes clusters: a folder for each."""
