"""Programs of the lab that run in pods, with Python's standard library and little else."""
