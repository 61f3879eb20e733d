"""What a stage is judged by: restored images, the F-score of labels, or images within their own class."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
import train_parts as parts

from facedeblur.benchmark.files.images import encode_png, read_png, write_png
from facedeblur.benchmark.sets.classes import LABEL_COLOURS
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.training.data.batches import Examples
from facedeblur.methods.training.devices import Engine, Hardware
from facedeblur.methods.training.recipe import LossTerm, load_train_recipe
from facedeblur.methods.training.stage import StageRun
from facedeblur.methods.training.validation import Validation, in_words, measured

CPU = Engine(Hardware("cpu"))
SMALL_UMSN = {"width": 8, "segmentation_width": 4, "stream_width": 4}
TRUTH = np.uint8(np.add.outer(np.arange(32), np.arange(32)) // 4 % 11)
GROUPED = np.array([0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3])


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    """Four pairs of one label image, with their labels."""
    file = tmp_path_factory.mktemp("labels") / "labels.png"
    file.write_bytes(encode_png(TRUTH))
    pairs = parts.virtual(labels={f"{i:02}": file for i in range(20)})
    return Validation(Examples(pairs, labels=True, centred=True), count=4, batch=3)


def floats(planes):
    return torch.from_numpy(planes).float() / 255


def umsn(stage, **changes):
    torch.manual_seed(1)
    stage = load_train_recipe("umsn").stage[stage]
    return StageRun(replace(stage, **changes), make_network("umsn", **SMALL_UMSN).eval(), CPU)


@pytest.mark.parametrize(("place", "given"), [(0, "sharp"), (1, "blurred")])
def test_s_net_is_judged_by_its_labels_of_what_it_is_trained_on(held_out, place, given):
    run = umsn(place)
    verdict = held_out(run, CPU)
    with torch.no_grad():
        logits = run.net.outputs(floats(getattr(held_out, given)), until="parsing")["parsing"]
    found, truth = logits.argmax(1).numpy(), np.stack([GROUPED[TRUTH]] * 4)
    wanted = [
        2 * np.sum((found == k) & (truth == k)) / max(1, np.sum(found == k) + np.sum(truth == k)) for k in range(4)
    ]
    names = ("background", "skin", "parts", "hair")
    assert [verdict.metrics[f"fscore_{name}"] for name in names] == pytest.approx(wanted)
    assert verdict.metrics["fscore"] == pytest.approx(np.mean(wanted))
    assert set(verdict.metrics) <= set(measured(run)) and "psnr" not in verdict.metrics
    assert in_words(verdict.metrics) == [f"F-score {np.mean(wanted):.3f}"]
    picture, labels, true = verdict.pictures[0]
    assert np.array_equal(picture, getattr(held_out, given)[0].transpose(1, 2, 0))
    colours = LABEL_COLOURS[[0, 1, 2, 10]]
    assert np.array_equal(labels, colours[found[0]]) and np.array_equal(true, colours[GROUPED[TRUTH]])


def test_each_first_stage_is_judged_within_its_own_class(held_out):
    run = umsn(2)
    metrics = held_out(run, CPU).metrics
    sharp, blurred = floats(held_out.sharp), floats(held_out.blurred)
    with torch.no_grad():
        outputs = run.net.outputs(blurred, sharp=sharp, until="classes")
    place = run.net.masks(sharp).argmax(1).numpy()
    for at, name in enumerate(("background", "skin", "parts", "hair")):
        for end, images in (("", outputs[f"class{at + 1}"]), ("_blurred", blurred)):
            made = (images.clamp(0, 1) * 255).round().numpy()
            inside = [(made[i] - held_out.sharp[i].astype(float))[:, place[i] == at] for i in range(4)]
            wanted = [10 * np.log10(255**2 / np.mean(one**2)) for one in inside if one.size]
            if wanted:
                assert metrics[f"psnr_{name}{end}"] == pytest.approx(np.mean(wanted), abs=1e-3)
            else:
                assert f"psnr_{name}{end}" not in metrics
    classes = [metrics[key] for key in metrics if not key.endswith("_blurred") and key != "psnr_classes"]
    assert metrics["psnr_classes"] == pytest.approx(np.mean(classes)) and classes
    assert set(metrics) <= set(measured(run)) and "psnr" not in metrics
    assert in_words(metrics)[0].startswith("PSNR within the classes ")


def test_what_restores_is_judged_by_its_images(held_out):
    run = umsn(3, losses=(LossTerm("l1"),))
    metrics = held_out(run, CPU).metrics
    assert set(metrics) == set(measured(run)) == {"psnr", "ssim", "psnr_blurred", "ssim_blurred"}


def test_a_stage_of_images_and_labels_is_judged_by_its_images(held_out):
    losses = (LossTerm("l1"), LossTerm("parsing", options={"partition": "umsn4"}))
    assert "psnr" in measured(umsn(3, losses=losses, labels=True))


def test_faces_without_labels_are_told(held_out):
    bare = Validation(Examples(parts.virtual(), centred=True), count=1)
    with pytest.raises(ValueError, match="stage 'segmentation-sharp' needs labels"):
        bare(umsn(0), CPU)


def test_a_training_logs_it(tmp_path):
    """The parser of Shen et al. is trained and logged by its F-score, which is its result as well."""
    faces = parts.write_faces(tmp_path / "celeb/images")
    for file in faces.glob("*.png"):
        write_png(tmp_path / "celeb/masks" / file.name, np.kron(TRUTH, np.ones((4, 4), np.uint8)))
    whole = parts.recipe(faces, parts.plain("parsing", iterations=2, labels=True, until="parser", input="sharp",
                                            losses=(LossTerm("parsing"),)))  # fmt: skip
    whole = replace(whole, network="shen2020", config={"width": 8, "parser_width": 8, "resblocks": 1},
                    data=replace(whole.data, crop=32))  # fmt: skip
    done = parts.train(whole, f"celebamask:{tmp_path / 'celeb'}", tmp_path / "out", check=2)
    with (tmp_path / "out/1-parsing.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["fscore"]) == pytest.approx(done.metrics["fscore"], rel=1e-5)
    assert "fscore_hair" in rows[-1] and "psnr" not in rows[-1]
    assert read_png(tmp_path / "out/samples/1-parsing-0000002.png").shape[1:] == (3 * 128, 3)
