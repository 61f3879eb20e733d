"""build, check, run, score, leaderboard, report: as a user types them, on real faces."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.files.images import write_png
from facedeblur.cli.main import facedeblur


@pytest.fixture(scope="module")
def chain(tmp_path_factory, portrait, small_recipe):
    """Everything typed once: a set of a portrait and a wall, two methods, scores, leaderboard and report."""
    root = tmp_path_factory.mktemp("chain")
    write_png(root / "photos" / "eileen.png", portrait)
    write_png(root / "photos" / "wall.png", np.full((90, 90, 3), 120, np.uint8))
    small_recipe(root)
    return root


def typed(*argv: object) -> object:
    return CliRunner().invoke(facedeblur, [str(part) for part in argv], catch_exceptions=False)


def test_the_chain(chain, dlib_models):
    built = typed("build", chain / "small0.01.toml", "--faces", chain / "photos", "-o", chain / "set", "--jobs", 1)
    assert built.exit_code == 1, built.output  # the wall shows no face
    assert "4 pairs = 1 sharp image (1 identity) x 4 kernels, seed 0" in built.output
    assert "of 2 photographs, left out: no face 1" in built.output
    checked = typed("check", chain / "set", "--jobs", 1)
    assert checked.exit_code == 0 and "4 pairs, complete and unaltered" in checked.output
    for method in ("blurred", "wiener"):
        ran = typed("run", method, chain / "set", "-o", chain / "out" / method, "--jobs", 1)
        assert ran.exit_code == 0, ran.output
    scored = typed("score", chain / "set", chain / "out" / "blurred", chain / "out" / "wiener", "--jobs", 1)
    assert scored.exit_code == 0, scored.output
    assert "4 of 4 outputs scored" in scored.output and "psnr[rgb,255]" in scored.output
    assert "left out identity[facenet-vggface2" in scored.output
    tables = [chain / "out" / "blurred", chain / "out" / "wiener"]
    board = typed("leaderboard", *tables, "-o", chain / "leaderboard.csv")
    assert board.exit_code == 0, board.output
    frame = pd.read_csv(chain / "leaderboard.csv").set_index("method")
    assert bool(frame.loc["wiener", "oracle"]) and not bool(frame.loc["blurred", "oracle"])
    reported = typed("report", *tables, "-o", chain / "report.html")
    assert reported.exit_code == 0, reported.output
    page = (chain / "report.html").read_text(encoding="utf-8")
    assert "wiener" in page and "http://" not in page.replace("http://www.w3.org", "")


def test_damage_is_found_and_counted(chain, dlib_models):
    if not (chain / "set").exists():
        pytest.skip("the chain did not run")
    shutil.copytree(chain / "set", chain / "damaged")
    next((chain / "damaged" / "blur").iterdir()).unlink()
    checked = typed("check", chain / "damaged", "--jobs", 1)
    assert checked.exit_code == 1 and ": missing" in checked.output
    shutil.copytree(chain / "out" / "blurred", chain / "holes")
    next((chain / "holes").glob("*.png")).unlink()
    (chain / "holes" / "scores.parquet").unlink()
    scored = typed("score", chain / "set", chain / "holes", "--metric", "psnr", "--jobs", 1)
    assert scored.exit_code == 1
    assert "3 of 4 outputs scored" in scored.output and "failed: output missing: 1" in scored.output


def test_outputs_of_another_set_are_refused(chain, dlib_models):
    if not (chain / "out").exists():
        pytest.skip("the chain did not run")
    built = typed(
        "build", chain / "small0.01.toml", "--faces", chain / "photos", "-o", chain / "other", "--seed", 5, "--jobs", 1
    )
    assert built.exit_code == 1
    with pytest.raises(Exception, match="belong to another set"):
        typed("score", chain / "other", chain / "out" / "blurred", "--jobs", 1)


def test_demo_on_own_photographs(chain, dlib_models):
    argv = [
        "demo",
        "--faces",
        chain / "photos",
        "-o",
        chain / "demo",
        "--recipe",
        chain / "small0.01.toml",
        "--jobs",
        1,
    ]
    shown = typed(*argv, "--jobs", 1, "--method", "blurred", "--method", "wiener")
    assert shown.exit_code == 0, shown.output
    for name in ("leaderboard.csv", "leaderboard.json", "report.html", "set/set.json", "outputs/wiener/run.json"):
        assert (chain / "demo" / name).is_file()
    assert "report.html" in shown.output and "wiener" in shown.output
    info = json.loads((chain / "demo" / "set" / "set.json").read_text())
    assert info["sources"][0]["folder"] == "photos"


@pytest.mark.slow
def test_demo_as_it_comes(demo):
    """The README's first command: fourteen faces, 16 kernels, five methods, all metrics that need no download."""
    assert demo.exit_code == 0, demo.output
    board = pd.read_csv(demo.folder / "leaderboard.csv")
    assert sorted(board["method"]) == ["blurred", "facedeblur-base", "richardson-lucy", "unsharp", "wiener"]
    assert set(board["n"]) == {14 * 16}
    assert "no face" not in demo.output
