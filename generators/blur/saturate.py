"""Saturated blur: highlights that leave the range and are clipped, as in Shen et al. 2020, Fig. 12."""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import to_uint8

# ITU-R BT.601, full range: the luma that JPEG uses.
LUMA = (0.299, 0.587, 0.114)


def saturate(blurred: np.ndarray, gain: float) -> np.ndarray:
    """Multiply the luma of an image, clip it, and convert back.

    Chroma stays, so each of R, G and B moves by what the luma moves.

    Parameters
    ----------
    blurred : np.ndarray, shape (..., 3), uint8 RGB
    gain : float
        Factor on Y of YCbCr; the paper uses 1.5.

    Returns
    -------
    np.ndarray, shape (..., 3), uint8 RGB

    Raises
    ------
    InputError
        If `blurred` is not uint8 RGB or `gain` is not positive.

    References
    ----------
    Shen et al., IJCV 2020, Fig. 12 and the text on it.
    """
    if blurred.dtype != np.uint8 or blurred.shape[-1:] != (3,):
        raise InputError("blurred image", expected="(..., 3) uint8", found=f"{blurred.shape} {blurred.dtype}")
    if not 0 < gain < np.inf:
        raise InputError("saturation gain", expected="a positive number", found=f"{gain}")
    values = blurred.astype(np.float64) / 255.0
    luma = values[..., 0] * LUMA[0] + values[..., 1] * LUMA[1] + values[..., 2] * LUMA[2]
    moved = np.clip(luma * gain, 0.0, 1.0) - luma
    return to_uint8(values + moved[..., None])
