"""Intervals of means stay where a mean can be: declared limits hold, intervals are cut to them, tables carry them."""

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
from facedeblur.benchmark.faces.base import EMBEDDERS, Embedder
from facedeblur.benchmark.metrics.base import METRICS, Metric, metric
from facedeblur.benchmark.metrics.faces.identity import EmbeddingSource, IdentityDistance
from facedeblur.benchmark.scoring.table import KEYS, Column, ScoreMeta, Scores
from facedeblur.benchmark.statistics.bootstrap import Interval, interval
from facedeblur.benchmark.statistics.comparison import compare
from facedeblur.benchmark.statistics.intervals import spread, spreads

SSIM = Column("ssim[skimage,uniform,w7]", "SSIM", "", True, -1.0, least=-1.0, most=1.0)
FOUND = Column("detection[x]", "Found", "fraction", True, 0.0, least=0.0, most=1.0)
PSNR = Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0, least=0.0)
FREE = Column("own[x]", "Own", "", True, 0.0)

MORE = (
    "psnr-class[skin]", "ssim-class[skin]", "psnr[y-limited]", "psnr[y-full]", "psnr[cap40]", "ssim[perchannel]",
    "ssim[skimage]", "ssim[y-full-replicate]", "ms-ssim[w3]", "psnr-crop[cap40]", "psnr-class[skin,region,cap40]",
    "ssim-class[skin,perchannel,region]", "identity[cosine]", "identity[l2sq]", "landmarks[interpupil]", "lpips[vgg]",
)  # fmt: skip
"""Variants that are defined apart from the default of their family."""


def column_of(made: Metric) -> Column:
    least, most = made.limits
    shown = (str(made.signature), made.label, made.unit)
    return Column(*shown, made.higher_is_better, made.worst, least=least, most=most)


class Units(Embedder):
    """Unit vectors of the grey levels, that of an image opposite to that of its negative."""

    definition, unit_length = ("units",), True

    def embed(self, faces: np.ndarray) -> np.ndarray:
        flat = faces.reshape(len(faces), -1).astype(np.float32) - 127.5
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)


NAMES = ("units,l2", "units,l2sq", "units,cosine", *(name for name in METRICS if not name.endswith("-class")), *MORE)


def made_of(name: str) -> Metric | None:
    """The metric, None where its package or weights are not here."""
    if name.startswith("units"):
        return IdentityDistance(EmbeddingSource(Units()), name.partition(",")[2])
    try:
        return metric(name)
    except InputError as error:
        assert "weight file" in str(error) or "install" in str(error), str(error)
        return None


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


def test_intervals_of_two_faces_stay_where_the_mean_can_be() -> None:
    rng, cut = np.random.default_rng(0), 0
    found = [*map(column_of, filter(None, map(made_of, NAMES))), FREE, replace(FREE, signature="x", failure=math.inf)]
    # Metrics of one range differ in nothing that an interval knows of.
    kinds = {(column.least, column.most, column.failure): column for column in found}
    made = {column.signature: column for column in kinds.values()}
    assert len(found) > 20 and len(made) > 8
    for _ in range(12):
        kernels = int(rng.integers(2, 10))
        failed = rng.random(2 * kernels) < rng.choice([0.0, 0.2])
        values = {column: near_the_ends(rng, column, 2 * kernels) for column in made.values()}
        table = scores("a", 2, kernels, values, failed)
        for column, found in ((column, spreads(table)[column.signature]) for column in made.values()):
            least, most = min(column.least, column.failure), max(column.most, column.failure)
            counted = np.where(failed, column.failure, values[column])
            if found.interval is None:
                assert found.absent in ("equal values", "infinite values")
                assert np.unique(counted).size == 1 or not np.isfinite(counted).all()
                continue
            low, high = found.interval.low, found.interval.high
            assert least <= low <= counted.mean() + 1e-12 and counted.mean() - 1e-12 <= high <= most, column
            assert found.interval.basis == f"2 faces x {kernels} kernels"
            uncut = interval(counted, *np.divmod(np.arange(2 * kernels), kernels))
            assert (low, high) == pytest.approx((max(uncut.low, least), min(uncut.high, most)), rel=1e-9, abs=1e-12)
            cut += (uncut.low < least) + (uncut.high > most)
    assert cut > 50, "these sets ask for cuts"


