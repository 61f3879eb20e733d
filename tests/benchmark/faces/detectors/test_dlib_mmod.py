"""dlib's convolutional detector on one small portrait, on nothing, and on bad input."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import DETECTORS, Detector, provider
from facedeblur.benchmark.faces.detectors.dlib_mmod import MmodDetector
from facedeblur.benchmark.metrics.base import metric
from facedeblur.benchmark.weights import Located

# Eye centres, nose, mouth corners in the cut-out below, marked by hand to about 3 pixels.
MARKED = np.array([[63, 62], [107, 63], [84, 88], [62, 99], [106, 101]])


@pytest.fixture
def small(dlib_models: None, portrait: np.ndarray) -> np.ndarray:
    """The astronaut's face, (160, 170, 3)."""
    return np.ascontiguousarray(portrait[40:200, 140:310])


def test_finds_the_face_and_only_the_face(small: np.ndarray) -> None:
    detector = provider(DETECTORS, "dlib-mmod")
    assert isinstance(detector, Detector) and detector.definition == ("dlib-mmod@4cb19393", "up0")
    (face,) = detector.detect(small)
    left, top, right, bottom = face.box
    (first_x, first_y), (last_x, last_y) = MARKED.min(axis=0), MARKED.max(axis=0)
    assert left < first_x and last_x < right and top < first_y and last_y < bottom
    assert 60 < right - left < 140 and 60 < bottom - top < 140 and face.score > 0
    again = pickle.loads(pickle.dumps(detector))
    assert again == detector and again.detect(small)[0].box == face.box


def test_upsampling_finds_the_face_at_half_size(small: np.ndarray) -> None:
    half = small.reshape(80, 2, 85, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    assert provider(DETECTORS, "dlib-mmod").detect(half) == []
    (face,) = provider(DETECTORS, "dlib-mmod,up1").detect(half)
    assert face.box[0] < MARKED[2, 0] / 2 < face.box[2] and face.box[1] < MARKED[2, 1] / 2 < face.box[3]


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (9, 9), (15, 40), (64, 64)])
def test_no_face_in_noise_or_in_tiny_images(dlib_models: None, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for spec in ("dlib-mmod", "dlib-mmod,up1"):
        assert provider(DETECTORS, spec).detect(noise) == []


def test_detection_metric_by_name(small: np.ndarray) -> None:
    made = metric("detection[dlib-mmod]")
    assert str(made.signature) == "detection[dlib-mmod@4cb19393,up0]"
    images = np.stack([small, np.zeros_like(small)])
    assert made.measure(images, small, None).tolist() == [1, 0]
    assert str(metric(str(made.signature)).signature) == str(made.signature)
    assert str(metric("detection[dlib-mmod,up1]").signature) == "detection[dlib-mmod@4cb19393,up1]"


@pytest.mark.parametrize("spec", ["dlib-mmod,up5", "dlib-mmod,s0.6", "dlib-mmod,up0,up1", "dlib-mmod@12345678"])
def test_bad_options_are_one_line(dlib_models: None, spec: str) -> None:
    with pytest.raises(InputError) as caught:
        provider(DETECTORS, spec)
    assert "\n" not in str(caught.value)


def test_bad_image_and_damaged_file(dlib_models: None, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="uint8"):
        provider(DETECTORS, "dlib-mmod").detect(np.zeros((20, 20, 3)))
    path = tmp_path / "mmod_human_face_detector.dat"
    path.write_bytes(b"no network")
    with pytest.raises(InputError, match="mmod_human_face_detector") as caught:
        MmodDetector(Located("dlib-mmod", path, "0" * 64)).detect(np.zeros((20, 20, 3), np.uint8))
    assert "\n" not in str(caught.value)
