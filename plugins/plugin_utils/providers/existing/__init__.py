"""The provider ``existing``: a namespace of the lab in a cluster that somebody else made."""
