"""Sketches that are given: in batches, as targets, in the identity of a training, and drawn by a trained network."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import train_parts as parts
from click.testing import CliRunner
from narrow_nets import NARROW, write_narrow
from PIL import Image as ImageFile

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import encode_png, read_png
from facedeblur.benchmark.files.state_dict import read_header
from facedeblur.benchmark.reporter import Reporter
from facedeblur.cli.train import train as command
from facedeblur.generators.pairs.sketches import grey_of
from facedeblur.methods.nets.lin2020 import grey
from facedeblur.methods.training.checkpoint import TrainingFolder, read_checkpoint
from facedeblur.methods.training.data.batches import Examples, Places, batches
from facedeblur.methods.training.data.pairs import divide
from facedeblur.methods.training.data.synthesis import draw, load_synthesiser
from facedeblur.methods.training.losses.targets import Targets, shading
from facedeblur.methods.training.recipe import Data, LossTerm, Optimiser, RateSchedule, TrainRecipe, load_train_recipe
from facedeblur.methods.training.stage import Stage

CONFIG = NARROW["lin2020"]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    return parts.write_faces(tmp_path / "faces", 8)


def negatives(faces: Path, folder: Path, numbers: range) -> Path:
    """Negatives for sketches: nothing that is computed from a face elsewhere looks like them."""
    folder.mkdir()
    for i in numbers:
        ImageFile.fromarray(255 - grey_of(read_png(faces / f"{i:02}.png"))).save(folder / f"{i:02}.bmp")
    return folder


def drawing(faces: Path, iterations: int = 2, **changes: object) -> TrainRecipe:
    """The first stage of the network of Lin et al., narrow and without adversary, on small crops."""
    stage = Stage(
        "sketch", Optimiser("adam", 1e-2), (LossTerm("l1", options={"of": "sketch", "target": "sketch"}),), iterations,
        schedule=RateSchedule("cosine"), train=("generator",), until="sketch",
    )  # fmt: skip
    data = Data(recipe=str(faces.with_suffix(".toml")), batch=2, crop=32, sizes=(1,), per_size=1, augment="shen")
    return TrainRecipe("drawing", "lin2020", "test", data, (replace(stage, **changes),), config=CONFIG)


SHARP = {"input": "sharp", "sketches": True}


def test_without_sketches_nothing_has_another_identity() -> None:
    """Digests from before there were sketches."""
    assert divide(parts.virtual(), held_out=3).digest.startswith("07dda59c575e7800")
    header = TrainingFolder(Path("x"), load_train_recipe("shen2020"), 3).header(1)
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()
    assert digest.startswith("51f60368f4b18f58")
    assert all("sketches" not in stage for stage in load_train_recipe("lin2020").described()["stage"])
    assert load_train_recipe("lin2020-sketches").described()["stage"][0]["sketches"] is True


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("crop", [None, (16, 8)])
def test_a_batch_holds_the_sketch_of_its_sharp_crop(tmp_path: Path, on_device: bool, crop: tuple[int, int]) -> None:
    pairs = parts.virtual(augment="shen")
    for number, face in enumerate(pairs.source.faces):
        file = tmp_path / f"{face.image_id}.png"
        file.write_bytes(encode_png(grey_of(pairs.source.read(number))))
        pairs.sketch_files[face.image_id] = file
    data = divide(pairs)
    examples = Examples(data.train, crop=crop, sketches=True)
    batch = next(batches(examples, Places(6), torch.device("cpu"), loaders=0, on_device=on_device))
    assert batch["sketch"].shape == (6, 1, *(crop or (32, 32)))
    torch.testing.assert_close(batch["sketch"], grey(batch["sharp"]), atol=1.6 / 255, rtol=0)
    assert "sketch" not in next(batches(Examples(data.train), Places(1), torch.device("cpu"), loaders=0))
    first = next(iter(pairs.sketch_files))
    pairs.sketch_files[first] = pairs.sketch_files[first].rename(tmp_path / "other.png")
    assert len({data.digest, divide(pairs).digest, divide(parts.virtual(augment="shen")).digest}) == 3


def test_what_is_given_is_not_drawn_again() -> None:
    stage = load_train_recipe("lin2020").stage[0]
    sharp, given = torch.rand(2, 3, 16, 20), torch.rand(2, 1, 16, 20)
    assert torch.equal(Targets(stage, [])({"sharp": sharp, "sketch": given})["sketch"], given)
    assert torch.equal(Targets(stage, [])({"sharp": sharp})["sketch"], shading(sharp))


def test_a_network_learns_the_sketches_and_draws_others(faces: Path, tmp_path: Path) -> None:
    """From six photographs with sketches; then it draws the two that have none, for the training of another."""
    sketches = negatives(faces, tmp_path / "sketches", range(6))
    lines: list[str] = []
    made = parts.train(
        drawing(faces, 40, **SHARP), faces, tmp_path / "a", sketches=sketches, check=20, save=1000,
        progress=Reporter(None, lines.append),
    )  # fmt: skip
    assert any("6 of 8 faces have a sketch; faces without: 2, such as 06.png (no sketch)" in line for line in lines)
    rows = [row for row in csv.DictReader((tmp_path / "a/1-sketch.csv").open()) if row["psnr_drawing"]]
    assert [row["step"] for row in rows] == ["20", "40"]
    assert made.metrics.keys() == {"psnr_drawing", "ssim_drawing"}
    assert made.metrics["psnr_drawing"] > 20
    sheet = read_png(tmp_path / "a/samples/1-sketch-0000040.png")
    assert sheet.shape == (128, 4 * 128, 3)
    card = json.loads(made.card.read_text())
    assert card["sketches"] == "sketches: 6"
    assert read_header(made.weights)["input"] == "sharp"

    net = load_synthesiser(made.weights)
    unseen = read_png(faces / "07.png")[:126, :127]
    found = draw(net, unseen, torch.device("cpu")).astype(float)
    assert found.shape == (126, 127)
    assert np.abs(found - (255 - grey_of(unseen))).mean() < 20 < np.abs(found - grey_of(unseen)).mean()

    other = parts.train(drawing(faces), faces, tmp_path / "b", sketches=[tmp_path / "a", sketches], stop_after=1)
    stem = f"drawing@{json.loads(made.card.read_text())['sha256'][:8]}"
    assert json.loads(other.card.read_text())["sketches"] == f"sketches: 6; drawn by {stem}: 2"
    files = {file.name[:2]: file for file in (tmp_path / "b/faces/sketches").iterdir()}
    assert sorted(files) == [f"{i:02}" for i in range(8)]
    drawn = np.asarray(ImageFile.open(files["07"]))
    assert np.abs(drawn - draw(net, read_png(faces / "07.png"), torch.device("cpu")).astype(float)).max() <= 1
    before = {name: file.stat().st_mtime_ns for name, file in files.items()}
    assert parts.train(drawing(faces), faces, tmp_path / "b", sketches=[sketches, made.weights]).finished
    assert {name: file.stat().st_mtime_ns for name, file in files.items()} == before
    headers = [read_checkpoint(tmp_path / run / "checkpoints/1-sketch.safetensors").header for run in "ab"]
    assert headers[0]["data"] != headers[1]["data"]
    for sketches_again in ((), sketches, made.weights):
        with pytest.raises(InputError, match="expected a training with data"):
            parts.train(drawing(faces), faces, tmp_path / "b", sketches=sketches_again)


def test_a_stage_that_draws_is_checked_by_its_drawings_without_sketches_too(faces: Path, tmp_path: Path) -> None:
    made = parts.train(drawing(faces), faces, tmp_path / "out")
    assert made.metrics.keys() == {"psnr_drawing", "ssim_drawing"}
    assert "sketches" not in json.loads(made.card.read_text())


def test_what_cannot_be_used_is_one_line(faces: Path, tmp_path: Path) -> None:
    sketches = negatives(faces, tmp_path / "sketches", range(2))
    write_narrow("lin2020", tmp_path / "weights")
    weights = tmp_path / "weights/lin2020.safetensors"
    cases: list[tuple[TrainRecipe, object, str]] = [
        (drawing(faces, **SHARP), (), "stage 'sketch' of 'drawing' needs sketches of the photographs; give"),
        (parts.recipe(faces), sketches, "recipe 'small' compares nothing with sketches; leave out --sketches"),
        (drawing(faces), [sketches, tmp_path], "expected one folder and one file of weights at most"),
        (drawing(faces), weights, "expected weights of a network that draws sketches of sharp faces, found weights of"),
        (drawing(faces), tmp_path / "gone.safetensors", "gone.safetensors"),
        (drawing(faces), tmp_path / "gone", "gone: not found"),
    ]
    for recipe, given, said in cases:
        with pytest.raises((InputError, FileNotFoundError)) as caught:
            parts.train(recipe, faces, tmp_path / "out", sketches=given)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out/faces").exists(), "told before photographs are aligned"


def test_command_names_what_is_missing(faces: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["lin2020-sketches", "--faces", str(faces), "-o", str(tmp_path / "out")])
    assert "needs sketches of the photographs" in str(done.exception)
    assert not (tmp_path / "out").exists()
