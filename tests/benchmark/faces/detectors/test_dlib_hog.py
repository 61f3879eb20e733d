"""dlib's detector: a search that begins with large faces says what the whole search says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from facedeblur.benchmark.faces.detectors import dlib_hog
from facedeblur.benchmark.faces.detectors.dlib_hog import HogDetector

dlib = pytest.importorskip("dlib")
cv2 = pytest.importorskip("cv2")


def photographs(count: int, sides: tuple[int, int]) -> list[np.ndarray]:
    """A portrait turned, moved, scaled, blurred and noisy, of many sizes; about half show a face to the detector."""
    from skimage import data

    rng, made = np.random.default_rng(0), []
    for _ in range(count):
        height, width = rng.integers(*sides, 2) if rng.random() < 0.5 else (128, 128)
        turn = cv2.getRotationMatrix2D((225, 110), rng.uniform(-20, 20), rng.uniform(0.5, 1.2) * width / 150)
        turn[:, 2] += (width / 2 - 225 + rng.uniform(-9, 9), height / 2 - 110 + rng.uniform(-9, 9))
        seen = cv2.warpAffine(data.astronaut(), turn, (int(width), int(height)), borderMode=cv2.BORDER_REFLECT_101)
        blur = rng.uniform(0, 4)
        noisy = gaussian_filter(seen.astype(float), (blur, blur, 0)) + rng.normal(0, rng.uniform(0, 9), seen.shape)
        made.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return made


@pytest.mark.parametrize("upsample", [0, 1, 2])
def test_large_faces_first_gives_the_same_answer(upsample: int) -> None:
    detector = HogDetector(upsample)
    answers = [
        (detector.finds(image), bool(detector.detect(image)))
        for image in photographs(60 >> upsample, (70, 240 - 60 * upsample))
    ]
    assert all(quick == whole for quick, whole in answers)
    assert {whole for _, whole in answers} == {False, True}


def test_enlarged_images_are_those_of_the_detector() -> None:
    """The scores of a search of the enlarged image are those of the search that enlarges it itself."""
    find = dlib.get_frontal_face_detector()
    for image in photographs(20, (70, 200)):
        height, width = image.shape[:2]
        enlarged = dlib.resize_image(image, 2 * height + 1, 2 * width + 2)
        assert list(find.run(enlarged, 0, 0.0)[1]) == list(find.run(image, 1, 0.0)[1])


def test_steps_leave_a_level_that_can_hold_a_face() -> None:
    assert dlib_hog._steps(257, 258) == 4
    assert dlib_hog._steps(128, 128) == 0, "nothing to leave out"
    assert dlib_hog._steps(60, 400) == 0, "no face fits"
