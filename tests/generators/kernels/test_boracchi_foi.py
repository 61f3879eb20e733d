"""Point spread functions: rasterisation, the model's rules, and the kernels of the original code and of Shen et al."""

from __future__ import annotations

import hashlib
import math
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import check_kernel
from facedeblur.generators.kernels.bank import parse_anxiety
from facedeblur.generators.kernels.boracchi_foi import STANDARD, KernelModel

# The originals were saved as JPEG: everything under 90 of 255 may be ringing.
RINGING = 90 / 255
TIMES = (1 / 1000, 1 / 10, 1 / 2, 1)


def literal_exposure(path: np.ndarray, size: int, *, before: float, until: float) -> np.ndarray:
    """Every sample on its own: weight by the overlap of [t - 1, t] with (before, until], four triangle products."""
    kernel = np.zeros((size, size))
    for t, (x, y) in enumerate(path, start=1):
        weight = max(0.0, min(t, until) - max(t - 1, before))
        column, row = math.floor(x), math.floor(y)
        for i in (row, row + 1):
            for j in (column, column + 1):
                if 0 <= i < size and 0 <= j < size:
                    kernel[i, j] += weight * max(0.0, 1 - abs(x - j)) * max(0.0, 1 - abs(y - i))
    return kernel / len(path)


@pytest.mark.parametrize("exposure", [1.0, 0.5, 0.1003, 0.0004])
@pytest.mark.parametrize("centre", ["bbox", "barycentre", "original"])
def test_equals_the_literal_exposure_of_its_trajectory(exposure: float, centre: str) -> None:
    model = KernelModel(exposure=exposure, centre=centre, normalise=False, samples=1000, margin=2.0)
    path = model.trajectory(5, 21, 3)
    expected = literal_exposure(path, 21, before=0.0, until=exposure * 1000)
    got = model.draw(5, 21, 1, start=3)[0]
    assert np.abs(got - expected).max() < 1e-14
    assert got.sum() == pytest.approx(exposure, abs=1e-12)


def test_what_falls_outside_is_lost_where_everything_is_accepted() -> None:
    model = KernelModel(length=200.0, anxiety=0.003, margin=None, normalise=False)
    made = model.draw(2, 13, 20)
    assert made.sum((1, 2)).min() < 0.9
    for i in range(20):
        expected = literal_exposure(model.trajectory(2, 13, i), 13, before=0, until=2000)
        assert np.abs(made[i] - expected).max() < 1e-14


@pytest.mark.parametrize("size", [5, 13, 27, 51])
def test_the_standard_model_fits_is_centred_and_sums_to_one(size: int) -> None:
    made = STANDARD.draw(0, size, 60)
    assert made.shape == (60, size, size) and made.dtype == np.float64
    assert made.min() >= 0
    assert np.abs(made.sum((1, 2)) - 1).max() < 1e-12
    for i in range(10):
        path = STANDARD.trajectory(0, size, i)
        low, high = path.min(0), path.max(0)
        assert (high - low).max() <= size - 2
        assert np.abs((low + high) / 2 - (size - 1) / 2).max() < 1e-12
        steps = np.hypot(*np.diff(path, axis=0).T)
        assert steps.sum() == pytest.approx(1.85 * size, rel=1e-9)


@pytest.mark.parametrize("until", [*TIMES, 0.10005, 0.1001, 0.3333, 0.99999, 0.0002, 0.0003])
@pytest.mark.parametrize("begin", [0.0, 0.00015])
def test_equals_the_literal_sum_over_all_samples(until: float, begin: float) -> None:
    model = KernelModel(samples=1000, begin=begin, exposure=until, normalise=False)
    made = model.draw(8, 19, 3)
    for i in range(3):
        expected = literal_exposure(model.trajectory(8, 19, i), 19, before=1000 * begin, until=1000 * until)
        assert np.abs(made[i] - expected).max() < 1e-14


