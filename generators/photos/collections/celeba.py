"""CelebA (Liu et al., ICCV 2015) and CelebA-HQ / CelebAMask-HQ (Lee et al., CVPR 2020)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.traits import Traits
from facedeblur.generators.photos.collection import Collection, refuse
from facedeblur.generators.photos.files import find_file, find_folder, photographs_in, walk
from facedeblur.generators.photos.lists import numbers, table_of
from facedeblur.generators.photos.traits import published_traits

# Photographs for validation (1) are neither of the training nor of the test set.
_PARTITION = {"0": "train", "1": "", "2": "test"}
_ALIGNED, _WILD = ("img_align_celeba_png", "img_align_celeba"), ("img_celeba",)
_POINTS = {
    _ALIGNED: ("list_landmarks_align_celeba.txt", "list_landmarks_align_celeba.csv"),
    _WILD: ("list_landmarks_celeba.txt", "list_landmarks_celeba.csv"),
}
_IDENTITY = ("identity_CelebA.txt", "identity_CelebA.csv")
_EVAL = ("list_eval_partition.txt", "list_eval_partition.csv")
_ATTRIBUTES = ("list_attr_celeba.txt", "list_attr_celeba.csv")
_MASK_ATTRIBUTES, _MASK_POSE = "CelebAMask-HQ-attribute-anno.txt", "CelebAMask-HQ-pose-anno.txt"
_MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
_PART = re.compile(r"^(\d+)_(\w+)\.png$")


class CelebA:
    """CelebA: img_align_celeba/ (or img_celeba/) with identity_CelebA.txt, list_eval_partition.txt and landmarks."""

    licence: ClassVar[str] = "non-commercial research, no redistribution"
    get: ClassVar[str] = (
        "download img_align_celeba.zip, Anno/identity_CelebA.txt, Eval/list_eval_partition.txt and "
        "Anno/list_landmarks_align_celeba.txt, and Anno/list_attr_celeba.txt for attributes, from the CelebA page and "
        "put them there"
    )

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True if there is a folder with one of CelebA's names."""
        return find_folder(root, (*_ALIGNED, *_WILD)) is not None

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List the photographs, the aligned ones if there are both kinds, with landmarks and roles if published.

        The list of identities is required, because sets must not share identities; a photograph that it lacks
        has an empty one. In CelebA's landmarks, left is the left of the image.
        """
        kind = next((kind for kind in (_ALIGNED, _WILD) if find_folder(root, kind)), None)
        if kind is None:
            raise refuse("celeba", root, "img_align_celeba/ or img_celeba/", "neither", cls.get)
        below = find_folder(root, kind) or ""
        sources = photographs_in(root, below)
        people_file, eval_file = find_file(root, *_IDENTITY), find_file(root, *_EVAL)
        if people_file is None:
            raise refuse(
                "celeba", root, _IDENTITY[0], "none",
                f"{cls.get} (or read it as folder:{root}, every photograph a person of its own)",
            )  # fmt: skip
        if not sources:
            raise refuse("celeba", root / below, "000001.jpg and so on", "no image", cls.get)
        people_of, roles_of = table_of(people_file, 2), _roles(eval_file)
        points_file = find_file(root, *_POINTS[kind])
        points_of = table_of(points_file, 11) if points_file else {}
        people, roles, points = {}, {}, {}
        for source in sources:
            stem = source.rpartition("/")[2].rpartition(".")[0]
            name = f"{stem}.jpg"  # the lists say .jpg for the PNG version too
            people[source] = people_of.get(name, [""])[0]
            roles[source] = roles_of.get(name, "")
            if points_file is not None and name in points_of:
                points[source] = numbers(points_file, name, points_of[name])
        traits = _traits([find_file(root, *_ATTRIBUTES)])
        return Collection.of("celeba", root, cls.licence, people, roles=roles, points=points, traits=traits)


def _traits(lists: Iterable[Path | None]) -> Callable[[Sequence[str]], Traits] | None:
    """What reads the lists of attributes and poses that are there."""
    found = [path for path in lists if path is not None]
    return partial(published_traits, found) if found else None


def _roles(file: Path | None) -> dict[str, str]:
    """Role of every photograph by CelebA's partition."""
    roles = {}
    for name, (part,) in (table_of(file, 2) if file else {}).items():
        if part not in _PARTITION:
            raise InputError(f"{file}: {name}", expected="0, 1 or 2", found=f"'{part}'", do="download it again")
        roles[name] = _PARTITION[part]
    return roles


