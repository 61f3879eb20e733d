"""Miniature collections of photographs: empty files, of which readers see names only."""

from __future__ import annotations

from pathlib import Path

from facedeblur.generators.photos.collection import Collection


def tree(root: Path, *files: str) -> Path:
    """Empty image files; readers look at names only."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def rows(collection: Collection) -> list[tuple[str, str, str]]:
    return [(photograph.source, photograph.identity, photograph.role) for photograph in collection.photographs]
