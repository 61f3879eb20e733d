"""PSNR and SSIM without the border, where a restoration suffers from what lies outside the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import PSNR_TERMS, SSIM_TERMS, Fidelity, Psnr, Ssim, check_images
from facedeblur.benchmark.metrics.fidelity.shift import large_enough
from facedeblur.benchmark.options import Slot, fill

CROP = Slot(("crop8",), form=r"crop\d+")
TERMS = {r"crop(\d+)": "{} pixels cut off every side"}


@dataclass(frozen=True)
class Cropped(Fidelity):
    """Another metric, inside a border.

    Parameters
    ----------
    whole : Psnr or Ssim
        The metric.
    crop : int
        Pixels cut off every side.
    """

    whole: Psnr | Ssim
    crop: int

    kind: ClassVar[type[Psnr | Ssim]]

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options: those of `kind`, and ``cropN``; see `Metric.of`."""
        (crop,) = fill(f"metric '{cls.name}'", [word for word in options if word in CROP], CROP)
        pixels = int(crop.removeprefix("crop"))
        if pixels < 1:
            raise InputError(
                f"metric '{cls.name}'", expected="a crop of at least 1 pixel", found=crop, do=f"use {cls.kind.name}"
            )
        return cls(cls.kind.of(*(word for word in options if word not in CROP)), pixels)

    @property
    def options(self) -> tuple[str, ...]:
        """Options of the metric, and the crop."""
        return (*self.whole.options, f"crop{self.crop}")

    @property
    def label(self) -> str:
        """Short column heading."""
        return f"{self.whole.label} crop{self.crop}"

    @property
    def limits(self) -> tuple[float, float]:
        """Those of the metric."""
        return self.whole.limits

    def compare(self, restored: np.ndarray, sharp: np.ndarray) -> float:
        """Compare two (H, W, 3) uint8 RGB images inside the border.

        Raises
        ------
        InputError
            If nothing is left, or less than the metric needs.
        """
        check_images(restored, sharp)
        large_enough(sharp, self.crop, 1)
        inside = np.s_[self.crop : sharp.shape[0] - self.crop, self.crop : sharp.shape[1] - self.crop]
        return self.whole.compare(restored[inside], sharp[inside])


class CropPsnr(Cropped):
    """PSNR without the border: ``psnr-crop[rgb,255,crop8]``; as ``psnr``, and the pixels cut off every side."""

    name, unit, worst, kind = "psnr-crop", "dB", 0.0, Psnr
    summary = "PSNR without the image's border"
    terms: ClassVar[Mapping[str, str]] = PSNR_TERMS | TERMS


class CropSsim(Cropped):
    """SSIM without the border: ``ssim-crop[matlab3d,crop8]``; as ``ssim``, and the pixels cut off every side."""

    name, worst, kind = "ssim-crop", -1.0, Ssim
    summary = "SSIM without the image's border"
    terms: ClassVar[Mapping[str, str]] = SSIM_TERMS | TERMS
