"""Batches of virtual pairs made by torch: the bytes of those that numba makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.pairs.augment import AugmentLaw
from facedeblur.generators.pairs.device import make, prepare
from facedeblur.generators.pairs.sharp_source import SharpArray, SharpFace
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.virtual import VirtualPairs


@pytest.fixture(scope="module")
def faces(portrait: np.ndarray) -> SharpArray:
    """Four crops of 64x56 with 30 pixels around, one of them with 8 true ones."""
    array = np.stack([portrait[i : i + 124, 150 + i : 266 + i] for i in range(4)])
    return SharpArray(array, around=30, faces=[SharpFace(f"{i}", f"{i}", 8 if i == 3 else 30) for i in range(4)])


def made(pairs: VirtualPairs, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Sharp and blurred images of a batch made by torch, (B, H, W, 3) uint8."""
    sharp, blurred = make(pairs, prepare(pairs, [pairs.plan(index) for index in indices]), "cpu")
    assert sharp.dtype == blurred.dtype == torch.uint8
    return sharp.permute(0, 2, 3, 1).numpy(), blurred.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("border", ["valid", "reflect", "replicate", "zero", "circular"])
@pytest.mark.parametrize("law", [None, "mspl", "shen"])
@pytest.mark.parametrize("noise", [Noise(0.02), Noise(0.02, "uniform")], ids=["gaussian", "uniform"])
def test_a_batch_on_the_device_has_the_bytes_of_the_cpu(
    faces: SharpArray, border: str, law: str | None, noise: Noise
) -> None:
    spec = PairSpec((1, 13, 27), 3, first=4, noise=noise, border=border, fallback="zero", augment=law)
    pairs = VirtualPairs(faces, spec, seed=2**40 + 9, shuffle=True)
    indices = [23, 0, 1, 2, 11, 12, 17, 35]
    for index, sharp, blurred in zip(indices, *made(pairs, indices), strict=True):
        assert np.array_equal(sharp, pairs[index].sharp)
        assert np.array_equal(blurred, pairs[index].blurred)


def test_float64_decides_where_float32_does_not(faces: SharpArray) -> None:
    """Hundreds of thousands of samples, some within float32's error of a boundary; exact halves and flat areas."""
    flat = np.zeros((2, 64, 56, 3), np.uint8)
    flat[1] = 255
    for rounding in ("round", "truncate"):
        noisy = VirtualPairs(faces, PairSpec((13,), 12, rounding=rounding))
        clean = VirtualPairs(faces, PairSpec((27,), 3, rounding=rounding, noise=Noise(0)))
        even = VirtualPairs(SharpArray(flat), PairSpec((13,), 4, border="reflect", rounding=rounding, noise=Noise(0)))
        for pairs in (noisy, clean, even):
            wanted = np.stack([pair.blurred for pair in pairs])
            assert np.array_equal(made(pairs, range(len(pairs)))[1], wanted)


def test_photographs_of_different_surroundings_in_one_batch(portrait: np.ndarray) -> None:
    class Mixed:
        size = (64, 64)
        faces = (SharpFace("a", "a", 20), SharpFace("b", "b"))

        def read(self, number: int) -> np.ndarray:
            cut = portrait[0:104, 150:254]
            return cut if number == 0 else cut[20:84, 20:84]

    for law in (None, "shen", AugmentLaw(brightness=0.4)):
        pairs = VirtualPairs(Mixed(), PairSpec((5, 13), 2, augment=law, rounding="truncate", noise=Noise(0)))
        for index, sharp, blurred in zip(range(8), *made(pairs, range(8)), strict=True):
            assert np.array_equal(sharp, pairs[index].sharp)
            assert np.array_equal(blurred, pairs[index].blurred)
