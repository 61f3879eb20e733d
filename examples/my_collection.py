"""A collection: yearbooks, YEAR/Family_Given.jpg, in which a person is the same in every year."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from facedeblur.generators.photos.collection import Collection, refuse
from facedeblur.generators.photos.files import photographs_in

PORTRAIT = re.compile(r"\d{4}/([A-Z]\w+)\.\w+")


class Yearbook:
    """Yearbooks: a folder for each year, Family_Given.jpg in each."""

    licence: ClassVar[str] = "not stated"
    get: ClassVar[str] = "scan the portraits into folders 1969, 1970, ..."

    @classmethod
    def detects(cls, root: Path) -> bool:
        """Tell whether every image has such a path; `auto:FOLDER` asks this."""
        sources = photographs_in(root)
        return bool(sources) and all(PORTRAIT.fullmatch(source) for source in sources)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List the portraits; those from before 1980 are for training."""
        found = {source: match for source in photographs_in(root) if (match := PORTRAIT.fullmatch(source))}
        if not found:
            raise refuse("yearbook", root, "1969/Family_Given.jpg", "none", cls.get)
        people = {source: match[1] for source, match in found.items()}
        roles = {source: "train" if source < "1980" else "test" for source in found}
        return Collection.of("yearbook", root, cls.licence, people, roles=roles)
