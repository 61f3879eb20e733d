"""Channel weights of DFPGnet's discriminator: against the attention written out, and what is refused."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.set import Set
from facedeblur.cli.channel_weights import channel_weights as command
from facedeblur.methods.nets.base import make_discriminator
from facedeblur.methods.training.channel_weights import channel_weights
from facedeblur.methods.training.checkpoint import write_checkpoint
from facedeblur.methods.training.losses.base import make_loss

VGG = {"weights": "random", "widths": [16, 32, 64, 8, 8], "scale": 3.0}


def write_training(root: Path, name: str = "1-whole", *, seed: int = 0, **change: Any) -> dict[str, torch.Tensor]:
    """Write a checkpoint of a discriminator half as wide as its VGG; return its tensors."""
    config = {"width": 8, "reduction": 4, "attention": change.pop("attention", True)}
    torch.manual_seed(seed)
    tensors = make_discriminator("dfpg", **config).state_dict()
    for key, value in tensors.items():  # weights of one half would hide a wrong order
        if key.startswith("attentions") and key.endswith("bias"):
            tensors[key] = 3 * torch.randn_like(value)
    stage = {"adversary": {"discriminator": "dfpg", "config": config}, "losses": [{"name": "l1", "options": {}},
             {"name": "feature-priors", "options": VGG}], "iterations": 9} | change  # fmt: skip
    header = {"stage": "whole", "step": 7, "seed": 0, "data": "", "seen": 1, "metrics": {},
              "recipe": {"network": "dfpgnet", "stage": stage}}  # fmt: skip
    write_checkpoint(
        root / "checkpoints" / f"{name}.safetensors", header, {f"discriminator.{k}": v for k, v in tensors.items()}
    )
    return tensors


def written_out(tensors: dict[str, torch.Tensor], the_set: Set) -> list[np.ndarray]:
    """Section 2.1 by image: the mean of each channel, two matrices with a ReLU between, a sigmoid; the mean of all."""
    vgg = make_loss("feature-priors", VGG).features
    found: list[list[np.ndarray]] = [[], [], []]
    for pair in the_set.pairs():
        image = torch.from_numpy(the_set.blurred(pair).transpose(2, 0, 1)[None] / np.float32(255))
        for at, deep in enumerate(vgg(image).values()):
            first, bias, last, end = (
                tensors[f"attentions.{at}.{part}"].double().numpy().squeeze()
                for part in ("1.weight", "1.bias", "3.weight", "3.bias")
            )
            pooled = deep[0, ::2].double().mean((1, 2)).numpy() / 3
            hidden = np.maximum(np.atleast_2d(first) @ pooled + bias, 0)
            found[at].append(1 / (1 + np.exp(-(last.reshape(len(pooled), -1) @ hidden + end))))
    return [np.mean(one, axis=0) for one in found]


def test_weights_are_the_attention_written_out(tiny: Set, tmp_path: Path) -> None:
    tensors = write_training(tmp_path)
    found = channel_weights(tmp_path, tiny)
    assert found.layers == ("relu1_2", "relu2_2", "relu3_3") and (found.images, found.step, found.steps) == (8, 7, 9)
    for ours, wanted in zip(found.weights, written_out(tensors, tiny), strict=True):
        np.testing.assert_allclose(ours, wanted, atol=1e-5)
    assert [len(one) for one in found.weights] == [8, 16, 32]
    assert found.over(0.8)[2] == np.mean(found.weights[2] > 0.8) and sum(found.over(0.5)) + sum(found.under(0.5)) == 3
    rows = list(found.rows())
    assert [row["weight"] for row in rows[:8]] == sorted(found.weights[0].tolist(), reverse=True)
    assert all(found.weights[0][row["channel"]] == row["weight"] for row in rows[:8]) and rows[8]["rank"] == 1


def test_some_images_are_drawn_alike_each_time(tiny: Set, tmp_path: Path) -> None:
    write_training(tmp_path)
    one, two, whole = (channel_weights(tmp_path, tiny, limit=limit) for limit in (3, 3, 99))
    assert one.images == 3 and np.array_equal(one.weights[0], two.weights[0]) and whole.images == 8
    assert not np.array_equal(one.weights[0], whole.weights[0])
    with pytest.raises(InputError, match="limit"):
        channel_weights(tmp_path, tiny, limit=0)


def test_the_last_checkpoint_of_a_folder_is_taken(tiny: Set, tmp_path: Path) -> None:
    for name in ("2-more", "10-whole", "1-first"):
        write_training(tmp_path, name)
    write_training(tmp_path, "11-more-0000500")  # weights alone, kept of a stage that has not ended
    assert channel_weights(tmp_path, tiny, limit=1).checkpoint.name == "10-whole.safetensors"
    write_training(tmp_path, "last")
    assert channel_weights(tmp_path, tiny, limit=1).checkpoint.name == "last.safetensors"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"adversary": None}, "found none"),
        ({"adversary": {"discriminator": "dcgan", "config": {}}}, "found 'dcgan'"),
        ({"losses": [{"name": "l1"}]}, "expected the discriminator 'dfpg'"),
        ({"losses": "l1"}, "cannot be read"),
        ({"adversary": {"discriminator": "dfpg", "config": {"width": 16}}}, "of shape"),
    ],
)
def test_other_checkpoints_are_refused(change: dict[str, Any], says: str, tiny: Set, tmp_path: Path) -> None:
    write_training(tmp_path, **change)
    with pytest.raises(InputError, match=says) as caught:
        channel_weights(tmp_path, tiny)
    assert "\n" not in str(caught.value)


def test_places_without_a_checkpoint_are_refused(tiny: Set, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found"):
        channel_weights(tmp_path / "nowhere", tiny)
    with pytest.raises(InputError, match="holds no checkpoints"):
        channel_weights(tmp_path, tiny)


def test_the_command(tiny: Set, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_training(tmp_path / "net", attention=False)
    out, figure = tmp_path / "weights.csv", tmp_path / "weights.svg"
    given = [str(tmp_path / "net"), str(tiny.root), "-o", str(out), "--figure", str(figure), "--limit", "2"]
    shown = CliRunner().invoke(command, given, catch_exceptions=False).output
    assert (
        "mean channel weights of 2 blurred images" in shown
        and "step 7 of 9)" in shown
        and "weighs all channels alike" in shown
    )
    assert "relu2_2        16      100.00     32.3         0.00    39.84" in shown
    assert "relu1_2: this network knows 8 of its 64 channels" in shown and figure.is_file()
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 + 16 + 32 and {row["weight"] for row in rows} == {"1.0"}
    shutil.rmtree(tmp_path / "net")
    out.unlink()
    failed = CliRunner().invoke(command, given)
    assert isinstance(failed.exception, InputError) and not out.exists()
