"""The examples run as they stand, on a small set."""

from __future__ import annotations

import os
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
