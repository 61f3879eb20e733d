"""Printed values that ship with the package: all there, checked, and what is wrong with them reproduced."""

from __future__ import annotations

import csv
import math
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.reports.tables.published.values import COLUMNS, Note, Paper, Value, assemble, parse, published

UNIT = {"PSNR": 0.01, "SSIM": 0.001}


def shen(table: str, dataset: str, metric: str) -> dict[str, list[float]]:
    """Values of a table of Shen et al. by method, in printed order."""
    found: dict[str, list[float]] = {}
    for value in published().table("shen2020", f"Table {table}"):
        if (value.dataset, value.metric) == (dataset, metric):
            found.setdefault(value.method, []).append(value.number)
    return found


def follows(printed: float, mean: float, unit: float) -> bool:
    """Whether a mean of eight rounded values, rounded or cut off itself, can be printed so."""
    return -1.5 * unit < printed - mean < unit + 1e-12


def test_every_value_is_there_once():
    values = published().values
    assert len(values) == 1233
    assert len({value.key for value in values}) == 1233
    assert sum(entry.name.endswith(".csv") for entry in files("facedeblur.reports.tables.published").iterdir()) == 29
    tables = Counter((value.document, value.table) for value in values)
    assert len(tables) == 30
    # Fourteen methods: two sets x eight sizes x two measures; two sets x six columns.
    assert tables["shen2020", "Table 9"] == 14 * 2 * 8 * 2 and tables["shen2020", "Table 10"] == 14 * 2 * 6
    assert Counter(value.document for value in values) == {
        "shen2020": 852, "umsn": 191, "lin2020": 75, "dfpgnet": 30, "anand": 37, "zhang2024": 48,
    }  # fmt: skip


def test_units_belong_to_the_metrics():
    units = {"PSNR": "dB", "SSIM": "", "F-score": "", "Time": "s", "Run time": "s", "Time to deblur": "s", "d_VGG": ""}
    for value in published().values:
        metric = value.metric.removesuffix("_average").removesuffix("_std").removesuffix("_worst")
        if metric in units:
            assert value.unit == units[metric], value
        if metric.startswith(("recognition", "detection", "face_")):
            assert value.unit == "%" and 0 <= (value.number if value.printed else 0) <= 1, value
        if metric in ("SSIM", "F-score") and value.printed:
            assert 0 <= value.number <= 1, value
        if metric == "Parameters" and value.printed:
            assert 5e5 < value.number < 1e9, value
    without = [value for value in published().values if not value.printed]
    # Not reported for seven classical methods, no F-score without labels, one digit that cannot be read.
    assert Counter((value.document, value.table) for value in without) == {
        ("shen2020", "Table 12"): 7, ("shen2020", "Table 2"): 1, ("umsn", "Table V"): 1,
    }  # fmt: skip
    assert all(math.isnan(value.number) for value in without)


def test_they_are_those_that_were_read_from_the_papers(shared_data: Path):
    folder = shared_data.parent / "published"
    if not folder.is_dir():
        pytest.skip("the values as they were read from the papers are absent")
    mine: dict[str, list[tuple[str, ...]]] = {}
    for entry in files("facedeblur.reports.tables.published").iterdir():
        # What lies there are the source papers; the table of Levin's set came later.
        if entry.name.endswith(".csv") and not entry.name.startswith("zhang2024"):
            rows = list(csv.DictReader(entry.read_text(encoding="utf-8").splitlines()))
            mine[entry.name] = [tuple(row[key] for key in ("dataset", "metric", "condition", "value")) for row in rows]
    theirs = {}
    for file in folder.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
        theirs[file.name] = [tuple(row[key] for key in ("dataset", "metric", "condition", "value")) for row in rows]
    assert mine == theirs


def test_finding_1_two_rows_of_shen_10_are_exchanged():
    for metric in ("PSNR", "SSIM"):
        means = {name: np.mean(row) for name, row in shen("9", "CelebA", metric).items()}
        printed = {name: row[0] for name, row in shen("10", "CelebA", f"{metric}_average").items()}
        pair = ("Pan et al. (2014)", "Pan et al. (2017a)")
        assert not any(follows(printed[name], means[name], UNIT[metric]) for name in pair)
        assert all(follows(printed[one], means[other], UNIT[metric]) for one, other in (pair, pair[::-1]))


def test_finding_2_a_value_repeats_that_of_the_other_set():
    helen, celeba = (shen("10", dataset, "SSIM_average")["Pan et al. (2014)"] for dataset in ("Helen", "CelebA"))
    assert helen == celeba == [0.677]
    assert np.mean(shen("9", "Helen", "SSIM")["Pan et al. (2014)"]) == pytest.approx(0.638, abs=5e-4)


def test_finding_3_a_zero_is_lost():
    mean = np.mean(shen("9", "CelebA", "SSIM")["Tao et al. (2018)"])
    assert shen("10", "CelebA", "SSIM_average")["Tao et al. (2018)"] == [0.862]
    # 0.80625, cut off: 0.8062, and without the zero 0.862.
    assert f"{mean:.5f}"[:6] == "0.8062" and f"{mean:.5f}"[:6].replace("80", "8") == "0.862"
    assert not follows(0.862, float(mean), 0.001) and follows(0.806, float(mean), 0.001)


