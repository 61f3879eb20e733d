"""CMU PIE (Sim et al., FG 2002) and CMU Multi-PIE (Gross et al., FG 2008)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from facedeblur.generators.photos.collection import Collection, refuse
from facedeblur.generators.photos.files import most_photographs, photographs_in

_MULTI_PIE = re.compile(r"^(\d{3})_(0[1-4])_(\d\d)_(\d{3})(?:_(\d\d))?(?:_.*)?$")
_PIE_PERSON = re.compile(r"^(04\d{3})$")


class MultiPIE:
    """CMU Multi-PIE: 001_01_01_051_07.png is subject 001, session 1, recording 1, camera 05_1, light 7."""

    licence: ClassVar[str] = "CMU Multi-PIE licence: no redistribution"
    get: ClassVar[str] = "order the set from CMU and put its sessionNN/multiview folders, or crops of them, there"

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when most images have names of Multi-PIE."""
        return most_photographs(root, _is_multi_pie)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every image of that name; take the frontal camera by ``match="*_051_*"``. No lists of roles exist."""
        sources = [source for source in photographs_in(root) if _is_multi_pie(source)]
        if not sources:
            raise refuse("multipie", root, "images called 001_01_01_051_07.png", "none", cls.get)
        people = {source: source.split("/")[-1][:3] for source in sources}
        return Collection.of("multipie", root, cls.licence, people)


def _is_multi_pie(source: str) -> bool:
    return _MULTI_PIE.match(source.split("/")[-1].rpartition(".")[0]) is not None


class PIE:
    """CMU PIE: folders 04000 to 04068 at any depth, one per subject; 27_05.jpg is camera 27, flash 5."""

    licence: ClassVar[str] = "CMU PIE licence: no redistribution"
    get: ClassVar[str] = "order the set from CMU and put its folders with a folder 04000..04068 per subject there"

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when most images are below a folder that has the number of a subject."""
        return most_photographs(root, _pie_person)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every image below a subject's folder; take the frontal camera by ``match="27*"``."""
        people = {source: _pie_person(source) for source in photographs_in(root) if _pie_person(source)}
        if not people:
            raise refuse("pie", root, "folders 04000 to 04068", "none with images", cls.get)
        return Collection.of("pie", root, cls.licence, people, by_folder=True)


def _pie_person(source: str) -> str:
    return next((part for part in source.split("/")[:-1] if _PIE_PERSON.match(part)), "")
