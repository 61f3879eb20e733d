"""What the scripts in tests/speed make of their measurements; speed itself is not tested."""

from __future__ import annotations

import importlib
import platform
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

SPEED = Path(__file__).parent / "speed"

sys.path.insert(0, str(SPEED))
try:
    common, page, scaling, device = (importlib.import_module(name) for name in ("common", "page", "scaling", "device"))
finally:
    sys.path.remove(str(SPEED))


def test_a_ratio_is_the_median_over_the_rounds():
    ours, peer = common.Seconds([2.0, 1.0, 4.0]), common.Seconds([40.0, 10.0, 16.0])
    assert (float(ours), (ours / 2).rounds, (ours * 2).rounds) == (2.0, (1.0, 0.5, 2.0), (4.0, 2.0, 8.0))
    found = common.Ratio("", "", ours, peer, 10)
    assert (found.rounds, found.value, found.spread, found.met) == ([20.0, 10.0, 4.0], 10.0, (4.0, 20.0), True)
    printed = common.Ratio("", "", ours, 8.0, 5)
    assert (printed.value, printed.spread, printed.met) == (4.0, (2.0, 8.0), False)
    assert common.Ratio("", "", 2.0, 8.0, 5).spread is None


def test_jobs_take_turns():
    done = []
    seconds = common.interleave({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, rounds=3)
    assert "".join(done) == "ab" * 4
    assert [len(times.rounds) for times in seconds.values()] == [3, 3]


def test_the_page_has_everything_a_reader_needs():
    ratio = common.Ratio(
        "G", "a job | of ours", common.Seconds([1e-3, 2e-3]), common.Seconds([3e-3, 4e-3]), 4, "{numpy}"
    )
    rows = [ratio, common.NotMeasured("G", "another", "x is not installed")]
    text = page.page([page.Section("Jobs", "What they do.", rows)], load=2.0)
    import numpy

    row = f"| a job \\| of ours | numpy {numpy.__version__} | 1.50 ms | 3.50 ms | 2.50 | 2.00 to 3.00 | 4.00 | **no** |"
    assert row in text.splitlines()
    assert "not measured: x is not installed" in text and "0 of 1 targets are met; not measured: 1" in text
    for fact in ("date", "processor", "AVX-512", "memory", "system", "python", "torch", "other work ran"):
        assert fact in text
    assert platform.node() not in text and str(Path.home()) not in text


@pytest.mark.parametrize(
    "value, told", [(0.5e-6, "0.50 µs"), (12.34e-3, "12.3 ms"), (1234.0, "1234 s"), (2.0, "2.00 s")]
)
def test_amounts_have_three_digits(value: float, told: str):
    assert page.amount(value, "s") == told


def test_every_bench_file_is_a_section():
    for file in SPEED.glob("bench_*.py"):
        text = file.read_text(encoding="utf-8")
        assert "\ndef run() -> list[" in text, f"{file.name} has no run()"
        assert text.splitlines()[0].startswith('"""'), f"{file.name} does not say what it measures"


def test_only_what_is_measured_changes_in_a_page(tmp_path: Path):
    file = tmp_path / "page.md"
    file.write_text(f"before\n\n{page.BEGIN}\nold\n{page.END}\n\nafter\n")
    page.fill_in(file, "| new |")
    assert file.read_text() == f"before\n\n{page.BEGIN}\n\n| new |\n{page.END}\n\nafter\n"
    for name in ("scaling.md", "gpu.md"):
        text = (SPEED.parents[1] / "docs" / name).read_text(encoding="utf-8")
        assert text.count(page.BEGIN) == text.count(page.END) == 1


def test_what_is_measured_on_a_gpu_runs_on_the_processor(monkeypatch: pytest.MonkeyPatch, dlib_models: None):
    monkeypatch.setattr(device, "METRICS", ("psnr", "ssim", "identity", "dvgg[none]"))
    lines = [*device.pairs("cpu", device.SMALL), *device.metrics("cpu", device.SMALL)]
    assert len(lines) == 6 and all(line.within for line in lines)
    assert [line.difference for line in lines[:3]] == [0, 0, 0], "pairs and PSNR are the same"
    assert lines[4].processor > 0 and lines[4].device > 0
    assert lines[5].why and lines[5].cells()[1].startswith("not measured: ")
    wrong = device.Line("a network", 2.0, 1.0, difference=3.0, bound=1.0)
    assert not wrong.within and wrong.cells() == ("a network", "2.00 s", "1.00 s", "2.00", "3", "1", "**no**")


@pytest.mark.slow
def test_networks_and_trainings_for_a_gpu_run_on_the_processor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    small = replace(device.SMALL, networks=("facedeblur-base",), steps=2)
    lines = list(device.networks("cpu", small))
    assert [line.what for line in lines] == [f"facedeblur-base, {mode}" for mode in device.MODES]
    assert all(line.within and not line.why for line in lines)
    assert lines[0].difference == 0 < lines[2].difference
    trained = list(device.trainings("cpu", small))
    assert [name for name, *_ in trained] == [f"facedeblur-base, {mode}" for mode in device.TRAININGS]
    assert all(float(speed) > 0 for _, speed, _ in trained)


def test_slopes_are_those_of_the_logarithms():
    rows = [scaling.Measured("score", n, 3e-4 * n, 100 * n**0.25, 0) for n in (1_000, 10_000, 160_000)]
    assert scaling.slope(rows, "seconds") == pytest.approx(1)
    assert scaling.slope(rows, "own") == pytest.approx(0.25)
    text = scaling.measured(rows, load=0.0)
    assert "| score | 160,000 | 48.0 s | 300 µs | 2000 MiB | 0 MiB |" in text and "| score | 1.00 | 0.250 |" in text
