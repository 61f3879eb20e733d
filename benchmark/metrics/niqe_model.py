"""What sharp images look like to NIQE: mean and covariance of the features of their patches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from facedeblur.benchmark.atomic import replacing
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.niqe_features import FEATURES, patch_features

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
    """Read a model once a process: our own, ``niqe_pris_params.npz`` or ``modelparameters.mat``.

    Raises
    ------
    InputError
        When the file is damaged or holds something else.
    """
    from scipy.io import loadmat

    try:
        found = loadmat(path) if path.endswith(".mat") else dict(np.load(path, allow_pickle=False))
        names = next(pair for pair in NAMES if pair[0] in found)
        mean, covariance = (np.asarray(found[name], dtype=np.float64) for name in names)
        patch = int(np.asarray(found.get("patch", PATCH)).item())
        if mean.size != FEATURES or covariance.shape != (FEATURES,) * 2 or patch < 4 or patch % 2:
            raise ValueError(f"shapes {mean.shape} and {covariance.shape}, patches of {patch} pixels")
    except Exception as error:  # zip, pickle and MATLAB readers raise what they like on damaged files
        raise InputError(
            path, expected="a mean of 36 features and their covariance", found=f"{error or type(error).__name__}",
            do="get it again",
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
