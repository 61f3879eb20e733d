"""Frechet distance: the formula, InceptionV3's features, and the distance of a set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import EMBEDDERS, Embedder
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.metrics.perceptual.frechet import frechet_distance, moments
from facedeblur.benchmark.metrics.perceptual.inception import InceptionFeatures, InceptionNetwork
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.weights import Located
from facedeblur.benchmark.whole_set import fid as fid_module
from facedeblur.benchmark.whole_set.fid import Fid, fid, file_of


def literal(a: np.ndarray, b: np.ndarray) -> float:
    """The published formula with scipy's matrix root."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    apart = a.mean(axis=0) - b.mean(axis=0)
    return float(apart @ apart + np.trace(first + second - 2 * sqrtm(first @ second).real))


def test_equals_the_published_formula() -> None:
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(12, 12))
    a, b = rng.normal(size=(300, 12)) @ mix, rng.normal(0.3, 0.8, size=(200, 12))
    assert frechet_distance(moments([a]), moments([b])) == pytest.approx(literal(a, b), rel=1e-8)
    assert frechet_distance(moments([b]), moments([a])) == pytest.approx(literal(a, b), rel=1e-8)


def test_known_cases() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(50, 6))
    assert frechet_distance(moments([a]), moments([a])) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(moments([a]), moments([a + 2])) == pytest.approx(6 * 4, rel=1e-10)
    # Covariances C and 9 C commute: tr(C + 9 C - 6 C) = 4 tr(C).
    larger = (a - a.mean(axis=0)) * 3 + a.mean(axis=0)
    assert frechet_distance(moments([a]), moments([larger])) == pytest.approx(4 * np.trace(np.cov(a.T)), rel=1e-9)
    x, y = rng.normal(1, 2, (500, 1)), rng.normal(-1, 0.5, (400, 1))
    by_hand = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet_distance(moments([x]), moments([y])) == pytest.approx(by_hand, rel=1e-9)


def test_few_images_in_many_dimensions() -> None:
    """Singular covariances: the sum of roots is the nuclear norm of the two centred tables' product."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(5, 40)), rng.normal(0.5, 1, size=(9, 40))
    one, two = ((rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1) for rows in (a, b))
    apart = a.mean(axis=0) - b.mean(axis=0)
    exact = apart @ apart + (one**2).sum() + (two**2).sum() - 2 * np.linalg.norm(one @ two.T, "nuc")
    made = moments([a]), moments([b])
    assert frechet_distance(*made) == pytest.approx(exact, rel=1e-6)
    assert frechet_distance(made[0], made[0]) == pytest.approx(0, abs=1e-6)


def test_moments_are_gathered_part_by_part() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(1e4, 1, size=(101, 7)).astype(np.float32)
    lost = np.full((2, 7), np.nan)
    found = moments([rows[:1], np.zeros((0, 0)), rows[1:40], lost, rows[40:]])
    assert found.count == 101
    np.testing.assert_allclose(found.mean, rows.astype(float).mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(found.covariance, np.cov(rows.astype(float).T), rtol=1e-9, atol=1e-9)
    with pytest.raises(InputError, match="at least two images"):
        moments([rows[:1], lost])
    with pytest.raises(InputError, match="7 numbers each"):
        frechet_distance(found, moments([rows[:5, :3]]))


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Random weights in torchvision's layout, batch statistics away from 0 and 1."""
    from facedeblur.benchmark.torchvision_shim import prepare

    if find_spec("torchvision") is None:
        pytest.skip("no independent network: torchvision is not installed")
    prepare()
    from torchvision.models.inception import Inception3

    generator = torch.Generator().manual_seed(4)
    state = {}
    for key, value in Inception3(num_classes=8, aux_logits=False, init_weights=False).state_dict().items():
        if key.endswith("running_var"):
            value = torch.rand(value.shape, generator=generator) + 0.5
        elif key.endswith("conv.weight"):
            value = torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5
        elif value.is_floating_point():
            value = torch.randn(value.shape, generator=generator) * 0.1 + float(key.endswith("bn.weight"))
        state[key] = value
    return state


def test_inception_equals_torchvision_with_the_three_patches(state, monkeypatch) -> None:
    from torchvision.models import inception as tv

    average, largest = torch.nn.functional.avg_pool2d, torch.nn.functional.max_pool2d
    reference = tv.Inception3(num_classes=8, aux_logits=False, init_weights=False).eval()
    reference.load_state_dict(state)
    reference.fc = torch.nn.Identity()
    last: list[bool] = []
    reference.Mixed_7c.register_forward_pre_hook(lambda *_: last.append(True))

    def pool(x, kernel_size, stride, padding):
        return largest(x, 3, 1, 1) if last else average(x, 3, stride, padding, count_include_pad=False)

    monkeypatch.setattr(tv.F, "avg_pool2d", pool)
    images = torch.rand(1, 3, 61, 70, generator=torch.Generator().manual_seed(0))
    resized = torch.nn.functional.interpolate(images, (299, 299), mode="bilinear", align_corners=False)
    with torch.no_grad():
        expected = reference(resized * 2 - 1)
    monkeypatch.undo()
    found = InceptionNetwork(state)(images)
    assert found.shape == (1, 2048) and last == [True]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_inception_is_read_from_its_file(state, tmp_path) -> None:
    torch.save(state, tmp_path / "pt_inception.pth")
    made = InceptionFeatures(Located("inception-fid", tmp_path / "pt_inception.pth", "6726825d" + "0" * 56))
    assert made.definition == ("inception@6726825d",)
    faces = np.random.default_rng(0).integers(0, 256, (1, 20, 16, 3), dtype=np.uint8)
    vectors = made.embed(faces)
    assert vectors.shape == (1, 2048) and vectors.dtype == np.float32 and np.isfinite(vectors).all()
    assert made.embed(faces[:0]).shape == (0, 2048)
    torch.save({"Conv2d_1a_3x3.conv.weight": torch.ones(2)}, tmp_path / "bad.pth")
    with pytest.raises(InputError, match="pytorch-fid's InceptionV3"):
        InceptionFeatures(Located("inception-fid", tmp_path / "bad.pth", "1" * 64)).embed(faces)


