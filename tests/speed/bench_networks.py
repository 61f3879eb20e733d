"""Networks at full size on 128x128 RGB images, next to the times that papers print for their GPUs.

The peers are the seconds an image that papers print, for other machines and code: there is nothing to miss, the
rows set our figures beside theirs. Best batches are set against one image at a time. ``python bench_networks.py``
prints the table of all networks instead: parameters, megabytes at 4 bytes each, seconds an image, images a second.
On the GPU where there is one (`DEVICE`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from common import Ratio, Seconds

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import NETS, make_network
from facedeblur.methods.running.measuring import count_parameters

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SIDE = 128
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128) if DEVICE == "cuda" else (1,)
ROUNDS = 10 if DEVICE == "cuda" else 3

# Network -> seconds an image of 128x128 as printed, and where.
PUBLISHED = {
    "shen2018": (0.05, "IJCV 2020, table 12, MATLAB, Titan X"),
    "shen2020": (0.08, "IJCV 2020, table 12, MATLAB, Titan X"),
    "deblurgan": (0.05, "IJCV 2020, table 12, Python, Titan X"),
    "nah2017": (0.09, "IJCV 2020, table 12, MATLAB, Titan X"),
    "jin2018": (0.01, "IJCV 2020, table 12, Torch, Titan X"),
    "srn": (0.15, "IJCV 2020, table 12, Python, Titan X"),
    "umsn": (0.16, "DFPG suppl., table 6, PyTorch, Titan Xp"),
    "mspl": (0.08, "DFPG suppl., table 6, PyTorch, Titan Xp"),
    "lu2019": (0.02, "DFPG suppl., table 6, PyTorch, Titan Xp"),
    "xia2019": (0.19, "DFPG suppl., table 6, TensorFlow, Titan Xp"),
    "dfpgnet": (0.05, "DFPG suppl., table 6, PyTorch, Titan Xp"),
}


@dataclass(frozen=True)
class Row:
    """One network: seconds an image at batch 1, the best batch and its seconds an image."""

    name: str
    parameters: int
    one_s: float
    batch: int
    best_s: float


def seconds(net: torch.nn.Module, batch: int) -> Seconds:
    """Seconds an image: `ROUNDS` passes after one that is discarded, device synchronised around each."""
    images = torch.rand(batch, 3, SIDE, SIDE, device=DEVICE)
    spent = []
    with torch.no_grad():
        for _ in range(ROUNDS + 1):
            wait()
            start = time.perf_counter()
            net(images)
            wait()
            spent.append((time.perf_counter() - start) / batch)
    return Seconds(spent[1:])


def wait() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def rows(names: list[str] | None = None) -> Iterator[Row]:
    """Measure the networks; one that needs a package that is not installed is told and left out."""
    for name in names or sorted(NETS):
        try:
            net = make_network(name).eval().to(DEVICE)
        except InputError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        each = {}
        for batch in BATCHES:
            try:
                each[batch] = seconds(net, batch)
            except torch.cuda.OutOfMemoryError:
                torch.cuda.empty_cache()
                break
        best = min(each, key=lambda batch: each[batch])
        yield Row(name, count_parameters(net)[0], each[1], best, each[best])


def run() -> list[Ratio]:
    """Up to two rows a network: next to the printed time where there is one, and a batch next to one image."""
    ratios = []
    for row in rows():
        if row.name in PUBLISHED:
            published, where = PUBLISHED[row.name]
            ratios.append(Ratio("own", f"{row.name}, 128x128", row.one_s, published, 0.0, f"printed: {where}"))
        if row.batch > 1:
            what = f"{row.name}, 128x128, batch of {row.batch}, {DEVICE}"
            ratios.append(Ratio("own", what, row.best_s, row.one_s, 0.0, "batch of 1"))
    return ratios


if __name__ == "__main__":
    heads = {"parameters": 12, "MB": 8, "s/image": 10, "batch": 7, "s/image, best": 15, "images/s": 10, "paper s": 9}
    print("network".ljust(18) + "".join(text.rjust(wide) for text, wide in heads.items()))
    for row in rows(sys.argv[1:]):
        paper = f"{PUBLISHED[row.name][0]:.2f}" if row.name in PUBLISHED else "-"
        print(
            f"{row.name:<18}{row.parameters:>12,}{row.parameters * 4 / 1e6:>8.1f}{row.one_s:>10.4f}{row.batch:>7}"
            f"{row.best_s:>15.4f}{1 / row.best_s:>10.2f}{paper:>9}",
            flush=True,
        )
