"""Pose, sharpness, clipping and limits of aligned crops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_photo
from facedeblur.generators.align.quality import MODEL, Limits, laplacian_variance, measure, pose_of, quantiles


def seen(
    yaw: float, pitch: float, roll: float, scale: float = 60, shift: tuple[float, float] = (200, 90)
) -> np.ndarray:
    """The mean face turned: about the horizontal axis first, then the vertical one, then in the image."""
    a, b, c = np.deg2rad([pitch, yaw, roll])
    points = MODEL.copy()
    y, z = points[:, 1] * np.cos(a) - points[:, 2] * np.sin(a), points[:, 1] * np.sin(a) + points[:, 2] * np.cos(a)
    x, z = points[:, 0] * np.cos(b) + z * np.sin(b), z * np.cos(b) - points[:, 0] * np.sin(b)
    x, y = x * np.cos(c) - y * np.sin(c), x * np.sin(c) + y * np.cos(c)
    return scale * np.column_stack([x, y]) + shift


def test_pose_comes_back() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        angles = rng.uniform([-80, -60, -170], [80, 60, 170])
        np.testing.assert_allclose(pose_of(seen(*angles, scale=rng.uniform(5, 300))), angles, atol=1e-6)


def test_signs_of_the_angles() -> None:
    frontal, right, up, clockwise = seen(0, 0, 0), seen(30, 0, 0), seen(0, 20, 0), seen(0, 0, 10)
    assert right[2, 0] > frontal[2, 0] and up[2, 1] < frontal[2, 1] and clockwise[1, 1] > clockwise[0, 1]
    mirrored = (seen(25, -5, 8) * [-1, 1])[[1, 0, 2, 4, 3]]
    np.testing.assert_allclose(pose_of(mirrored), (-25, -5, -8), atol=1e-6)


def test_no_pose_of_points_that_are_one() -> None:
    for points in (np.zeros((5, 2)), np.full((5, 2), np.nan)):
        assert all(math.isnan(angle) for angle in pose_of(points))


def test_laplacian_variance_is_scipys() -> None:
    crop = np.random.default_rng(2).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    grey = crop @ np.array([0.299, 0.587, 0.114])
    expected = np.var(ndimage.laplace(grey)[1:-1, 1:-1])
    assert laplacian_variance(crop) == pytest.approx(expected, rel=1e-12)
    assert laplacian_variance(crop[:2]) == 0.0


def test_blur_lowers_and_clipping_is_counted(portrait: np.ndarray) -> None:
    crop = portrait[60:188, 160:288]
    soft = np.stack([ndimage.gaussian_filter(crop[:, :, c], 1.5) for c in range(3)], axis=2)
    assert laplacian_variance(soft) < laplacian_variance(crop) / 10
    crop = np.full((10, 10, 3), 9, np.uint8)
    crop[:2], crop[2, :5, 0] = 255, 0
    found = measure("a", "ok", crop, np.array([[10, 10], [13, 14], [11, 13], [10, 16], [13, 18.0]]), coverage=0.97)
    assert (found.white, found.black, found.eye_distance, found.coverage) == (0.2, 5 / 300, 5.0, 0.97)
    without = measure("a", "ok", crop)
    assert math.isnan(without.yaw) and math.isnan(without.eye_distance)


def test_limits_name_what_is_poor() -> None:
    good = measure("a", "ok", np.full((9, 9, 3), 100, np.uint8), seen(-20, 5, 3, scale=50))
    assert Limits().broken(good) == ("", "")
    assert Limits(max_yaw=20.01, max_pitch=6, max_roll=4, min_eye_distance=40, max_clipped=0).broken(good) == ("", "")
    status, note = Limits(max_yaw=15, min_laplacian=1, max_roll=4).broken(good)
    assert status == "poor quality: yaw, laplacian" and note == "yaw 20, limit 15; laplacian 0, limit 1"
    unknown = measure("a", "ok", np.zeros((9, 9, 3), np.uint8))
    assert Limits(max_yaw=90).broken(unknown) == ("poor quality: yaw", "yaw not known")
    assert Limits(min_eye_distance=0).broken(unknown)[1] == "eye distance not known"
    assert Limits(max_clipped=0.5).broken(unknown) == ("poor quality: clipped", "clipped 1, limit 0.5")
    for value in (-1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="option 'max_yaw'"):
            Limits(max_yaw=value)


def test_quantiles_leave_out_what_is_not_known() -> None:
    crops = [np.full((9, 9, 3), level, np.uint8) for level in (0, 50, 255)]
    rows = [measure(str(k), "ok", crop, seen(10 * k, 0, 0) if k else None) for k, crop in enumerate(crops)]
    found = quantiles(rows, (0.0, 0.5, 1.0))
    np.testing.assert_allclose(found["yaw"], [10, 15, 20], atol=1e-6)
    assert found["black"] == [0, 0, 1] and found["white"] == [0, 0, 1]
    assert all(math.isnan(value) for value in quantiles(rows[:1])["eye_distance"])


def test_frontal_faces_of_london_look_ahead(shared_data: Path, dlib_models: None) -> None:
    from facedeblur.benchmark.faces import DETECTORS, LANDMARKERS, provider

    detector, landmarker = provider(DETECTORS, "dlib-hog"), provider(LANDMARKERS, "dlib-68")
    angles = []
    for file in sorted((shared_data / "london").glob("*/*.jpg"))[:20]:
        photo = read_photo(file).pixels
        angles.append(pose_of(landmarker.landmarks(photo, detector.detect(photo)[0])))
    assert (np.abs(np.mean(angles, axis=0)) < [4, 9, 2]).all()
    assert (np.std(angles, axis=0) < [5, 12, 3]).all()
