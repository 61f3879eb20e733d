"""The examples in the docstrings run as they are printed."""

from __future__ import annotations

import doctest
import inspect
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import facedeblur as fd
from facedeblur.benchmark import parallel
from facedeblur.benchmark.faces.base import PARSERS, provider
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.methods.base import METHODS
from facedeblur.methods.nets import base as nets

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("benchmark", "generators", "methods", "reports", "cli")
MODULES = {
    ".".join(["facedeblur", *path.relative_to(ROOT).with_suffix("").parts]): path
    for floor in FLOORS
    for path in sorted((ROOT / floor).rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
}
COPIED = """
    build kernels blur read_set run method network score compare recognise parse psnr ssim metric leaderboard report
    Workers Reporter
"""
"""What a user copies first."""

NEEDS = {
    "facedeblur.benchmark.whole_set.recognition": ("dlib", "face_recognition_models"),
    "facedeblur.reports.page.report": ("jinja2",),
}
"""Module -> packages that its examples need beyond those that are always installed."""

RECIPE = """
name = "people"
title = "People"
source = "test"
[image]
template = "shen128"
[kernels]
sizes = "13"
per_size = 2
[blur]
border = "valid"
fallback = "reflect"
[noise]
sigma = 0.01
[output]
rounding = "round"
[split]
gallery = 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, portrait) -> Path:
    """A working directory with the photographs, sets and outputs that the examples name."""
    place = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(parallel, "cores", lambda: 1)
        write_png(place / "photos" / "eileen.png", portrait[40:168, 160:288])
        made = fd.build("shen2020", "photos/", "set/")
        runs = [fd.run(name, made, f"outputs/{name}") for name in ("blurred", "unsharp")]
        fd.score(made, runs, metrics=["psnr", "ssim"])
        for person, left in (("ann", 160), ("bob", 300)):
            for number in range(3):
                crop = portrait[40 + number : 168 + number, left : left + 128]
                write_png(place / "people" / person / f"{number}.png", crop)
        (place / "people.toml").write_text(RECIPE, encoding="utf-8")
        people = fd.build("people.toml", "people/", "people-set/")
        fd.run("unsharp", people, "outputs/people")
        fd.run("unsharp", labelled(people, place / "labelled-set"), "outputs/labelled")
    return place


def labelled(made: fd.Set, out: Path) -> fd.Set:
    """The set with the parser's reading of its sharp images as their labels."""
    parser = provider(PARSERS, "facedeblur")
    images = [replace(image, label=f"labels/{image.image_id}.png") for image in made.images.values()]
    writer = SetWriter(out, made.info | {"name": "labelled"})
    assert made.bank is not None
    labels = {name: parser.parse(made.sharp(image)[None])[0] for name, image in made.images.items()}
    writer.start(images, made.sharp, made.bank, n_kernels=2, label=lambda image: labels[image.image_id])
    for pair in made.pairs():
        write_png(writer.work / pair.blur, made.blurred(pair))
    writer.append(list(made.pairs()))
    return writer.finish()


@pytest.fixture
def workplace(folder, monkeypatch) -> None:
    """Be in that directory, on a machine with one processor, and forget afterwards what an example registers."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(parallel, "cores", lambda: 1)
    for registry in (METHODS, nets.NETS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.setattr(nets, "_DECLARED", dict(nets._DECLARED))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name, workplace):
    for package in NEEDS.get(name, ()):
        if find_spec(package) is None:
            pytest.skip(f"package {package} is not installed")
    found = [test for test in doctest.DocTestFinder().find(import_module(name), globs={}) if test.examples]
    assert found, f"{name}: examples that are not in a docstring"
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    wrong: list[str] = []
    for test in found:
        runner.run(test, out=wrong.append)
    assert not wrong, "".join(wrong)


@pytest.mark.parametrize("name", COPIED.split())
def test_what_users_copy_has_an_example(name):
    doc = inspect.getdoc(getattr(fd, name)) or ""
    _, mark, examples = doc.partition("\nExamples\n--------\n")
    assert mark, f"{name}: no section Examples"
    assert doctest.DocTestParser().get_examples(examples)[0].source == "import facedeblur as fd\n"
