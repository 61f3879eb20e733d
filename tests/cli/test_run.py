"""``facedeblur run``, ``list`` and ``info``."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import write_pixels
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.cli.info import info
from facedeblur.cli.list_ import list_
from facedeblur.cli.run import run


@pytest.fixture(scope="module")
def little(tmp_path_factory) -> Set:
    """One image of 32x24, three kernels."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    bank = Bank.of([f"k{size}" for size in (3, 5, 7)], [np.full((size, size), size**-2.0) for size in (3, 5, 7)])
    writer = SetWriter(tmp_path_factory.mktemp("set") / "little", {"name": "little", "recipe": "", "seed": 0})
    image = Image("face", "one", "test", "ok", 1, "face.jpg", "", 1.0, 0, "", 32, 24, pixel_hash(pixels), "")
    writer.start([image], lambda image: pixels, bank, n_kernels=3)
    pairs = []
    for at, kernel in enumerate(bank.ids):
        name = f"blur/face_{kernel}.png"
        write_pixels(writer.work, name, at, pixels, store="png")
        pairs.append(Pair(at, f"face_{kernel}", "face", kernel, 3, "uniform", "reflect", 0.0, 1.0, 0, image.sharp, name,
                          pixel_hash(pixels)))  # fmt: skip
    writer.append(pairs)
    return writer.finish()


def test_a_run_prints_what_it_did(little, tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(run, ["wiener", str(little.root), "-o", str(out), "--set", "gamma=0.5", "--jobs", "1"])
    assert done.exit_code == 0, done.output
    assert (
        "wiener[gamma=0.5] (oracle: it was given true kernels or labels): 3 of 3 images of little restored"
        in done.output
    )
    assert "ms +-" in done.output
    again = CliRunner().invoke(run, ["wiener", str(little.root), "-o", str(out), "--set", "gamma=0.5"])
    assert again.exit_code == 0
    assert "nothing to do" in again.output


def test_failed_images_give_exit_code_one(little, tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from facedeblur.methods import method\n@method('never')\nclass M:\n"
        "    def restore(self, blurred):\n        raise ValueError('no')\n"
    )
    out = tmp_path / "out"
    done = CliRunner().invoke(run, ["never", str(little.root), "-o", str(out), "--plugin", str(plugin), "--jobs", "1"])
    assert done.exit_code == 1
    assert "0 of 3 images" in done.output
    assert "failed: ValueError: no: 3" in done.output
    assert [row.status for row in Outputs.open(out, little).statuses()] == ["failed: ValueError: no"] * 3


def test_quiet_prints_nothing(little, tmp_path):
    done = CliRunner().invoke(run, ["blurred", str(little.root), "-o", str(tmp_path / "out"), "--quiet", "--jobs", "1"])
    assert (done.exit_code, done.output) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["weiner", "SET", "-o", "OUT"], "did you mean 'wiener'"),
        (["wiener", "SET", "-o", "OUT", "--set", "gama=1"], "did you mean 'gamma'"),
        (["wiener", "SET", "-o", "OUT", "--set", "gamma"], "expected KEY=VALUE"),
        (["wiener", "nowhere", "-o", "OUT"], "build it first"),
        (["wiener", "SET"], "Missing option '-o'"),
        (["absent.toml", "SET", "-o", "OUT"], "expected a TOML file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(little, tmp_path, arguments, line):
    places = {"SET": str(little.root), "OUT": str(tmp_path / "out")}
    command = [sys.executable, "-c", "from facedeblur.cli.main import main; main()", "run"]
    command += [places.get(word, word) for word in arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert line in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_list_names_everything():
    done = CliRunner().invoke(list_, [])
    assert done.exit_code == 0, done.output
    for word in ("methods", "wiener", "[oracle]", "metrics", "psnr", "detectors", "dlib-hog", "recipes", "shen2020"):
        assert word in done.output
    only = CliRunner().invoke(list_, ["methods"])
    assert "wiener" in only.output
    assert "psnr" not in only.output
    assert CliRunner().invoke(list_, ["nonsense"]).exit_code == 2


def test_list_names_what_is_broken(tmp_path):
    assert CliRunner().invoke(list_, ["methods", "--broken"]).output == "nothing broken\n"
    code = (
        "from facedeblur.methods import METHODS\n"
        "METHODS.add('torn', 'no_such_package_anywhere:Thing')\n"
        "from facedeblur.cli.list_ import list_\nlist_(['methods', '--broken'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "torn  broken: ModuleNotFoundError: No module named 'no_such_package_anywhere'" in done.stdout
    assert "wiener" not in done.stdout


def test_info_tells_versions_extras_weights_and_device():
    done = CliRunner().invoke(info, [])
    assert done.exit_code == 0, done.output
    for word in ("versions", "numpy", "devices", "processor", "extras", "faces", "weights", "dlib-resnet"):
        assert word in done.output
