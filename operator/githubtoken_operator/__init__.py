"""Keeps GitHub tokens in Kubernetes Secrets and renews them before they expire."""

from importlib.metadata import version

__version__ = version("githubtoken-operator")
