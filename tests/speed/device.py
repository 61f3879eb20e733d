"""``make bench-gpu``: what a GPU saves, and how far its values are from the processor's.

``device.py --device cuda`` measures training pairs, networks, trainings and metrics on the device next to the
processor, one thread, and compares the values with the bounds that are promised. ``--write FILE`` fills the tables into
a page, ``gpu.md``. ``--small`` runs everything once at small sizes, also on the device ``cpu``, to see that it works.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from bench_pairs import AROUND, SIZES
from common import Seconds, interleave
from page import amount, busy, factor, facts, fill_in, table

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.metrics.faces import identity
from facedeblur.benchmark.tensors import device_label, full_precision, torch_device
from facedeblur.generators.pairs.device import make, prepare
from facedeblur.generators.pairs.sharp_source import SharpArray
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.virtual import VirtualPairs
from facedeblur.generators.photos.specs import Selection
from facedeblur.methods.base import METHODS
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.running.execution import synchronise
from facedeblur.methods.training.devices import Hardware
from facedeblur.methods.training.loop import Records
from facedeblur.methods.training.recipe import load_train_recipe
from facedeblur.methods.training.trainer import train

NETWORKS = ("facedeblur-base", "deepdeblur", "srn", "dfpgnet", "umsn", "mspl", "shen2020")
MODES: dict[str, tuple[str, dict[str, bool]]] = {
    "fp32": ("fp32", {}),
    "fp32, channels last": ("fp32", {"channels_last": True}),
    "bf16": ("bf16", {}),
    "bf16, channels last": ("bf16", {"channels_last": True}),
    "bf16, channels last, compiled": ("bf16", {"channels_last": True, "compile": True}),
}
"""How a network runs: ``--precision``, and its options."""
BOUNDS = {"fp32": 0.1, "bf16": 1.0}
"""Mean difference from 32 bits on the processor that is promised for networks, in grey levels."""
TRAININGS: dict[str, tuple[str, dict[str, bool]]] = {
    "32": ("32", {}),
    "bf16-mixed": ("bf16-mixed", {}),
    "bf16-mixed, channels last": ("bf16-mixed", {"channels_last": True}),
    "bf16-mixed, channels last, compiled": ("bf16-mixed", {"channels_last": True, "compile": True}),
}
METRICS = (
    "psnr", "psnr[y-limited]", "ssim[matlab3d]", "ssim[perchannel]", "ssim[y-limited]", "ssim[skimage]", "lpips[alex]",
    "lpips[vgg]", "dists", "dvgg", "identity[dlib-resnet]", "identity[facenet-vggface2]", "identity[edgeface-xs]",
    "identity[mobilefacenet]", "identity[openface-nn4.small2]",
)  # fmt: skip

ALIGNED = {"identity[edgeface-xs]": 112, "identity[mobilefacenet]": 112}
"""Metrics that take images of one size only, in pixels."""


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes
    ----------
    pairs, images, versions : int
        Training pairs in a batch; images in a batch of a network; restored versions of a face that a metric compares.
    side, steps, rounds : int
        Pixels of the images; steps of a training; rounds of every measurement.
    networks : tuple of str
    """

    pairs: int
    images: int
    versions: int
    side: int
    steps: int
    rounds: int
    networks: tuple[str, ...]


WHOLE = Size(64, 64, 80, 128, 60, 5, NETWORKS)
SMALL = Size(4, 2, 6, 64, 3, 1, NETWORKS[:1])


@dataclass(frozen=True)
class Line:
    """One comparison: seconds per item, and how far the values are apart.

    Attributes
    ----------
    difference, bound : float
        In the unit of the section; a bound of infinity promises nothing.
    why : str
        Why it could not be measured; empty where it was.
    """

    what: str
    processor: float = 0.0
    device: float = 0.0
    difference: float = 0.0
    bound: float = 0.0
    why: str = ""

    @property
    def within(self) -> bool:
        return bool(self.why) or self.difference <= self.bound

    def cells(self) -> tuple[str, ...]:
        """The line as the table shows it."""
        if self.why:
            return (self.what, f"not measured: {self.why}", *[""] * 5)
        times = amount(self.processor, "s"), amount(self.device, "s"), factor(self.processor / self.device)
        within = "yes" if self.within else "**no**"
        return self.what, *times, f"{self.difference:.2g}", f"{self.bound:g}", within


