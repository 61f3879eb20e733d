"""The real blurred photographs of Lai et al., *A Comparative Study for Single Image Blind Deblurring*, CVPR 2016."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.photos.collection import Collection, refuse
from facedeblur.generators.photos.files import find_file, find_folder, photographs_in
from facedeblur.generators.photos.lists import lines_of

_NAMES, _PEOPLE = "real.txt", "real_people.txt"
_FOLDERS = ("real_dataset", "real")


class Lai2016:
    """Lai et al. 2016: real_dataset/ of 100 real blurred photographs, without sharp ones; 12 of them show people."""

    licence: ClassVar[str] = "not stated; for research"
    get: ClassVar[str] = (
        "unpack real_dataset.zip of the project page there, and list/real.txt and attributes/real_people.txt of "
        "github.com/phoenix104104/cvpr16_deblur_study next to it"
    )

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when real_dataset/ or list/real.txt is there."""
        return (root / _FOLDERS[0]).is_dir() or find_file(root, _NAMES, near=("", "list")) is not None

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List the photographs, all of role ``test``; with both of the publisher's lists only those of people.

        The numbers in ``real_people.txt`` count the lines of ``real.txt`` from 1.
        """
        below = find_folder(root, _FOLDERS, depth=1) or ""
        sources = photographs_in(root, below)
        if not sources:
            raise refuse("lai2016", root, "real_dataset/ with photographs", "no image", cls.get)
        stems = {source: source.rpartition("/")[2].rpartition(".")[0] for source in sources}
        names, people = (find_file(root, name, near=("", "list", "attributes")) for name in (_NAMES, _PEOPLE))
        if names is not None and people is not None:
            wanted = _of_people(names, people)
            stems = {source: stem for source, stem in stems.items() if stem in wanted}
            if not stems:
                raise refuse("lai2016", root, "photographs of people", f"none among {len(sources)}", cls.get)
        return Collection.of("lai2016", root, cls.licence, stems, roles=dict.fromkeys(stems, "test"))


def _of_people(names: Path, people: Path) -> set[str]:
    """Names of the photographs that show people."""
    listed = [line.split()[0] for line in lines_of(names)]
    found = set()
    for line in lines_of(people):
        if not line.isdecimal() or not 1 <= int(line) <= len(listed):
            raise InputError(
                f"{people}: {line}", expected=f"a number from 1 to {len(listed)}", found=f"'{line}'",
                do="download it again",
            )  # fmt: skip
        found.add(listed[int(line) - 1])
    return found
