"""The front door: what it offers, and that it is cheap to open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import facedeblur as fd
from facedeblur.benchmark.sets.set import Set

PROMISED = (
    "build align frames kernels blur run score compare leaderboard tables report recognise parse psnr ssim read_set "
    "method metric Set Outputs Scores InputError MissingFile __version__"
)


def test_what_is_promised_is_there():
    assert set(PROMISED.split()) <= set(fd.__all__)
    assert dir(fd) == sorted(fd.__all__)
    for name in fd.__all__:
        assert getattr(fd, name) is not None
    assert fd.read_set == Set.open


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No facedeblur attribute biuld"):
        fd.biuld  # noqa: B018


def test_opening_it_loads_nothing_heavy():
    code = (
        "import sys\nimport facedeblur\nassert facedeblur.__all__ and dir(facedeblur)\n"
        "heavy = {'numpy', 'torch', 'pandas', 'numba', 'cv2', 'scipy', 'rich', 'click'} & set(sys.modules)\n"
        "below = [name for name in sys.modules if name.startswith('facedeblur.')]\n"
        "sys.exit(f'loaded {heavy} {below}' if heavy or below else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_type_checkers_are_told_of_it():
    folder = Path(str(fd.__file__)).parent
    assert (folder / "py.typed").is_file() and (folder / "__init__.pyi").is_file()
