"""Metrics are found by name, filled in, and come back from their own signature."""

from __future__ import annotations

import math
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import Embedder
from facedeblur.benchmark.metrics.base import METRICS, Metric, Needs, describe, metric
from facedeblur.benchmark.metrics.faces.identity import EmbeddingSource, IdentityDistance
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import DEFINITIONS, SPACES
from facedeblur.benchmark.metrics.signature import Signature


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("psnr", "psnr[rgb,255]"),
        ("psnr[255]", "psnr[rgb,255]"),
        ("psnr[255, y-full]", "psnr[y-full,255]"),
        ("psnr[cap100.0]", "psnr[rgb,255,cap100]"),
        ("psnr[y-limited,cap48.5]", "psnr[y-limited,255,cap48.5]"),
        ("ssim", "ssim[matlab3d,s1.5,w11]"),
        ("ssim[w11,perchannel]", "ssim[perchannel,s1.5,w11]"),
        ("ssim[skimage]", "ssim[skimage,uniform,w7]"),
    ],
)
def test_defaults_are_filled_in(text: str, full: str) -> None:
    assert str(metric(text).signature) == full


VARIANTS = (
    *(f"psnr[{space}]" for space in SPACES), *(f"ssim[{definition}]" for definition in DEFINITIONS),
    "psnr[cap40]", "psnr-crop[cap40]", "psnr-class[skin]", "ssim-class[skin]", "psnr-class[skin,region,cap40]",
    "ssim-class[skin,perchannel,region]", "ms-ssim[w3]", "identity[cosine]", "identity[l2sq]",
    "landmarks[interpupil]", "lpips[vgg]", "units[l2]", "units[l2sq]", "units[cosine]",
)  # fmt: skip
EVERY = (*(name for name in METRICS if not name.endswith("-class")), *VARIANTS)
"""Every family with its defaults (those of classes have none), and variants that are defined apart from them."""


class Units(Embedder):
    """Unit vectors of the grey levels, that of an image opposite to that of its negative."""

    definition, unit_length = ("units",), True

    def embed(self, faces: np.ndarray) -> np.ndarray:
        flat = faces.reshape(len(faces), -1).astype(np.float32) - 127.5
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def made_of(name: str) -> Metric:
    """The metric, or a skip if its package or weights are not here."""
    if name.startswith("units"):
        return IdentityDistance(EmbeddingSource(Units()), name[len("units[") : -1])
    try:
        return metric(name)
    except InputError as error:
        assert "weight file" in str(error) or "install" in str(error), str(error)
        pytest.skip(str(error))


@pytest.mark.parametrize("name", EVERY)
def test_every_metric_comes_back_from_its_signature_and_another_process(name: str) -> None:
    one = made_of(name)
    assert isinstance(one, Metric) and Signature.parse(str(one.signature)) == one.signature
    again = [pickle.loads(pickle.dumps(one))]
    if not name.startswith("units"):
        again.append(metric(str(one.signature)))
    for other in again:
        assert other.signature == one.signature and other.needs == one.needs
        assert (other.label, other.unit, other.worst, other.limits) == (one.label, one.unit, one.worst, one.limits)
        assert (other.higher_is_better, other.description) == (one.higher_is_better, one.description)


