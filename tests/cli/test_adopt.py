"""``facedeblur adopt`` and ``facedeblur score --pairs``: what they print, and their exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image as Pillow

from facedeblur.benchmark.errors import InputError
from facedeblur.cli.adopt import adopt
from facedeblur.cli.score import score
from facedeblur.generators.build import build
from tests.support.pair_trees import pixels, tree


@pytest.fixture
def made(tmp_path: Path) -> Path:
    names = ("a", "b")
    tree(tmp_path / "mine", {f"{side}/{name}.png": n for n, name in enumerate(names) for side in ("blur", "gt")})
    build("pairs", tmp_path / "mine", tmp_path / "set", workers=1)
    return tmp_path


def call(command, *words: object) -> Result:
    result = CliRunner().invoke(command, [*map(str, words), "--jobs", "1"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_adopt_says_what_it_took_and_ends_with_1_if_something_lacks(made):
    tree(made / "theirs", {"x/a_out.png": 0, "x/b_out.png": 1})
    done = call(adopt, made / "set", made / "theirs", "-o", made / "all")
    assert done.exit_code == 0 and done.output.startswith("all: 2 of 2 pairs  ->  ")
    (made / "theirs" / "x" / "b_out.png").rename(made / "theirs" / "x" / "c_out.png")
    done = call(adopt, made / "set", made / "theirs", "-o", made / "some")
    assert done.exit_code == 1
    assert "1 pair without a file, such as b" in done.output and "1 file of no pair, such as x/c_out.png" in done.output


def test_jpeg_is_taken_if_that_is_accepted(made):
    (made / "theirs").mkdir()
    for n, name in enumerate("ab"):
        Pillow.fromarray(pixels(n)).save(made / "theirs" / f"{name}.jpg")
    with pytest.raises(InputError, match="add --lossy"):
        call(adopt, made / "set", made / "theirs", "-o", made / "out")
    done = call(adopt, made / "set", made / "theirs", "-o", made / "out", "--lossy")
    assert done.exit_code == 0 and "JPEG compression: 2 files" in done.output


def test_score_names_adopt_where_kinds_are_others(made):
    for n, name in enumerate("ab"):
        (made / "grey").mkdir(exist_ok=True)
        Pillow.fromarray(pixels(n)).convert("L").save(made / "grey" / f"{name}.png")
    done = call(score, made / "set", made / "grey", "--metric", "psnr")
    assert done.exit_code == 1 and "facedeblur adopt SET FOLDER -o OUTPUTS" in done.output


def test_score_without_a_set(made):
    tree(made / "restored", {"a_out.png": 0, "b_out.png": 5})
    done = call(score, "--pairs", made / "mine" / "gt", made / "restored", "--metric", "psnr")
    assert done.exit_code == 0 and done.output.startswith("restored: 2 of 2 outputs scored on gt")
    assert "adopt" not in done.output
    wrong = call(score, made / "set", made / "restored", "--lossy")
    assert wrong.exit_code == 2 and "are for --pairs" in wrong.output
    wrong = call(score, "--pairs", made / "mine" / "gt", made / "restored", made / "mine" / "gt", "-o", made / "o.csv")
    assert wrong.exit_code == 2 and "--out is for one folder" in wrong.output
