"""Pairs in two LMDB databases, as BasicSR and NAFNet store them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.files.images import Photo, decode_photo
from facedeblur.generators.given.layout import Couple, Layout, Listing, Pairing, role_of, stem_of
from facedeblur.generators.photos.lists import lines_of

_BLURRED, _SHARP = re.compile("blur|lq|lr|input", re.IGNORECASE), re.compile("sharp|gt|hr|target", re.IGNORECASE)


class LMDB(Layout):
    """Two LMDB databases as BasicSR makes them, each with a meta_info.txt; needs the package lmdb."""

    shape = "{blur|lq|input}*.lmdb and {sharp|gt|target}*.lmdb, each with meta_info.txt"

    @classmethod
    def read(cls, root: Path, sources: Sequence[str]) -> Listing:
        """Pair images by their names in meta_info.txt; no database is opened."""
        pairing = Pairing(
            lambda key, blurred, sharp: Couple(blurred, sharp, key.replace("/", "_"), role_of(f"{blurred}/"))
        )
        for base in _databases(root):
            name = base.rpartition("/")[2].removesuffix(".lmdb")
            blurred, sharp = _BLURRED.search(name), _SHARP.search(name)
            if bool(blurred) == bool(sharp):
                raise InputError(
                    f"{root / base}", "its name does not say whether its images are blurred or sharp",
                    do="call the databases lq.lmdb and gt.lmdb",
                )  # fmt: skip
            enter = pairing.enter_blurred if blurred else pairing.enter_sharp
            place = base.rpartition("/")[0]
            for image in _names(root / base):
                enter(f"{base}/{image}", f"{place}/{stem_of(image)}".lstrip("/"))
        return pairing.listing()

    @classmethod
    def photo(cls, root: Path, source: str) -> Photo:
        """Read an image from its database."""
        base, _, name = source.partition(".lmdb/")
        folder = root / f"{base}.lmdb"
        with _opened(folder).begin() as transaction:
            data = transaction.get(stem_of(name).encode())
        if data is None:
            raise InputError(f"{folder}: {name}", "not in the database", do="make the database again")
        return decode_photo(folder / name, bytes(data))


def _databases(root: Path) -> Iterator[str]:
    if not root.is_dir():
        return
    for folder in sorted(root.glob("**/*.lmdb")):
        if (folder / "meta_info.txt").is_file():
            yield folder.relative_to(root).as_posix()


def _names(folder: Path) -> list[str]:
    """Names of the images in ``meta_info.txt``: ``NAME.png (HEIGHT,WIDTH,CHANNELS) LEVEL`` per line."""
    return [re.split(r"\s+\(", line)[0].strip() for line in lines_of(folder / "meta_info.txt")]


@lru_cache(maxsize=8)
def _opened(folder: Path) -> Any:
    """One environment per process and database: lmdb allows no second."""
    lmdb = need("lmdb", "io")
    try:
        return lmdb.open(str(folder), readonly=True, lock=False, readahead=False)
    except lmdb.Error as error:
        raise InputError(str(folder), f"cannot be opened ({error})", do="make the database again") from error
