"""``facedeblur score``: what it prints, what it says of an earlier table, and its exit codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.sets.set import Image, Pair
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.cli.display.summary import print_scores
from facedeblur.cli.score import score


def make_set(folder: Path, *, faces: int = 3, kernels: int = 2) -> Path:
    rng = np.random.default_rng(0)
    pixels = {f"f{at}": rng.integers(0, 256, (16, 16, 3)).astype(np.uint8) for at in range(faces)}
    images = [
        Image(name, name, "test", "ok", 1, f"{name}.jpg", "", 1.0, 0, "", 16, 16, pixel_hash(some), "")
        for name, some in pixels.items()
    ]
    bank = Bank.of([f"k{at}" for at in range(kernels)], [np.ones((1, 1))] * kernels)
    writer = SetWriter(folder / "set", {"name": "tiny", "recipe": "", "seed": 0})
    writer.start(images, lambda image: pixels[image.image_id], bank, n_kernels=kernels)
    for row, image in enumerate(images):
        pairs = []
        for at, kernel in enumerate(bank.ids):
            seen = np.clip(pixels[image.image_id].astype(int) + rng.normal(0, 4 + row + at, (16, 16, 3)), 0, 255)
            name = f"{image.image_id}_{kernel}"
            write_png(writer.work / f"blur/{name}.png", seen.astype(np.uint8))
            pairs.append(Pair(row * kernels + at, name, image.image_id, kernel, 1, "uniform", "reflect", 0.0, 1.0, 0,
                              image.sharp, f"blur/{name}.png", pixel_hash(seen.astype(np.uint8))))  # fmt: skip
        writer.append(pairs)
    made = writer.finish()
    for pair in made.pairs():
        write_png(folder / "net" / pair.name, made.blurred(pair))
    return folder


def call(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(
        score, [str(folder / "set"), str(folder / "net"), "--jobs", "1", *options], catch_exceptions=False
    )


def test_means_have_intervals_and_metrics_are_added(tmp_path: Path) -> None:
    make_set(tmp_path, faces=5, kernels=6)
    done = call(tmp_path, "--metric", "psnr")
    assert done.exit_code == 0 and done.stderr == ""
    (line,) = [line for line in done.output.splitlines() if "psnr[rgb,255]" in line]
    low, high = (float(part) for part in line.partition("[")[2].partition("[")[2].partition("]")[0].split(", "))
    assert low < float(line.split("mean")[1].split()[0]) < high
    lines = call(tmp_path, "--metric", "ssim[skimage]").output.splitlines()
    assert len(lines) == 4, "a head, two metrics, and what the intervals rest on"
    assert lines[3] == "  [..]: 95 % interval of the mean, from 5 faces x 6 kernels"
    assert float(lines[2].partition("[")[2].partition("[")[2].partition("]")[0].split(", ")[1]) <= 1, "an SSIM"


def test_one_kernel_has_no_interval(tmp_path: Path) -> None:
    make_set(tmp_path, kernels=1)
    shown = call(tmp_path, "--metric", "psnr").output
    why = "no 95 % interval of the mean: only 3 faces and 1 kernel; at least 5 faces and 5 kernels are needed"
    assert "[" not in shown.partition("mean")[2] and why in shown


def test_what_cannot_be_used_is_told_even_where_it_is_quiet(tmp_path: Path) -> None:
    make_set(tmp_path)
    call(tmp_path, "--metric", "psnr")
    table = tmp_path / "net" / "scores.parquet"
    data = table.read_bytes()
    table.write_bytes(data[: len(data) // 2])
    done = call(tmp_path, "--metric", "psnr", "--quiet")
    assert done.exit_code == 0 and done.stdout == ""
    assert done.stderr.startswith(str(table)) and done.stderr.count("\n") == 1
    assert call(tmp_path, "--metric", "psnr", "--quiet").stderr == ""
    next((tmp_path / "net").glob("*.png")).unlink()
    done = call(tmp_path, "--metric", "psnr")
    assert done.exit_code == 1 and "outputs have changed" in done.stderr and "output missing: 1" in done.stdout


def test_force(tmp_path: Path) -> None:
    make_set(tmp_path)
    call(tmp_path, "--metric", "psnr")
    state = (tmp_path / "net" / "scores.parquet").stat().st_mtime_ns
    call(tmp_path, "--metric", "psnr")
    assert (tmp_path / "net" / "scores.parquet").stat().st_mtime_ns == state
    call(tmp_path, "--metric", "psnr", "--force")
    assert (tmp_path / "net" / "scores.parquet").stat().st_mtime_ns != state


def test_photographs_without_a_value_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_set(tmp_path)
    call(tmp_path, "--metric", "psnr")
    table = Scores.read(tmp_path / "net")
    print_scores([Scores(table.frame, replace(table.meta, undefined=(("psnr[rgb,255]", 2),)))])
    assert "not even the sharp image has a value in 2 pairs" in capsys.readouterr().out
