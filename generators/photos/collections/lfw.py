"""Labeled Faces in the Wild (Huang et al., 2007)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from facedeblur.generators.photos.collection import Collection, refuse
from facedeblur.generators.photos.files import find_file, find_folder, most_photographs, photographs_in
from facedeblur.generators.photos.lists import lines_of

_LFW = re.compile(r"(?:.*/)?([^/]+)/\1_\d{4}\.\w+$")
_LFW_FOLDERS = ("lfw-deepfunneled", "lfw_funneled", "lfw", "lfw-a")


class LFW:
    """Labeled Faces in the Wild (any alignment): NAME/NAME_0001.jpg; roles by peopleDevTrain.txt, peopleDevTest.txt."""

    licence: ClassVar[str] = "research only"
    get: ClassVar[str] = (
        "unpack lfw-deepfunneled.tgz there, with peopleDevTrain.txt and peopleDevTest.txt next to it for roles"
    )

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when most images are called NAME/NAME_0001."""
        return most_photographs(root, _LFW.match)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List NAME/NAME_0001.jpg; of several alignments the first of lfw-deepfunneled, lfw_funneled, lfw is taken."""
        below = find_folder(root, _LFW_FOLDERS, depth=1) or ""
        sources = [source for source in photographs_in(root, below) if _LFW.match(source)]
        if not sources:
            raise refuse("lfw", root, "NAME/NAME_0001.jpg", f"{len(photographs_in(root))} other images", cls.get)
        people = {source: source.split("/")[-2] for source in sources}
        role_of: dict[str, str] = {}
        for name, role in (("peopleDevTrain.txt", "train"), ("peopleDevTest.txt", "test")):
            listed = find_file(root, name, near=("", "view1", below, "..")) or find_file(root.parent, name)
            if listed is not None:
                role_of |= {line.split("\t")[0].strip(): role for line in lines_of(listed)[1:]}
        roles = {source: role_of.get(people[source], "") for source in sources}
        return Collection.of("lfw", root, cls.licence, people, roles=roles, by_folder=True)
