"""Compiled code has a place even where neither the package nor the home folder can be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import facedeblur
from facedeblur.benchmark import compiled


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No place of numba's own can be written."""
    monkeypatch.delenv(compiled.VARIABLE, raising=False)
    monkeypatch.setattr(compiled, "_usual_places", lambda: [tmp_path / "a" / "b"])
    monkeypatch.setattr(compiled, "_writable", lambda folder: False)
    monkeypatch.setattr(compiled, "note", "")
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(compiled.tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    os.environ.pop(compiled.VARIABLE, None)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users on this system")
def test_a_private_folder_serves(nowhere):
    import numba

    compiled.find_place()
    folder = nowhere / f"facedeblur-compiled-{os.getuid()}"
    assert os.environ[compiled.VARIABLE] == numba.config.CACHE_DIR == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert str(folder) in compiled.note and "\n" not in compiled.note
    said, compiled.note = compiled.note, ""
    compiled.find_place()
    assert said and not compiled.note, "a process that inherits the place says nothing"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users on this system")
@pytest.mark.parametrize("kind", ["open", "link"])
def test_a_folder_that_others_can_write_is_not_taken(nowhere, kind):
    folder = nowhere / f"facedeblur-compiled-{os.getuid()}"
    if kind == "open":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        (nowhere / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to("elsewhere")
    compiled.find_place()
    chosen = Path(os.environ[compiled.VARIABLE])
    assert chosen != folder and chosen.is_dir() and chosen.parent == nowhere


def test_what_the_user_chose_is_kept(nowhere, monkeypatch):
    monkeypatch.setenv(compiled.VARIABLE, "mine")
    compiled.find_place()
    assert os.environ[compiled.VARIABLE] == "mine" and not compiled.note


def test_a_read_only_package_and_home(tmp_path):
    """As in a container that runs as another user: numba would raise when a compiled loop is imported."""
    if not hasattr(os, "geteuid"):
        pytest.skip("no users on this system")
    bound = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere")
        bound = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    package, home = tmp_path / "read" / "facedeblur", tmp_path / "home"
    heavy = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.png")
    shutil.copytree(Path(facedeblur.__file__).parent, package, ignore=heavy)
    for floor in ("benchmark", "generators"):
        source = Path(import_module(f"facedeblur.{floor}").__file__ or "").parent
        shutil.copytree(source, package / floor, ignore=heavy, dirs_exist_ok=True)
    home.mkdir()
    for place in [home, package, *package.rglob("*")]:
        place.chmod(place.stat().st_mode & ~0o222)
    # The copy is first even where an installed package is found by a finder of its own.
    code = f"import sys; sys.path.insert(0, {str(package.parent)!r}); import facedeblur.generators.blur.convolve as c"
    code += "; import facedeblur.benchmark.compiled as d; print(c.__file__, d.note)"
    environment = os.environ | {"HOME": str(home), "TMPDIR": str(tmp_path)}
    for name in (compiled.VARIABLE, "XDG_CACHE_HOME"):
        environment.pop(name, None)
    try:
        done = subprocess.run(
            [*bound, sys.executable, "-B", "-c", code], env=environment, capture_output=True, text=True, check=False
        )
    finally:
        for place in [home, package, *package.rglob("*")]:
            place.chmod(place.stat().st_mode | 0o200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(package)) and f"is kept in {tmp_path}/facedeblur-compiled-" in done.stdout
