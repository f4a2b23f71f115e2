"""Programs of the lab that run in pods; they need little more than Python's standard library."""
