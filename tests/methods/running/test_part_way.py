"""A network whose training is not finished, from the training to the outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import train_parts as parts
from narrow_nets import NARROW, write_narrow

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png
from facedeblur.benchmark.files.state_dict import read_header, write_tensors
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run
from facedeblur.methods.training.recipe import Data, load_train_recipe

CPU = Execution(device="cpu")


def test_the_coarse_network_alone_restores_and_says_so(tiny, tmp_path):
    faces = parts.write_faces(tmp_path / "faces")
    recipe = load_train_recipe("shen2020-coarse")
    recipe = replace(recipe, data=Data(str(faces.with_suffix(".toml")), batch=2, crop=64))
    given = {"config": NARROW["shen2020"], "iterations": 2}
    done = parts.train(recipe, faces, tmp_path / "out", stop_after=1, **given)
    said = {key: read_header(done.weights)[key] for key in ("stage", "stage_step", "stage_steps", "until", "finished")}
    assert list(said.values()) == ["coarse", 1, 2, "coarse", False]
    first = run("shen2020", tiny, tmp_path / "first", weights=done.weights, execution=CPU, limit=2)
    (note,) = [note for note in first.info["notes"] if "coarse" in note]
    assert note.endswith("in stage 'coarse' after step 1 of 2; trained as far as 'coarse', and run no further")
    coarse = make_network("shen2020", **NARROW["shen2020"]).coarse
    assert first.info["parameters"] == sum(one.numel() for one in coarse.parameters())
    assert first.info["counts"]["ok"] == 2

    done = parts.train(recipe, faces, tmp_path / "out", **given)
    second = run("shen2020", tiny, tmp_path / "second", weights=done.weights, execution=CPU, limit=2)
    assert "shen2020-coarse.safetensors: trained as far as 'coarse', and run no further" in second.info["notes"]


def test_a_parser_alone_is_refused_in_a_line(tiny, tmp_path):
    write_narrow("shen2020", tmp_path, stage="parser", until="parser", stage_steps=5, finished=False)
    with pytest.raises(InputError, match="no further than stage 'parser'"):
        run("shen2020", tiny, tmp_path / "out", weights=tmp_path, execution=CPU)
    assert not (tmp_path / "out").exists()


def test_it_keeps_what_it_has_made_until_there(tiny, tmp_path):
    write_narrow("shen2020", tmp_path / "w", stage="coarse", until="coarse", stage_steps=5, finished=False)
    given = {"weights": tmp_path / "w", "execution": CPU, "limit": 1}
    outputs = run("shen2020", tiny, tmp_path / "out", keep=["coarse"], **given)
    pair = next(iter(tiny.pairs()))
    assert np.array_equal(read_png(outputs.root / "coarse" / pair.name), read_png(outputs.root / pair.name))
    with pytest.raises(InputError, match="network 'shen2020' has no 'parsing' with these weights"):
        run("shen2020", tiny, tmp_path / "none", keep=["parsing"], **given)


def test_it_reads_no_labels_before_the_part_that_does(tiny, tmp_path):
    reached = {"stage": "coarse", "until": "coarse", "config": NARROW["shen2020"] | {"semantics": "true"}}
    net = make_network("shen2020", **reached["config"])
    write_tensors(tmp_path / "shen2020.safetensors", net.state_dict(), {"network": "shen2020", **reached})
    outputs = run("shen2020", tiny, tmp_path / "out", weights=tmp_path, execution=CPU, limit=2)
    assert outputs.info["counts"]["ok"] == 2 and not outputs.info["oracle"]
