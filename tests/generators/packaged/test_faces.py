"""The faces that come with the package, and the sets that are built of them."""

import os
import platform
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import DETECTORS, LANDMARKERS, provider
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.sets.check import check
from facedeblur.generators.build import build
from facedeblur.generators.packaged.faces import PACKAGES, package_folder, packaged_faces, source_photographs, unpack
from facedeblur.generators.packaged.pack import typology_angle
from facedeblur.generators.pairs.virtual import open_pairs
from facedeblur.generators.photos.lists import read_landmarks
from facedeblur.generators.photos.opening import open_collection

OPEN, OPEN_SMALL = "85f06daf45b04d91", "624da4506f1f0e9b"
ROOT = Path(__file__).resolve().parents[3]


def test_the_hundred_faces_are_spread_over_sex_age_and_skin_tone():
    listed = source_photographs("open")
    chosen = [one for one in listed if one.role == "test"]
    assert (
        len(listed) == 200 and len(chosen) == 100 and all(bool(one.reason) == (one.role == "train") for one in listed)
    )
    assert all(one.eye_distance >= 41 for one in chosen)
    sexes, tones = (Counter(getattr(one, trait) for one in chosen) for trait in ("sex", "skin_tone"))
    assert sexes == {"female": 50, "male": 50} and len(tones) == 5 and min(tones.values()) >= 12
    assert min(Counter(np.digitize([one.age for one in chosen], [30, 45, 60]).tolist()).values()) >= 24


@pytest.mark.parametrize("name", PACKAGES)
def test_packaged_faces_are_what_their_records_say(name):
    number = {"open": 100, "open-small": 12, "portraits": 2}[name]
    faces = list(packaged_faces(name))
    assert len({image.image_id for image, _, _ in faces}) == len(faces) == number
    for image, wide, labels in faces:
        assert wide.shape == (154, 154, 3) and image.margin == 13 and labels.shape == (128, 128)
        assert pixel_hash(wide[13:-13, 13:-13]) == image.sha256 and set(np.unique(labels)) <= set(range(11))
        assert "pseudo-label by facedeblur@" in image.note and (labels == 1).mean() > 0.2


def test_skin_tones_are_measured_on_the_packaged_faces():
    stated = {one.source: one for one in source_photographs("open")}
    for image, wide, labels in packaged_faces("open-small"):
        angle = typology_angle(wide[13:-13, 13:-13], labels)
        assert angle == pytest.approx(stated[image.source].ita, abs=0.051)
        tone = ["dark", "brown", "tan", "intermediate", "light"][np.digitize(angle, [-30, 10, 28, 41])]
        assert stated[image.source].skin_tone == tone


def test_the_small_open_set_has_its_hash_and_needs_no_detector(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    made = build("open-small", None, tmp_path / "set", workers=1)
    assert made.content_hash.startswith(OPEN_SMALL) and len(made.frame) == 12 * 16 and check(made) == []
    assert set(made.frame["border"]) == {"valid"} and Counter(made.frame["kernel_size"]) == dict.fromkeys(
        range(13, 28, 2), 24
    )
    (source,) = made.info["sources"]
    assert (
        source["folder"] == "open-small"
        and source["licence"] == "CC0 1.0"
        and "pseudo-labels by" in source["collection"]
    )
    assert made.traits is not None and {"sex", "age", "skin_tone"} <= set(made.traits.columns)


def test_faces_that_are_unpacked_are_not_written_again(tmp_path):
    folder = unpack("portraits", tmp_path / "faces")
    (folder / "sharp" / "grace_hopper.png").unlink()
    assert unpack("portraits", folder) == folder and not (folder / "sharp" / "grace_hopper.png").exists()


def test_a_recipe_with_its_own_faces_takes_no_others(tmp_path):
    with pytest.raises(InputError, match="recipe 'open-small': has its own faces; leave out the photographs"):
        build("open-small", tmp_path, tmp_path / "set")
    with pytest.raises(InputError, match="photographs is missing"):
        build("shen2020", None, tmp_path / "set")
    with pytest.raises(InputError, match=r"package.*'opem'.*open"):
        build("shen2020", "package:opem", tmp_path / "set")


def test_the_readme_has_the_hashes():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"`{OPEN}` for `open` (8,000 pairs)" in text and f"`{OPEN_SMALL}` for `open-small` (192 pairs)" in text


@pytest.mark.slow
def test_the_open_set_has_its_hash(tmp_path):
    made = build("open", None, tmp_path / "set", workers=1, store="npy")
    assert made.content_hash.startswith(OPEN) and len(made.frame) == 8000


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="compiles for kinds of x86-64 processor")
def test_the_hash_does_not_depend_on_the_processor(tmp_path, old_processor):
    script = "import sys, facedeblur as fd; print(fd.build('open-small', None, sys.argv[1], workers=1).content_hash)"
    settings = {**old_processor, "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3", "OPENCV_CPU_DISABLE": "AVX2,AVX,SSE4.2"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "set")],
        env={**os.environ, **settings}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith(OPEN_SMALL), done.stderr


def test_open_train_shares_no_face_with_the_open_set(tmp_path):
    """Photographs by their paths, crops in their place."""
    listed = source_photographs("open")
    folder = tmp_path / "portraits"
    for one in listed:
        write_png(folder / one.source.replace(".jpg", ".png"), np.full((128, 128, 3), one.age, np.uint8))
    found = open_collection(f"faker:{folder},train")
    assert {one.role for one in found.photographs} == {"train"}
    pairs = open_pairs("open-train", f"faker:{folder},train", workspace=tmp_path / "work", workers=1)
    used = {face.image_id for face in pairs.source.faces}
    tested = {image.image_id for image, _, _ in packaged_faces("open")}
    assert len(used) == len(tested) == 100 and not used & tested
    with pytest.raises(InputError, match=r"with another role .*faker:FOLDER,train"):
        open_pairs("open-train", f"faker:{folder}", workspace=tmp_path / "all", workers=1)
    with pytest.raises(InputError, match=r"the collection portraits.*faker:FOLDER,train"):
        open_pairs("open-train", "package:portraits", workspace=tmp_path / "plain", workers=1)


def test_landmarks_are_those_that_are_detected(dlib_models):
    detector, landmarker = provider(DETECTORS, "dlib-hog,up1"), provider(LANDMARKERS, "dlib-68")
    stated = read_landmarks(package_folder("open") / "landmarks.csv")
    assert len(stated) == 100
    for image, wide, _ in packaged_faces("open-small"):
        found = landmarker.landmarks(wide, detector.detect(wide)[0]) - image.margin
        points = np.array(stated[f"{image.image_id}.png"])
        assert np.abs(np.ravel(found) - points).max() < 5 and np.abs(np.ravel(found) - points).mean() < 1.5
        assert np.abs(points[:4] - [42, 40, 83, 40]).max() < 5
