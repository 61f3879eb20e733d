"""The front door: what it offers, and that it is cheap to open."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import facedeblur as fd
from facedeblur.benchmark.sets.set import Set

PROMISED = (
    "build align frames kernels blur run score compare leaderboard tables report recognise parse psnr ssim read_set "
    "read_board with_board write_board "
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


MADE = {
    *(
        "Adopted",
        "Bank",
        "Comparisons",
        "Confidences",
        "InputError",
        "Labelled",
        "Leaderboard",
        "MissingFile",
        "Outputs",
        "PaperTable",
    ),
    *("Parsing", "Recognition", "Scores", "Set", "WrittenCard", "__version__"),
}
"""What functions return or raise: nobody makes these by hand."""

PARAMETERS = [
    (name, parameter.name)
    for name in sorted(set(fd.__all__) - MADE)
    for parameter in inspect.signature(getattr(fd, name)).parameters.values()
    if parameter.kind is not parameter.VAR_KEYWORD
]


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_an_object_of_no_use_is_refused_wherever_it_is_given(name, parameter):
    needed = {"the_set": "set", "outputs": "outputs"} if name in ("parse", "recognise", "score") else {}
    with pytest.raises(fd.InputError) as caught:
        getattr(fd, name)(**{**needed, parameter: object()})
    assert f": '{parameter}' must be " in str(caught.value)
    assert str(caught.value).endswith(", not of type object")


IMAGE = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: fd.Workers(jobs=None), "Workers: 'jobs' must be int, not None"),
        (lambda: fd.Workers(backend=3), "Workers: 'backend' must be str, not 3"),
        (lambda: fd.Selection(limit="x"), "Selection: 'limit' must be int or None, not 'x'"),
        (lambda: fd.Selection(roles="test"), "Selection: 'roles' must be sequence of str, not 'test'"),
        (lambda: fd.Limits(max_yaw="x"), "Limits: 'max_yaw' must be float or None, not 'x'"),
        (lambda: fd.Execution(batch="x"), "Execution: 'batch' must be int or None, not 'x'"),
        (lambda: fd.Execution(timeout="x"), "Execution: 'timeout' must be float or None, not 'x'"),
        (lambda: fd.FrameSpec(length=2.5), "FrameSpec: 'length' must be int or str, not 2.5"),
        (lambda: fd.FrameSpec(stride="x"), "FrameSpec: 'stride' must be int, not 'x'"),
        (lambda: fd.Reporter(progress=3), "Reporter: 'progress' must be callable or None, not 3"),
        (
            lambda: fd.build("shen2020", 3, "set"),
            "build: 'faces' must be str, path, Collection, sequence of them or None, not 3",
        ),
        (lambda: fd.build("shen2020", "faces", None), "build: 'out' must be str or path, not None"),
        (lambda: fd.align("faces", "out", margin="x"), "align: 'margin' must be int, not 'x'"),
        (lambda: fd.frames("videos", "out", 3), "frames: 'spec' must be FrameSpec, not 3"),
        (lambda: fd.psnr(None, IMAGE), "psnr: 'restored' must be ndarray, not None"),
        (lambda: fd.psnr(IMAGE, IMAGE, cap="x"), "psnr: 'cap' must be float or None, not 'x'"),
        (lambda: fd.psnr(IMAGE, IMAGE, space=3), "psnr: 'space' must be str, not 3"),
        (lambda: fd.metric(3), "metric: 'text' must be str, not 3"),
        (lambda: fd.compare([], baseline="a", draws="x"), "compare: 'draws' must be int, not 'x'"),
        (
            lambda: fd.compare([], baseline="a", metrics="psnr"),
            "compare: 'metrics' must be sequence of str or None, not 'psnr'",
        ),
        (
            lambda: fd.leaderboard(["a", None]),
            "leaderboard: 'scores' must be Board, Scores, str, path or sequence of them, not None",
        ),
        (lambda: fd.report([], 3), "report: 'path' must be str or path, not 3"),
        (lambda: fd.tables(protocol=3), "tables: 'protocol' must be str, not 3"),
        (lambda: fd.read_set(None), "Set.open: 'path' must be Set, str or path, not None"),
        (lambda: fd.score("set", None), "score: 'outputs' must be sequence of Outputs, str or path, not None"),
        (lambda: fd.score("set", ["a", 3]), "score: 'outputs' must be sequence of Outputs, str or path, not 3"),
    ],
)
def test_a_value_of_another_type_is_one_plain_line(call, line):
    with pytest.raises(fd.InputError) as caught:
        call()
    assert str(caught.value) == line


@pytest.mark.parametrize("name", ["Execution", "Finders", "FrameSpec", "Limits", "Reporter", "Selection", "Workers"])
def test_the_default_of_an_option_may_be_given(name):
    kind = getattr(fd, name)
    for parameter in inspect.signature(kind).parameters.values():
        kind(**{parameter.name: parameter.default})
