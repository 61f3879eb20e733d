"""The user's own photographs: in one folder, or in a folder per person."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from facedeblur.generators.photos.collection import GUESSED, NOT_STATED, Collection, refuse
from facedeblur.generators.photos.files import identity_of, photographs_in


class Folder:
    """A folder of photographs, each of a different person unless names end in _0001."""

    licence: ClassVar[str] = NOT_STATED
    get: ClassVar[str] = "put the photographs into one folder and give that"

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True for a folder with images and no subfolder that holds any."""
        sources = photographs_in(root)
        return bool(sources) and not any("/" in source for source in sources)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every image; the identity is its path without suffix and trailing number, ``_`` for ``/``."""
        sources = photographs_in(root)
        if not sources:
            raise refuse("folder", root, "images", "none", cls.get)
        people = {source: "_".join([*source.split("/")[:-1], identity_of(source.split("/")[-1])]) for source in sources}
        return Collection.of("folder", root, cls.licence, people, told=GUESSED)


class People:
    """A folder per identity."""

    licence: ClassVar[str] = NOT_STATED
    get: ClassVar[str] = "put the photographs of each person into a folder with the person's name"

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True for a folder with images in subfolders."""
        return any("/" in source for source in photographs_in(root))

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every image; the identity is the name of its folder."""
        sources = photographs_in(root)
        if not any("/" in source for source in sources):
            raise refuse("people", root, "a folder per identity", f"{len(sources)} images and no folders", cls.get)
        return Collection.of(
            "people",
            root,
            cls.licence,
            {source: identity_of(source) for source in sources},
            by_folder=True,
            told=GUESSED,
        )
