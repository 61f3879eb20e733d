"""Pseudo-labels: who made them is recorded, and sets, scores and trainings take them."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from narrow_nets import write_narrow

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import PARSERS, provider
from facedeblur.benchmark.files.images import read_label, read_photo, write_png
from facedeblur.benchmark.weights import sha256_of
from facedeblur.generators.align.origin import read_origin, write_origin
from facedeblur.generators.align.run import align
from facedeblur.generators.build import build
from facedeblur.generators.photos.opening import open_photographs
from facedeblur.generators.portraits import write_portraits
from facedeblur.methods.labelling import Labeller, label
from facedeblur.reports.tables.sets import set_of

RECIPE = (
    'name = "own"\ntitle = "Own"\nsource = "test"\n[image]\ntemplate = "shen128"\n'
    '[kernels]\nsizes = "9"\nper_size = 1\n'
)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    root = tmp_path_factory.mktemp("labelled")
    write_portraits(root / "photos")
    found = label(root / "photos", root / "out", margin=8, workers=1)
    return root, found


def test_labels_are_those_of_the_parser(done):
    root, found = done
    parser = provider(PARSERS, "facedeblur")
    assert (found.new, found.kept, found.without, found.failed) == (2, 0, 0, 0) and found.by == parser.definition[0]
    with (root / "out" / "images.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        face = read_photo(root / "out" / "sharp" / f"{row['image_id']}.png").pixels
        found_there = read_label(root / "out" / row["label"], size=(128, 128))
        assert np.array_equal(found_there, parser.parse(face[None])[0])
        assert row["note"].endswith(f"pseudo-label by {found.by}")
        assert read_photo(root / "out" / "wide" / f"{row['image_id']}.png").pixels.shape == (144, 144, 3)
    assert json.loads((root / "out" / "labels.json").read_text())["by"] == found.by
    assert not (root / "out.faces").exists()


def test_a_set_of_them_says_so(done, tmp_path):
    root, found = done
    (tmp_path / "own.toml").write_text(RECIPE)
    made = build(tmp_path / "own.toml", root / "out", tmp_path / "set", workers=1)
    assert made.info["sources"][0]["collection"].endswith(f"; pseudo-labels by {found.by}")
    assert all(image.label for image in made.images.values())


def test_a_set_of_them_states_collection_and_licence(done, tmp_path):
    """Also by way of `align`; a folder of photographs has no licence that could be stated."""
    root, found = done
    assert not (root / "out" / "collection.json").exists()
    for name in ("Ann", "Bob"):
        (tmp_path / "lfw" / name).mkdir(parents=True)
    for folder, photo in zip(sorted((tmp_path / "lfw").iterdir()), sorted((root / "photos").iterdir()), strict=True):
        shutil.copyfile(photo, folder / f"{folder.name}_0001{photo.suffix}")
    align(f"lfw:{tmp_path / 'lfw'}", tmp_path / "aligned", workers=1)
    label(tmp_path / "aligned", tmp_path / "out", workers=1)
    (tmp_path / "own.toml").write_text(RECIPE)
    for faces, told in (("aligned", ""), ("out", f"; pseudo-labels by {found.by}")):
        assert json.loads((tmp_path / faces / "collection.json").read_text()) == {
            "collection": "lfw", "licence": "research only"}  # fmt: skip
        made = build(tmp_path / "own.toml", tmp_path / faces, tmp_path / f"{faces}-set", workers=1)
        (source,) = made.info["sources"]
        assert source["licence"] == "research only" and set_of(made.info).collections == ("lfw",)
        assert source["collection"].startswith("lfw: 2 photographs, 2 identities")
        assert source["collection"].endswith(f"licence: research only{told}")
    write_origin(tmp_path / "out", [("helen", "research"), ("lfw", "other"), ("helen", "research")])
    assert read_origin(tmp_path / "out") == ("helen and lfw", "research; other")
    assert set_of({"sources": [{"collection": "helen and lfw: 4 photographs"}]}).collections == ("helen", "lfw")


def test_traits_of_the_faces_stay(done, tmp_path):
    root, _ = done
    shutil.copytree(root / "photos", tmp_path / "photos")
    (first, *_) = sorted((tmp_path / "photos").iterdir())
    (tmp_path / "photos" / "traits.csv").write_text(f"file,glasses\n{first.name},1\n")
    label(tmp_path / "photos", tmp_path / "out", workers=1)
    (tmp_path / "own.toml").write_text(RECIPE)
    made = build(tmp_path / "own.toml", tmp_path / "out", tmp_path / "set", workers=1)
    assert made.traits is not None and list(made.traits["glasses"]) == [1.0]


def test_what_is_there_is_kept(done, tmp_path):
    root, found = done
    again = label(root / "out", tmp_path / "again", workers=1)
    assert (again.new, again.kept) == (0, 2)
    assert label(root / "photos", root / "out", margin=8, workers=1) == found, "run again"
    with pytest.raises(InputError, match="choose another folder"):
        label(root / "photos", root / "out", by="dlib-68", margin=8, workers=1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").touch()
    with pytest.raises(InputError, match="the folder is not empty"):
        label(root / "photos", tmp_path / "full", workers=1)
    draw = np.random.default_rng(0)
    write_png(tmp_path / "noise" / "a.png", np.full((128, 128, 3), draw.integers(256), np.uint8))
    empty = label(tmp_path / "noise", tmp_path / "blank", by="dlib-68", workers=1)
    assert (empty.new, empty.without) == (0, 1) and not (tmp_path / "blank" / "labels").exists()


def test_a_collection_that_is_open_is_aligned_like_its_folder(done, tmp_path):
    root, found = done
    again = label(open_photographs(root / "photos"), tmp_path / "out", margin=8, workers=1)
    assert (again.new, again.by) == (found.new, found.by)
    for file in (root / "out" / "labels").iterdir():
        assert (tmp_path / "out" / "labels" / file.name).read_bytes() == file.read_bytes()


def test_an_interrupted_job_keeps_the_labels_that_it_has(done, tmp_path, monkeypatch):
    root, found = done
    again = tmp_path / "out"
    shutil.copytree(root / "out", again)
    (again / "images.csv").unlink()
    lost = sorted((again / "labels").iterdir())[-1]
    wanted = lost.read_bytes()
    lost.unlink()
    seen = []
    own = Labeller.__call__
    monkeypatch.setattr(Labeller, "__call__", lambda self, face: seen.append(face) or own(self, face))
    done_now = label(root / "photos", again, margin=8, workers=1)
    assert (len(seen), done_now.new) == (1, found.new) and lost.read_bytes() == wanted
    assert (again / "images.csv").read_bytes() == (root / "out" / "images.csv").read_bytes()


def test_the_parsing_network_of_a_method(tmp_path):
    """P of these weights labels, and gives its name with their hash."""
    write_narrow("shen2020", tmp_path)
    made = Labeller(f"shen2020:{tmp_path}")
    assert made.definition == f"shen2020@{sha256_of(tmp_path / 'shen2020.safetensors')[:8]}"
    face = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    assert np.array_equal(made(face), provider(PARSERS, f"shen2020:{tmp_path}").parse(face[None])[0])


def test_what_cannot_label():
    with pytest.raises(InputError, match=r"parser 'shen2021': expected one of bisenet, .*, shen2020"):
        Labeller("shen2021")
