"""The files of a collection: finding them, comparing their names, and reading identities from them."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import SUFFIXES


def folders_in(root: Path, below: str = "", *, skip: Iterable[Path] = ()) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield ``root/below`` and the folders under it: path and ``/`` (empty for `root`), folders and files in it.

    Hidden files and folders and those of `skip` are omitted. Links to folders are followed, each folder once.

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
    return [source for source in walk(root, below, skip=skip) if suffix(source) in SUFFIXES]


def most_photographs(root: Path, fits: Callable[[str], object]) -> bool:
    """Tell whether more than half of the images below `root`, by their paths, fit."""
    sources = photographs_in(root)
    return sum(bool(fits(source)) for source in sources) > len(sources) / 2


def suffix(source: str) -> str:
    """Suffix of a path, in lower case, with its dot."""
    # A Path a photograph would take longer than the walk itself.
    _, dot, end = source.rpartition(".")
    return dot + end.lower()


def find_folder(root: Path, names: Iterable[str], *, depth: int = 2) -> str | None:
    """Path, relative to `root`, of the first folder with one of the `names`, at most `depth` levels down.

    Of two nested folders with the same name, as some archives unpack, the inner one is returned.
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
        level = inside[:64]  # folders of people, of which there are thousands, hold no lists
    return None


def _folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def find_file(root: Path, *names: str, near: Iterable[str] = ("", "Anno", "Eval", "anno", "eval")) -> Path | None:
    """The first of `names` that is a file in `root` or in one of the folders `near`."""
    for folder in near:
        for name in names:
            if (root / folder / name).is_file():
                return root / folder / name
    return None


def composed(text: str) -> str:
    """Text in Unicode normal form C; file systems differ in how they store accents."""
    return unicodedata.normalize("NFC", text)


def canonical(source: str) -> str:
    """A relative path as it is compared with lists: NFC, forward slashes, no leading ``./``."""
    return composed(source.replace("\\", "/").removeprefix("./"))


def in_order(source: str) -> list[str]:
    """Sort key of paths relative to a collection, the same on every file system."""
    return composed(source).split("/")


def unit_of(seed: int, *words: str) -> float:
    """A number in [0, 1) that depends on the arguments alone and is the same on every machine.

    The first 53 bits of a SHA-256 of the text in normal form C, because file systems differ in how they store
    accents.
    """
    text = "\x1f".join(composed(word) for word in (str(int(seed)), *words))
    return (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11) / 2.0**53


def check_seed(seed: int) -> None:
    """Raise InputError unless `seed` is an integer of at least 0."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError("seed", expected="an integer of at least 0", found=repr(seed), do="choose another one")


def check_text(folder: str | Path, name: str) -> None:
    """Raise an error for a file name that is not valid text and could not be written to a table.

    Raises
    ------
    InputError
        When the bytes of the name are not UTF-8.
    """
    if not name.isascii() and os.fsencode(name).decode("utf-8", "replace") != name:
        raise InputError(
            str(os.fsencode(Path(folder) / name))[2:-1], expected="file names in UTF-8",
            found="another encoding", do="rename it",
        )  # fmt: skip


def identity_of(source: str) -> str:
    """Identity of a photograph: the name of its folder, or its own name without suffix and trailing ``_0001``.

    Parameters
    ----------
    source : str
        Path relative to the collection, forward slashes.
    """
    *folders, name = composed(source).split("/")
    stem = name.rpartition(".")[0] or name
    return folders[-1] if folders else re.sub(r"_\d+$", "", stem) or stem


def image_ids(sources: Sequence[str], identities: Sequence[str] | None = None) -> list[str]:
    """Names of the crops: safe as file names, and unique even if case is ignored.

    Parameters
    ----------
    sources : sequence of str
        Paths relative to the collection, forward slashes, sorted.
    identities : sequence of str, optional
        Identities, if the collection states them: then only the folder precedes the stem that has this name, or that
        makes up the name together with the stem (``female_00`` for ``female/00.jpg``); others only where the name
        would not be unique.

    Returns
    -------
    list of str
        The stem of the file, preceded by the names of its folders unless it begins with the last of them; everything
        except letters, digits, ``.``, ``_`` and ``-`` becomes ``_``.
    """
    taken: set[str] = set()
    names = []
    for place, source in enumerate(sources):
        *folders, name = composed(source).split("/")
        stem, _, suffix = name.rpartition(".") if "." in name else (name, "", "")
        whole = _plain(folders, stem)
        first = whole if identities is None else _plain(_naming(folders, stem, identities[place]), stem)
        candidates: Iterator[str] = (
            candidate
            for n in range(len(sources) + 2)
            for candidate in [first, whole, f"{whole}-{suffix}", f"{whole}-{n}"]
        )
        chosen = next(candidate for candidate in candidates if candidate and candidate.casefold() not in taken)
        taken.add(chosen.casefold())
        names.append(chosen)
    return names


def _naming(folders: Sequence[str], stem: str, identity: str) -> list[str]:
    """The folders that belong to the name of an identity."""
    return [folder for folder in folders if identity in (folder, f"{folder}_{stem}")]


def _plain(folders: Sequence[str], stem: str) -> str:
    parts = [*folders[:-1], stem] if folders and stem.startswith(folders[-1]) else [*folders, stem]
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in "_".join(parts)).lstrip(".")
