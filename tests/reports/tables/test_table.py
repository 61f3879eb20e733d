"""The papers' tables: every printed value in its place, measured ones beside it, ranked apart for a reason."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.faces.verification import verification
from facedeblur.benchmark.scoring.agreement import find_column
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.benchmark.sets.classes import GROUPS
from facedeblur.benchmark.whole_set.parsing import Parsing
from facedeblur.benchmark.whole_set.recognition import Curve, Recognition
from facedeblur.generators.recipe import load_recipe
from facedeblur.reports.tables.cells import MEASURED, PUBLISHED, Cell, ranks
from facedeblur.reports.tables.measured import read_runs
from facedeblur.reports.tables.papers.find import layouts
from facedeblur.reports.tables.published.values import published
from facedeblur.reports.tables.table import PaperTable, fill
from facedeblur.reports.tables.table import tables as paper_tables

PSNR = Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0)
SSIM = Column("ssim[matlab3d,s1.5,w11]", "SSIM", "", True, -1.0)
FOUND = Column("detection[dlib-hog]", "Face found (dlib-hog)", "fraction", True, 0.0)
PAPERS = {
    "shen2020": "1 2 3 4 5 6 7 8 9 10 11 12",
    "umsn": "I II III IV V VI VII VIII IV.B",
    "lin2020": "1 2",
    "dfpgnet": "2.1 2.2 5 6",
    "anand": "I II",
    "levin2009": "11",
}
Make = Callable[..., Scores]


def set_of(name: str, *collections: str, recipe: str = "shen2020", images: int = 100) -> dict:
    """What score tables know of a set that was made by a shipped recipe."""
    return {"name": name, "hash": (name * 64)[:64], "path": "nowhere", "recipe": load_recipe(recipe)[1],
            "counts": {"images": images},
            "sources": [{"collection": f"{one}: 100 photographs"} for one in collections]}  # fmt: skip


HELEN, CELEBA = set_of("hel", "helen"), set_of("cel", "celeba")


def cells(table: PaperTable, method: str) -> dict[tuple[str, str], Cell]:
    """Cells of a method by dataset and measure."""
    return {
        (dataset.label, " ".join(filter(None, (measure.group, measure.label)))): cell
        for cell, item, dataset, measure in table.filled()
        if item.label == method
    }


def one(numbers: str, *tables: Scores | Path, protocol: str = "shen2020", **named: str) -> PaperTable:
    """One filled table."""
    return paper_tables(tables, protocol=protocol, numbers=[numbers], datasets=named)[0]


@pytest.mark.parametrize("protocol", PAPERS)
def test_every_printed_value_stands_in_its_table_once(protocol: str):
    tables = paper_tables(protocol=protocol)
    assert [table.layout.number for table in tables] == PAPERS[protocol].split()
    for table in tables:
        values = published().table(table.layout.document, table.layout.table)
        shown = [
            part.rstrip("%MK") for cell, _, _, measure in table.filled() if measure.metric
            for part in cell.text.split(" ± ") if part != "—"
        ]  # fmt: skip
        assert sorted(shown) == sorted(value.printed for value in values if value.printed)
        assert not any(cell.kind == MEASURED for cell, *_ in table.filled())
        assert "Nothing measured" in table.remarks[1] or table.remarks[1].startswith("Printed only:")


def test_every_published_table_has_a_layout():
    laid = {(layout.document, layout.table) for paper in PAPERS for layout in layouts(paper)}
    assert laid == {(value.document, value.table) for value in published().values}
    assert [layout.table for layout in layouts("dfpgnet", ("Section 2.1", "6"))] == ["Section 2.1", "Table 6"]
    assert [layout.name for layout in layouts("umsn", ("iv.b", "4"))] == ["umsn_sectionIV.B", "umsn_tableIV"]


def test_the_layouts_are_those_of_the_papers():
    nine = one("9")
    assert [row.labels[0] for row in nine.rows][:14] == [row.labels[0] for row in nine.rows][14:]
    assert nine.panels == ("Helen",) * 14 + ("CelebA",) * 14
    assert [column.labels for column in nine.columns][:3] == [("13×13", "PSNR"), ("13×13", "SSIM"), ("15×15", "PSNR")]
    assert [cell.text for cell in nine.grid[5][:2]] == ["23.00", "0.797"] and nine.rows[5].labels == (
        "Pan et al. (2017a)",
    )
    ten = one("10")
    assert [cell.text for cell in ten.grid[0]][:4] == ["19.57 ± 2.72", "9.97", "0.670 ± 0.137", "0.109"]
    three = one("3")
    assert [row.labels[0] for row in three.rows] == [
        "face", "left eyebrow", "right eyebrow", "left eye", "right eye", "nose", "upper lip", "lower lip", "teeth",
        "hair", "average",
    ]  # fmt: skip
    assert [cell.text for cell in three.grid[-1]] == ["0.713", "0.615", "0.628"]
    lin = one("1", protocol="lin2020")
    assert [row.labels for row in lin.rows][-2:] == [("PubFig", "SSIM"), ("Time (s)", "")]
    assert [cell.text for cell in lin.grid[-1]] == ["82.12", "9.972", "20.414", "0.032", "0.014", "0.053", "0.029"]
    two = one("II", protocol="umsn")
    assert [[cell.text for cell in row] for row in two.grid][2:] == [["0.856", "0.775", "0.814"],
                                                                    ["0.625", "0.538", "0.566"]]  # fmt: skip
    sources = one("I", protocol="anand")
    assert [row.labels[0] for row in sources.rows][:2] == ["Youtubefaces (motion blur)", "celebA (synthetic blur)"]
    assert [[cell.text for cell in row] for row in sources.grid][3:] == [["5713", "250 x 250"], ["34", "640 x 346"]]
    anand = one("II", protocol="anand")
    assert [row.labels for row in anand.rows][3:5] == [("DeblurGAN", "a"), ("DeblurGAN", "b")]
    assert [cell.text for cell in anand.grid[3]] == ["29.913", "4.90", "0.901"]
    first = one("I", protocol="umsn")
    assert first.panels == ("CelebA",) * 2 + ("Helen",) * 2
    assert [cell.text for cell in first.grid[3]][-2:] == ["34.81", "0.91"]


def test_best_and_second_as_the_papers_say():
    eleven = one("11")
    found = {name: cells(eleven, name) for name in ("Clear images", "Ours", "Shen et al. (2018)", "Xu et al. (2013)")}
    assert {cell.rank for cell in found["Clear images"].values()} == {0}
    assert {cell.rank for cell in found["Ours"].values()} == {1}
    assert {cell.rank for cell in found["Shen et al. (2018)"].values()} == {2}
    nine, ten = one("9"), one("10")
    # Jin's method has the best SSIM at 23x23 on Helen, and the best worst PSNR on CelebA, whatever the text says.
    assert cells(nine, "Jin et al. (2018)")["Helen", "23×23 SSIM"].rank == 1
    assert cells(nine, "Ours")["Helen", "23×23 SSIM"].rank == 2
    assert cells(ten, "Jin et al. (2018)")["CelebA", "Worst PSNR"].rank == 1
    # Lower is better for distances and times; a misprint is no rival.
    assert cells(one("IV", protocol="umsn"), "UMSN (ours w/L_total)")["Helen", "d_VGG"].rank == 1
    assert cells(ten, "Tao et al. (2018)")["CelebA", "Average SSIM"].rank == 0
    assert cells(ten, "Shen et al. (2018)")["CelebA", "Average SSIM"].rank == 2
    assert "misprints are not ranked" in " ".join(ten.remarks)


def test_shen_9_and_10_through_our_own_aggregation(scores_of: Make):
    printed = published().table("shen2020", "Table 9")
    methods = list(dict.fromkeys(value.method for value in printed))
    tables = []
    for method in methods:
        for known, dataset in ((HELEN, "Helen"), (CELEBA, "CelebA")):
            row = {metric: [value.number for value in printed
                            if (value.method, value.dataset, value.metric) == (method, dataset, metric)]
                   for metric in ("PSNR", "SSIM")}  # fmt: skip
            scores = scores_of(f"again {method}", row["PSNR"], columns=(PSNR, SSIM), other={"set": known})
            scores.frame[SSIM.signature] = row["SSIM"]
            tables.append(scores)
    nine, ten = paper_tables(tables, numbers=["9", "10"])
    noted = []
    for method in methods:
        theirs, ours = cells(nine, method), cells(nine, f"again {method}")
        assert theirs.keys() == ours.keys() and len(ours) == 32
        for key, cell in ours.items():
            assert cell.text == theirs[key].text.ljust(len(cell.text), "0") and cell.rank == theirs[key].rank, key
        theirs, ours = cells(ten, method), cells(ten, f"again {method}")
        for (dataset, column), cell in ours.items():
            if column.startswith("Average"):
                unit = 0.01 if "PSNR" in column else 0.001
                # The mean of eight rounded values is off by half a unit at most; then it was rounded or cut off.
                if not -1.5 * unit < theirs[dataset, column].value - cell.value < unit + 1e-12:
                    noted.append((method, dataset, column))
                    assert theirs[dataset, column].notes
    assert sorted(noted) == sorted([
        ("Pan et al. (2014)", "CelebA", "Average PSNR"), ("Pan et al. (2014)", "CelebA", "Average SSIM"),
        ("Pan et al. (2017a)", "CelebA", "Average PSNR"), ("Pan et al. (2017a)", "CelebA", "Average SSIM"),
        ("Pan et al. (2014)", "Helen", "Average SSIM"), ("Tao et al. (2018)", "CelebA", "Average SSIM"),
        *(("Shen et al. (2018)", dataset, f"Average {metric}") for dataset in ("Helen", "CelebA")
          for metric in ("PSNR", "SSIM")),
    ])  # fmt: skip


def test_measured_values_are_ranked_apart_and_the_table_says_why(scores_of: Make):
    given = (("good", 50.0, False), ("fair", 40.0, False), ("told", 60.0, True))
    tables = [scores_of(name, [psnr, psnr + 2], oracle=oracle, other={"set": HELEN}) for name, psnr, oracle in given]
    ten = one("10", *tables)
    ours, good, fair, told = (cells(ten, name) for name in ("Ours", "good", "fair", "told (oracle)"))
    assert ours["Helen", "Average PSNR"].rank == good["Helen", "Average PSNR"].rank == 1
    assert fair["Helen", "Average PSNR"].rank == 2 and told["Helen", "Average PSNR"].rank == 0
    assert good["Helen", "Average PSNR"].text == "51.00 ± 1.00" and good["Helen", "Worst PSNR"].text == "50.00"
    why = next(line for line in ten.remarks if "ranked apart" in line)
    assert "the paper's set (Helen) has no hash on record, measured on helhelhelh" in why
    assert "PSNR is not defined in the paper, measured as psnr[rgb,255]" in why and why.count("PSNR is") == 1
    # What was not measured is a dash with what to do; the oracle stands last.
    assert good["CelebA", "Average PSNR"].text == "—"
    assert "Not measured on a set of CelebA: facedeblur score" in good["CelebA", "Average PSNR"].notes[0]
    assert [row.labels[0] for row in ten.rows][-3:] == ["good", "fair", "told (oracle)"]
    assert ten.panels == ("Published",) * 14 + ("Measured",) * 3


def test_one_ranking_where_signature_and_set_agree(scores_of: Make):
    layout = layouts("shen2020", ("10",))[0]
    stated = tuple(replace(measure, stated=PSNR.signature if "PSNR" in measure.label else "ssim[other]")
                   for measure in layout.measures)  # fmt: skip
    known = replace(layout, measures=stated, datasets=(replace(layout.datasets[0], set_hash=HELEN["hash"]),
                                                     layout.datasets[1]))  # fmt: skip
    runs = read_runs([scores_of("good", [50.0, 52.0], other={"set": HELEN}),
                      scores_of("celeb", [50.0, 52.0], other={"set": CELEBA})])  # fmt: skip
    table = fill(known, runs)
    assert cells(table, "good")["Helen", "Average PSNR"].rank == 1
    assert cells(table, "Ours")["Helen", "Average PSNR"].rank == 2
    # Another definition, or another set: each its own ranking.
    assert cells(table, "Ours")["Helen", "Average SSIM"].rank == 1
    assert cells(table, "Ours")["CelebA", "Average PSNR"].rank == 1
    why = next(line for line in table.remarks if "ranked apart" in line)
    assert "SSIM is ssim[other]" in why and "PSNR is" not in why and "(Helen)" not in why and "(CelebA)" in why


def test_what_is_shown_alike_shares_a_rank():
    shown = [("<0.0001", 1e-5), ("<0.0001", 2e-5), ("0.02", 0.018), ("0.02", 0.022), ("0.30", 0.3)]
    found = [Cell(MEASURED, text, value, compared=("seconds", "")) for text, value in shown]
    assert ranks(found, better="lower") == [1, 1, 2, 2, 0]


def test_values_of_other_sets_and_definitions_do_not_share_a_rank(scores_of: Make):
    first = Column("dvgg[vgg-face@aaaa,norm]", "d_VGG", "", False, math.inf)
    second = replace(first, signature="dvgg[vgg-face@bbbb,norm]")
    tables = [scores_of(name, [value, value], columns=(column,), other={"set": HELEN})
              for name, value, column in (("a", 4.0, first), ("b", 5.0, first), ("c", 1.0, second))]  # fmt: skip
    four = one("IV", *tables, protocol="umsn")
    assert [cells(four, name)["Helen", "d_VGG"].rank for name in "abc"] == [1, 2, 0]
    same = [scores_of(name, [30.0, 30.0], other={"set": known})
            for name, known in (("a", set_of("one", "helen")), ("b", set_of("two", "helen")))]  # fmt: skip
    assert {cells(one("10", *same), name)["Helen", "Average PSNR"].rank for name in "ab"} == {0}


def test_a_set_that_is_none_of_the_papers_has_columns_of_its_own(scores_of: Make):
    tables = [scores_of("net", [30.0, 31.0], other={"set": set_of("lfw8k", "lfw")}),
              scores_of("net", [20.0, 21.0], other={"set": HELEN})]  # fmt: skip
    ten = one("10", *tables)
    assert [column.labels[0] for column in ten.columns] == ["Helen"] * 4 + ["CelebA"] * 4 + ["lfw8k (lfw8klfw8k)"] * 4
    # One method on two sets is one row, and nothing is printed of the other set.
    assert cells(ten, "net")["Helen", "Average PSNR"].text == "20.50 ± 0.50"
    assert cells(ten, "net")["lfw8k (lfw8klfw8k)", "Average PSNR"].text == "30.50 ± 0.50"
    assert not any(dataset.label.startswith("lfw") for cell, _, dataset, _ in ten.filled() if cell.kind == PUBLISHED)
    assert "none of the paper's sets (Helen, CelebA)" in " ".join(ten.remarks)
    named = one("10", *tables, lfw8k="celeba")
    assert cells(named, "net")["CelebA", "Average PSNR"].text == "30.50 ± 0.50"
    nine = one("9", *tables)
    assert list(dict.fromkeys(nine.panels)) == [
        "Helen, published", "Helen, measured", "CelebA, published", "lfw8k (lfw8klfw8k), measured"
    ]  # fmt: skip
    missing = cells(nine, "net")["Helen", "27×27 PSNR"]
    assert missing.text == "—" and "no point spread functions of some of these sizes" in missing.notes[0]
    # The same name with other settings is another row.
    other = scores_of("net", [25.0], other={"set": CELEBA}, run=None)
    other.meta.run["options"] = {"amount": 2}
    rows = [row.labels[0] for row in one("10", *tables, other).rows]
    assert sum(label.startswith("net (run ") for label in rows) == 2
    for bad, says in (({"nothing": "Helen"}, "set 'nothing'"), ({"hel": "Hellen"}, "Helen")):
        with pytest.raises(InputError, match=says):
            paper_tables(tables, datasets=bad)


def test_failures_count_and_are_told(scores_of: Make):
    scores = scores_of("net", [30.0, math.nan, 20.0, 10.0], columns=(PSNR,), status={1: "failed: output missing"},
                       other={"set": HELEN})  # fmt: skip
    cell = cells(one("10", scores), "net")["Helen", "Average PSNR"]
    assert cell.text == "15.00 ± 11.18" and cells(one("10", scores), "net")["Helen", "Worst PSNR"].text == "0.00"
    assert "1 of 4 pairs of net failed" in cell.notes[0]
    absent = cells(one("10", scores), "net")["Helen", "Average SSIM"]
    assert absent.text == "—" and "facedeblur score SET OUTPUTS --protocol shen2020" in absent.notes[0]
    found = cells(one("11", scores), "net")
    assert "facedeblur recognise SET OUTPUTS" in found["CelebA", "Top-1"].notes[0]
    infinite = scores_of("copy", [math.inf, 30.0], columns=(PSNR,), other={"set": HELEN})
    assert cells(one("10", infinite), "copy")["Helen", "Average PSNR"].text == "∞"


def test_what_was_left_out_is_told_with_its_reason(scores_of: Make):
    scores = scores_of("net", [30.0], columns=(PSNR,), other={
        "set": HELEN, "unavailable": (("psnr-class[rgb,255,masked,umsn4,skin]", "no label images"),)})  # fmt: skip
    found = cells(one("I", scores, protocol="umsn"), "net")
    assert "no label images" in found["Helen", "class-2 PSNR"].notes[0]
    assert "no label images" not in found["Helen", "class-1 PSNR"].notes[0]


def test_a_metric_is_found_by_its_parts():
    columns = [Column(name, "x", "", True, 0.0) for name in (
        "psnr[rgb,255,cap100]", "psnr[rgb,255]", "psnr[y-limited,255]", "ssim[matlab3d,s1.5,w11]",
        "identity[dlib-resnet@55533b28,l2]", "identity[dlib-resnet@55533b28,l2,detect]",
    )]  # fmt: skip
    for wanted, name in (
        ("psnr[rgb,255]", "psnr[rgb,255]"), ("psnr[cap100]", "psnr[rgb,255,cap100]"),
        ("ssim[matlab3d]", "ssim[matlab3d,s1.5,w11]"), ("identity[dlib-resnet]", "identity[dlib-resnet@55533b28,l2]"),
    ):  # fmt: skip
        column = find_column(tuple(columns), wanted)
        assert column is not None and column.signature == name
    assert find_column(tuple(columns), "ssim[perchannel]") is None and find_column(tuple(columns), "dvgg") is None


def test_run_time_parameters_and_megabytes(scores_of: Make):
    run = {"device": "cuda", "device_name": "H200", "precision": "fp32", "parameters": 11_378_179,
           "bytes_fp32": 45_512_716, "timings": {"mean_s": 0.0123, "width": 128, "height": 128}}  # fmt: skip
    tables = [scores_of("net", [30.0], run=run, other=None), scores_of("none", [30.0])]
    twelve = one("12", *tables)
    found = {column: cell.text for (_, column), cell in cells(twelve, "net").items()}
    assert found == {"Implementation": "H200, fp32", "Seconds": "0.01", "Parameters": "11.4M", "MB at fp32": "45.51"}
    assert cells(twelve, "net")["", "Seconds"].signature == "seconds[128x128,H200,fp32]"
    assert {cell.text for cell in cells(twelve, "none").values()} == {"—"}
    assert cells(twelve, "Kupyn et al. (2018)")["", "Implementation"].text == "Python (GPU)"
    assert cells(one("6", *tables, protocol="dfpgnet"), "net")["", "Parameters (M)"].text == "11.4"
    quick = scores_of("quick", [30.0], run={**run, "timings": {"mean_s": 0.00123}, "parameters": 558_00})
    found = {column: cell.text for (_, column), cell in cells(one("12", quick), "quick").items()}
    assert found["Seconds"] == "0.00123" and found["Parameters"] == "56K"


@pytest.fixture
def outputs(tmp_path: Path, scores_of: Make) -> Path:
    """An outputs folder with recognition and parsing of two images beside the scores."""
    scores = scores_of("net", [30.0, 20.0], other={"set": HELEN})
    scores.write(tmp_path / "scores.parquet")
    curve = Curve(200, 3, 0, tuple(min(0.4 + 0.1 * k, 1.0) for k in range(9)))
    clear = Curve(2, 0, 0, (1.0,) * 9)
    alone = Curve(20, 0, 0, (0.75,) * 9)
    nothing = pd.DataFrame({name: [] for name in Recognition.columns})
    Recognition("net", False, "hel", HELEN["hash"], "net-hash", "dlib-resnet@1", "l2", 18, 0, 2, curve, clear, alone,
                None, rows=nothing).write(tmp_path / "recognition.parquet")  # fmt: skip
    rng = np.random.default_rng(3)
    for name, file in (("net", "parsing.parquet"), ("sharp images", "parsing.sharp.parquet")):
        rows = pd.DataFrame({"index": [0, 1], "pair_id": "p", "image_id": "i", "kernel_id": "k", "kernel_size": 13,
                             "status": "ok"})  # fmt: skip
        for partition, groups in GROUPS.items():
            rows[partition] = [list(map(int, rng.integers(1, 90, 3 * len(groups)))) for _ in range(2)]
        classes = ("background", "skin", "left brow", "right brow", "left eye", "right eye", "nose", "upper lip",
                   "inner mouth", "lower lip")  # fmt: skip
        run_hash = "net-hash" if name == "net" else ""
        Parsing(name, False, "hel", HELEN["hash"], run_hash, "dlib-68@2", classes, rows=rows).write(tmp_path / file)
    return tmp_path


def test_labels_that_are_no_annotations_are_told(scores_of: Make):
    """In tables that depend on the labels, and in no other."""
    made = {**CELEBA, "sources": [{"collection": "celeba: 2 photographs; pseudo-labels by facedeblur@34f30dce"}]}
    said = "Where the classes are is not annotated: their labels were made by facedeblur@34f30dce."
    for known, number, told in ((made, "I", True), (CELEBA, "I", False), (made, "III", False)):
        table = one(number, scores_of("net", [30.0, 20.0], other={"set": known}), protocol="umsn")
        assert (said in table.remarks) == told


def test_one_run_by_two_parsers(outputs: Path, tmp_path_factory: pytest.TempPathFactory):
    """UMSN's Table II: S-Net before and after its last training labels the same images."""
    folders = [tmp_path_factory.mktemp("parsed") for _ in range(2)]
    for folder, parser in zip(folders, ("umsn@1111", "umsn@2222"), strict=True):
        for file in ("parsing.parquet", "parsing.sharp.parquet"):
            found = Parsing.read(outputs / file)
            rows = found.rows.iloc[: 1 + folders.index(folder)]
            replace(found, parser=parser, rows=rows).write(folder / file)
    two = one("II", *folders, protocol="umsn")
    shown = {item.label: cell.value for cell, item, _, column in two.filled()
             if item.kind == MEASURED and column.label == "class-2"}  # fmt: skip
    assert shown == {
        f"{label}, {parser}": pytest.approx(round(Parsing.read(folder / file).scores("umsn4")["skin"], 12))
        for folder, parser in zip(folders, ("umsn@1111", "umsn@2222"), strict=True)
        for label, file in (("net", "parsing.parquet"), ("sharp images", "parsing.sharp.parquet"))
    }
    assert len(set(shown.values())) == 4
    with pytest.raises(InputError, match="given twice"):
        one("II", folders[0], folders[0], protocol="umsn")


