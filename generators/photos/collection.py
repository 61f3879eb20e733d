"""A collection of photographs: whose face each shows, and what its publisher says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROLES = ("test", "train", "probe", "gallery")


@dataclass(frozen=True)
class Photograph:
    """One photograph of a collection.

    Attributes
    ----------
    source : str
        Path relative to the collection's root, forward slashes.
    identity : str
        Whose face it shows.
    role : str
        ``test``, ``train``, ``probe`` or ``gallery`` where the publisher's lists say so, else empty.
    label : str
        Path of the label image relative to the root, or empty; what its values mean is `Collection.labels`.
    points : tuple of float
        Ten numbers, x and y of left eye, right eye, nose, mouth left, mouth right in pixels of the
        photograph, where the publisher gives them; else empty.
    """

    source: str
    identity: str
    role: str = ""
    label: str = ""
    points: tuple[float, ...] = ()


@dataclass(frozen=True)
class Collection:
    """Photographs in a folder, in order of their source.

    Attributes
    ----------
    name : str
        The reader that listed them: ``lfw``, ``celeba``, ``folder``, ...
    root : Path
    licence : str
        As the publisher states it, or ``not stated``.
    labels : str
        The class list of the label images: ``helen11``, ``celebamask19``, or empty where there are none.
    photographs : tuple of Photograph
    """

    name: str
    root: Path
    licence: str
    labels: str
    photographs: tuple[Photograph, ...]
