"""Intervals of means stay where a mean can be: intervals are cut to limits, tables carry them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import KEYS, Column, ScoreMeta, Scores
from facedeblur.benchmark.statistics.comparison import compare
from facedeblur.benchmark.statistics.intervals import FEWEST, factors, spread, spreads, too_few
from facedeblur.benchmark.statistics.two_way_bootstrap import Interval, interval

SSIM = Column("ssim[skimage,uniform,w7]", "SSIM", "", True, -1.0, least=-1.0, most=1.0)
FOUND = Column("detection[x]", "Found", "fraction", True, 0.0, least=0.0, most=1.0)
PSNR = Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0, least=0.0)
FREE = Column("own[x]", "Own", "", True, 0.0)
RANGES = (
    SSIM, FOUND, PSNR, FREE, replace(FREE, signature="free", failure=math.inf),
    Column("capped", "PSNR", "dB", True, 0.0, least=0.0, most=40.0),
    Column("share", "MS-SSIM", "", True, 0.0, least=0.0, most=1.0),
    Column("error", "Kernel error", "", False, 2.0, least=0.0, most=2.0),
    Column("squared", "Identity", "", False, 4.0, least=0.0, most=4.0),
    Column("fraction", "Landmarks", "fraction", False, 1.0, least=0.0),
    Column("long", "Identity", "", False, 2.0, least=0.0),
    Column("features", "d_VGG", "", False, math.inf, least=0.0),
    Column("beyond", "DISTS", "", False, 1.0, least=0.0, most=2.0),
)  # fmt: skip
"""The ranges and failures of the metrics."""


def scores(method: str, faces: int, kernels: int, columns: dict[Column, np.ndarray], failed: np.ndarray) -> Scores:
    face, kernel = np.divmod(np.arange(faces * kernels), kernels)
    frame = pd.DataFrame(
        {
            "index": np.arange(face.size),
            "pair_id": [f"p{at}" for at in range(face.size)],
            "image_id": [f"image {at}" for at in face],
            "identity": "",
            "role": "test",
            "kernel_id": [f"ker{at}" for at in kernel],
            "kernel_size": 13,
            "status": np.where(failed, "failed: missing", "ok"),
            "seconds": 0.0,
            "sha256": "",
        }
    )
    assert tuple(frame.columns) == KEYS
    for column, values in columns.items():
        frame[column.signature] = np.where(failed, np.nan, values)
    known = {"name": "tiny", "hash": "a1" * 32}
    return Scores(frame, ScoreMeta(known, {"method": method, "hash": method}, "p", tuple(columns), (), (), {}))


def near_the_ends(rng: np.random.Generator, column: Column, size: int) -> np.ndarray:
    """Values of which many lie at an end of the range or close to it."""
    least, most = max(column.least, -50.0), min(column.most, max(column.least, -50.0) + 50.0)
    shares = rng.beta(*rng.uniform(0.05, 3, 2), size)
    # One face may lie apart from the other.
    shares[: size // 2] *= rng.uniform(0, 1)
    return np.clip(least + (most - least) * shares, column.least, column.most)


def test_intervals_of_few_faces_stay_where_the_mean_can_be() -> None:
    rng, cut = np.random.default_rng(0), 0
    for _ in range(12):
        kernels = int(rng.integers(5, 10))
        failed = rng.random(5 * kernels) < rng.choice([0.0, 0.2])
        values = {column: near_the_ends(rng, column, 5 * kernels) for column in RANGES}
        table = scores("a", 5, kernels, values, failed)
        for column, found in ((column, spreads(table)[column.signature]) for column in RANGES):
            least, most = min(column.least, column.failure), max(column.most, column.failure)
            counted = np.where(failed, column.failure, values[column])
            if found.interval is None:
                assert found.absent in ("equal values", "infinite values")
                assert np.unique(counted).size == 1 or not np.isfinite(counted).all()
                continue
            low, high = found.interval.low, found.interval.high
            assert least <= low <= counted.mean() + 1e-12 and counted.mean() - 1e-12 <= high <= most, column
            assert found.interval.basis == f"5 faces x {kernels} kernels"
            uncut = interval(counted, *np.divmod(np.arange(5 * kernels), kernels))
            assert (low, high) == pytest.approx((max(uncut.low, least), min(uncut.high, most)), rel=1e-9, abs=1e-12)
            cut += (uncut.low < least) + (uncut.high > most)
    assert cut > 10, "these sets ask for cuts"


def test_faces_and_kernels_are_numbered_in_the_order_of_their_names() -> None:
    """Against names written out row by row; an absent identity or kernel has the name of its image or pair."""
    rng = np.random.default_rng(0)
    table = scores("a", 12, 9, {FREE: np.zeros(108)}, np.zeros(108, dtype=bool))
    frame = table.frame.sample(frac=1, random_state=1)
    frame["identity"] = rng.choice(np.array(["a", "b", "10", "9", "", None, np.nan], dtype=object), 108)
    frame["kernel_id"] = rng.choice(np.array(["k1", "k10", "k2", ""], dtype=object), 108)
    frame["kernel_size"] = rng.choice([9, 13, 101], 108)
    got = factors(Scores(frame, table.meta))
    faces = [
        f"i {row.identity}" if row.identity == row.identity and row.identity else f"p {row.image_id}"
        for row in frame.itertuples()
    ]
    kernels = [
        f"k {row.kernel_id} {row.kernel_size}" if row.kernel_id else f"p {row.pair_id}" for row in frame.itertuples()
    ]
    for numbers, names in zip(got, (faces, kernels), strict=True):
        assert numbers.tolist() == np.unique(names, return_inverse=True)[1].tolist()


def test_a_failure_outside_the_limits_widens_them() -> None:
    face, kernel = np.divmod(np.arange(25), 5)
    column = replace(SSIM, failure=-3.0)
    assert column.mean_limits == (-3.0, 1.0) and FREE.mean_limits == (-math.inf, math.inf)
    table = scores("a", 5, 5, {column: 0.5 + 0.01 * kernel}, face < 3)
    found = spreads(table)[column.signature].interval
    assert found is not None and found.low == -3.0 and found.high <= 1.0


def test_equal_values_have_no_interval() -> None:
    faces, kernels = np.divmod(np.arange(25), 5)
    found = spread(np.ones(25), faces, kernels)
    assert found.interval is None and found.absent == "equal values"


@pytest.mark.parametrize(
    ("faces", "kernels", "why"),
    [(1, 80, "only 1 face"), (80, 1, "only 1 kernel"), (4, 4, "only 4 faces and 4 kernels"), (FEWEST, FEWEST, "")],
)
def test_too_few_faces_or_kernels_have_no_interval(faces: int, kernels: int, why: str) -> None:
    of = np.divmod(np.arange(faces * kernels), kernels)
    found = spread(np.arange(faces * kernels, dtype=float), *of)
    assert too_few(*of) == found.absent == why and (found.interval is None) == bool(why)


def test_the_part_of_an_interval() -> None:
    whole = Interval(-0.5, 1.5, 0.95, 100, "faces", 5, 1)
    assert whole.within(-math.inf, math.inf) == whole
    assert whole.within(0, 1) == replace(whole, low=0.0, high=1.0)
    assert whole.within(-1, 2) == whole and whole.basis == "5 faces"


def test_differences_are_cut_to_those_that_two_means_can_have() -> None:
    rng, failed = np.random.default_rng(1), np.zeros(25, bool)
    face, kernel = np.divmod(np.arange(25), 5)
    far = {FOUND: (face > 0) * 1.0, PSNR: 20.0 + 15 * face + rng.random(25), FREE: rng.random(25) + face}
    near = {FOUND: np.zeros(25), PSNR: np.full(25, 10.0), FREE: np.zeros(25)}
    found = compare([scores("a", 5, 5, far, failed)], baseline=scores("b", 5, 5, near, failed)).rows
    for row, column in zip(found, far, strict=True):
        uncut = interval(far[column] - near[column], face, kernel)
        wanted = (uncut.low, 1.0) if column is FOUND else (uncut.low, uncut.high)
        assert (row.low, row.high) == pytest.approx(wanted, rel=1e-9)
        assert column is not FOUND or uncut.high > 1


@pytest.mark.parametrize("name", ["a.parquet", "scores.parquet"])
def test_tables_carry_the_limits(tmp_path: Path, name: str) -> None:
    values = {SSIM: np.linspace(0.5, 0.9, 8), PSNR: np.linspace(20, 30, 8), FREE: np.arange(8.0)}
    scores("a", 2, 4, values, np.zeros(8, bool)).write(tmp_path / name)
    assert Scores.read(tmp_path / name).meta.columns == (SSIM, PSNR, FREE)


def test_a_table_without_limits_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "scores.parquet"
    scores("a", 2, 4, {SSIM: np.linspace(0.5, 0.9, 8)}, np.zeros(8, bool)).write(file)
    table = pq.read_table(file)
    fields = json.loads(table.schema.metadata[b"facedeblur"])
    fields["schema"] = 1
    for column in fields["columns"]:
        del column["least"], column["most"]
    pq.write_table(table.replace_schema_metadata({"facedeblur": json.dumps(fields)}), file)
    with pytest.raises(InputError) as raised:
        Scores.read(file)
    assert str(raised.value) == f"{file}: expected schema 2, found 1; score again"
