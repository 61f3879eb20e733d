"""Naturalness of the restored image alone: NIQE, which needs no sharp image.

Mittal, Soundararajan and Bovik 2013 (see `niqe_features`). The distance, equation 10, between the features of an
image's patches and those of sharp photographs; smaller is better. The published model is for patches of 96 pixels that
do not overlap, of which a face of 128 pixels has only one: there, either let patches overlap (``stride16``; ours, not
the paper's) or fit a model of smaller patches to sharp faces (`niqe_model.fit`). Both show in the signature.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import as_batch
from facedeblur.benchmark.metrics.base import fill
from facedeblur.benchmark.metrics.niqe_features import patch_features
from facedeblur.benchmark.metrics.niqe_model import NiqeModel, read_model
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.weights import Located, locate


def niqe(image: np.ndarray, model: NiqeModel, *, stride: int | None = None) -> float:
    """Distance of an image from what sharp images look like.

    Parameters
    ----------
    image : ndarray, (H, W, 3) uint8 RGB
    model : NiqeModel
    stride : int, optional
        Pixels between patches, even; the patches' side where none is given.

    Returns
    -------
    float
        From 0 up, about 3 to 5 for good photographs; NaN where fewer than two patches have any structure.

    Raises
    ------
    InputError
        When the image has room for fewer than two patches.
    """
    features, _ = patch_features(image, patch=model.patch, stride=stride or model.patch)
    there = np.isfinite(features)
    whole, counts = features[there.all(axis=1)], there.sum(axis=0)
    if len(whole) < 2:
        return float("nan")
    apart = np.where(there, features, 0).sum(axis=0) / counts - model.mean
    pooled = np.linalg.pinv((model.covariance + np.cov(whole, rowvar=False)) / 2)
    return float(np.sqrt(max(0.0, apart @ pooled @ apart)))


@dataclass(frozen=True)
class Niqe:
    """NIQE of restored images.

    Parameters
    ----------
    weights : Located
        The model's file.
    patch, stride : int
        The model's patches, and the pixels between them.
    """

    weights: Located
    patch: int
    stride: int

    higher_is_better = False
    needs_sharp = False
    limits = (0.0, math.inf)
    unit = ""

    @property
    def signature(self) -> Signature:
        """The hash of the model, side of the patches, and distance between them."""
        return Signature("niqe", (f"model@{self.weights.short}", f"p{self.patch}", f"stride{self.stride}"))

    @property
    def label(self) -> str:
        """Short column heading; what is not the published definition is part of it."""
        other = [f"p{self.patch}"] * (self.patch != 96) + [f"stride{self.stride}"] * (self.stride != self.patch)
        return " ".join(["NIQE", *other])

    @property
    def worst(self) -> float:
        """100: the measure has no upper bound, but even noise stays below it."""
        return 100.0

    def prepare(self, sharp: np.ndarray | None) -> None:
        """Nothing: the sharp image plays no part."""

    def measure(self, restored: np.ndarray, sharp: np.ndarray | None, prepared: None) -> np.ndarray:
        """Return `niqe` of each of (N, H, W, 3) uint8 RGB; (N,) float64, NaN for an image without structure."""
        model = read_model(str(self.weights.path), self.weights.sha256)
        return np.array([niqe(image, model, stride=self.stride) for image in as_batch(restored)], dtype=np.float64)


def niqe_metric(*args: str) -> Niqe:
    """Naturalness without a sharp image (Mittal et al. 2013): ``niqe[model,p96,stride96]``.

    Parameters
    ----------
    *args : str
        In any order: ``model``, perhaps with the beginning of its file's sha256 behind ``@``; ``pN``, which has to be
        the model's; ``strideN``, even, the patches' side where it is not given.

    Raises
    ------
    InputError
        When an argument is not known, or the model is missing, another, or of other patches.
    """
    sha = next((arg.partition("@")[2] for arg in args if arg.startswith("model@")), None)
    weights = locate("niqe", sha=sha)
    patch = read_model(str(weights.path), weights.sha256).patch
    strides = tuple(arg for arg in args if re.fullmatch(r"stride\d+", arg))
    bare = ["model" if arg.startswith("model@") else arg for arg in args]
    *_, stride = fill("niqe", bare, ("model",), (f"p{patch}",), (f"stride{patch}", *strides))
    apart = int(stride.removeprefix("stride"))
    if apart < 2 or apart % 2 or apart > patch:
        raise InputError(f"argument '{stride}' of metric 'niqe'", expected=f"an even number from 2 to {patch}")
    return Niqe(weights, patch, apart)
