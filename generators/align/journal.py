"""What an alignment has done so far, so that it can be resumed, and repeated for new photographs only."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.journal import Journal
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.schema import decode_json
from facedeblur.benchmark.files.tables import from_json
from facedeblur.benchmark.sets.set import Image
from facedeblur.generators.align.photo import CUT, OK
from facedeblur.generators.align.quality import POOR, Quality

NAME = "align.jsonl"
FOLDERS = ("sharp", "cut", "poor", "wide", "labels")


@dataclass(frozen=True)
class PhotoOutcome:
    """Result for a photograph: its row of ``images.csv``, and of ``quality.csv`` where there is a crop."""

    row: Image
    quality: Quality | None = None


def folder_of(status: str) -> str:
    """Folder of a crop with this status: ``sharp``, ``cut`` or ``poor``; empty if there is no crop."""
    return {OK: "sharp", CUT: "cut"}.get(status, "poor" if status.startswith(POOR) else "")


class _Line(msgspec.Struct):
    """Schema of a line of the journal."""

    key: str
    row: dict[str, Any]
    quality: dict[str, Any] | None = None


class AlignJournal:
    """``OUT/align.jsonl``: one line per finished photograph, its key and its `PhotoOutcome`.

    A key says all that an entry depends on: the photograph's name, size and time, the options and
    the program's version.

    Parameters
    ----------
    out : Path
        Folder of the aligned faces.
    """

    def __init__(self, out: Path):
        self.out, self._journal = out, Journal(out / NAME)
        self._entries = dict(self._read())

    def _read(self) -> Iterator[tuple[str, PhotoOutcome]]:
        for _, line in self._journal.records():
            try:
                entry = decode_json(line, _Line, str(self.out / NAME), "an outcome")
                quality = entry.get("quality")
                row = from_json(entry["row"], Image)
                yield entry["key"], PhotoOutcome(row, from_json(quality, Quality) if quality else None)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # written by an earlier version or another program

    def check(self, sources: set[str]) -> None:
        """Raise InputError if the folder contains something else, which would be overwritten or removed.

        Parameters
        ----------
        sources : set of str
            Paths of the photographs that are to be aligned.

        Raises
        ------
        InputError
            When none of the photographs of the earlier run is among them, or the folder holds another table.
        """
        earlier = {entry.row.source for entry in self._entries.values()}
        if earlier and not earlier & sources:
            raise InputError(
                str(self.out), f"the faces of {len(earlier):,} other photographs are in this folder",
                do="give another output folder",
            )  # fmt: skip
        if not earlier and (self.out / "images.csv").exists():
            raise InputError(
                str(self.out), "its images.csv was not written by align", do="give another output folder",
            )  # fmt: skip

    def finished(self, key: str, *, wide: bool) -> PhotoOutcome | None:
        """The entry of `key` where it is done and its files, with `wide` the wide crop too, are still there."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        row = entry.row
        folders = [folder_of(row.status)] if folder_of(row.status) else []
        folders += ["wide"] if wide and row.status == OK else []
        files = [inside(self.out, f"{folder}/{row.image_id}.png") for folder in folders]
        files += [inside(self.out, row.label)] if row.label else []
        return entry if all(file.is_file() for file in files) else None

    def clear(self, *, keep: Container[str]) -> None:
        """Remove crops of photographs that have changed or are gone: all but those of the ids in `keep`."""
        for entry in self._entries.values():
            if entry.row.image_id not in keep:
                for folder in FOLDERS:
                    inside(self.out, f"{folder}/{entry.row.image_id}.png").unlink(missing_ok=True)

    def add(self, key: str, entry: PhotoOutcome) -> None:
        """Write the line of a photograph."""
        self._journal.append([_line(key, entry)])

    def rewrite(self, entries: Iterable[tuple[str, PhotoOutcome]]) -> None:
        """Leave only `entries`, atomically."""
        self._journal.rewrite(_line(key, entry) for key, entry in entries)


def _line(key: str, entry: PhotoOutcome) -> bytes:
    return (json.dumps({"key": key, **asdict(entry)}) + "\n").encode()
