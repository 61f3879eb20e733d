"""The table of Levin's set: error ratios are against the run that restores alike with the true kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.generators.recipe import load_recipe
from facedeblur.reports.tables.published.values import published
from facedeblur.reports.tables.table import PaperTable
from facedeblur.reports.tables.table import tables as paper_tables

SHIFT = Column("psnr-shift[rgb,255,crop15,max8,step0.25]", "PSNR shift", "dB", True, 0.0)
LEVIN = {"name": "levin", "hash": "e" * 64, "path": "nowhere", "counts": {}, "recipe": load_recipe("levin2009")[1]}
TRUE, BLIND = np.array([34.0, 33.0, 32.0, 35.0]), np.array([31.0, 33.0, 29.0, 30.0])
Make = Callable[..., Scores]


def table_of(scores_of: Make, *named: tuple[str, np.ndarray, bool], **more) -> PaperTable:
    tables = [
        scores_of(name, psnr, oracle=oracle, columns=(SHIFT,), other={"set": LEVIN, "protocol": "levin2009"}, **more)
        for name, psnr, oracle in named
    ]
    return paper_tables(tables, protocol="levin2009")[0]


def ratio(table: PaperTable, method: str):
    (cell,) = [cell for cell, item, _, measure in table.filled()
               if item.label == method and measure.label == "Error ratio"]  # fmt: skip
    return cell


def test_mean_of_the_ratios_of_squared_errors(scores_of: Make):
    table = table_of(scores_of, ("kf", TRUE, True), ("wiener", TRUE - 2, True), ("kf[kernels=cho]", BLIND, False))
    # 255^2 / 10^(PSNR / 10) is the mean squared error of a pair.
    errors = [255**2 / 10 ** (psnr / 10) for psnr in (BLIND, TRUE)]
    assert ratio(table, "kf[kernels=cho]").value == pytest.approx(np.mean(errors[0] / errors[1]), rel=1e-12)
    assert ratio(table, "kf[kernels=cho]").signature == f"error-ratio[kf,{SHIFT.signature}]"
    assert "was given the true kernel" in ratio(table, "kf (oracle)").notes[0]


def test_which_run_is_meant_has_to_be_clear(scores_of: Make):
    blind = ("cho", BLIND, False)
    assert "facedeblur run" in ratio(table_of(scores_of, blind), "cho").notes[0]
    both = table_of(scores_of, ("kf", TRUE, True), ("wiener", TRUE - 2, True), blind)
    assert ratio(both, "cho").text == "—" and "give one of them" in ratio(both, "cho").notes[0]
    assert ratio(table_of(scores_of, ("wiener", TRUE, True), blind), "cho").value > 1


def test_a_failed_pair_makes_the_mean_infinite_and_is_told(scores_of: Make):
    tables = [
        scores_of("kf", TRUE, oracle=True, columns=(SHIFT,), other={"set": LEVIN}),
        scores_of("cho", BLIND, columns=(SHIFT,), other={"set": LEVIN}, status={1: "failed: hung"}),
    ]
    cell = ratio(paper_tables(tables, protocol="levin2009")[0], "cho")
    assert cell.text == "∞" and "1 of 4 pairs of cho failed" in cell.notes[0]


def test_printed_values_of_the_kernels_that_were_known():
    known = {value.metric: value.number for value in published().table("zhang2024", "Table 11")
             if value.method == "known k"}  # fmt: skip
    assert known == {"PSNR": 34.53, "SSIM": 0.949, "error ratio": 1.0}
