"""Figures of papers: their files, layouts, what is left out, and what cannot be drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import told

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import write_json
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.sets.set import Set
from facedeblur.methods.base import METHODS
from facedeblur.methods.nets.base import NETS, declared
from facedeblur.reports.ablations.spec import RECORD, load_ablations
from facedeblur.reports.figures.papers.make import Wishes, explained, make
from facedeblur.reports.figures.papers.spec import PaperFigure, load_figures, papers
from facedeblur.reports.figures.style import save

matplotlib = pytest.importorskip("matplotlib")
Make = Callable[..., Scores]


def texts(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.texts]


def every_figure() -> list[tuple[str, PaperFigure]]:
    return [(paper, one) for paper in papers() for one in load_figures(paper).figure]


def test_every_figure_of_the_papers_is_listed() -> None:
    counts = {paper: [one.number for one in load_figures(paper).figure] for paper in papers()}
    wanted = {"shen2020": 16, "lin2020": 7, "umsn": 18, "dfpgnet": 4, "anand": 13}
    assert counts == {paper: [f"{k + 1}" for k in range(most)] for paper, most in wanted.items()}


@pytest.mark.parametrize("paper", papers())
def test_what_the_files_name_exists(paper: str) -> None:
    known = load_figures(paper)
    used = {name for figure in known.figure for name in figure.slots}
    assert used == {one.name for one in known.slot}, "every result is used, and has a title"
    for slot in known.slot:
        assert not slot.run or slot.run in METHODS, slot.name
        if slot.row:
            table, _ = load_ablations(paper).find(slot.table)
            assert slot.row in [row.label for row in table.row], slot.name
    for figure in known.figure:
        lines = explained(known, figure)
        assert figure.shows in lines[0] and (not figure.drawn or f"paper {paper} {figure.number} " in lines[1])
        for column in figure.column:
            run = "" if column.own else known.called(column.of).run
            if column.keep:
                keeps = declared(run).keeps
                folders = [name for key, keep in keeps.items() for name in keep.folders(key)]
                assert run in NETS and column.keep in folders, (figure.number, column.keep)
                assert any(f"--keep {column.keep.partition('-')[0]}" in line or column.keep.partition("-")[0] in line
                           for line in lines if line.lstrip().startswith(column.of)), figure.number  # fmt: skip


def test_figures_of_anand_show_synthetic_blur_and_the_pretrained_networks_that_the_paper_cites() -> None:
    known = load_figures("anand")
    lines = {number: "\n".join(explained(known, known.find(number))) for number in ("7", "8", "9", "10", "11", "13")}
    assert all("a set of the recipe anand-synthetic" in lines[number] for number in ("7", "8", "9", "10", "11"))
    assert "facedeblur run deblurgan-keras SET" in lines["11"]
    assert "facedeblur train anand-deblurgan" in lines["10"] and "facedeblur train anand-deblurgan" in lines["13"]


@pytest.mark.parametrize(("paper", "figure"), every_figure(), ids=lambda one: getattr(one, "number", one))
def test_only_results_are_drawn(paper: str, figure: PaperFigure) -> None:
    wanted = {"grid": "needs a set", "bars": "needs results", "curves": "no score tables", "training": "no trainings"}
    line = told(lambda: make(load_figures(paper), figure.number, []))
    assert wanted.get(figure.kind, "is not drawn from results here") in line
    assert figure.drawn or figure.why in line


def test_columns_are_in_the_lines_of_the_paper(stages: Any) -> None:
    ours, other = stages.outputs["ours"], stages.outputs["other"]
    given = [str(stages.set), f"ours={ours}", f"naive={other}"]
    made = make(load_figures("lin2020"), "7", given, wishes=Wishes(pairs="random"))
    assert [text for text in texts(made.figure) if "/" not in text and "PSNR" not in text] == [
        "Blurred", "Naive E2E", "Ours", "Ground truth", "Int, ours"]  # fmt: skip
    assert made.remarks == ["left out, since not given: direct, intensity, without-sketch"]
    pictures = [axes.get_position() for axes in made.figure.axes if len(axes.images[0].get_array()) == 32]
    assert len({round(place.y0, 4) for place in pictures}) == 2 and len(pictures) == 5
    kernels = [len(axes.images[0].get_array()) for axes in made.figure.axes if len(axes.images[0].get_array()) < 32]
    assert kernels == [5, 3], "the true one, and the estimated one"


def test_labels_are_those_that_the_run_kept(stages: Any) -> None:
    ours, other = stages.outputs["ours"], stages.outputs["other"]
    known = load_figures("shen2020")
    made = make(known, "5", [str(stages.set), f"coarse-labels={ours}"], wishes=Wishes(pairs="face1_b"))
    assert "93.8 %" in texts(made.figure) and [one.pair.pair_id for one in made.chosen] == ["face1_b"]
    line = told(lambda: make(known, "5", [str(stages.set), f"coarse-labels={other}"], wishes=Wishes(pairs="random")))
    assert "did not keep 'parsing'" in line and "--keep parsing" in line


def test_pairs_of_a_figure_of_kept_results_are_chosen_by_the_scores_of_their_runs(
    stages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("facedeblur.reports.figures.papers.make.table_of", lambda runs, by: asked.append(list(runs)))
    given = [str(stages.set), f"coarse-labels={stages.outputs['ours']}"]
    make(load_figures("shen2020"), "5", given, wishes=Wishes(pairs="face1_b"))
    assert [[one.root.name for one in runs] for runs in asked] == [["ours"]]


def test_rows_of_an_ablation_are_taken(stages: Any, tmp_path: Path) -> None:
    place = tmp_path / "outputs" / "table5"
    place.mkdir(parents=True)
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "labelled").symlink_to(stages.set)
    (place / "1-labelled").symlink_to(stages.outputs["other"])
    (place / "3-labelled").symlink_to(stages.outputs["ours"])
    write_json(tmp_path / RECORD, {"paper": "shen2020", "scale": "full scale"})
    made = make(load_figures("shen2020"), "7", [], ablation=tmp_path, wishes=Wishes(pairs="random", captions=False))
    assert texts(made.figure) == ["Ground truth", "Blurred", "Coarse network", "All, fine-tuned"]
    assert made.remarks == ["left out, since not given: scratch"]
    shown = made.figure.axes[3].images[0].get_array()
    opened = Set.open(stages.set)
    from facedeblur.benchmark.outputs import Outputs

    np.testing.assert_array_equal(
        shown, Outputs.open(stages.outputs["ours"], opened).restored(made.chosen[0].pair, (32, 32))
    )

    write_json(tmp_path / RECORD, {"paper": "shen2020", "scale": "small scale: widths / 8"})
    made = make(load_figures("shen2020"), "7", [], ablation=tmp_path, wishes=Wishes(pairs="random", captions=False))
    assert made.remarks[-1] == "networks of the ablation: small scale: widths / 8"
    with pytest.raises(InputError, match="expected an ablation of lin2020, found one of shen2020"):
        make(load_figures("lin2020"), "7", [], ablation=tmp_path)


@pytest.mark.parametrize(
    ("number", "ablation", "wishes", "line"),
    [
        ("9", "folder", Wishes(), "is drawn from score tables; leave out --ablation"),
        ("9", None, Wishes(pairs="worst"), "shows no images; leave out --pairs, --by and --inset"),
        ("7", None, Wishes(metrics=("psnr",)), "shows images, not metrics; leave out --metric"),
    ],
)
def test_options_of_other_kinds_of_figures_are_refused(
    number: str, ablation: str | None, wishes: Wishes, line: str
) -> None:
    with pytest.raises(InputError, match=line):
        make(load_figures("shen2020"), number, [], ablation=ablation, wishes=wishes)


def test_results_of_ones_own_stand_before_the_last(stages: Any) -> None:
    given = [str(stages.set), f"ours={stages.outputs['ours']}", f"Mine={stages.outputs['other']}"]
    made = make(load_figures("shen2020"), "1", given, wishes=Wishes(pairs="random", captions=False))
    assert texts(made.figure) == ["Ground truth", "Blurred", "Mine", "Ours"]
    made = make(load_figures("shen2020"), "10", given, wishes=Wishes(pairs="face0_b", captions=False))
    assert texts(made.figure) == ["Blurred", "Mine", "Ours", "Ground truth"]
    places = [axes.get_position().y0 for axes in made.figure.axes]
    assert places[0] > places[1] == places[2] == places[3], "in the line of the last result"


def test_curves_and_bars_of_scores(scores_of: Make, tmp_path: Path) -> None:
    for place in range(3):
        scores_of(f"m{place}", np.random.default_rng(place).normal(25, 3, 80), run={"name": "m"}).write(
            tmp_path / f"{place}.parquet"
        )
    files = [str(tmp_path / f"{place}.parquet") for place in range(3)]
    known = load_figures("shen2020")
    made = make(known, "9", [f"lambda_adv:1e-5={files[0]}", f"lambda_s:0={files[1]}", f"lambda_s:50={files[2]}"])
    assert [axes.get_xlabel() for axes in made.figure.axes] == ["λ_s", "λ_adv"]
    assert made.remarks == ["left out, since not given: lambda_p, lambda_VGG"]
    assert "what varies in figure 9" in told(lambda: make(known, "9", [f"lambda:1={files[0]}"]))
    line = told(lambda: make(known, "13", [f"ours={files[0]}"]))
    assert "identity[facenet-vggface2,l2]" in line and "facedeblur score" in line
    given = [f"ours={files[0]}", f"Net={files[2]}", f"blurred={files[1]}"]
    bars = make(known, "13", given, wishes=Wishes(metrics=["identity[dlib-resnet,l2]"])).figure
    assert [text.get_text() for text in bars.axes[0].get_yticklabels()] == ["Ours", "Net", "Blurred"]


def test_logs_of_trainings(tmp_path: Path) -> None:
    (tmp_path / "1-whole.csv").write_text("step,loss,psnr\n1,2.0,20\n2,1.0,21\n")
    made = make(load_figures("anand"), "13", [f"DeblurGAN={tmp_path}"])
    assert [axes.get_ylabel() for axes in made.figure.axes] == ["PSNR (dB)", "loss"]


def test_what_is_given_wrongly(stages: Any) -> None:
    ours = stages.outputs["ours"]
    known, the_set = load_figures("shen2020"), str(stages.set)
    assert "figure '17'" in told(lambda: known.find("17")) and known.find("Figure 7").number == "7"
    assert "unknown paper with figures" in told(lambda: load_figures("shen2021"))
    assert "result 'coars'" in told(lambda: make(known, "7", [the_set, f"coars={ours}"]))
    assert "needs a set" in told(lambda: make(known, "7", [f"coarse={ours}"]))
    assert "needs results; give some of coarse=OUTPUTS" in told(lambda: make(known, "7", [the_set]))
    assert "expected NAME=OUTPUTS" in told(lambda: make(known, "7", [the_set, str(ours)]))
    assert "given twice" in told(lambda: make(known, "7", [the_set, f"coarse={ours}", f"coarse={ours}"]))
    assert "expected NAME=SCORES" in told(lambda: make(known, "13", [str(ours)]))


def test_a_file_of_ones_own(tmp_path: Path, stages: Any) -> None:
    file = tmp_path / "mine.toml"
    text = """
    paper = "mine"
    title = "Mine"
    [[figure]]
    number = "1"
    shows = "two columns"
    kind = "grid"
    pairs = "random"
    column = [{of = "a"}, {of = "set:sharp"}]
    [[slot]]
    name = "a"
    title = "A"
    """
    file.write_text(text)
    made = make(load_figures(str(file)), "1", [str(stages.set), f"a={stages.outputs['other']}"])
    assert texts(made.figure)[:2] == ["A", "sharp"]
    first, second = (save(made.figure, tmp_path / f"{turn}.pdf", dpi=made.dpi).read_bytes() for turn in range(2))
    assert first == second
    changes = [('"a"}', '"b"}', "slot 'b'"), ('"grid"', '"gird"', "did you mean 'grid'")]
    for old, new, line in [*changes, ("set:sharp", "set:shrap", "image of the set 'shrap'")]:
        file.write_text(text.replace(old, new))
        assert line in told(lambda: load_figures(str(file)))
