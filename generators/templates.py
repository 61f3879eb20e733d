"""Where five points of a face come to lie, and the similarity that takes a face there."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest


@dataclass(frozen=True, eq=False)
class Template:
    """An aligned image's size and the places of its landmarks.

    Attributes
    ----------
    name : str
    width, height : int
        Size of the aligned image in pixels.
    points : np.ndarray, shape (5, 2), float64
        Left eye, right eye, nose, mouth left, mouth right, ``(x, y)`` with pixel centres at whole numbers.
    """

    name: str
    width: int
    height: int
    points: np.ndarray = field(repr=False)


def _template(name: str, width: int, height: int, *points: tuple[float, float]) -> Template:
    array = np.array(points, dtype=np.float64)
    array.setflags(write=False)
    return Template(name, width, height, array)


_INSIGHT = (
    (30.29459953, 51.69630051), (65.53179932, 51.50139999), (48.02519989, 71.73660278),
    (33.54930115, 92.3655014), (62.72990036, 92.20410156),
)  # fmt: skip

TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        # Read off the aligned images that Shen et al. released, to about 2 pixels.
        _template("shen128", 128, 128, (42, 40), (83, 40), (62.5, 64), (46, 86), (80, 86)),
        _template("sphere96x112", 96, 112, *_INSIGHT),
        _template("arcface112", 112, 112, *((x + 8, y) for x, y in _INSIGHT)),
        _template(
            "ffhq512", 512, 512, (192.98138, 239.94708), (318.90277, 240.1936), (256.63416, 314.01935),
            (201.26117, 371.41043), (313.08905, 371.15118),
        ),
    )
}  # fmt: skip


def template_named(name: str) -> Template:
    """The template called `name`.

    Raises
    ------
    InputError
        When there is none of that name.
    """
    if name not in TEMPLATES:
        raise InputError(f"template '{name}'", expected="a known one", do=suggest(name, TEMPLATES))
    return TEMPLATES[name]


def similarity(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Rotation, uniform scale and shift that take `src` to `dst` with least squared error.

    In complex numbers ``w = a z + b`` with ``a = sum(conj(z) w) / sum(|z|^2)`` of the centred
    points: the solution of Umeyama (IEEE PAMI 1991) in two dimensions, without reflection.

    Parameters
    ----------
    src, dst : np.ndarray, shape (N, 2)
        Corresponding points ``(x, y)``, at least two different ones in `src`.

    Returns
    -------
    np.ndarray, shape (2, 3), float64
        ``dst ~ M[:, :2] @ src + M[:, 2]``.

    Raises
    ------
    InputError
        When the shapes differ, a value is not finite, or all points of `src` or of `dst` coincide.
    """
    source, target = np.asarray(src, dtype=np.float64), np.asarray(dst, dtype=np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise InputError(
            "points of a similarity", expected="twice (N, 2), N >= 2", found=f"{source.shape} and {target.shape}"
        )
    z, w = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    mean_z, mean_w = z.mean(), w.mean()
    z, w = z - mean_z, w - mean_w
    spread = float(np.sum(np.abs(z) ** 2))
    factor = np.sum(np.conj(z) * w) / spread if spread > 0 else np.nan
    if not np.isfinite(factor) or abs(factor) == 0:
        raise InputError("points of a similarity", expected="finite points that differ", found="none such")
    shift = mean_w - factor * mean_z
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def scale_of(transform: np.ndarray) -> float:
    """Magnification of a similarity, shape (2, 3): pixels of the crop for one of the photograph."""
    return float(np.hypot(transform[0, 0], transform[1, 0]))
