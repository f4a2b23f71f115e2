"""The provider ``kind``: a cluster that the user's own kind makes, with containers as nodes."""
