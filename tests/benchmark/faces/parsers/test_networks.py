"""Parsers that are networks: facedeblur's own and BiSeNet."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import PARSERS, provider
from facedeblur.benchmark.faces.parsers import own
from facedeblur.benchmark.faces.parsers.bisenet import BiSeNet
from facedeblur.benchmark.faces.parsers.own import OwnParser, ParsingNetwork
from facedeblur.benchmark.metrics.faces.parsing import confusion, fscores
from facedeblur.benchmark.sets.classes import CLASS_LISTS, HELEN


@pytest.fixture
def bisenet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file as the published one: the network of three heads, with random weights."""
    torch.manual_seed(0)
    state = BiSeNet().state_dict()
    state |= {f"conv_out16.{name}": torch.zeros(1) for name in ("conv.conv.weight", "conv_out.weight")}
    path = tmp_path / "79999_iter.pth"
    torch.save(state, path)
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    return path


def test_own_parser_ships_and_is_what_its_card_says() -> None:
    parser = OwnParser.of()
    card = parser.weights.path.with_suffix(".md").read_text()
    assert parser.weights.sha256 in card
    assert parser.weights.path.stat().st_size < 8e6
    assert sum(p.numel() for p in ParsingNetwork().parameters()) == 2_607_435
    assert "2,607,435" in card
    assert parser.definition == (f"facedeblur@{parser.weights.sha256[:8]}",)
    recipe = json.loads(parser.weights.path.with_suffix(".json").read_text())
    assert recipe["mean of ten"] > 0.75


def test_a_flipped_bit_in_the_weights_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in own.SHIPPED.parent.glob("parser.*"):
        shutil.copy(file, tmp_path)
    weights = tmp_path / "parser.safetensors"
    monkeypatch.setattr(own, "SHIPPED", weights)
    assert OwnParser.of().weights.path == weights
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InputError, match=r"parser.safetensors: expected sha256.*damaged.*install it again"):
        OwnParser.of()


def test_own_parser_on_a_real_face() -> None:
    from skimage.data import astronaut

    face = np.ascontiguousarray(astronaut()[20:220, 120:320])
    (labels,) = OwnParser.of().parse(face[None])
    rows, columns = np.nonzero(labels == HELEN.index("nose"))
    assert labels.shape == (200, 200)
    assert 0.05 < np.mean(labels == HELEN.index("skin")) < 0.5
    # Her nose, and eyes on both sides above it: her left one on the image's right.
    assert 85 < columns.mean() < 115
    left, right = (np.nonzero(labels == HELEN.index(f"{side} eye")) for side in ("left", "right"))
    assert right[1].mean() < columns.mean() < left[1].mean()
    assert max(left[0].mean(), right[0].mean()) < rows.mean()


def test_own_parser_beats_the_floor_on_faces_it_never_saw(shared_data: Path) -> None:
    from PIL import Image

    from facedeblur.benchmark.files.images import read_photo
    from facedeblur.generators.photos.labels import labels_of
    from facedeblur.generators.photos.opening import open_collection

    collection = open_collection(f"celebamask:{shared_data / 'celebamask_eval512'}")
    parser, counts = OwnParser.of(), []
    for photograph in collection.photographs[:40]:
        pixels = read_photo(collection.root / photograph.source).pixels
        truth = labels_of(collection, photograph, size=pixels.shape[:2])
        small = np.array(Image.fromarray(pixels).resize((128, 128), Image.Resampling.BOX))
        counts.append(confusion(parser.parse(small[None])[0], truth[1::4, 1::4]))
    assert fscores(np.stack(counts))[1:].mean() > 0.72  # the weak U-Net reaches 0.40


def test_labels_do_not_depend_on_company_or_option() -> None:
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (9, 64, 48, 3), np.uint8)
    together = provider(PARSERS, "facedeblur").parse(faces)
    assert together.shape == (9, 64, 48)
    alone = OwnParser.of().parse(faces[8:])[0]
    assert np.mean(together[8] == alone) > 0.99


def test_bisenet_reads_the_published_layout(bisenet_file: Path) -> None:
    parser = provider(PARSERS, "bisenet")
    faces = np.random.default_rng(0).integers(0, 256, (2, 40, 56, 3), np.uint8)
    labels = parser.parse(faces)
    # The literal way: standardised, made 512 high, the largest score, Helen's classes.
    x = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
    x = torch.nn.functional.interpolate(x, (512, 717), mode="bilinear", antialias=True)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (x - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
    network = BiSeNet().eval()
    state = torch.load(bisenet_file, weights_only=True)
    network.load_state_dict({name: one for name, one in state.items() if not name.startswith("conv_out16")})
    with torch.inference_mode():
        scores = network(torch.nn.functional.pad(x, (0, 736 - 717, 0, 0), mode="replicate"))[..., :717]
        scores = torch.nn.functional.interpolate(scores, (40, 56), mode="bilinear")
    expected = np.array(CLASS_LISTS["bisenet19"])[scores.argmax(1).numpy()]
    assert np.mean(labels == expected) > 0.995


def test_bisenet_has_the_published_size() -> None:
    # 13.30 million with the two heads for training: 2 x (128 x 64 x 9 + 128 + 64 x 19).
    inner = sum(p.numel() for p in BiSeNet().parameters())
    assert inner + 2 * (128 * 64 * 9 + 128 + 64 * 19) == 13_300_416


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("ffm.conv1.weight"), "ffm.conv1.weight"),
        (lambda state: state.update({"ffm.conv1.weight": torch.zeros(3)}), "of shape"),
    ],
)
def test_another_network_is_refused(bisenet_file: Path, change, said: str) -> None:
    state = torch.load(bisenet_file, weights_only=True)
    change(state)
    torch.save(state, bisenet_file)
    with pytest.raises(InputError, match=said):
        provider(PARSERS, "bisenet").parse(np.zeros((1, 32, 32, 3), np.uint8))


def test_damaged_missing_and_unknown(bisenet_file: Path) -> None:
    bisenet_file.write_bytes(bisenet_file.read_bytes()[:1000])
    with pytest.raises(InputError, match="file of tensors"):
        provider(PARSERS, "bisenet").parse(np.zeros((1, 32, 32, 3), np.uint8))
    bisenet_file.unlink()
    with pytest.raises(InputError, match=r"79999_iter\.pth"):
        provider(PARSERS, "bisenet")
    # A hash of less than four digits pins nothing.
    for spec in ("facedeblur,big", "facedeblur@00000000", f"facedeblur@{OwnParser.of().weights.sha256[:3]}"):
        with pytest.raises(InputError):
            provider(PARSERS, spec)
    with pytest.raises(InputError, match="uint8"):
        OwnParser.of().parse(np.zeros((1, 32, 32, 3)))
