"""Detectors and landmarkers on two real portraits, on nothing, and on bad input."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import DETECTORS, LANDMARKERS, Detector, Face, Landmarker, provider
from facedeblur.benchmark.faces.detectors.dlib_hog import five_of_68

# Eye centres, nose, mouth corners marked by hand on skimage.data.astronaut(), to about 3 pixels.
ASTRONAUT = np.array([[203, 102], [247, 103], [224, 128], [202, 139], [246, 141]])


def made(registry: object, spec: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> object:
    """The provider, or a skip that names the package that is missing."""
    if spec.startswith("yunet"):
        folder = request.getfixturevalue("shared_data") / "models" / "detectors"
        monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(folder))
    try:
        return provider(registry, spec)
    except InputError as error:
        if "pip install" in str(error):
            pytest.skip(str(error))
        raise


@pytest.mark.parametrize("spec", ["dlib-hog", "dlib-hog,up0", "mtcnn", "yunet", "yunet,s0.8"])
def test_detector_finds_the_astronaut(
    spec: str, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    detector = made(DETECTORS, spec, monkeypatch, request)
    assert isinstance(detector, Detector)
    faces = detector.detect(portrait)
    left, top, right, bottom = faces[0].box
    centre = ASTRONAUT.mean(axis=0)
    assert left < centre[0] < right and top < centre[1] < bottom
    assert 60 < right - left < 140 and 60 < bottom - top < 140
    assert all(a.area >= b.area for a, b in itertools.pairwise(faces))
    again = pickle.loads(pickle.dumps(detector))
    assert again.definition == detector.definition
    assert [face.box for face in again.detect(portrait)] == [face.box for face in faces]


@pytest.mark.parametrize("spec", ["dlib-hog", "mtcnn", "yunet"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (19, 19), (20, 20), (64, 64)])
def test_no_face_in_noise_or_in_tiny_images(
    spec: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    detector = made(DETECTORS, spec, monkeypatch, request)
    noise = np.random.default_rng(7).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert detector.detect(noise) == []


@pytest.mark.parametrize("spec", ["dlib-68", "mtcnn", "yunet"])
def test_landmarks_lie_where_a_person_sees_them(
    spec: str, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    landmarker = made(LANDMARKERS, spec, monkeypatch, request)
    assert isinstance(landmarker, Landmarker)
    detector = made(DETECTORS, "dlib-hog" if spec == "dlib-68" else spec, monkeypatch, request)
    points = landmarker.landmarks(portrait, detector.detect(portrait)[0])
    assert points.shape == (5, 2) and points.dtype == np.float64
    assert np.abs(points - ASTRONAUT).max() < 8
    assert np.abs(points - ASTRONAUT).mean() < 4


def test_own_landmarks_are_found_for_a_foreign_box(
    portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    landmarker = made(LANDMARKERS, "mtcnn", monkeypatch, request)
    points = landmarker.landmarks(portrait, Face((175, 70, 270, 170), 1.0))
    assert np.abs(points - ASTRONAUT).max() < 8
    with pytest.raises(InputError, match="no face was found in the box"):
        landmarker.landmarks(portrait, Face((0, 300, 100, 400), 1.0))


def test_five_of_68_takes_eye_means_nose_tip_and_mouth_corners() -> None:
    points = np.stack([np.arange(68.0), 100 + np.arange(68.0)], axis=1)
    expected_x = [(36 + 41) / 2, (42 + 47) / 2, 30, 48, 54]
    assert five_of_68(points)[:, 0].tolist() == expected_x
    assert five_of_68(points)[:, 1].tolist() == [100 + x for x in expected_x]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dlib-hgo", "did you mean 'dlib-hog'"),
        ("dlib-hog,up9", "one of up1, up0, up2, up3, up4"),
        ("dlib-hog,up1,fast", "'fast'"),
        ("mtcnn,big", "'big'"),
        ("yunet,s2", "between 0 and 1"),
    ],
)
def test_bad_provider_is_one_line(spec: str, message: str) -> None:
    pytest.importorskip("dlib")
    with pytest.raises(InputError, match=message):
        provider(DETECTORS, spec)


@pytest.mark.parametrize("image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))])
def test_image_of_another_kind_is_refused(image: np.ndarray) -> None:
    pytest.importorskip("dlib")
    with pytest.raises(InputError, match="uint8 RGB"):
        provider(DETECTORS, "dlib-hog").detect(image)


def test_file_that_is_no_yunet_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "face_detection_yunet_2023mar.onnx").write_bytes(b"not a network")
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match="YuNet in ONNX format"):
        provider(DETECTORS, "yunet").detect(np.zeros((64, 64, 3), np.uint8))
