"""Blur by camera poses: against the published code's sparse matrix, plain convolution and the delta image."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.blur.convolve import blur
from facedeblur.generators.blur.degrade import degrade_many
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.blur.nonuniform import blur_poses, degrade_nonuniform
from facedeblur.generators.blur.poses import PoseModel, poses

FULL = PoseModel(poses=24, translation=0.1, depth=0.1)


def noise(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width))


def published(image: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Lai et al. 2016: pad 20, K (rows first, middle m/2 counted from 1), halved rotations, mean of bilinear looks.

    `moves` are (RX, RY, RZ, TX, TY) on those axes.
    """
    padded = np.pad(image, 20, mode="edge")
    m, n = padded.shape
    k = np.array([[max(m, n), 0, m / 2], [0, max(m, n), n / 2], [0, 0, 1]])
    row, column = (v.ravel() for v in np.mgrid[1 : m + 1, 1 : n + 1])
    out = np.zeros(m * n)
    for rx, ry, rz, tx, ty in moves * [0.5, 0.5, 0.5, 1, 1]:
        angle = math.hypot(rx, ry, rz)
        x, y, z = np.array([rx, ry, rz]) / angle
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        p = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
        p[:2, 2] += tx, ty
        at = np.linalg.inv(k @ p @ np.linalg.inv(k)) @ [row, column, np.ones(m * n)]
        i, j = at[0] / at[2], at[1] / at[2]
        for di in (0, 1):
            for dj in (0, 1):
                r, c = np.floor(i) + di, np.floor(j) + dj
                weight = (1 - abs(i - r)) * (1 - abs(j - c))
                inside = (r >= 1) & (r <= m) & (c >= 1) & (c <= n)
                value = padded[np.clip(r, 1, m).astype(int) - 1, np.clip(c, 1, n).astype(int) - 1]
                out += np.where(inside, weight * value, 0) / len(moves)
    return out.reshape(m, n)[20:-20, 20:-20]


