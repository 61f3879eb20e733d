"""Readers of photographs that lie in folders: plain ones, one a person, LFW, PubFig, London, CMU PIE and Multi-PIE."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import SUFFIXES
from facedeblur.generators.photos.collection import Collection
from facedeblur.generators.photos.lists import (
    NOT_STATED,
    collection,
    find_file,
    find_folder,
    lines_of,
    photographs_in,
    refuse,
)
from facedeblur.generators.photos.names import identity_of

_LFW = re.compile(r"(?:.*/)?([^/]+)/\1_\d{4}\.\w+$")
_LFW_FOLDERS = ("lfw-deepfunneled", "lfw_funneled", "lfw", "lfw-a")
_MULTI_PIE = re.compile(r"^(\d{3})_(0[1-4])_(\d\d)_(\d{3})(?:_(\d\d))?(?:_.*)?$")
_PIE_PERSON = re.compile(r"^(04\d{3})$")
_LONDON_TEMPLATE = 189


def _most(root: Path, fits: Callable[[str], object]) -> bool:
    """Tell whether more than half of the images below `root`, by their paths, fit."""
    sources = photographs_in(root)
    return sum(bool(fits(source)) for source in sources) > len(sources) / 2


class Folder:
    """A folder of photographs, each of a person of its own unless names end in _0001."""

    licence: ClassVar[str] = NOT_STATED
    get: ClassVar[str] = "put the photographs into one folder and give that"

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True for a folder with images and no subfolder that holds any."""
        sources = photographs_in(root)
        return bool(sources) and not any("/" in source for source in sources)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every image; the identity is its path without suffix and trailing number, ``_`` for ``/``."""
        sources = photographs_in(root)
        if not sources:
            raise refuse("folder", root, "images", "none", cls.get)
        people = {source: "_".join([*source.split("/")[:-1], identity_of(source.split("/")[-1])]) for source in sources}
        return collection("folder", root, cls.licence, sources, people)


class People:
    """A folder per identity."""

    licence: ClassVar[str] = NOT_STATED
    get: ClassVar[str] = "put the photographs of each person into a folder with the person's name"

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True for a folder with images in subfolders."""
        return any("/" in source for source in photographs_in(root))

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every image; the identity is the name of its folder."""
        sources = photographs_in(root)
        if not any("/" in source for source in sources):
            raise refuse("people", root, "a folder per identity", f"{len(sources)} images and no folders", cls.get)
        return collection("people", root, cls.licence, sources, {source: identity_of(source) for source in sources})


class LFW:
    """Labeled Faces in the Wild (any alignment): NAME/NAME_0001.jpg; roles by peopleDevTrain.txt, peopleDevTest.txt."""

    licence: ClassVar[str] = "research only"
    get: ClassVar[str] = (
        "unpack lfw-deepfunneled.tgz there, with peopleDevTrain.txt and peopleDevTest.txt beside it for roles"
    )

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when most images are called NAME/NAME_0001."""
        return _most(root, _LFW.match)

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
            listed = find_file(root, name, beside=("", "view1", below, "..")) or find_file(root.parent, name)
            if listed is not None:
                role_of |= {line.split("\t")[0].strip(): role for line in lines_of(listed)[1:]}
        roles = {source: role_of.get(people[source], "") for source in sources}
        return collection("lfw", root, cls.licence, sources, people, roles=roles)


class PubFig:
    """PubFig or PubFig83 as downloaders write it: a folder per person; roles by dev/ and eval/ or lists of people."""

    licence: ClassVar[str] = "non-commercial research; the photographs belong to their sites"
    get: ClassVar[str] = (
        "fetch the URLs of dev_urls.txt and eval_urls.txt into a folder per person, dev_people.txt and eval_people.txt "
        "beside them"
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
        return collection("pubfig", root, cls.licence, sources, people, roles=roles)


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
            for source, values in json.loads(listed.read_text(encoding="utf-8")).items():
                points |= {source: _five_of_189(values, listed)} if source in people else {}
        return collection("london", root, cls.licence, list(people), people, points=points)


def _five_of_189(template: list[list[str]], file: Path) -> tuple[float, ...]:
    """Eyes (pupils), tip of the nose (middle of its wings' inner and lower points), corners of the mouth."""
    try:
        x, y = zip(*((float(a), float(b)) for a, b in template), strict=True)
        nose = [sum(axis[i] for i in (54, 55, 60)) / 3 for axis in (x, y)]
        return (x[0], y[0], x[1], y[1], nose[0], nose[1], x[87], y[87], x[93], y[93])
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(str(file), expected="189 points, x and y", found=repr(error), do="download it again") from None


class MultiPIE:
    """CMU Multi-PIE: 001_01_01_051_07.png is subject 001, session 1, recording 1, camera 05_1, light 7."""

    licence: ClassVar[str] = "CMU Multi-PIE licence: no redistribution"
    get: ClassVar[str] = "order the set from CMU and put its sessionNN/multiview folders, or crops of them, there"

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when most images are called as Multi-PIE calls them."""
        return _most(root, _is_multi_pie)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every image of that name; take the frontal camera by ``match="*_051_*"``. No lists of roles exist."""
        sources = [source for source in photographs_in(root) if _is_multi_pie(source)]
        if not sources:
            raise refuse("multipie", root, "images called 001_01_01_051_07.png", "none", cls.get)
        people = {source: source.split("/")[-1][:3] for source in sources}
        return collection("multipie", root, cls.licence, sources, people)


def _is_multi_pie(source: str) -> bool:
    return _MULTI_PIE.match(source.split("/")[-1].rpartition(".")[0]) is not None


class PIE:
    """CMU PIE: folders 04000 to 04068 at any depth, one a subject; 27_05.jpg is camera 27, flash 5."""

    licence: ClassVar[str] = "CMU PIE licence: no redistribution"
    get: ClassVar[str] = "order the set from CMU and put its folders with a folder 04000..04068 per subject there"

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True when most images lie below a folder that is called as a subject."""
        return _most(root, _pie_person)

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List every image below a subject's folder; take the frontal camera by ``match="27*"``."""
        people = {source: _pie_person(source) for source in photographs_in(root) if _pie_person(source)}
        if not people:
            raise refuse("pie", root, "folders 04000 to 04068", "none with images", cls.get)
        return collection("pie", root, cls.licence, list(people), people)


def _pie_person(source: str) -> str:
    return next((part for part in source.split("/")[:-1] if _PIE_PERSON.match(part)), "")


def empty_folders(listed: Collection) -> list[str]:
    """Paths of people's folders without any image file, for readers that take identities from folders.

    A folder whose photographs a filter left out is not empty.
    """
    if listed.name not in {"people", "lfw", "pubfig", "pie"}:
        return []
    full = Counter(parent for item in listed.photographs for parent in _parents(item.source))
    bottom = Counter(item.source.count("/") for item in listed.photographs)
    depth = max(bottom, key=lambda level: bottom[level]) if bottom else 1
    folders = (path.relative_to(listed.root) for path in listed.root.glob("/".join("*" * max(depth, 1))))
    seen = (path for path in folders if not any(part.startswith(".") for part in path.parts))
    return sorted(p.as_posix() for p in seen if p.as_posix() not in full and _has_no_image(listed.root / p))


def _has_no_image(folder: Path) -> bool:
    return folder.is_dir() and not any(file.suffix.lower() in SUFFIXES for file in folder.rglob("*"))


def _parents(source: str) -> list[str]:
    parts = source.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]
