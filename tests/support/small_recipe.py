"""Recipes that several test files build."""

from __future__ import annotations


def small_recipe_text(sizes: str, per_size: int, sigma: float) -> str:
    """Return a recipe of uniform blur by kernels that are drawn quickly."""
    return f"""
name = "small"
title = "Small"
source = "test"
[image]
template = "shen128"
[kernels]
sizes = "{sizes}"
per_size = {per_size}
[kernels.model]
samples = 300
[blur]
border = "valid"
fallback = "reflect"
[noise]
sigma = {sigma}
[output]
rounding = "round"
"""
