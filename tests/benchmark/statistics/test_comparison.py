"""Paired comparisons: against scipy where there is one way, by hand where there are few pairs; what is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column, ScoreMeta, Scores
from facedeblur.benchmark.statistics.comparison import compare, holm
from facedeblur.benchmark.statistics.standard_error import crossing, standard_error
from facedeblur.benchmark.statistics.two_way_bootstrap import interval

PSNR = Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0)
DISTANCE = Column("identity[facenet@01ab,l2]", "Identity L2", "", False, 2.0)


def scores(method: str, values: Sequence[float], *, kernels: int = 5, **columns: Sequence[float]) -> Scores:
    """A table of faces x `kernels`; NaN is a failed pair."""
    n = len(values)
    face, kernel = np.divmod(np.arange(n), kernels)
    frame = pd.DataFrame(
        {
            "index": np.arange(n),
            "pair_id": [f"p{i}" for i in range(n)],
            "image_id": [f"image {i}" for i in face],
            "identity": [f"person {i}" for i in face],
            "role": "test",
            "kernel_id": [f"ker{i}" for i in kernel],
            "kernel_size": 13,
            "status": ["failed: missing" if math.isnan(value) else "ok" for value in values],
            "seconds": 0.0,
            "sha256": "",
            PSNR.signature: np.asarray(values, float),
        }
    )
    found = [PSNR]
    if columns:
        frame[DISTANCE.signature] = columns["distance"]
        found.append(DISTANCE)
    return Scores(frame, meta(method, tuple(found)))


def meta(method: str, columns: tuple[Column, ...], **other: Any) -> ScoreMeta:
    made = ScoreMeta({"name": "tiny", "hash": "a1" * 32}, {"method": method, "hash": method}, "p", columns, (), (), {})
    return replace(made, **other)


RNG = np.random.default_rng(5)
A, B = RNG.normal(25, 2, 40), RNG.normal(24, 2, 40)


def test_difference_interval_and_p_are_those_of_the_pairs() -> None:
    found = compare([scores("a", A)], baseline=scores("b", B), draws=300, seed=2)
    (row,) = found.rows
    face, kernel = np.divmod(np.arange(40), 5)
    bounds = interval(A - B, face, kernel, draws=300, seed=2)
    error = standard_error(A - B, crossing(face, kernel))
    assert row.difference == pytest.approx((A - B).mean(), rel=1e-13)
    assert (row.low, row.high) == pytest.approx((bounds.low, bounds.high), rel=1e-9)
    assert row.p == pytest.approx(2 * stats.t.sf(abs(error.mean) / error.error, error.freedom), rel=1e-12)
    assert (row.mean, row.baseline_mean) == pytest.approx((A.mean(), B.mean()))
    assert (row.method, row.baseline, row.resampled, row.n) == ("a", "b", "faces x kernels", 40)
    assert (found.faces, found.kernels) == (8, 5)


def test_a_blur_of_its_own_for_each_face_is_the_paired_t_test() -> None:
    tables = [scores(name, values, kernels=1) for name, values in (("a", A), ("b", B))]
    one, two = (Scores(table.frame.assign(kernel_id="", kernel_size=0), table.meta) for table in tables)
    (row,) = compare([one], baseline=two).rows
    assert row.p == pytest.approx(stats.ttest_rel(A, B).pvalue, rel=1e-10)
    assert row.resampled == "faces"


@pytest.mark.parametrize(
    ("faces", "kernels", "why"),
    [
        (4, 10, "only 4 faces"), (10, 4, "only 4 kernels"), (1, 1, "only 1 face and 1 kernel"), (5, 5, ""),
        (4, 3, "only 4 faces and 3 kernels"),
    ],
)  # fmt: skip
def test_with_too_few_faces_or_kernels_there_are_differences_and_no_tests(faces: int, kernels: int, why: str) -> None:
    values = np.random.default_rng(0).normal(25, 2, faces * kernels)
    others = values - np.random.default_rng(1).normal(4, 0.1, values.size)
    found = compare([scores("a", values, kernels=kernels)], baseline=scores("b", others, kernels=kernels), draws=100)
    (row,) = found.rows
    assert found.too_few == row.untested == why
    assert row.difference == pytest.approx((values - others).mean(), rel=1e-12) and row.wins == values.size
    assert row.better == ("" if why else "a")
    assert [math.isnan(number) for number in (row.low, row.high, row.p, row.p_holm)] == [bool(why)] * 4
    shown = found._repr_html_()
    assert ("at least 5 faces and 5 kernels" in shown) == ("nan" not in shown and "p (Holm)" not in shown) == bool(why)


def test_options_are_checked_where_nothing_is_tested() -> None:
    with pytest.raises(InputError, match="draws"):
        compare([scores("a", A[:4])], baseline=scores("b", B[:4]), draws=5)


def test_a_true_zero_is_called_a_difference_about_as_often_as_it_says() -> None:
    called, pairs_as_independent, sets = 0, 0, 400
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        y = rng.normal(0, 1, (20, 1)) + rng.normal(0, 1, (1, 10)) + rng.normal(0, 1, (20, 10))
        (row,) = compare(
            [scores("a", y.ravel(), kernels=10)], baseline=scores("b", np.zeros(200), kernels=10), draws=100
        ).rows
        called += row.p < 0.05
        pairs_as_independent += stats.ttest_1samp(y.ravel(), 0).pvalue < 0.05
    assert 0.03 <= called / sets <= 0.075
    assert pairs_as_independent / sets > 0.3


def test_wins_ties_losses_follow_the_direction() -> None:
    values, others = [20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0], [20.0, 20.0, 23.0, 22.0, 24.05, 24, 25, 26]
    one, two = scores("a", values, distance=values), scores("b", others, distance=others)
    psnr, distance = compare([one], baseline=two, draws=100, tie=0.1).rows
    assert (psnr.wins, psnr.ties, psnr.losses) == (5, 2, 1)
    assert (distance.wins, distance.ties, distance.losses) == (1, 2, 5)
    assert compare([one], baseline=two, draws=100).rows[0].ties == 1
    assert psnr.tie == 0.1


def test_better_names_the_better_one_where_it_is_sure() -> None:
    noise = RNG.normal(0, 0.1, 40)
    one, two = scores("a", A + 1 + noise, distance=A + 1 + noise), scores("b", A, distance=A)
    assert [row.better for row in compare([one], baseline=two).rows] == ["a", "b"]
    assert compare([scores("a", A + noise - noise.mean())], baseline=two).rows[0].better == ""


def test_failures_count_as_the_metric_says() -> None:
    values = A.copy()
    values[3] = math.nan
    (row,) = compare([scores("a", values)], baseline=scores("b", B)).rows
    assert (row.failed, row.baseline_failed) == (1, 0)
    assert row.difference == pytest.approx((np.where(np.isnan(values), 0, values) - B).mean())


def test_infinite_values() -> None:
    values, others = A.copy(), B.copy()
    values[0] = others[0] = math.inf
    (row,) = compare([scores("a", values)], baseline=scores("b", others)).rows
    assert row.infinite == 0 and row.difference == pytest.approx((A - B)[1:].sum() / 40) and row.mean == math.inf
    values[1] = math.inf
    (row,) = compare([scores("a", values)], baseline=scores("b", others)).rows
    assert (row.infinite, row.difference, row.better) == (1, math.inf, "")
    assert math.isnan(row.low) and math.isnan(row.p_holm)
    others[2] = math.inf
    assert math.isnan(compare([scores("a", values)], baseline=scores("b", others)).rows[0].difference)


def test_the_same_difference_everywhere() -> None:
    base = scores("b", B)
    (row,) = compare([scores("a", B)], baseline=base).rows
    assert (row.difference, row.low, row.high, row.p, row.ties, row.better) == (0, 0, 0, 1, 40, "")
    (row,) = compare([scores("a", np.full(40, 3.0))], baseline=scores("b", np.full(40, 2.0))).rows
    assert (row.difference, row.low, row.high, row.p, row.better) == (1, 1, 1, 0, "a")


def test_holm_by_hand() -> None:
    # 0.01 x 4, 0.02 x 3, 0.03 x 2 = 0.06 again, 0.5.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    got = holm([math.nan, 0.01, 0.04])
    assert math.isnan(got[0]) and got[1:] == pytest.approx([0.02, 0.04])
    assert holm([]) == []


def test_the_family_is_all_methods_and_metrics() -> None:
    base = scores("b", B, distance=B)
    tables = [scores("a", A, distance=B + RNG.normal(0, 1, 40)), scores("c", B + RNG.normal(0, 1, 40), distance=A)]
    rows = compare(tables, baseline=base, draws=100).rows
    assert [(row.method, row.metric) for row in rows] == [
        (method, metric) for method in "ac" for metric in (PSNR.signature, DISTANCE.signature)
    ]
    assert [row.p_holm for row in rows] == holm([row.p for row in rows])


def test_rows_are_matched_by_pair() -> None:
    one, two = scores("a", A), scores("b", B)
    turned = Scores(one.frame[::-1].reset_index(drop=True), one.meta)
    assert compare([turned], baseline=two) == compare([one], baseline=two)


def test_pairs_without_kernels_or_identities() -> None:
    tables = []
    for method, values in (("a", A), ("b", B)):
        made = scores(method, values)
        tables.append(Scores(made.frame.assign(kernel_id="", kernel_size=0, identity=""), made.meta))
    found = compare(tables[:1], baseline=tables[1])
    assert (found.faces, found.kernels, found.rows[0].resampled) == (8, 0, "faces")


def test_a_metric_of_one_table_is_left_out_and_told() -> None:
    one, two = scores("a", A, distance=A), scores("b", B)
    found = compare([one], baseline=two)
    assert [row.metric for row in found.rows] == [PSNR.signature]
    assert found.left_out == ((DISTANCE.signature, "not in 'b'"),)
    with pytest.raises(InputError, match=r"metric 'identity\[facenet@01ab,l2\]' of the scores of 'b': expected one of"):
        compare([one], baseline=two, metrics=[DISTANCE.signature])
    assert len(compare([one], baseline=scores("b", B, distance=B), metrics=[DISTANCE.signature]).rows) == 1


def test_bad_input() -> None:
    one, two = scores("a", A), scores("b", B)
    other_set = Scores(two.frame, replace(two.meta, set={"name": "far", "hash": "b2" * 32}))
    renamed = Column("psnr[y,255]", "PSNR", "dB", True, 0.0)
    for table, told in [
        (other_set, r"expected set 'tiny' \(a1a1a1a1a1\) as in scores of 'a'"),
        (scores("b", B[:36]), "other pairs"),
        (Scores(two.frame.assign(pair_id="p0"), two.meta), "other pairs"),
        (one, "the same run"),
        (Scores(two.frame.rename(columns={PSNR.signature: renamed.signature}), meta("b", (renamed,))), "definitions"),
        (Scores(two.frame, meta("b", (replace(PSNR, failure=5.0),))), "found 5"),
        (Scores(two.frame, meta("b", ())), "the score table is empty"),
        (Scores(two.frame, meta("b", (DISTANCE,))), "have no metric in common"),
    ]:
        with pytest.raises(InputError, match=told) as raised:
            compare([table], baseline=one)
        assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="no other scores to compare"):
        compare([], baseline=one)
    for tie in (-1.0, math.nan):
        with pytest.raises(InputError, match="tie"):
            compare([one], baseline=two, tie=tie)
    with pytest.raises(InputError, match="level"):
        compare([one], baseline=two, level=95)
    empty = [Scores(table.frame[:0], table.meta) for table in (one, two)]
    with pytest.raises(InputError, match="the score table is empty"):
        compare(empty[:1], baseline=empty[1])


def test_comparisons_as_a_table_and_in_a_notebook() -> None:
    found = compare([scores("a <b>", A)], baseline=scores("b", B))
    (row,) = found.frame.to_dict("records")
    assert (row["method"], row["difference"], row["better"]) == (
        "a <b>",
        found.rows[0].difference,
        found.rows[0].better,
    )
    shown = found._repr_html_()
    assert "a &lt;b&gt;" in shown and "<b>" not in shown and f"{found.rows[0].difference:+.4f}" in shown
