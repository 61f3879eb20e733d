"""The leaderboard against sums done by hand, and the tables it must refuse."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import gather, without_interval
from facedeblur.reports.leaderboard.files import read_leaderboard, write_leaderboard
from facedeblur.reports.leaderboard.table import leaderboard, merge
from facedeblur.reports.page.leaderboard import table as page_table

PSNR, DISTANCE = "psnr[rgb,255]", "identity[dlib-resnet@0123abcd,l2]"
Make = Callable[..., Scores]


def random_psnr(seed: int, n: int = 80) -> np.ndarray:
    return np.random.default_rng(seed).normal(25, 3, n)


def test_statistics_are_those_of_the_definition(scores_of: Make) -> None:
    psnr = random_psnr(0)
    row = leaderboard([scores_of("a", psnr, status={3: "failed: hung", 40: "failed: hung"})]).iloc[0]
    counted = [0.0 if at in (3, 40) else float(value) for at, value in enumerate(psnr)]
    assert row[f"{PSNR}:mean"] == pytest.approx(sum(counted) / 80, abs=1e-12)
    assert row[f"{PSNR}:std"] == pytest.approx(statistics.pstdev(counted), abs=1e-12)
    for part, share in (("q05", 0.05), ("median", 0.5), ("q95", 0.95)):
        assert row[f"{PSNR}:{part}"] == pytest.approx(np.quantile(counted, share), abs=1e-12)
    assert row[f"{PSNR}:tail"] == pytest.approx(sum(sorted(counted)[:4]) / 4, abs=1e-12), "four of 80 are 5 %"
    assert row[f"{PSNR}:worst"] == 0.0
    assert row[f"{DISTANCE}:worst"] == 2.0, "the worst distance is the largest"
    assert (row[f"{PSNR}:failed"], row["ok"], row["pairs"], row["coverage"]) == (2, 78, 80, "78/80")


def test_a_value_missing_on_a_good_row_counts_as_failed_in_that_metric_only(scores_of: Make) -> None:
    table = scores_of("a", random_psnr(0))
    table.frame.loc[5, DISTANCE] = np.nan
    row = leaderboard([table]).iloc[0]
    assert (row[f"{DISTANCE}:failed"], row[f"{PSNR}:failed"], row["ok"]) == (1, 0, 80)
    assert row[f"{DISTANCE}:worst"] == 2.0


def test_identical_images_show(scores_of: Make, tmp_path: object) -> None:
    psnr = random_psnr(1)
    psnr[7] = np.inf
    board = gather([scores_of("a", psnr), scores_of("b", psnr - 1)])
    row = leaderboard(board).iloc[0]
    assert math.isinf(row[f"{PSNR}:mean"]) and math.isnan(row[f"{PSNR}:std"]) and row[f"{PSNR}:infinite"] == 1
    assert text.value(row[f"{PSNR}:mean"], board.headline) == "∞"


def test_best_first_and_oracles_apart(scores_of: Make) -> None:
    psnr = random_psnr(2)
    tables = [scores_of("low", psnr - 5), scores_of("oracle", psnr + 5, oracle=True), scores_of("high", psnr)]
    frame = leaderboard(tables)
    assert list(frame["method"]) == ["high", "low", "oracle"]
    assert list(frame["rank"].isna()) == [False, False, True] and list(frame["rank"][:2]) == [1, 2]
    assert list(frame["oracle"]) == [False, False, True]


def test_equal_methods_share_a_rank(scores_of: Make) -> None:
    psnr = random_psnr(2)
    gains = {"best": 3.0, "x": 1.0, "same": 1.0, "printed alike": 1.0 - 1e-9, "last": 0.0, "worst": -9.0}
    tables = [scores_of(name, psnr + gain) for name, gain in gains.items()]
    frame = leaderboard([*tables, scores_of("oracle", psnr + 1, oracle=True)])
    assert list(frame["method"]) == ["best", "same", "x", "printed alike", "last", "worst", "oracle"]
    assert list(frame["rank"][:6]) == [1, 2, 2, 2, 5, 6] and frame["rank"].isna()[6]
    page = page_table(gather(tables))["parts"][0]["rows"]
    assert [row["place"] for row in page] == [1, 2, 2, 2, 5, 6], "the report says the same"


@pytest.mark.parametrize("seed", range(8))
def test_what_is_never_worse_never_ranks_below(scores_of: Make, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 3, 20) * 0.004 + 25
    values = {f"m{at}": base - rng.integers(0, 3, 20) * 0.004 * rng.integers(0, 2) for at in rng.permutation(9)}
    values |= {"inf": np.where(np.arange(20) == 3, np.inf, base), "none": base}
    failed = {"none": dict.fromkeys(range(20), "failed: x"), "m0": {5: "failed: x"}}
    frame = leaderboard([scores_of(name, psnr, status=failed.get(name)) for name, psnr in values.items()])
    counted = {
        name: np.where([at in failed.get(name, {}) for at in range(20)], 0, psnr) for name, psnr in values.items()
    }
    rank, mean_rank = (frame.set_index("method")[name] for name in ("rank", "mean_rank"))
    compared = 0
    for one, two in permutations(counted, 2):
        if (counted[one] >= counted[two]).all():
            compared += 1
            assert rank[one] <= rank[two] and mean_rank[one] <= mean_rank[two], (one, two)
    assert compared >= 20 and frame["rank"].nunique() < len(frame)


def test_lower_is_better_ranks_by_the_smallest(scores_of: Make) -> None:
    near = Column("distance[x]", "Distance", "", False, 9.0)
    tables = [scores_of(name, np.full(20, value), columns=(near,)) for name, value in [("far", 3.0), ("near", 1.0)]]
    assert list(leaderboard(tables)["method"]) == ["near", "far"]


def test_equal_methods_keep_an_order_of_their_own(scores_of: Make) -> None:
    psnr = random_psnr(3)
    both = [scores_of("b", psnr), scores_of("a", psnr)]
    assert list(leaderboard(both)["method"]) == list(leaderboard(both[::-1])["method"]) == ["a", "b"]


def test_what_a_run_said_of_its_speed_and_size_is_in_the_files(scores_of: Make, tmp_path) -> None:  # type: ignore[no-untyped-def]
    psnr = random_psnr(4)
    psnr[0] = np.inf
    timings = {"mean_s": 0.0125, "median_s": 0.012, "std_s": 0.001, "images": 9, "width": 240, "height": 200}
    run = {
        "timings": timings, "parameters": 1_234_567, "bytes_fp32": 4_938_268, "bytes_weights": 2_500_000,
        "memory": {"rule": "resident", "peak_bytes": 250_000_000}, "device": "cuda", "device_name": "Card",
        "precision": "fp16",
    }  # fmt: skip
    frame = leaderboard([scores_of("a, b", psnr, run=run), scores_of("c", random_psnr(5))])
    write_leaderboard(frame, tmp_path / "leaderboard.csv")
    read = read_leaderboard(tmp_path / "leaderboard.csv")
    told = {
        "seconds_per_image": 0.0125, "seconds_median": 0.012, "seconds_std": 0.001, "images_timed": 9,
        "image_width": 240, "image_height": 200, "parameters": 1_234_567, "mb_fp32": 4.938268, "mb_weights": 2.5,
        "peak_memory_mb": 250, "peak_memory_rule": "resident", "device": "cuda", "device_name": "Card",
        "precision": "fp16",
    }  # fmt: skip
    assert {name: read.loc[0, name] for name in told} == told
    for_people = pd.read_csv(tmp_path / "leaderboard.csv").rename(columns={"seconds": "seconds_per_image"})
    short = {name: value for name, value in told.items() if name in for_people}
    assert len(short) == 7 and {name: for_people.loc[0, name] for name in short} == short | {"mb_fp32": 4.93827}
    unknown = read.loc[1, list(told)].replace("", None)
    assert unknown.isna().all() and for_people.loc[1, list(short)].isna().all(), "nothing is made up"


def test_means_have_the_interval_of_other_faces_and_kernels(scores_of: Make) -> None:
    from facedeblur.benchmark.statistics.two_way_bootstrap import interval

    psnr = random_psnr(9)
    table = scores_of("a", psnr, status={3: "failed: hung"})
    row = leaderboard([table]).iloc[0]
    values = np.where(np.arange(80) == 3, 0.0, psnr)
    # Eight people of ten pairs; a kernel is its name and its size.
    kernels = [f"{at % 10} {at % 8}" for at in range(80)]
    wanted = interval(values, np.repeat(np.arange(8), 10), kernels)
    assert (row[f"{PSNR}:low"], row[f"{PSNR}:high"]) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert row[f"{PSNR}:interval"] == "8 faces x 40 kernels"
    assert row[f"{PSNR}:low"] < row[f"{PSNR}:mean"] < row[f"{PSNR}:high"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"identity": "one"}, "only 1 face"),
        ({"identity": "", "image_id": "one"}, "only 1 face"),
        ({"kernel_id": "k", "kernel_size": 13}, "only 1 kernel"),
        ({PSNR: np.inf}, "infinite values"),
    ],
)
def test_an_interval_that_cannot_be_had_is_absent(scores_of: Make, change: dict[str, object], why: str) -> None:
    table = scores_of("a", random_psnr(9))
    for name, value in change.items():
        table.frame[name] = value
    row = leaderboard([table]).iloc[0]
    assert math.isnan(row[f"{PSNR}:low"]) and math.isnan(row[f"{PSNR}:high"])
    assert row[f"{PSNR}:interval"] == f"absent: {why}"
    (line,) = [line for line in without_interval(gather([table])) if why in line]
    assert ("PSNR of a" in line) == (why == "infinite values"), "said once where it is of the set"


def test_metrics_without_an_interval_are_named_once(scores_of: Make) -> None:
    tables = [scores_of(name, random_psnr(seed) + 9) for seed, name in enumerate(("a", "b", "c"))]
    found = next(column for column in tables[0].meta.columns if column.signature.startswith("detection"))
    for table in tables[:2]:
        table.frame[found.signature] = 1.0
    tables[2] = scores_of("c", np.zeros(80), status=dict.fromkeys(range(80), "failed: hung"))
    (line,) = without_interval(gather(tables))
    assert line == f"equal values ({found.label} of a, b; all metrics of c)"


def test_blur_of_its_own_for_each_pair_is_another_choice_too(scores_of: Make) -> None:
    table = scores_of("a", random_psnr(9))
    table.frame["kernel_id"] = ""
    row = leaderboard([table]).iloc[0]
    assert row[f"{PSNR}:interval"] == "8 faces" and row[f"{PSNR}:low"] < row[f"{PSNR}:high"]


@pytest.mark.parametrize(
    ("low", "high", "unit", "printed"),
    [
        (25.94, 26.86, "dB", "[25.9, 26.9]"),
        (25.94, 25.97, "dB", "[25.94, 25.97]"),
        (0.98123, 0.99523, "", "[0.981, 0.995]"),
        (-0.0001, 0.9, "fraction", "[0.0, 90.0]"),
        (-0.5, 0.25, "", "[−0.500, 0.250]"),
    ],
)
def test_intervals_are_printed_short(low: float, high: float, unit: str, printed: str) -> None:
    assert text.between(low, high, Column("m", "M", unit, True, 0.0)) == printed


def test_a_definition_more_is_a_blank_not_a_contradiction(scores_of: Make) -> None:
    more = Column("psnr[y-limited,255]", "PSNR Y", "dB", True, 0.0)
    one = scores_of("a", random_psnr(1))
    two = scores_of("b", random_psnr(2), columns=(*one.meta.columns, more))
    for tables in ([one, two], [two, one]):
        frame = leaderboard(tables).set_index("method")
        assert math.isnan(frame.loc["a", f"{more.signature}:mean"]) and frame.loc["b", f"{more.signature}:mean"] > 0
        assert frame.loc["a", f"{more.signature}:interval"] == "absent: not measured"


def test_runs_of_one_method_are_told_apart(scores_of: Make) -> None:
    tables = [scores_of("net", random_psnr(6), run={"hash": f"{digit}" * 64}) for digit in (1, 2)]
    assert set(leaderboard(tables)["method"]) == {"net (run 1111111111)", "net (run 2222222222)"}


def test_a_metric_that_one_table_lacks_is_blank(scores_of: Make) -> None:
    whole = scores_of("a", random_psnr(7))
    short = scores_of("b", random_psnr(8), columns=whole.meta.columns[:3])
    frame = leaderboard([short, whole]).set_index("method")
    assert math.isnan(frame.loc["b", f"{DISTANCE}:mean"]) and frame.loc["a", f"{DISTANCE}:mean"] > 0


def other_set(make: Make) -> Scores:
    return make("b", random_psnr(1), set_hash="b2" * 32)


def elsewhere(table: Scores) -> Scores:
    """The same table of a set with another name and hash."""
    return Scores(table.frame, replace(table.meta, set={**table.meta.set, "name": "elsewhere", "hash": "b2" * 32}))


def test_sets_are_ranked_each_by_itself(scores_of: Make) -> None:
    psnr = random_psnr(11)
    here = [scores_of("a", psnr), scores_of("b", psnr - 1), scores_of("only here", psnr - 9)]
    there = [elsewhere(scores_of("a", psnr - 4)), elsewhere(scores_of("b", psnr - 2))]
    frame = leaderboard([here[0], there[0], *here[1:], there[1]])
    assert list(frame["set"]) == ["tiny"] * 3 + ["elsewhere"] * 2
    assert list(frame["method"]) == ["a", "b", "only here", "b", "a"] and list(frame["rank"]) == [1, 2, 3, 1, 2]
    over = dict(zip(frame["method"], frame["mean_rank_sets"], strict=True))
    assert over["a"] == over["b"] == 1.5 and math.isnan(over["only here"])
    assert leaderboard(here)["mean_rank_sets"].isna().all(), "of one set there is nothing to average"


def test_a_metric_of_one_set_is_not_measured_on_another(scores_of: Make) -> None:
    more = Column("niqe[model@0123abcd,p96,stride96]", "NIQE", "", False, 100.0)
    one = scores_of("a", random_psnr(1))
    two = elsewhere(scores_of("a", random_psnr(2), columns=(*one.meta.columns, more)))
    frame = leaderboard([one, two]).set_index("set")
    assert frame.loc["tiny", f"{more.signature}:interval"] == "absent: not measured"
    assert frame.loc["tiny", "mean_rank_of"].split() == [column.signature for column in one.meta.columns]
    assert not frame.loc["tiny", f"{more.signature}:higher_is_better"], "what a metric is does not hang on the set"


def other_signature(make: Make) -> Scores:
    whole = make("b", random_psnr(1))
    columns = (whole.meta.columns[0], Column("ssim[skimage,uniform,w7]", "SSIM", "", True, -1.0))
    return make("b", random_psnr(1), columns=columns)


def other_headline(make: Make) -> Scores:
    return make("b", random_psnr(1), columns=(Column("psnr[y-full,255]", "PSNR Y", "dB", True, 0.0),))


def other_failure(make: Make) -> Scores:
    columns = make("b", random_psnr(1)).meta.columns
    return make("b", random_psnr(1), columns=(replace(columns[0], failure=10.0), *columns[1:]))


def other_direction(make: Make) -> Scores:
    columns = make("b", random_psnr(1)).meta.columns
    return make("b", random_psnr(1), columns=(*columns[:3], replace(columns[3], higher_is_better=True)))


def other_pairs(make: Make) -> Scores:
    return make("b", random_psnr(1, n=40))


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (other_set, ["another set 'tiny'", "b2b2b2b2", "a1a1a1a1", "'a'"]),
        (other_signature, ["ssim[matlab3d,s1.5,w11]", "ssim[skimage,uniform,w7]"]),
        (other_headline, ["psnr[rgb,255]", "psnr[y-full,255]"]),
        (other_failure, ["psnr[rgb,255]", "a failure value of 0 as in scores of 'a'", "found 10"]),
        (other_direction, [DISTANCE, "'higher is better' false as in scores of 'a'", "found true"]),
        (lambda make: make("b", random_psnr(1), columns=()), ["scores of 'b'", "the score table is empty"]),
        (other_pairs, ["80 pairs", "40 rows"]),
        (lambda make: make("a", random_psnr(0)), ["each run once"]),
    ],
)
def test_what_does_not_compare_is_refused_and_both_are_named(
    scores_of: Make, second: Callable[[Make], Scores], told: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        leaderboard([scores_of("a", random_psnr(0)), second(scores_of)])
    line = str(caught.value)
    assert "\n" not in line
    for part in told:
        assert part in line


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_what_the_first_table_lacks_is_compared_too(scores_of: Make, order: tuple[int, ...]) -> None:
    bare = scores_of("a", random_psnr(0)).meta.columns[:1]
    one, two = (
        Column(name, "SSIM", "", True, -1.0) for name in ("ssim[matlab3d,s1.5,w11]", "ssim[skimage,uniform,w7]")
    )
    tables = [
        scores_of(name, random_psnr(at), columns=(*bare, *more))
        for at, (name, more) in enumerate([("a", ()), ("b", (one,)), ("c", (two,))])
    ]
    with pytest.raises(InputError, match=r"ssim.*values of different definitions cannot be compared"):
        leaderboard([tables[at] for at in order])
    tables[2] = scores_of("c", random_psnr(2), columns=(*bare, replace(one, failure=0.5)))
    with pytest.raises(InputError, match="failure value"):
        leaderboard([tables[at] for at in order])


def test_a_metric_that_not_every_pair_has_enters_no_mean_rank(scores_of: Make, tmp_path: Path) -> None:
    psnr = random_psnr(0)
    skin = Column("psnr-class[rgb,255,masked,umsn4,skin]", "PSNR skin", "dB", True, 0.0, partial=True)
    columns = (*scores_of("a", psnr).meta.columns[:1], skin)
    tables = [scores_of(name, psnr + gain, columns=columns) for name, gain in (("a", 1.0), ("b", 0.0))]
    for table, mean in zip(tables, (20.0, 30.0), strict=True):
        table.frame[skin.signature] = mean
    frame = leaderboard(tables)
    assert list(frame["mean_rank"]) == [1, 2] and set(frame["mean_rank_of"]) == {PSNR}
    # A board that was read, of which the score tables are not known any more.
    write_leaderboard(frame, tmp_path / "board.csv")
    other = leaderboard([scores_of("c", psnr - 1, columns=columns)])
    assert list(merge(read_leaderboard(tmp_path / "board.csv"), other)["mean_rank"]) == [1, 2, 3]


def test_nothing_and_empty_are_refused(scores_of: Make) -> None:
    with pytest.raises(InputError, match="no score tables"):
        leaderboard([])
    with pytest.raises(InputError, match="the score table is empty"):
        leaderboard([scores_of("a", [])])


@pytest.mark.parametrize(
    ("number", "unit", "printed"),
    [
        (24.346, "dB", "24.35"),
        (0.89216, "", "0.8922"),
        (0.98765, "fraction", "98.77"),
        (-0.25, "", "−0.2500"),
        (-0.00001, "", "0.0000"),
        (math.inf, "dB", "∞"),
        (-math.inf, "dB", "−∞"),
        (math.nan, "dB", "—"),
    ],
)
def test_values_are_printed_with_the_digits_of_their_unit(number: float, unit: str, printed: str) -> None:
    assert text.value(number, Column("m", "M", unit, True, 0.0)) == printed


def test_counts_and_times_are_printed_short() -> None:
    assert text.coverage(7998, 8000) == "7,998/8,000"
    assert [text.seconds(s) for s in (0.0, 1.5e-7, 0.00228, 0.09996, 0.343, 12.345, 250.4, math.nan)] == [
        "0", "<0.0001", "0.00228", "0.100", "0.343", "12.3", "250", "—",
    ]  # fmt: skip
    assert [text.amount(a) for a in (0, 950, 999_600, 12_345_678, 2.5e9)] == ["0", "950", "1.00 M", "12.3 M", "2.50 G"]
    assert text.amount(47_900_000, "B") == "47.9 MB"


def test_rows_in_another_order_are_the_same_pairs(scores_of: Make) -> None:
    one, two = scores_of("a", random_psnr(0)), scores_of("b", random_psnr(1))
    order = np.random.default_rng(0).permutation(80)
    shuffled = Scores(two.frame.iloc[order].reset_index(drop=True), two.meta)
    pd.testing.assert_frame_equal(leaderboard([one, shuffled]), leaderboard([one, two]), check_exact=True)


def test_objects_paths_and_folders_make_the_same_leaderboard(scores_of: Make, tmp_path: Path) -> None:
    for at, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        scores_of(name, random_psnr(at)).write(tmp_path / name / "scores.parquet")
    folders = [tmp_path / name for name in "ab"]
    wanted = leaderboard(folders)
    assert list(wanted["scores"]) == [(tmp_path / name / "scores.parquet").as_posix() for name in wanted["method"]]
    files = [folder / "scores.parquet" for folder in folders]
    tables = [Scores.read(folder) for folder in folders]
    for given in (map(str, folders), files, tables, iter(tables), [folders[0], tables[1]], gather(tables)):
        pd.testing.assert_frame_equal(leaderboard(given), wanted, check_exact=True)
    pd.testing.assert_frame_equal(leaderboard(tables[0]), leaderboard(folders[:1]), check_exact=True)
