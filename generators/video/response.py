"""Camera response curves, and the mean of frames in light.

A moving camera adds up light, not the coded values of a file. A `Response` maps each of the 256 coded values to light:
a power law, or a measured curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.arrays import read_npy
from facedeblur.benchmark.files.paths import read_file

CODES = 256


class Response:
    """Maps coded values to light and back.

    Parameters
    ----------
    light : np.ndarray, shape (256, 1) or (256, 3), float64
        Light of every coded value, strictly increasing; one column for all channels, or one for each.
    borders : np.ndarray, shape (255, 1) or (255, 3), float64
        Light from which the next value is coded.
    """

    def __init__(self, light: np.ndarray, borders: np.ndarray):
        self.light, self.borders = light, borders

    @classmethod
    def power(cls, gamma: float) -> Response:
        """Light is ``(code / 255)^gamma``; 1 averages the coded values.

        Raises
        ------
        InputError
            When `gamma` is not between 0.1 and 10.
        """
        if not 0.1 <= gamma <= 10:
            raise InputError(
                "gamma", expected="0.1 to 10", found=f"{gamma:g}", do="use 1 for coded values, 2.2 for light"
            )
        codes = np.arange(CODES, dtype=np.float64)[:, None]
        if gamma == 1:
            return cls(codes, codes[1:] - 0.5)
        return cls((codes / 255) ** gamma, ((codes[1:] - 0.5) / 255) ** gamma)

    @classmethod
    def from_file(cls, path: str | Path) -> Response:
        """Read a measured curve: 256 lines of one or three numbers (``.csv``, ``.txt``), or such a ``.npy`` array.

        Row ``i`` is the light that is coded as ``i``, in any unit; the curve is linear between rows.

        Raises
        ------
        InputError
            When the file has another shape, or a column is not strictly increasing.
        """
        path = Path(path)
        try:
            if path.suffix.lower() == ".npy":
                values = read_npy(path, "a response curve")
            else:
                text = read_file(path).decode("utf-8").replace(",", " ")
                values = np.array([line.split() for line in text.splitlines() if line.strip()], np.float64)
        except InputError:
            raise
        except FileNotFoundError as error:
            raise MissingFile(path, expected="a response curve", do="check the path") from error
        except ValueError as error:
            raise InputError(str(path), f"not 256 rows of 1 or 3 numbers ({error})", do="correct the file") from error
        light = values.reshape(-1, 1) if values.ndim == 1 else values
        if light.ndim != 2 or light.shape[0] != CODES or light.shape[1] not in (1, 3) or light.dtype.kind not in "fiu":
            shape = "x".join(map(str, values.shape))
            raise InputError(str(path), expected="256 rows of 1 or 3 numbers", found=f"{shape} {values.dtype}")
        light = light.astype(np.float64)
        falling = np.argwhere(~(np.diff(light, axis=0) > 0))
        if len(falling) or not np.isfinite(light).all():
            row = int(falling[0, 0]) + 1 if len(falling) else 0
            raise InputError(str(path), f"light must be finite and rise from row to row; row {row} does not")
        return cls(light, (light[:-1] + light[1:]) / 2)

    def mean(self, frames: Sequence[np.ndarray]) -> np.ndarray:
        """The exposure that is the mean of `frames` in light, coded to 8 bits, half up.

        Sums are computed in float64 in the order of the frames: identical on every machine.

        Parameters
        ----------
        frames : sequence of np.ndarray, shape (H, W, 3), uint8 RGB

        Returns
        -------
        np.ndarray, shape (H, W, 3), uint8 RGB
        """
        total = Mean(self)
        for frame in frames:
            total.add(frame)
        return total.coded()


class Mean:
    """The mean of frames in light, one frame at a time; see `Response.mean`."""

    def __init__(self, response: Response):
        self._response = response
        self._total: np.ndarray | None = None
        self._count = 0

    def add(self, frame: np.ndarray) -> None:
        """Add a frame, (H, W, 3) uint8 RGB, of the same size as the others."""
        if self._total is None:
            self._total = np.zeros((frame.shape[2], *frame.shape[:2]))
        for channel, total in enumerate(self._total):
            total += self._column(self._response.light, channel)[frame[:, :, channel]]
        self._count += 1

    def coded(self) -> np.ndarray:
        """The mean of the frames so far, at least one, coded to 8 bits: (H, W, 3) uint8 RGB."""
        assert self._total is not None
        out = np.empty((*self._total.shape[1:], len(self._total)), np.uint8)
        for channel, total in enumerate(self._total):
            borders = self._column(self._response.borders, channel)
            out[:, :, channel] = np.searchsorted(borders, total / self._count, side="right")
        return out

    @staticmethod
    def _column(table: np.ndarray, channel: int) -> np.ndarray:
        return np.ascontiguousarray(table[:, min(channel, table.shape[1] - 1)])