def test_finding_4_a_row_is_of_another_variant():
    other = {
        (value.dataset, value.metric): value.number
        for value in published().table("umsn", "Table III")
        if value.method == "Shen et al. (CVPR 2018) w/GAN"
    }
    for dataset in ("Helen", "CelebA"):
        for metric in ("PSNR", "SSIM"):
            printed = shen("10", dataset, f"{metric}_average")["Shen et al. (2018)"][0]
            mean = float(np.mean(shen("9", dataset, metric)["Shen et al. (2018)"]))
            assert printed == other[dataset, metric] and not follows(printed, mean, UNIT[metric])


def test_finding_5_umsn_gives_one_method_the_numbers_of_another():
    for dataset in ("Helen", "CelebA"):
        for metric in ("PSNR", "SSIM"):
            key = ("Pan et al. (ECCV 2014)", dataset, metric, "")
            row = [value.number for value in published().table("umsn", "Table III") if value.key[2:] == key]
            means = {name: float(np.mean(row)) for name, row in shen("9", dataset, metric).items()}
            assert [name for name, mean in means.items() if follows(row[0], mean, UNIT[metric])] == [
                "Pan et al. (2017a)"
            ]


def test_all_other_averages_of_shen_10_follow_from_shen_9():
    off = set()
    for dataset in ("Helen", "CelebA"):
        for metric, unit in UNIT.items():
            printed = shen("10", dataset, f"{metric}_average")
            for name, row in shen("9", dataset, metric).items():
                if not follows(printed[name][0], float(np.mean(row)), unit):
                    off.add((name, dataset, f"{metric}_average"))
    # All that does not follow has a note that says so, and nothing else has one (that our own rows lack two losses
    # holds for both tables).
    noted = {
        (value.method, value.dataset, value.metric)
        for value in published().table("shen2020", "Table 10")
        if any(note.finding != "condition" for note in value.notes) and value.method != "Ours"
    }
    assert off == noted and len(off) == 4 + 1 + 1 + 4


def test_the_published_model_is_that_without_two_losses():
    first = {(value.dataset, value.metric): value.number for value in published().table("shen2020", "Table 6")
             if value.condition == "L_VGG=0;L_adv=0"}  # fmt: skip
    for (dataset, metric), number in first.items():
        assert follows(number, float(np.mean(shen("9", dataset, metric)["Ours"])), UNIT[metric])


def test_components_that_get_worse_are_noted():
    rows = {value.condition: value for value in published().table("shen2020", "Table 3")}
    worse = {
        condition
        for condition, value in rows.items()
        if condition.endswith("=Deblurred") and value.number < rows[condition.replace("Deblurred", "Blurred")].number
    }
    assert worse == {condition for condition, value in rows.items() if value.notes} and len(worse) == 4


def test_megabytes_are_noted_where_parameters_should_stand():
    printed = {
        value.method: value for value in published().table("shen2020", "Table 12") if value.metric == "Parameters"
    }
    for method, count in (("Tao et al. (2018)", 8_061_411), ("Kupyn et al. (2018)", 11_378_179)):
        assert printed[method].number == pytest.approx(4 * count, rel=5e-3)
        assert printed[method].misprinted and f"{count:,}" in printed[method].notes[0].text
    assert printed["Li et al. (2018)"].number == 558_000 and not printed["Li et al. (2018)"].notes


HEADER = ",".join(COLUMNS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("method,value\n", "columns"),
        (f"{HEADER}\na,Table 1,m,d,PSNR,,12.3\n", "8 fields"),
        (f"{HEADER}\na,Table 1,m,d,PSNR,,12.3,dezibel\n", "unit 'dezibel'"),
        (f"{HEADER}\na,Table 1,m,d,PSNR,,12.3.4,dB\n", "12.3.4"),
        (f"{HEADER}\na,Table 1,m,d,PSNR,,nan,dB\n", "nan"),
    ],
)
def test_files_of_another_form_are_refused(text, says):
    with pytest.raises(InputError, match=says):
        parse(text, "x.csv")


def test_doubles_unknown_papers_and_notes_about_nothing_are_refused():
    papers = [Paper("a", "A", "A, 2020")]
    value = Value("a", "Table 1", "m", "d", "PSNR", "", "12.3", "dB")
    kept = assemble([value], papers, [Note("a", "Table 1", "misprint", "Wrong.", methods=("m",))])
    assert kept.values[0].misprinted and kept.table("a", "Table 1") == kept.values
    for values, notes, says in (
        ([value, value], [], "has two values"),
        ([Value("b", *value.key[1:], "1", "")], [], "sources.toml"),
        ([value], [Note("a", "Table 1", "misprint", "Wrong.", methods=("n",))], "refers to no value"),
        ([value], [Note("a", "Table 1", "guess", "Wrong.")], "guess"),
    ):
        with pytest.raises(InputError, match=says):
            assemble(values, papers, notes)
    with pytest.raises(InputError, match="shen2020, Table 13"):
        published().table("shen2020", "Table 13")
