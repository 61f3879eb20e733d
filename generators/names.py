"""What an aligned face is called, and whose it is, by where its photograph lies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence


def identity_of(source: str) -> str:
    """Whose face a photograph shows: its folder's name, or its own without suffix and trailing ``_0001``.

    Parameters
    ----------
    source : str
        Path relative to the collection, forward slashes.
    """
    *folders, name = source.split("/")
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
        *folders, name = source.split("/")
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
