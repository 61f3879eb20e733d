"""Methods for known kernels that are given those of another run, and sizes that come from the set."""

from __future__ import annotations

import json

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.outputs import KERNELS, RUN
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.methods.base import method
from facedeblur.methods.classical.blind.coarse_to_fine import Blind
from facedeblur.methods.find import find_method
from facedeblur.methods.running.runner import run


@pytest.fixture(scope="module")
def estimates(tiny, tmp_path_factory):
    """Outputs with a kernel for all pairs but the third: the true one, shifted by a pixel."""
    outputs = run("blurred", tiny.root, tmp_path_factory.mktemp("given") / "blurred", workers=1)
    pairs = [pair for pair in tiny.pairs() if pair.index != 2]
    kernels = [np.roll(tiny.bank.kernel(pair.kernel_id), 1, axis=1) for pair in pairs]
    Bank.of([pair.pair_id for pair in pairs], kernels).save(outputs.root / KERNELS)
    return outputs


def test_an_oracle_restores_with_the_kernels_of_another_run(tiny, estimates, tmp_path):
    found = run("wiener", tiny.root, tmp_path / "given", kernels=estimates.root, options={"gamma": "0.02"}, workers=1)
    true = run("wiener", tiny.root, tmp_path / "true", options={"gamma": "0.02"}, workers=1)
    statuses = list(found.statuses())
    assert [row.ok for row in statuses] == [index != 2 for index in range(tiny.n_pairs)]
    assert "the given kernels lack one for this pair" in statuses[2].status
    for pair in tiny.pairs():
        if pair.index != 2:
            size = (128, 128)
            one, other = found.restored(pair, size), true.restored(pair, size)
            assert not np.array_equal(one, other)
            # A kernel moved to the right moves what is restored to the left.
            off = np.abs(one[20:-20, 19:-21].astype(int) - other[20:-20, 20:-20])
            assert off.mean() < 0.5


def test_it_is_no_oracle_and_says_whose_kernels_it_used(tiny, estimates, tmp_path):
    outputs = run("krishnan-fergus-2009", tiny.root, tmp_path / "out", kernels=estimates.root, workers=1)
    info = json.loads((outputs.root / RUN).read_text())
    assert info["method"] == "krishnan-fergus-2009[kernels=blurred]"
    assert info["oracle"] is False
    given = {"method": "blurred", "run": estimates.run_hash, "kernels": estimates.kernels().digest()}
    assert info["given_kernels"] == given
    score(tiny.root, outputs.root, metrics=["psnr"], workers=1)
    assert not Scores.read(outputs.root).meta.oracle
    plain = run("krishnan-fergus-2009", tiny.root, tmp_path / "plain", limit=1, workers=1)
    assert plain.info["oracle"] is True and plain.info["given_kernels"] is None


def test_other_kernels_are_another_run(tiny, estimates, tmp_path):
    out = tmp_path / "out"
    run("wiener", tiny.root, out, kernels=estimates.root, limit=2, workers=1)
    with pytest.raises(InputError, match="kernels=blurred"):
        run("wiener", tiny.root, out, workers=1)
    moved = run("blurred", tiny.root, tmp_path / "moved", workers=1)
    bank = estimates.kernels()
    Bank.of(list(bank.ids), [np.roll(bank.kernel(name), 1, axis=0) for name in bank.ids]).save(moved.root / KERNELS)
    with pytest.raises(InputError, match="a run with given_kernels"):
        run("wiener", tiny.root, out, kernels=moved.root, workers=1)


def test_what_gives_no_kernels_or_takes_none_is_refused(tiny, make_set, estimates, tmp_path):
    bare = run("blurred", tiny.root, tmp_path / "bare", workers=1)
    with pytest.raises(InputError, match=r"has no kernels\.npz"):
        run("wiener", tiny.root, tmp_path / "a", kernels=bare.root, workers=1)
    with pytest.raises(InputError, match="takes no kernels"):
        run("unsharp", tiny.root, tmp_path / "b", kernels=estimates.root, workers=1)
    with pytest.raises(InputError, match="another set"):
        run("wiener", make_set(seed=9).root, tmp_path / "c", kernels=estimates.root, workers=1)
    with pytest.raises(InputError, match="not found"):
        run("wiener", tiny.root, tmp_path / "d", kernels=tmp_path / "nowhere", workers=1)
    assert not any((tmp_path / name).exists() for name in "abcd")


def test_a_name_with_options_keeps_them(estimates):
    from facedeblur.methods.runnable import GivenKernels

    given = GivenKernels(estimates.root / KERNELS, "xu-2013[size=31]", "r", "d")
    entry = find_method("wiener", options={"gamma": 0.5}).with_kernels(given)
    assert entry.shown == "wiener[gamma=0.5,kernels=xu-2013[size=31]]"
    assert not entry.oracle and entry.spec.oracle


@method("sized")
class Sized(Blind):
    """Only its options matter."""

    def latent(self, blurred, size, before):
        raise AssertionError

    def deconvolve(self, blurred, kernel):
        raise AssertionError


def test_size_auto_is_the_largest_of_the_set(tiny, make_set):
    assert find_method(Sized, options={"size": "auto"}, the_set=tiny).options == {"size": 27}
    small = find_method("xu-2013", options={"size": "auto"}, the_set=make_set(sizes=(9, 13), seed=3))
    assert small.options["size"] == 13 and small.shown == "xu-2013[size=13]"
    assert find_method(Sized, options={"size": "31"}, the_set=tiny).options == {"size": 31}


def test_size_auto_needs_a_set_that_tells_sizes(tiny, monkeypatch):
    with pytest.raises(InputError, match="found 'auto'"):
        find_method(Sized, options={"size": "auto"})
    monkeypatch.setattr(type(tiny), "pairs", lambda self: iter(()))
    with pytest.raises(InputError, match="states no kernel sizes"):
        find_method(Sized, options={"size": "auto"}, the_set=tiny)
