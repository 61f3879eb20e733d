"""``metadata.csv`` of a card: one row per pair, as the imagefolder of the package `datasets` reads it.

A column ``NAME_file_name`` becomes a column NAME of images (huggingface/datasets, ``folder_based_builder.py``). Both
images of a pair are in one row; the sharp one of several rows is the same file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facedeblur.benchmark.sets.set import Image, Pair

FILE = "metadata.csv"


@dataclass(frozen=True)
class MetadataColumn:
    """A column of ``metadata.csv``.

    Attributes
    ----------
    name : str
    kind : str
        Type of its values in Croissant.
    meaning : str
    read : callable
        Gives the value of a pair.
    """

    name: str
    kind: str
    meaning: str
    read: Callable[[Image, Pair], str | int | float]


COLUMNS = (
    MetadataColumn("blur_file_name", "sc:Text", "blurred image", lambda image, pair: pair.blur),
    MetadataColumn("sharp_file_name", "sc:Text", "its sharp image, the same for all pairs of a face",
                   lambda image, pair: pair.sharp),
    MetadataColumn("label_file_name", "sc:Text", "label image of the sharp image", lambda image, pair: image.label),
    MetadataColumn("pair_id", "sc:Text", "name of the pair", lambda image, pair: pair.pair_id),
    MetadataColumn("face", "sc:Text", "name of the sharp image", lambda image, pair: pair.image_id),
    MetadataColumn("identity", "sc:Text", "whose face it shows", lambda image, pair: image.identity),
    MetadataColumn("role", "sc:Text", "test, train or probe", lambda image, pair: image.role),
    MetadataColumn("kernel", "sc:Text", "name of the kernel in kernels.npz", lambda image, pair: pair.kernel_id),
    MetadataColumn("kernel_size", "sc:Integer", "side of the kernel in pixels; 0 without a single one",
                   lambda image, pair: pair.kernel_size),
    MetadataColumn("blur_kind", "sc:Text", "uniform, nonuniform, frames or real", lambda image, pair: pair.blur_kind),
    MetadataColumn("border", "sc:Text", "what was beyond the edge when the image was blurred",
                   lambda image, pair: pair.border),
    MetadataColumn("noise_sigma", "sc:Float", "standard deviation of the added noise, intensities in [0, 1]",
                   lambda image, pair: pair.noise_sigma),
    MetadataColumn("gamma", "sc:Float", "exponent of the linearisation before the blur; 1: none",
                   lambda image, pair: pair.gamma),
)  # fmt: skip


def columns(*, sharp: bool, labels: bool) -> tuple[MetadataColumn, ...]:
    """Return the columns of a set that has sharp images, or not, and label images of all faces, or not."""
    absent = {"sharp_file_name"} if not sharp else set()
    absent |= {"label_file_name"} if not labels else set()
    return tuple(column for column in COLUMNS if column.name not in absent)
