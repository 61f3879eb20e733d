"""A set of four pairs with two runs on it, made through the front door."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

import facedeblur as fd
from facedeblur.benchmark.files.images import write_png


class Chain(NamedTuple):
    """What each step of the chain returned, and the folder it is in."""

    folder: Path
    made: fd.Set
    blurred: fd.Outputs
    unsharp: fd.Outputs
    scores: list[fd.Scores]


@pytest.fixture(scope="package")
def chain(tmp_path_factory, portrait, small_recipe) -> Chain:
    folder = tmp_path_factory.mktemp("chain")
    write_png(folder / "faces" / "eileen.png", portrait[40:168, 160:288])
    made = fd.build(small_recipe(folder), folder / "faces", folder / "set", workers=1)
    runs = [fd.run(name, made, folder / name, workers=1) for name in ("blurred", "unsharp")]
    scores = fd.score(made, runs, metrics=["psnr", "ssim"], workers=1)
    return Chain(folder, made, *runs, scores)
