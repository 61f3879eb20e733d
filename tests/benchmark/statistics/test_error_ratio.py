"""Error ratios against squared errors worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column, ScoreMeta, Scores
from facedeblur.benchmark.statistics.error_ratio import error_ratio

METRIC = "psnr-shift[rgb,255,crop15,max8,step0.25]"


def table(name: str, psnr: list[float], *, oracle: bool = False, metric: str = METRIC, order: list[int] | None = None):
    rows = pd.DataFrame(
        {
            "index": range(len(psnr)), "pair_id": [f"p{i}" for i in range(len(psnr))], "image_id": "im",
            "identity": "im", "role": "test", "kernel_id": "k", "kernel_size": 13,
            "status": ["failed: why" if np.isnan(value) else "ok" for value in psnr], "seconds": 0.1,
            "sha256": "", metric: psnr,
        }
    )  # fmt: skip
    meta = ScoreMeta(
        {"name": "levin", "hash": "h", "path": "."}, {"method": name, "oracle": oracle, "hash": name, "path": "."},
        "levin2009", (Column(metric, "PSNR shift", "dB", True, 0.0),), (), (), {},
    )  # fmt: skip
    return Scores(rows.iloc[order].reset_index(drop=True) if order else rows, meta)


def test_ratios_are_those_of_the_squared_errors():
    rng = np.random.default_rng(0)
    best, own = rng.uniform(5, 20, 40), rng.uniform(10, 90, 40)
    psnr = [10 * np.log10(255**2 / error) for error in (best, own)]
    found = error_ratio(
        table("blind", list(psnr[1])), table("true", list(psnr[0]), oracle=True, order=[*range(39, -1, -1)])
    )
    assert found.ratios == pytest.approx(own / best)
    for limit, share in found.within:
        assert share == np.mean(own / best <= limit)
    assert [limit for limit, _ in found.within] == [2, 3, 5]
    assert found.psnr == pytest.approx(psnr[1].mean())
    assert (found.method, found.reference, found.metric, found.failed) == ("blind", "true", METRIC, 0)


def test_a_failed_pair_is_within_no_limit_and_a_perfect_one_within_all():
    found = error_ratio(
        table("blind", [np.nan, np.inf, 30.0, np.inf]), table("true", [30.0, 30, 30, np.inf], oracle=True)
    )
    assert found.ratios.tolist() == [np.inf, 0, 1, 1]
    assert found.within == ((2, 0.75), (3, 0.75), (5, 0.75))
    assert found.failed == 1
    told = json.loads(json.dumps([found.summary()], allow_nan=False))[0]
    assert told["ratios"] == [None, 0, 1, 1] and told["psnr"] is None and told["failed"] == 1


def test_what_cannot_be_compared_is_refused():
    one, best = table("blind", [30.0, 31]), table("true", [33.0, 34], oracle=True)
    with pytest.raises(InputError, match="finite number, found inf"):
        error_ratio(one, best, limits=(2, np.inf))
    with pytest.raises(InputError, match="true kernel"):
        error_ratio(one, table("other", [33.0, 34]))
    with pytest.raises(InputError, match="one definition"):
        error_ratio(one, table("true", [33.0, 34], oracle=True, metric="psnr-shift[rgb,255,crop15,max5,step0.25]"))
    with pytest.raises(InputError, match="1 of 2 pairs have no score"):
        error_ratio(one, table("true", [33.0, np.nan], oracle=True))
    with pytest.raises(InputError, match="other pairs"):
        error_ratio(one, table("true", [33.0], oracle=True))
    with pytest.raises(InputError, match="the same run"):
        error_ratio(best, best)


def test_the_command_prints_one_line_a_method(tmp_path):
    from facedeblur.cli.error_ratio import error_ratio as command

    for name, scores in (("blind", table("blind", [30.0, 25])), ("true", table("true", [33.0, 33], oracle=True))):
        scores.write(tmp_path / f"{name}.parquet")
    call = [str(tmp_path / "blind.parquet"), "--reference", str(tmp_path / "true.parquet")]
    shown = CliRunner().invoke(command, call, catch_exceptions=False).output.splitlines()
    assert shown[0].split() == ["method", "pairs", "failed", "<=", "2", "<=", "3", "<=", "5", "median", "PSNR", "shift"]
    assert shown[1].split() == ["blind", "2", "0", "50", "%", "50", "%", "50", "%", "4.15", "27.50", "dB"]
    told = json.loads(CliRunner().invoke(command, [*call, "--limit", "10", "--json"]).output)[0]
    assert told["within"] == [[10.0, 1.0]]