def test_what_is_parsed_but_not_scored_says_so(outputs: Path, tmp_path_factory: pytest.TempPathFactory):
    """Nothing is on record of its photographs and recipe, unless another run on the same set was scored."""
    bare = tmp_path_factory.mktemp("bare")
    record = replace(Parsing.read(outputs / "parsing.parquet"), method="other", run_hash="another")
    record.write(bare / "parsing.parquet")
    for named in ({}, {"hel": "Helen"}):
        (table,) = paper_tables([bare], numbers=["3"], datasets=named)
        told = " ".join(table.remarks)
        assert (
            "known only from scored outputs: facedeblur score SET OUTPUTS" in told and "unknown collection" not in told
        )
        assert (", as Helen; its photographs" in told) == bool(named)
    (table,) = paper_tables([outputs, bare], numbers=["3"])
    assert "from scored outputs" not in " ".join(table.remarks)


def test_recognition_and_the_sharp_images_among_themselves(outputs: Path, scores_of: Make):
    eleven = one("11", outputs)
    found = {column: cell.text for (_, column), cell in cells(eleven, "net").items()}
    assert found["Top-1"] == "40.0%" and found["Top-3"] == "60.0%" and found["Top-5"] == "80.0%"
    assert found["Detection"] == "50.0%"
    assert "3 of 200 probes of net have no embedding" in cells(eleven, "net")["CelebA", "Top-1"].notes[0]
    sharp = cells(eleven, "sharp images, each among all others")
    assert sharp["CelebA", "Top-1"].text == "75.0%" and sharp["CelebA", "Top-1"].rank == 0
    assert sharp["CelebA", "Detection"].text == "—"
    # What score says of the sharp images of this set, and of no other.
    for known, text in ((CELEBA, "—"), (HELEN, "66.7%")):
        of_sharp = scores_of("sharp images", [30.0, 10.0, 30.0], columns=(FOUND,), other={"set": known})
        of_sharp.write(outputs / "scores.sharp.parquet")
        sharp = cells(one("11", outputs), "sharp images, each among all others")
        assert sharp["CelebA", "Detection"].text == text and sharp["CelebA", "Detection"].rank == 0
    assert not cells(one("10", outputs), "sharp images"), "nothing there is of an image alone"
    assert cells(one("V", outputs, protocol="umsn"), "net")["CelebA", "Top-3"].text == "60%"


