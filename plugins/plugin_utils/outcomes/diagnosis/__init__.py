"""The most likely causes of a failed outcome, found by a look into the lab."""
