"""Sketches of photographs: which file of a folder is the sketch of which photograph, by their names alone.

A sketch belongs to the photograph with

1. the same path, each in its folder and without suffix (``Ann/01.png`` and ``Ann/01.jpg``);
2. the same file name without suffix, or the name of its aligned face, as `align` writes it (``Ann_01.png``);
3. the same file name without suffix if case is ignored;
4. the name that the CUHK Face Sketch Database (CUFS) gives the photograph of that sketch: ``F2-005-01-sz1.jpg`` or
   ``f-005-01-sz1.jpg`` is the sketch of ``f-005-01.jpg``, and ``f1-001-01-sz1.jpg`` that of ``f1-001-01.jpg``. Its
   sketches of AR follow the same rule (``m-001-1.bmp``); those of XM2VTS have to be called like their photographs;
5. the name that its FERET part (CUFSF) gives the photograph: ``00001.jpg`` is the sketch of
   ``00001fa010_930831.tif``, or of ``00001_930831_fa.ppm`` in the colour release of FERET.

The first rule by which a photograph is found counts. Order never does: a missing file would shift all that follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import list_images
from facedeblur.generators.photos.files import canonical, photographs_in

_CUFS = re.compile(r"([fm])(\d?)-(\d{3})-(\d{1,2})(-sz\d)?", re.IGNORECASE)
_FERET = re.compile(r"(\d{5})(?:[a-z]{2}\d{3}[a-z]?_\d{6}|_\d{6}_[a-z]{2}(?:_[a-z])?)", re.IGNORECASE)


@dataclass(frozen=True)
class Matched:
    """Sketches by their photographs.

    Attributes
    ----------
    files : dict
        ``image_id`` of a photograph -> file of its sketch.
    alone : tuple of Path
        Sketches of none of the photographs.
    """

    files: dict[str, Path]
    alone: tuple[Path, ...]


def is_aligned(folder: Path) -> bool:
    """Whether `align` wrote a folder."""
    return (folder / "images.csv").is_file()


def sketches_in(folder: str | Path) -> tuple[Path, list[str]]:
    """The folder that holds the sketches, and their paths in it.

    Parameters
    ----------
    folder : path
        Of one that `align` wrote, the aligned sketches are read, with their surroundings where it has them.

    Raises
    ------
    InputError
        When there is no such folder, or no image in it.
    """
    root = Path(folder)
    if is_aligned(root):
        root /= "wide" if (root / "wide").is_dir() else "sharp"
    sketches = photographs_in(root) if root.is_dir() else []
    if not sketches:
        list_images(root)  # its error says what is wrong
    return root, sketches


def match_sketches(folder: str | Path, photographs: Mapping[str, str]) -> Matched:
    """Find the sketch of each photograph in a folder and its subfolders.

    Parameters
    ----------
    folder : path
        See `sketches_in`.
    photographs : mapping
        ``image_id`` -> path in the collection, forward slashes.

    Raises
    ------
    InputError
        When the folder has no image; when none of its sketches belongs to a photograph, a photograph has two, or a
        sketch could be that of two.
    """
    root, sketches = sketches_in(folder)
    rules = [(_by_name(photographs, of_photograph), of_sketch) for of_photograph, of_sketch in _RULES]
    owner: dict[str, str] = {}
    alone = []
    for sketch in sketches:
        names = next((found for named, of in rules if (found := named.get(of(canonical(sketch)), []))), [])
        if not names:
            alone.append(root / sketch)
            continue
        if len(names) > 1:
            raise InputError(
                str(root / sketch),
                f"could be the sketch of {len(names):,} photographs, such as {photographs[names[0]]} and "
                f"{photographs[names[1]]}",
                do="put sketches into the same subfolders as their photographs, or leave out the other photographs",
            )
        if names[0] in owner:
            raise InputError(
                str(root), f"{owner[names[0]]} and {sketch} are both sketches of {photographs[names[0]]}",
                do="remove one of them",
            )  # fmt: skip
        owner[names[0]] = sketch
    if not owner:
        raise InputError(
            str(root),
            f"none of its {len(sketches):,} sketches, such as {sketches[0]}, has the name of one of the "
            f"{len(photographs):,} photographs, such as {next(iter(photographs.values()), 'none')}",
            do="call each sketch like its photograph",
        )
    return Matched({name: root / sketch for name, sketch in owner.items()}, tuple(alone))


def _by_name(photographs: Mapping[str, str], named: Callable[[str, str], Iterable[str]]) -> dict[str, list[str]]:
    """Photographs by what a rule calls them."""
    found: dict[str, list[str]] = {}
    for image_id, source in photographs.items():
        for name in dict.fromkeys(named(canonical(source), image_id)):
            if name:
                found.setdefault(name, []).append(image_id)
    return found


def _bare(path: str) -> str:
    """A path without its suffix."""
    place, slash, name = path.rpartition("/")
    return place + slash + (name.rpartition(".")[0] or name)


def _stem(path: str) -> str:
    return _bare(path).rpartition("/")[2]


def _cufs(path: str, *, plain: bool = False) -> str:
    """Sex, series, person and number of a name of CUFS; with `plain` without the 2 that only its sketches have."""
    found = _CUFS.fullmatch(_stem(path))
    if found is None:
        return ""
    sex, series, person, number, _ = found.groups()
    return f"{sex.lower()}{'' if plain and series == '2' else series}-{person}-{int(number)}"


def _person(path: str) -> str:
    """The number of a person of FERET, of the name of a photograph."""
    found = _FERET.fullmatch(_stem(path))
    return found[1] if found else ""


_RULES: tuple[tuple[Callable[[str, str], Iterable[str]], Callable[[str], str]], ...] = (
    (lambda source, image_id: (_bare(source),), _bare),
    (lambda source, image_id: (_stem(source), image_id), _stem),
    (lambda source, image_id: (_stem(source).casefold(), image_id.casefold()), lambda path: _stem(path).casefold()),
    (lambda source, image_id: (_cufs(source),), _cufs),
    (lambda source, image_id: (_cufs(source),), lambda path: _cufs(path, plain=True)),
    (lambda source, image_id: (_person(source),), _stem),
)
"""What photographs and sketches are called by one rule after the other."""