@pytest.mark.parametrize("name", EVERY)
def test_values_of_extreme_images_lie_in_the_limits(name: str) -> None:
    made = made_of(name)
    rng = np.random.default_rng(0)
    if made.needs.kernel:
        points = [np.eye(1, 49, at).reshape(7, 7) for at in (0, 24, 48)]
        kernels = [*points, np.full((5, 5), 0.04), rng.dirichlet(np.full(81, 0.1)).reshape(9, 9)]
        values = made.measure_kernels([(one, other) for one in kernels for other in kernels])
    else:
        side = 168 if "w11" in made.signature.options and made.signature.name.startswith("ms-ssim") else 64
        checks = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
        stripes = np.kron(checks[: side // 8, : side // 8], np.ones((8, 8, 1), np.uint8))
        noise = rng.integers(0, 256, (side, side, 3)).astype(np.uint8)
        bases = [np.zeros_like(noise), checks, stripes, noise]
        images = np.stack([*bases, *(255 - one for one in bases)])
        label = np.ones((side, side), np.uint8)
        values = np.concatenate([made.measure(images, one, made.prepare(one, label)) for one in images])
    known = values[~np.isnan(values)]
    least, most = made.limits
    assert (known >= least).all() and (known <= most * (1 + 1e-6)).all(), (known.min(), known.max())


def test_limits_are_reached_where_they_are_said_to_be() -> None:
    black, white = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)
    assert metric("psnr").measure(black[None], white, None)[0] == metric("psnr").limits[0] == 0
    assert metric("psnr[cap40]").measure(black[None], black, None)[0] == metric("psnr[cap40]").limits[1] == 40
    apart = metric("kernel-error").measure_kernels([(np.ones((1, 1)), np.ones((1, 1)))])
    assert apart[0] == metric("kernel-error").limits[0] == 0
    assert metric("identity[dlib-resnet]").limits[1] == math.inf, "dlib's vectors are longer than 1"


def test_headings_tell_definitions_apart() -> None:
    labels = [metric(f"psnr[{s}]").label for s in SPACES] + [metric(f"ssim[{d}]").label for d in DEFINITIONS]
    assert len(set(labels)) == len(labels)


def test_families() -> None:
    assert {"psnr", "ssim", "identity", "detection"} <= set(METRICS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ssmi", ["'ssmi'", "did you mean 'ssim'"]),
        ("ssim[matlab]", ["'matlab'", "did you mean 'matlab3d'"]),
        ("ssim[matlab3d,w7]", ["'w7'", "w11"]),
        ("ssim[skimage,s1.5]", ["'s1.5'", "uniform"]),
        ("ssim[matlab3d,skimage]", ["skimage", "matlab3d"]),
        ("ssim[w11,w11]", ["'w11'"]),
        ("psnr[rgb,y-full]", ["'rgb' and 'y-full'", "exclude each other"]),
        ("psnr[1.0]", ["'1.0'", "255"]),
        ("psnr[cap100,cap50]", ["'cap100' and 'cap50'", "exclude each other"]),
        ("psnr[cap]", ["'cap'"]),
    ],
)
def test_what_is_unknown_is_quoted(text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        metric(text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


class Darkness(Metric):
    """How dark a restored image is."""

    name, label, higher_is_better, worst = "darkness", "Dark", False, 255.0
    summary = "mean of 255 less the grey levels"
    needs = Needs(sharp=False)

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: object) -> np.ndarray:
        return 255.0 - restored.mean(axis=(1, 2, 3))


@pytest.fixture
def darkness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(METRICS, "_entries", dict(METRICS._entries))
    METRICS.add("darkness", Darkness)


def test_a_metric_from_elsewhere_needs_a_name_words_and_a_measure(darkness: None) -> None:
    made = metric("darkness")
    assert made.measure(np.zeros((2, 4, 4, 3), np.uint8), np.zeros((4, 4, 3)), made.prepare(np.zeros(0))).tolist() == [
        255,
        255,
    ]
    assert (str(made.signature), made.unit, made.limits, made.partial) == ("darkness", "", (-math.inf, math.inf), False)
    assert made.description == describe("darkness", "Dark") == Darkness.summary
    with pytest.raises(InputError, match="option 'x' of metric 'darkness': no such name is accepted here"):
        metric("darkness[x]")


def test_a_metric_that_is_not_installed_is_described_by_its_label_and_signature() -> None:
    assert describe("elsewhere[a,b@12345678]", "Elsewhere") == "Elsewhere; a; b (weights 12345678)"


def test_what_is_no_metric_is_refused(darkness: None) -> None:
    METRICS.add("function", lambda *args: Darkness())
    with pytest.raises(InputError, match="metric 'function': expected a subclass of Metric"):
        metric("function")


@pytest.mark.parametrize("name", list(METRICS))
def test_every_family_says_what_it_measures(name: str) -> None:
    kind = METRICS.get(name)
    assert kind.name == name and kind.summary and (kind.__doc__ or "").partition("\n")[0]
    assert kind.limits is not Metric.limits, "intervals of means are cut to them"
    for form in kind.terms:
        re.compile(form)


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        ("psnr[y-full,255,cap100]", ["peak signal-to-noise", "BT.601 in 0…255", "identical images count as 100 dB"]),
        ("ssim[skimage,uniform,w7]", ["structural similarity", "sample covariance", "window of 7 pixels"]),
        ("ssim-shift[perchannel,s1.5,w11,crop15,max5,step0.25]", ["Gaussian of σ = 1.5", "shifts of up to 5 pixels"]),
        (
            "identity[edgeface-xs@12345678,cosine]",
            ["the EdgeFace-XS network (weights 12345678)", "one minus the cosine"],
        ),
        ("detection[yunet@12345678,s0.6]", ["YuNet (weights 12345678)", "with a score of 0.6 or more"]),
        ("lpips[vgg,v0.1@12345678]", ["VGG-16", "version 0.1 of its weights (weights 12345678)"]),
        ("landmarks[dlib-68,interpupil]", ["dlib's 68 landmarks", "the eyes' centres"]),
    ],
)
def test_a_definition_in_words_needs_no_weights(signature: str, words: list[str]) -> None:
    said = describe(signature, "not asked for")
    assert all(word in said for word in words), said


def test_looking_a_metric_up_imports_nothing_heavy() -> None:
    code = (
        "import sys; from facedeblur.benchmark.metrics.base import METRICS; assert 'psnr' in METRICS;"
        "print([m for m in ('numba', 'torch', 'pandas', 'scipy', 'skimage', 'dlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
