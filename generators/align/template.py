"""Alignment templates: the size of an aligned image, and where the face is in it or which part of a photograph it is.

Templates are data, one TOML file each in ``templates``; users can write their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from facedeblur.benchmark.config import read_named, shipped, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of

PACKAGE = "facedeblur.generators.align.templates"
FITS = ("similarity", "affine", "centre", "random", "corner", "squash", "skin")
FILTERS = ("triangle", "cubic")


@dataclass(frozen=True)
class TemplateSpec:
    """The keys of a template's TOML file.

    Sizes are [width, height], points (x, y) with pixel centres at whole numbers, left and right the viewer's.

    Attributes
    ----------
    source, note : str
        Where the template comes from, and what was assumed.
    size : (width, height)
        Of the aligned image.
    fit : str
        ``similarity``: five points (left eye, right eye, nose, mouth left, mouth right), least squares; ``affine``: as
        many points, numbered in `landmarks` by dlib's 68, of which three fix the map exactly; ``centre``, ``random``,
        ``corner``: a `window` of a photograph of size `photo`, without looking for a face, or with `scaled` of any
        photograph of that shape; ``squash``: the whole photograph brought to `canvas`, its aspect ratio not
        kept, cut at `corner`; ``skin``: the bounding box of the face's skin in the label image, squared, and `below`
        of its height more below.
    filter : {'triangle', 'cubic'}
        Bilinear, or Keys' cubic with a = -0.5; both antialiased where they reduce.
    """

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
    spec : TemplateSpec
        The keys that are read only where the map is made.
    """

    name: str
    spec: TemplateSpec

    @property
    def title(self) -> str:
        """Where it comes from."""
        return self.spec.source

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


def _template(name: str, values: dict[str, object], where: str) -> Template:
    spec = strict(TemplateSpec, values, where)
    one_of(f"{where}: fit", spec.fit, FITS)
    one_of(f"{where}: filter", spec.filter, FILTERS)
    needed = {"similarity": {"points"}, "affine": {"points", "landmarks"}, "centre": {"photo", "window"},
              "random": {"photo", "window"}, "corner": {"photo", "window", "corner"}, "squash": {"canvas", "corner"},
              "skin": set()}[spec.fit]  # fmt: skip
    for key in ("size", "photo", "window", "corner", "canvas"):
        pair, least = getattr(spec, key), 0 if key == "corner" else 1
        wanted = key == "size" or key in needed
        if (wanted or pair) and (len(pair) != 2 or min(pair) < least):
            raise InputError(
                f"{where}: {key}",
                expected=f"two numbers of at least {least} for fit {spec.fit!r}",
                found=f"{list(pair)}",
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
            raise InputError(
                f"{where}: {key}", expected=f"a rectangle inside {list(outer)}", found=f"{list(inner)} at {corner}"
            )
    return Template(name, spec)


def templates() -> list[str]:
    """Names of the templates that ship with the package."""
    return shipped(PACKAGE)


def template_named(name: str) -> Template:
    """The template called `name`, or that of the user's own TOML file.

    Raises
    ------
    InputError
        When the name is unknown, or a key of the file is unknown, missing or out of range.
    """
    return _read(name) if name.endswith(".toml") else _shipped(name)


def _read(name: str) -> Template:
    values, _, where = read_named(name, PACKAGE, "template")
    return _template(Path(name).stem if name.endswith(".toml") else name, values, where)


# Every photograph needs its template. Files of the user are not cached: they may change.
_shipped = lru_cache(_read)