def timed(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, Seconds]:
    """Interleaved rounds in which the device is waited for."""

    def waiting(job: Callable[[], object]) -> None:
        job()
        synchronise()

    return interleave({name: partial(waiting, job) for name, job in jobs.items()}, rounds=rounds)


def faces(side: int, count: int) -> np.ndarray:
    """Crops of one portrait, (count, side, side, 3) uint8 RGB."""
    from skimage import data

    portrait = np.pad(data.astronaut(), ((0, 0), (0, 64), (0, 0)), "reflect")
    return np.stack([portrait[i : i + side, 100 + i : 100 + i + side] for i in range(count)])


def pairs(device: str, size: Size) -> Iterator[Line]:
    """Batches of training pairs; differences in grey levels, of which there must be none."""
    source = SharpArray(faces(size.side + 2 * AROUND, size.pairs), around=AROUND)
    for name, law in (("plain", None), ("augmented as Shen et al.", "shen")):
        virtual = VirtualPairs(source, PairSpec(SIZES, 2500, first=10, augment=law), shuffle=True)
        ready = prepare(virtual, [virtual.plan(index) for index in range(size.pairs)])
        there = [images.permute(0, 2, 3, 1).cpu().numpy() for images in make(virtual, ready, device)]
        here = [virtual[index] for index in range(size.pairs)]
        apart = max(
            int(np.abs(made.astype(int) - np.stack([getattr(pair, kind) for pair in here])).max())
            for made, kind in zip(there, ("sharp", "blurred"), strict=True)
        )
        seconds = timed(
            {
                "processor": lambda virtual=virtual: [virtual[index] for index in range(size.pairs)],
                "device": lambda virtual=virtual, ready=ready: make(virtual, ready, device),
            },
            size.rounds,
        )
        yield Line(f"training pair, {name}", seconds["processor"] / size.pairs, seconds["device"] / size.pairs, apart)


def network_method(name: str, folder: Path, device: str, **options: bool) -> Any:
    """A network as a method on a device: with its own weights where they are found, else random ones."""
    kind = METHODS.get(name)
    method = kind(**options)
    try:
        weights = kind.find_weights([])
    except InputError:
        torch.manual_seed(0)
        weights = [folder / f"{name}.safetensors"]
        write_tensors(weights[0], make_network(name).state_dict(), {"network": name, "name": name, "config": {}})
    method.load(device, {path.name: path for path in weights})
    return method


def restored(method: Any, images: np.ndarray, device: str, precision: str) -> np.ndarray:
    """What a run of a network in this precision makes of images."""
    mixed: AbstractContextManager[Any] = nullcontext()
    if precision == "bf16":
        mixed = torch.autocast(device.partition(":")[0], dtype=torch.bfloat16)
    with torch.no_grad(), mixed:
        return np.clip(method.restore(images), 0, 1)


def networks(device: str, size: Size) -> Iterator[Line]:
    """Networks in every mode, next to 32 bits on the processor; mean differences in grey levels."""
    images = faces(size.side, size.images).astype(np.float32) / 255
    with tempfile.TemporaryDirectory() as folder:
        for name in size.networks:
            here = network_method(name, Path(folder), "cpu")
            wanted = restored(here, images[:2], "cpu", "fp32")
            alone = timed({"processor": partial(restored, here, images[:1], "cpu", "fp32")}, size.rounds)["processor"]
            for mode, (precision, options) in MODES.items():
                there = network_method(name, Path(folder), device, **options)
                apart = 255 * float(np.abs(restored(there, images[:2], device, precision) - wanted).mean())
                seconds = timed({"device": partial(restored, there, images, device, precision)}, size.rounds)["device"]
                if options.get("compile") and not there._compile:
                    yield Line(f"{name}, {mode}", why="torch.compile failed")
                    continue
                yield Line(f"{name}, {mode}", alone, seconds / size.images, apart, BOUNDS[precision])


