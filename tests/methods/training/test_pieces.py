"""Pieces of training against literal computations: data, optimisers, averages, checkpoints, drawings."""

from __future__ import annotations

import os
import signal
import sys
from fractions import Fraction
from itertools import islice
from multiprocessing import active_children
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import train_parts as parts
from scipy.ndimage import gaussian_filter

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import encode_png, read_png, write_png
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.generators.pairs.stored import open_stored
from facedeblur.generators.video.frames import frames
from facedeblur.generators.video.spec import FrameSpec
from facedeblur.methods.training import loop
from facedeblur.methods.training.checkpoint import (
    Checkpoint,
    flattened,
    load_weights,
    read_checkpoint,
    restore,
    write_checkpoint,
)
from facedeblur.methods.training.data import batches as data_batches
from facedeblur.methods.training.data.batches import AHEAD, Examples, Places, batches
from facedeblur.methods.training.data.pairs import TrainingData, divide, need_labels
from facedeblur.methods.training.losses.targets import xdog
from facedeblur.methods.training.optimisers import Average, choose_weights, make_optimiser
from facedeblur.methods.training.recipe import Optimiser


def test_ranks_share_the_places_of_one_order():
    alone = [index for batch in islice(Places(6, 30), 4) for index in batch]
    ranks = [[index for batch in islice(Places(3, 30, rank, 2), 4) for index in batch] for rank in range(2)]
    assert sorted(ranks[0] + ranks[1]) == alone == list(range(30, 54))
    assert list(islice(Places(3, 30 + 12, 0, 1), 1)) == [[42, 43, 44]]


def test_nobody_is_trained_on_and_checked_by():
    data = divide(parts.virtual(), held_out=3)
    people = [{face.identity for face in pairs.source.faces} for pairs in (data.train, data.check)]
    assert not people[0] & people[1]
    assert len(data.train.source.faces) + len(data.check.source.faces) == 20
    assert len(people[1]) == 1
    kernels = {data.check[i].kernel for i in range(20)}
    assert min(number for _, number in kernels) >= 10
    assert {data.train[i].kernel[1] for i in range(100)} <= set(range(10))
    assert divide(parts.virtual(), held_out=3).digest == data.digest
    assert divide(parts.virtual(identities=9), held_out=3).digest != data.digest


def test_nobody_of_a_mixture_is_trained_on_and_checked_by(tmp_path):
    """A person of the videos may be among the photographs, too; each source keeps somebody to train on."""
    for name in ("p1", "p4", "zoe"):
        for k in range(3):
            write_png(tmp_path / "videos" / name / f"{k}.png", parts.smooth(9, 40)[:32, k : k + 32])
    spec = FrameSpec(length="all", template="none", detector="none", min_motion=0.0)
    stored = open_stored([frames(tmp_path / "videos", tmp_path / "set", spec, workers=1).root])
    for held_out in (1, 2, 9):
        data = divide(parts.virtual(), stored, held_out=held_out)
        people = [{face.identity for face in pairs.source.faces} for pairs in (data.train, data.check)]
        assert not people[0] & people[1] and people[0] | people[1] == {*(f"p{i}" for i in range(10)), "zoe"}
    assert data.train.share == Fraction(data.train.stored.lap, len(data.train.source.faces))
    for index in range(30):
        assert data.train.make(data.train.plan(index)).identity in people[0]
    lone = divide(None, stored.only([0]))
    assert [face.image_id for face in lone.train.source.faces] == [face.image_id for face in lone.check.source.faces]
    assert divide(None, stored).digest != divide(parts.virtual(), stored).digest
    # A training without sets is the one that it was.
    assert divide(parts.virtual(), held_out=3).digest == (
        "07dda59c575e780015cb97d7f18e57ad65cfe2ed270a837bc8a4aeeebbf77e7d"
    )


