"""Training of the face parser: its loss by loops, its augmentation, and a training of one epoch."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.parsers.own import ParsingNetwork
from facedeblur.benchmark.files.images import read_photo
from facedeblur.benchmark.files.state_dict import read_tensors
from facedeblur.benchmark.weights import read_card
from facedeblur.generators.photos.opening import open_collection
from facedeblur.generators.photos.specs import Selection
from facedeblur.methods.training.data.labelled_faces import IGNORED, LabelledFaces, augmented, read_labelled
from facedeblur.methods.training.face_parser import ParserRecipe, component_scores, parsing_loss, train_parser

SMALL = ParserRecipe(size=32, batch=2, epochs=1, held_out=2)


def halves(count: int, side: int = 32) -> LabelledFaces:
    """Pictures whose left half is green and a left eye (4), whose right half is blue and a right eye (5)."""
    photographs = torch.zeros(count, 3, side, side, dtype=torch.uint8)
    photographs[:, 1, :, : side // 2] = photographs[:, 2, :, side // 2 :] = 200
    labels = torch.full((count, side, side), 4, dtype=torch.uint8)
    labels[:, :, side // 2 :] = 5
    return LabelledFaces(photographs, labels, tuple(f"{at}.png" for at in range(count)))


def test_loss_by_loops() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(2, 11, 3, 4)), rng.integers(0, 5, (2, 3, 4))
    labels[0, 1, 2] = labels[1, 0, 0] = IGNORED
    entropy, known = 0.0, 0
    hits, both = np.zeros(11), np.zeros(11)
    for n, i, j in np.ndindex(labels.shape):
        if labels[n, i, j] == IGNORED:
            continue
        shares = np.exp(logits[n, :, i, j]) / np.exp(logits[n, :, i, j]).sum()
        entropy, known = entropy - math.log(shares[labels[n, i, j]]), known + 1
        hits[labels[n, i, j]] += shares[labels[n, i, j]]
        both += shares
        both[labels[n, i, j]] += 1
    present = [at for at in range(11) if (labels == at).any()]
    dice = 1 - np.mean([2 * hits[at] / max(both[at], 1) for at in present])
    given = torch.from_numpy(logits), torch.from_numpy(labels)
    assert float(parsing_loss(*given, dice=0.5)) == pytest.approx(entropy / known + 0.5 * dice, rel=1e-5)
    assert float(parsing_loss(*given, dice=0.0)) == pytest.approx(entropy / known, rel=1e-5)


def test_a_mirrored_face_keeps_its_left_eye_on_the_left() -> None:
    faces, rows = halves(1), torch.zeros(64, dtype=torch.int64)
    images, labels = augmented(faces, rows, size=32, generator=torch.Generator().manual_seed(0))
    again, _ = augmented(faces, rows, size=32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(images, again)
    assert images.shape == (64, 3, 32, 32) and images.min() >= 0 and images.max() <= 1
    assert set(labels.unique().tolist()) == {4, 5, IGNORED}
    columns = torch.arange(32.0).expand(32, 32)
    mirrored = 0
    for image, classes in zip(images, labels, strict=True):
        left, right = classes == 4, classes == 5
        assert columns[left].mean() < columns[right].mean()
        green = float((image[1] - image[2])[left].mean())  # 0 where the picture was made grey
        if abs(green) > 0.1:
            assert np.sign(green) == -np.sign(float((image[1] - image[2])[right].mean()))
            mirrored += green < 0
    assert 16 < mirrored < 48


def test_one_epoch_writes_weights_that_the_parser_takes(tmp_path) -> None:
    faces, told = halves(6), []
    faces.labels[:] = torch.arange(32) * 11 // 32  # stripes of every class
    card = train_parser(faces, tmp_path / "one", recipe=SMALL, report=told.append)
    assert train_parser(faces, tmp_path / "two", recipe=SMALL)["scores"] == card["scores"]
    assert len(set(card["scores"].values())) > 1
    assert [line["epoch"] for line in told] == [1]
    assert json.loads((tmp_path / "one" / "parser.json").read_text()) == card
    assert (tmp_path / "one" / "log.csv").read_text().startswith("epoch,loss,mean,seconds\n1,")
    assert read_card(tmp_path / "one" / "parser.safetensors") == card and card["sha256"]
    weights, _ = read_tensors(tmp_path / "one" / "parser.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float16}
    network = ParsingNetwork()
    missing = network.load_state_dict({name: value.float() for name, value in weights.items()}, strict=False)
    assert not missing.unexpected_keys and all("num_batches" in name for name in missing.missing_keys)
    scores = component_scores(network, faces.part(4, 6), size=32)
    # The weights are rounded to half precision.
    np.testing.assert_allclose(scores, list(card["scores"].values()), atol=0.03)


@pytest.mark.parametrize("changed", [{"held_out": 0}, {"epochs": 0}, {"held_out": 5}])
def test_too_little_to_train_on_is_refused(changed, tmp_path) -> None:
    with pytest.raises(InputError, match=r"at least 1|faces: expected 9 or more, found 6"):
        train_parser(halves(6), tmp_path / "none", recipe=ParserRecipe(**{"batch": 2, "held_out": 2, **changed}))
    assert not (tmp_path / "none").exists()


def test_photographs_and_labels_of_a_collection(shared_data: Path) -> None:
    collection = open_collection(f"celebamask:{shared_data / 'celebamask_eval512'}", Selection(limit=3))
    first = collection.photographs[0]
    faces = read_labelled(collection, size=64, leave_out=[first.source])
    assert len(faces) == 2 and first.source not in faces.sources
    assert faces.photographs.shape == (2, 3, 64, 64) and faces.labels.shape == (2, 64, 64)
    for photograph, labels, source in zip(faces.photographs, faces.labels, faces.sources, strict=True):
        pixels = read_photo(collection.root / source).pixels
        assert (photograph.float().mean((1, 2)) - torch.from_numpy(pixels.mean((0, 1)))).abs().max() < 1
        assert {1, 6} <= set(labels.unique().tolist()) <= set(range(11))  # skin and nose
    with pytest.raises(InputError, match=r"photograph 'none\.png' to leave out"):
        read_labelled(collection, leave_out=["none.png"])
