"""The shift search against 1,681 literal warps, and the metrics that cut the border."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.metrics.fidelity import shift as shift_kernels
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import psnr, ssim
from facedeblur.benchmark.metrics.fidelity.shift import SSIM_DEFINITIONS, best_shift, shift_psnr, shift_ssim, shifted

FAMILIES = ["psnr-shift", "ssim-shift", "ssim-shift[perchannel]", "psnr-crop", "ssim-crop", "ssim-crop[skimage]"]


def _face(portrait: np.ndarray, down: int = 0, right: int = 0, size: int = 128) -> np.ndarray:
    return np.ascontiguousarray(portrait[40 + down : 40 + down + size, 160 + right : 160 + right + size])


def _noisy(image: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).round().astype(np.uint8)


def _warps(restored: np.ndarray, sharp: np.ndarray, crop: int, reach: int, parts: int) -> np.ndarray:
    """Squared error of every shift, each warp interpolated by scipy."""
    from scipy.ndimage import map_coordinates

    height, width = sharp.shape[:2]
    inner = sharp[crop : height - crop, crop : width - crop].astype(np.float64)
    shifts = np.arange(-reach * parts, reach * parts + 1) / parts
    rows, columns = np.mgrid[crop : height - crop, crop : width - crop].astype(np.float64)
    out = np.empty((shifts.size, shifts.size))
    for a, down in enumerate(shifts):
        for b, right in enumerate(shifts):
            place = [rows + down, columns + right]
            moved = np.stack(
                [map_coordinates(restored[..., c].astype(np.float64), place, order=1) for c in range(3)], axis=2
            )
            out[a, b] = ((moved - inner) ** 2).sum()
    return out


def _table(restored: np.ndarray, sharp: np.ndarray, crop: int, reach: int, parts: int) -> np.ndarray:
    margin = crop - reach
    outer = restored[margin : restored.shape[0] - margin, margin : restored.shape[1] - margin].astype(np.int16)
    inner = sharp[crop : sharp.shape[0] - crop, crop : sharp.shape[1] - crop].astype(np.int16)
    outer, inner = np.ascontiguousarray(outer), np.ascontiguousarray(inner)
    cross, auto = shift_kernels.correlations(outer, inner, reach), shift_kernels.products(outer, reach)
    return shift_kernels.errors(cross, auto, shift_kernels.window_energy(inner), parts)


def test_every_one_of_1681_shifts_has_the_error_of_its_warp(portrait: np.ndarray) -> None:
    sharp, restored = _face(portrait, size=50)[:, :43], _noisy(_face(portrait, 2, -1, size=50), 20)[:, :43]
    table, warps = _table(restored, sharp, 15, 5, 4), _warps(restored, sharp, 15, 5, 4)
    assert table.shape == warps.shape == (41, 41)
    np.testing.assert_array_equal(table / 256, warps)  # both exact: quarters of quarters of integers
    found = best_shift(restored, sharp)
    place = np.unravel_index(warps.argmin(), warps.shape)
    assert (found.down, found.right) == tuple((np.array(place) - 20) / 4)
    assert found.squared_error == warps.min() and found.samples == 20 * 13 * 3
    assert shift_psnr(restored, sharp) == pytest.approx(
        10 * math.log10(255**2 * found.samples / warps.min()), rel=1e-14
    )


@pytest.mark.parametrize(("crop", "reach", "parts"), [(1, 1, 1), (4, 3, 2), (6, 2, 5), (5, 5, 8)])
def test_other_searches_equal_their_warps(crop: int, reach: int, parts: int) -> None:
    rng = np.random.default_rng(crop)
    sharp, restored = rng.integers(0, 256, (2, 17, 14, 3)).astype(np.uint8)
    table, warps = _table(restored, sharp, crop, reach, parts), _warps(restored, sharp, crop, reach, parts)
    np.testing.assert_allclose(table / parts**4, warps, rtol=1e-12)
    assert best_shift(restored, sharp, crop=crop, reach=reach, step=1 / parts).squared_error == table.min() / parts**4


def test_large_and_extreme_images_do_not_overflow() -> None:
    rng = np.random.default_rng(1)
    sharp = np.where(rng.random((40, 6000, 3)) < 0.5, 254, 255).astype(np.uint8)
    restored = np.zeros_like(sharp)
    assert best_shift(restored, sharp).squared_error == (sharp[15:-15, 15:-15].astype(np.int64) ** 2).sum()


@pytest.mark.parametrize(("down", "right"), [(0, 0), (5, -5), (-3, 2)])
def test_a_displaced_image_is_found_and_nothing_is_left(down: int, right: int, portrait: np.ndarray) -> None:
    sharp, restored = _face(portrait), _face(portrait, -down, -right)
    found = best_shift(restored, sharp)
    assert (found.down, found.right, found.squared_error) == (down, right, 0.0)
    assert shift_psnr(restored, sharp) == math.inf
    assert all(shift_ssim(restored, sharp, definition=one) == 1.0 for one in SSIM_DEFINITIONS)


def test_a_fraction_of_a_pixel_is_found(portrait: np.ndarray) -> None:
    """The mean of a pixel and three of its right neighbour is the image a quarter from there."""
    wide = np.pad(_face(portrait), ((0, 0), (0, 1), (0, 0)), mode="edge").astype(np.float64)
    moved = wide[:, :-1] / 4 + 3 * wide[:, 1:] / 4
    sharp, restored = moved.round().astype(np.uint8), _face(portrait)
    found = best_shift(restored, sharp)
    assert (found.down, found.right) == (0.0, 0.75)
    np.testing.assert_array_equal(shifted(restored, found), moved[15:-15, 15:-15])
    assert found.squared_error == ((moved - sharp)[15:-15, 15:-15] ** 2).sum()
    assert shift_psnr(restored, sharp) > psnr(restored, sharp) + 10


def test_of_equal_shifts_the_smallest_is_taken() -> None:
    grey = np.full((64, 64, 3), 90, np.uint8)
    found = best_shift(grey + np.uint8(2), grey)
    assert (found.down, found.right, found.squared_error) == (0.0, 0.0, 4.0 * 34 * 34 * 3)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[1::2] = 200  # half a period each way fits as well: the first is taken
    found = best_shift(stripes[::-1], stripes, step=1)
    assert (found.down, found.right, found.squared_error) == (-1.0, 0.0, 0.0)


def test_ssim_after_the_shift_is_that_of_the_images_where_it_is_whole(portrait: np.ndarray) -> None:
    sharp = _face(portrait)
    restored = _noisy(_face(portrait, -2, 3), 12)
    for definition in SSIM_DEFINITIONS:
        value = shift_ssim(restored, sharp, definition=definition, step=1)
        assert value == pytest.approx(ssim(restored[17:-13, 12:-18], sharp[15:-15, 15:-15], definition=definition))


@pytest.mark.parametrize("name", ["psnr", "psnr[y-limited]", "ssim", "ssim[skimage]"])
def test_a_crop_is_the_metric_of_the_cropped_images(name: str, portrait: np.ndarray) -> None:
    sharp = _face(portrait)
    restored = _noisy(sharp, 12)
    family, _, inside = name.partition("[")
    one = metric(f"{family}-crop[crop5{',' + inside if inside else ']'}")
    expected = metric(name).measure(restored[None, 5:-5, 5:-5], sharp[5:-5, 5:-5], None)
    spoilt = restored.copy()
    spoilt[:5] = spoilt[-5:] = 0
    spoilt[:, :5] = spoilt[:, -5:] = 255
    np.testing.assert_array_equal(one.measure(np.stack([restored, spoilt]), sharp, None), np.repeat(expected, 2))


@pytest.mark.parametrize(
    ("text", "full", "label"),
    [
        ("psnr-shift", "psnr-shift[rgb,255,crop15,max5,step0.25]", "PSNR shift"),
        ("psnr-shift[step0.50,crop020]", "psnr-shift[rgb,255,crop20,max5,step0.5]", "PSNR shift crop20 step0.5"),
        ("ssim-shift[max3]", "ssim-shift[matlab3d,s1.5,w11,crop15,max3,step0.25]", "SSIM shift max3"),
        (
            "ssim-shift[w11,perchannel]",
            "ssim-shift[perchannel,s1.5,w11,crop15,max5,step0.25]",
            "SSIM RGB shift",
        ),
        ("psnr-crop", "psnr-crop[rgb,255,crop8]", "PSNR crop8"),
        ("psnr-crop[crop4,cap100,y-full]", "psnr-crop[y-full,255,cap100,crop4]", "PSNR Y-full crop4"),
        ("ssim-crop[skimage]", "ssim-crop[skimage,uniform,w7,crop8]", "SSIM 7x7 crop8"),
    ],
)
def test_signatures_say_everything_and_come_back(text: str, full: str, label: str) -> None:
    one = metric(text)
    assert isinstance(one, Metric)
    assert (str(one.signature), one.label) == (full, label)
    assert metric(full).signature == one.signature
    assert one.worst == (0.0 if text.startswith("psnr") else -1.0)


@pytest.mark.parametrize("text", FAMILIES)
def test_a_batch_is_its_images_one_by_one(text: str, portrait: np.ndarray) -> None:
    sharp = _face(portrait, size=64)
    batch = np.stack([_noisy(_face(portrait, i, 0, size=64), 10) for i in range(3)])
    one = pickle.loads(pickle.dumps(metric(text)))
    before = batch.copy(), sharp.copy()
    batch.flags.writeable = sharp.flags.writeable = False
    values = one.measure(batch, sharp, one.prepare(sharp))
    assert values.shape == (3,) and values.dtype == np.float64
    np.testing.assert_array_equal(values, [one.measure(image[None], sharp, None)[0] for image in batch])
    np.testing.assert_array_equal(batch, before[0])
    np.testing.assert_array_equal(sharp, before[1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("psnr-shift[crop]", ["'crop'", "crop15"]),
        ("psnr-shift[crop15,crop16]", ["'crop15' and 'crop16'", "exclude each other"]),
        ("psnr-shift[max16]", ["psnr-shift", "max from 1 to 15", "max16"]),
        ("psnr-shift[max0]", ["max0"]),
        ("psnr-shift[step0.3]", ["0.25", "found 0.3"]),
        ("psnr-shift[step0]", ["found 0.0"]),
        ("psnr-shift[y-full]", ["'y-full'", "psnr-shift"]),
        ("ssim-shift[skimage]", ["'skimage'", "perchannel"]),
        ("psnr-crop[crop0]", ["crop0", "use psnr"]),
        ("psnr-crop[crop3,crop4]", ["'crop4'", "'crop3'"]),
        ("ssim-crop[matlab]", ["'matlab'", "matlab3d"]),
    ],
)
def test_what_is_wrong_in_a_signature_is_quoted(text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        metric(text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("text", "size", "words"),
    [
        ("psnr-shift", 30, "at least 31x31"),
        ("ssim-shift", 40, "at least 41x41"),
        ("psnr-crop", 16, "at least 17x17"),
        ("ssim-crop", 26, "at least 11x11"),
    ],
)
def test_images_too_small_are_refused(text: str, size: int, words: str) -> None:
    one = metric(text)
    big = np.random.default_rng(0).integers(0, 256, (size + 1, 64, 3)).astype(np.uint8)
    assert np.isfinite(one.measure(big[None], 255 - big, None)).all()
    with pytest.raises(InputError, match=words):
        one.measure(big[None, :size], big[:size], None)


@pytest.mark.parametrize("text", FAMILIES)
def test_other_arrays_are_refused(text: str) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    for wrong in (image[..., :1], image.astype(np.float64), image[:63]):
        with pytest.raises(InputError, match="restored image"):
            metric(text).measure(wrong[None], image, None)
