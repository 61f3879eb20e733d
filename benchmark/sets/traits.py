"""Traits of the faces of a set: what their collection says of each besides identity and role.

``traits.csv`` has one row per face and one column per trait: attributes (CelebA's are 1 or 0), the pose of the head
in degrees (``yaw``, ``pitch``, ``roll``), any other number, or words. Empty cells and missing rows mean that a
trait is not known. ``set.json`` records the hash of the file; it is not part of the content hash, because pixels,
restored images and scores do not depend on it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.paths import read_file
from facedeblur.benchmark.files.schema import reading
from facedeblur.benchmark.files.tables import csv_line, from_cell
from facedeblur.benchmark.words import many

if TYPE_CHECKING:
    import pandas as pd

FILE = "traits.csv"
KEY = "image_id"
"""First column of the table of a set, and of aligned faces."""

POSE = ("yaw", "pitch", "roll")
"""Traits that are angles in degrees."""

_WHAT = "a table of traits"


@dataclass(frozen=True)
class Traits:
    """A table of traits, as texts.

    Attributes
    ----------
    names : tuple of str
        The traits.
    rows : mapping of str to tuple of str
        By face one text per trait, empty where it is not known.
    """

    names: tuple[str, ...] = ()
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def renamed(self, names: Mapping[str, str]) -> Traits:
        """Return the rows of the faces that are keys of `names`, in their order, by the values of `names`."""
        return Traits(self.names, {new: self.rows[old] for old, new in names.items() if old in self.rows})

    def encoded(self) -> bytes:
        """The table of a set: a header with ``image_id`` first, and one line per face."""
        lines = [csv_line((KEY, *self.names)), *(csv_line((face, *cells)) for face, cells in self.rows.items())]
        return "".join(lines).encode()

    def to_frame(self) -> pd.DataFrame:
        """The table with the column ``image_id``; a trait whose texts are all numbers is float64, NaN if not known.

        Other traits are texts, None if not known.
        """
        import pandas as pd

        columns: dict[str, object] = {KEY: list(self.rows)}
        for place, name in enumerate(self.names):
            texts = [cells[place] for cells in self.rows.values()]
            numeric = all(is_number(text) for text in texts if text)
            columns[name] = (
                pd.array([float(text) if text else math.nan for text in texts], dtype="float64")
                if numeric
                else pd.Series([text or None for text in texts], dtype=object)
            )
        return pd.DataFrame(columns)


NO_TRAITS = Traits()


def is_number(text: str) -> bool:
    """True for the text of a number, finite or not."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def merged(tables: Iterable[Traits]) -> Traits:
    """Put tables together: the traits and the faces of all; of two texts for one trait of one face the later one."""
    given = [table for table in tables if table]
    names = tuple(dict.fromkeys(name for table in given for name in table.names))
    rows: dict[str, dict[str, str]] = {}
    for table in given:
        for face, cells in table.rows.items():
            rows.setdefault(face, {}).update(zip(table.names, cells, strict=True))
    return Traits(names, {face: tuple(known.get(name, "") for name in names) for face, known in rows.items()})


def read_traits(path: str | Path, key: str = KEY, *, clean: Callable[[str], str] = str) -> Traits:
    """Read a table of traits.

    Parameters
    ----------
    path : path
        CSV file in UTF-8 with a header.
    key : str
        The column that names the face; every other one is a trait.
    clean : callable
        Applied to the names of the faces.

    Raises
    ------
    InputError
        When the file is missing or not such a table, a face is listed twice, or a number is not finite; poses are
        numbers from -180 to 180.
    """
    with reading(path, _WHAT, do="give a CSV file in UTF-8"):
        data = read_file(path)
    return _parse(Path(path), data, key, clean)