def test_a_longer_exposure_of_one_trajectory_holds_the_shorter() -> None:
    """The authors' rule accepts and centres every exposure alike, so that each is part of the next."""
    models = [KernelModel(centre="original", margin=None, normalise=False, exposure=until) for until in TIMES]
    made = np.stack([model.draw(1, 27, 50) for model in models], axis=1)
    assert np.diff(made, axis=1).min() >= -1e-15
    assert (made.sum((2, 3)) <= np.array(TIMES) + 1e-12).all()
    unit = KernelModel(exposure=0.1).draw(1, 27, 50)
    assert np.abs(unit * 0.1 - KernelModel(exposure=0.1, normalise=False).draw(1, 27, 50)).max() < 1e-14


@pytest.mark.parametrize("centre", ["bbox", "barycentre"])
@pytest.mark.parametrize(("begin", "exposure"), [(0.2003, 0.6007), (0.5, 1.0), (0.5001, 0.5003), (0.25, 0.251)])
def test_only_what_the_open_shutter_sees_is_centred_and_counts(centre: str, begin: float, exposure: float) -> None:
    model = KernelModel(samples=1000, begin=begin, exposure=exposure, centre=centre, normalise=False)
    made = model.draw(3, 17, 4)
    for i in range(4):
        path = model.trajectory(3, 17, i)
        expected = literal_exposure(path, 17, before=1000 * begin, until=1000 * exposure)
        assert np.abs(made[i] - expected).max() < 1e-14
        assert made[i].sum() == pytest.approx(exposure - begin, abs=1e-12)
        seen = path[math.floor(1000 * begin) : math.ceil(1000 * exposure)]
        middle = seen.mean(0) if centre == "barycentre" else (seen.min(0) + seen.max(0)) / 2
        assert np.abs(middle - 8).max() < 1e-10


def test_two_halves_of_a_night_make_the_whole() -> None:
    whole = KernelModel(normalise=False, centre="original", margin=None)
    early, late = (replace(whole, begin=b, exposure=e).draw(6, 27, 20) for b, e in ((0.0, 0.31234), (0.31234, 1.0)))
    assert np.abs(early + late - whole.draw(6, 27, 20)).max() < 1e-14


def test_a_shutter_that_opens_after_it_closes_is_refused() -> None:
    for begin in (-0.1, 0.5, 0.7, float("nan")):
        with pytest.raises(InputError, match="kernel model, begin: expected at least 0 and less than the exposure"):
            KernelModel(begin=begin, exposure=0.5)


def test_other_centres_do_as_they_say() -> None:
    path = KernelModel(centre="barycentre").trajectory(1, 27, 4)
    assert np.abs(path.mean(0) - 13).max() < 1e-10
    path = KernelModel(centre="original").trajectory(1, 27, 4)
    assert np.abs(path[0] - np.round(path[0])).max() < 1e-10
    assert np.abs((path.min(0) + path.max(0)) / 2 - 13).max() <= 1.0


def test_fill_keeps_only_kernels_as_large_as_their_name() -> None:
    for i in range(8):
        path = KernelModel(fill=4.0).trajectory(0, 15, i)
        assert 11 < np.ptp(path, axis=0).max() <= 13


def test_a_kernel_is_the_same_alone_and_in_any_batch() -> None:
    many = STANDARD.draw(9, 13, 150)
    for i in (0, 31, 32, 117, 149):
        assert np.array_equal(STANDARD.draw(9, 13, 1, start=i)[0], many[i])
    assert np.array_equal(STANDARD.draw(9, 13, 70, start=80), many[80:])
    far = STANDARD.draw(2**64 - 1, 13, 3, start=2**40)
    assert np.array_equal(STANDARD.draw(2**64 - 1, 13, 1, start=2**40 + 2)[0], far[2])


def test_a_trajectory_that_hardly_shakes_leaves_those_beside_it_alone() -> None:
    """One minus a chance of 1e-18 is 1, whose logarithm no waiting time can be divided by."""
    model = KernelModel(anxiety=(1e-17, 0.01))
    many = model.draw(0, 27, 32)
    for i in range(32):
        assert np.array_equal(model.draw(0, 27, 1, start=i)[0], many[i])