def test_missing_inception_says_where_to_put_it(tmp_path, monkeypatch, toy) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"pt_inception-2015-12-05-6726825d\.pth.*pytorch-fid's release"):
        fid(toy.root, None, workers=1)


@dataclass(frozen=True)
class MeanColour(Embedder):
    """Describes an image by its mean colour; black cannot be described."""

    name = "colour"

    @property
    def definition(self) -> tuple[str, ...]:
        return ("colour@0",)

    def embed(self, faces: np.ndarray) -> np.ndarray:
        CALLS.append(len(faces))
        vectors = faces.mean(axis=(1, 2)).astype(np.float32)
        vectors[vectors.sum(axis=1) == 0] = np.nan
        return vectors


CALLS: list[int] = []


@pytest.fixture
def colour(monkeypatch):
    monkeypatch.setitem(EMBEDDERS._entries, "colour", MeanColour)
    fid_module.features.cache_clear()
    CALLS.clear()
    yield "colour"
    fid_module.features.cache_clear()


def outputs(toy, folder, changed):
    """Outputs as a foreign method leaves them: the sharp images, some changed (None: missing)."""
    for image, pairs in toy.by_image():
        for pair in pairs:
            pixels = changed.get(pair.index, toy.sharp(image) // 2)
            if pixels is not None:
                write_png(folder / pair.name, pixels)
    return folder


def test_a_set_by_hand(toy, tmp_path, colour) -> None:
    changed = {1: None, 4: np.zeros((20, 16, 3), np.uint8)}
    run = outputs(toy, tmp_path / "net", changed)
    found = fid(toy.root, run, by=colour, workers=1)
    sharp = np.array([toy.sharp(image).mean(axis=(0, 1)) for image, _ in toy.by_image()])
    halves = np.array([(toy.sharp(image) // 2).mean(axis=(0, 1)) for image, _ in toy.by_image()])
    assert found.value == pytest.approx(literal(sharp, halves[[0, 1, 1, 2]]), rel=1e-4)
    assert list(found.rows["status"]) == ["ok", "failed: output missing", "ok", "ok", "no face", "ok"]
    assert (found.n_sharp, found.n_restored, found.left_out, found.dimensions) == (3, 4, 2, 3)
    assert found.signature == "fid[colour@0]" and "3 images in 3 dimensions" in found.note
    assert (found.method, found.oracle, found.set_hash) == ("net", False, toy.content_hash)
    assert list(found.rows["pair_id"]) == [pair.pair_id for pair in toy.pairs()]


def test_results_are_kept_and_read_back(toy, tmp_path, colour) -> None:
    run = outputs(toy, tmp_path / "net", {})
    first = fid(toy.root, [None, run], by=colour, workers=1)
    assert [one.method for one in first] == ["blurred images", "net"] and first[0].run_hash == ""
    file = file_of(run, first[1].signature)
    assert file.name == "fid-colour.parquet" and not list(run.glob(".fid*"))
    calls = len(CALLS)
    again = fid(toy.root, run, by=colour, workers=1)
    assert again == first[1] == Fid.read(file) and len(CALLS) == calls
    text = json.loads(file.with_suffix(".json").read_text())
    assert text["value"] == again.value and text["note"] == again.note
    forced = fid(toy.root, run, by=colour, force=True, workers=1)
    assert forced == again and len(CALLS) > calls
    write_png(run / next(iter(toy.pairs())).name, np.full((20, 16, 3), 9, np.uint8))
    other = fid(toy.root, run, by=colour, workers=1)
    assert other.value != again.value
    file.write_bytes(b"PAR1")
    said: list[str] = []
    repaired = fid(toy.root, run, by=colour, workers=1, progress=Reporter(say=said.append))
    assert repaired == other and "fid-colour.parquet" in said[0]
    with pytest.raises(InputError, match="not found"):
        Fid.read(run / "fid-inception.parquet")


def test_identical_images_are_at_zero_and_large_sets_have_no_note(toy, tmp_path, colour) -> None:
    same = {pair.index: toy.sharp(image) for image, pairs in toy.by_image() for pair in pairs}
    found = fid(toy.root, outputs(toy, tmp_path / "net", same), by=colour, workers=1)
    # Every sharp image twice: the mean is equal, the sample covariance is 4/5 of that of the three.
    sharp = np.array([toy.sharp(image).mean(axis=(0, 1)) for image, _ in toy.by_image()])
    assert found.value == pytest.approx((1 - np.sqrt(0.8)) ** 2 * np.trace(np.cov(sharp.T)), rel=1e-3, abs=1e-6)
    assert Fid(**{**found.summary(), "n_sharp": 10, "n_restored": 10}, rows=found.rows).note == ""


def test_bad_input_is_one_line(toy, fill_toy, tmp_path, colour) -> None:
    with pytest.raises(InputError, match="did you mean 'inception'"):
        fid(toy.root, None, by="incepton", workers=1)
    empty = tmp_path / "empty"
    empty.mkdir()
    write_png(empty / next(iter(toy.pairs())).name, np.zeros((20, 16, 3), np.uint8))
    with pytest.raises(InputError, match="at least two images, found 0"):
        fid(toy.root, empty, by=colour, workers=1)
