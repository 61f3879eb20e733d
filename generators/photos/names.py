"""What an aligned face is called, and whose it is, by where its photograph lies."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from facedeblur.benchmark.errors import InputError


def composed(text: str) -> str:
    """Text with each accent in one character with its letter (NFC); file systems differ in how they write it."""
    return unicodedata.normalize("NFC", text)


def canonical(source: str) -> str:
    """A path relative to a collection as lists are matched by: composed, forward slashes, nothing before it."""
    return composed(source.replace("\\", "/").removeprefix("./"))


def in_order(source: str) -> list[str]:
    """Sort key of paths relative to a collection, the same on every file system."""
    return composed(source).split("/")


def check_text(folder: str | Path, name: str) -> None:
    """Refuse a file name that is no text, which no table could hold.

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
    """Whose face a photograph shows: its folder's name, or its own without suffix and trailing ``_0001``.

    Parameters
    ----------
    source : str
        Path relative to the collection, forward slashes.
    """
    *folders, name = composed(source).split("/")
    stem = name.rpartition(".")[0] or name
    return folders[-1] if folders else re.sub(r"_\d+$", "", stem) or stem


def image_ids(sources: Sequence[str], identities: Sequence[str] | None = None) -> list[str]:
    """Names of the crops: unique, also where case does not count, and safe as file names.

    Parameters
    ----------
    sources : sequence of str
        Paths relative to the collection, forward slashes, sorted.
    identities : sequence of str, optional
        Whose faces they show, where the collection says so: only the folder of that name then
        stands before the stem, any other only where the name would not be unique.

    Returns
    -------
    list of str
        The file's stem, behind its folders' names where it does not begin with the last of them;
        anything but letters, digits, ``.``, ``_`` and ``-`` becomes ``_``.
    """
    taken: set[str] = set()
    names = []
    for place, source in enumerate(sources):
        *folders, name = composed(source).split("/")
        stem, _, suffix = name.rpartition(".") if "." in name else (name, "", "")
        whole = _plain(folders, stem)
        first = whole if identities is None else _plain([f for f in folders if f == identities[place]], stem)
        candidates: Iterator[str] = (
            candidate
            for n in range(len(sources) + 2)
            for candidate in [first, whole, f"{whole}-{suffix}", f"{whole}-{n}"]
        )
        chosen = next(candidate for candidate in candidates if candidate and candidate.casefold() not in taken)
        taken.add(chosen.casefold())
        names.append(chosen)
    return names


def _plain(folders: Sequence[str], stem: str) -> str:
    parts = [*folders[:-1], stem] if folders and stem.startswith(folders[-1]) else [*folders, stem]
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in "_".join(parts)).lstrip(".")
