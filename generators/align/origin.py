"""Which collections the faces of an aligned folder are from, and their licences: ``collection.json`` in the folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from facedeblur.benchmark.files.atomic import write_json
from facedeblur.benchmark.files.schema import read_json
from facedeblur.generators.photos.collection import NOT_STATED

ORIGIN = "collection.json"


def write_origin(folder: Path, origins: Iterable[tuple[str, str]]) -> None:
    """Record name and licence of each collection; nothing where no licence is known, as of a folder of photographs."""
    told = list(origins)
    if all(licence == NOT_STATED for _, licence in told):
        (folder / ORIGIN).unlink(missing_ok=True)
        return
    names, licences = (dict.fromkeys(one) for one in zip(*told, strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / ORIGIN, {"collection": " and ".join(names), "licence": "; ".join(licences)})


def read_origin(folder: Path) -> tuple[str, str] | None:
    """Name and licence of the collections of an aligned folder; None if it has no such record.

    Raises
    ------
    InputError
        When the record is damaged.
    """
    file = folder / ORIGIN
    if not file.is_file():
        return None
    found = read_json(file, dict[str, str], "a record of collections", do="align the photographs again")
    return found.get("collection", ""), found.get("licence", NOT_STATED)
