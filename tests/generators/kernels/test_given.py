"""Kernels from a file as a law: their order and sizes, how they are divided, and what is refused."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from refusals import told
from scipy.io import savemat
from scipy.signal import convolve2d

from facedeblur.benchmark.files.images import write_png
from facedeblur.generators.build import build
from facedeblur.generators.kernels.files import read_bank, trimmed
from facedeblur.generators.kernels.given import GivenKernels
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.recipe import load_recipe

SIDES = (9, 13, 9, 9, 13, 11)
"""Supports of the kernels, in the order of the file."""


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """A bank as authors publish it: kernels of several sizes as matrices of one size, in a MATLAB file."""
    rng, stack = np.random.default_rng(0), np.zeros((15, 15, len(SIDES)))
    for i, side in enumerate(SIDES):
        kernel, edge = rng.random((side, side)), (15 - side) // 2
        # A support that does not reach two of its four sides is still this wide.
        kernel[0] = kernel[:, 0] = 0
        stack[edge : 15 - edge, edge : 15 - edge, i] = kernel / kernel.sum()
    folder = tmp_path_factory.mktemp("published")
    savemat(folder / "bank.MAT", {"kernels": stack})
    return folder / "bank.MAT"


@pytest.fixture
def recipe(tmp_path, published) -> Callable[[str], Path]:
    """``recipe(keys)`` writes a recipe next to the bank, with more keys of ``[kernels]``."""
    (tmp_path / "bank.MAT").write_bytes(published.read_bytes())

    def write(keys: str) -> Path:
        path = tmp_path / "own.toml"
        text = '[image]\ntemplate = "none"\n[kernels]\n' + keys + "\n[noise]\nsigma = 0.0\n"
        path.write_text('name = "own"\ntitle = "Own"\nsource = "test"\n' + text)
        return path

    return write


def test_kernels_come_in_the_order_of_the_file(published: Path) -> None:
    law = GivenKernels.read(published, trim=True)
    assert law.sizes == (9, 11, 13) and [law.count(size) for size in law.sizes] == [3, 1, 2]
    assert law.names(13) == ("kernels_02", "kernels_05")
    whole = read_bank(published)
    for number, name in enumerate(law.names(9)):
        drawn = law.draw(7, 9, start=number)[0]
        assert np.array_equal(np.pad(drawn, 3), whole.kernel(name))
    assert np.array_equal(law.draw(0, 9, 2, start=1), law.draw(1, 9, 3)[1:])
    assert GivenKernels.read(published).sizes == (15,)


def test_trimmed_kernels_blur_alike(published: Path) -> None:
    bank = read_bank(published)
    image = np.random.default_rng(1).random((40, 40))
    for name, side in zip(bank.ids, SIDES, strict=True):
        small = trimmed(bank.kernel(name))
        assert len(small) == side
        # Both are centred: of the smaller kernel's result as much is cut away as of the larger one's.
        wide, narrow = (convolve2d(image, kernel, mode="same") for kernel in (bank.kernel(name), small))
        assert np.allclose(wide, narrow, atol=1e-14)


def test_a_share_of_each_size_is_for_training(published: Path) -> None:
    train = GivenKernels.read(published, trim=True, train_share=0.5, part="train")
    test = train.other()
    assert test is not None and test.part == "test" and test.other() == train
    # 1.5 and 0.5 are rounded up.
    assert [train.count(size) for size in (9, 11, 13)] == [2, 1, 1]
    assert [test.count(size) for size in (9, 11, 13)] == [1, 0, 1] and test.sizes == (9, 13)
    for size in (9, 13):
        assert not set(train.names(size)) & set(test.names(size))
    assert GivenKernels.read(published).other() is None
    refused = told(lambda: GivenKernels.read(published, train_share=0.5))
    assert "together with part 'train' or 'test'" in refused and "found 0.5 and ''" in refused


def test_records_hold_the_digest_and_no_path(published: Path) -> None:
    law = GivenKernels.read(published)
    assert law.as_dict()["file"] == "bank.MAT" and law.sha256 == read_bank(published).digest()
    assert len(pickle.dumps(law)) < 1000


def test_a_file_that_changes_meanwhile_is_refused(tmp_path) -> None:
    path = tmp_path / "bank.npy"
    np.save(path, np.full((1, 5, 5), 0.04))
    law = GivenKernels.read(path)
    np.save(path, np.eye(5)[None] / 5)
    os.utime(path, ns=(0, 1))
    assert "the kernels have changed since the start" in told(lambda: law.draw(0, 5))


def test_small_kernels_get_zeros_around_them(tmp_path) -> None:
    np.save(tmp_path / "bank.npy", np.full((2, 3, 3), 1 / 9))
    law = GivenKernels.read(tmp_path / "bank.npy")
    assert law.sizes == (5,) and np.array_equal(law.draw(0, 5)[0], np.pad(np.full((3, 3), 1 / 9), 1))


def test_a_set_has_the_kernels_of_the_file(tmp_path, recipe, published, portrait) -> None:
    write_png(tmp_path / "faces" / "one.png", portrait[:96, :96])
    made = build(recipe('from = "bank.MAT"\ntrim = true'), tmp_path / "faces", tmp_path / "set", workers=1)
    assert made.bank.ids == ("ker01_k9", "ker02_k9", "ker03_k9", "ker01_k11", "ker01_k13", "ker02_k13")
    assert made.bank.meta["names"][3] == "kernels_06"
    whole = read_bank(published)
    for name, origin in zip(made.bank.ids, made.bank.meta["names"], strict=True):
        assert np.array_equal(made.bank.kernel(name), trimmed(whole.kernel(origin)))
    part = build(recipe('from = "bank.MAT"\ntrim = true\nsizes = "9,13"\nfirst = 1\nper_size = 1'), tmp_path / "faces",
                 tmp_path / "part", workers=1)  # fmt: skip
    assert part.bank.ids == ("ker02_k9", "ker02_k13")


def test_pairs_visit_all_kernels_of_unequal_sizes(recipe) -> None:
    found, _ = load_recipe(recipe('from = "bank.MAT"\ntrim = true\ntrain_share = 0.5\npart = "train"'))
    spec = PairSpec.of(found)
    assert spec.counts == {9: 2, 11: 1, 13: 1}
    unseen = spec.unseen()
    assert unseen is not None and unseen.counts == {9: 1, 13: 1}
    assert PairSpec.of(load_recipe(recipe('from = "bank.MAT"'))[0]).unseen() is None
    some = PairSpec.of(load_recipe(recipe('from = "bank.MAT"\nper_size = 2'))[0]).unseen()
    assert some is not None and (some.first, some.counts) == (2, {15: 4})
    assert replace(spec, sizes=(9,)).counts == {9: 2}


def test_hidden_sizes_and_other_files_are_told(tmp_path, published, portrait) -> None:
    notes = GivenKernels.read(published).notes()
    assert len(notes) == 1 and "15 pixels wide, but without the zeros around them 9 to 13" in notes[0]
    assert GivenKernels.read(published, trim=True).notes() == []
    write_png(tmp_path / "bank" / "k.png", np.full((9, 9, 3), 200, np.uint8))
    (tmp_path / "bank" / "notes.txt").write_text("x")
    assert GivenKernels.read(tmp_path / "bank").notes() == ["bank: skipped, not kernels: notes.txt"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("", "required key 'kernels.sizes' is missing"),
        ('sizes = "9"\nper_size = 1\ntrim = true', "kernels.trim: is for kernels from a file"),
        ('from = "bank.MAT"\ndraw = "spline"', "kernels.draw: the kernels come from a file"),
        (
            'from = "bank.MAT"\npart = "trian"',
            "kernels.part 'trian': expected one of train, test; did you mean 'train'",
        ),
        ('from = "bank.MAT"\nper_size = -1', "kernels.per_size: expected at least 0"),
    ],
)
def test_keys_that_do_not_belong_together(recipe, keys: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_recipe(recipe(keys))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('from = "bnak.mat"', "expected a file or folder of kernels"),
        ('from = "bank.MAT"\nsizes = "13"', "kernels of size 13: expected 1, found 0"),
        ('from = "bank.MAT"\nper_size = 9', "kernels of size 15: expected 9, found 6"),
        ('from = "bank.MAT"\nfirst = 6', "kernels of size 15: expected 7, found 6"),
    ],
)
def test_what_the_file_has_not_is_refused(recipe, keys: str, message: str) -> None:
    found, _ = load_recipe(recipe(keys))
    with pytest.raises(ValueError, match=message):
        PairSpec.of(found)
