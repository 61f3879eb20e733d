"""How an exported network is fed: range, order and type of its values, padding, and which of its results counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, said_by
from facedeblur.benchmark.options import one_of
from facedeblur.methods.running.execution import out_of_memory

RANGES = {"0..1": (1.0, 0.0), "-1..1": (2.0, -1.0), "0..255": (255.0, 0.0)}
CHANNELS = ("rgb", "bgr")


class ExportedNetwork:
    """Base of the kinds of exported networks.

    Parameters
    ----------
    range : {'0..1', '-1..1', '0..255'}
        Range of its input, and of its output unless `output_range` says otherwise. Whole numbers are always 0..255.
    channels : {'rgb', 'bgr'}
        Their order.
    multiple : int
        Height and width must be multiples of this; the image is mirrored at the bottom and right, then cut.
    output : int or str
        Number or name of the result that is the restored image; by default the only one of the size of the input.
    smallest : int
        Least height and width; smaller images are padded in the same way.
    output_range : {'', '0..1', '-1..1', '0..255'}
        Range of its output; empty is that of the input.
    """

    def __init__(
        self,
        *,
        range: str = "0..1",
        channels: str = "rgb",
        multiple: int = 1,
        output: int | str = "",
        smallest: int = 1,
        output_range: str = "",
    ):
        one_of("range", range, RANGES)
        one_of("output_range", output_range, ("", *RANGES))
        one_of("channels", channels, CHANNELS)
        for key, number in (("multiple", multiple), ("smallest", smallest)):
            if number < 1:
                raise InputError(f"option '{key}'", expected="at least 1", found=f"{number}")
        self._into, self._out_of = RANGES[range], RANGES[output_range or range]
        self._flip, self._multiple, self._smallest = channels == "bgr", multiple, smallest
        self._output, self._output_range = str(output), output_range
        # What the file fixes: images at a time, height and width.
        self._at_once: int | None = None
        self._fixed: tuple[int | None, int | None] = (None, None)

    def load(self, device: str, weights: Mapping[str, Path]) -> None:
        """Load the first file of `weights` on `device`."""
        raise TypeError(f"{type(self).__name__} has no load")

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        """Restore (N, H, W, 3) float32 RGB in [0, 1].

        Raises
        ------
        InputError
            If the network fails, or none of its results has the size of its input.
        """
        height, width = blurred.shape[1:3]
        tall, wide = self._room(height, width)
        padded = np.pad(blurred, ((0, 0), (0, tall - height), (0, wide - width), (0, 0)), mode="symmetric")
        planes = padded[..., ::-1] if self._flip else padded
        scale, shift = self._into
        given = np.ascontiguousarray(planes.transpose(0, 3, 1, 2)) * np.float32(scale) + np.float32(shift)
        step = self._at_once or len(given)
        parts = []
        for start in range(0, len(given), step):
            part = given[start : start + step]
            # A fixed batch is filled up with its last image.
            full = np.concatenate([part, np.repeat(part[-1:], step - len(part), 0)])
            parts.append(self._one_result(full, (height, width))[: len(part)])
        scale, shift = self._out_of
        array = ((np.concatenate(parts) - np.float32(shift)) / np.float32(scale)).transpose(0, 2, 3, 1)
        array = array[..., ::-1] if self._flip else array
        return np.ascontiguousarray(array[:, :height, :width])

    def _room(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that images of a size are padded to."""
        room = (-(-max(side, self._smallest) // self._multiple) * self._multiple for side in (height, width))
        tall, wide = (fixed or side for fixed, side in zip(self._fixed, room, strict=True))
        if height > tall or width > wide:
            raise InputError(
                "images for the network", expected=f"at most {tall}x{wide}, the size that the file was exported for",
                found=f"{height}x{width}", do="export it with free height and width, or for images of this size",
            )  # fmt: skip
        return tall, wide

    def _one_result(self, planes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Run the network and return the result that counts, (N, 3, H, W) float32 of the size of `planes`."""
        try:
            found = self._run(planes)
        except Exception as error:
            if isinstance(error, InputError) or out_of_memory(error):
                raise
            why = said_by(error)
            raise InputError(f"the network failed: {why}", do=self._sizes_hint(planes, size, why)) from error
        results = {name: _with_channels_first(array, planes.shape) for name, array in found.items()}
        name = self._chosen(results, planes.shape)
        if results[name].shape != planes.shape:
            raise InputError(
                "result of the network", expected=f"{_by(planes.shape)}, the size of its input",
                found=_by(results[name].shape), do=self._sizes_hint(planes, size, "size", results[name].shape),
            )  # fmt: skip
        return results[name]

    def _run(self, planes: np.ndarray) -> dict[str, np.ndarray]:
        """(N, 3, H, W) float32 in the network's own range and order to its results, float32 by name or number."""
        raise TypeError(f"{type(self).__name__} has no _run")

    def _chosen(self, results: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> str:
        """Name of the result that is the restored image."""
        names = list(results)
        if self._output in names:
            return self._output
        if self._output.isdigit() and int(self._output) < len(names):
            return names[int(self._output)]
        listed = ", ".join(f"{name} ({_by(array.shape)})" for name, array in results.items()) or "none"
        if self._output:
            raise InputError("option 'output'", expected=f"one of the results {listed}", found=self._output)
        fitting = [name for name in names if results[name].shape == shape] if len(names) > 1 else names
        if len(fitting) != 1:
            many = len(fitting) or "none"
            raise InputError(
                f"the network has {len(names)} results, and {many} of the size of its input: {listed}",
                do="say which one is the restored image: --set output=NAME",
            )
        return fitting[0]

    def _sizes_hint(
        self, planes: np.ndarray, size: tuple[int, int], why: str, found: tuple[int, ...] | None = None
    ) -> str | None:
        """What to do where the size of the images may be at fault."""
        if (
            found is not None
            and found[:2] == planes.shape[:2]
            and found[2:] >= tuple(2 * one for one in planes.shape[2:])
        ):
            return "a network that enlarges is no method for deblurring: scale its result down before exporting it"
        words = ("size", "shape", "dimension", "pad", "broadcast")
        if all(side % 32 == 0 for side in planes.shape[2:]) and not any(word in why.lower() for word in words):
            return None
        return (
            f"the images are {_by(size)}: if the network takes only certain sizes, give --set multiple=N (often 8, 16 "
            "or 32), and --set smallest=N for the least"
        )


def flattened(found: Any, name: str = "") -> dict[str, Any]:
    """What a network returned, by name or number; names of nested results are joined by dots."""
    if isinstance(found, Mapping):
        entries = [(str(key), value) for key, value in found.items()]
    elif isinstance(found, tuple | list):
        entries = [(str(number), value) for number, value in enumerate(found)]
    elif hasattr(found, "shape"):
        return {name or "0": found}
    else:
        return {}  # a number or None is no image
    flat: dict[str, Any] = {}
    for key, value in entries:
        flat |= flattened(value, f"{name}.{key}" if name else key)
    return flat


def _with_channels_first(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A result with its channels in the second axis, and with the axis of images if it is of a single one."""
    if array.ndim == 3 and shape[0] == 1:
        array = array[None]
    if array.ndim == 4 and array.shape[-1] == 3 and array.shape != shape:
        array = array.transpose(0, 3, 1, 2)
    return array


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