def test_crops_are_random_but_fixed_and_labels_move_along(tmp_path):
    file = tmp_path / "labels.png"
    places = np.uint8(np.add.outer(np.arange(32) // 4, np.arange(32) // 4 * 1) % 11)
    file.write_bytes(encode_png(places))
    pairs = divide(parts.virtual(labels={f"{i:02}": file for i in range(20)})).train
    cut = Examples(pairs, crop=(16, 8), labels=True, kernels=True)
    offsets = set()
    for index in range(12):
        item, again = cut[index], cut[index]
        assert all(np.array_equal(item[key], again[key]) for key in item)
        pair = pairs[index]
        found = [
            (top, left)
            for top in range(17)
            for left in range(25)
            if np.array_equal(pair.sharp[top : top + 16, left : left + 8].transpose(2, 0, 1), item["sharp"])
        ]
        assert len(found) == 1
        ((top, left),) = found
        offsets.add((top, left))
        assert np.array_equal(item["labels"], places[top : top + 16, left : left + 8])
        blurred = pair.blurred[top : top + 16, left : left + 8].transpose(2, 0, 1)
        assert np.array_equal(item["blurred"], blurred)
        assert item["kernels"].shape == (7, 7)
        assert item["kernels"].sum() == pytest.approx(1, abs=1e-6)
    assert len(offsets) > 8


def test_batches_are_the_same_from_any_number_of_workers_and_any_device(tmp_path):
    file = tmp_path / "labels.png"
    file.write_bytes(encode_png(np.uint8(np.add.outer(np.arange(32), np.arange(32)) // 6)))
    pairs = divide(parts.virtual(labels={f"{i:02}": file for i in range(20)}, augment="shen")).train
    device = torch.device("cpu")
    for options in ({}, {"crop": (16, 8), "labels": True, "kernels": True}):
        examples = Examples(pairs, **options)
        ways = [(0, False), (2, False), (0, True), (2, True)]
        made = [batches(examples, Places(3, 5), device, loaders=n, on_device=way) for n, way in ways]
        got = [list(islice(source, 4)) for source in made]
        for one, *others in zip(*got, strict=True):
            for other in others:
                assert one.keys() == other.keys()
                assert all(torch.equal(one[key], other[key]) for key in one)
                assert all(one[key].dtype == other[key].dtype for key in one)
    pairs = divide(parts.virtual()).train
    batch = next(batches(Examples(pairs), Places(3), device, loaders=0))
    assert batch["sharp"].dtype == torch.float32
    pair = pairs[int(batch["index"][0])]
    assert torch.equal(batch["blurred"][0], torch.from_numpy(pair.blurred).permute(2, 0, 1) / 255)


def test_workers_leave_a_request_to_end_to_the_training():
    """Job schedulers send it to every process of a job; the step in progress needs its pairs."""
    pairs, others = divide(parts.virtual()).train, set(active_children())
    made = batches(Examples(pairs), Places(1), torch.device("cpu"), loaders=1)
    next(made)
    (worker,) = set(active_children()) - others
    os.kill(worker.pid, signal.SIGTERM)
    assert len([next(made) for _ in range(3 * AHEAD)]) == 3 * AHEAD
    made.close()
    worker.join(20)
    assert worker.exitcode == 0


def test_a_request_to_end_waits_until_the_workers_are_started(monkeypatch):
    own = data_batches._on_its_own

    def asked(number):
        os.kill(os.getpid(), signal.SIGTERM)
        own(number)

    monkeypatch.setattr(data_batches, "_on_its_own", asked)
    before, others = signal.pthread_sigmask(signal.SIG_BLOCK, ()), set(active_children())
    made = batches(Examples(divide(parts.virtual()).train), Places(1), torch.device("cpu"), loaders=1)
    next(made)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    (worker,) = set(active_children()) - others
    made.close()
    worker.join(20)
    assert worker.exitcode == 0


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("workers", [0, 1])
def test_photograph_that_cannot_be_read_is_one_line(tmp_path, workers, on_device):
    pairs = divide(parts.virtual(labels={f"{i:02}": tmp_path / "gone.png" for i in range(20)})).train
    examples = Examples(pairs, labels=True)
    with pytest.raises((InputError, FileNotFoundError)) as caught:
        next(batches(examples, Places(2), torch.device("cpu"), loaders=workers, on_device=on_device))
    assert "Traceback" not in str(caught.value)


def test_average_is_the_literal_one():
    net = parts.SmallNet()
    average = Average(net, 0.9)
    expected = net.leave.bias.detach().clone()
    for step in range(200):
        with torch.no_grad():
            net.leave.bias += 1
        average.update(net, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * net.leave.bias.detach()
    assert torch.allclose(average.net.leave.bias, expected, rtol=1e-5)


def test_parts_have_their_own_rates_and_frozen_ones_none():
    net = parts.SmallNet()
    choose_weights(net, (), ())
    groups = make_optimiser(Optimiser("adam", 1e-3, rates={"enter": 1e-5}), net).param_groups
    assert [(group["lr"], len(group["params"])) for group in groups] == [(1e-5, 4), (1e-3, 2)]
    choose_weights(net, (), ("enter",))
    assert not net.enter.training
    assert net.leave.training
    assert [len(group["params"]) for group in make_optimiser(Optimiser("sgd", 1.0), net).param_groups] == [2]
    with pytest.raises(InputError, match="did you mean 'enter'"):
        choose_weights(net, ("entre",), ())
    net.requires_grad_(False)
    with pytest.raises(InputError, match="weights to train"):
        make_optimiser(Optimiser("sgd", 1.0), net)


@pytest.mark.parametrize("kind", ["adam", "adamw", "rmsprop", "sgd"])
def test_optimiser_goes_on_from_a_file(tmp_path, kind):
    torch.manual_seed(0)
    images = torch.rand(2, 3, 8, 8)

    def steps(net, optimiser, count):
        for _ in range(count):
            optimiser.zero_grad()
            net(images).square().mean().backward()
            optimiser.step()

    what = Optimiser(kind, 1e-2, momentum=0.9, weight_decay=0.01)
    net, other = parts.SmallNet().eval(), parts.SmallNet(width=6).eval()
    other.load_state_dict(net.state_dict())
    optimiser = make_optimiser(what, net)
    steps(net, optimiser, 3)
    tensors, numbers = flattened(optimiser, "optimiser")
    weights = {f"network.{key}": value for key, value in net.state_dict().items()}
    header = {"stage": "whole", "step": 3, "seed": 0, "data": "", "seen": 6, "metrics": {}, "recipe": {}}
    write_checkpoint(tmp_path / "c.safetensors", header | {"optimiser": numbers}, tensors | weights)
    steps(net, optimiser, 3)
    kept = read_checkpoint(tmp_path / "c.safetensors")
    load_weights(other, kept.part("network"), "c")
    again = make_optimiser(what, other)
    restore(again, kept, "optimiser")
    steps(other, again, 3)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True))


def test_files_that_are_no_checkpoint(tmp_path):
    path = tmp_path / "c.safetensors"
    with pytest.raises(InputError, match="not found"):
        read_checkpoint(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(InputError, match="damaged safetensors"):
        read_checkpoint(path)
    write_tensors(path, {"a": torch.zeros(2)}, {})
    with pytest.raises(InputError, match="format"):
        read_checkpoint(path)
    kept = Checkpoint(path, {"optimiser": {"groups": [], "numbers": {}}}, {})
    with pytest.raises(InputError, match="the state of this optimiser"):
        restore(make_optimiser(Optimiser("adam", 1.0), parts.SmallNet()), kept, "optimiser")


def test_log_drops_what_a_stopped_run_wrote_later(tmp_path, monkeypatch):
    said = []

    class Writer:
        def __init__(self, folder, purge_step):
            said.append(("open", Path(folder).name, purge_step))

        def __getattr__(self, name):
            return lambda *values, **named: said.append((name, *values[::2]) if name != "add_image" else (name,))

    monkeypatch.setattr(loop, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    log = loop.Log(tmp_path, "a", ["loss", "psnr"])
    for step in range(1, 5):
        log.row(step, {"loss": step / 3} | ({"psnr": 20.0} if step == 2 else {}))
    log = loop.Log(tmp_path, "a", ["loss", "psnr"], step=2)
    log.row(3, {"loss": 7.0})
    log.samples(3, [[np.zeros((4, 5, 3), np.uint8)] * 2] * 3)
    log.close()
    assert log.path.read_text().split() == ["step,loss,psnr", "1,0.333333,", "2,0.666667,20", "3,7,"]
    assert read_png(tmp_path / "samples/a-0000003.png").shape == (12, 10, 3)
    assert ("open", "a", 2) in said
    assert ("add_scalar", "loss", 3) in said
    assert said[-2:] == [("add_image",), ("close",)]


def test_drawing_is_the_literal_formula():
    image = np.random.default_rng(0).random((24, 20, 3))
    image = gaussian_filter(image, (2, 2, 0))
    image = (image - image.min()) / np.ptp(image)
    grey = image @ [0.299, 0.587, 0.114]
    wide, narrow = (gaussian_filter(grey, s, radius=round(3 * s), mode="nearest") for s in (1.6, 1.0))
    sharpened = 13 * narrow - 12 * wide
    expected = np.where(sharpened >= 0.65, 1, 1 + np.tanh(6 * (sharpened - 0.65)))
    found = xdog(torch.from_numpy(image.transpose(2, 0, 1)[None]))
    assert found.shape == (1, 1, 24, 20)
    assert np.allclose(found[0, 0].numpy(), expected.clip(0, 1), atol=1e-9)
    assert 0.1 < found.mean() < 0.9


def test_labels_of_faces_that_are_held_out_may_be_in_files_of_their_own():
    """Each part of pairs that are stored knows the files of its own faces only."""

    def part(name, labels):
        return SimpleNamespace(source=SimpleNamespace(faces=[SimpleNamespace(image_id=name)]), label_files=labels)

    need_labels(TrainingData(part("a", {"a": Path("a")}), part("b", {"b": Path("b")}), ""), "whole")
    with pytest.raises(InputError, match="which 1 of the faces lack, such as b"):
        need_labels(TrainingData(part("a", {"a": Path("a")}), part("b", {}), ""), "whole")
