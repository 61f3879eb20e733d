"""Metrics are found by name, filled in, and come back from their own signature."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import METRICS, Metric, fill, metric
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


@pytest.mark.parametrize("text", [*(f"psnr[{s}]" for s in SPACES), *(f"ssim[{d}]" for d in DEFINITIONS), "psnr[cap60]"])
def test_every_metric_comes_back_from_its_signature(text: str) -> None:
    one = metric(text)
    assert isinstance(one, Metric)
    again = metric(str(one.signature))
    assert again.signature == one.signature == Signature.parse(str(one.signature))
    assert (again.label, again.unit, again.worst) == (one.label, one.unit, one.worst)
    assert one.higher_is_better and one.unit == ("dB" if text.startswith("psnr") else "")


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
        ("psnr[rgb,y-full]", ["'y-full'", "'rgb' as well"]),
        ("psnr[1.0]", ["'1.0'", "255"]),
        ("psnr[cap100,cap50]", ["'cap50'", "'cap100' as well"]),
        ("psnr[cap]", ["'cap'"]),
    ],
)
def test_what_is_unknown_is_quoted(text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        metric(text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_fill_sorts_arguments_into_slots() -> None:
    slots = (("a", "b"), ("x",), ("1", "2"))
    assert fill("m", (), *slots) == ("a", "x", "1")
    assert fill("m", ("2", "b"), *slots) == ("b", "x", "2")
    with pytest.raises(InputError, match="'c' of metric 'm'"):
        fill("m", ("c",), *slots)


def test_a_metric_from_elsewhere_needs_no_base_class(monkeypatch: pytest.MonkeyPatch) -> None:
    class Darkness:
        signature = Signature("darkness")
        label, unit, higher_is_better, worst = "Dark", "", False, 255.0

        def prepare(self, sharp: np.ndarray) -> None:
            return None

        def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: object) -> np.ndarray:
            return 255.0 - restored.mean(axis=(1, 2, 3))

    monkeypatch.setattr(METRICS, "_entries", dict(METRICS._entries))
    METRICS.add("darkness", Darkness)
    assert metric("darkness").measure(np.zeros((2, 4, 4, 3), np.uint8), np.zeros((4, 4, 3)), None).tolist() == [
        255,
        255,
    ]


def test_looking_a_metric_up_imports_nothing_heavy() -> None:
    code = (
        "import sys; from facedeblur.benchmark.metrics.base import METRICS; assert 'psnr' in METRICS;"
        "print([m for m in ('numba', 'torch', 'pandas', 'scipy', 'skimage', 'dlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
