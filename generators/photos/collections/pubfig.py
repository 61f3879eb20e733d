"""PubFig (Kumar et al., ICCV 2009) and PubFig83 (Pinto et al., 2011)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from facedeblur.generators.photos.collection import Collection, refuse
from facedeblur.generators.photos.files import photographs_in
from facedeblur.generators.photos.lists import lines_of


class PubFig:
    """PubFig or PubFig83 as downloaders write it: a folder per person; roles by dev/ and eval/ or lists of people."""

    licence: ClassVar[str] = "non-commercial research; the photographs belong to their sites"
    get: ClassVar[str] = (
        "fetch the URLs of dev_urls.txt and eval_urls.txt into a folder per person, dev_people.txt and eval_people.txt "
        "next to them"
    )

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when the lists of people are there, or dev/ and eval/ hold folders of people."""
        lists = any((root / f"{part}_people.txt").is_file() for part in ("dev", "eval"))
        return lists or all((root / part).is_dir() for part in ("dev", "eval"))

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every image; people of the development set are ``train``, those of the evaluation set ``test``."""
        sources = [source for source in photographs_in(root) if "/" in source]
        if not sources:
            raise refuse("pubfig", root, "a folder per person", "no folder with images", cls.get)
        people = {source: " ".join(source.split("/")[-2].replace("_", " ").split()) for source in sources}
        roles: dict[str, str] = {}
        for part, role in (("dev", "train"), ("eval", "test")):
            listed = root / f"{part}_people.txt"
            names = {" ".join(line.replace("_", " ").split()) for line in lines_of(listed)} if listed.is_file() else ()
            roles |= {s: role for s in sources if people[s] in names or s.startswith(f"{part}/")}
        return Collection.of("pubfig", root, cls.licence, people, roles=roles, by_folder=True)
