"""The faces that come with the package, and the sets that are built of them."""

import sys
from collections import Counter

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.sets.check import check
from facedeblur.generators.build import build
from facedeblur.generators.packaged.faces import PACKAGES, packaged_faces, source_photographs, unpack
from facedeblur.generators.packaged.pack import typology_angle

OPEN_SMALL = "624da4506f1f0e9b"


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
