"""Augmentation of sharp faces before they are blurred: turned, moved, scaled, mirrored, brightened.

What is drawn depends on (seed, number of the pair) alone. Geometry is one bilinear resampling of the photograph with
its true surroundings, mirrored beyond its edge; colour follows. All arithmetic is float64 in a fixed order, rounded
half up, so the bytes do not depend on the machine; `device` gives the same on a GPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.generators.random.philox import cosine_sine, halves, philox, uniform

AUGMENT = 3 << 16
"""Stream of the augmentations."""

GREY = (0.299, 0.587, 0.114)
"""Weights of R, G and B in the grey that contrast and saturation turn on (ITU-R BT.601)."""


@dataclass(frozen=True)
class AugmentLaw:
    """Ranges that an augmentation is drawn from, each uniformly; 0 changes nothing.

    Attributes
    ----------
    scale : float
        Magnification from 1 - scale to 1 + scale.
    shift : float
        Pixels to either side, in x and in y.
    shift_share : float
        The same, as a share of width and height.
    rotate : float
        Degrees to either side.
    flip : float
        Probability of a mirror image.
    brightness, contrast, saturation : float
        Factor from 1 - value to 1 + value.
    """

    scale: float = 0.0
    shift: float = 0.0
    shift_share: float = 0.0
    rotate: float = 0.0
    flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def __post_init__(self) -> None:
        most = {"scale": 0.9, "shift": 4096.0, "shift_share": 1.0, "rotate": 360.0}
        for name, value in vars(self).items():
            if not 0 <= value <= most.get(name, 1.0):
                raise InputError(
                    f"augmentation, {name}", expected=f"from 0 to {most.get(name, 1.0):g}", found=str(value)
                )

    def surroundings(self, height: int, width: int, radius: int) -> int:
        """Pixels around a crop that cover every augmentation of it and a kernel's radius beyond."""
        x = (width - 1) / 2 + radius + self.shift + self.shift_share * width
        y = (height - 1) / 2 + radius + self.shift + self.shift_share * height
        turn = math.radians(min(self.rotate, 90.0))
        wide, high = _reach(x, y, turn), _reach(y, x, turn)
        shrink = 1 - self.scale
        return max(radius, math.ceil(max(wide / shrink - (width - 1) / 2, high / shrink - (height - 1) / 2)))


LAWS: dict[str, AugmentLaw] = {
    # Shen et al., IJCV 2020: scale 0.9 to 1.1, shifts of up to 12 pixels, turns of up to 30 degrees.
    "shen": AugmentLaw(scale=0.1, shift=12, rotate=30),
    # Lin et al., AAAI 2020: 5 degrees, 5 %, scale and brightness changed by 0.1 and 0.2 (taken as factors).
    "lin": AugmentLaw(scale=0.1, shift_share=0.05, rotate=5, brightness=0.2),
    # Lee et al. 2020, training code: colour jitter, mirror, turns of up to 270 degrees. Its black corners are mirrored.
    "mspl": AugmentLaw(rotate=270, flip=0.5, brightness=0.5, contrast=0.5, saturation=0.5),
}


def augment_law(name: str | None) -> AugmentLaw | None:
    """The law called `name`; None if there is no name or it is ``none``.

    Raises
    ------
    InputError
        If there is no such law.
    """
    if name is None or name in ("", "none"):
        return None
    return LAWS[one_of("augmentation", name, [*LAWS, "none"])]


@dataclass(frozen=True)
class Augmentation:
    """One drawn augmentation: turned by `angle` degrees against the clock and scaled about the middle of the crop,
    shifted by pixels, mirrored; then brightness, contrast and saturation by factors."""

    scale: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    angle: float = 0.0
    flip: bool = False
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0

    @property
    def recolours(self) -> bool:
        """Whether colours change."""
        return (self.brightness, self.contrast, self.saturation) != (1.0, 1.0, 1.0)

    def back(self, height: int, width: int) -> np.ndarray:
        """Where a pixel of the augmented crop comes from.

        Returns
        -------
        (2, 3) float64
            Takes ``(x, y, 1)`` of the augmented crop to ``(x, y)`` of the crop.
        """
        turn = math.pi / 180 * (self.angle - 360 * math.floor((self.angle + 180) / 360))
        c, s = cosine_sine(turn)
        c, s = c / self.scale, s / self.scale
        mx, my = (width - 1) / 2, (height - 1) / 2
        matrix = np.array(
            [[c, -s, mx - c * (mx + self.shift_x) + s * (my + self.shift_y)],
             [s, c, my - s * (mx + self.shift_x) - c * (my + self.shift_y)]]
        )  # fmt: skip
        if self.flip:
            matrix[:, 2] += matrix[:, 0] * (width - 1)
            matrix[:, 0] = -matrix[:, 0]
        return matrix


