"""The lines of a report that make its numbers again: each is one that facedeblur takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from facedeblur.benchmark.scoring.table import Column
from facedeblur.generators.recipe import load_recipe
from facedeblur.generators.video.spec import FrameSpec
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.page.provenance import commands

PSNR = list(np.linspace(20, 30, 20))


@pytest.fixture
def made_by(scores_of: Any) -> Callable[[str, str], str]:
    """The first line, of a set of this name and recipe."""

    def first_line(name: str, recipe: str) -> str:
        table = scores_of("unsharp", PSNR)
        named = replace(table.meta, set={**table.meta.set, "name": name, "recipe": recipe})
        return commands(gather([type(table)(table.frame, named)]))[0]

    return first_line


def test_a_recipe_that_ships_is_named(made_by: Callable[[str, str], str]) -> None:
    text = load_recipe("shen2020")[1]
    assert made_by("shen2020", text) == "facedeblur build shen2020 --faces PHOTOS --seed 7 -o SET"
    assert made_by("helen", text) == "facedeblur build shen2020 --faces PHOTOS --name helen --seed 7 -o SET"
    videos = made_by("anand-motion", load_recipe("anand-motion")[1])
    assert videos == "facedeblur build anand-motion --faces VIDEOS --seed 7 -o SET"


def test_a_recipe_of_ones_own_is_a_file(made_by: Callable[[str, str], str]) -> None:
    own = load_recipe("shen2020")[1].replace("per_size = 10", "per_size = 2")
    assert made_by("shen2020", own) == "facedeblur build shen2020.toml --faces PHOTOS --seed 7 -o SET"


def test_frames_without_a_recipe_have_a_command_of_their_own(made_by: Callable[[str, str], str]) -> None:
    assert made_by("frames-11", FrameSpec().text()) == "facedeblur frames VIDEOS -o SET"
    some = FrameSpec(length=7, stride=7, gamma=0.0, crf="camera.csv", max_cut=0.2)
    words = "--length 7 --max-cut 0.2 --crf camera.csv --name talk"
    assert made_by("talk", some.text()) == f"facedeblur frames VIDEOS {words} -o SET"
    whole = FrameSpec(length="all", repeated="drop", train_share=0.7)
    assert made_by("frames-all", whole.text()) == (
        "facedeblur frames VIDEOS --length all --repeated drop --split 0.7 --seed 7 -o SET"
    )
    for role in ("train", "test"):
        part = FrameSpec(length="all", train_share=0.7, role=role)
        words = f"--length all --split 0.7 --role {role} --seed 7"
        assert made_by("frames-all", part.text()) == f"facedeblur frames VIDEOS {words} -o SET"


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"name": "umsn", "weights": {"umsn.safetensors": "0" * 64}}, "umsn"),
        (
            {"name": "traced-here", "weights": {"traced-here.ts": "0" * 64}, "options": {"range": "0..1"}},
            "traced-here.ts",
        ),
        ({"name": "deblur", "weights": {"g.onnx": "0" * 64}, "options": {"range": "-1..1"}}, "deblur.toml"),
        ({"name": "tool", "code": {"tool.py": "0" * 64}, "options": {"argv": ["python", "tool.py"]}}, "tool.toml"),
        ({"name": "my-net", "code": {"my_net.py": "0" * 64}, "options": {"a": 1}}, "my-net --plugin my_net.py"),
    ],
)
def test_a_method_is_called_as_it_was(scores_of: Any, run: dict[str, Any], words: str) -> None:
    (found,) = [one for one in commands(gather([scores_of("m", PSNR, run=run)])) if " run " in one]
    assert found == f"facedeblur run {words} SET -o OUTPUTS/1"


def test_a_run_with_the_kernels_of_another_comes_after_it_and_names_it(scores_of: Any) -> None:
    blind = scores_of("blind", PSNR, run={"name": "blind", "hash": "b" * 64})
    given = {"method": "blind", "run": "b" * 64, "kernels": "k"}
    shown = "wiener[kernels=blind]"
    after = scores_of(shown, [one + 1 for one in PSNR], run={"name": "wiener", "hash": "w", "given_kernels": given})
    found = [one for one in commands(gather([after, blind])) if " run " in one]
    assert found == [
        "facedeblur run blind SET -o OUTPUTS/2",
        "facedeblur run wiener SET --kernels OUTPUTS/2 -o OUTPUTS/1",
    ]
    (alone,) = [one for one in commands(gather([after])) if " run " in one]
    assert alone == "facedeblur run wiener SET --kernels KERNELS -o OUTPUTS/1"


def test_metrics_beside_the_protocol_are_asked_for(scores_of: Any) -> None:
    standard = Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0)
    added = Column("psnr-crop[rgb,255,crop8]", "PSNR crop8", "dB", True, 0.0)
    lines = commands(gather([scores_of("unsharp", PSNR, columns=(standard, added))]))
    assert [one for one in lines if " score " in one] == [
        "facedeblur score SET OUTPUTS/1 --protocol shen2020",
        "facedeblur score SET OUTPUTS/1 --metric 'psnr-crop[rgb,255,crop8]'",
    ]
    lines = commands(gather([scores_of("unsharp", PSNR, columns=(standard,), other={"protocol": "mine"})]))
    assert "facedeblur score SET OUTPUTS/1 --protocol mine.toml" in lines
