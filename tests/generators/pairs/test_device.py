"""Virtual pairs in torch: loaders that change nothing, and a device path that agrees with the CPU's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.blur.convolve import blur
from facedeblur.generators.pairs.augment import AugmentLaw
from facedeblur.generators.pairs.device import PairDataset, TorchPairs, normals_on
from facedeblur.generators.pairs.sampler import RankIndices
from facedeblur.generators.pairs.sharp_source import Face, SharpArray, SharpFiles
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.virtual import VirtualPairs
from facedeblur.generators.random.philox import normals


@pytest.fixture(scope="module")
def faces(portrait: np.ndarray) -> SharpArray:
    """Four crops of 64x56 with 30 pixels around, one of them with 8 true ones."""
    array = np.stack([portrait[i : i + 124, 150 + i : 266 + i] for i in range(4)])
    return SharpArray(array, around=30, faces=[Face(f"{i}", f"{i}", 8 if i == 3 else 30) for i in range(4)])


def shown(item: torch.Tensor) -> np.ndarray:
    return (item * 255).round().to(torch.uint8).numpy().transpose(1, 2, 0)


def test_items_are_the_pairs(faces: SharpArray) -> None:
    pairs = VirtualPairs(faces, PairSpec((13,), 4, augment="lin"), shuffle=True)
    dataset = PairDataset(pairs, extra=lambda pair: {"who": pair.identity})
    assert isinstance(dataset, Dataset) and len(dataset) == 16
    for index in (0, 7):
        item, pair = dataset[index], pairs[index]
        assert item["index"] == index and item["who"] == pair.identity
        assert item["sharp"].shape == (3, 64, 56) and item["sharp"].dtype == torch.float32
        assert np.array_equal(shown(item["sharp"]), pair.sharp)
        assert np.array_equal(shown(item["blurred"]), pair.blurred)
        small = PairDataset(pairs, dtype="uint8")[index]["blurred"]
        assert small.dtype == torch.uint8 and torch.equal(small, (item["blurred"] * 255).round().to(torch.uint8))
    with pytest.raises(InputError, match="dtype 'float16'"):
        PairDataset(pairs, dtype="float16")


def test_workers_and_ranks_change_nothing(faces: SharpArray) -> None:
    dataset = PairDataset(VirtualPairs(faces, PairSpec((13,), 10, augment="shen"), shuffle=True), dtype="uint8")

    def seen(workers: int, rank: int = 0, world: int = 1) -> list[tuple[int, bytes]]:
        loader = DataLoader(dataset, batch_size=4, sampler=RankIndices(40, rank, world, epoch=1), num_workers=workers)
        return [
            (int(index), pixels.numpy().tobytes())
            for batch in loader
            for index, pixels in zip(batch["index"], batch["blurred"], strict=True)
        ]

    alone = seen(0)
    assert len({index for index, _ in alone}) == 40
    assert seen(2) == alone
    assert sorted(seen(0, 0, 2) + seen(0, 1, 2)) == sorted(alone)


def test_noise_is_the_cpus_bit_for_bit() -> None:
    numbers = [0, 7, 2**40 + 3, 2**63 + 2**33, 2**64 - 1]
    for seed in (0, 2**63 + 12345):
        made = normals_on(seed, numbers, 30_001, device="cpu")
        for row, number in zip(made.numpy(), numbers, strict=True):
            assert np.array_equal(row, normals(seed, number, 30_001))
    assert normals_on(1, [3, 4], 0, device="cpu").shape == (2, 0)
    with pytest.raises(InputError, match="pair number"):
        normals_on(0, [-1], 10, device="cpu")


@pytest.mark.parametrize("way", ["fft", "conv"])
@pytest.mark.parametrize("border", ["valid", "reflect", "replicate", "zero", "circular"])
@pytest.mark.parametrize("law", [None, "mspl", "shen"])
def test_a_batch_on_the_device_agrees_with_the_cpu(faces: SharpArray, way: str, border: str, law: str | None) -> None:
    spec = PairSpec((13, 27), 3, first=4, sigma=0.02, border=border, fallback="zero", augment=law)
    pairs = VirtualPairs(faces, spec, seed=2**40 + 9, shuffle=True)
    made = TorchPairs(pairs, way=way, resident=border == "zero")
    indices = [23, 0, 1, 2, 11, 12, 17]
    exact, rounded = made.batch(indices, quantise=False), made.batch(indices)
    assert exact.index.tolist() == indices
    wrong = 0.0
    for row, index in enumerate(indices):
        pair, plan = pairs[index], pairs.plan(index)
        assert np.array_equal(shown(exact.sharp[row]), pair.sharp)
        clean = blur(pairs.window(plan) / 255, pairs.kernel(plan.size, plan.kernel), border=pairs.border(plan))
        noise = normals(pairs.seed, plan.number, clean.size).reshape(clean.shape).astype(np.float64)
        wanted = np.clip(clean + 0.02 * noise, 0, 1)
        got = exact.blurred[row].numpy().transpose(1, 2, 0)
        assert got.dtype == np.float32 and np.abs(got - wanted).max() < 1e-5
        off = np.abs(shown(rounded.blurred[row]).astype(int) - pair.blurred)
        assert off.max() <= 1
        wrong += (off > 0).mean() / len(indices)
    assert wrong < 2e-4


def test_photographs_of_different_surroundings_in_one_batch(portrait: np.ndarray) -> None:
    class Mixed:
        size = (64, 64)
        faces = (Face("a", "a", 20), Face("b", "b"))

        def read(self, number: int) -> np.ndarray:
            cut = portrait[0:104, 150:254]
            return cut if number == 0 else cut[20:84, 20:84]

    for law in (None, "shen", AugmentLaw(brightness=0.4)):
        pairs = VirtualPairs(Mixed(), PairSpec((5, 13), 2, augment=law, rounding="truncate", sigma=0))
        batch = TorchPairs(pairs).batch(range(8))
        for index in range(8):
            assert np.array_equal(shown(batch.sharp[index]), pairs[index].sharp)
            off = np.abs(shown(batch.blurred[index]).astype(int) - pairs[index].blurred)
            assert off.max() <= 1 and (off > 0).mean() < 2e-3
    assert not isinstance(Mixed(), SharpFiles)


def test_bad_input_is_named(faces: SharpArray) -> None:
    pairs = VirtualPairs(faces, PairSpec((13,), 2))
    with pytest.raises(InputError, match="way 'sparse'"):
        TorchPairs(pairs, way="sparse")
    with pytest.raises(InputError, match="indices: expected at least one"):
        TorchPairs(pairs).batch([])
    with pytest.raises(IndexError):
        TorchPairs(pairs).batch([8])
