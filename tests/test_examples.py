"""The examples run as they stand, on a small set."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.parallel import Workers
from facedeblur.benchmark.sets.set import Set
from facedeblur.cli.main import facedeblur
from facedeblur.generators.blur.degrade import degrade
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.build import build
from facedeblur.generators.pairs.device import make, prepare
from facedeblur.generators.pairs.virtual import open_pairs
from facedeblur.methods.running.runner import run

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(scope="module")
def small(tmp_path_factory, portrait) -> Set:
    root = tmp_path_factory.mktemp("examples")
    write_png(root / "crops" / "eileen.png", portrait[40:168, 160:288])
    return build("shen2020", root / "crops", root / "set", workers=1)


def test_own_method(small, tmp_path):
    shown = CliRunner().invoke(
        facedeblur,
        ["run", "my-net", str(small.root), "-o", str(tmp_path / "o"), "--plugin", str(EXAMPLES / "my_net.py"),
         "--set", "amount=0.4", "--limit", "3", "--jobs", "1"],
        catch_exceptions=False,
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    made = Outputs.open(tmp_path / "o", small)
    assert made.method == "my-net[amount=0.4]"
    assert [row.ok for row in made.statuses()][:4] == [True] * 3 + [False]


def test_own_network(small, tmp_path):
    """A network from a plugin is trained by its recipe for two steps, and then a method."""
    shutil.copytree(small.root.parent / "crops", tmp_path / "crops")
    plugin = ["--plugin", str(EXAMPLES / "my_network.py")]
    trained = CliRunner().invoke(
        facedeblur,
        ["train", str(EXAMPLES / "my_network.toml"), "--faces", str(tmp_path / "crops"),
         "-o", str(tmp_path / "trained"), "--iterations", "2", "--device", "cpu", "--workers", "0",
         "--jobs", "1", *plugin],
        catch_exceptions=False,
    )  # fmt: skip
    assert trained.exit_code == 0, trained.output
    assert "psnr" in trained.output
    out = tmp_path / "out"
    shown = CliRunner().invoke(
        facedeblur,
        ["run", "my-network", str(small.root), "-o", str(out), "--weights", str(tmp_path / "trained"), "--limit", "1",
         "--device", "cpu", "--set", "tile=64", *plugin],
        catch_exceptions=False,
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    made = Outputs.open(out, small)
    assert (made.method, made.info["parameters"]) == ("my-network[tile=64]", 3 * 16 * 16 + 16 + 16 * 3 * 16 + 3)
    assert list(made.info["weights"]) == ["my-network.safetensors"] and list(made.info["code"]) == ["my_network.py"]
    assert next(made.statuses()).ok


def test_own_command(small, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    made = run(EXAMPLES / "my_command.toml", small.root, tmp_path / "o", limit=3)
    assert [row.status for row in made.statuses()][:3] == ["ok"] * 3


def test_own_noise(small, tmp_path):
    """Every kind of pair has the example's noise, with the same values in all channels."""
    workers = Workers(1).loading(EXAMPLES / "my_noise.py")
    grain, point = Noise(0.03, "grain"), np.ones((1, 1))
    grey = np.full((16, 20, 3), 128, np.uint8)
    noisy = degrade(grey, point, noise=grain, seed=0, index=7)
    assert 5 < noisy[..., 0].std() < 11
    assert (noisy == noisy[..., :1]).all()
    recipe = tmp_path / "grain.toml"
    text = (EXAMPLES / "small.toml").read_text(encoding="utf-8")
    recipe.write_text(text.replace("sigma = 0.01", 'sigma = 0.03\nkind = "grain"'), encoding="utf-8")
    faces = small.root / "sharp"
    made = build(recipe, faces, tmp_path / "set", workers=workers)
    pairs = open_pairs(recipe, faces, workspace=tmp_path / "work", shuffle=False, workers=workers)
    plans = [pairs.plan(index) for index in range(len(pairs))]
    on_device = make(pairs, prepare(pairs, plans), "cpu")[1].permute(0, 2, 3, 1).numpy()
    for row, pair, torched in zip(made.pairs(), pairs, on_device, strict=True):
        assert np.array_equal(made.blurred(row), pair.blurred)
        assert np.array_equal(torched, pair.blurred)


def test_order_of_blind_methods_resumes(small, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    example = import_module("order_of_blind_methods")
    monkeypatch.setattr(example, "COMPARED", ("xu-2013",))
    first = next(small.pairs())
    one = SimpleNamespace(
        name="set", pairs=lambda: iter([first]), image_of=small.image_of, sharp=small.sharp, blurred=small.blurred
    )
    monkeypatch.setattr(Set, "open", lambda folder: one)
    example.main(tmp_path / "order.csv", [str(small.root)])
    rows = list(csv.DictReader((tmp_path / "order.csv").open(encoding="utf-8")))
    assert len(rows) == 4 * 3 * 4
    assert {(row["size"], row["colour"]) for row in rows} == {
        ("true", "grey"), ("27", "grey"), ("true + 4", "grey"), ("true", "green"),
    }  # fmt: skip
    assert all(5 < float(row["value"]) < 50 for row in rows if row["rule"] != "ssim")
    written = (tmp_path / "order.csv").read_bytes()
    example.main(tmp_path / "order.csv", [str(small.root)])
    assert (tmp_path / "order.csv").read_bytes() == written


@pytest.mark.slow
def test_chain_from_python(tmp_path, dlib_models):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "notebook.py")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a script shows no progress unless asked"
    assert (tmp_path / "example" / "report.html").is_file()
    assert "unsharp" in done.stdout
