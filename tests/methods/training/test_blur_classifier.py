"""Training of the blur classifier: its measure by known answers, and a short training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.files.state_dict import load_exactly, read_state
from facedeblur.benchmark.weights import read_card
from facedeblur.methods.classical.blind.blur_network import BlurClassifier
from facedeblur.methods.training.blur_classifier import ClassifierRecipe, held_out_accuracy, train_classifier

SMALL = ClassifierRecipe(crop=32, batch=2, steps=2, sizes=(40, 60), kernels=(7,))


class Rough(nn.Module):
    """Calls an image blurred if neighbours differ by less than 0.1 on average."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 0.1 - (images[..., 1:] - images[..., :-1]).abs().mean((1, 2, 3))


def noise(count: int) -> list[np.ndarray]:
    """Pictures of white noise, whose blur is easily told."""
    return [np.random.default_rng(seed).random((64, 70)).astype(np.float32) for seed in range(count)]


def test_accuracy_of_a_rule_that_is_right_and_of_one_that_is_not() -> None:
    recipe = ClassifierRecipe(crop=32, sizes=(64, 64), kernels=(7, 11), noise=0.0)
    found = held_out_accuracy(Rough(), noise(3), recipe, pairs=12)
    assert list(found) == ["sharp 1", "blurred 1", "sharp 1/2", "blurred 1/2", "sharp 1/4", "blurred 1/4"]
    assert found["sharp 1"] == found["blurred 1"] == 1

    class Always(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(images))

    found = held_out_accuracy(Always(), noise(2), recipe, pairs=6)
    assert [found[f"sharp {one}"] for one in ("1", "1/2", "1/4")] == [0, 0, 0]
    assert [found[f"blurred {one}"] for one in ("1", "1/2", "1/4")] == [1, 1, 1]


def photographs(folder: Path, count: int) -> str:
    folder.mkdir()
    for number, one in enumerate(noise(count)):
        write_png(folder / f"{number:02d}.png", np.repeat((one * 255).astype(np.uint8)[..., None], 3, axis=2))
    return f"folder:{folder}"


def test_a_training_writes_weights_that_the_classifier_takes(tmp_path: Path) -> None:
    faces, told = photographs(tmp_path / "faces", 10), []
    card = train_classifier(faces, tmp_path / "one", recipe=SMALL, report=told.append)
    assert [row["step"] for row in told] == [2] and np.isfinite(told[0]["loss"])
    assert (card["photographs"], card["held out"]) == (8, 2)
    assert {file.name for file in (tmp_path / "one").iterdir()} == {"li-2018.safetensors", "li-2018.json", "log.csv"}
    file = tmp_path / "one" / "li-2018.safetensors"
    assert read_card(file)["sha256"] == card["sha256"]
    state = read_state(file)
    assert {one.dtype for one in state.values()} == {torch.float16}
    load_exactly(BlurClassifier(), state, str(file), "train again")
    assert train_classifier(faces, tmp_path / "two", recipe=SMALL)["sha256"] == card["sha256"]


@pytest.mark.parametrize(("changed", "said"), [({"batch": 0}, "batch"), ({"steps": 0}, "steps")])
def test_recipes_without_work_are_refused(tmp_path: Path, changed: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        train_classifier(tmp_path, tmp_path / "out", recipe=ClassifierRecipe(**changed))


def test_too_few_photographs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"10 or more.*9"):
        train_classifier(photographs(tmp_path / "faces", 9), tmp_path / "out", recipe=SMALL)
    assert not (tmp_path / "out").exists()
