"""Kubernetes' own end-to-end tests on a lab, each as an outcome."""