def test_f_scores_of_components_and_groups(outputs: Path):
    rows = Parsing.read(outputs / "parsing.parquet").rows
    for number, protocol, partition, labels in (
        ("3", "shen2020", "helen11", {"face": "skin", "teeth": "inner-mouth", "left eyebrow": "left-brow"}),
        ("II", "umsn", "umsn4", {"class-1": "background", "class-3": "parts"}),
    ):
        found = cells(one(number, outputs, protocol=protocol), "net")
        for label, group in labels.items():
            at = 3 * list(GROUPS[partition]).index(group)
            hits, alarms, misses = (sum(row[at + k] for row in rows[partition]) for k in range(3))
            assert found["Helen", label].text == f"{2 * hits / (2 * hits + alarms + misses):.3f}"
    three = one("3", outputs)
    assert cells(three, "net")["Helen", "hair"].text == "—"
    assert "does not tell hair" in cells(three, "net")["Helen", "hair"].notes[0]
    assert "Mean without hair" in cells(three, "net")["Helen", "average"].notes[0]
    assert cells(three, "sharp images")["Helen", "nose"].text not in ("", "—")
    # What has one definition is told once.
    why = next(line for line in three.remarks if "ranked apart" in line)
    assert why.count("fscore[") == 1 and "teeth and average are not defined" in why
    # Kinds of images are no rivals; alone nobody is best.
    assert cells(three, "net")["Helen", "nose"].rank == cells(three, "Clear")["Helen", "nose"].rank == 0


