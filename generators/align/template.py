"""What an aligned image is: its size, and where a face comes to lie in it or which part of a photograph it shows.

The templates are data, in ``templates.toml``; a user's own is a TOML file with the same keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from facedeblur.benchmark.config import read_toml, strict
from facedeblur.benchmark.errors import InputError, suggest

FITS = ("similarity", "affine", "centre", "random", "corner", "squash", "skin")
FILTERS = ("triangle", "cubic")


@dataclass(frozen=True)
class Spec:
    """The keys of a template as TOML gives them; what they mean stands in ``templates.toml``."""

    source: str
    size: tuple[int, ...]
    fit: str
    note: str = ""
    points: tuple[tuple[float, ...], ...] = ()
    landmarks: tuple[int, ...] = ()
    filter: str = "triangle"
    photo: tuple[int, ...] = ()
    scaled: bool = False
    window: tuple[int, ...] = ()
    corner: tuple[int, ...] = ()
    canvas: tuple[int, ...] = ()
    below: float = 0.0


@dataclass(frozen=True)
class Template:
    """An aligned image's size, and what fixes the map from photograph to crop.

    Attributes
    ----------
    name : str
    spec : Spec
        The keys that are read only where the map is made.
    """

    name: str
    spec: Spec

    @property
    def width(self) -> int:
        """Columns of the aligned image."""
        return self.spec.size[0]

    @property
    def height(self) -> int:
        """Rows of the aligned image."""
        return self.spec.size[1]

    @cached_property
    def points(self) -> np.ndarray:
        """Places of the landmarks, (N, 2) float64 ``(x, y)``, pixel centres at whole numbers; none for windows.

        With `fit` ``similarity``: left eye, right eye, nose, mouth left, mouth right.
        """
        array = np.array(self.spec.points, dtype=np.float64).reshape(-1, 2)
        array.setflags(write=False)
        return array

    @property
    def fit(self) -> str:
        """How the map is found."""
        return self.spec.fit

    @property
    def finds_faces(self) -> bool:
        """Whether a face is looked for; else a window of the photograph is taken."""
        return self.fit in {"similarity", "affine"}


def _load() -> dict[str, Template]:
    with as_file(files(__package__) / "templates.toml") as path:
        tables = read_toml(path)[0]
    return {name: _template(name, values, f"templates.toml: {name}") for name, values in tables.items()}


def _template(name: str, values: dict[str, object], where: str) -> Template:
    spec = strict(Spec, values, where)
    for key, known in (("fit", FITS), ("filter", FILTERS)):
        word = getattr(spec, key)
        if word not in known:
            raise InputError(f"{where}: {key} '{word}'", expected="a known word", do=suggest(word, known))
    needed = {"similarity": {"points"}, "affine": {"points", "landmarks"}, "centre": {"photo", "window"},
              "random": {"photo", "window"}, "corner": {"photo", "window", "corner"}, "squash": {"canvas", "corner"},
              "skin": set()}[spec.fit]  # fmt: skip
    for key in ("size", "photo", "window", "corner", "canvas"):
        pair, least = getattr(spec, key), 0 if key == "corner" else 1
        wanted = key == "size" or key in needed
        if (wanted or pair) and (len(pair) != 2 or min(pair) < least):
            raise InputError(
                f"{where}: {key}", expected=f"two numbers from {least}, fit {spec.fit}", found=f"{list(pair)}"
            )
    if "points" in needed:
        n = 5 if spec.fit == "similarity" else len(spec.landmarks)
        if len(spec.points) != n or n < 3 or any(len(point) != 2 for point in spec.points):
            raise InputError(f"{where}: points", expected="a pair [x, y] for each landmark", found=f"{spec.points}")
    if not all(0 <= number < 68 for number in spec.landmarks):
        raise InputError(f"{where}: landmarks", expected="numbers from 0 to 67", found=f"{list(spec.landmarks)}")
    for key, outer in (("window", spec.photo), ("size", spec.canvas)):
        inner, corner = getattr(spec, key), spec.corner or (0, 0)
        if (
            inner
            and outer
            and any(start + side > whole for start, side, whole in zip(corner, inner, outer, strict=True))
        ):
            raise InputError(f"{where}: {key}", expected=f"it inside {list(outer)}", found=f"{list(inner)} at {corner}")
    return Template(name, spec)


TEMPLATES: dict[str, Template] = _load()


def template_named(name: str) -> Template:
    """The template called `name`, or that of the user's own TOML file.

    Raises
    ------
    InputError
        When there is none of that name, or a key of the file is unknown, missing or out of range.
    """
    if name.endswith(".toml"):
        return _template(Path(name).stem, read_toml(name)[0], name)
    if name not in TEMPLATES:
        raise InputError(f"template '{name}'", expected="a known one", do=suggest(name, TEMPLATES))
    return TEMPLATES[name]
