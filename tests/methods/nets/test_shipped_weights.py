"""The weights that come with the package are those of their cards, and do what the cards say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from facedeblur.benchmark.metrics.fidelity.psnr_ssim import psnr
from facedeblur.benchmark.weights import sha256_of
from facedeblur.generators.build import build
from facedeblur.generators.portraits import write_portraits
from facedeblur.methods.nets.loading import SHIPPED, find_files, load_network
from facedeblur.methods.running.runner import run

NETWORKS = {"facedeblur-base": 3_560_428, "lin2020-small": 525_284}
"""Numbers of parameters."""


@pytest.mark.parametrize(("name", "parameters"), NETWORKS.items())
def test_card_and_weights_belong_together(name, parameters):
    weights = SHIPPED / f"{name}.safetensors"
    digest = sha256_of(weights)
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["sha256"] == digest and card["bytes"] == weights.stat().st_size
    assert card["name"] == card["network"] == name
    assert digest in weights.with_suffix(".md").read_text()
    assert weights.stat().st_size < 8e6
    network = load_network(name, find_files(name, []))
    assert sum(one.numel() for one in network.parameters()) == parameters


@pytest.fixture(scope="module")
def the_set(tmp_path_factory, small_recipe):
    pytest.importorskip("dlib")
    folder = tmp_path_factory.mktemp("faces")
    return build(small_recipe(folder), write_portraits(folder / "photographs"), folder / "set", workers=1)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_restores_faces_that_it_never_saw(tmp_path, the_set, name):
    outputs = run(name, the_set.root, tmp_path / "out", workers=1)
    gains = []
    for pair in the_set.pairs():
        image = the_set.images[pair.image_id]
        sharp, restored = the_set.sharp(image), outputs.restored(pair, (image.height, image.width))
        gains.append(psnr(restored, sharp) - psnr(the_set.blurred(pair), sharp))
    assert np.mean(gains) > 0.5