def test_the_labels_that_a_network_read_itself(outputs: Path, scores_of: Make):
    """Of label images kept in a folder inside the outputs, by just these weights."""
    run = {"name": "net", "keep": ["parsing"], "weights": {"net.safetensors": "ab" * 32}}
    scores_of("net", [30.0, 20.0], run=run, other={"set": HELEN}).write(outputs / "scores.parquet")
    parsed = replace(Parsing.read(outputs / "parsing.parquet"), method="net:parsing", run_hash="other")
    (outputs / "parsing").mkdir()
    absent = cells(one("2", outputs), "net")["Helen", "F-score"]
    assert absent.text == "—" and "--keep parsing" in absent.notes[0]
    for parser, text in (("net@abababab", f"{parsed.mean():.3f}"), ("net@12345678", "—")):
        replace(parsed, parser=parser).write(outputs / "parsing" / "parsing.parquet")
        cell = cells(one("2", outputs), "net")["Helen", "F-score"]
        assert cell.signature == ("fscore[own labels,helen11]" if text != "—" else "")
        assert cell.text == text and ("belongs to other outputs" in " ".join(cell.notes)) == (text == "—")
    replace(parsed, parser="net@abababab").write(outputs / "parsing" / "parsing.parquet")
    told = one("2", scores_of("told", [30.0], oracle=True, run={"name": "shen2020"}, other={"set": HELEN}))
    assert "It reads the true labels" in cells(told, "told (oracle)")["Helen", "F-score"].notes[0]
    three = one("3", outputs, outputs / "parsing")
    assert cells(three, "net:parsing")["Helen", "nose"].text == cells(three, "net")["Helen", "nose"].text
    assert any("Not shown: 'net:parsing'" in line for line in one("2", outputs, outputs / "parsing").remarks)