@pytest.mark.parametrize("name", NAMES)
def test_values_of_extreme_images_lie_in_the_limits(name: str) -> None:
    made = made_of(name)
    if made is None:
        pytest.skip("its weights are not here")
    rng = np.random.default_rng(0)
    if made.needs.kernel:
        points = [np.eye(1, 49, at).reshape(7, 7) for at in (0, 24, 48)]
        kernels = [*points, np.full((5, 5), 0.04), rng.dirichlet(np.full(81, 0.1)).reshape(9, 9)]
        values = made.measure_kernels([(one, other) for one in kernels for other in kernels])
    else:
        side = 168 if "w11" in made.signature.args and made.signature.name == "ms-ssim" else 64
        checks = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
        stripes = np.kron(checks[: side // 8, : side // 8], np.ones((8, 8, 1), np.uint8))
        noise = rng.integers(0, 256, (side, side, 3)).astype(np.uint8)
        bases = [np.zeros_like(noise), checks, stripes, noise]
        images = np.stack([*bases, *(255 - one for one in bases)])
        label = np.ones((side, side), np.uint8)
        values = np.concatenate([made.measure(images, one, made.prepare(one, label)) for one in images])
    known = values[~np.isnan(values)]
    least, most = made.limits
    assert (known >= least).all() and (known <= most * (1 + 1e-6)).all(), (known.min(), known.max())


def test_limits_are_reached_where_they_are_said_to_be() -> None:
    black, white = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)
    assert metric("psnr").measure(black[None], white, None)[0] == metric("psnr").limits[0] == 0
    assert metric("psnr[cap40]").measure(black[None], black, None)[0] == metric("psnr[cap40]").limits[1] == 40
    apart = metric("kernel-error").measure_kernels([(np.ones((1, 1)), np.ones((1, 1)))])
    assert apart[0] == metric("kernel-error").limits[0] == 0
    assert metric("identity[dlib-resnet]").limits[1] == math.inf, "dlib's vectors are longer than 1"


def test_vectors_that_are_said_to_have_length_one_have() -> None:
    said, faces = 0, np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3)).astype(np.uint8)
    for name in EMBEDDERS:
        try:
            made = EMBEDDERS.get(name).of()
        except InputError:
            continue
        if made.unit_length:
            said += 1
            assert np.linalg.norm(made.embed(faces), axis=1) == pytest.approx(1, abs=1e-5)
    if not said:
        pytest.skip("no weights of such an embedder are here")


def test_a_failure_outside_the_limits_widens_them() -> None:
    face, kernel = np.divmod(np.arange(8), 4)
    column = replace(SSIM, failure=-3.0)
    assert column.mean_limits == (-3.0, 1.0) and FREE.mean_limits == (-math.inf, math.inf)
    table = scores("a", 2, 4, {column: 0.5 + 0.01 * kernel}, face == 0)
    found = spreads(table)[column.signature].interval
    assert found is not None and found.low == -3.0 and found.high == 1.0


def test_equal_values_have_no_interval() -> None:
    faces, kernels = np.divmod(np.arange(8), 4)
    found = spread(np.ones(8), faces, kernels)
    assert found.interval is None and found.absent == "equal values"


def test_the_part_of_an_interval() -> None:
    whole = Interval(-0.5, 1.5, 0.95, 100, "faces", 5, 1)
    assert whole.within(-math.inf, math.inf) == whole
    assert whole.within(0, 1) == replace(whole, low=0.0, high=1.0)
    assert whole.within(-1, 2) == whole and whole.basis == "5 faces"


def test_differences_are_cut_to_those_that_two_means_can_have() -> None:
    rng, failed = np.random.default_rng(1), np.zeros(8, bool)
    face = np.arange(8) // 4
    far = {FOUND: face * 1.0, PSNR: 20.0 + 15 * face + rng.random(8), FREE: rng.random(8) + face}
    near = {FOUND: np.zeros(8), PSNR: np.full(8, 10.0), FREE: np.zeros(8)}
    found = compare([scores("a", 2, 4, far, failed)], baseline=scores("b", 2, 4, near, failed)).rows
    kernel = np.arange(8) % 4
    for row, column in zip(found, far, strict=True):
        uncut = interval(far[column] - near[column], face, kernel)
        wanted = (-1.0, 1.0) if column is FOUND else (uncut.low, uncut.high)
        assert (row.low, row.high) == pytest.approx(wanted, rel=1e-9)
        assert column is not FOUND or (uncut.low < -1 and uncut.high > 1)


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
