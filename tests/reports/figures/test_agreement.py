"""Two sets and what they say of methods: rank correlation, regression, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from click.testing import CliRunner
from refusals import told

from facedeblur.benchmark.scoring.table import Scores
from facedeblur.cli.figure import figure
from facedeblur.reports.figures.agreement import ALL, agreement, agreement_figure, means
from facedeblur.reports.figures.style import save
from facedeblur.reports.leaderboard.board import boards

NAMES = ("blurred", "a", "b", "c", "d")
LEVELS = np.array([20.0, 22.0, 21.0, 26.0, 24.0])


@pytest.fixture
def tables(scores_of):
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 1, 80)
    one = [scores_of(name, level + noise) for name, level in zip(NAMES, LEVELS, strict=True)]
    # The other set says x / 2 + 3, but swaps two methods.
    swapped = LEVELS[[0, 2, 1, 3, 4]]
    two = [
        scores_of(name, level / 2 + 3 + noise / 2, set_hash="b2" * 32)
        for name, level in zip(NAMES, swapped, strict=True)
    ]
    return one, [Scores(table.frame, replace(table.meta, set={**table.meta.set, "name": "other"})) for table in two]


def test_ranks_and_regression(tables):
    one, two = tables
    found = agreement([*one, *two], metrics=["psnr"])
    row = found[found["kernel_size"] == ALL].iloc[0]
    x, y = LEVELS[[0, 2, 1, 3, 4]] / 2 + 3, LEVELS
    assert row["methods"] == 5 and row["discordant"] == 1
    # Without ties: 1 - 6 sum d^2 / (n (n^2 - 1)), with two ranks apart by one.
    assert row["spearman"] == pytest.approx(1 - 6 * 2 / (5 * 24))
    flat = [Scores(table.frame.assign(**{"psnr[rgb,255]": 1.0}), table.meta) for table in two]
    assert np.isnan(agreement([*one, *flat], metrics=["psnr"])["slope"]).all(), "without a spread there is no line"
    apart = sum((x[i] - x[j]) * (y[i] - y[j]) < 0 for i, j in combinations(range(5), 2))
    assert row["kendall"] == pytest.approx(1 - 2 * apart / 10)
    design = np.stack([x, np.ones(5)], 1)
    slope = np.linalg.lstsq(design, y, rcond=None)[0][0]
    assert row["slope"] == pytest.approx(slope)


def test_means_are_those_of_each_kernel_size(tables):
    board = boards(tables[0])[0]
    column = board.columns[0]
    frame = means(board, column)
    for method in board:
        values, sizes = method.values(column), method.scores.frame["kernel_size"].to_numpy()
        for size in np.unique(sizes):
            assert frame.loc[method.label, size] == pytest.approx(values[sizes == size].mean())
        assert frame.loc[method.label, ALL] == pytest.approx(values.mean())


def test_the_figure_is_the_same_every_time(tables, tmp_path):
    files = [save(agreement_figure([*tables[0], *tables[1]]), tmp_path / f"{n}.png").read_bytes() for n in range(2)]
    assert files[0] == files[1]


def test_what_does_not_compare_is_refused(tables):
    one, two = tables
    assert "of one set; give tables" in told(lambda: agreement(one))
    assert "expected at least 4 methods on all of them, found 3" in told(lambda: agreement([*one[:3], *two]))
    assert "metric 'lpips': is not in the score tables" in told(lambda: agreement([*one, *two], metrics=["lpips"]))


def test_the_command_prints_and_writes(tables, tmp_path):
    folders = []
    for place, some in enumerate(tables):
        for table in some:
            folders.append(tmp_path / str(place) / table.meta.method)
            folders[-1].mkdir(parents=True)
            table.write(folders[-1] / "scores.parquet")
    out = CliRunner().invoke(
        figure, ["agreement", *map(str, folders), "-o", str(tmp_path / "a.svg"), "--table", str(tmp_path / "a.csv")]
    )
    assert out.exit_code == 0, out.output
    assert "5 methods, Spearman 0.900" in out.output and "1 of 10 pairs in another order" in out.output
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0].startswith("set,against,metric,kernel_size,methods,spearman")
