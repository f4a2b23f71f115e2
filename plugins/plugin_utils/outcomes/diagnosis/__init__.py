"""The most likely causes of a failed outcome, from what the lab shows of itself."""
