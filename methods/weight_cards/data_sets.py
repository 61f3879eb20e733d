"""Sets of photographs by their usual names, and which of them share photographs.

The table is ``data_sets.toml``. A name that it does not have is kept as it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from facedeblur.benchmark.config import read_toml, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.sets.leaks import plain_name
from facedeblur.benchmark.sets.set import collections_of

PACKAGE = "facedeblur.methods.weight_cards"
FILE = "data_sets.toml"
LAYOUTS = frozenset({"aligned", "folder", "people", "plain", "input-target", "basicsr", "lmdb", "list", "shen"})
"""Names of collections that say how files are laid out, not which photographs they are."""


@dataclass(frozen=True)
class DataSet:
    """A set of photographs.

    Attributes
    ----------
    name : str
    collections : tuple of str
        Names by which ``set.json`` records it.
    also_called : tuple of str
    part_of : str
        A set that has all its photographs; empty if none is known.
    read_from : str
        Where `part_of` was read.
    """

    name: str
    collections: tuple[str, ...] = ()
    also_called: tuple[str, ...] = ()
    part_of: str = ""
    read_from: str = ""


@dataclass(frozen=True)
class Overlap:
    """Training data that share photographs with the collection of a test set.

    Attributes
    ----------
    trained : str
        Data set that was trained on.
    tested : str
        Data set that the test photographs come from.
    how : {'same', 'whole', 'part'}
        Whether they are the same, the training data have the tested set as a part, or are a part of it.
    """

    trained: str
    tested: str
    how: str

    @property
    def told(self) -> str:
        """``CelebA, of which CelebAMask-HQ is a part, from which ...`` without what follows."""
        if self.how == "same":
            return self.trained
        if self.how == "whole":
            return f"{self.trained}, of which {self.tested} is a part"
        return f"{self.trained}, a part of {self.tested}"


@dataclass(frozen=True)
class _File:
    data_set: tuple[DataSet, ...]


@cache
def data_sets() -> Mapping[str, DataSet]:
    """Name -> data set.

    Raises
    ------
    InputError
        When two have one name, or a set is part of one that is missing or has no source for it.
    """
    with as_file(files(PACKAGE) / FILE) as path:
        values, _ = read_toml(path)
    listed = strict(_File, values, FILE).data_set
    found = {one.name: one for one in listed}
    names = [plain_name(name) for one in listed for name in (one.name, *one.also_called)]
    if len(names) != len(set(names)):
        raise InputError(FILE, "a name is given twice")
    for one in listed:
        if one.part_of:
            one_of(f"{FILE}, '{one.name}': part_of", one.part_of, found)
            if not one.read_from:
                raise InputError(f"{FILE}, '{one.name}': required key 'read_from' is missing")
    return found


def usual_name(name: str) -> str:
    """The usual name of a data set, of a collection or of another way to write either; an unknown one as it is."""
    plain = plain_name(name)
    for one in data_sets().values():
        if plain in map(plain_name, (one.name, *one.also_called)) or name in one.collections:
            return one.name
    return name


def of_collections(names: Iterable[str]) -> tuple[str, ...]:
    """Usual names of the data sets that collections are; mere layouts of folders are left out."""
    return tuple(dict.fromkeys(usual_name(name) for name in names if name not in LAYOUTS))


def of_set(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Usual names of the data sets that the photographs of a set come from, by what ``set.json`` says of it."""
    return of_collections(collections_of(info.get("sources") or ()))


def overlaps_of(trained_on: Sequence[str], tested: Sequence[str]) -> tuple[Overlap, ...]:
    """Find training data that share photographs with data sets that are tested on.

    Parameters
    ----------
    trained_on, tested : sequence of str
        Data sets, by any of their names.
    """
    found = []
    for trained in dict.fromkeys(map(usual_name, trained_on)):
        for other in dict.fromkeys(map(usual_name, tested)):
            if plain_name(trained) == plain_name(other):
                found.append(Overlap(trained, other, "same"))
            elif trained in _wholes(other):
                found.append(Overlap(trained, other, "whole"))
            elif other in _wholes(trained):
                found.append(Overlap(trained, other, "part"))
    return tuple(found)


def _wholes(name: str) -> list[str]:
    """The data sets that have all photographs of one, the smallest first."""
    wholes: list[str] = []
    known = data_sets()
    while name in known and known[name].part_of and known[name].part_of not in wholes:
        name = known[name].part_of
        wholes.append(name)
    return wholes
