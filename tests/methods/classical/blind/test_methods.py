"""The blind methods as a whole on small images of known blur, and on bad input."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import fft, ndimage, signal

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import to_uint8, write_png
from facedeblur.benchmark.metrics.fidelity.shift import shift_psnr
from facedeblur.methods.base import METHODS
from facedeblur.methods.classical.blind import cho_lee_2009, coarse_to_fine, pan_2014_faces
from facedeblur.methods.classical.blind import pan_2014_faces as exemplars
from facedeblur.methods.classical.blind.kernel_step import NoKernel, NormalEquations
from facedeblur.methods.classical.blind.pan_2016 import without_ringing
from facedeblur.methods.classical.blind.scales import differences
from facedeblur.methods.options import read_options

NAMES = ("shan-2008", "cho-lee-2009", "krishnan-2011", "xu-2013", "zhong-2013", "pan-2016", "pan-2017")
EVERY = (*NAMES, "li-2018")
"""With the one that takes seconds for a face of 128x128 pixels: see `test_li_2018` for its kernels."""
SIZE = 11


def line_kernel() -> np.ndarray:
    """A bent stroke of two pixels' width in (11, 11), sum 1, barycentre within half a pixel of the middle."""
    kernel = np.zeros((SIZE, SIZE))
    for at in range(9):
        kernel[1 + at, 3 + at // 2] = 1.0
    kernel[9, 8] = kernel[9, 9] = 1.0
    kernel = ndimage.gaussian_filter(kernel, 0.6, mode="constant")
    return np.asarray(kernel / kernel.sum())


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Maximum of the normalised cross-correlation."""
    cross = signal.correlate(one, other, "full").max()
    return float(cross / np.sqrt((one**2).sum() * (other**2).sum()))


@pytest.fixture(scope="module")
def sharp(portrait: np.ndarray) -> np.ndarray:
    """The face, 128x128, and 10 more on every side; (148, 148, 3) float64."""
    face = portrait[:296, 60:356].reshape(148, 2, 148, 2, 3).mean(axis=(1, 3)) / 255
    return np.asarray(face)


@pytest.fixture(scope="module")
def blurred(sharp: np.ndarray) -> np.ndarray:
    """(1, 128, 128, 3) float32, blurred by `line_kernel`, noise of 0.005."""
    wide = np.stack([signal.fftconvolve(sharp[..., c], line_kernel(), "same") for c in range(3)], axis=2)
    noise = np.random.default_rng(0).normal(0, 0.005, (128, 128, 3))
    return np.clip(wide[10:-10, 10:-10] + noise, 0, 1).astype(np.float32)[None]


def make(name: str, **options: Any) -> Any:
    cls = METHODS.get(name)
    return cls(**read_options(cls, {"size": SIZE, **options}, name=name))


@pytest.mark.parametrize("name", NAMES)
def test_finds_a_known_kernel_and_restores(name: str, blurred: np.ndarray, sharp: np.ndarray) -> None:
    method = make(name)
    restored = method.restore(blurred)
    (kernel,) = method.estimated_kernels
    assert kernel.shape == (SIZE, SIZE) and kernel.dtype == np.float64
    assert kernel.min() >= 0 and kernel.sum() == pytest.approx(1)
    assert similarity(kernel, line_kernel()) > 0.75
    delta, flat = np.zeros((SIZE, SIZE)), np.full((SIZE, SIZE), 1 / SIZE**2)
    delta[5, 5] = 1
    assert max(similarity(one, line_kernel()) for one in (delta, flat)) < 0.6
    truth, before, after = (to_uint8(one) for one in (sharp[10:-10, 10:-10], blurred[0], restored[0]))
    assert shift_psnr(after, truth) > shift_psnr(before, truth) + 1
    assert restored.shape == blurred.shape and restored.dtype == np.float32


@pytest.mark.parametrize("name", EVERY)
def test_the_same_twice_and_in_a_batch(name: str, blurred: np.ndarray) -> None:
    small = np.concatenate([blurred[:, :48, :48], blurred[:, 60:108, 60:108]])
    method = make(name, size=7)
    both = method.restore(small)
    assert len(method.estimated_kernels) == 2
    second = make(name, size=7)
    np.testing.assert_array_equal(second.restore(small[1:])[0], both[1])
    np.testing.assert_array_equal(second.estimated_kernels[0], method.estimated_kernels[1])


@pytest.mark.parametrize("name", [*NAMES, "pan-2014-faces"])
def test_rounding_is_not_amplified(name: str, monkeypatch: pytest.MonkeyPatch, blurred: np.ndarray) -> None:
    image = blurred[:, 24:104, 24:104]
    monkeypatch.setattr(pan_2014_faces, "read_exemplars", lambda folder, weights: [face((80, 80), 1.0), face((80, 80))])
    options = {"exemplars": "anywhere"} if name == "pan-2014-faces" else {}
    plain = make(name, **options)
    expected = plain.restore(image)
    rng = np.random.default_rng(2)

    def inexact(transform: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        def transformed(*args: Any, **options: Any) -> np.ndarray:
            found = transform(*args, **options)
            noise = rng.normal(size=found.shape) * np.sqrt((np.abs(found) ** 2).mean()) * np.finfo(found.dtype).eps
            return np.asarray((found + noise).astype(found.dtype))

        return transformed

    for transform in ("rfft2", "irfft2"):
        monkeypatch.setattr(fft, transform, inexact(getattr(fft, transform)))
    method = make(name, **options)
    restored = method.restore(image)
    assert not np.array_equal(method.estimated_kernels[0], plain.estimated_kernels[0])
    np.testing.assert_allclose(method.estimated_kernels[0], plain.estimated_kernels[0], atol=1e-7)
    # The last deconvolution is in float32, but amplifies nothing.
    assert np.sqrt(((restored - expected) ** 2).mean()) < 1e-4


def test_other_instructions_of_the_processor_give_the_same(tmp_path: Path, blurred: np.ndarray) -> None:
    features = getattr(__import__("numpy._core._multiarray_umath", fromlist=["x"]), "__cpu_dispatch__", [])
    if not features:
        pytest.skip("this numpy has one path for every processor")
    image = blurred[:, 24:104, 24:104]
    np.save(tmp_path / "blurred.npy", image)
    code = (
        "import sys, numpy as np\n"
        "from facedeblur.methods.base import METHODS\n"
        "blurred = np.load('blurred.npy')\n"
        f"for name in {NAMES}:\n"
        f"    method = METHODS.get(name)(size={SIZE})\n"
        "    np.savez(name, restored=method.restore(blurred), kernel=method.estimated_kernels[0])\n"
    )
    plainest = {"NPY_DISABLE_CPU_FEATURES": " ".join(features), "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,FP16,AVX"}
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=True, cwd=tmp_path, env={**os.environ, **plainest}
    )
    for name in NAMES:
        method = make(name)
        expected = method.restore(image)
        with np.load(tmp_path / f"{name}.npz") as found:
            np.testing.assert_allclose(found["kernel"], method.estimated_kernels[0], atol=1e-7)
            assert np.sqrt(((found["restored"] - expected) ** 2).mean()) < 1e-4


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("kind", ["saturated", "too wide", "noise", "half constant"])
def test_hard_images_give_finite_results(name: str, kind: str, blurred: np.ndarray) -> None:
    image = blurred[:, 16:80, 16:80]
    size = SIZE
    if kind == "saturated":
        image = np.clip(image * 3, 0, 1)
    elif kind == "too wide":
        size = 5
    elif kind == "noise":
        image = np.random.default_rng(1).random(image.shape).astype(np.float32)
    else:
        image = image.copy()
        image[:, :, 20:] = 1.0
    method = make(name, size=size)
    try:
        restored = method.restore(image)
    except InputError as error:
        assert "kernel" in str(error)
    else:
        assert np.isfinite(restored).all()
        assert all(np.isfinite(kernel).all() for kernel in method.estimated_kernels)


def test_the_gaussian_prior_of_cho_and_lee_is_one_division(blurred: np.ndarray) -> None:
    """Against the sum of the five data terms, derivative by derivative."""
    image = np.random.default_rng(4).random((30, 30))
    kernel = np.zeros((3, 3))
    kernel[1] = (0.25, 0.5, 0.25)
    shape = cho_lee_2009.fast_shape((30, 30), 3)
    seen = fft.fft2(cho_lee_2009.wrap_pad(image, shape))
    otf = fft.fft2(np.roll(np.pad(kernel, [(0, side - 3) for side in shape]), (-1, -1), (0, 1)))
    right = 1 - np.exp(2j * np.pi * np.arange(shape[1]) / shape[1])[None]
    down = 1 - np.exp(2j * np.pi * np.arange(shape[0]) / shape[0])[:, None]
    first = [right + 0 * down, down + 0 * right]
    terms = [(50.0, 1), *((25.0, one) for one in first), *((12.5, one * two) for one in first for two in first)]
    data = sum(weight * np.abs(term) ** 2 for weight, term in terms)
    prior = 0.1 * sum(np.abs(term) ** 2 for term in first)
    expected = fft.ifft2(otf.conj() * seen * data / (np.abs(otf) ** 2 * data + prior)).real[:30, :30]
    found = cho_lee_2009.gaussian(image[..., None].astype(np.float32), kernel)[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(InputError, match="final"):
        make("cho-lee-2009", final="laplace")
    small = blurred[:, 24:104, 24:104]
    sharper, plain = (make("cho-lee-2009", final=final).restore(small) for final in ("gaussian", "hyper-laplacian"))
    assert np.abs(np.diff(sharper, axis=1)).mean() > 1.2 * np.abs(np.diff(plain, axis=1)).mean()


@pytest.mark.parametrize("name", EVERY)
def test_a_constant_image_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="one grey value"):
        make(name).restore(np.full((1, 40, 40, 3), 0.4, np.float32))


@pytest.mark.parametrize("name", EVERY)
def test_an_image_smaller_than_the_kernel_is_refused(name: str, blurred: np.ndarray) -> None:
    with pytest.raises(InputError, match="size=") as told:
        make(name, size=27).restore(blurred[:, :20])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("size", [0, 2, 12])
def test_an_even_size_is_refused(size: int) -> None:
    with pytest.raises(InputError, match=r"xu-2013.*odd"):
        make("xu-2013", size=size)


def vanishing(self: Any, equations: NormalEquations, kernel: np.ndarray) -> np.ndarray:
    """A fit that leaves nothing of kernels of side `SIZE`."""
    if kernel.shape[0] == SIZE:
        raise NoKernel("nothing is left")
    return kernel


def test_a_vanished_kernel_is_looked_for_wider(monkeypatch: pytest.MonkeyPatch, blurred: np.ndarray) -> None:
    cls = METHODS.get("xu-2013")
    monkeypatch.setattr(cls, "schedule", coarse_to_fine.Schedule(turns=1, coarsest=10**6))
    monkeypatch.setattr(cls, "fit", vanishing)
    method = make("xu-2013")
    assert np.isfinite(method.restore(blurred)).all()
    assert method.estimated_kernels[0].shape == (17, 17)
    with pytest.raises(InputError, match="nothing is left"):  # no room for a wider one
        method.restore(blurred[:, :16, :16])


def test_ringing_is_less_than_of_total_variation() -> None:
    step = np.full((64, 64, 3), 0.2, np.float32)
    step[:, 24:40] = 0.8
    kernel = np.zeros((9, 9))
    kernel[4] = 1 / 9
    blurred = signal.convolve(np.pad(step, ((0, 0), (4, 4), (0, 0)), "edge"), np.full((1, 9, 1), 1 / 9), "valid")
    blurred = (blurred + np.random.default_rng(0).normal(0, 0.01, blurred.shape)).astype(np.float32)
    wrong = np.zeros((9, 9))
    wrong[4, 1:8] = 1 / 7  # a kernel somewhat off, which is what rings
    plain = without_ringing(blurred, wrong, share=0.0)
    calm = without_ringing(blurred, wrong)
    flat = np.s_[8:-8, 8:18]
    assert calm[flat].std() < 0.9 * plain[flat].std()
    assert np.isfinite(calm).all()


def face(shape: tuple[int, int], dx: float = 0.0) -> exemplars.Exemplar:
    """An oval with two eyes and a mouth, and 68 points on them."""
    height, width = shape
    turn = np.linspace(0, np.pi, 17)
    jaw = np.stack([width * (0.5 - 0.35 * np.cos(turn)), height * (0.45 + 0.45 * np.sin(turn))], 1)
    points = np.zeros((68, 2))
    points[:17] = jaw
    around = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    for start, cx in ((36, 0.35), (42, 0.65)):
        points[start : start + 6] = np.stack([width * cx + 7 * np.cos(around), height * 0.4 + 4 * np.sin(around)], 1)
    around = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    points[48:60] = np.stack([width / 2 + 12 * np.cos(around), height * 0.72 + 5 * np.sin(around)], 1)
    points[60:68] = points[48:64:2][:8]
    points[:, 0] += dx
    grey = np.full(shape, 0.3, np.float32)
    for which, level in ((range(17), 0.7), (range(36, 42), 0.1), (range(42, 48), 0.1), (range(48, 60), 0.4)):
        cv2.fillPoly(grey, [np.rint(points[list(which)]).astype(np.int32)], level)
    return exemplars.Exemplar(grey, points)


def test_the_right_exemplar_is_found_where_it_lies() -> None:
    shape = (80, 80)
    rng = np.random.default_rng(0)
    others = [exemplars.Exemplar(rng.random(shape).astype(np.float32), face(shape).points) for _ in range(2)]
    edges = exemplars.edges_at([*others, face(shape)], shape)
    moved = np.roll(face(shape).grey, (3, -2), (0, 1))
    index, down, right, score = exemplars.best_match(differences(moved), edges)
    assert (index, down, right) == (2, 3, -2)
    assert 0.9 < score <= 1 + 1e-5
    kept = exemplars.contour_edges(edges, index, down, right)
    strong = np.abs(differences(moved)).max(axis=0) > 0.1
    held = kept.any(axis=0)
    assert (held & strong).sum() > 0.6 * strong.sum()
    np.testing.assert_allclose(kept[:, held], differences(moved)[:, held], atol=1e-6)


def test_exemplars_lend_the_edges_of_a_face(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (80, 80)
    monkeypatch.setattr(pan_2014_faces, "read_exemplars", lambda folder, weights: [face(shape, 1.0), face(shape)])
    wide = np.pad(face(shape).grey, 10, mode="edge")
    seen = signal.convolve(wide, line_kernel(), "same")[10:-10, 10:-10]
    seen = seen + np.random.default_rng(1).normal(0, 0.003, shape)
    method = make("pan-2014-faces", exemplars="anywhere")
    restored = method.restore(np.repeat(seen[None, :, :, None], 3, 3).astype(np.float32))
    assert similarity(method.estimated_kernels[0], line_kernel()) > 0.8
    assert np.isfinite(restored).all()
    assert len(method.exemplars) == 2


def test_exemplars_are_asked_for() -> None:
    with pytest.raises(InputError, match="exemplars"):
        make("pan-2014-faces")


def test_a_folder_without_faces_is_refused(tmp_path: Path, dlib_models: None) -> None:
    with pytest.raises(InputError, match="folder of sharp faces"):
        make("pan-2014-faces", exemplars=str(tmp_path / "none"))
    write_png(tmp_path / "grey.png", np.full((64, 64, 3), 90, np.uint8))
    with pytest.raises(InputError, match="none of the photographs has a detectable face"):
        make("pan-2014-faces", exemplars=str(tmp_path))


def test_faces_of_a_folder_are_read(tmp_path: Path, dlib_models: None, portrait: np.ndarray) -> None:
    write_png(tmp_path / "astronaut.png", np.ascontiguousarray(portrait[:256, 96:352]))
    (found,) = exemplars.read_exemplars(tmp_path, coarse_to_fine.GREY)
    assert found.points.shape == (68, 2) and found.grey.shape == (256, 256)
    assert 0.2 < exemplars.drawn(found.points / 2, (128, 128)).mean() * 5 < 1
