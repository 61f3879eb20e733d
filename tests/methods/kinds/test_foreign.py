"""Programs of other authors, ``examples/foreign``: what is missing is told, and the drivers call what is there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.find import find_method

FOREIGN = Path(__file__).resolve().parents[3] / "examples" / "foreign"
FILES = sorted(FOREIGN.glob("*.toml"))
STAMP = """
import sys
source, target, size, again = sys.argv[1:]
assert size == again == "13"
if "face2" in source:
    sys.exit("no luck")
open(target, "wb").write(open(source, "rb").read())
"""


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def file(request, tmp_path, monkeypatch) -> Path:
    """A copy of a TOML file with our own drivers, where no program is installed."""
    shutil.copy(request.param, tmp_path)
    for driver in (*FOREIGN.glob("*.py"), *FOREIGN.glob("*.m")):
        shutil.copy(driver, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / request.param.name


def install(file: Path, needs: list[str]) -> None:
    """Put something where the file expects the authors' code and its interpreter."""
    for need in needs:
        place = file.parent / need
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.suffix:
            place.write_text("x = 1\n")
        else:
            place.mkdir()
    for name in ("matlab", "python"):
        program = file.parent / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)


def test_a_missing_program_says_in_one_line_how_to_get_it(file):
    with pytest.raises(InputError) as caught:
        find_method(file)
    assert "\n" not in str(caught.value)
    assert caught.value.what.startswith(f"{file}: '{file.stem}") and caught.value.what.endswith("is missing")
    assert f"into a folder {file.stem} next to this file" in str(caught.value)


def test_every_part_that_is_needed_is_asked_for(file):
    from facedeblur.benchmark.config import read_toml

    block, _ = read_toml(file)
    for at, need in enumerate(block["needs"]):
        install(file, block["needs"][:at])
        with pytest.raises(InputError, match=f"'{need}' is missing"):
            find_method(file)
        for place in file.parent.iterdir():
            if place.is_dir():
                shutil.rmtree(place)
    install(file, block["needs"])
    found = find_method(file)
    assert (found.shown, found.spec.oracle) == (file.stem, False)
    # What a run is recorded with: the driver and the files of the authors that the block names.
    assert {need for need in block["needs"] if Path(need).suffix} <= set(found.code)
    (file.parent / "bin" / block["argv"][0]).unlink()
    with pytest.raises(InputError, match=rf"program '{block['argv'][0]}' is not installed; .*{file.stem}"):
        find_method(file)


def test_each_calls_a_program_for_every_image_and_fills_in_its_size(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir(), target.mkdir()
    for name in ("face1_ker01_k13.png", "face2_ker01_k13.png"):
        (source / name).write_bytes(name.encode())
    (tmp_path / "stamp.py").write_text(STAMP)

    def call(*argv: str) -> subprocess.CompletedProcess[str]:
        driver = [sys.executable, str(FOREIGN / "each.py"), str(source), str(target)]
        return subprocess.run([*driver, sys.executable, *argv], capture_output=True, text=True, check=False)

    done = call(str(tmp_path / "stamp.py"), "IN", "OUT", "SIZE", "SIZE")
    assert done.returncode == 0 and "face2_ker01_k13.png: exit code 1" in done.stderr
    assert [one.name for one in target.iterdir()] == ["face1_ker01_k13.png"]
    assert (target / "face1_ker01_k13.png").read_bytes() == b"face1_ker01_k13.png"
    (target / "face1_ker01_k13.png").unlink()
    assert call("-c", "pass", "IN", "OUT").stderr.endswith("restored none of 2 images\n")
    (source / "photo.png").write_bytes(b"x")
    done = call("-c", "pass", "SIZE")
    assert done.returncode and "photo.png: its name does not end in the size of its kernel" in done.stderr


def test_the_function_for_matlab_is_the_one_that_the_files_call():
    text = (FOREIGN / "restore_folder.m").read_text()
    assert text.startswith("function restore_folder(source, target, method)\n")
    calling = [file for file in FILES if '"matlab"' in file.read_text()]
    assert len(calling) == 4
    for file in calling:
        name = f"restore_{file.stem.replace('-', '_')}"
        assert f"restore_folder('{{input}}', '{{output}}', '{name}')" in file.read_text()
