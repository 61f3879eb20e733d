"""What the readers of collections share: finding folders and lists, and reading publishers' tables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Protocol

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import SUFFIXES, list_images
from facedeblur.generators.photos.collection import Collection, Photograph
from facedeblur.generators.photos.names import check_text, composed, in_order

NOT_STATED = "not stated"


class Source(Protocol):
    """A published layout of photographs: a class, never made an object of.

    Attributes
    ----------
    licence : str
        As its publisher states it.
    get : str
        One line: what to download and where to put it.
    """

    licence: ClassVar[str]
    get: ClassVar[str]

    @classmethod
    def detects(cls, root: Path) -> bool:
        """Tell whether the folder looks like this layout, at a glance."""
        ...

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List the photographs below `root`; InputError with `get` when the folder is not this layout."""
        ...


def refuse(name: str, root: Path, expected: str, found: str, get: str) -> InputError:
    """The one line of a folder that is not the layout it is said to be."""
    return InputError(f"{name}: {root}", expected=expected, found=found, do=get)


def folders_in(root: Path, below: str = "", *, skip: Iterable[Path] = ()) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield ``root/below`` and the folders under it: path and ``/`` (empty for `root`), folders and files in it.

    Hidden ones and the folders of `skip` are left out. Links to folders are followed, each folder once.

    Raises
    ------
    InputError
        When a name is not UTF-8.
    """
    seen, left_out = set(), {path.resolve() for path in skip}
    for folder, folders, files in os.walk(root / below, followlinks=True):
        state = Path(folder).stat()
        place = (state.st_dev, state.st_ino)
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if left_out:
            folders[:] = [name for name in folders if Path(folder, name).resolve() not in left_out]
        shown = [name for name in files if not name.startswith(".")]
        for name in (*folders, *shown):
            check_text(folder, name)
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        yield "" if relative == "." else f"{relative}/", list(folders), shown


def walk(root: Path, below: str = "", *, skip: Iterable[Path] = ()) -> Iterator[str]:
    """Yield the files of `folders_in` relative to `root`, forward slashes, sorted."""
    found = (place + name for place, _, files in folders_in(root, below, skip=skip) for name in files)
    yield from sorted(found, key=in_order)


def photographs_in(root: Path, below: str = "", *, skip: Iterable[Path] = ()) -> list[str]:
    """Image files by suffix under ``root/below``, relative to `root`, sorted."""
    return [source for source in walk(root, below, skip=skip) if _suffix(source) in SUFFIXES]


def some_photographs(root: Path, *, skip: Iterable[Path] = ()) -> list[str]:
    """What `photographs_in` gives of a folder; InputError where it is no folder or holds no image."""
    sources = photographs_in(root, skip=skip) if root.is_dir() else []
    if not sources:
        list_images(root)  # whose error says what was looked for
    return sources


def _suffix(source: str) -> str:
    # A Path a photograph would take longer than the walk itself.
    _, dot, end = source.rpartition(".")
    return dot + end.lower()


def find_folder(root: Path, names: Iterable[str], *, depth: int = 2) -> str | None:
    """Path, relative to `root`, of the first folder called as one of `names`; at most `depth` levels down.

    A folder that lies in one of the same name, as archives unpack it, is gone into.
    """
    wanted = list(names)
    level = [""]
    for _ in range(depth):
        inside = [f"{above}/{name}" if above else name for above in level for name in _folders(root / above)]
        for name in wanted:
            for path in inside:
                if path.rpartition("/")[2] == name:
                    nested = f"{path}/{name}"
                    return nested if (root / nested).is_dir() else path
        level = inside[:64]  # a folder per person is no place to look for lists
    return None


def _folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def find_file(root: Path, *names: str, beside: Iterable[str] = ("", "Anno", "Eval", "anno", "eval")) -> Path | None:
    """The first of `names` that is a file in `root` or in one of the folders `beside`; also in nested annotations."""
    for folder in beside:
        for name in names:
            if (root / folder / name).is_file():
                return root / folder / name
    return None


def lines_of(path: Path) -> list[str]:
    """Lines of a list that are not empty and no comment (``#``), stripped.

    Raises
    ------
    InputError
        When the file is not text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(str(path), expected="a text file (UTF-8)", found=str(error), do="download it again") from error
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def table_of(path: Path, columns: int) -> dict[str, list[str]]:
    """First field to the others of a publisher's table, comma or blanks between them.

    Lines that are not rows (a count, a heading) are left out as long as they come first.

    Parameters
    ----------
    path : Path
    columns : int
        Fields a row, the first one included.

    Raises
    ------
    InputError
        When a row has another number of fields, or there is none.
    """
    rows: dict[str, list[str]] = {}
    for line in lines_of(path):
        fields = [field.strip() for field in line.split(",")] if "," in line else line.split()
        heading = len(fields) != columns or not any(char.isdigit() for char in "".join(fields[1:]))
        if heading and not rows:
            continue
        if heading:
            raise InputError(
                f"{path}: line '{line[:60]}'", expected=f"{columns} fields", found=f"{len(fields)}",
                do="download it again",
            )  # fmt: skip
        rows[fields[0]] = fields[1:]
    if not rows:
        raise InputError(str(path), expected=f"rows of {columns} fields", found="none", do="download it again")
    return rows


def numbers(path: Path, name: str, fields: Iterable[str]) -> tuple[float, ...]:
    """Fields of a table as numbers.

    Raises
    ------
    InputError
        When one is not a number.
    """
    try:
        return tuple(float(field) for field in fields)
    except ValueError as error:
        raise InputError(f"{path}: {name}", expected="numbers", found=str(error), do="download it again") from None


def collection(
    name: str,
    root: Path,
    licence: str,
    sources: Iterable[str],
    identities: Mapping[str, str],
    *,
    roles: Mapping[str, str] | None = None,
    labels: str = "",
    label_of: Mapping[str, str] | None = None,
    points: Mapping[str, tuple[float, ...]] | None = None,
) -> Collection:
    """Put a collection together from what is known of each source; an unknown identity stays empty."""
    roles, label_of, points = roles or {}, label_of or {}, points or {}
    listed = tuple(
        Photograph(
            source,
            composed(identities.get(source, "")),
            roles.get(source, ""),
            label_of.get(source, ""),
            points.get(source, ()),
        )
        for source in sources
    )
    return Collection(name, root, licence, labels if any(item.label for item in listed) else "", listed)
