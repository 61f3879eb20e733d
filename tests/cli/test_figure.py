"""``facedeblur figure`` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.files.stores import write_pixels
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.sets.classes import GROUPS, HELEN
from facedeblur.benchmark.sets.set import Image, Pair
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.benchmark.whole_set.parsing import Parsing
from facedeblur.benchmark.whole_set.recognition import Curve, Recognition
from facedeblur.cli.figure import figure
from facedeblur.methods.running.runner import run

pytest.importorskip("matplotlib")
HEADS = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """A set of four blurred photographs without kernels, and the scored outputs of two methods."""
    from skimage import data, filters

    root = tmp_path_factory.mktemp("figure")
    portrait = np.asarray(data.astronaut())
    sharp = {f"f{i}": np.ascontiguousarray(portrait[40 + 9 * i : 88 + 9 * i, 190:238]) for i in range(4)}
    info = {"schema": 1, "name": "small", "recipe": "", "seed": 0, "store": "png", "sources": [], "packages": {}}
    writer = SetWriter(root / "set", {**info, "kind": "frames", "title": "", "assumptions": []})
    images = [
        Image(name, name, "test", "ok", 1, "a.png", "", 1.0, 0, "", 48, 48, pixel_hash(pixels), "")
        for name, pixels in sharp.items()
    ]
    writer.start(images, lambda image: sharp[image.image_id], None, n_kernels=0)
    for index, image in enumerate(images):
        smooth = filters.gaussian(sharp[image.image_id], 1.0 + index / 2, channel_axis=2)
        blurred = np.round(smooth * 255).astype(np.uint8)
        pair = Pair(index, f"{image.image_id}_b", image.image_id, "", 0, "frames", "", 0.0, 1.0, 0, image.sharp,
                    f"blur/{image.image_id}_b.png", pixel_hash(blurred))  # fmt: skip
        write_pixels(writer.work, pair.blur, index, blurred, store="png")
        writer.append([pair])
    writer.finish()
    outputs = []
    for method in ("blurred", "unsharp"):
        outputs.append(str(root / method))
        run(method, root / "set", root / method, workers=1)
    score(root / "set", outputs, metrics=["psnr"], workers=1)
    return str(root / "set"), outputs


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(figure, list(arguments))


def drawn(out: Path, *arguments: str) -> str:
    shown = invoke(*arguments, "-o", str(out))
    assert shown.exit_code == 0, (shown.output, shown.exception)
    assert out.read_bytes().startswith(HEADS[out.suffix[1:]]) and out.stat().st_size > 2000
    return shown.output


@pytest.mark.parametrize("kind", ["distribution", "runtime"])
def test_plots(made: tuple[str, list[str]], tmp_path: Path, kind: str) -> None:
    for suffix in HEADS:
        assert f"{kind}.{suffix}" in drawn(tmp_path / f"{kind}.{suffix}", kind, *made[1], "--width", "3")


def test_a_grid_says_which_pairs_it_shows(made: tuple[str, list[str]], tmp_path: Path) -> None:
    printed = drawn(tmp_path / "grid.pdf", "grid", made[0], *made[1], "--pairs", "f2_b,worst", "--inset", "4,4,16,12")
    assert printed.splitlines()[1:] == ["  f2_b  (by id)", "  f3_b  (worst of unsharp)"]
    drawn(
        tmp_path / "g.png",
        "grid",
        made[0],
        *made[1],
        "--pairs",
        "random:2",
        "--no-captions",
        "--smooth",
        "--by",
        "blurred",
    )


def test_a_grid_of_named_columns_and_images_of_the_set(made: tuple[str, list[str]], tmp_path: Path) -> None:
    columns = ["Truth=set:sharp", "Input=set:blurred", f"Sharpened={made[1][1]}"]
    arguments = ("grid", made[0], *columns, "--pairs", "f0_b", "--kernels", "all", "--wrap", "2", "--width", "3")
    drawn(tmp_path / "a.pdf", *arguments)
    drawn(tmp_path / "b.pdf", "grid", made[0], *columns, "--pairs", "f0_b,f1_b", "--turn")


def test_curves_bars_and_trainings(made: tuple[str, list[str]], tmp_path: Path) -> None:
    blurred, unsharp = made[1]
    drawn(tmp_path / "curves.pdf", "curves", f"amount:0={blurred}", f"amount:1={unsharp}", "--metric", "psnr")
    drawn(tmp_path / "over.pdf", "curves", unsharp, "--over", "timings.mean_s", "--label", "seconds")
    drawn(tmp_path / "bars.svg", "bars", f"Input={blurred}", unsharp)
    (tmp_path / "1-whole.csv").write_text("step,loss,psnr\n10,0.5,20\n20,0.25,21\n")
    drawn(tmp_path / "training.pdf", "training", f"A={tmp_path}", "--show", "loss, psnr")


def test_figures_of_papers_are_listed_explained_and_drawn(made: tuple[str, list[str]], tmp_path: Path) -> None:
    listed = invoke("paper", "shen2020").output
    assert "Shen et al., IJCV 2020: 16 figures" in listed and " 3  drawing " in listed
    assert "needs coarse, fine-tuned, scratch" in listed
    told = invoke("paper", "shen2020", "7").output
    assert "facedeblur figure paper shen2020 7 SET coarse=OUTPUTS" in told
    assert "row 'G_c' of facedeblur ablate shen2020 --table 5" in told
    assert "a drawing of the network" in invoke("paper", "shen2020", "3").output
    printed = drawn(tmp_path / "7.pdf", "paper", "shen2020", "7", made[0], f"coarse={made[1][1]}", "--pairs", "f0_b")
    assert "  f0_b  (by id)" in printed and "left out, since not given: fine-tuned, scratch" in printed
    drawn(tmp_path / "13.pdf", "paper", "shen2020", "13", f"ours={made[1][1]}", "--metric", "psnr", "--width", "3.5")
    shown = invoke("paper", "shen2020", "7", made[0])
    assert shown.exit_code == 2 and "-o FILE" in shown.output


def test_tests_of_whole_sets(tmp_path: Path) -> None:
    curve = Curve(9, 0, 0, (0.5, 0.75, 1.0))
    ranks = pd.DataFrame({name: pd.Series(dtype=object) for name in Recognition.columns})
    test = Recognition("m", False, "s", "h", "r", "e", "l2", 3, 0, 3, curve, curve, curve, None, rows=ranks)
    test.write(tmp_path / "recognition.parquet")
    drawn(tmp_path / "cmc.svg", "cmc", str(tmp_path), "--most", "2")
    rows = {
        "index": [0],
        "pair_id": ["p"],
        "image_id": ["i"],
        "kernel_id": ["k"],
        "kernel_size": [13],
        "status": ["ok"],
    }
    counts = {name: [[9, 5, 5] * len(groups)] for name, groups in GROUPS.items()}
    Parsing("m", False, "s", "h", "r", "e", HELEN, rows=pd.DataFrame({**rows, **counts})).write(
        tmp_path / "parsing.parquet"
    )
    drawn(tmp_path / "f.pdf", "fscore", str(tmp_path), "--partition", "umsn4")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (lambda made: ("distribution", *made[1], "-o", "x.jpg"), ".pdf, .svg, .png"),
        (lambda made: ("kernel-size", *made[1], "-o", "x.pdf"), "the set has no kernels"),
        (lambda made: ("grid", made[0], *made[1], "-o", "x.pdf", "--pairs", "nobody"), "pair 'nobody'"),
        (lambda made: ("grid", made[0], *made[1], "-o", "x.pdf", "--inset", "40,40,20,20"), "48x48"),
        (lambda made: ("grid", made[0], *made[1], "-o", "x.pdf", "--by", "wiener"), "method 'wiener'"),
        (lambda made: ("grid", made[0], f"A={made[1][1]}/parsing", "-o", "x.pdf"), "did not keep 'parsing'"),
        (lambda made: ("grid", made[0], "set:labels", "-o", "x.pdf"), "has no label images"),
        (lambda made: ("curves", made[1][0], "-o", "x.pdf"), "--over KEY"),
        (lambda made: ("bars", made[1][0], "--metric", "lpips", "-o", "x.pdf"), "do not have metric 'lpips'"),
        (lambda made: ("training", made[1][0], "-o", "x.pdf"), "no log of a training"),
        (lambda made: ("paper", "shen2020", "3", made[0], "-o", "x.pdf"), "is not drawn from results here"),
        (lambda made: ("paper", "shen2020", "7", made[0], f"G={made[1][1]}", "-o", "x.pdf"), "result 'G'"),
        (lambda made: ("cmc", made[1][0], "-o", "x.pdf"), "recognition"),
        (lambda made: ("fscore", made[1][0], "-o", "x.pdf"), "parsing"),
    ],
)
def test_bad_input(
    made: tuple[str, list[str]], arguments: Callable[[tuple[str, list[str]]], tuple[str, ...]], line: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    shown = invoke(*arguments(made))
    assert isinstance(shown.exception, InputError) and line in str(shown.exception)
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_a_width_that_no_page_has(made: tuple[str, list[str]], tmp_path: Path) -> None:
    shown = invoke("kernel-size", *made[1], "-o", str(tmp_path / "x.pdf"), "--width", "0")
    assert shown.exit_code == 2 and "not in the range 1<=x<=50" in shown.output and not list(tmp_path.iterdir())


def test_unscored_outputs_need_ids(made: tuple[str, list[str]], tmp_path: Path) -> None:
    root = tmp_path / "foreign"
    run("unsharp", made[0], root, workers=1)
    shown = invoke("grid", made[0], str(root), "-o", str(tmp_path / "x.png"))
    assert isinstance(shown.exception, InputError) and "run facedeblur score" in str(shown.exception)
    drawn(tmp_path / "x.png", "grid", made[0], str(root), "--pairs", "f0_b")
    assert json.loads((root / "run.json").read_text())["method"] == "unsharp"
