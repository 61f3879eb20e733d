"""Detection rate: any face counts, and its signature names detector and options."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import Detector, Face
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.metrics.faces.detection import Detection


@dataclass(frozen=True)
class AsManyAsRed(Detector):
    """A detector that finds as many faces as the first red sample says."""

    definition: tuple[str, ...] = ("as-many", "as3")

    def detect(self, image: np.ndarray) -> list[Face]:
        return [Face((0, 0, 1, 1), 1.0)] * int(image[0, 0, 0])


def test_any_face_counts_once() -> None:
    images = np.zeros((4, 5, 5, 3), np.uint8)
    images[:, 0, 0, 0] = [0, 1, 7, 0]
    made = Detection(AsManyAsRed())
    values = made.measure(images, images[0], made.prepare(images[0]))
    assert values.tolist() == [0, 1, 1, 0] and values.dtype == np.float64
    assert str(made.signature) == "detection[as-many,as3]"


def test_real_face_mirrored_upside_down_and_none(dlib_models: None, portrait: np.ndarray) -> None:
    face = portrait[50:178, 160:288]
    images = np.stack([face, face[:, ::-1], face[::-1], np.zeros_like(face)])
    made = Detection.of()
    assert isinstance(made, Metric)
    assert made.measure(images, images[0], None).tolist() == [1, 1, 0, 0]
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("detection", "detection[dlib-hog,up1]"),
        ("detection[dlib-hog]", "detection[dlib-hog,up1]"),
        ("detection[up0]", "detection[dlib-hog,up0]"),
        ("detection[up2,dlib-hog]", "detection[dlib-hog,up2]"),
    ],
)
def test_signature_is_complete_and_parses_back(dlib_models: None, text: str, expected: str) -> None:
    made = metric(text)
    assert str(made.signature) == expected
    assert str(metric(expected).signature) == expected


def test_upsampling_finds_smaller_faces(dlib_models: None, portrait: np.ndarray) -> None:
    half = np.ascontiguousarray(portrait[30:230:2, 130:330:2])[None]
    assert Detection.of("up0").measure(half, half[0], None).tolist() == [0]
    assert Detection.of("up1").measure(half, half[0], None).tolist() == [1]


def test_by_yunet(shared_data: object, monkeypatch: pytest.MonkeyPatch, portrait: np.ndarray) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", f"{shared_data}/models/detectors")
    made = metric("detection[yunet]")
    assert str(made.signature) == "detection[yunet@ebafce4e,s0.6]"
    assert metric(str(made.signature)).signature == made.signature
    face = portrait[50:178, 160:288]
    assert made.measure(np.stack([face, np.zeros_like(face)]), face, None).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("dlib-hgo",), "did you mean 'dlib-hog'"),
        (("dlib-hog", "up7"), "one of up1, up0, up2, up3, up4"),
        (("dlib-hog", "mtcnn"), "options .dlib-hog. and .mtcnn. of metric .detection. exclude each other"),
    ],
)
def test_bad_arguments_are_one_line(dlib_models: None, args: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Detection.of(*args)


def test_batch_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="uint8 RGB"):
        Detection(AsManyAsRed()).measure(np.zeros((5, 5, 3), np.uint8), np.zeros((5, 5, 3), np.uint8), None)
