"""Camera poses during an exposure: where the camera is and looks while a hand holds it.

Lai et al., CVPR 2016, replay four recordings of a gyroscope; here the paths are random walks, so that any number of
images can be made. It is an assumption of this toolkit that the random walk of Boracchi and Foi, which was made for the
image plane, also describes rotations and translations; so are the lengths in `PoseModel`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facedeblur.benchmark.options import check_fields
from facedeblur.generators.kernels.walk import DEBLURGAN_ANXIETY, walk
from facedeblur.generators.random.philox import halves

STREAM = 2
"""High half of the last counter word; the low half is the number of the walk."""

_WALKS = ((0, 1), (3, 4), (2, 5))  # Columns that the two components of a walk become.
_WALK_LENGTH = 50.0  # Pixels: the walk's statistics are those of a kernel of 27.


@dataclass(frozen=True)
class PoseModel:
    """The law that the poses of an image are drawn from, in addition to seed and index.

    Each length is that of a two-dimensional walk at constant speed; its extent is about half of it.

    Attributes
    ----------
    poses : int
        How many are averaged, evenly spread over the exposure.
    rotation : float
        Length of the walk of (RX, RY), pitch and yaw, radians. At the focal length of a 128 x 128 image, 168 px, the
        default makes a path of 25 px.
    roll : float
        Length of the walk that gives RZ, radians.
    translation : float
        Length of the walk of (TX, TY), in units of the distance to the scene; Lai's code sets its unit to 0.
    depth : float
        Length of the walk that gives TZ, in the same units; 0 in Lai's code.
    samples : int
        Points of the walk.
    anxiety : tuple of float
        One of these is drawn for each walk.
    """

    poses: int = 64
    rotation: float = 0.15
    roll: float = 0.1
    translation: float = 0.0
    depth: float = 0.0
    samples: int = 2000
    anxiety: tuple[float, ...] = DEBLURGAN_ANXIETY

    def __post_init__(self) -> None:
        object.__setattr__(self, "anxiety", tuple(float(a) for a in np.atleast_1d(self.anxiety)))
        length = "from 0 to 1"
        checks = {
            "poses": (1 <= self.poses <= 100_000, "from 1 to 100000"),
            "rotation": (0 <= self.rotation <= 1, length),
            "roll": (0 <= self.roll <= 1, length),
            "translation": (0 <= self.translation <= 1, length),
            "depth": (0 <= self.depth <= 1, length),
            "samples": (max(2, self.poses) <= self.samples <= 1_000_000, "at least 2 and as many as poses"),
            "anxiety": (len(self.anxiety) > 0 and all(0 <= a <= 1 for a in self.anxiety), "numbers from 0 to 1"),
        }
        check_fields(self, "pose model", checks)

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them; ``PoseModel(**fields)`` gives the model back."""
        return asdict(self) | {"anxiety": list(self.anxiety)}


STANDARD = PoseModel()
"""Rotations only, as in Lai's code."""


def poses(seed: int, index: int, *, model: PoseModel = STANDARD) -> np.ndarray:
    """The poses of one exposure.

    Parameters
    ----------
    seed, index : int
        From 0 to 2**64 - 1; the poses depend on them and the model alone, bit for bit.
    model : PoseModel

    Returns
    -------
    (poses, 6) float64
        RX, RY, RZ in radians (an axis-angle vector), TX, TY, TZ in units of the distance to the scene; x points right
        along the columns of the image, y down its rows, z into the scene. Of mean 0 each, so that the blurred image
        stands where the sharp one does.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    (lo, hi), n = halves(index, "index"), len(_WALKS)
    x, y, box = np.zeros((model.samples, n)), np.zeros((model.samples, n)), np.zeros((4, n))
    stream = np.array([(STREAM << 16) | k for k in range(n)], np.uint32)
    walk(
        *halves(seed, "seed"), np.full(n, lo), np.full(n, hi), stream, np.array(model.anxiety), _WALK_LENGTH, 1, x, y,
        box,
    )  # fmt: skip
    seen = [math.floor((j + 0.5) * model.samples / model.poses) for j in range(model.poses)]
    lengths = ((model.rotation, model.rotation), (model.translation, model.translation), (model.roll, model.depth))
    out = np.zeros((model.poses, 6))
    for k, (columns, scales) in enumerate(zip(_WALKS, lengths, strict=True)):
        for column, scale, path in zip(columns, scales, (x, y), strict=True):
            # math.fsum: numpy's order of sums may follow the machine.
            values = path[seen, k] * (scale / _WALK_LENGTH)
            out[:, column] = values - math.fsum(values) / model.poses
    return out
