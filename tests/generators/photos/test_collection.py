"""Collections that are opened, recognised and selected from."""

from __future__ import annotations

import pytest
from photo_trees import rows, tree

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.photos.collection import Selection, open_collection


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(InputError, match="did you mean 'celeba'"):
        open_collection(f"celebba:{tmp_path}")
    with pytest.raises(InputError, match="no image"):
        open_collection(tmp_path)
    with pytest.raises(InputError, match="the folder is missing; write NAME:FOLDER"):
        open_collection("lfw:")
    file = tree(tmp_path, "a.jpg") / "a.jpg"
    with pytest.raises(InputError, match="a file"):
        open_collection(file)


def test_filters(celeba):
    assert [r[1] for r in rows(open_collection(celeba, Selection(roles=["test"])))] == ["1", "2"]
    assert len(open_collection(celeba, Selection("00000[12].jpg")).photographs) == 2
    assert len(open_collection(celeba, Selection("Img/*3.jpg")).photographs) == 1
    assert len(open_collection(celeba, Selection(limit=2)).photographs) == 2
    with pytest.raises(InputError, match=r"role gallery, found none among 5 \(roles: 2 none, 2 test, 1 train\)"):
        open_collection(celeba, Selection(roles=["gallery"]))
    with pytest.raises(InputError, match="did you mean 'test'"):
        open_collection(celeba, Selection(roles=["tests"]))
    with pytest.raises(InputError, match="at least 1"):
        open_collection(celeba, Selection(limit=0))
