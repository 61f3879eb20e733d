"""Numbers with the word for what they count."""

from __future__ import annotations


def many(count: int, one: str, several: str = "") -> str:
    """Return a number with its word: ``1 pair``, ``8,000 pairs``; `several` where an ``s`` does not make the plural."""
    return f"{count:,} {word(count, one, several)}"


def word(count: int, one: str, several: str = "") -> str:
    """Return the word for what `count` counts: ``pair`` for 1, else ``pairs``."""
    return one if count == 1 else several or f"{one}s"