@pytest.mark.parametrize("shape", [(40, 56), (56, 40)])
def test_equals_the_published_code_on_its_axes(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    moves = np.random.default_rng(1).normal(size=(9, 5)) * [0.06, 0.06, 0.1, 0.02, 0.02]
    rx, ry, rz, tx, ty = (moves * [0.5, 0.5, 0.5, 1, 1]).T
    ours = np.stack([-ry, -rx, -rz, ty, tx, 0 * tx], axis=1)
    middle = (shape[1] / 2 - 1, shape[0] / 2 - 1)
    got = blur_poses(image, ours, centre=middle)
    assert np.abs(got - published(image, moves)).max() < 1e-11
    # The middle of the image instead of half a pixel before it hardly matters, the axes do.
    assert 1e-6 < np.abs(blur_poses(image, ours) - got).max() < 0.1
    assert np.abs(blur_poses(image, np.stack([rx, ry, rz, tx, ty, 0 * tx], axis=1), centre=middle) - got).max() > 0.1


def test_translation_in_the_plane_is_convolution() -> None:
    model = PoseModel(poses=40, rotation=0.0, roll=0.0, translation=0.3)
    moves = poses(3, 1, model=model)
    assert not moves[:, [0, 1, 2, 5]].any()
    kernel, focal = np.zeros((31, 31)), 110.0
    for x, y in moves[:, 3:5] * focal + 15:
        for i in (math.floor(y), math.floor(y) + 1):
            for j in (math.floor(x), math.floor(x) + 1):
                kernel[i, j] += (1 - abs(x - j)) * (1 - abs(y - i)) / 40
    assert (kernel > 0.005).sum() > 15
    image = np.stack([noise(60, 70, seed=s) for s in range(3)], axis=-1)
    for border in ("replicate", "reflect", "zero", "circular"):
        expected = blur(image, kernel / kernel.sum(), border=border)
        assert np.abs(blur_poses(image, moves, border=border) - expected).max() < 1e-12


def response(moves: np.ndarray, x: int, y: int, side: int) -> np.ndarray:
    """What a white pixel becomes within 15 pixels of itself, in an image of `side` x `side`."""
    delta = np.zeros((side, side))
    delta[y, x] = 1
    return np.pad(blur_poses(delta, moves), 15)[y : y + 31, x : x + 31]


def test_turning_about_the_axis_blurs_the_rim_and_not_the_middle() -> None:
    moves = poses(1, 4, model=PoseModel(rotation=0.0, roll=0.3))
    middle, rim = (response(moves, x, x, 101) for x in (50, 85))
    assert middle[15, 15] == pytest.approx(1, abs=1e-12)
    assert rim.max() < 0.5
    # It moves along the tangent, here the falling diagonal's normal: row + column stays, row - column does not.
    i, j = np.nonzero(rim > 0.01)
    assert np.ptp(i - j) > 2 * np.ptp(i + j)


def test_poses_at_rest_change_nothing() -> None:
    image = np.stack([noise(40, 50, seed=s) for s in range(3)], axis=-1)
    assert np.array_equal(blur_poses(image, np.zeros((4, 6))), image)
    assert np.array_equal(blur_poses(image[..., 0], np.zeros((1, 6))), image[..., 0])


def test_coming_nearer_enlarges() -> None:
    """TZ = -1/2: half the distance, twice the size."""
    image = noise(41, 41)
    near = blur_poses(image, np.array([[0, 0, 0, 0, 0, -0.5]]))
    assert np.abs(near[::2, ::2] - image[10:31, 10:31]).max() < 1e-12


def test_what_stands_beyond_the_crop_is_seen_where_there_is_some() -> None:
    large, moves = noise(120, 130), poses(0, 0, model=FULL)
    got = blur_poses(large, moves, border="valid", margin=24)
    assert got.shape == (72, 82)
    around = blur_poses(large, moves, focal=82 + 40)
    assert np.abs(got - around[24:-24, 24:-24]).max() < 1e-12
    with pytest.raises(InputError, match=r"poses: expected a reach of at most 2 px .* give a larger crop"):
        blur_poses(large, moves, border="valid", margin=2)


def test_poses_depend_on_seed_index_and_model_alone() -> None:
    a = poses(1, 2, model=FULL)
    assert a.shape == (24, 6) and np.array_equal(a, poses(1, 2, model=FULL))
    assert len({poses(s, i).tobytes() for s in (0, 1) for i in (0, 1, 2**32)}) == 6
    double = poses(1, 2, model=PoseModel(poses=24, rotation=0.3, translation=0.1, depth=0.1))
    assert np.array_equal(double[:, :2], poses(1, 2, model=FULL)[:, :2] * 2)
    assert np.array_equal(double[:, 2:], a[:, 2:])


def test_poses_are_smooth_and_as_long_as_the_model_says() -> None:
    model = PoseModel(poses=2000, rotation=0.15, roll=0.1, translation=0.2, depth=0.05)
    moves = np.array([poses(0, i, model=model) for i in range(20)])
    assert np.abs(moves.mean(1)).max() < 1e-15
    steps = np.diff(moves, axis=1)
    for pair, length in (((0, 1), 0.15), ((3, 4), 0.2)):
        assert np.hypot(*np.moveaxis(steps[..., pair], -1, 0)).sum(1) == pytest.approx(np.full(20, length), rel=1e-6)
    # Roll and depth share a walk, in their own units.
    walk = np.hypot(steps[..., 2] / 0.1, steps[..., 5] / 0.05).sum(1)
    assert walk == pytest.approx(np.ones(20), rel=1e-6)
    assert not poses(0, 0)[:, 3:].any()


def test_noise_is_that_of_the_uniform_pairs() -> None:
    sharp = (noise(40, 48) * 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    rest = np.zeros((2, 4, 6))
    point = np.zeros((3, 3))
    point[1, 1] = 1
    options = {"noise": Noise(0.02), "seed": 7, "indices": [3, 2**40]}
    for rounding in ("round", "truncate"):
        got = degrade_nonuniform(sharp, rest, rounding=rounding, **options)
        assert np.array_equal(got, degrade_many(sharp, [point, point], rounding=rounding, **options))
    clean = degrade_nonuniform(sharp, rest, noise=Noise(0.0), seed=7, indices=[0, 1])
    assert np.array_equal(clean[0], sharp) and np.array_equal(clean[1], sharp)


def test_pairs_are_the_same_alone_and_together() -> None:
    sharp = (noise(40, 48, seed=2) * 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    moves = [poses(0, i) for i in range(3)]
    many = degrade_nonuniform(sharp, moves, noise=Noise(0.01), seed=1, indices=[5, 6, 7])
    one = degrade_nonuniform(sharp, moves[1:2], noise=Noise(0.01), seed=1, indices=[6])
    assert many.shape == (3, 40, 48, 3) and many.dtype == np.uint8
    assert np.array_equal(one[0], many[1])
    exact = np.floor(blur_poses(sharp.astype(float), moves[0]) + 0.5)
    clean = degrade_nonuniform(sharp, moves[:1], noise=Noise(0.0), seed=1, indices=[0])[0]
    assert np.array_equal(clean, exact)


def test_uniform_noise_lies_between_nothing_and_sigma() -> None:
    """Lai et al. add 0.01 * rand, in [0, 1] units: mean 1.275 grey levels, never darker."""
    flat = np.full((64, 64, 3), 100, np.uint8)
    noisy = degrade_nonuniform(flat, [np.zeros((1, 6))], noise=Noise(0.01, "uniform"), seed=0, indices=[0]).astype(int)
    shares = np.bincount(noisy.ravel() - 100, minlength=4)[:4] / noisy.size
    assert noisy.min() == 100 and noisy.max() == 103
    assert np.abs(shares - np.array([0.5, 1, 1, 0.05]) / 2.55).max() < 0.02
    rows = noisy.reshape(-1).astype(float) - noisy.mean()
    assert abs((rows[1:] * rows[:-1]).mean() / rows.var()) < 0.03
    same = degrade_nonuniform(flat, [np.zeros((1, 6))], noise=Noise(0.0, "uniform"), seed=0, indices=[0])
    assert np.array_equal(same[0], flat)


SCRIPT = """
import hashlib, numpy as np
from facedeblur.generators.kernels.deblurgan import DeblurganModel
from facedeblur.generators.blur.nonuniform import degrade_nonuniform
from facedeblur.generators.kernels.boracchi_foi import KernelModel
from facedeblur.generators.blur.nonuniform import blur_poses
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.blur.poses import PoseModel, poses
from facedeblur.generators.kernels.spline import SplineModel
image = (np.arange(40 * 36 * 3) * 7919 % 251).astype(np.uint8).reshape(40, 36, 3)
moves = [poses(0, i, model=PoseModel(poses=24, translation=0.1, depth=0.1)) for i in range(4)]
answers = [
    degrade_nonuniform(image, moves, noise=Noise(0.01), seed=0, indices=range(4)),
    degrade_nonuniform(image, moves, noise=Noise(0.01, "uniform"), seed=0, indices=range(4)),
    blur_poses(image, moves[0]),
    np.array(moves),
    SplineModel().draw(3, 27, 12),
    DeblurganModel().draw(3, 65, 4),
    KernelModel(begin=0.0005).draw(3, 13, 12),
]
print(*(hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()[:16] for a in answers))
"""

GOLDEN = (
    "4a899c672ddfb579 9c2d2ea78d7bc665 3eab0236e412c737 5e97d58a5779d572 "
    "6b874af895ee548e fab538fb7758f9e5 b496f6fc4d0fa18f"
)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="compiles for kinds of x86-64 processor")
def test_the_same_bits_as_ever_on_an_old_and_a_new_processor(old_processor: dict[str, str]) -> None:
    """Compiled for SSE2 alone, and for this machine. Changes only with the models or generators: then sets change."""
    for settings in (old_processor, {}):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env={**os.environ, **settings}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == GOLDEN


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"poses": 0}, "poses: expected from 1"),
        ({"rotation": -0.1}, "rotation"),
        ({"roll": float("nan")}, "roll"),
        ({"translation": 2.0}, "translation"),
        ({"depth": -1.0}, "depth"),
        ({"samples": 10}, "samples: expected at least 2 and as many as poses"),
        ({"anxiety": ()}, "anxiety"),
    ],
)
def test_a_bad_model_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"pose model, {message}"):
        PoseModel(**options)  # type: ignore[arg-type]


