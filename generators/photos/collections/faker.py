"""Generated portraits of faker-js/assets-person-portrait (CC0)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from facedeblur.benchmark.sets.traits import Traits
from facedeblur.generators.packaged.faces import source_photographs, traits_of_sources
from facedeblur.generators.photos.collection import Collection, refuse
from facedeblur.generators.photos.files import most_photographs, photographs_in

_PATH = re.compile(r"(female|male)/(?:\d+/)?0*(\d{1,2})\.\w+")
_PACKAGE = "open"


class Faker:
    """Portraits of faker-js: female/00.jpg, male/00.jpg, ...; role ``test`` for the 100 that come with the package."""

    licence: ClassVar[str] = "CC0 1.0"
    get: ClassVar[str] = "download faker-js/assets-person-portrait from GitHub; the folder has female/ and male/"

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when female/ and male/ are there, and most images in them have numbers for names."""
        return all((root / sex).is_dir() for sex in ("female", "male")) and most_photographs(root, _PATH.fullmatch)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every portrait, with role and traits."""
        known = {one.source: one for one in source_photographs(_PACKAGE)}
        found = {source: _PATH.fullmatch(source) for source in photographs_in(root)}
        names = {source: f"{match[1]}/{int(match[2]):02d}.jpg" for source, match in found.items() if match}
        names = {source: name for source, name in names.items() if name in known}
        if not names:
            raise refuse("faker", root, "female/00.jpg and male/00.jpg", "neither", cls.get)
        traits = traits_of_sources(_PACKAGE)
        return Collection.of(
            "faker", root, cls.licence,
            {source: name.replace("/", "_").removesuffix(".jpg") for source, name in names.items()},
            roles={source: known[name].role for source, name in names.items()},
            traits=lambda sources: Traits(traits.names, {source: traits.rows[names[source]] for source in sources}),
        )  # fmt: skip
