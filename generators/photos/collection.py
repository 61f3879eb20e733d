"""A collection of photographs: whose face each shows, and what its publisher says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facedeblur.benchmark.errors import InputError, suggest

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


@dataclass(frozen=True)
class Selection:
    """Which photographs of a collection are taken; by default all.

    Attributes
    ----------
    match : str
        Pattern (``*``, ``?``, ``[...]``) of the file's name, or of the whole path if it contains a slash.
    roles : tuple of str
        Roles, as the publisher or the image list states them.
    limit : int, optional
        Largest number of photographs, the first by path.
    listed : path, optional
        Image list (see `Choice`): its photographs, with the identity and role given there.

    Raises
    ------
    InputError
        When a role is not known or the limit is below 1.
    """

    match: str = ""
    roles: tuple[str, ...] = ()
    limit: int | None = None
    listed: str | Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", tuple(self.roles))
        for role in self.roles:
            if role not in ROLES:
                raise InputError(f"role '{role}'", expected="a known role", do=suggest(role, ROLES))
        if self.limit is not None and self.limit < 1:
            raise InputError("limit", expected="at least 1", found=str(self.limit), do="choose another number")

    @property
    def everything(self) -> bool:
        """True if no photograph is left out."""
        return not (self.match or self.roles or self.listed) and self.limit is None
