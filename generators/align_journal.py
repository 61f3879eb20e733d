"""What an alignment has done so far, so that a stopped one goes on and a repeated one does only what is new."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from facedeblur.benchmark.atomic import replacing
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets import Image
from facedeblur.generators.aligned import CUT, OK

NAME = "align.jsonl"


class Journal:
    """``OUT/align.jsonl``: one line a finished photograph, its key and its row of ``images.csv``.

    A key says all that a row depends on: the photograph's name, size and time, the options and
    the program's version.

    Parameters
    ----------
    out : Path
        Folder of the aligned faces.
    """

    def __init__(self, out: Path):
        self.out, self.path = out, out / NAME
        self._rows = dict(self._read())

    def _read(self) -> Iterator[tuple[str, Image]]:
        if not self.path.is_file():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                yield entry["key"], Image(**entry["row"])
            except (ValueError, KeyError, TypeError):
                continue  # the line that was being written when a run was stopped

    def check(self, sources: set[str]) -> None:
        """Refuse a folder that holds something else: what is in it would be overwritten or removed.

        Parameters
        ----------
        sources : set of str
            Paths of the photographs that are to be aligned.

        Raises
        ------
        InputError
            When none of the photographs of the earlier run is among them, or the folder holds another table.
        """
        earlier = {row.source for row in self._rows.values()}
        if earlier and not earlier & sources:
            raise InputError(
                str(self.out), expected="faces of the same photographs", found=f"those of {len(earlier)} others",
                do="give another output folder",
            )  # fmt: skip
        if not earlier and (self.out / "images.csv").exists():
            raise InputError(
                str(self.out), expected="a new folder or one of 'align'", found="an images.csv of something else",
                do="give another output folder",
            )  # fmt: skip

    def finished(self, key: str, *, wide: bool) -> Image | None:
        """The row of `key` where it is done and its crops, with `wide` the wide one too, are still there."""
        row = self._rows.get(key)
        if row is None:
            return None
        folders = {OK: ["sharp", "wide"] if wide else ["sharp"], CUT: ["cut"]}.get(row.status, [])
        whole = all((self.out / folder / f"{row.image_id}.png").is_file() for folder in folders)
        return row if whole else None

    def clear(self, *, keep: Container[str]) -> None:
        """Remove crops of photographs that have changed or are gone: all but those of the ids in `keep`."""
        for row in self._rows.values():
            if row.image_id not in keep:
                for folder in ("sharp", "cut", "wide"):
                    (self.out / folder / f"{row.image_id}.png").unlink(missing_ok=True)

    @contextmanager
    def open(self) -> Iterator[Callable[[str, Image], None]]:
        """Open the journal; the block is given ``add(key, row)``, which writes a line at once."""
        self.out.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", newline="\n") as stream:
            if stream.tell() and not self.path.read_bytes().endswith(b"\n"):
                stream.write("\n")

            def add(key: str, row: Image) -> None:
                stream.write(_line(key, row))
                stream.flush()

            yield add

    def rewrite(self, entries: Iterable[tuple[str, Image]]) -> None:
        """Leave only `entries`, atomically."""
        with replacing(self.path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(_line(key, row) for key, row in entries)


def _line(key: str, row: Image) -> str:
    return json.dumps({"key": key, "row": asdict(row)}) + "\n"
