"""Lab machines: what is sent to them, and what becomes of each."""
