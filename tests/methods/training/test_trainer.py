"""The trainer: bit-exact resume, stages, refusals, what it writes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest
import torch
import train_parts as parts
from click.testing import CliRunner

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png, write_png
from facedeblur.benchmark.files.state_dict import read_tensors
from facedeblur.benchmark.reporter import Reporter
from facedeblur.cli.train import train as command
from facedeblur.generators.pairs.stored import open_stored
from facedeblur.generators.photos.lists import write_list
from facedeblur.generators.photos.opening import open_collection
from facedeblur.generators.photos.specs import Selection
from facedeblur.generators.photos.splits import split
from facedeblur.generators.video.frames import frames
from facedeblur.generators.video.spec import FrameSpec
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.loading import header_of
from facedeblur.methods.training import loop
from facedeblur.methods.training.checkpoint import load_weights, read_checkpoint
from facedeblur.methods.training.data.batches import batches
from facedeblur.methods.training.data.pairs import divide
from facedeblur.methods.training.devices import Engine, Hardware
from facedeblur.methods.training.recipe import LossTerm, Optimiser, RateSchedule


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def faces(tmp_path):
    return parts.write_faces(tmp_path / "faces")


def same(one, other):
    a, b = read_checkpoint(one), read_checkpoint(other)
    assert a.header == b.header
    assert a.tensors.keys() == b.tensors.keys()
    return all(torch.equal(a.tensors[key], b.tensors[key]) for key in a.tensors)


@pytest.fixture
def video_set(tmp_path):
    """Averaged frames of three people, in sizes of their own."""
    for at, name in enumerate(("ann", "bo", "cy")):
        whole = parts.smooth(40 + at, 48)
        for k in range(3):
            write_png(tmp_path / "videos" / name / f"{k}.png", whole[: 40 + at, k : k + 36])
    spec = FrameSpec(length="all", template="none", detector="none", min_motion=0.0)
    return frames(tmp_path / "videos", tmp_path / "video-set", spec, workers=1)


def test_pairs_of_a_set_and_of_photographs_resume_bit_for_bit(faces, video_set, tmp_path):
    whole, said = parts.recipe(faces), []
    mixed = {"pairs": [video_set.root], "pairs_share": 0.5}
    parts.train(whole, faces, tmp_path / "a", progress=Reporter(say=said.append), **mixed)
    assert any(line.startswith("from set frames-all: 3 of 3 pairs, 3 faces of 3 identities") for line in said)
    assert "of the training pairs, 50 % come from sets" in said
    parts.train(whole, faces, tmp_path / "b", stop_after=3, loaders=1, **mixed)
    assert parts.train(whole, faces, tmp_path / "b", **mixed).finished
    end = "checkpoints/1-whole.safetensors"
    assert same(tmp_path / "a" / end, tmp_path / "b" / end)
    card = json.loads((tmp_path / "a" / "small.json").read_text())
    assert card["faces"] + card["faces_held_out"] == 13 and video_set.content_hash[:16] in card["photographs"]
    # What is trained on is part of what the training is.
    for other in ({}, mixed | {"pairs_share": 0.4}, {"pairs": [f"{video_set.root},2"], "pairs_share": 0.5}):
        with pytest.raises(InputError, match="expected a training with data"):
            parts.train(whole, faces, tmp_path / "a", **other)


def test_only_one_side_of_an_image_list_is_trained_on(faces, tmp_path):
    listed = split(open_collection([faces], Selection()), seed=1, test_share=0.3)
    write_list(tmp_path / "split.csv", listed)
    wanted = sum(choice.role == "train" for choice in listed)
    done = parts.train(
        parts.recipe(faces), [f"{faces},train"], tmp_path / "a", selection=Selection(listed=tmp_path / "split.csv")
    )
    card = json.loads(done.card.read_text())
    assert 0 < card["faces"] + card["faces_held_out"] == wanted < 10


def test_a_set_alone_needs_no_photographs_but_a_crop(faces, video_set, tmp_path):
    whole = parts.recipe(faces)
    done = parts.train(whole, (), tmp_path / "a", pairs=[video_set.root])
    assert done.finished and not (tmp_path / "a" / "faces").exists()
    card = json.loads(done.card.read_text())
    assert (card["faces"], card["faces_held_out"]) == (2, 1)
    stored = open_stored([video_set.root])
    alone, virtual = divide(None, stored), divide(parts.virtual())
    assert alone.an_epoch == alone.train.lap and virtual.an_epoch == len(virtual.train.source.faces)
    # By default each photograph and each pair once.
    both = divide(parts.virtual(), stored)
    assert both.an_epoch == len(both.train.virtual.source.faces) + both.train.stored.lap
    sheet = read_png(next((tmp_path / "a" / "samples").glob("*.png")))
    assert sheet.shape[1] == 3 * 36  # the whole width of the face that is held out
    with pytest.raises(InputError, match="stage 'whole' needs kernels, which 3 pairs of the sets lack"):
        parts.train(parts.recipe(faces, parts.plain(kernels=True)), (), tmp_path / "b", pairs=[video_set.root])
    with pytest.raises(InputError, match=r"faces of several sizes cannot share a batch; train on random crops: --crop"):
        parts.train(whole.adjusted(crop=0), (), tmp_path / "b", pairs=[video_set.root])
    with pytest.raises(InputError, match=r"data\.crop: expected at most 36x4., found 64x64"):
        parts.train(whole.adjusted(crop=64), (), tmp_path / "b", pairs=[video_set.root])
    with pytest.raises(InputError, match=r"there is nothing to train on; give photographs \(--faces\) or sets"):
        parts.train(whole, (), tmp_path / "b")
    with pytest.raises(InputError, match="pairs_share: expected photographs and sets"):
        parts.train(whole, (), tmp_path / "b", pairs=[video_set.root], pairs_share=0.5)
    with pytest.raises(InputError, match="nowhere: not found"):
        parts.train(whole, faces, tmp_path / "b", pairs=[tmp_path / "nowhere"])
    assert not (tmp_path / "b" / "faces").exists(), "no photograph is aligned for a set that is missing"
    for share in (0.0, 1e-9, 1 - 1e-9, 1.0, float("nan")):
        with pytest.raises(InputError, match=f"pairs_share: expected .*, found {share}; give both"):
            parts.train(whole, faces, tmp_path / "b", pairs=[video_set.root], pairs_share=share)


def test_six_steps_are_three_and_three_more_bit_for_bit(faces, tmp_path):
    whole = parts.recipe(faces, parts.plain(ema=0.9, clip=0.5, accumulate=2, adversary=parts.rival()))
    parts.train(whole, faces, tmp_path / "a")
    half = parts.train(whole, faces, tmp_path / "b", stop_after=3, loaders=1)
    assert (half.step, half.finished) == (3, False)
    assert parts.train(whole, faces, tmp_path / "b").finished
    end = "checkpoints/1-whole.safetensors"
    assert same(tmp_path / "a" / end, tmp_path / "b" / end)
    assert not (tmp_path / "b/checkpoints/last.safetensors").exists()
    names = {key.split(".")[0] for key in read_checkpoint(tmp_path / "a" / end).tensors}
    assert names == {"network", "average", "discriminator", "optimiser", "critic"}
    kept = [list(csv.DictReader((tmp_path / run / "1-whole.csv").open())) for run in "ab"]
    assert [row["step"] for row in kept[1]] == ["1", "2", "3", "4", "5", "6"]
    for one, other in zip(*kept, strict=True):
        assert one | {"images_per_s": ""} == other | {"images_per_s": ""}


def test_pairs_made_by_the_device_train_the_same_weights(faces, tmp_path, monkeypatch):
    """Half of a training with pairs of the loader, half with pairs of the device: bit for bit one with the loader's."""
    whole = parts.recipe(faces, parts.plain())
    whole = replace(whole, data=replace(whole.data, augment="mspl"))
    parts.train(whole, faces, tmp_path / "a")
    parts.train(whole, faces, tmp_path / "b", stop_after=3)
    asked = []

    def on_device(*args, **options):
        asked.append(options)
        return batches(*args, on_device=True, **options)

    monkeypatch.setattr(loop, "batches", on_device)
    parts.train(whole, faces, tmp_path / "b")
    assert len(asked) == 1
    assert same(*(tmp_path / run / "checkpoints/1-whole.safetensors" for run in "ab"))


