"""Detectors and landmarkers on two real portraits, on nothing, and on bad input."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import DETECTORS, EMBEDDERS, LANDMARKERS, PARSERS, Detector, Face, Landmarker, provider
from facedeblur.benchmark.faces.base import largest_first
from facedeblur.benchmark.faces.detectors.dlib_hog import five_of_68
from facedeblur.benchmark.registry import Registry
from facedeblur.benchmark.torchvision_shim import nms

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
    with pytest.raises(InputError, match="a face where the box is"):
        landmarker.landmarks(portrait, Face((0, 300, 100, 400), 1.0))


def test_five_of_68_takes_eye_means_nose_tip_and_mouth_corners() -> None:
    points = np.stack([np.arange(68.0), 100 + np.arange(68.0)], axis=1)
    expected_x = [(36 + 41) / 2, (42 + 47) / 2, 30, 48, 54]
    assert five_of_68(points)[:, 0].tolist() == expected_x
    assert five_of_68(points)[:, 1].tolist() == [100 + x for x in expected_x]


def test_scaled_keeps_pixel_edges() -> None:
    face = Face((-0.5, -0.5, 9.5, 4.5), 1.0, np.array([[0.0, 0.0]]))
    twice = face.scaled(2)
    assert twice.box == (-0.5, -0.5, 19.5, 9.5)
    assert twice.landmarks.tolist() == [[0.5, 0.5]]
    assert face.scaled(2, 4).area == face.area * 8


def test_largest_first() -> None:
    small, large = Face((0, 0, 2, 2), 9.0), Face((0, 0, 3, 3), 1.0)
    assert largest_first([small, large]) == [large, small]


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


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        (DETECTORS, "dlib-mmod"),
        (DETECTORS, "yunet"),
        (LANDMARKERS, "dlib-68"),
        (EMBEDDERS, "dlib-resnet"),
        (EMBEDDERS, "openface-nn4.small2"),
        (PARSERS, "dlib-68"),
        (PARSERS, "facedeblur"),
    ],
)
def test_two_hashes_of_one_file_are_refused(registry: Registry, name: str) -> None:
    pytest.importorskip("dlib")
    with pytest.raises(InputError, match=r"options '@11111111' and '@22222222' of .* exclude each other"):
        provider(registry, f"{name}@11111111,@22222222")


@pytest.mark.parametrize("image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))])
def test_image_of_another_kind_is_refused(image: np.ndarray) -> None:
    pytest.importorskip("dlib")
    with pytest.raises(InputError, match="uint8 RGB"):
        provider(DETECTORS, "dlib-hog").detect(image)


def test_file_that_is_no_yunet_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "face_detection_yunet_2023mar.onnx").write_bytes(b"not a network")
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match="YuNet as ONNX"):
        provider(DETECTORS, "yunet").detect(np.zeros((64, 64, 3), np.uint8))


def test_nms_equals_the_pairwise_definition() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    corner, size = rng.uniform(0, 50, (80, 2)), rng.uniform(5, 30, (80, 2))
    boxes, scores = np.hstack([corner, corner + size]), rng.permutation(80) / 80

    def overlap(a: np.ndarray, b: np.ndarray) -> float:
        sides = np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
        shared = sides.prod()
        return shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared)

    kept: list[int] = []
    for i in np.argsort(-scores):
        if all(overlap(boxes[i], boxes[j]) <= 0.4 for j in kept):
            kept.append(int(i))
    assert 5 < len(kept) < 75
    assert nms(torch.tensor(boxes), torch.tensor(scores), 0.4).tolist() == kept
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.4).tolist() == []


def test_torchvision_imports_in_a_fresh_process() -> None:
    code = (
        "from facedeblur.benchmark.errors import InputError\n"
        "from facedeblur.benchmark.torchvision_shim import prepare\n"
        "try:\n    first = prepare()\n"
        "except InputError as error:\n    print('missing', error)\n    raise SystemExit\n"
        "assert prepare() is first\n"
        "import torch\nfrom torchvision.ops.boxes import batched_nms\n"
        "boxes = torch.tensor([[0., 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])\n"
        "print(batched_nms(boxes, torch.tensor([.9, .8, .7]), torch.zeros(3), 0.5).tolist())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    if done.stdout.startswith("missing"):
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[0, 2]"
