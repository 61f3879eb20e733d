"""FEI Face Database (Thomaz and Giraldi, *Image and Vision Computing* 28(6), 2010): 200 people, 14 photographs each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from facedeblur.generators.photos.collection import Collection, refuse
from facedeblur.generators.photos.files import most_photographs, photographs_in

_FEI = re.compile(r"(?:.*/)?(\d{1,3})-(\d\d)\.\w+$")


class FEI:
    """FEI face database: 1-01.jpg is person 1, photograph 01 of 14; 01 to 10 turn from one profile to the other."""

    licence: ClassVar[str] = "research only, no redistribution"
    get: ClassVar[str] = "unpack originalimages_part1.zip to originalimages_part4.zip of the FEI page there"

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when most images have such names."""
        return most_photographs(root, _person)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every photograph; take those of one pose by ``match="*-01.*"``. No lists of roles exist."""
        people = {source: person for source in photographs_in(root) if (person := _person(source))}
        if not people:
            raise refuse("fei", root, "images called 1-01.jpg", "none", cls.get)
        return Collection.of("fei", root, cls.licence, people)


def _person(source: str) -> str:
    found = _FEI.match(source)
    return found[1] if found and 1 <= int(found[1]) <= 200 and 1 <= int(found[2]) <= 14 else ""
