"""Faces that come with the package."""
