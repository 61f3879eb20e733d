"""What there is to align: one task for every photograph of a folder or a collection, and for every empty folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facedeblur.generators.align.photo import Finders
from facedeblur.generators.align.quality import Limits
from facedeblur.generators.align.template import template_named
from facedeblur.generators.photos.collection import Collection, Photograph
from facedeblur.generators.photos.files import canonical, composed, folders_in, identity_of, image_ids, in_order

# Part of every journal key: raise it when the same photograph would give another crop.
VERSION = 2


@dataclass(frozen=True)
class Options:
    """What, besides the photograph, determines a crop; see `align.align`."""

    template: str
    finders: Finders
    margin: int
    limits: Limits
    seed: int

    def recorded(self) -> dict[str, Any]:
        """The options as they are recorded in the journal's keys."""
        limits = asdict(self.limits)
        first = ("one_face", "min_coverage", "max_magnification")
        one_face, min_coverage, max_magnification = (limits.pop(name) for name in first)
        return {
            "template": self.template,
            "detector": self.finders.detector,
            "landmarker": self.finders.landmarker,
            "margin": self.margin,
            "choose": self.finders.choose,
            "strict": one_face,
            "min_coverage": min_coverage,
            "max_magnification": max_magnification,
            "seed": self.seed,
            "limits": limits,
        }


@dataclass(frozen=True)
class AlignTask:
    """One photograph to align.

    Attributes
    ----------
    path : Path
    photograph : Photograph
        With the role that the row is to have.
    image_id : str
    label : Path or None
        Its label image.
    labels : str
        The label image's class list.
    out : Path
    options : Options
    """

    path: Path
    photograph: Photograph
    image_id: str
    label: Path | None
    labels: str
    out: Path
    options: Options

    @property
    def index(self) -> int:
        """A number from 0 to 2**64 - 1 that the photograph's path alone determines."""
        return int.from_bytes(hashlib.sha256(composed(self.photograph.source).encode()).digest()[:8], "little")


def folder(root: Path, *ours: Path) -> Collection:
    """Every file under `root`, and every folder that holds none, but for what is hidden and the folders `ours`.

    A photograph belongs to its folder, or to the name before a trailing ``_0001``.
    """
    sources: list[str] = []
    for place, folders, names in folders_in(root, skip=ours):
        sources += [place + name for name in names if (root / place / name).is_file()]
        if place and not folders and not names:
            sources.append(place.rstrip("/"))
    photographs = tuple(
        Photograph(s, composed(s.split("/")[-1]) if (root / s).is_dir() else identity_of(s))
        for s in sorted(sources, key=in_order)
    )
    return Collection("folder", root, "not stated", "", photographs)


def tasks_of(
    collection: Collection, out: Path, options: Options, *, role: str, points: Mapping[str, tuple[float, ...]] | None
) -> list[AlignTask]:
    """One task for each photograph of a collection, and each of its folders of people that is empty.

    Parameters
    ----------
    collection : Collection
        As `folder` or a reader lists it.
    out : Path
    options : Options
    role : str
        Of the photographs for which the collection states none.
    points : mapping of str to ten floats, optional
        Landmarks by path; those of the collection where None.
    """
    photographs = list(collection.photographs)
    names: list[str] | None = None
    if collection.name != "folder" or any(p.label or p.role or p.points for p in photographs):
        photographs += [Photograph(place, place.rpartition("/")[2]) for place in collection.empty_folders()]
        names = [photograph.identity for photograph in photographs]
    ids = image_ids([photograph.source for photograph in photographs], names)
    return [
        AlignTask(
            path=collection.root / given.source,
            photograph=Photograph(
                given.source, given.identity, given.role or role, given.label,
                given.points if points is None else points.get(canonical(given.source), ()),
            ),
            image_id=image_id,
            label=collection.root / given.label if given.label else None,
            labels=collection.labels,
            out=out,
            options=options,
        )
        for given, image_id in zip(photographs, ids, strict=True)
    ]  # fmt: skip


def keys_of(tasks: list[AlignTask]) -> list[str]:
    """What each finished row belongs to: the photograph and its label as they are now, the options, this version."""
    if not tasks:
        return []
    options = tasks[0].options
    goal = hashlib.sha256(repr(template_named(options.template).spec).encode()).hexdigest()[:16]
    common = [VERSION, goal, options.recorded()]
    return [
        json.dumps(
            [asdict(task.photograph), task.image_id, _state(task.path), _state(task.label), task.labels, *common]
        )
        for task in tasks
    ]


def _state(path: Path | None) -> list[int]:
    """Size and time of a file; of its folder where it is no file but what the names of several begin with."""
    for place in () if path is None else (path, path.parent):
        try:
            found = place.stat()
        except OSError:
            continue
        return [found.st_size, found.st_mtime_ns]
    return []
