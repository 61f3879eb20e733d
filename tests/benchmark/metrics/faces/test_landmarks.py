"""Landmark distance: by hand, and on a real face that is moved."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import Detector, Face, Landmarker
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.metrics.faces.landmarks import LandmarkDistance, eye_distance, mean_error

FIVE = np.array([[10, 20], [40, 20], [25, 35], [15, 50], [35, 50]], dtype=float)


@dataclass(frozen=True)
class Painted(Detector, Landmarker):
    """Finds a face unless the image is black; its points move with the red of the first pixel."""

    definition: tuple[str, ...] = ("painted",)

    def detect(self, image: np.ndarray) -> list[Face]:
        return [Face((0, 0, 60, 60), 1.0), Face((0, 0, 5, 5), 9.0)] if image.any() else []

    def landmarks(self, image: np.ndarray, face: Face) -> np.ndarray:
        assert face.box[2] == 60
        return FIVE + [float(image[0, 0, 0]), 0.0]


def painted(red: int) -> np.ndarray:
    image = np.zeros((64, 64, 3), np.uint8)
    image[0, 0] = red, 1, 0
    return image


def test_values_by_hand() -> None:
    made = LandmarkDistance(Painted(), Painted(), "interpupil")
    sharp = painted(0)
    restored = np.stack([painted(0), painted(3), painted(60), np.zeros_like(sharp)])
    values = made.measure(restored, sharp, made.prepare(sharp))
    np.testing.assert_array_equal(values, [0, 3 / 30, 2, np.nan])
    black = np.zeros_like(sharp)
    assert np.isnan(made.measure(restored, black, made.prepare(black))).all()
    assert str(made.signature) == "landmarks[painted,interpupil]" and made.worst == 1


def test_what_errors_are_divided_by() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    points[36], points[45] = (10, 10), (40, 50)
    assert eye_distance(points, "interocular") == 50
    centres = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    assert eye_distance(points, "interpupil") == pytest.approx(np.linalg.norm(centres[0] - centres[1]))
    assert eye_distance(FIVE, "interpupil") == 30
    moved = points + np.random.default_rng(1).normal(size=(68, 2))
    by_hand = sum(np.hypot(*(a - b)) for a, b in zip(moved, points, strict=True)) / 68 / 50
    assert mean_error(moved, points) == pytest.approx(by_hand, rel=1e-12)
    assert np.isnan(mean_error(FIVE, np.ones((5, 2)), by="interpupil"))


def test_a_moved_face(dlib_models: None, portrait: np.ndarray) -> None:
    sharp = np.ascontiguousarray(portrait[20:200, 140:320])
    restored = np.stack([sharp, portrait[20:200, 136:316], np.zeros_like(sharp)])
    made = metric("landmarks")
    prepared = made.prepare(sharp)
    assert prepared.shape == (68, 2)
    values = made.measure(restored, sharp, prepared)
    assert values[0] == 0 and np.isnan(values[2])
    assert values[1] == pytest.approx(4 / eye_distance(prepared, "interocular"), rel=0.15)
    pupils = metric("landmarks[interpupil]").measure(restored, sharp, prepared)
    ratio = eye_distance(prepared, "interocular") / eye_distance(prepared, "interpupil")
    assert pupils[1] / values[1] == pytest.approx(ratio) and ratio > 1.2


def test_signature_parses_back(dlib_models: None) -> None:
    for args, expected in (
        ((), "landmarks[dlib-68,interocular]"),
        (("interpupil", "dlib-68"), "landmarks[dlib-68,interpupil]"),
        (("dlib-68@fbdc2cb8",), "landmarks[dlib-68,interocular]"),
    ):
        made = LandmarkDistance.of(*args)
        assert isinstance(made, Metric) and str(made.signature) == expected
        assert metric(expected).signature == made.signature
        assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("landmarks[dlib68]", "did you mean 'dlib-68'"),
        ("landmarks[mtcnn,interocular]", "did you mean 'interpupil'"),
        ("landmarks[dlib-68,mtcnn]", "exclude each other"),
        ("landmarks[dlib-68@1234]", "sha256 beginning with 1234"),
    ],
)
def test_bad_arguments_are_one_line(dlib_models: None, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        metric(text)


def test_options_of_the_landmarker_are_part_of_the_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "face_detection_yunet_2023mar.onnx").write_bytes(b"not looked into")
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    made = metric("landmarks[yunet,s0.7]")
    assert made.signature.options[1:] == ("s0.7", "interpupil")
    assert metric(str(made.signature)).signature == made.signature


def test_shapes_that_differ_are_refused() -> None:
    made = LandmarkDistance(Painted(), Painted(), "interpupil")
    with pytest.raises(InputError, match="the shape"):
        made.measure(np.zeros((1, 32, 32, 3), np.uint8), painted(0), FIVE)