def test_results_of_other_outputs_are_not_shown(outputs: Path, scores_of: Make):
    scores = scores_of("net", [30.0, 20.0], other={"set": HELEN})
    scores.meta.run["hash"] = "changed"
    scores.write(outputs / "scores.parquet")
    found = cells(one("11", outputs), "net")["CelebA", "Top-1"]
    assert found.text == "—" and "ecognition.parquet belongs to other outputs" in found.notes[0]
    (outputs / "scores.parquet").unlink()
    # A folder may hold no scores at all.
    assert cells(one("11", outputs), "net")["CelebA", "Top-1"].text == "40.0%"
    assert any("Not shown: 'net'" in line and "without a score table" in line for line in one("12", outputs).remarks)


def test_results_of_files_that_were_changed_are_not_shown(outputs: Path, scores_of: Make):
    replace(Recognition.read(outputs), files_hash="before").write(outputs / "recognition.parquet")
    for files, text in (("before", "40.0%"), ("now", "—"), ("", "40.0%")):
        scores_of("net", [30.0, 20.0], run={"files": files}, other={"set": HELEN}).write(outputs / "scores.parquet")
        assert cells(one("11", outputs), "net")["CelebA", "Top-1"].text == text


def test_a_group_that_is_nowhere_is_not_laid_to_the_parser(outputs: Path):
    record = Parsing.read(outputs / "parsing.parquet")
    at = 3 * list(GROUPS["helen11"]).index("inner-mouth")
    gone = [[*counts[:at], 0, 0, 0, *counts[at + 3 :]] for counts in record.rows["helen11"]]
    replace(record, rows=record.rows.assign(helen11=gone)).write(outputs / "parsing.parquet")
    cell = cells(one("3", outputs), "net")["Helen", "teeth"]
    assert cell.text == "—" and "no label shows it" in cell.notes[0] and "does not tell" not in cell.notes[0]


