"""A real dask scheduler with worker processes of its own scores, recognises and parses as this process does."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.sets.set import Pair, Set
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.cli.main import facedeblur


@pytest.fixture
def the_set(tmp_path, portrait, toy_parts) -> Set:
    """Two people with a gallery photograph each and labels; the second portrait holds no face."""
    face = portrait[20:180, 140:300]
    pixels = {"ann": face, "ann2": face[:, ::-1].copy(), "bob": 255 - face, "bob2": face // 2}
    label = np.ones(face.shape[:2], np.uint8)
    images = []
    for name, some in pixels.items():
        role = "gallery" if name.endswith("2") else "probe"
        sha = pixel_hash(some)
        one = replace(toy_parts[0][0], image_id=name, identity=name[:3], role=role, width=160, height=160, sha256=sha)
        images.append(replace(one, label=f"labels/{name}.png", label_sha256=pixel_hash(label)))
    writer = SetWriter(tmp_path / "set", {"name": "two", "recipe": "", "seed": 0})
    bank = Bank.of(["k"], [np.ones((1, 1))])
    writer.start(images, lambda image: pixels[image.image_id], bank, n_kernels=1, label=lambda image: label)
    for index, name in enumerate(("ann", "bob")):
        blurred = np.clip(pixels[name].astype(int) + 4, 0, 255).astype(np.uint8)
        write_png(writer.work / f"blur/{name}_k.png", blurred)
        sharp = f"sharp/{name}.png"
        pair = Pair(index, f"{name}_k", name, "k", 1, "uniform", "reflect", 0.0, 1.0, 0, sharp, f"blur/{name}_k.png",
                    pixel_hash(blurred))  # fmt: skip
        writer.append([pair])
    return writer.finish()


def call(*argv: str) -> str:
    shown = CliRunner().invoke(facedeblur, list(argv), catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    return shown.stdout


def test_score(the_set, scheduler, tmp_path):
    argv = ["score", str(the_set.root), str(the_set.root / "blur"), "--metric", "psnr", "-o"]
    call(*argv, str(tmp_path / "here.parquet"), "--jobs", "1")
    call(*argv, str(tmp_path / "there.parquet"), "--jobs", "1", "--backend", "dask", "--scheduler", scheduler)
    here, there = (Scores.read(tmp_path / f"{name}.parquet").frame for name in ("here", "there"))
    pd.testing.assert_frame_equal(here, there, check_exact=True)


@pytest.mark.parametrize("command", ["recognise", "parse"])
def test_of_whole_sets(the_set, scheduler, tmp_path, command, dlib_models):
    argv = [command, str(the_set.root), str(the_set.root / "blur"), "--json", "--force", "--jobs", "1"]
    here = call(*argv)
    there = call(*argv, "--backend", "dask", "--scheduler", scheduler)
    assert json.loads(here) == json.loads(there) and len(json.loads(here)) == (1 if command == "recognise" else 2)
