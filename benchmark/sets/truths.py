"""Several sharp images of one photograph: the frames along a recorded shake of the camera, for instance.

A set that has them lists them in ``truths.csv``, keeps them as PNG in ``truths/IMAGE_ID/``, and its content hash
depends on them. One of them is the sharp image of the photograph; metrics that ask for it take the best over all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from facedeblur.benchmark.files.paths import FileStem, RelativePath
from facedeblur.benchmark.files.tables import read_rows

FILE = "truths.csv"
FOLDER = "truths"


@dataclass(frozen=True)
class Truth:
    """One of several sharp images of a photograph.

    Attributes
    ----------
    image_id : str
        The photograph.
    file : str
        Path of the image inside the set, forward slashes.
    source : str
        Path of the image where it came from.
    sha256 : str
        Hash of its pixels.
    """

    image_id: FileStem
    file: RelativePath
    source: str
    sha256: str


NO_TRUTHS: Mapping[str, tuple[Truth, ...]] = MappingProxyType({})


def read_truths(root: Path) -> dict[str, tuple[Truth, ...]]:
    """Return the sharp images of each photograph of the set in folder `root`, by image id.

    Raises
    ------
    InputError
        If the table cannot be read.
    """
    return by_image(read_rows(root / FILE, Truth))


def by_image(truths: Iterable[Truth]) -> dict[str, tuple[Truth, ...]]:
    """Return the sharp images of each photograph, in their order, by image id."""
    found: dict[str, list[Truth]] = {}
    for truth in truths:
        found.setdefault(truth.image_id, []).append(truth)
    return {name: tuple(some) for name, some in found.items()}
