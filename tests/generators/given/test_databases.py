import sys

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import encode_png
from facedeblur.generators.given.databases import _opened
from facedeblur.generators.given.layout import open_listing
from facedeblur.generators.photos.specs import parse_spec
from tests.support.pair_trees import pixels


def database(folder, images):
    """A database as BasicSR writes it: keys without suffix, and a table of names, shapes and compression."""
    lmdb = pytest.importorskip("lmdb", reason="lmdb is not installed")
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for name, seed in images.items():
            transaction.put(name.encode(), encode_png(pixels(seed)))
    (folder / "meta_info.txt").write_text("".join(f"{name}.png (24,32,3) 1\n" for name in images))
    return folder


def test_pairs_are_read_from_two_databases(tmp_path):
    database(tmp_path / "train" / "blur_crops.lmdb", {"1_s001": 1, "2_s001": 2, "000/3": 3})
    database(tmp_path / "train" / "sharp_crops.lmdb", {"1_s001": 11, "000/3": 13, "4": 14})
    opened = open_listing(parse_spec(str(tmp_path)))
    assert opened.name == "lmdb"
    assert [(one.blurred, one.sharp[0], one.role) for one in opened.listing.couples] == [
        (f"train/blur_crops.lmdb/{name}", f"train/sharp_crops.lmdb/{name}", "train")
        for name in ("1_s001.png", "000/3.png")
    ]
    assert {(one.source, one.status) for one in opened.listing.lone} == {
        ("train/blur_crops.lmdb/2_s001.png", "no sharp image"),
        ("train/sharp_crops.lmdb/4.png", "no blurred image"),
    }
    read = opened.layout.photo(opened.root, opened.listing.couples[1].sharp[0]).pixels
    assert np.array_equal(read, pixels(13))


def test_what_is_missing_is_said_in_one_line(tmp_path, monkeypatch):
    folder = database(tmp_path / "lq.lmdb", {"a": 1})
    database(tmp_path / "gt.lmdb", {"a": 2})
    (folder / "meta_info.txt").write_text("a.png (24,32,3) 1\nb.png (24,32,3) 1\n")
    layout = open_listing(parse_spec(str(tmp_path))).layout
    with pytest.raises(InputError, match="not in the database"):
        layout.photo(tmp_path, "lq.lmdb/b.png")
    _opened.cache_clear()
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(InputError, match=r"package 'lmdb' is not installed.*facedeblur\[io\]"):
        layout.photo(tmp_path, "lq.lmdb/a.png")
    (tmp_path / "lq.lmdb").rename(tmp_path / "other.lmdb")
    with pytest.raises(InputError, match="does not say whether"):
        open_listing(parse_spec(f"lmdb:{tmp_path}"))
