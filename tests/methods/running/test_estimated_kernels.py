"""Estimated kernels on their way from a method through the runner into the outputs and the scores."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.outputs import KERNELS, Outputs
from facedeblur.benchmark.registry import load_plugin
from facedeblur.benchmark.scoring.score import score
from facedeblur.methods.running.journal import PARTIAL_KERNELS, KernelJournal
from facedeblur.methods.running.runner import run

SIMILAR = "kernel-similarity[ncc,pixel]"
PLUGIN = Path(__file__).resolve().parents[2] / "support" / "kernel_guesses.py"


def wanted(tiny) -> dict[str, np.ndarray]:
    guess = sys.modules[load_plugin(PLUGIN)].guess
    images = {pair.pair_id: tiny.blurred(pair).astype(np.float32) / np.float32(255) for pair in tiny.pairs()}
    found = {name: guess(image) for name, image in images.items()}
    return {name: kernel for name, kernel in found.items() if kernel is not None}


def test_the_kernels_of_a_run_are_kept_by_pair(tiny, tmp_path):
    outputs = run("guesses", tiny.root, tmp_path / "out", plugin=PLUGIN, workers=1)
    bank, expected = outputs.kernels(), wanted(tiny)
    assert bank is not None
    assert 0 < len(expected) < tiny.n_pairs
    assert list(bank.ids) == list(expected)
    for name, kernel in expected.items():
        assert np.abs(bank.kernel(name) - kernel).max() < 1e-7
    assert outputs.info["kernels"] == len(expected)
    assert not (outputs.root / PARTIAL_KERNELS).exists()


def test_a_run_in_two_parts_has_the_same_kernels(tiny, tmp_path):
    whole = run("guesses", tiny.root, tmp_path / "whole", plugin=PLUGIN, workers=1)
    first = run("guesses", tiny.root, tmp_path / "parts", plugin=PLUGIN, workers=1, limit=3)
    assert first.kernels() is not None
    assert len(first.kernels()) <= 3
    parts = run("guesses", tiny.root, tmp_path / "parts", plugin=PLUGIN, workers=1)
    assert parts.kernels().digest() == whole.kernels().digest()
    assert parts.files_hash == whole.files_hash
    lost = next(pair for pair in tiny.pairs() if pair.pair_id in whole.kernels())
    (parts.root / lost.name).unlink()
    again = run("guesses", tiny.root, tmp_path / "parts", plugin=PLUGIN, workers=1)
    assert again.kernels().digest() == whole.kernels().digest()


def test_methods_without_kernels_leave_no_file(tiny, tmp_path):
    outputs = run("blurred", tiny.root, tmp_path / "out", workers=1)
    assert outputs.kernels() is None
    assert outputs.info["kernels"] == 0
    assert not (outputs.root / KERNELS).exists()


@pytest.mark.parametrize(
    ("bad", "why"), [("wrong-guess", "all values are 0"), ("one-guess", "1 estimated kernel, found 2")]
)
def test_a_wrong_kernel_fails_its_pair_and_says_why(tiny, tmp_path, bad, why):
    outputs = run(bad, tiny.root, tmp_path / "out", plugin=PLUGIN, workers=1)
    statuses = list(outputs.statuses())
    assert why in statuses[0].status
    assert outputs.kernels() is None


def test_kernels_are_scored_against_the_true_ones(tiny, tmp_path):
    outputs = run("guesses", tiny.root, tmp_path / "out", plugin=PLUGIN, workers=1)
    before = outputs.files_hash
    scores = score(tiny.root, outputs.root, metrics=["psnr", "kernel-similarity", "kernel-error"], workers=1)
    expected = wanted(tiny)
    column = dict(zip(scores.frame["pair_id"], scores.frame[SIMILAR], strict=True))
    for pair in tiny.pairs():
        assert np.isnan(column[pair.pair_id]) == (pair.pair_id not in expected)
    kept = next(entry for entry in scores.meta.columns if entry.signature == SIMILAR)
    assert kept.partial
    assert np.nanmin(scores.frame[SIMILAR]) > 0
    assert np.isfinite(scores.frame["psnr[rgb,255]"]).all()
    # Kernels that have changed make another run of it.
    bank = outputs.kernels()
    bank.kernels[0] = np.roll(bank.kernels[0], 1, axis=0)[::-1]
    bank.save(outputs.root / KERNELS)
    assert Outputs.open(outputs.root, tiny).files_hash != before
    # The true kernels themselves, as somebody else's outputs may bring them.
    pairs = list(tiny.pairs())
    type(bank).of([pair.pair_id for pair in pairs], [tiny.bank.kernel(pair.kernel_id) for pair in pairs]).save(
        outputs.root / KERNELS
    )
    scores = score(tiny.root, outputs.root, metrics=["kernel-similarity", "kernel-error"], workers=1, force=True)
    assert np.allclose(scores.frame[SIMILAR], 1)
    assert np.allclose(scores.frame["kernel-error[ssd,pixel]"], 0, atol=1e-12)


def test_a_run_without_kernels_says_so_in_its_scores(tiny, tmp_path):
    outputs = run("blurred", tiny.root, tmp_path / "out", workers=1)
    scores = score(tiny.root, outputs.root, metrics=["psnr", "kernel-similarity"], workers=1)
    assert SIMILAR not in scores.frame
    assert (SIMILAR, "'blurred' has left no estimated kernels") in scores.meta.unavailable


def test_a_record_cut_off_is_dropped_and_the_last_one_counts(tiny, tmp_path):
    journal = KernelJournal(tmp_path)
    one, two = np.eye(3) / 3, np.full((5, 5), 1 / 25)
    journal.append([(0, None), (1, None)])
    assert not list(tmp_path.iterdir())
    journal.append([(0, one), (1, one), (2, None)])
    journal.append([(1, two)])
    with (tmp_path / PARTIAL_KERNELS).open("ab") as stream:
        stream.write(b"\x03\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0half")
    shutil.copytree(tmp_path, tmp_path / "stopped")
    pairs = list(tiny.pairs())
    ok = np.ones(len(pairs), bool)
    again = KernelJournal(tmp_path / "stopped")
    again.append([(4, one)])
    assert again.finish(tiny, ok) == 3
    from facedeblur.benchmark.files.kernel_bank import Bank

    bank = Bank.load(tmp_path / "stopped" / KERNELS)
    assert bank.ids == tuple(pairs[index].pair_id for index in (0, 1, 4))
    assert np.allclose(bank.kernel(pairs[1].pair_id), two)
    ok[0] = False
    assert journal.finish(tiny, ok) == 1
    assert Path(tmp_path / KERNELS).is_file()


def test_kernels_of_two_sizes_are_kept(tiny, tmp_path):
    outputs = run("two-sizes", tiny.root, tmp_path / "out", plugin=PLUGIN, workers=1)
    found = {len(outputs.kernels().kernel(pair.pair_id)) for pair in tiny.pairs()}
    assert found == {27, 41}
    scores = score(tiny.root, outputs.root, metrics=["kernel-similarity"], workers=1)
    assert np.isfinite(scores.frame[SIMILAR]).all()
    restored = run("wiener", tiny.root, tmp_path / "wiener", kernels=outputs.root, workers=1)
    assert restored.info["counts"]["ok"] == tiny.n_pairs
