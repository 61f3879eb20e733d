"""Networks that read the true labels of each face: oracles, which only a set with labels can run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import train_parts as parts
from narrow_nets import NARROW

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import encode_png, to_uint8
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.methods.kinds.network import network_method
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run
from facedeblur.methods.training.data.batches import Examples
from facedeblur.methods.training.devices import Engine, Hardware
from facedeblur.methods.training.stage import StageRun
from facedeblur.methods.training.validation import Validation

CPU = Execution(device="cpu")
CONFIG = NARROW["shen2018"] | {"semantics": "true", "compat": False}


@pytest.fixture
def weights(tmp_path):
    """A narrow network in which labels matter, and the file of its weights."""
    torch.manual_seed(3)
    net = make_network("shen2018", **CONFIG)
    with torch.no_grad():
        for scale in (net.deblur.small, net.deblur.large):
            scale.last.weight.mul_(10)
    path = tmp_path / "weights" / "shen2018.safetensors"
    path.parent.mkdir()
    write_tensors(path, net.state_dict(), {"name": "shen2018", "network": "shen2018", "config": CONFIG})
    return net.eval(), path


def test_each_image_is_restored_with_its_own_labels(make_set, weights, tmp_path):
    net, path = weights
    the_set = make_set(labelled=True, seed=5)
    outputs = run("shen2018", the_set, tmp_path / "out", weights=path, execution=replace(CPU, batch=3))
    assert outputs.info["oracle"] and outputs.info["counts"]["ok"] == 8
    for pair in the_set.pairs():
        blurred = torch.from_numpy(the_set.blurred(pair)).permute(2, 0, 1)[None].float() / 255
        labels = torch.from_numpy(the_set.label(the_set.image_of(pair))).long()[None]
        with torch.no_grad():
            right, wrong = (to_uint8(net(blurred, one)[0].permute(1, 2, 0).numpy()) for one in (labels, 0 * labels))
        found = outputs.restored(pair, (128, 128)).astype(int)
        assert np.abs(found - right).max() <= 1 < np.abs(found - wrong).max()


def test_a_set_without_labels_is_refused_in_a_line(tiny, weights, tmp_path):
    with pytest.raises(InputError, match="read the true labels, and set 'tiny0' has none"):
        run("shen2018", tiny, tmp_path / "out", weights=weights[1], execution=CPU)
    assert not (tmp_path / "out").exists()


def test_padding_and_tiles_take_the_labels_along(weights):
    net, path = weights
    draws = np.random.default_rng(0)
    blurred = draws.random((1, 72, 100, 3), dtype=np.float32)
    labels = draws.integers(0, 11, (1, 72, 100)).astype(np.uint8)

    def restored(**options):
        method = network_method("shen2018")(**options)
        method.load("cpu", {path.name: path})
        return method.restore(blurred, list(labels))

    assert restored().shape == blurred.shape
    assert np.allclose(restored(channels_last=True), restored(), atol=1e-5)
    first = torch.from_numpy(blurred[:, :64, :64]).permute(0, 3, 1, 2)
    with torch.no_grad():
        alone = net(first, torch.from_numpy(labels[:, :64, :64]).long())[0].permute(1, 2, 0).numpy()
    # The second tile begins at row 32 and column 32 at the earliest.
    assert np.allclose(restored(tile=64, overlap=0)[0, :32, :32], alone[:32, :32], atol=1e-5)


def test_held_out_faces_are_checked_with_their_labels(tmp_path):
    file = tmp_path / "labels.png"
    file.write_bytes(encode_png(np.uint8(np.add.outer(np.arange(64), np.arange(64)) // 8 % 11)))
    pairs = parts.virtual(size=64, labels={f"{i:02}": file for i in range(20)})
    engine, net = Engine(Hardware("cpu")), make_network("shen2018", **CONFIG)
    stage = parts.plain(labels=True)
    with_labels, without = (Validation(Examples(pairs, labels=yes, centred=True), count=4) for yes in (True, False))
    assert "psnr" in with_labels(StageRun(stage, net, engine), engine).metrics
    with pytest.raises(InputError, match="labels"):
        without(StageRun(stage, net, engine), engine)