def draw_augmentation(law: AugmentLaw, seed: int, number: int, size: tuple[int, int]) -> Augmentation:
    """The augmentation of pair `number`, for crops of (height, width).

    Raises
    ------
    InputError
        If seed or number is out of range.
    """
    k0, k1 = halves(seed, "seed")
    lo, hi = halves(number, "pair number")
    stream = np.uint32(AUGMENT)
    words = [*philox(np.uint32(0), lo, hi, stream, k0, k1), *philox(np.uint32(1), lo, hi, stream, k0, k1)]
    u = [float(uniform(word)) for word in words]
    both = [2 * value - 1 for value in u]
    return Augmentation(
        scale=1 + law.scale * both[0],
        shift_x=(law.shift + law.shift_share * size[1]) * both[1],
        shift_y=(law.shift + law.shift_share * size[0]) * both[2],
        angle=law.rotate * both[3],
        flip=u[4] < law.flip,
        brightness=1 + law.brightness * both[5],
        contrast=1 + law.contrast * both[6],
        saturation=1 + law.saturation * both[7],
    )


def augment(stored: np.ndarray, what: Augmentation, *, size: tuple[int, int], radius: int = 0) -> np.ndarray:
    """Cut the augmented crop, and `radius` pixels around it, out of what is stored of a photograph.

    Parameters
    ----------
    stored : (H + 2a, W + 2a, 3) uint8 RGB
        The crop with its surroundings; beyond them it is mirrored, the edge pixel not repeated.
    what : Augmentation
    size : (H, W)
        Of the crop.
    radius : int

    Returns
    -------
    (H + 2 radius, W + 2 radius, 3) uint8 RGB
    """
    height, width = size
    out = np.empty((height + 2 * radius, width + 2 * radius, 3), np.uint8)
    _resample(np.ascontiguousarray(stored), _places(stored.shape, what, size), radius, out)
    if what.recolours:
        _recolour(
            out, radius, middle_grey(out, radius, what.brightness), what.brightness, what.contrast, what.saturation
        )
    return out


def augment_labels(
    labels: np.ndarray, what: Augmentation, *, size: tuple[int, int], outside: int | None = None
) -> np.ndarray:
    """Label classes moved as `augment` moves the crop: the nearest pixel's.

    Parameters
    ----------
    labels : (H + 2a, W + 2a) uint8
    what, size
        As in `augment`.
    outside : int, optional
        Class of what is beyond the labels; by default they are mirrored.

    Returns
    -------
    (H, W) uint8
    """
    place = _places(labels.shape, what, size)
    x, y = np.meshgrid(np.arange(size[1], dtype=np.float64), np.arange(size[0], dtype=np.float64))
    columns = np.floor(place[0, 0] * x + place[0, 1] * y + place[0, 2] + 0.5).astype(np.int64)
    rows = np.floor(place[1, 0] * x + place[1, 1] * y + place[1, 2] + 0.5).astype(np.int64)
    moved = np.asarray(labels[mirrored(rows, labels.shape[0]), mirrored(columns, labels.shape[1])])
    if outside is not None:
        known = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
        moved = np.where(known, moved, np.uint8(outside))
    return moved


def augment_sketch(sketch: np.ndarray, what: Augmentation, *, size: tuple[int, int]) -> np.ndarray:
    """Cut the augmented crop out of a sketch: moved and interpolated as `augment` does a photograph, grey as it is.

    Parameters
    ----------
    sketch : (H + 2a, W + 2a) uint8
        The sketch of the crop with its surroundings; beyond them it is mirrored, as the photograph is.
    what : Augmentation
        Whose brightness, contrast and saturation are not used.
    size : (H, W)
        Of the crop.

    Returns
    -------
    (H, W) uint8
    """
    still = replace(what, brightness=1.0, contrast=1.0, saturation=1.0)
    return np.ascontiguousarray(augment(np.repeat(sketch[..., None], 3, axis=2), still, size=size)[..., 0])


