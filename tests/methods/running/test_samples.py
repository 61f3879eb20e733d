"""Runs on a sample of a set, from the first image to the scores."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.outputs import NOT_SAMPLED, Outputs
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.sets.sample import sample
from facedeblur.benchmark.whole_set.fid import fid
from facedeblur.methods.running.runner import run

PLUGIN = Path(__file__).resolve().parents[2] / "support" / "kernel_guesses.py"


def test_only_the_sample_is_restored_and_scored(tiny, tmp_path):
    outputs = run("unsharp", tiny, tmp_path / "out", sample=3, workers=1)
    chosen = sample(tiny, 3)
    assert outputs.info["sample"] == {"pairs": 3, "of": 8}
    assert outputs.info["counts"] == {"pairs": 3, "ok": 3, "failed": 0, "not_run": 0}
    assert {row.index for row in outputs.statuses() if row.ok} == chosen
    assert {row.status for row in outputs.statuses() if row.index not in chosen} == {NOT_SAMPLED}
    assert {path.name for path in outputs.root.glob("*.png")} == {pair.name for pair in outputs.pairs()}
    scores = score(tiny, outputs, metrics=["psnr"], workers=1)
    assert set(scores.frame["index"]) == chosen
    assert (scores.frame["status"] == "ok").all()
    whole = score(tiny, run("unsharp", tiny, tmp_path / "whole", workers=1), metrics=["psnr"], workers=1)
    same = whole.frame.set_index("index")["psnr[rgb,255]"].loc[sorted(chosen)]
    assert scores.frame["psnr[rgb,255]"].tolist() == same.tolist()
    again = score(tiny, outputs, metrics=["ssim"], workers=1)
    assert [len(one.frame) for one in (again, Scores.read(outputs.root))] == [3, 3]
    assert again.meta.columns[0].signature == "psnr[rgb,255]"


def test_scores_of_a_sample_and_of_the_whole_set_are_made_together(tiny, tmp_path):
    some = run("unsharp", tiny, tmp_path / "some", sample=3, workers=1)
    other = run("unsharp", tiny, tmp_path / "other", options={"amount": 2.0}, workers=1)
    assert [len(one.frame) for one in score(tiny, [some, other], metrics=["psnr"], workers=1)] == [3, 8]


def test_a_sample_is_extended_and_then_is_the_run_on_the_whole_set(tiny, tmp_path):
    out = tmp_path / "out"
    run("unsharp", tiny, out, sample=2, workers=1)
    stamps = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    larger = run("unsharp", tiny, out, sample=5, workers=1)
    assert len(list(larger.pairs())) == 5
    assert {name: (out / name).stat().st_mtime_ns for name in stamps} == stamps
    assert larger.info["notes"] == ["extended from a sample of 2 pairs"]
    whole = run("unsharp", tiny, out, workers=1)
    assert whole.sample is None
    assert [row.sha256 for row in whole.statuses()] == [
        row.sha256 for row in run("unsharp", tiny, tmp_path / "at-once", workers=1).statuses()
    ]


def test_a_smaller_sample_than_there_is_is_refused(tiny, tmp_path):
    run("unsharp", tiny, tmp_path / "out", sample=4, workers=1)
    with pytest.raises(InputError, match="a run on a sample of 4 pairs, which is more than a sample of 3"):
        run("unsharp", tiny, tmp_path / "out", sample=3, workers=1)
    run("unsharp", tiny, tmp_path / "whole", workers=1)
    with pytest.raises(InputError, match="a run on the whole set, which is more than a sample of 3"):
        run("unsharp", tiny, tmp_path / "whole", sample=3, workers=1)
    assert Outputs.open(tmp_path / "whole", tiny).sample is None


def test_a_sample_of_all_pairs_is_the_whole_set(tiny, tmp_path):
    assert run("unsharp", tiny, tmp_path / "out", sample=8, workers=1).sample is None


def test_intermediate_results_are_of_the_sample(tiny, tmp_path):
    outputs = run("guesses", tiny, tmp_path / "out", plugin=PLUGIN, workers=1, sample=3)
    bank = outputs.kernels()
    assert bank is not None
    assert sorted(bank.ids) == sorted(pair.pair_id for pair in outputs.pairs())


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"sample": 0}, "sample: expected 1 to 8 pairs"),
        ({"sample": 9}, "sample: expected 1 to 8 pairs"),
        ({"sample": 2, "limit": 2}, "'limit' and 'sample' exclude each other"),
    ],
)
def test_what_cannot_be_is_refused(tiny, tmp_path: Path, options, line):
    with pytest.raises(InputError, match=line):
        run("unsharp", tiny, tmp_path / "out", workers=1, **options)
    assert not (tmp_path / "out").exists()


def test_a_test_of_the_whole_set_refuses_a_sample(tiny, tmp_path):
    outputs = run("unsharp", tiny, tmp_path / "out", sample=3, workers=1)
    with pytest.raises(InputError, match="restored 3 pairs, a sample of the set's 8, and this is a test of the whole"):
        fid(tiny, outputs, workers=1)


def test_a_run_has_the_name_that_it_is_given(tiny, tmp_path):
    named = run("unsharp", tiny, tmp_path / "out", options={"amount": 2.0}, name="strong, 2×", limit=1, workers=1)
    assert (named.method, named.info["described"], named.info["name"]) == (
        "strong, 2×",
        "unsharp[amount=2.0]",
        "unsharp",
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("two\nlines", "expected at most 80 printable characters"),
        (" blank", "expected at most 80 printable characters"),
        ("x" * 81, "expected at most 80 printable characters"),
        ("wiener", "'wiener' is the name of another method"),
    ],
)
def test_a_name_that_no_table_can_show_is_refused(tiny, tmp_path, name, line):
    with pytest.raises(InputError, match=line):
        run("unsharp", tiny, tmp_path / "out", name=name, workers=1)
