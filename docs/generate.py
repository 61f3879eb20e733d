"""Write the pages of docs/ that are made from the code: python docs/generate.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from facedeblur.generators.recipe import Recipe, load_recipe, recipes

HERE = Path(__file__).parent


def recipe_page() -> str:
    """One section a recipe: source, every key with its value, every assumption."""
    parts = [
        "# Recipes",
        "Made from `generators/recipes/*.toml` by `docs/generate.py`. `facedeblur build NAME --faces PHOTOS -o SET` "
        "builds one; a copy of the file with other values is a recipe too. Recipes marked virtual are training pairs "
        "that are made when they are asked for (`facedeblur pairs`).",
    ]
    for name in recipes():
        recipe, _ = load_recipe(name)
        parts.append(f"## {name}\n\n{recipe.title}. Source: {recipe.source}.")
        rows = [f"| `{key}` | {value} |" for key, value in _keys(recipe)]
        parts.append("| key | value |\n|---|---|\n" + "\n".join(rows))
        if recipe.assumption:
            entries = [f"- `{entry.key}`: {entry.text}" for entry in recipe.assumption]
            parts.append("Assumptions, where the source leaves a choice:\n\n" + "\n".join(entries))
    return "\n\n".join(parts) + "\n"


def _keys(recipe: Recipe) -> list[tuple[str, str]]:
    """Dotted keys with their values, defaults included, tables that are not used left out."""
    found: list[tuple[str, str]] = []

    def walk(prefix: str, record: Any) -> None:
        for field in dataclasses.fields(record):
            value, key = getattr(record, field.name), f"{prefix}{field.name}"
            if value is None or key in {"name", "title", "source", "assumption"}:
                continue
            if dataclasses.is_dataclass(value):
                walk(f"{key}.", value)
            elif value != "":
                found.append((key, ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)))

    walk("", recipe)
    return found


PAGES = {"recipes.md": recipe_page}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
