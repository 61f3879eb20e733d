"""The examples run as they stand, on a small set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.sets.set import Set
from facedeblur.cli.main import facedeblur
from facedeblur.generators.build import build
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


@pytest.mark.slow
def test_chain_from_python(tmp_path, dlib_models):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "notebook.py")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a script shows no progress unless asked"
    assert (tmp_path / "example" / "report.html").is_file()
    assert "unsharp" in done.stdout
