"""Helen with the 11 segment labels of Smith et al., *Exemplar-Based Face Parsing*, CVPR 2013."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.words import many, word
from facedeblur.generators.photos.collection import Collection, refuse
from facedeblur.generators.photos.files import find_folder, photographs_in
from facedeblur.generators.photos.lists import lines_of

# The 230 of tuning.txt are neither the 2,000 training nor the 100 test photographs.
_LISTS = {"exemplars.txt": "train", "testing.txt": "test", "tuning.txt": ""}


class Helen:
    """Helen with 11-class labels: images/NAME.jpg, labels/NAME/NAME_lbl00..10.png; 2000 train, 100 test, 230 tuning."""

    licence: ClassVar[str] = "research only; the photographs are from Flickr"
    get: ClassVar[str] = (
        "unpack SmithCVPR2013_dataset_resized.zip (or _original) there: images/, labels/, exemplars.txt, testing.txt, "
        "tuning.txt"
    )

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True if exemplars.txt or testing.txt is next to images/."""
        return cls._base(root) is not None

    @classmethod
    def _base(cls, root: Path) -> Path | None:
        named = find_folder(root, ("SmithCVPR2013_dataset_resized", "SmithCVPR2013_dataset_original"), depth=1)
        places = [root, root / named] if named else [root]
        whole = (p for p in places if (p / "images").is_dir() and any((p / name).is_file() for name in _LISTS))
        return next(whole, None)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List the photographs; each has its own identity, its role by the lists, its label a folder of maps."""
        base = cls._base(root)
        if base is None:
            raise refuse("helen", root, "images/ and exemplars.txt", "not both", cls.get)
        sources = photographs_in(base, "images")
        by_name = {source.rpartition("/")[2].rpartition(".")[0]: source for source in sources}
        roles: dict[str, str] = {}
        for file, role in _LISTS.items():
            if (base / file).is_file():
                # A line is "number , name".
                names = [line.rpartition(",")[2].strip() for line in lines_of(base / file)]
                absent = [name for name in names if name not in by_name]
                if absent:
                    lost = f"{len(absent):,} of its {many(len(names), 'photograph')} {word(len(absent), 'is', 'are')}"
                    raise InputError(
                        f"helen: {base / file}", f"{lost} not in images/ ({absent[0]}.jpg, ...)", do=cls.get
                    )
                roles |= {by_name[name]: role for name in names}
        label_of = {source: f"labels/{name}" for name, source in by_name.items() if (base / "labels" / name).is_dir()}
        people = {source: source.rpartition("/")[2].rpartition(".")[0] for source in sources}
        return Collection.of("helen", base, cls.licence, people, roles=roles, labels="helen11", label_of=label_of)