def test_seeds_sizes_and_indices_are_independent_draws() -> None:
    a, b, c = STANDARD.draw(0, 27, 40), STANDARD.draw(1, 27, 40), STANDARD.draw(0, 27, 40, start=2**32)
    digests = {hashlib.sha256(k.tobytes()).hexdigest() for k in np.concatenate([a, b, c])}
    assert len(digests) == 120
    # Same seed and index at two sizes: directions of the first step do not follow each other.
    first = [
        np.diff(np.array([STANDARD.trajectory(0, size, i)[:2] for i in range(200)]), axis=1)[:, 0] for size in (13, 15)
    ]
    angles = [np.arctan2(step[:, 1], step[:, 0]) for step in first]
    assert abs(np.cos(angles[0] - angles[1]).mean()) < 4 / math.sqrt(2 * 200)


def shape(kernel: np.ndarray, *, mask: float) -> tuple[float, float, float]:
    """Extent in pixels, deviation along the major axis, number of pixels, of what is over `mask` of its top."""
    seen = np.where(kernel < mask * kernel.max(), 0, kernel)
    rows, columns = np.nonzero(seen)
    weights = seen[rows, columns] / seen.sum()
    points = np.stack([rows, columns]).astype(float)
    offset = points - (points * weights).sum(1, keepdims=True)
    spread = math.sqrt(np.linalg.eigvalsh((offset * weights) @ offset.T)[-1])
    return max(np.ptp(rows), np.ptp(columns)) + 1.0, spread, float(len(rows))


@pytest.mark.parametrize(
    ("name", "exposure", "published"), [("A1_E2", 0.1, (5.6, 1.64, 8.0)), ("A1_E3", 0.2, (9.3, 2.9, 15.3))]
)
def test_shapes_agree_with_the_original_matlab_code(
    shared_data: Path, name: str, exposure: float, published: tuple[float, float, float]
) -> None:
    with np.load(shared_data / "kernels" / "boracchi_foi_matlab" / "kernels_900.npz") as stored:
        originals = stored[name].astype(float)
    originals = originals[originals.max((1, 2)) > 0]
    theirs = np.mean([shape(k, mask=RINGING) for k in originals], axis=0)
    assert theirs == pytest.approx(published, rel=0.02)
    model = KernelModel(length=64.0, anxiety=(0.005,), exposure=exposure, centre="barycentre", margin=None)
    ours = np.mean([shape(k, mask=RINGING) for k in model.draw(0, 33, 1500)], axis=0)
    # 98 originals leave a standard error of 2 % themselves.
    assert ours == pytest.approx(theirs, rel=0.06)


def test_shens_released_kernel_is_an_ordinary_draw(shared_data: Path) -> None:
    from scipy.io import loadmat

    released = loadmat(shared_data / "deblur_outputs_shen18" / "kernel_27_(1).mat")["kernel"]

    def figures(kernel: np.ndarray) -> list[float]:
        return [*shape(kernel, mask=1e-6), kernel.max(), np.median(kernel[kernel > 1e-9]), 1 / (kernel**2).sum()]

    made = np.array([figures(k) for k in STANDARD.draw(0, 27, 3000)])
    low, high = np.percentile(made, [0.1, 99.9], axis=0)
    theirs = np.array(figures(released))
    assert ((low <= theirs) & (theirs <= high)).all(), (low, theirs, high)


def test_the_size_model_is_filled_as_the_protocol_found() -> None:
    """Mean number of values that are not zero: 44.7, 92.7 and 171 for sizes 13, 27 and 51."""
    for size, expected in ((13, 44.7), (27, 92.7), (51, 171.0)):
        assert np.count_nonzero(STANDARD.draw(0, size, 800)) / 800 == pytest.approx(expected, rel=0.06)


