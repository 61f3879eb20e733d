"""The blurred variants that a recipe makes of one sharp image, and what was beyond the edge of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.generators.blur.degrade import degrade_many
from facedeblur.generators.blur.saturate import saturate
from facedeblur.generators.photos.files import unit_of
from facedeblur.generators.recipe import Recipe

Wide = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Variant:
    """One blurred version of every image.

    Attributes
    ----------
    kernel_id : str
        Name of the kernel or of the pose path.
    size : int
        Side of the kernel in pixels; 0 if there is no single one.
    suffix : str
        What follows the name of the image in the name of the pair.
    reach : int
        Pixels beyond the crop's edge that enter it.
    """

    kernel_id: str
    size: int
    suffix: str
    reach: int


class Blurrer(Protocol):
    """The blur of a recipe."""

    variants: tuple[Variant, ...]

    def of(self, image_id: str) -> Blurrer:
        """The blur of one image, for recipes in which it depends on the image."""

    def blur(self, sharp: np.ndarray, rows: np.ndarray, *, border: str, margin: int, first: int) -> np.ndarray:
        """Blur `sharp`, larger by `margin` where `border` is valid, by the variants `rows`; (n, H, W, 3) uint8."""


class KernelBlurrer:
    """One point spread function for the whole image.

    Parameters
    ----------
    recipe : Recipe
    seed : int
    bank : Bank
    """

    def __init__(self, recipe: Recipe, seed: int, bank: Bank):
        self._recipe, self._seed, self._bank = recipe, seed, bank
        self.variants = tuple(
            # Names as Shen et al. give them: IMAGE_ker01_blur_k13.
            Variant(kernel_id, int(size), f"{kernel_id.partition('_')[0]}_blur_k{size}", int(size) // 2)
            for kernel_id, size in zip(bank.ids, bank.sizes, strict=True)
        )

    def of(self, image_id: str) -> KernelBlurrer:
        """The blur of one image: by the kernels that are drawn for it, where the recipe does not take all."""
        count = self._recipe.kernels.per_image if self._recipe.kernels else 0
        if not 0 < count < len(self._bank):
            return self
        ranks = sorted(range(len(self._bank)), key=lambda row: unit_of(self._seed, "kernel", image_id, str(row)))
        rows = sorted(ranks[:count])
        drawn = Bank(tuple(self._bank.ids[row] for row in rows), self._bank.sizes[rows], self._bank.kernels[rows])
        return KernelBlurrer(self._recipe, self._seed, drawn)

    def blur(self, sharp: np.ndarray, rows: np.ndarray, *, border: str, margin: int, first: int) -> np.ndarray:
        """See `Blurrer`."""
        largest = int(self._bank.sizes[rows].max())
        cut = (self._bank.kernels.shape[1] - largest) // 2
        return degrade_many(
            sharp,
            self._bank.kernels[rows, cut : cut + largest, cut : cut + largest],
            noise=self._recipe.noise,
            seed=self._seed,
            indices=first + rows,
            border=border,
            margin=margin if border == "valid" else None,
            rounding=self._recipe.output.rounding,
        )


class PoseBlurrer:
    """A path of camera poses: another blur at every pixel.

    Parameters
    ----------
    recipe : Recipe
    seed : int
    shape : (height, width)
        Of the crops, which fixes the camera and so how far a path reaches.
    """

    def __init__(self, recipe: Recipe, seed: int, shape: tuple[int, int]):
        from facedeblur.generators.blur.nonuniform import reach
        from facedeblur.generators.blur.poses import poses

        assert recipe.poses is not None
        self._recipe, self._seed = recipe, seed
        self._paths = [poses(seed, index, model=recipe.poses.model) for index in range(recipe.poses.per_image)]
        self.variants = tuple(
            Variant(f"pose{number:02}", 0, f"pose{number:02}_blur", reach(path, shape))
            for number, path in enumerate(self._paths, start=1)
        )

    def of(self, image_id: str) -> PoseBlurrer:
        """See `Blurrer`; the same for every image."""
        return self

    def blur(self, sharp: np.ndarray, rows: np.ndarray, *, border: str, margin: int, first: int) -> np.ndarray:
        """See `Blurrer`."""
        from facedeblur.generators.blur.nonuniform import degrade_nonuniform

        return degrade_nonuniform(
            sharp,
            [self._paths[row] for row in rows],
            noise=self._recipe.noise,
            seed=self._seed,
            indices=first + rows,
            border=border,
            margin=margin if border == "valid" else None,
            rounding=self._recipe.output.rounding,
        )


def blur_image(
    blurrer: Blurrer, recipe: Recipe, sharp: np.ndarray, wide: Wide | None, *, margin: int, first: int
) -> tuple[np.ndarray, list[str]]:
    """Make all variants of one image.

    Parameters
    ----------
    blurrer : Blurrer
    recipe : Recipe
    sharp : np.ndarray, shape (H, W, 3), uint8 RGB
    wide : callable or None
        Gives the crop with so many pixels of its surroundings.
    margin : int
        Pixels of true surroundings that there are.
    first : int
        Index of the image's first pair.

    Returns
    -------
    blurred : np.ndarray, shape (n, H, W, 3), uint8 RGB
    borders : list of str
        What lay beyond the edge of each: the photograph if it reaches far enough, otherwise the fallback.
    """
    blur = recipe.blur
    borders = [
        blur.border if blur.border != "valid" or (wide is not None and margin >= variant.reach) else blur.fallback
        for variant in blurrer.variants
    ]
    out: np.ndarray | None = None
    for border in dict.fromkeys(borders):
        rows = np.array([row for row, other in enumerate(borders) if other == border])
        around = max(blurrer.variants[row].reach for row in rows) if border == "valid" else 0
        source = wide(around) if wide is not None and border == "valid" else sharp
        made = blurrer.blur(source, rows, border=border, margin=around, first=first)
        if len(rows) == len(borders):
            out = made
        else:
            out = np.empty((len(borders), *sharp.shape), np.uint8) if out is None else out
            out[rows] = made
    assert out is not None  # there is a variant
    return (saturate(out, recipe.saturation.gain) if recipe.saturation else out), borders
