"""Memory of building and scoring sets, next to limits of our own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_whole_job import crops
from common import Ratio

PEAK = """
import re, sys
from pathlib import Path
import psutil
from facedeblur.benchmark.scoring.score import score
from facedeblur.generators.build import build
from facedeblur.generators.photos.specs import Selection

def peak(pid):
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path(f"/proc/{pid}/status").read_text())[1])

build("shen2020", sys.argv[1], sys.argv[2], selection=Selection(identity="each"), workers=2)
score(sys.argv[2], sys.argv[2] + "/blur", metrics=["psnr"], workers=2)
print(peak("self"), max(peak(child.pid) for child in psutil.Process().children(recursive=True)))
"""


def run() -> list[Ratio]:
    """Peak resident memory at 1,040 and at 160,000 pairs; the ratios are those of what is allowed to what is used."""
    with tempfile.TemporaryDirectory() as name:
        growth, worker = memory(Path(name))
    return [
        Ratio("G5", "memory growth from 1,040 to 160,000 pairs", max(growth, 0.1), 5, 1, "the limit", unit="MiB"),
        Ratio("G5", "memory of the largest worker", worker, 300, 1, "the limit", unit="MiB"),
    ]


def memory(root: Path) -> tuple[float, float]:
    """Growth of resident memory with the number of pairs, and the largest worker, in MiB."""
    small, large = (_peak(root, count) for count in (13, 2_000))
    return large[0] - small[0], large[1]


def _peak(root: Path, images: int) -> tuple[float, float]:
    """Peak resident memory (parent, largest worker) of building and scoring so many images x 80 kernels."""
    faces, out = crops(root / f"faces{images}", images), root / f"memory{images}"
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(faces), str(out)], capture_output=True, text=True, check=True
    )
    shutil.rmtree(out)
    own, workers = (int(part) / 1024 for part in done.stdout.split())
    return own, workers
