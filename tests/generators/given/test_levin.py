"""Sets that come with their blurred pictures and kernels, in the layout of Levin's."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.signal import fftconvolve

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.set import Set
from facedeblur.generators.build import build
from facedeblur.generators.photos.specs import Selection


def skewed(size: int, seed: int) -> np.ndarray:
    """A kernel unlike itself turned: a bent line whose weight falls along it."""
    rng = np.random.default_rng(seed)
    kernel = np.zeros((size, size))
    for step in range(2 * size):
        t = step / (2 * size)
        y, x = int(t * (size - 1)), int((t**2 * 0.8 + 0.1) * (size - 1))
        kernel[y, x] += 1.2 - t + 0.1 * rng.random()
    return kernel / kernel.sum()


@pytest.fixture(scope="module")
def folder(portrait, tmp_path_factory) -> Path:
    """Two grey pictures, two kernels; the file of the second kernel shows it turned; all are displaced by (2, -3)."""
    root = tmp_path_factory.mktemp("given")
    grey = cv2.resize(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), (256, 256), interpolation=cv2.INTER_AREA)
    kernels = {"kernel1": skewed(9, 1), "kernel2": skewed(13, 2)}
    for name, kernel in kernels.items():
        shown = kernel if name == "kernel1" else kernel[::-1, ::-1]
        cv2.imwrite(str(root / f"{name}.png"), np.round(shown / shown.max() * 255).astype(np.uint8))
    for number, corner in enumerate(((20, 30), (100, 90)), 1):
        y, x = corner
        cv2.imwrite(str(root / f"im{number}.png"), grey[y : y + 96, x : x + 100])
        for name, kernel in kernels.items():
            whole = fftconvolve(grey.astype(float), kernel, "same")
            moved = whole[y + 2 : y + 98, x - 3 : x + 97]
            cv2.imwrite(str(root / f"im{number}_{name}_img.png"), np.round(moved.clip(0, 255)).astype(np.uint8))
    return root


@pytest.mark.parametrize("store", ["png", "npy"])
def test_a_folder_becomes_a_set_with_kernels_the_right_way_round(folder, tmp_path, store, monkeypatch):
    monkeypatch.chdir(folder)
    made = build("levin2009", ".", tmp_path / "set", store=store, workers=1)
    (source,) = made.info["sources"]
    assert (source["folder"], source["licence"]) == (folder.name, "not stated")
    assert made.info["counts"] == {"photographs": 2, "images": 2, "identities": 2, "kernels": 2, "pairs": 4}
    assert made.bank.meta["turned"] == ["kernel2"]
    for name, size, seed in (("kernel1", 9, 1), ("kernel2", 13, 2)):
        assert np.abs(made.bank.kernel(name) - skewed(size, seed)).max() < 0.002
    pairs = list(made.pairs())
    assert [pair.name for pair in pairs] == [f"im{i}_kernel{j}_img.png" for i in (1, 2) for j in (1, 2)]
    assert {pair.blur_kind for pair in pairs} == {"uniform"}
    for pair in pairs:
        file = cv2.imread(str(folder / pair.name), cv2.IMREAD_GRAYSCALE)
        assert np.array_equal(made.blurred(pair), np.repeat(file[..., None], 3, axis=2))
    again = build("levin2009", folder, tmp_path / "set", store=store, workers=1)
    assert again.content_hash == made.content_hash


def test_what_is_not_such_a_folder_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="NAME_KERNEL_img"):
        build("levin2009", tmp_path, tmp_path / "set")
    with pytest.raises(InputError, match="needs all images of the set"):
        build("levin2009", folder, tmp_path / "set", selection=Selection(limit=1))
    holed = tmp_path / "holed"
    shutil.copytree(folder, holed)
    (holed / "im2_kernel1_img.png").unlink()
    with pytest.raises(InputError, match="im2_kernel1_img"):
        build("levin2009", holed, tmp_path / "set")
    cv2.imwrite(str(holed / "im2_kernel1_img.png"), np.zeros((96, 99), np.uint8))
    with pytest.raises(InputError, match="100x96"):
        build("levin2009", holed, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_levins_own_set_has_consistent_kernels_and_restores_as_published(shared_data, tmp_path):
    """With the true kernels the literature prints mean PSNR between 32 and 35 dB for these 32 pictures."""
    from facedeblur.benchmark.files.images import to_uint8
    from facedeblur.benchmark.metrics.base import metric
    from facedeblur.methods.classical.nonblind.krishnan_fergus_2009 import hyper_laplacian

    made = build("levin2009", shared_data / "kernels" / "levin09_set", tmp_path / "set", workers=1)
    assert isinstance(made, Set)
    with np.load(shared_data / "kernels" / "levin09_8kernels.npz") as published:
        for number in range(8):
            turned = published[f"k{number}"][::-1, ::-1]
            assert np.abs(made.bank.kernel(f"kernel{number + 1}") - turned).max() < 0.0005
    measure, values = metric("psnr-shift[crop15,max8]"), []
    for image, pairs in made.by_image():
        sharp = made.sharp(image)
        stack = np.stack([made.blurred(pair) for pair in pairs])[..., :1] / np.float32(255)
        restored = hyper_laplacian(stack, [made.bank.kernel(pair.kernel_id) for pair in pairs])
        values += list(measure.measure(np.repeat(to_uint8(restored), 3, axis=3), sharp, measure.prepare(sharp)))
    assert 32 < np.mean(values) < 35
    assert min(values) > 27
