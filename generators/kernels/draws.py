"""The laws that kernels are drawn from, by name: what differs between them ends here."""

from __future__ import annotations

from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.generators.kernels import deblurgan, spline
from facedeblur.generators.kernels.boracchi_foi import kernels
from facedeblur.generators.kernels.law import KernelModel

Model = KernelModel | spline.SplineModel | deblurgan.DeblurganModel

DRAWS: dict[str, type[Model]] = {
    "trajectory": KernelModel,
    "spline": spline.SplineModel,
    "deblurgan": deblurgan.DeblurganModel,
}
"""Boracchi and Foi 2012; Chakrabarti 2016; DeblurGAN's code with its slips, for comparison only."""


def draw_of(model: Model) -> str:
    """The name of the law that a model belongs to."""
    return next(name for name, kind in DRAWS.items() if isinstance(model, kind))


def model_of(draw: str, **options: Any) -> Model:
    """A model of the law called `draw`; options that are None stay as recommended.

    Raises
    ------
    InputError
        When there is no such law, it has no such option, or a value is out of range.
    """
    if draw not in DRAWS:
        raise InputError(f"draw '{draw}'", expected=f"one of {', '.join(DRAWS)}", do=suggest(draw, DRAWS))
    given = {name: value for name, value in options.items() if value is not None}
    known = DRAWS[draw].__dataclass_fields__
    for name in given:
        if name not in known:
            raise InputError(
                f"option {name} of draw '{draw}'", expected=f"one of {', '.join(known)}", do="leave it out"
            )
    return DRAWS[draw](**given)


def draw_kernels(seed: int, size: int, n: int, *, start: int = 0, model: Model) -> np.ndarray:
    """Kernels number `start` to ``start + n - 1`` of a size, by the law of the model.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1.
    size : int
        Odd side in pixels; for DeblurGAN's, whose canvas is even, ``canvas + 1``.
    n, start : int
    model : KernelModel, SplineModel or DeblurganModel

    Returns
    -------
    (n, size, size) float64
        Each a function of (seed, size, index, model) alone; of sum 1 unless a `KernelModel` says otherwise.

    Raises
    ------
    InputError
        When a number is out of range or nothing fits.
    """
    if isinstance(model, spline.SplineModel):
        return spline.spline_kernels(seed, size, n, start=start, model=model)
    if isinstance(model, deblurgan.DeblurganModel):
        if size != model.canvas + 1:
            raise InputError(
                f"DeblurGAN kernels of size {size}",
                expected=f"{model.canvas + 1}, the canvas of {model.canvas} and one pixel for its centre",
                do="give that size, or another canvas",
            )
        return deblurgan.deblurgan_kernels(seed, n, start=start, model=model)
    return kernels(seed, size, n, start=start, model=model)