def test_a_compiled_training_is_the_same_training(faces, tmp_path, monkeypatch):
    """Dynamo traces the network as for a GPU; the back end "eager" then rounds as the network does."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    whole = parts.recipe(faces, parts.plain())
    plain = parts.train(whole, faces, tmp_path / "plain")
    compiled = parts.train(whole, faces, tmp_path / "compiled", compile=True)
    one, two = (read_checkpoint(tmp_path / run / "checkpoints/1-whole.safetensors") for run in ("plain", "compiled"))
    assert one.tensors.keys() == two.tensors.keys()
    for name, value in one.tensors.items():
        torch.testing.assert_close(two.tensors[name], value, rtol=1e-5, atol=1e-7)
    assert [json.loads(done.card.read_text()).get("compile") for done in (plain, compiled)] == [None, True]


def test_another_seed_gives_other_weights(faces, tmp_path):
    for seed in (0, 1):
        parts.train(parts.recipe(faces), faces, tmp_path / str(seed), seed=seed)
    a, b = (read_tensors(tmp_path / str(seed) / "small.safetensors")[0] for seed in (0, 1))
    assert not torch.equal(a["leave.weight"], b["leave.weight"])


def test_weights_in_half_precision_are_half_as_large(faces, tmp_path):
    whole = parts.train(parts.recipe(faces), faces, tmp_path / "a")
    half = parts.train(parts.recipe(faces), faces, tmp_path / "a", half=True)
    kept = read_checkpoint(tmp_path / "a/checkpoints/1-whole.safetensors").weights
    stored = read_tensors(half.weights)[0]
    assert whole.weights == half.weights
    for name, one in stored.items():
        wanted = kept[name].half() if kept[name].is_floating_point() else kept[name]
        assert one.dtype == wanted.dtype and torch.equal(one, wanted)
    assert sum(one.dtype == torch.float16 for one in stored.values()) > 3


def test_weights_checkpoint_and_card_name_the_data_sets_of_the_training(faces, tmp_path):
    plain = parts.train(parts.recipe(faces), faces, tmp_path / "plain")
    assert header_of([plain.weights]).trained_on == [], "a folder of one's own is no data set with a name"
    portraits = tmp_path / "portraits"
    for sex in ("female", "male"):
        (portraits / sex).mkdir(parents=True)
        for number in range(5):
            copyfile(faces / f"{number:02}.png", portraits / sex / f"{number:02}.png")
    done = parts.train(parts.recipe(faces), f"faker:{portraits}", tmp_path / "faker")
    assert header_of([done.weights]).trained_on == ["faker portraits"]
    assert header_of([tmp_path / "faker/checkpoints/1-whole.safetensors"]).trained_on == ["faker portraits"]
    card = json.loads(done.weights.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["trained_on"] == ["faker portraits"]


def test_callers_random_state_is_left_alone(faces, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    parts.train(parts.recipe(faces), faces, tmp_path / "a")
    assert torch.equal(torch.rand(3), expected)


def test_it_learns_and_says_how_well(faces, tmp_path):
    stage = parts.plain(iterations=300, optimiser=Optimiser("adam", 5e-3), precision="bf16-mixed")
    whole = replace(parts.recipe(faces, stage), data=replace(parts.recipe(faces).data, batch=8))
    done = parts.train(whole, faces, tmp_path / "a", check=150)
    assert done.metrics["psnr"] > done.metrics["psnr_blurred"] + 1
    net = make_network("test-small")
    load_weights(net, read_tensors(done.weights)[0], "weights")
    card = json.loads(done.card.read_text(encoding="utf-8"))
    assert (card["network"], card["stage_step"], card["pairs_seen"]) == ("test-small", 300, 2400)
    assert (card["faces"], card["faces_held_out"]) == (9, 1)
    sheet = read_png(tmp_path / "a/samples/1-whole-0000300.png")
    assert sheet.shape == (6 * 128, 3 * 128, 3)
    blurred, restored, sharp = (sheet[:, at : at + 128].astype(float) for at in (0, 128, 256))
    before, after = (10 * np.log10(255**2 / ((image - sharp) ** 2).mean()) for image in (blurred, restored))
    assert after > before + 1
    assert after == pytest.approx(done.metrics["psnr"], abs=3)


def test_an_epoch_takes_each_face_once(faces, tmp_path):
    recipe = parts.recipe(faces, parts.plain("first", iterations=0, epochs=2))
    done = parts.train(recipe, faces, tmp_path / "out")
    card = json.loads(done.card.read_text(encoding="utf-8"))
    assert done.finished
    assert done.step == -(-2 * card["faces"] // recipe.data.batch)
    assert card["pairs_seen"] >= 2 * card["faces"] > card["pairs_seen"] - recipe.data.batch


def test_interrupted_after_a_step_it_goes_on_from_there(faces, tmp_path):
    def interrupt(stage, step, total, note):
        if stage != "aligning" and step == 2:
            # `timeout` asks the process and then its group.
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)

    whole = parts.recipe(faces)
    parts.train(whole, faces, tmp_path / "a")
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        parts.train(whole, faces, tmp_path / "b", progress=Reporter(interrupt))
    assert signal.getsignal(signal.SIGINT) is before
    step = read_checkpoint(tmp_path / "b/checkpoints/last.safetensors").header["step"]
    assert step in (2, 3)
    said = []
    parts.train(whole, faces, tmp_path / "b", progress=Reporter(say=said.append))
    assert f"resumes after step {step}" in said[0]
    assert same(*(tmp_path / run / "checkpoints/1-whole.safetensors" for run in "ab"))


def test_nan_stops_it_with_the_last_good_state_kept(faces, tmp_path):
    stage = parts.plain(
        iterations=9, optimiser=Optimiser("sgd", 1e30), losses=(LossTerm("l2"),), schedule=RateSchedule()
    )
    with pytest.raises(InputError, match=r"loss is .*last good state"):
        parts.train(parts.recipe(faces, stage), faces, tmp_path / "a", save=1, check=0)
    kept = read_checkpoint(tmp_path / "a/checkpoints/last.safetensors")
    assert kept.header["step"] >= 1
    assert all(torch.isfinite(value.double()).all() for value in kept.tensors.values())


def test_stages_follow_one_another_and_freeze_their_parts(faces, tmp_path):
    stages = parts.plain("first", train=("enter",)), parts.plain("second", freeze=("enter",))
    whole = parts.recipe(faces, *stages)
    with pytest.raises(InputError, match=r"stage 'second' continues stage 'first', which is not finished"):
        parts.train(whole, faces, tmp_path / "a", stage="2")
    parts.train(whole, faces, tmp_path / "a", stage="first")
    parts.train(whole, faces, tmp_path / "a", stage="2")
    parts.train(whole, faces, tmp_path / "b", stage="all")
    parts.train(whole, faces, tmp_path / "c", stage="1", iterations=2)
    assert parts.train(whole, faces, tmp_path / "c", stage="2", iterations=1).step == 1
    first = read_checkpoint(tmp_path / "a/checkpoints/1-first.safetensors").part("network")
    second = read_checkpoint(tmp_path / "a/checkpoints/2-second.safetensors").part("network")
    torch.manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        new = make_network("test-small").state_dict()
    changed = {key for key in first if not torch.equal(first[key], new[key])}
    assert changed
    assert all(key.startswith("enter") for key in changed)
    changed = {key for key in first if not torch.equal(first[key], second[key])}
    assert changed == {"leave.weight", "leave.bias"}
    assert same(*(tmp_path / run / "checkpoints/2-second.safetensors" for run in "ab"))


@pytest.mark.parametrize(("change", "said"), [({"batch": 3}, "data.batch = 3, found 2"),
                                              ({"seed": 4}, "seed = 4"),
                                              ({"iterations": 8}, "iterations = 8"),
                                              ({"config": {"width": 7}}, "width"),
                                              ({"held_out": 1, "selection": Selection(limit=9)}, "data = ")],
)  # fmt: skip
def test_another_training_in_the_folder_is_refused(faces, tmp_path, change, said):
    whole = parts.recipe(faces)
    parts.train(whole, faces, tmp_path / "a", stop_after=2)
    with pytest.raises(InputError, match=said):
        parts.train(whole, faces, tmp_path / "a", **change)


def test_restart_begins_anew(faces, tmp_path):
    whole = parts.recipe(faces)
    parts.train(whole, faces, tmp_path / "a", stop_after=2)
    assert parts.train(whole, faces, tmp_path / "a", batch=3, resume=False).finished


def test_weights_of_some_steps_are_kept_and_are_those_of_that_step(faces, tmp_path):
    whole = parts.recipe(faces, parts.plain(ema=0.9))
    parts.train(whole, faces, tmp_path / "a", keep=(2, 6))
    kept = [tmp_path / f"a/checkpoints/1-whole-000000{step}.safetensors" for step in (2, 6)]
    assert sorted((tmp_path / "a/checkpoints").glob("1-whole-*")) == kept
    stopped = parts.train(whole, faces, tmp_path / "b", stop_after=2)
    for file, wanted in zip(kept, (stopped.weights, tmp_path / "a/small.safetensors"), strict=True):
        (found, header), (weights, other) = read_tensors(file), read_tensors(wanted)
        assert header == other
        assert found.keys() == weights.keys() and all(torch.equal(found[key], weights[key]) for key in found)
    parts.train(whole, faces, tmp_path / "a", resume=False)
    assert not any(file.exists() for file in kept)


def test_steps_that_cannot_be_kept_are_told(faces, tmp_path):
    whole, said = parts.recipe(faces), []
    with pytest.raises(InputError, match=r"step 7 cannot be kept: no chosen stage .*; name steps from 1 to 6"):
        parts.train(whole, faces, tmp_path / "a", keep=(2, 7))
    assert not (tmp_path / "a/checkpoints").exists()
    parts.train(whole, faces, tmp_path / "a", keep=(2,), stop_after=3)
    parts.train(whole, faces, tmp_path / "a", keep=(1, 2, 4), progress=Reporter(say=said.append))
    assert "stage 'whole' is past step 1, which was not kept; train the stage again to keep it" in said
    parts.train(whole, faces, tmp_path / "a", keep=(1, 2, 5), progress=Reporter(say=said.append))
    assert said[-1].startswith("stage 'whole' is past step 1, 5")


def test_truncated_checkpoint_is_refused(faces, tmp_path):
    whole = parts.recipe(faces)
    parts.train(whole, faces, tmp_path / "a", stop_after=2)
    last = tmp_path / "a/checkpoints/last.safetensors"
    last.write_bytes(last.read_bytes()[:-20])
    with pytest.raises(InputError, match="damaged safetensors file"):
        parts.train(whole, faces, tmp_path / "a")


def test_weights_to_begin_with(faces, tmp_path):
    whole = parts.recipe(faces)
    done = parts.train(whole, faces, tmp_path / "a")
    began = parts.train(whole, faces, tmp_path / "b", begin=done.weights, stop_after=1)
    first = read_tensors(done.weights)[0]["leave.weight"]
    assert (read_tensors(began.weights)[0]["leave.weight"] - first).abs().max() < 5e-3
    other = parts.train(whole, faces, tmp_path / "c", config={"width": 7}, stop_after=1)
    for wrong in (other.weights, other.weights.parent / "checkpoints/last.safetensors"):
        with pytest.raises(InputError, match="use weights of this network and configuration"):
            parts.train(whole, faces, tmp_path / "d", begin=wrong)


def test_labels_that_are_not_there_are_refused(faces, tmp_path):
    whole = parts.recipe(faces, parts.plain(labels=True))
    with pytest.raises(InputError, match="stage 'whole' needs labels"):
        parts.train(whole, faces, tmp_path / "a")


@pytest.mark.parametrize(("given", "said"), [({"device": "cuda:99"}, "is not available"),
                                             ({"device": "tpu"}, "auto, cpu"),
                                             ({"precision": "16-mixed"}, "bf16-mixed or 32"),
                                             ({"precision": "8"}, "precision '8'"),
                                             ({"config": {"widht": 3}}, "did you mean 'width'"),
                                             ({"stage": "5"}, "from 1 to 1")])  # fmt: skip
def test_bad_settings_are_told_in_one_line(faces, tmp_path, given, said):
    with pytest.raises(InputError, match=said) as caught:
        parts.train(parts.recipe(faces), faces, tmp_path / "a", **given)
    assert "\n" not in str(caught.value)


def test_crop_must_suit_the_network_and_the_faces(faces, tmp_path):
    whole = parts.recipe(faces)
    for crop, said in ((15, "multiples of 2"), (256, "at most 128x128")):
        with pytest.raises(InputError, match=said):
            parts.train(replace(whole, data=replace(whole.data, crop=crop)), faces, tmp_path / "a")


def test_the_group_of_processes_is_left_whatever_happens(monkeypatch):
    """After an error without waiting for the others, which may never come."""
    store, waited = torch.distributed.HashStore(), []
    monkeypatch.setattr(torch.distributed, "barrier", lambda: waited.append(True))
    for error, times in ((None, 1), (KeyboardInterrupt, 1), (InputError, 1)):
        torch.distributed.init_process_group("gloo", rank=0, world_size=1, store=store)
        engine = Engine(Hardware("cpu"))
        engine.world = 2
        with suppress(KeyboardInterrupt, InputError), engine:
            if error is not None:
                raise error("stopped")
        assert not torch.distributed.is_initialized() and len(waited) == times


def test_a_training_leaves_the_group_after_an_error(faces, tmp_path, monkeypatch):
    left = []
    monkeypatch.setattr(Engine, "close", lambda self, *, together=True: left.append(together))
    with pytest.raises(InputError, match="needs labels"):
        parts.train(parts.recipe(faces, parts.plain(labels=True)), faces, tmp_path / "a")
    assert left == [False]


RANKS = """
import sys
sys.path.insert(0, {here!r})
import train_parts as parts
from pathlib import Path
from shutil import copyfile
done = parts.train(parts.recipe(Path({faces!r}), parts.plain(accumulate=2)), {faces!r}, {out!r}, batch=1, devices=2,
             strategy="ddp", config={{"bare": True}}, check=0)