def test_a_run_is_given_once_and_has_to_be_there(outputs: Path, tmp_path: Path):
    with pytest.raises(InputError, match="are given twice"):
        paper_tables([outputs, outputs / "scores.parquet"])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"has no scores\.parquet"):
        paper_tables([empty])
    for protocol, number, says in (("shen2021", "10", "shen2020"), ("shen2020", "13", "12"), ("umsn", "9", "II")):
        with pytest.raises(InputError, match=says):
            paper_tables(protocol=protocol, numbers=[number])


def test_of_a_papers_single_set_only_sets_like_it_are_shown(scores_of: Make):
    tables = [scores_of("net", [30.0], other={"set": HELEN}), scores_of("net", [20.0], other={"set": CELEBA})]
    eleven = one("11", *tables)
    assert [row.labels[0] for row in eleven.rows][-1] == "net" and len(eleven.rows) == 17
    assert "Not shown: what was measured on 'hel', which is not a set of CelebA." in eleven.remarks
    both = one("12", *tables)
    assert [row.labels[0] for row in both.rows][-2:] == ["net, hel", "net, cel"]


def test_tidy_rows_say_what_every_value_is(scores_of: Make):
    frame = one("10", scores_of("net", [30.0, 20.0], other={"set": HELEN})).frame
    assert set(frame["kind"]) == {"published", "measured"} and len(frame[frame["kind"] == "published"]) == 14 * 8
    row = frame[(frame["kind"] == "measured") & (frame["column"] == "Average PSNR") & (frame["dataset"] == "Helen")]
    assert row[["value", "spread", "signature", "set", "set_hash", "run_hash"]].to_numpy().tolist() == [
        [25.0, 5.0, "psnr[rgb,255]", "hel", HELEN["hash"], "net-hash"]
    ]
    twelve = one("12").frame.set_index(["method", "column"])["value"]
    assert twelve["Li et al. (2018)", "Parameters"] == 0.558 and twelve["Jin et al. (2018)", "Parameters"] == 1.4
    printed = frame[(frame["method"] == "Tao et al. (2018)") & (frame["column"] == "Average SSIM")]
    assert printed["value"].tolist() == [0.762, 0.862] and "A zero lost" in printed["note"].tolist()[1]
    eleven = one("11").frame
    assert eleven["value"].iloc[0] == 96.0 and eleven["shown"].iloc[0] == "96.0%"
    assert [value for value in eleven["value"].dropna() if value != round(value, 1)] == [], "digits as printed"


