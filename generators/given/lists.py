"""Pairs in a list: a CSV file of one's own, or the text files that come with RealBlur."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import Photo, read_photo
from facedeblur.benchmark.files.paths import inside, read_file
from facedeblur.benchmark.files.schema import reading
from facedeblur.benchmark.files.tables import from_cell
from facedeblur.benchmark.options import one_of
from facedeblur.generators.given.layout import NO_BLURRED, NO_SHARP, Couple, Layout, Listing, Lone, stem_of
from facedeblur.generators.photos.files import canonical
from facedeblur.generators.photos.lists import lines_of

_COLUMNS = ("blurred", "sharp", "identity", "role")


class PairList(Layout):
    """A file that lists pairs: CSV with the columns blurred and sharp (and identity, role), or a list of RealBlur."""

    shape = "FILE.csv with the columns blurred and sharp, or RealBlur_J_test_list.txt with two paths per line"
    notes: ClassVar = {"paths": "Paths are relative to the folder of the list."}

    @classmethod
    def read(cls, root: Path, sources: Sequence[str]) -> Listing:
        """Pair as the list says; pairs of which a file is missing are left out."""
        if not root.is_file():
            return Listing(())
        couples, lone = dict[str, Couple](), list[Lone]()
        for blurred, sharp, identity, role in _rows(root):
            there = [inside(root.parent, one, links=True).is_file() for one in (blurred, sharp)]
            if blurred in couples:
                raise InputError(str(root), f"'{blurred}' is listed twice", do="remove one of the lines")
            if all(there):
                couples[blurred] = Couple(blurred, (sharp,), identity or stem_of(sharp).replace("/", "_"), role)
            elif there[0]:
                lone.append(Lone(blurred, NO_SHARP))
            else:
                lone.append(Lone(sharp if there[1] else blurred, NO_BLURRED if there[1] else "not found"))
        together: dict[str, list[Couple]] = {}
        for one in couples.values():
            together.setdefault(one.sharp[0], []).append(one)
        return Listing(tuple(one for some in together.values() for one in some), tuple(dict.fromkeys(lone)))

    @classmethod
    def photo(cls, root: Path, source: str) -> Photo:
        """Read an image next to the list."""
        return read_photo(inside(root.parent, source, links=True))


def _rows(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield blurred image, sharp image, identity and role of each pair; identity is empty where it is not stated."""
    if path.suffix.lower() == ".txt":
        yield from _of_realblur(path)
        return
    with reading(path, "a CSV file of pairs", do="give a CSV file in UTF-8"):
        lines = list(csv.reader(read_file(path).decode("utf-8-sig").splitlines()))
    lines = [line for line in lines if any(field.strip() for field in line)]
    names = [field.strip().lower() for field in lines[0]] if lines else []
    if {"blurred", "sharp"} <= set(names):
        for name in names:
            one_of(f"{path}: column", name, _COLUMNS)
        lines = lines[1:]
    else:
        names = ["blurred", "sharp"]
    for number, line in enumerate(lines, start=1):
        if len(line) != len(names):
            raise InputError(
                f"{path}, pair {number}", expected=f"{len(names)} fields ({', '.join(names)})",
                found=f"{len(line)}", do="correct this line",
            )  # fmt: skip
        row = dict(zip(names, (from_cell(field.strip()) for field in line), strict=True))
        role = one_of(f"{path}, pair {number}: role", row.get("role") or "test", ("test", "train"))
        yield canonical(row["blurred"]), canonical(row["sharp"]), row.get("identity", ""), role


def _of_realblur(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield the pairs of a text file with two paths per line, of which one is in a folder ``gt``."""
    role = "train" if "train" in path.stem.lower() else "test"
    for line in lines_of(path):
        fields = [canonical(field) for field in line.split()[:2]]
        sharp = [one for one in fields if "/gt/" in f"/{one}"]
        if len(fields) != 2 or len(sharp) != 1:
            raise InputError(
                f"{path}: line '{line[:60]}'", expected="two paths, of which one is in a folder gt/", found=line[:200],
                do="list the pairs in a CSV file with the columns blurred and sharp",
            )  # fmt: skip
        blurred = next(one for one in fields if one != sharp[0])
        yield blurred, sharp[0], sharp[0].partition("/gt/")[0].rpartition("/")[2], role