def _parse(path: Path, data: bytes, key: str, clean: Callable[[str], str] = str) -> Traits:
    with reading(path, _WHAT, do="give a CSV file in UTF-8"):
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        lines = [(reader.line_num, [from_cell(cell.strip()) for cell in line]) for line in reader]
    lines = [(number, line) for number, line in lines if any(line)]
    header = lines[0][1] if lines else []
    if key not in header:
        found = ",".join(header) or "nothing"
        raise InputError(f"{path} line 1", expected=f"a column '{key}'", found=found, do="name the columns")
    at = header.index(key)
    names = _without(header, at)
    _check_names(path, key, names)
    rows: dict[str, tuple[str, ...]] = {}
    for number, line in lines[1:]:
        where = f"{path} line {number}"
        if len(line) != len(header):
            raise InputError(where, expected=f"{len(header)} fields", found=f"{len(line)}", do="correct this line")
        face = clean(line[at])
        if not face:
            raise InputError(where, f"the column '{key}' is empty", do="correct this line")
        if face in rows:
            raise InputError(where, f"'{face}' is listed twice", do="remove one of the lines")
        rows[face] = tuple(_without(line, at))
        for name, text in zip(names, rows[face], strict=True):
            check_value(where, name, text)
    if not rows:
        raise InputError(str(path), "no rows in this table", do="add one row per face, or remove the file")
    return Traits(tuple(names), rows)


def _without(line: list[str], at: int) -> list[str]:
    return [*line[:at], *line[at + 1 :]]


def _check_names(path: Path, key: str, names: list[str]) -> None:
    where = f"{path} line 1"
    if not names:
        raise InputError(where, f"no trait besides the column '{key}'", do="add a column for each trait")
    for place, name in enumerate(names):
        if not name or not name.isprintable():
            raise InputError(where, f"trait {place + 1} has no name that can be printed", do="name every column")
        if name in (KEY, key, *names[:place]):
            raise InputError(where, f"the column '{name}' is there twice, or its name is taken", do="rename it")


def check_value(where: str, name: str, text: str) -> None:
    """Raise InputError unless a trait can have this value.

    Parameters
    ----------
    where : str
        File and line, for the message.
    name, text : str
        The trait, and what is said of it; an empty text means that it is not known.
    """
    if not text.isprintable():
        raise InputError(f"{where}: {name}", "a character that cannot be printed", do="correct this line")
    number = float(text) if is_number(text) else None
    if text and name in POSE and (number is None or not -180 <= number <= 180):
        raise InputError(
            f"{where}: {name}", expected="degrees from -180 to 180, or an empty field if not known", found=f"'{text}'",
            do="correct this line",
        )  # fmt: skip
    if number is not None and not math.isfinite(number):
        raise InputError(
            f"{where}: {name}", expected="a finite number, or an empty field if not known", found=f"'{text}'",
            do="correct this line",
        )  # fmt: skip


def told(traits: pd.DataFrame | None, photographs: int) -> list[str]:
    """Return a line for the screen that says which traits are known of how many `photographs`; none if nothing is.

    Parameters
    ----------
    traits : pandas.DataFrame or None
        As `Traits.to_frame` makes it.
    photographs : int
    """
    if traits is None:
        return []
    names = [str(name) for name in traits.columns if name != KEY]
    more = len(names) - 4
    shown = ", ".join(names if more < 2 else names[:4]) + (f" and {more} more" if more > 1 else "")
    return [f"traits of {len(traits):,} of {many(photographs, 'photograph')}: {shown}"]


def recorded(table: bytes) -> dict[str, str]:
    """What ``set.json`` says of the file that has these bytes."""
    return {"sha256": hashlib.sha256(table).hexdigest()}


def read_recorded(root: Path, record: Mapping[str, str] | None) -> Traits:
    """Read the traits of a set or, where its record has none, return an empty table.

    Parameters
    ----------
    root : Path
        Folder of the set.
    record : mapping, optional
        What ``set.json`` says of the file.

    Raises
    ------
    InputError
        When the file is missing, or is not the one that the set was built with.
    """
    path = root / FILE
    if record is None:
        if path.exists():
            raise InputError(
                str(path), "added after the set was built",
                do="put it next to the photographs, with a column 'file', and build the set again",
            )  # fmt: skip
        return NO_TRAITS
    with reading(path, "the traits of the set", do="build the set again"):
        data = read_file(path)
    if hashlib.sha256(data).hexdigest() != record["sha256"]:
        raise InputError(str(path), "changed after the set was built", do="build the set again")
    return _parse(path, data, KEY)
