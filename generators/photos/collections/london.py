"""Face Research Lab London Set (DeBruine and Jones, 2017)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.schema import read_json
from facedeblur.generators.photos.collection import Collection, refuse
from facedeblur.generators.photos.files import photographs_in
from facedeblur.generators.photos.lists import lines_of

_LONDON_TEMPLATE = 189


class London:
    """Face Research Lab London set: 001/neutral.jpg, or neutral_front/001_03.jpg with .tem files; with points."""

    licence: ClassVar[str] = "CC BY 4.0 (DeBruine and Jones 2017)"
    get: ClassVar[str] = (
        "download neutral_front.zip and smiling_front.zip of the set from figshare and unpack both there"
    )

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when neutral_front/ or 001/neutral.jpg is there."""
        return (root / "neutral_front").is_dir() or any(root.glob("[0-9][0-9][0-9]/neutral.jpg"))

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every front view; points of the 189-point template where it is published."""
        people, points = {}, {}
        for source in photographs_in(root):
            match = re.match(r"(?:\w+_front/(\d{3})_\d\d\.|(\d{3})/\w+\.)", source)
            if match:
                people[source] = match[1] or match[2]
                template = (root / source).with_suffix(".tem")
                if template.is_file():
                    lines = [line.split() for line in lines_of(template)[1 : _LONDON_TEMPLATE + 1]]
                    points[source] = _five_of_189(lines, template)
        if not people:
            raise refuse("london", root, "001/neutral.jpg or neutral_front/001_03.jpg", "neither", cls.get)
        for listed in sorted(root.glob("landmarks189*.json")):
            for source, values in read_json(listed, dict[str, list[Any]], "landmarks by photograph").items():
                points |= {source: _five_of_189(values, listed)} if source in people else {}
        return Collection.of("london", root, cls.licence, people, points=points)


def _five_of_189(template: list[list[str]], file: Path) -> tuple[float, ...]:
    """Eyes (pupils), tip of the nose (middle of its wings' inner and lower points), corners of the mouth."""
    try:
        x, y = zip(*((float(a), float(b)) for a, b in template), strict=True)
        nose = [sum(axis[i] for i in (54, 55, 60)) / 3 for axis in (x, y)]
        return (x[0], y[0], x[1], y[1], nose[0], nose[1], x[87], y[87], x[93], y[93])
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(str(file), f"not 189 points, x and y ({error})", do="download it again") from None