def test_a_table_in_a_notebook_shows_the_printed_values() -> None:
    (table,) = paper_tables(protocol="umsn", numbers=["III"])
    shown = table._repr_html_()
    printed = {cell.text for cell, *_ in table.filled() if cell.text}
    assert printed and all(f"<td>{text}</td>" in shown for text in printed) and "Deblurring method" in shown


def test_a_place_is_found_by_what_the_set_is(scores_of: Make):
    five = load_recipe("mspl-center")[1]
    own = {
        "as printed": set_of("a", "celebamask", recipe="mspl-center", images=240),
        "renamed": set_of("b", "celebamask", recipe="mspl-center") | {"recipe": five.replace("mspl-center", "mine", 1)},
        "fewer kernels": set_of("c", "celebamask")
        | {
            "recipe": five.replace("per_size = 10", "per_size = 2"),
            "counts": {"images": 100, "kernels": 16, "pairs": 1600},
        },
        "other noise": set_of("d", "celebamask") | {"recipe": five.replace("0.00784313725490196", "0.01")},
        "other faces": set_of("e", "lfw", recipe="mspl-center"),
        "some other faces": set_of("f", "celebamask", "lfw", recipe="mspl-center"),
    }
    tables = [scores_of(name, [30.0, 31.0], other={"set": known}) for name, known in own.items()]
    (table,) = paper_tables(tables, protocol="dfpgnet", numbers=["5"])
    placed = {item.label: dataset.label for cell, item, dataset, _ in table.filled()
              if cell.kind == MEASURED and cell.text != "—"}  # fmt: skip
    assert placed["as printed"] == placed["renamed"] == placed["fewer kernels"] == "MSPL-Center"
    assert [placed[name][0] for name in ("other noise", "other faces", "some other faces")] == ["d", "e", "f"]
    told = {line.partition("'")[2][0]: line for line in table.remarks if line.startswith("Measured on set")}
    end = "; its faces are {}, the paper's number is not on record."
    assert told["a"].endswith("as MSPL-Center" + end.format(240))
    assert told["b"].endswith("as MSPL-Center" + end.format(100))
    assert told["c"].endswith("as MSPL-Center, but with 16 kernels instead of 80" + end.format(100))
    assert "compared with MSPL-Center it has noise.sigma 0.01 instead of 0.00784314." in told["d"]
    assert "it has photographs of lfw instead of celebamask or celeba." in told["e"]
    assert "it has photographs of celebamask and lfw instead of celebamask or celeba." in told["f"]