def mirrored(place: np.ndarray, n: int) -> np.ndarray:
    """Indices of any sign as indices into `n` samples that are mirrored at their first and last one."""
    period = max(1, 2 * n - 2)
    inside = place % period
    return np.minimum(inside, period - inside) if n > 1 else np.zeros_like(place)


def middle_grey(window: np.ndarray, radius: int, brightness: float) -> float:
    """The grey level that contrast turns on: the mean of the crop in the middle of `window`, brightened."""
    crop = window[radius : window.shape[0] - radius, radius : window.shape[1] - radius]
    sums = crop.sum((0, 1), dtype=np.int64)
    total = GREY[0] * float(sums[0]) + GREY[1] * float(sums[1]) + GREY[2] * float(sums[2])
    return min(255.0, brightness * (total / (crop.shape[0] * crop.shape[1])))


def _places(shape: tuple[int, ...], what: Augmentation, size: tuple[int, int]) -> np.ndarray:
    """`Augmentation.back`, to pixels of what is stored."""
    place = what.back(*size)
    place[:, 2] += (shape[1] - size[1]) // 2, (shape[0] - size[0]) // 2
    return place


def _reach(along: float, across: float, turn: float) -> float:
    """Most of ``along cos t + across sin t`` for t up to `turn`."""
    best = min(turn, math.atan2(across, along))
    return along * math.cos(best) + across * math.sin(best)


@njit(cache=True, error_model="numpy")
def _mirror(i: Any, n: Any) -> Any:
    if n == 1:
        return 0
    i = i % (2 * n - 2)
    return i if i < n else 2 * n - 2 - i


@njit(cache=True, error_model="numpy")
def _resample(stored: Any, place: Any, radius: Any, out: Any) -> None:
    rows, columns = stored.shape[0], stored.shape[1]
    flat = stored.ravel()
    for i in range(out.shape[0]):
        v = float(i - radius)
        for j in range(out.shape[1]):
            u = float(j - radius)
            x = place[0, 0] * u + place[0, 1] * v + place[0, 2]
            y = place[1, 0] * u + place[1, 1] * v + place[1, 2]
            left, top = np.floor(x), np.floor(y)
            fx, fy = x - left, y - top
            x0, y0 = int(left), int(top)
            x1, y1 = x0 + 1, y0 + 1
            if x0 < 0 or y0 < 0 or x1 >= columns or y1 >= rows:
                x0, x1 = _mirror(x0, columns), _mirror(x1, columns)
                y0, y1 = _mirror(y0, rows), _mirror(y1, rows)
            a, b = 3 * (y0 * columns + x0), 3 * (y0 * columns + x1)
            c, d = 3 * (y1 * columns + x0), 3 * (y1 * columns + x1)
            for k in range(3):
                p, q = float(flat[a + k]), float(flat[c + k])
                upper = p + fx * (float(flat[b + k]) - p)
                lower = q + fx * (float(flat[d + k]) - q)
                out[i, j, k] = np.uint8(int(upper + fy * (lower - upper) + 0.5))


@njit(cache=True, error_model="numpy")
def _recolour(window: Any, radius: Any, middle: Any, brightness: Any, contrast: Any, saturation: Any) -> None:
    for i in range(window.shape[0]):
        for j in range(window.shape[1]):
            r = _stretch(min(brightness * window[i, j, 0], 255.0), middle, contrast)
            g = _stretch(min(brightness * window[i, j, 1], 255.0), middle, contrast)
            b = _stretch(min(brightness * window[i, j, 2], 255.0), middle, contrast)
            grey = 0.299 * r + 0.587 * g + 0.114 * b
            window[i, j, 0] = np.uint8(int(_stretch(r, grey, saturation) + 0.5))
            window[i, j, 1] = np.uint8(int(_stretch(g, grey, saturation) + 0.5))
            window[i, j, 2] = np.uint8(int(_stretch(b, grey, saturation) + 0.5))


@njit(cache=True, error_model="numpy")
def _stretch(value: Any, middle: Any, factor: Any) -> Any:
    return min(max(middle + factor * (value - middle), 0.0), 255.0)