def trainings(device: str, size: Size) -> Iterator[tuple[str, ...]]:
    """Images per second of a training, pairs included, over the last half of its steps."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for at, face in enumerate(faces(128, 24)):
            write_png(folder / "faces" / f"{at:02}.png", face)
        for net in ("facedeblur-base", "srn")[: len(size.networks)]:
            for mode, (precision, options) in TRAININGS.items():
                steps = 2 * max(1, size.steps // 2)
                recipe = load_train_recipe(net).adjusted(
                    "1", iterations=steps, precision=precision, batch=16 if size is WHOLE else 2
                )
                out = folder / f"{net}-{mode}"
                train(
                    recipe, folder / "faces", out, stage="1", hardware=Hardware(device, **options),
                    records=Records(log=steps // 2, check=steps, save=steps, held_out=1),
                    selection=Selection(identity="each"), progress=False,
                )  # fmt: skip
                (log,) = out.glob("1-*.csv")
                last = list(csv.DictReader(log.open()))[-1]
                yield f"{net}, {mode}", f"{float(last['images_per_s']):.1f}", f"{float(last['loss']):.4g}"


def measured(made: Metric, versions: np.ndarray, sharp: np.ndarray) -> np.ndarray:
    """Values of a metric, embeddings computed and not remembered."""
    identity._kept.clear()
    return made.measure(versions, sharp, made.prepare(sharp))


def metrics(device: str, size: Size) -> Iterator[Line]:
    """Metrics of restored versions of one face; differences as a share of the value, or of 1 if that is larger."""
    for name in METRICS:
        sharp = faces(ALIGNED.get(name, size.side), 1)[0]
        rng = np.random.default_rng(0)
        noisy = [np.clip(sharp + rng.normal(0, 1 + at, sharp.shape), 0, 255).round() for at in range(size.versions)]
        versions = np.stack(noisy).astype(np.uint8)
        try:
            one = metric(name)
        except InputError as error:
            yield Line(name, why=str(error).partition(":")[0] + " is missing")
            continue
        # The processor as "cpu:0" runs the code of other devices.
        other = one.on("cpu:0" if device == "cpu" else device)
        jobs = {
            kind: partial(measured, made, versions, sharp) for kind, made in (("processor", one), ("device", other))
        }
        wanted, found = (jobs[kind]() for kind in ("processor", "device"))
        apart = float(np.max(np.abs(found - wanted) / np.maximum(1, np.abs(wanted))))
        seconds = timed(jobs, size.rounds)
        shares = (seconds[kind] / size.versions for kind in ("processor", "device"))
        yield Line(str(one.signature), *shares, apart, one.device_bound)


SECTIONS: dict[str, Callable[[str, Size], Iterator[Line]]] = {
    "Training pairs": pairs,
    "Networks": networks,
    "Metrics": metrics,
}
HEAD = ("what", "processor", "device", "ratio", "difference", "bound", "within")


def main() -> int:
    """Return 1 where a value is further from the processor's than its bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:N, or a GPU if there is one (default)")
    parser.add_argument("--small", action="store_true", help="run everything once at small sizes")
    parser.add_argument("--write", type=Path, metavar="FILE", help="page to fill in")
    asked = parser.parse_args()
    device, size, load = torch_device(asked.device), SMALL if asked.small else WHOLE, busy()
    torch.set_num_threads(1)
    full_precision()
    sizes = f"{size.side} x {size.side} pixels, batches of {size.pairs} pairs, {size.images} images of networks and "
    sizes += f"{size.versions} versions of a face, {size.rounds} rounds"
    rows = [*facts(load), ("device", f"{device_label(device)}, {asked.device}"), ("sizes", sizes)]
    text, within = table([("", ""), *rows], ("---", "---")), True
    for title, section in SECTIONS.items():
        lines = []
        for line in section(device, size):
            print(" | ".join(line.cells()), flush=True)
            lines.append(line)
        within &= all(line.within for line in lines)
        text += [f"### {title}\n", (section.__doc__ or "") + "\n"]
        text += table([HEAD, *(line.cells() for line in lines)], ("---",) + ("---:",) * 5 + ("---",))
    trained = []
    for row in trainings(device, size):
        print(" | ".join(row), flush=True)
        trained.append(row)
    text += ["### Trainings\n", (trainings.__doc__ or "") + "\n"]
    text += table([("training", "images/s", "loss"), *trained], ("---", "---:", "---:"))
    if asked.write:
        fill_in(asked.write, "\n".join(text))
    return int(not within)


if __name__ == "__main__":
    sys.exit(main())
