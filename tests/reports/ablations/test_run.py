"""An ablation from photographs to the filled table, in a few steps; stopped, resumed, and with another row added."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.reporter import Reporter
from facedeblur.generators.photos.opening import open_collection
from facedeblur.generators.photos.specs import Selection
from facedeblur.methods.training.recipe import load_train_recipe
from facedeblur.reports.ablations.run import _keeps, _once, _pictured, _text, ablate
from facedeblur.reports.tables.papers.find import layouts

OWN = """
paper = "shen2020"
test = "{test}"

[[scale]]
name = "small"
widths = 32
steps = 100000
faces = 1000
batch = 8

[[table]]
number = "5"
row = [
    {{label = "G_c", recipe = "shen2020-coarse"}},
    {{label = "G_c + P + G_f (scratch)", recipe = "coarse-again.toml"}},
]
"""
AGAIN = """
base = "shen2020"
name = "again"
title = "Two coarse stages"
stages = ["coarse", "more"]

[[stage]]
name = "more"
iterations = 200000
train = ["coarse"]
until = "coarse"
losses = [{name = "l1", options = {of = "coarse"}}]
optimiser = {kind = "adam", lr = 1e-4}
"""


def test_an_ablation_from_photographs_to_the_table(
    small_recipe: object, portrait: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    faces = tmp_path / "faces"
    faces.mkdir()
    for at in range(6):
        write_png(faces / f"{at}.png", portrait[10 * at : 10 * at + 128, 150:278])
    (tmp_path / "own.toml").write_text(OWN.format(test=small_recipe(tmp_path)), encoding="utf-8")  # type: ignore[operator]
    (tmp_path / "coarse-again.toml").write_text(AGAIN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    own = {"paper": "own.toml", "table": "5", "faces": faces, "tests": {"mine": faces}, "out": out, "scale": "small",
           "workers": 1}  # fmt: skip
    said: list[str] = []
    first = ablate(**own, rows=["G_c"], progress=Reporter(say=said.append))  # type: ignore[arg-type]
    # Five of the six are in the test set, one of which is held out from the training.
    leak = ("The networks are trained on 4 photographs (such as 0) of test set 'mine', so their values on it are too "
            "good.")  # fmt: skip
    assert said.count(leak) == 1 and first.remarks[0] == leak
    assert leak in (out / "tables" / "shen2020_table5.md").read_text(encoding="utf-8").replace("\\", "")
    (net,) = [folder for folder in (out / "networks").iterdir() if folder.name.startswith("coarse-")]
    (weights,) = net.glob("*.safetensors")
    (end,) = (net / "checkpoints").glob("*.safetensors")
    made = end.stat().st_mtime_ns
    both = ablate(**own)  # type: ignore[arg-type]
    # The stage that the rows share was trained once.
    assert end.stat().st_mtime_ns == made and len(list((out / "networks").iterdir())) == 2
    for table, rows in ((first, 1), (both, 2)):
        measured = table.frame[table.frame.kind == "measured"]
        assert measured.method.nunique() == rows and all(name.endswith(", small scale") for name in measured.method)
        assert "small scale: widths / 32, steps / 100,000" in table.layout.caption
    again = ablate(**own)  # type: ignore[arg-type]
    assert again.frame.equals(both.frame)
    assert (out / "tables" / "shen2020_table5.csv").is_file()
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["config"]["width"] == 2 and card["stage_step"] == 2
    with pytest.raises(InputError, match="scale"):
        ablate(**{**own, "scale": "full"})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="row"):
        ablate(**own, rows=["G_x"])  # type: ignore[arg-type]


def test_what_a_network_finds_in_a_face_is_kept_where_the_table_wants_it():
    two, four = layouts("shen2020", ("2", "4"))
    with_labels, without = (SimpleNamespace(images={"a": SimpleNamespace(label=one)}) for one in ("labels/a.png", ""))
    kept = {
        name: _keeps(two, load_train_recipe(name), with_labels)
        for name in ("shen2020-without-labels", "shen2020-true-labels", "shen2020-blurred-labels", "shen2020-content",
                     "shen2020-coarse", "lin2020")
    }  # fmt: skip
    assert [name for name, keep in kept.items() if keep == ("parsing",)] == ["shen2020-blurred-labels",
                                                                             "shen2020-content"]  # fmt: skip
    recipe = load_train_recipe("shen2020-content")
    assert _keeps(two, recipe, without) == _keeps(four, recipe, with_labels) == ()


def test_the_record_tells_photographs_apart(tmp_path: Path):
    for name in "ab":
        write_png(tmp_path / f"{name}.png", np.zeros((8, 8, 3), np.uint8))
    whole, one = open_collection(tmp_path), open_collection(tmp_path, Selection(limit=1))
    told = [_text(faces) for faces in (tmp_path, str(tmp_path), [tmp_path, "celeba:C"], whole, one, [whole, one])]
    assert told[:3] == [[str(tmp_path)], [str(tmp_path)], [str(tmp_path), "celeba:C"]]
    assert told[3] != told[4] and told[5] == told[3] + told[4] and str(tmp_path) in told[3][0]
    with pytest.raises(InputError):
        _text([])


def test_rows_keep_what_the_figures_of_the_paper_show_of_them():
    assert {label: _pictured("lin2020", "2", label) for label in ("Ours", "Intensity", "Naive E2E")} == {
        "Ours": ("sketch", "kernel", "initial"),
        "Intensity": ("sketch", "kernel"),
        "Naive E2E": (),
    }
    assert _pictured("shen2020", "2", "P (fixed) + G") == ("parsing",)
    assert _pictured("shen2020", "4", "L_c") == _pictured("of my own", "4", "L_c") == ()


def test_what_every_stage_repeats_is_said_once():
    said: list[str] = []
    seen: list[tuple[str, int]] = []
    once = _once(Reporter(lambda stage, done, *_: seen.append((stage, done)), said.append))
    for at in range(2):
        for line in ("1 of 10 photographs cannot be used", f"stage '{at}' starts"):
            once.say(line)
        once.progress("training", at, 2)
    assert said == ["1 of 10 photographs cannot be used", "stage '0' starts", "stage '1' starts"]
    assert seen == [("training", 0), ("training", 1)]


@pytest.mark.parametrize(("table", "test", "message"), [("6", "there", "vgg-face"), ("4", "nowhere", "nowhere")])
def test_what_cannot_be_had_is_reported_before_anything_is_trained(
    table: str, test: str, message: str, portrait: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    (tmp_path / "there").mkdir()
    write_png(tmp_path / "there" / "a.png", portrait[:128, 150:278])
    out = tmp_path / "out"
    with pytest.raises(InputError, match=f"(?i){message}"):
        ablate("shen2020", table, tmp_path / "there", {"H": tmp_path / test}, out)
    assert not out.exists()