SCRIPT = """
import hashlib, numpy as np
from facedeblur.generators.blur.convolve import blur
from facedeblur.generators.blur.degrade import degrade_many
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.kernels.boracchi_foi import STANDARD
image = (np.arange(64 * 60 * 3) * 7919 % 251).astype(np.uint8).reshape(64, 60, 3)
made = STANDARD.draw(7, 13, 24)
pairs = degrade_many(image, made, noise=Noise(0.01), seed=5, indices=range(24))
floats = blur(image / 255, made[0])
print(*(hashlib.sha256(a.tobytes()).hexdigest() for a in (made, pairs, floats)))
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="compiles for kinds of x86-64 processor")
def test_the_same_bits_on_an_old_and_a_new_processor(tmp_path: Path, old_processor: dict[str, str]) -> None:
    """Compiled for SSE2 alone, for AVX2 with fused multiply-add, and for this machine."""
    kinds: dict[str, dict[str, str]] = {
        "old": old_processor,
        "haswell": {
            "NUMBA_CPU_NAME": "haswell",
            "NUMBA_CPU_FEATURES": "+avx2,+fma,+bmi,+bmi2",
            "NUMBA_CACHE_DIR": str(tmp_path / "haswell"),
        },
        "here": {},
    }

    def answer(settings: dict[str, str]) -> str:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env={**os.environ, **settings}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    with ThreadPoolExecutor(len(kinds)) as pool:
        old, haswell, here = pool.map(answer, kinds.values())
    assert old == haswell == here


@pytest.mark.parametrize(
    ("seed", "size", "n", "start", "message"),
    [
        (0, 12, 1, 0, "kernel size: expected an odd number from 5 to 1023, found 12"),
        (0, 3, 1, 0, "kernel size"),
        (0, 1025, 1, 0, "kernel size"),
        (0, 13.0, 1, 0, "kernel size"),
        (-1, 13, 1, 0, "seed: expected an integer"),
        (0, 13, -1, 0, "number of kernels"),
        (0, 13, 1.0, 0, "number of kernels"),
        (0, 13, 1, -1, "start: expected an integer"),
        (0, 13, 2, 2**64 - 1, "number of the last kernel"),
    ],
)
def test_numbers_out_of_range_are_named(seed: int, size: int, n: int, start: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        STANDARD.draw(seed, size, n, start=start)


def test_no_kernels_are_no_kernels() -> None:
    assert STANDARD.draw(0, 13, 0).shape == (0, 13, 13)


def test_a_model_that_never_fits_is_given_up() -> None:
    with pytest.raises(InputError, match=r"fits within 20 attempts, found none for 2 of 2 kernels"):
        KernelModel(anxiety=0.0, length=500.0, attempts=20).draw(0, 13, 2)


@pytest.mark.parametrize(
    "options",
    [
        {"length": 0.0},
        {"length": math.nan},
        {"samples": 1},
        {"anxiety": ()},
        {"anxiety": (-0.1,)},
        {"anxiety": (2.0,)},
        {"exposure": 0.0},
        {"exposure": 1.5},
        {"centre": "middle"},
        {"margin": -1.0},
        {"fill": 1.0},
        {"attempts": 0},
    ],
)
def test_a_bad_model_names_its_field(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"kernel model, {next(iter(options))}: expected"):
        KernelModel(**options)  # type: ignore[arg-type]


def test_a_model_survives_json() -> None:
    import json

    model = KernelModel(anxiety=(0.005, 0.1), length=40.0, centre="original", margin=None)
    assert KernelModel(**json.loads(json.dumps(model.as_dict()))) == model
    assert parse_anxiety("0.001, 0.005") == (0.001, 0.005)
    with pytest.raises(InputError, match="anxiety 'much'"):
        parse_anxiety("much")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((4, 4), 1 / 16), "odd size, which has a centre, found 4x4"),
        (np.full((3, 5), 1 / 15), "a square array, found 3x5"),
        (np.zeros((3, 3)), "all values are 0"),
        (np.eye(3), "sum 1 within 1e-6, found sum 3"),
        (np.array([[0, 0, 0], [0, 2, -1], [0, 0, 0.0]]), "at least 0, found -1"),
        (np.full((3, 3), np.nan), "finite values, found NaN"),
        (np.full((3, 3), np.inf), "finite values"),
        (np.full((3, 3), 1j), "real numbers"),
        (np.float64(1), "a square array, found a single number"),
    ],
)
def test_check_kernel_says_what_is_wrong(values: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_kernel(values)


def test_check_kernel_normalises_on_request() -> None:
    assert np.array_equal(check_kernel(np.eye(3, dtype=np.uint8), normalise=True), np.eye(3) / 3)
    with pytest.raises(InputError, match="all values are 0"):
        check_kernel(np.zeros((3, 3)), normalise=True)