Path(f"{ranks}{{done.rank}}").touch()
"""


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch(faces, tmp_path):
    pytest.importorskip("lightning_fabric")
    script = tmp_path / "ranks.py"
    here = str(Path(parts.__file__).parent)
    places = {"here": here, "faces": str(faces), "out": str(tmp_path / "b"), "ranks": str(tmp_path / "rank")}
    script.write_text(RANKS.format(**places), encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(script)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    # A file for each rank: two processes that print to one pipe can cut each other's lines.
    assert (tmp_path / "rank0").exists() and (tmp_path / "rank1").exists()
    parts.train(parts.recipe(faces, parts.plain(accumulate=2)), faces, tmp_path / "a", config={"bare": True})
    a, b = (read_tensors(tmp_path / run / "small.safetensors")[0] for run in "ab")
    for key in a:
        assert torch.allclose(a[key], b[key], atol=1e-6)


def test_command(faces, tmp_path):
    path = tmp_path / "small-train.toml"
    path.write_text(
        f"""name = "small"
network = "test-small"
source = "test"
[data]
recipe = '{faces.with_suffix(".toml")}'
batch = 2
[[stage]]
name = "whole"
iterations = 100
losses = [{{name = "charbonnier", options = {{eps = 0.01}}}}]
optimiser = {{kind = "adamw", lr = 1e-3}}
""",
        encoding="utf-8",
    )
    options = ["--iterations", "2", "--config", "width=5", "--device", "cpu", "--workers", "0", "--jobs", "1"]
    result = CliRunner().invoke(command, [str(path), "--faces", str(faces), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    assert "psnr" in result.output
    assert read_tensors(tmp_path / "out/small.safetensors")[0]["enter.0.weight"].shape == (5, 3, 5, 5)
    bad = CliRunner().invoke(command, [str(path), "--faces", "x", "-o", "y", "--config", "width"])
    assert "KEY=VALUE" in bad.output
