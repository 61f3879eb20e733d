"""Naturalness of the restored image alone: NIQE, which needs no sharp image.

Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality Analyzer" (IEEE Signal Processing Letters
2013): the distance, equation 10, between the features of an image's patches and those of sharp photographs; smaller is
better. The features are 36 natural scene statistics of each patch. The choices of the published MATLAB code are kept:
grey values rounded to 8 bits, a 7x7 Gaussian with sigma 7/6, replicated borders, the shape found on a grid of 0.001,
two scales by antialiased bicubic halving.

The published model, mean and covariance of the features of sharp patches, is for patches of 96 pixels that do not
overlap, of which a face of 128 pixels has only one: there, either let patches overlap (``stride16``; ours, not the
paper's) or fit a model of smaller patches to sharp faces (`fit`). Both show in the signature.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import as_batch
from facedeblur.benchmark.files.arrays import read_npz
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.mat import load_mat
from facedeblur.benchmark.metrics.base import Metric, Needs
from facedeblur.benchmark.options import Slot, fill, pin_of
from facedeblur.benchmark.weights import Located, locate

FEATURES = 36
GREY = (0.298936021293775, 0.587043074451121, 0.114020904255103)
"""MATLAB's `rgb2gray`."""

SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Neighbours whose products are looked at: right, below, and the two diagonals; patches wrap around."""

# MATLAB's imresize by one half: the cubic kernel stretched to eight taps, at 0.5, 1.5, ... pixels from the centre.
_HALF = np.array([-0.01171875, -0.03515625, 0.11328125, 0.43359375])
HALVING = np.concatenate([_HALF, _HALF[::-1]])


def patch_grid(height: int, width: int, patch: int, stride: int) -> tuple[int, int]:
    """Return how many patches of `patch` pixels, `stride` pixels apart, fit down and across.

    Raises
    ------
    InputError
        When they are fewer than two: one patch has no covariance.
    """
    down, across = ((side - patch) // stride + 1 if side >= patch else 0 for side in (height, width))
    if down * across < 2:
        finer = max(height, width) > patch <= min(height, width)
        raise InputError(
            f"image of {width}x{height} pixels",
            expected=f"at least two patches of {patch}x{patch} pixels, {stride} apart",
            found=f"{down * across}",
            do=f"let patches overlap, as in niqe[stride{max(2, patch // 12 * 2)}]" if finer else "score larger images",
        )
    return down, across


def patch_features(image: np.ndarray, *, patch: int = 96, stride: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Compute the features of every patch of an image.

    Parameters
    ----------
    image : ndarray, (H, W, 3) uint8 RGB
        Cropped at the right and below to what the patches cover.
    patch, stride : int
        Side of a patch and distance between patches in pixels, both even. The published code has them equal.

    Returns
    -------
    features : ndarray, (P, 36) float64
        NaN where a patch is constant.
    sharpness : ndarray, (P,) float64
        Mean local deviation of each patch in grey levels.

    Raises
    ------
    InputError
        When fewer than two patches fit.
    """
    down, across = patch_grid(image.shape[0], image.shape[1], patch, stride)
    rows, columns = (down - 1) * stride + patch, (across - 1) * stride + patch
    grey = np.round(image[:rows, :columns].astype(np.float64) @ np.array(GREY))
    found, sharpness = [], np.empty(0)
    for scale in (1, 2):
        normalised, deviation = normalise(grey)
        found.append(_described(_windows(normalised, patch // scale, stride // scale)))
        if scale == 1:
            sharpness = _windows(deviation, patch, stride).mean(axis=(1, 2))
            grey = halved(grey)
    return np.concatenate(found, axis=1), sharpness


def normalise(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the local mean and divide by the local deviation plus 1 (equation 1 of the paper).

    Parameters
    ----------
    grey : ndarray, (H, W) float64 in [0, 255]

    Returns
    -------
    normalised, deviation : ndarray, (H, W) float64
    """
    from scipy.ndimage import correlate1d

    taps = np.exp(-0.5 * (np.arange(-3, 4) / (7 / 6)) ** 2)
    taps /= taps.sum()

    def smooth(values: np.ndarray) -> np.ndarray:
        return np.asarray(correlate1d(correlate1d(values, taps, 0, mode="nearest"), taps, 1, mode="nearest"))

    mean = smooth(grey)
    deviation = np.sqrt(np.abs(smooth(grey**2) - mean**2))
    return (grey - mean) / (deviation + 1), deviation


def halved(grey: np.ndarray) -> np.ndarray:
    """Halve (H, W) float64 of even sides as MATLAB's ``imresize(grey, 0.5)`` does: borders are mirrored."""
    from scipy.ndimage import correlate1d

    for axis in (0, 1):
        # An even filter's origin of -1 centres it between the two pixels that become one.
        grey = np.take(correlate1d(grey, HALVING, axis, mode="reflect", origin=-1), range(0, grey.shape[axis], 2), axis)
    return grey


def _windows(values: np.ndarray, side: int, stride: int) -> np.ndarray:
    """All patches of (H, W), row by row: (P, side, side)."""
    found = np.lib.stride_tricks.sliding_window_view(values, (side, side))[::stride, ::stride]
    return found.reshape(-1, side, side)


def _described(patches: np.ndarray) -> np.ndarray:
    """The 18 features of each of (P, s, s) normalised patches."""
    shape, left, right = asymmetric_gaussian(patches)
    found = [shape, (left + right) / 2]
    for shift in SHIFTS:
        shape, left, right = asymmetric_gaussian(patches * np.roll(patches, shift, axis=(1, 2)))
        found += [shape, (right - left) * _mean_factor()[_place(shape)], left, right]
    return np.stack(found, axis=1)


@lru_cache(maxsize=1)
def _table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shapes, the ratio (E|x|)^2 / E x^2 of a generalised Gaussian of each, and scale over deviation."""
    from scipy.special import gamma

    shapes = 0.2 + 0.001 * np.arange(9801)
    one, two, three = (gamma(times / shapes) for times in (1, 2, 3))
    return shapes, two**2 / (one * three), np.sqrt(one / three)


@lru_cache(maxsize=1)
def _mean_factor() -> np.ndarray:
    from scipy.special import gamma

    shapes = _table()[0]
    return np.append(gamma(2 / shapes) / gamma(1 / shapes), np.nan)


def _place(shapes: np.ndarray) -> np.ndarray:
    """Place of grid values in the grid; the one past the end for NaN."""
    whole = np.where(np.isfinite(shapes), (shapes - 0.2) / 0.001, len(_table()[0]))
    return np.round(whole).astype(np.int64)


def asymmetric_gaussian(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit an asymmetric generalised Gaussian to each patch by its moments (Lasmar et al. 2009).

    Parameters
    ----------
    patches : ndarray, (P, s, s) float64

    Returns
    -------
    shape, left, right : ndarray, (P,) float64
        Shape in [0.2, 10] in steps of 0.001, and the scales of the two sides; NaN where a side has no values.
    """
    values = patches.reshape(len(patches), -1)
    squares, below, above = values**2, values < 0, values > 0
    counts = below.sum(axis=1), above.sum(axis=1)
    good = (counts[0] > 0) & (counts[1] > 0)
    left, right = (
        np.sqrt(np.where(side, squares, 0).sum(axis=1) / np.maximum(count, 1))
        for side, count in zip((below, above), counts, strict=True)
    )
    shape, scales = np.full(len(values), np.nan), np.full((2, len(values)), np.nan)
    if good.any():
        skew = left[good] / right[good]
        ratio = np.abs(values[good]).mean(axis=1) ** 2 / squares[good].mean(axis=1)
        ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
        shapes, ratios, factors = _table()
        after = np.searchsorted(ratios, ratio).clip(1, len(ratios) - 1)
        place = np.where(ratio - ratios[after - 1] <= ratios[after] - ratio, after - 1, after)
        shape[good] = shapes[place]
        scales[:, good] = np.stack([left[good], right[good]]) * factors[place]
    return shape, scales[0], scales[1]


PATCH, SHARPNESS = 96, 0.75
"""Of the published model: side of a patch in pixels, and the share of an image's sharpest that a patch must reach."""

NAMES = (("mu_pris_param", "cov_pris_param"), ("mu_prisparam", "cov_prisparam"))
"""How mean and covariance are called in BasicSR's file and in Mittal's."""


@dataclass(frozen=True, eq=False)
class NiqeModel:
    """A normal distribution of patch features.

    Attributes
    ----------
    mean : ndarray, (36,) float64
    covariance : ndarray, (36, 36) float64
    patch : int
        Side of the patches it was made from; images are compared by patches of the same size.
    """

    mean: np.ndarray
    covariance: np.ndarray
    patch: int = PATCH

    def save(self, path: str | Path) -> None:
        """Write the model as ``.npz`` that `read_model` reads, atomically.

        In one of the folders of weight files and called ``niqe_model.npz`` it is found by the metric ``niqe``.
        """
        with replacing(Path(path)) as temporary, temporary.open("wb") as file:
            np.savez(file, mu_pris_param=self.mean, cov_pris_param=self.covariance, patch=np.int64(self.patch))


@lru_cache(maxsize=4)
def read_model(path: str, sha256: str) -> NiqeModel:
    """Read a model once per process: our own, ``niqe_pris_params.npz`` or ``modelparameters.mat``.

    Raises
    ------
    InputError
        When the file is damaged or holds something else.
    """
    try:
        what = "a model of NIQE"
        matlab = path.endswith(".mat")
        found = load_mat(Path(path), expected=what, do="download it again") if matlab else read_npz(path, what)
        if found is None:
            raise ValueError("a MATLAB file of version 7.3")
        names = next(pair for pair in NAMES if pair[0] in found)
        mean, covariance = (np.asarray(found[name], dtype=np.float64) for name in names)
        patch = int(np.asarray(found.get("patch", PATCH)).item())
        if mean.size != FEATURES or covariance.shape != (FEATURES,) * 2 or patch < 4 or patch % 2:
            raise ValueError(f"shapes {mean.shape} and {covariance.shape}, patches of {patch} pixels")
    except Exception as error:  # zip, pickle and MATLAB readers raise what they like on damaged files
        raise InputError(
            path, expected="a mean of 36 features and their covariance", found=f"{error or type(error).__name__}",
            do="download it again",
        ) from error  # fmt: skip
    return NiqeModel(mean.reshape(-1), covariance, patch)


def fit(
    images: Iterable[np.ndarray], *, patch: int = PATCH, stride: int | None = None, sharpness: float = SHARPNESS
) -> NiqeModel:
    """Fit a model to sharp images, as the published one was to 125 photographs.

    Parameters
    ----------
    images : iterable of ndarray, (H, W, 3) uint8 RGB
        Sharp, natural, not enlarged; faces where faces are to be judged.
    patch : int
        Side of the patches in pixels, even.
    stride : int, optional
        Pixels between patches, even; `patch` where none is given.
    sharpness : float
        Patches of an image below this share of its sharpest one are left out, in [0, 1).

    Returns
    -------
    NiqeModel

    Raises
    ------
    InputError
        When an option is out of range, an image is too small, or fewer patches are left than there are features.
    """
    stride = patch if stride is None else stride
    if patch < 4 or patch % 2 or stride < 2 or stride % 2 or not 0 <= sharpness < 1:
        raise InputError(
            "options of the fit", expected="even patch and stride, sharpness in [0, 1)",
            found=f"{patch}, {stride}, {sharpness}",
        )  # fmt: skip
    kept = [np.empty((0, FEATURES))]
    for image in images:
        features, found = patch_features(image, patch=patch, stride=stride)
        features = features[found > sharpness * found.max()]
        kept.append(features[np.isfinite(features).all(axis=1)])
    rows = np.concatenate(kept)
    if len(rows) <= FEATURES:
        raise InputError(
            "patches for a NIQE model", expected=f"more than {FEATURES}", found=f"{len(rows)}", do="give more images"
        )
    return NiqeModel(rows.mean(axis=0), np.cov(rows, rowvar=False), patch)


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
class Niqe(Metric):
    """Naturalness without a sharp image (Mittal et al. 2013): ``niqe[model,p96,stride96]``.

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

    name, higher_is_better, needs, limits = "niqe", False, Needs(sharp=False), (0.0, math.inf)
    worst = 100.0  # the measure has no upper bound, but even noise stays below it
    summary = "naturalness of the restored image alone, distance from a model of sharp images (Mittal et al., SPL 2013)"
    terms: ClassVar[Mapping[str, str]] = {r"p(\d+)": "patches of {} pixels", r"stride(\d+)": "{} pixels apart"}

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`.

        Parameters
        ----------
        *options : str
            In any order: ``model``, perhaps with the beginning of its file's sha256 behind ``@``; ``pN``, which has to
            be the model's; ``strideN``, even, the patches' side where it is not given.
        """
        weights = locate(cls.name, sha=pin_of(next((word for word in options if word.startswith("model@")), "")))
        patch = read_model(str(weights.path), weights.sha256).patch
        slots = Slot(("model",), pinned=True), (f"p{patch}",), Slot((f"stride{patch}",), form=r"stride\d+")
        *_, stride = fill(f"metric '{cls.name}'", options, *slots)
        apart = int(stride.removeprefix("stride"))
        if apart < 2 or apart % 2 or apart > patch:
            raise InputError(f"option '{stride}' of metric 'niqe'", expected=f"an even number from 2 to {patch}")
        return cls(weights, patch, apart)

    @property
    def options(self) -> tuple[str, ...]:
        """The hash of the model, side of the patches, and distance between them."""
        return f"model@{self.weights.short}", f"p{self.patch}", f"stride{self.stride}"

    @property
    def label(self) -> str:
        """Short column heading; what is not the published definition is part of it."""
        other = [f"p{self.patch}"] * (self.patch != 96) + [f"stride{self.stride}"] * (self.stride != self.patch)
        return " ".join(["NIQE", *other])

    def measure(self, restored: np.ndarray, sharp: np.ndarray | None, prepared: None) -> np.ndarray:
        """Return `niqe` of each of (N, H, W, 3) uint8 RGB; (N,) float64, NaN for an image without structure."""
        model = read_model(str(self.weights.path), self.weights.sha256)
        return np.array([niqe(image, model, stride=self.stride) for image in as_batch(restored)], dtype=np.float64)
