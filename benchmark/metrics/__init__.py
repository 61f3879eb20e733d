"""Metrics: one file a family, each named by its signature."""
