"""The set of a run, and which of a paper's data sets it is: by what is on record of it, whatever it is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any

from facedeblur.benchmark.config import parse_toml, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.tables import printable
from facedeblur.benchmark.words import many
from facedeblur.generators.kernels.bank import parse_sizes
from facedeblur.generators.recipe import Recipe, load_recipe
from facedeblur.reports.tables.layouts import Dataset

MOST = 3
"""Most differences of a recipe that are stated."""

_WORDS = ("name", "title", "source", "assumption")
"""Entries of a recipe that change no pixel."""

_COUNTS = ("image.count", "kernels.per_size", "kernels.first", "split")
"""Entries that say how many and which of the same photographs and kernels are taken."""


@dataclass(frozen=True)
class SetOf:
    """The set of a run.

    Attributes
    ----------
    name, hash : str
    collections : tuple of str
        Whose photographs it is made of.
    recipe : str
        Text of its recipe; empty if not on record.
    faces, kernels : int
        Sharp faces that are blurred, and point spread functions; 0 if not on record.
    labellers : tuple of str
        What made the labels that are no annotations (`facedeblur label`).
    """

    name: str
    hash: str
    collections: tuple[str, ...] = ()
    recipe: str = ""
    faces: int = 0
    kernels: int = 0
    labellers: tuple[str, ...] = ()


def set_of(known: dict[str, Any]) -> SetOf:
    """Return the set as score tables have it."""
    # A collection is described as "helen: 100 photographs, ...".
    described = [str(source.get("collection") or "") for source in known.get("sources") or ()]
    # Faces of several that were aligned or labelled together: "helen and lfw: ...".
    named = [name.strip() for text in described for name in text.partition(":")[0].split(" and ")]
    labellers = [printable(text.partition("pseudo-labels by ")[2].partition(";")[0].strip()) for text in described]
    counts = known.get("counts") or {}
    images, kernels, pairs = (int(counts.get(key, 0)) for key in ("images", "kernels", "pairs"))
    text = str(known.get("recipe") or "")
    recipe = _recipe(text)
    drawn = recipe.kernels.per_image if recipe and recipe.kernels else 0
    # Images of a gallery are not blurred; every other one is, by every kernel or by as many as the recipe draws for it.
    each = min(drawn, kernels) or kernels
    faces = pairs // each if each and pairs and not pairs % each else images
    return SetOf(
        printable(str(known.get("name", ""))),
        str(known.get("hash", "")),
        tuple(dict.fromkeys(filter(None, named))),
        text,
        faces,
        kernels,
        tuple(dict.fromkeys(filter(None, labellers))),
    )


def is_of(one: SetOf, dataset: Dataset) -> bool:
    """Whether a set is of the photographs of a data set and of its blur, however many of them it has."""
    if dataset.set_hash and dataset.set_hash == one.hash:
        return True
    if not _photographs(one, dataset):
        return False
    if not dataset.recipes:
        return bool(dataset.collections)
    return any(_apart(one.recipe, name) == {} for name in dataset.recipes)


def differences(one: SetOf, dataset: Dataset) -> list[str]:
    """Return in words how a set differs from a paper's data set: photographs, recipe, numbers of faces and kernels."""
    if dataset.set_hash and dataset.set_hash == one.hash:
        return []
    found = []
    if not _photographs(one, dataset):
        theirs = " or ".join(dataset.collections)
        found.append(f"photographs of {' and '.join(one.collections) or 'an unknown collection'} instead of {theirs}")
    near = _nearest(one, dataset)
    if near is None and dataset.recipes:
        found.append(f"no recipe on record that could be compared with {dataset.recipes[0]}")
    for key, (ours, theirs) in list((_apart(one.recipe, near) or {}).items() if near else ())[:MOST]:
        found.append(f"{key} {ours} instead of {theirs}")
    if 0 < one.faces != dataset.faces > 0:
        found.append(f"{_counted(one.faces, 'face')} instead of {dataset.faces:,}")
    printed = _kernels(near) if near else 0
    if 0 < one.kernels != printed > 0:
        found.append(f"{_counted(one.kernels, 'kernel')} instead of {printed:,}")
    return found


def _counted(number: int, what: str) -> str:
    return many(number, what)


def _photographs(one: SetOf, dataset: Dataset) -> bool:
    return not dataset.collections or (bool(one.collections) and set(one.collections) <= set(dataset.collections))


def _nearest(one: SetOf, dataset: Dataset) -> str | None:
    """The recipe of a data set that a set's own differs least from; None if there is nothing to compare."""
    known = {name: apart for name in dataset.recipes if (apart := _apart(one.recipe, name)) is not None}
    return min(known, key=lambda name: len(known[name]), default=None)


@cache
def _recipe(text: str) -> Recipe | None:
    try:
        return strict(Recipe, parse_toml(text, "recipe"), "recipe")
    except InputError:
        return None


@cache
def _apart(text: str, name: str) -> dict[str, tuple[str, str]] | None:
    """What a recipe has otherwise than the shipped one called `name`: key -> both values; None for no recipe."""
    own = _recipe(text)
    if own is None:
        return None
    ours, theirs = dict(_entries(own)), dict(_entries(load_recipe(name)[0]))
    return {
        key: (ours.get(key, "none"), theirs.get(key, "none")) for key in {**theirs, **ours}
        if ours.get(key) != theirs.get(key)
    }  # fmt: skip


def _entries(part: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Every entry of a recipe that changes the blur, with its value as text."""
    for entry in fields(part):
        key, value = f"{before}{entry.name.rstrip('_')}", getattr(part, entry.name)
        if key in _WORDS or key in _COUNTS or value is None:
            continue
        if is_dataclass(value):
            yield from _entries(value, f"{key}.")
        elif key == "kernels.sizes" and value:
            yield key, ", ".join(map(str, parse_sizes(value)))
        else:
            yield key, f"{value:g}" if isinstance(value, float) else str(value)


@cache
def _kernels(name: str) -> int:
    """Number of kernels that a shipped recipe draws; 0 for none."""
    kernels = load_recipe(name)[0].kernels
    return len(parse_sizes(kernels.sizes)) * kernels.per_size if kernels else 0