def test_how_a_set_differs_from_the_papers(scores_of: Make):
    """Numbers of faces and kernels as they are on record; images of a gallery are not blurred."""
    known = set_of("hel", "helen")
    for counts, told in (
        ({"images": 4, "kernels": 80, "pairs": 320}, "as Helen, but with 4 faces instead of 100."),
        ({"images": 1, "kernels": 1, "pairs": 1},
         "as Helen, but with 1 face instead of 100 and 1 kernel instead of 80."),
        ({"images": 1000, "kernels": 80, "pairs": 8000}, "as Helen."),
        ({"images": 120, "kernels": 80, "pairs": 9600}, "as Helen, but with 120 faces instead of 100."),
    ):  # fmt: skip
        table = one("10", scores_of("net", [30.0], other={"set": known | {"counts": counts}}))
        assert any(line.endswith(told) for line in table.remarks), (told, table.remarks)
    drawn = {"recipe": known["recipe"].replace("per_size = 10", "per_size = 10\nper_image = 2", 1),
             "counts": {"images": 100, "kernels": 80, "pairs": 200}}  # fmt: skip
    table = one("10", scores_of("net", [30.0], other={"set": known | drawn}), hel="Helen")
    assert any(line.endswith("as Helen, but with kernels.per_image 2 instead of 0.") for line in table.remarks)
    named = one("10", scores_of("net", [30.0], other={"set": set_of("lfw8k", "lfw", images=7)}), lfw8k="Helen")
    assert "as Helen, but with photographs of lfw instead of helen and 7 faces instead of 100." in " ".join(
        named.remarks
    )


def test_verification_of_faces_that_were_found(scores_of: Make, tmp_path: Path):
    curve = Curve(12, 1, 0, (1.0,))
    rows = pd.DataFrame({name: [] for name in Recognition.columns})
    made = Recognition("", False, "cel", CELEBA["hash"], "", "mobilefacenet@0,detect", "l2", 9, 0, 3, curve, curve,
                       curve, None, rows=rows)  # fmt: skip
    same = np.array([np.nan, *np.linspace(0, 1.9, 10), 2.2])
    known = verification(np.append(same, same + 1), np.repeat([True, False], 12))
    made = replace(made, verification=known, clear_verification=replace(known, misses=0, accuracy_found=0.75))
    tables = []
    for name, embedder in (("right", made.embedder), ("other", "dlib-resnet@0")):
        table = scores_of(name, [30.0] * 12, other={"set": CELEBA})
        folder = tmp_path / name
        table.write(folder / "scores.parquet")
        own = replace(made, method=name, embedder=embedder, run_hash=table.meta.run["hash"])
        own.write(folder / "recognition.parquet")
        tables.append(folder)
    table = one("2.2", *tables, protocol="dfpgnet")
    assert table.title == "Jung et al., Section 2.2" and table.layout.name == "dfpgnet_section2.2"
    printed = {item.label: cell.text for cell, item, _, measure in table.filled()
               if cell.kind == PUBLISHED and measure.label == "Verification"}  # fmt: skip
    assert printed == {"Clear images": "93.47%", "Blurred images": "77.05%"}
    (right,), (other,), (clear,) = (
        [cell for (_, label), cell in cells(table, name).items() if label == "Verification"]
        for name in ("right", "other", "sharp images")
    )
    alone = verification(np.append(same[1:], same[1:] + 1), np.repeat([True, False], 11)).accuracy
    assert right.value == pytest.approx(100 * alone) and known.accuracy < alone and known.accuracy_found == alone
    assert right.signature == "verification[mobilefacenet@0,detect,found]" and clear.text == "75.00%"
    assert "1 of 12 faces of right were not found" in right.notes[0] and len(right.notes) == 1
    assert "the paper takes mobilefacenet" in other.notes[1]
    absent = one("2.2", scores_of("bare", [30.0], other={"set": CELEBA}), protocol="dfpgnet")
    (cell,) = [cell for (_, label), cell in cells(absent, "bare").items() if label == "Verification"]
    assert cell.text == "—" and "--embedder mobilefacenet --mode detect" in cell.notes[0]