def test_bad_input_is_named() -> None:
    image, rest = noise(30, 30), np.zeros((2, 6))
    for wrong in (np.zeros((2, 5)), np.zeros((0, 6)), np.zeros(6)):
        with pytest.raises(InputError, match=r"poses: expected \(T, 6\)"):
            blur_poses(image, wrong)
    for value in (float("nan"), 100.0):
        with pytest.raises(InputError, match="angles of at most pi/2 radians"):
            blur_poses(image, rest + value)
    with pytest.raises(InputError, match="in front of the scene"):
        blur_poses(image, np.array([[0, 0, 0, 0, 0, -1.5]]))
    with pytest.raises(InputError, match="a part of the image is behind the camera"):
        blur_poses(image, np.array([[1.55, 0, 0, 0, 0, 0]]))
    with pytest.raises(InputError, match="use poses that move less"):
        blur_poses(image, np.array([[0, 0, 0, 0.9, 0, 0]]))
    with pytest.raises(InputError, match=r"border 'edge': expected one of"):
        blur_poses(image, rest, border="edge")
    with pytest.raises(InputError, match="margin: border 'valid' needs a margin"):
        blur_poses(image, rest, border="valid")
    with pytest.raises(InputError, match="under half the image"):
        blur_poses(image, rest, border="valid", margin=15)
    with pytest.raises(InputError, match="focal length"):
        blur_poses(image, rest, focal=0.0)
    with pytest.raises(InputError, match="image to blur"):
        blur_poses(image[None, None], rest)
    sharp = np.zeros((30, 30, 3), np.uint8)
    with pytest.raises(InputError, match="one for each of 1 exposures"):
        degrade_nonuniform(sharp, [rest], noise=Noise(0.0), seed=0, indices=[0, 1])
    with pytest.raises(InputError, match="sharp image"):
        degrade_nonuniform(image, [rest], noise=Noise(0.0), seed=0, indices=[0])
    with pytest.raises(InputError, match="pair index"):
        degrade_nonuniform(sharp, [rest], noise=Noise(0.0), seed=0, indices=[-1])
