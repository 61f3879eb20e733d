"""``make scaling``: time and memory of building, running and scoring sets, against the number of pairs.

For each COUNT, ``scaling.py [COUNT ...]`` builds a set of about that many pairs, runs the method ``blurred`` on it and
scores the outputs by PSNR and SSIM. Every step is a process of its own; pixels are in the store ``npy``.
``--write FOLDER`` puts the table into ``scaling.md`` and the figure next to it; the rest of the page stays. ``--trace``
instead says what the scoring holds in memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from page import amount, busy, facts, fill_in, table

from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.parallel import cores
from facedeblur.reports.figures.style import COLOURS, MARKERS, PAGE, save, styled

COUNTS = (1_000, 10_000, 160_000, 1_000_000)
SIDE, KERNELS = 24, 80
RECIPE = """
name = "scaling"
title = "Synthetic set"
source = "small crops of one portrait"
[image]
template = "none"
[kernels]
sizes = "5:19:2"
per_size = 10
[blur]
border = "reflect"
fallback = "reflect"
[noise]
sigma = 0.01
[output]
rounding = "round"
"""
STEPS = {
    "build": 'build("recipe.toml", "faces", "set", store="npy", workers=WORKERS)',
    "run": 'run("blurred", "set", "outputs", store="npy", workers=WORKERS)',
    "score": 'score("set", "outputs", metrics=["psnr", "ssim"], workers=WORKERS)',
}
STEP = """
import re, resource, time
from pathlib import Path
import psutil
from facedeblur.benchmark.scoring.score import score
from facedeblur.generators.build import build
from facedeblur.methods.running.runner import run

def peak(pid):
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path(f"/proc/{pid}/status").read_text())[1])

start = time.perf_counter()
CALL
seconds = time.perf_counter() - start
ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(seconds, peak("self"), max([ended, *(peak(child.pid) for child in psutil.Process().children(recursive=True))]))
"""
TRACE = """
import threading, time, tracemalloc
from facedeblur.benchmark.scoring.score import score

best, size, over = None, 0, False
def watch():
    global best, size
    while not over:
        now = tracemalloc.get_traced_memory()[0]
        if now > 1.02 * size:
            best, size = tracemalloc.take_snapshot(), now
        time.sleep(0.1)

tracemalloc.start()
watcher = threading.Thread(target=watch)
watcher.start()
CALL
over = True
watcher.join()
print(f"{size / 2**20:.1f} MiB at most, of these by line:")
for line in best.statistics("lineno")[:12]:
    print(f"{line.size / 2**20:8.2f} MiB {line.count:9,} blocks  {line.traceback}")
"""


class Measured(NamedTuple):
    """One step on one set: seconds, and the peak resident memory of the command and of its largest worker in MiB."""

    step: str
    pairs: int
    seconds: float
    own: float
    worker: float


def faces(folder: Path, count: int) -> None:
    """Different crops of a portrait, SIDE pixels wide and high."""
    from skimage import data

    portrait = data.astronaut()
    across = 512 - SIDE
    for number in range(count):
        top, left = 2 * (number // across), number % across
        write_png(folder / f"{number:05d}.png", portrait[top : top + SIDE, left : left + SIDE])


def in_process(code: str, call: str, room: Path, workers: int) -> str:
    """Run one step in a fresh process in the folder `room`."""
    text = code.replace("CALL", call.replace("WORKERS", f"{workers}"))
    done = subprocess.run([sys.executable, "-c", text], cwd=room, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def measure(count: int, workers: int, *, trace: bool = False) -> list[Measured]:
    """Build, run and score a set of about `count` pairs; with `trace`, print what the scoring holds instead."""
    images = max(1, round(count / KERNELS))
    rows = []
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        (room / "recipe.toml").write_text(RECIPE)
        faces(room / "faces", images)
        for step, call in STEPS.items():
            if trace and step == "score":
                print(in_process(TRACE, call, room, workers))
                break
            seconds, own, worker = map(float, in_process(STEP, call, room, workers).split())
            rows.append(Measured(step, images * KERNELS, seconds, own / 1024, worker / 1024))
            print("{:<6} {:>9,} pairs {:>9.2f} s {:>7.0f} MiB, worker {:>5.0f} MiB".format(*rows[-1]), flush=True)
    return rows


def slope(rows: list[Measured], what: str) -> float:
    """Of the least-squares line through the logarithms: 1 where `what` grows as the number of pairs does."""
    pairs, values = ([np.log(getattr(row, name)) for row in rows] for name in ("pairs", what))
    return float(np.polyfit(pairs, values, 1)[0])


def by_step(rows: list[Measured]) -> dict[str, list[Measured]]:
    return {step: some for step in STEPS if (some := [row for row in rows if row.step == step])}


def figure(rows: list[Measured], file: Path) -> None:
    """Time and memory against the number of pairs, both axes logarithmic."""
    from matplotlib.figure import Figure

    with styled():
        drawn = Figure(figsize=(PAGE, 3), layout="constrained")
        panels = drawn.subplots(1, 2)
        for axes, what, unit in zip(
            panels, ("seconds", "own"), ("time (s)", "peak memory of the command (MiB)"), strict=True
        ):
            for (step, some), colour, marker in zip(by_step(rows).items(), COLOURS, MARKERS, strict=False):
                label = f"{step}: slope {slope(some, what):.2f}" if len(some) > 1 else step
                pairs, values = [row.pairs for row in some], [getattr(row, what) for row in some]
                axes.plot(pairs, values, color=colour, marker=marker, label=label)
            axes.set(xscale="log", yscale="log", xlabel="pairs", ylabel=unit)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
                axis.set_minor_formatter(lambda value, _: "")
            axes.grid(True)
            axes.legend()
        panels[1].set_ylim(50, 2000)
    save(drawn, file)


def measured(rows: list[Measured], load: float) -> str:
    """The part of the page that is measured, as Markdown."""
    steps, right = by_step(rows), ("---",) + ("---:",) * 5
    lines = [
        *table([("", ""), *facts(load)], ("---", "---")),
        "![Time and memory against the number of pairs](scaling.svg)\n",
    ]
    head = ("step", "pairs", "time", "per pair", "command", "largest worker")
    cells = [
        (row.step, f"{row.pairs:,}", amount(row.seconds, "s"), amount(row.seconds / row.pairs, "s"),
         f"{row.own:.0f} MiB", f"{row.worker:.0f} MiB")
        for some in steps.values() for row in some
    ]  # fmt: skip
    lines += table([head, *cells], right)
    if any(len(some) > 1 for some in steps.values()):
        head = ("step", "slope of time", "slope of memory", "memory from the smallest to the largest")
        cells = [
            (
                step,
                f"{slope(some, 'seconds'):.2f}",
                f"{slope(some, 'own'):.3f}",
                f"{some[-1].own - some[0].own:+.0f} MiB",
            )
            for step, some in steps.items()
        ]
        lines += table([head, *cells], right[:4])
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=COUNTS, metavar="COUNT", help="numbers of pairs")
    parser.add_argument("--workers", type=int, default=cores(), help="worker processes (default: every processor)")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="of scaling.md")
    parser.add_argument("--trace", action="store_true", help="say what the scoring holds in memory")
    asked = parser.parse_args()
    load = busy()
    rows = [row for count in asked.counts for row in measure(count, asked.workers, trace=asked.trace)]
    if asked.write and not asked.trace:
        figure(rows, asked.write / "scaling.svg")
        fill_in(asked.write / "scaling.md", measured(rows, load))


if __name__ == "__main__":
    main()
