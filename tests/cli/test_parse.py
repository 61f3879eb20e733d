"""``facedeblur parse``: what it prints, and its exit codes, on two real faces."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from facedeblur.cli.parse import parse


@pytest.fixture(scope="module")
def faces(tmp_path_factory, dlib_models, shared_data, small_recipe):
    """A set of two faces, and a copy of its blurred images for outputs."""
    import shutil

    from facedeblur.generators.build import build
    from facedeblur.generators.photos.specs import Selection

    folder = tmp_path_factory.mktemp("parse")
    source = f"celebamask:{shared_data / 'celebamask_eval512'}"
    the_set = build(small_recipe(folder, 0.0), source, folder / "set", selection=Selection(limit=2), workers=1)
    shutil.copytree(the_set.root / "blur", folder / "net")
    return the_set, folder / "net"


def test_the_table(faces):
    the_set, net = faces
    arguments = [str(the_set.root), str(net), "--input", "--parser", "dlib-68", "--jobs", "1"]
    done = CliRunner().invoke(parse, arguments)
    assert done.exit_code == 0, done.output
    assert "mean over 9 components without the background; hair not parsed" in done.output
    table = {line.split()[0]: line.split()[1:] for line in done.output.splitlines() if line}
    assert table["images"] == ["2", "8", "8"]
    for name in ("skin", "left-brow", "nose", "inner-mouth", "mean"):
        sharp, blurred, copied = map(float, table[name])
        assert 0 <= blurred <= 100 and sharp > 0
        assert blurred == copied
    assert "hair" not in table
    four = CliRunner().invoke(parse, [*arguments, "--partition", "umsn4"])
    assert "mean over 3 components; hair not parsed" in four.output and "parts " in four.output


def test_json_and_misses(faces, tmp_path):
    import shutil

    the_set, net = faces
    less = shutil.copytree(net, tmp_path / "less", ignore=shutil.ignore_patterns("*.parquet"))
    sorted(less.glob("*.png"))[0].unlink()
    arguments = [str(the_set.root), str(less), "--parser", "dlib-68", "--jobs", "1"]
    done = CliRunner().invoke(parse, [*arguments, "--json"])
    assert done.exit_code == 1
    sharp, run = json.loads(done.output)
    assert (sharp["method"], run["method"], run["failed"], run["n_images"]) == ("sharp images", "less", 1, 8)
    assert (run["scores"]["hair"], run["not_parsed"]) == (None, ["hair"])
    printed = CliRunner().invoke(parse, arguments)
    assert "less: 1 failed: output missing" in printed.output
    quiet = CliRunner().invoke(parse, [*arguments, "--quiet"])
    assert (quiet.exit_code, quiet.output) == (1, "")


def test_our_own_parser_is_the_usual_one(faces):
    the_set, _ = faces
    done = CliRunner().invoke(parse, [str(the_set.root), "--input", "--jobs", "1"])
    assert done.exit_code == 0, done.output
    assert "facedeblur@" in done.output and "mean over 10 components" in done.output
    table = {line.split()[0]: line.split()[1:] for line in done.output.splitlines() if line}
    sharp, blurred = map(float, table["mean"])
    assert sharp > 70 and sharp > blurred


def test_bad_use(tmp_path):
    assert "give OUTPUTS, or --input" in CliRunner().invoke(parse, [str(tmp_path)]).output
    done = CliRunner().invoke(parse, [str(tmp_path), "--input", "--partition", "helen"])
    assert done.exit_code == 2 and "helen" in done.output
