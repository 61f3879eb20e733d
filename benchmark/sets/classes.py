"""Semantic classes of a face, and the groups of them that papers measure apart."""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.options import one_of

HELEN = (
    "background", "skin", "left brow", "right brow", "left eye", "right eye", "nose", "upper lip", "inner mouth",
    "lower lip", "hair",
)  # fmt: skip
"""The 11 classes of Smith et al., CVPR 2013; the place is the value in a label image."""

LABEL_COLOURS = np.array(
    [[0, 0, 0], [255, 205, 148], [120, 60, 20], [190, 110, 40], [0, 110, 255], [0, 220, 255], [255, 150, 0],
     [220, 0, 60], [255, 255, 255], [255, 90, 140], [90, 0, 160]],
    np.uint8,
)  # fmt: skip
"""Colour of each class of `HELEN` in drawn label images, RGB."""

GROUPS: dict[str, dict[str, tuple[int, ...]]] = {
    "umsn4": {"background": (0,), "skin": (1,), "parts": (2, 3, 4, 5, 6, 7, 8, 9), "hair": (10,)},
    "helen11": {name.replace(" ", "-"): (value,) for value, name in enumerate(HELEN)},
}
"""Name of a partition -> its groups -> the label values of each.

``umsn4``: UMSN's classes 1 to 4 in their order; ``parts`` are brows, eyes, nose, lips and teeth (the inner mouth).
``helen11``: every class by itself, named as in `HELEN` with ``-`` for the blank.
"""


CELEBAMASK_PARTS = (
    "background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip",
    "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
"""The 19 classes of CelebAMask-HQ in its publisher's order; ``l_`` is the subject's left."""
# The order of the widely used face-parsing.PyTorch networks and of masks merged for them.
_BISENET = (
    "background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r", "nose", "mouth",
    "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat",
)  # fmt: skip
# Helen's skin has neither ears nor neck; its brows and eyes are drawn through glasses, whose rest is skin then.
_TO_HELEN = {
    "skin": 1, "eye_g": 1, "l_brow": 2, "r_brow": 3, "l_eye": 4, "r_eye": 5, "nose": 6, "u_lip": 7, "mouth": 8,
    "l_lip": 9, "hair": 10,
}  # fmt: skip

CLASS_LISTS: dict[str, tuple[int, ...]] = {
    "helen11": tuple(range(11)),
    "celebamask19": tuple(_TO_HELEN.get(part, 0) for part in CELEBAMASK_PARTS),
    "bisenet19": tuple(_TO_HELEN.get(part, 0) for part in _BISENET),
}
"""Class lists of label images and parsers: the place in `HELEN` of each of their values."""


def coloured(labels: np.ndarray) -> np.ndarray:
    """Draw a label image, (..., H, W) places in `HELEN`, as (..., H, W, 3) uint8 RGB; larger numbers as the last."""
    return LABEL_COLOURS[np.minimum(labels, len(LABEL_COLOURS) - 1)]


def classes_in(drawn: np.ndarray) -> np.ndarray | None:
    """Return the classes of a label image that `coloured` has drawn, or None if it has another colour.

    Parameters
    ----------
    drawn : (..., H, W, 3) uint8 RGB

    Returns
    -------
    (..., H, W) uint8 or None
        Places in `HELEN`.
    """
    weights = np.array([2**16, 2**8, 1])
    known, found = LABEL_COLOURS @ weights, drawn @ weights
    order = np.argsort(known)
    places = order[np.searchsorted(known, found, sorter=order).clip(max=len(known) - 1)]
    return places.astype(np.uint8) if np.array_equal(known[places], found) else None


TOLD: dict[str, tuple[int, ...]] = {**{name: (value,) for value, name in enumerate(HELEN)}, **GROUPS["umsn4"]}
"""What a parser can tell -> the label values that it covers: a class of `HELEN`, or a group of ``umsn4``."""


def groups_of(partition: str) -> dict[str, tuple[int, ...]]:
    """Return the groups of a partition of `GROUPS`.

    Raises
    ------
    InputError
        When there is no such partition (with the nearest name).
    """
    return GROUPS[one_of("partition of classes", partition, GROUPS)]
