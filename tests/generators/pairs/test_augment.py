"""Augmentations: the stated ranges, the geometry and colours of other libraries, nothing but the pair's number."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy import ndimage, stats

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.blur.degrade import degrade
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.generators.pairs.augment import (
    LAWS,
    Augmentation,
    AugmentLaw,
    augment,
    augment_labels,
    augment_law,
    draw_augmentation,
)
from facedeblur.generators.pairs.sharp_source import SharpArray
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.virtual import VirtualPairs

SIZE = (96, 80)


@pytest.fixture(scope="module")
def stored(portrait: np.ndarray) -> np.ndarray:
    """A crop of 96x80 with 30 pixels around."""
    return np.ascontiguousarray(portrait[20:176, 140:280])


def middle(stored: np.ndarray, radius: int = 0) -> np.ndarray:
    cut = 30 - radius
    return stored[cut : stored.shape[0] - cut, cut : stored.shape[1] - cut]


def test_nothing_drawn_is_the_crop(stored: np.ndarray) -> None:
    for radius in (0, 13, 30):
        assert np.array_equal(augment(stored, Augmentation(), size=SIZE, radius=radius), middle(stored, radius))
    beyond = np.pad(stored, ((15, 15), (15, 15), (0, 0)), "reflect")
    assert np.array_equal(augment(stored, Augmentation(), size=SIZE, radius=45), beyond)


def test_whole_pixels_mirror_and_quarter_turns_are_exact(portrait: np.ndarray, stored: np.ndarray) -> None:
    moved = augment(stored, Augmentation(shift_x=7, shift_y=-12), size=SIZE)
    assert np.array_equal(moved, stored[42:138, 23:103])
    assert np.array_equal(augment(stored, Augmentation(flip=True), size=SIZE, radius=4), middle(stored, 4)[:, ::-1])
    square = np.ascontiguousarray(portrait[20:120, 140:240])
    for angle in (90, -270, 180, 270):
        turned = augment(square, Augmentation(angle=angle), size=(60, 60), radius=5)
        assert np.array_equal(turned, np.rot90(square[15:-15, 15:-15], round(angle / 90)))
    # Mirrored after it is turned and moved.
    both = Augmentation(angle=20, shift_x=3, scale=1.05)
    flipped = Augmentation(angle=20, shift_x=3, scale=1.05, flip=True)
    assert (
        np.abs(augment(stored, both, size=SIZE).astype(int) - augment(stored, flipped, size=SIZE)[:, ::-1]).max() <= 1
    )


@pytest.mark.parametrize(("angle", "scale", "x", "y"), [(30, 0.9, 12, -12), (-17.3, 1.1, 0.4, 3.7), (250, 1, 0, 0)])
def test_geometry_is_scipys(stored: np.ndarray, angle: float, scale: float, x: float, y: float) -> None:
    radius = 8
    got = augment(stored, Augmentation(scale=scale, shift_x=x, shift_y=y, angle=angle), size=SIZE, radius=radius)
    # Row and column, y downwards: a turn against the clock on the screen.
    turn = np.deg2rad(angle)
    forward = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centre_in = (np.array(stored.shape[:2]) - 1) / 2
    centre_out = (np.array(got.shape[:2]) - 1) / 2 + (y, x)
    back = np.linalg.inv(forward)
    wanted = [
        ndimage.affine_transform(
            stored[..., c].astype(float), back, centre_in - back @ centre_out, got.shape[:2], order=1, mode="mirror"
        )
        for c in range(3)
    ]
    assert np.abs(got - np.stack(wanted, -1)).max() <= 0.5 + 1e-9


def test_colours_are_those_of_pil(stored: np.ndarray) -> None:
    crop = middle(stored)
    for what in (
        Augmentation(brightness=1.2),
        Augmentation(brightness=0.6),
        Augmentation(contrast=0.5),
        Augmentation(contrast=1.4),
        Augmentation(saturation=0.0),
        Augmentation(saturation=1.5),
        Augmentation(brightness=0.8, contrast=1.2, saturation=0.7),
    ):
        image = Image.fromarray(crop)
        image = ImageEnhance.Brightness(image).enhance(what.brightness)
        image = ImageEnhance.Contrast(image).enhance(what.contrast)
        image = ImageEnhance.Color(image).enhance(what.saturation)
        got = augment(stored, what, size=SIZE)
        # PIL truncates after each of the three.
        assert np.abs(got.astype(int) - np.asarray(image)).max() <= 3
        assert not np.array_equal(got, crop)


def test_what_is_drawn_fills_the_stated_ranges() -> None:
    for law in LAWS.values():
        drawn = [draw_augmentation(law, 5, number, (200, 100)) for number in range(3000)]
        ranges = {
            "scale": (1, law.scale),
            "shift_x": (0, law.shift + 100 * law.shift_share),
            "shift_y": (0, law.shift + 200 * law.shift_share),
            "angle": (0, law.rotate),
            "brightness": (1, law.brightness),
            "contrast": (1, law.contrast),
            "saturation": (1, law.saturation),
        }
        columns = {name: np.array([getattr(one, name) for one in drawn]) for name in ranges}
        for name, (centre, half) in ranges.items():
            if half == 0:
                assert (columns[name] == centre).all()
            else:
                law_of = stats.uniform(centre - half, 2 * half)
                assert stats.kstest(columns[name], law_of.cdf).pvalue > 1e-5, name
        assert np.mean([one.flip for one in drawn]) == pytest.approx(law.flip, abs=0.05)
        columns["flip"] = np.array([float(one.flip) for one in drawn])
        names = [name for name, (_, half) in {**ranges, "flip": (0, law.flip)}.items() if half]
        matrix = np.corrcoef([columns[name] for name in names])
        assert np.abs(matrix - np.eye(len(names))).max() < 0.1
    assert (LAWS["shen"].scale, LAWS["shen"].shift, LAWS["shen"].rotate) == (0.1, 12, 30)
    assert (LAWS["lin"].rotate, LAWS["lin"].shift_share, LAWS["lin"].brightness) == (5, 0.05, 0.2)
    assert (LAWS["mspl"].rotate, LAWS["mspl"].flip, LAWS["mspl"].contrast) == (270, 0.5, 0.5)


def test_a_number_draws_the_same_whenever() -> None:
    law = LAWS["mspl"]
    one = draw_augmentation(law, 2**63, 2**40 + 1, SIZE)
    assert one == draw_augmentation(law, 2**63, 2**40 + 1, SIZE)
    assert one != draw_augmentation(law, 2**63, 2**40 + 2, SIZE) != draw_augmentation(law, 2**63 + 1, 2**40 + 2, SIZE)


@pytest.mark.parametrize("name", LAWS)
def test_surroundings_are_enough_and_not_too_many(name: str) -> None:
    law, radius, most = LAWS[name], 13, 0.0
    height, width = SIZE
    around = law.surroundings(height, width, radius)
    corners = [(x, y, 1) for x in (-radius, width - 1 + radius) for y in (-radius, height - 1 + radius)]
    for number in range(4000):
        back = draw_augmentation(law, 0, number, SIZE).back(height, width)
        x, y = back @ np.array(corners).T
        most = max(most, *(-x), *(-y), *(x - width + 1), *(y - height + 1))
    assert around - 0.2 * around - 2 < most <= around


def test_pairs_are_augmented_before_they_are_blurred(stored: np.ndarray) -> None:
    source = SharpArray(stored[None], around=30)
    for border in ("valid", "reflect", "circular"):
        pairs = VirtualPairs(source, PairSpec((13, 21), 3, border=border, augment="mspl"), seed=4)
        for index in range(6):
            pair = pairs[index]
            size, number = pair.kernel
            assert pair.augmentation == draw_augmentation(LAWS["mspl"], 4, index, SIZE)
            radius = size // 2 if border == "valid" else 0
            window = augment(stored, pair.augmentation, size=SIZE, radius=radius)
            kernel = STANDARD.draw(4, size, 1, start=number)[0]
            wanted = degrade(window, kernel, noise=Noise(0.01), seed=4, index=index, border=border)
            assert np.array_equal(pair.blurred, wanted)
            assert np.array_equal(pair.sharp, augment(stored, pair.augmentation, size=SIZE))


def test_without_surroundings_the_mirror_stands_in(stored: np.ndarray) -> None:
    crop = np.ascontiguousarray(middle(stored))
    spec = PairSpec((21,), 1, augment=AugmentLaw(flip=1.0), noise=Noise(0.0))
    pair = VirtualPairs(SharpArray(crop[None]), spec)[0]
    kernel = STANDARD.draw(0, 21, 1)[0]
    wanted = degrade(crop[:, ::-1].copy(), kernel, noise=Noise(0), seed=0, index=0, border="reflect")
    assert np.array_equal(pair.blurred, wanted)


def test_labels_go_where_the_picture_goes(stored: np.ndarray) -> None:
    classes = (np.indices(stored.shape[:2]) // 16).sum(0) % 11
    for what in (Augmentation(), Augmentation(angle=33, scale=0.95, shift_x=5.5, flip=True, contrast=0.5)):
        labels = augment_labels(classes.astype(np.uint8), what, size=SIZE)
        assert labels.shape == SIZE and labels.dtype == np.uint8
        painted = np.repeat((classes * 23).astype(np.uint8)[..., None], 3, 2)
        shape = Augmentation(**{f.name: getattr(what, f.name) for f in fields(what)} | {"contrast": 1.0})
        picture = augment(painted, shape, size=SIZE)[..., 0]
        flat = picture % 23 == 0  # elsewhere two classes are mixed
        assert flat.mean() > 0.5 and (labels[flat] == picture[flat] // 23).mean() > 0.97


def test_bad_laws_are_named() -> None:
    for change, message in (
        ({"scale": 1.0}, "augmentation, scale: expected from 0 to 0.9"),
        ({"rotate": -1}, "augmentation, rotate"),
        ({"flip": 2}, "augmentation, flip"),
        ({"contrast": float("nan")}, "augmentation, contrast"),
    ):
        with pytest.raises(InputError, match=message):
            AugmentLaw(**change)
    assert augment_law(None) is augment_law("") is augment_law("none") is None
    with pytest.raises(InputError, match="did you mean 'mspl'"):
        augment_law("msp")
