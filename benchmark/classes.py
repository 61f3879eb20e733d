"""Semantic classes of a face, and the groups of them that papers measure apart."""

from __future__ import annotations

from facedeblur.benchmark.errors import InputError, suggest

HELEN = (
    "background", "skin", "left brow", "right brow", "left eye", "right eye", "nose", "upper lip", "inner mouth",
    "lower lip", "hair",
)  # fmt: skip
"""The 11 classes of Smith et al., CVPR 2013; the place is the value in a label image."""

GROUPS: dict[str, dict[str, tuple[int, ...]]] = {
    "umsn4": {"background": (0,), "skin": (1,), "parts": (2, 3, 4, 5, 6, 7, 8, 9), "hair": (10,)},
    "helen11": {name.replace(" ", "-"): (value,) for value, name in enumerate(HELEN)},
}
"""Name of a partition -> its groups -> the label values of each.

``umsn4``: UMSN's classes 1 to 4 in their order; ``parts`` are brows, eyes, nose, lips and teeth (the inner mouth).
``helen11``: every class by itself, named as in `HELEN` with ``-`` for the blank.
"""


def groups_of(partition: str) -> dict[str, tuple[int, ...]]:
    """Return the groups of a partition of `GROUPS`.

    Raises
    ------
    InputError
        When there is no such partition (with the nearest name).
    """
    if partition not in GROUPS:
        raise InputError(
            f"partition of classes '{partition}'", expected=f"of {', '.join(GROUPS)}", do=suggest(partition, GROUPS)
        )
    return GROUPS[partition]