class CelebAMask:
    """CelebA-HQ and CelebAMask-HQ: CelebA-HQ-img/ with CelebAMask-HQ-mask-anno/, or images/ with merged masks/."""

    licence: ClassVar[str] = "non-commercial research, no redistribution"
    get: ClassVar[str] = (
        "unpack CelebAMask-HQ.zip there (CelebA-HQ-img/, CelebAMask-HQ-mask-anno/, CelebA-HQ-to-CelebA-mapping.txt), "
        "with CelebA's identity_CelebA.txt and list_eval_partition.txt for people and roles"
    )
    images: ClassVar[tuple[str, ...]] = ("CelebA-HQ-img", "images")
    masks: ClassVar[tuple[str, ...]] = ("CelebAMask-HQ-mask-anno", "CelebAMask-HQ-mask", "masks", "mask")

    @classmethod
    def detects(cls, root: Path) -> bool:
        """True for CelebA-HQ-img/ at most two levels down, or images/ next to masks/."""
        return find_folder(root, cls.images[:1]) is not None or all(
            (root / name).is_dir() for name in ("images", "masks")
        )

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List the photographs with their merged mask, or the prefix of their part masks.

        Identities need the mapping and CelebA's list of identities; without both each photograph is a person of its
        own (30,000 photographs show some 6,200 people).
        """
        below = find_folder(root, cls.images)
        place = root / (below or cls.images[0])
        base = place.parent
        sources = photographs_in(base, place.name) if below else []
        if not sources:
            raise refuse("celebamask", root, "CelebA-HQ-img/ or images/", "no image in them", cls.get)
        stems = {source: source.rpartition("/")[2].rpartition(".")[0] for source in sources}
        original = _originals(find_file(base, _MAPPING) or find_file(root, _MAPPING))
        people_file = find_file(base, *_IDENTITY) or find_file(root, *_IDENTITY)
        people_of = table_of(people_file, 2) if people_file and original else {}
        roles_of = _roles(find_file(base, *_EVAL) or find_file(root, *_EVAL)) if original else {}
        people, roles = {}, {}
        for source, stem in stems.items():
            celeba = original.get(stem, "")
            people[source] = people_of.get(celeba, [""])[0] if people_of else stem
            roles[source] = roles_of.get(celeba, "")
        masks, mask_lists = _masks(base, cls.masks), (_MASK_ATTRIBUTES, _MASK_POSE)
        label_of = {source: masks.get(_number(stem), "") for source, stem in stems.items()}
        return Collection.of(
            "celebamask", base, cls.licence, people, roles=roles, labels="celebamask19", label_of=label_of,
            namespace="celeba" if people_of else "",
            traits=_traits(find_file(base, name) or find_file(root, name) for name in mask_lists),
        )  # fmt: skip


def _number(stem: str) -> str:
    """Name of a photograph as masks have it: 0.jpg belongs to 00000_skin.png."""
    return str(int(stem)) if stem.isdecimal() else stem


def _originals(mapping: Path | None) -> dict[str, str]:
    """Number of a CelebA-HQ photograph to its file in CelebA."""
    return {number: fields[1] for number, fields in table_of(mapping, 3).items()} if mapping else {}


def _masks(base: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Photograph's name to its merged mask, or to the path that its part masks begin with."""
    below = find_folder(base, names, depth=1)
    found: dict[str, str] = {}
    for source in walk(base, below) if below else ():
        folder, _, name = source.rpartition("/")
        part = _PART.match(name)
        if part:
            found[_number(part[1])] = f"{folder}/{part[1]}"
        elif name.endswith(".png"):
            found[_number(name[:-4])] = source
    return found
