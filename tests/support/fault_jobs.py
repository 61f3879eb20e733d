"""Commands that tests strike with faults, their small inputs, and the comparison of what they left."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from fault_server import Command, Ended, FaultServer, started_by
from small_recipe import small_recipe_text

TEST_RECIPE = small_recipe_text("5,7", 1, 0.01)

PAIR_RECIPE = TEST_RECIPE.replace('source = "test"', 'source = "test"\nkind = "uniform"\nvirtual = true').replace(
    'template = "shen128"', 'template = "shen128"\ncount = 3'
)

TRAIN_RECIPE = """
name = "tiny"
network = "facedeblur-base"
title = "Tiny"
source = "test"
[data]
recipe = "pairs.toml"
batch = 2
crop = 16
[[stage]]
name = "whole"
iterations = 4
ema = 0.9
losses = [{name = "l1"}]
[stage.optimiser]
kind = "adam"
lr = 1e-3
[[stage]]
name = "finish"
iterations = 2
losses = [{name = "l1"}]
[stage.optimiser]
kind = "adam"
lr = 1e-4
"""


PATIENCE_S = 30.0
"""Time in which processes that a killed command has started must notice it."""


@dataclass(frozen=True)
class Job:
    """A command line, the inputs that it needs, and whether it takes more than a second."""

    line: str
    needs: tuple[str, ...]
    slow: bool = False

    @property
    def argv(self) -> list[str]:
        """The words of the command line."""
        return self.line.split()


TINY_NET = "--config widths=[4,4,4,4] --config depths=[1,1,1,1]"
OFTEN = "--log-every 1 --check-every 2 --save-every 2 --held-out 1"
RUNS = "outputs/unsharp outputs/blurred"

JOBS = {
    "align": Job("align photos made --quality --sheet --jobs 1", ("photos",)),
    "build": Job("build small.toml --faces faces -o made --jobs 1", ("faces", "small.toml")),
    "build-npy": Job("build small.toml --faces faces -o made --store npy --jobs 1", ("faces", "small.toml")),
    "frames": Job("frames videos -o made --length 3 --max-cut 1 --template none --detector none --jobs 1", ("videos",)),
    "pairs": Job("pairs pairs.toml --faces faces -o made --count 5 --shard-size 2 --jobs 1", ("faces", "pairs.toml")),
    "pairs-folder": Job(
        "pairs pairs.toml --faces faces -o made --count 3 --format folder --jobs 1", ("faces", "pairs.toml")
    ),
    "run": Job("run unsharp set -o made --jobs 1", ("set",), slow=True),
    "score": Job(f"score set {RUNS} --metric psnr --metric ssim --jobs 1", ("set", "outputs")),
    "train": Job(
        f"train tiny.toml --faces faces -o made {TINY_NET} {OFTEN} --device cpu --workers 0 --jobs 1",
        ("faces", "pairs.toml", "tiny.toml"),
        slow=True,
    ),
    "leaderboard": Job(f"leaderboard {RUNS} -o made.csv", ("set", "scored")),
    "report": Job(f"report {RUNS} -o made.html", ("set", "scored"), slow=True),
}


def prepare(server: FaultServer, base: Path) -> None:
    """Make the inputs of all jobs in `base`."""
    from skimage import data

    from facedeblur.benchmark.files.images import write_png

    astronaut = np.asarray(data.astronaut())
    for number, name in enumerate(("ann", "bob", "cid")):
        photo = astronaut[:260, 100 + 10 * number : 360 + 10 * number]
        write_png(base / "photos" / f"{name}.png", photo[:, ::-1] if number == 1 else photo)
    for clip in ("walk", "turn"):
        for number in range(7):
            left = 60 + 3 * number
            frame = astronaut[60:124, left : left + 80]
            write_png(base / "videos" / clip / f"{number + 1}.png", frame[:, ::-1] if clip == "turn" else frame)
    for name, text in (("small", TEST_RECIPE), ("pairs", PAIR_RECIPE), ("tiny", TRAIN_RECIPE)):
        (base / f"{name}.toml").write_text(text, encoding="utf-8")
    lines = [
        "align photos faces --jobs 1",
        "build small.toml --faces faces -o set --jobs 1",
        "run unsharp set -o outputs/unsharp --jobs 1",
        "run blurred set -o outputs/blurred --jobs 1",
    ]
    for line in lines:
        _succeed(server.run(base, Command(line.split()), warm=True))
    shutil.copytree(base / "outputs", base / "scored")
    line = "score set scored/unsharp scored/blurred --metric psnr --metric ssim --jobs 1"
    _succeed(server.run(base, Command(line.split()), warm=True))


def _succeed(ended: list[Ended]) -> None:
    assert [one.code for one in ended] == [0], ended[0].output


class Workspace:
    """The folder in which one job is done again and again, always at the same place."""

    def __init__(self, server: FaultServer, base: Path, root: Path, job: Job):
        self.server, self.job, self.root = server, job, root
        self._base = base

    def clear(self) -> None:
        """Put only the inputs into the folder."""
        if self.root.is_dir():
            for path in self.root.iterdir():  # the folder itself may be a mounted disk
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.root.mkdir(parents=True, exist_ok=True)
        for name in self.job.needs:
            source, target = self._base / name, self.root / ("outputs" if name == "scored" else name)
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)

    def run(self, fault: dict[str, Any] | None = None, *, within: str = "main", jobs: int = 1) -> Ended:
        """Do the job, struck by a fault if there is one; a second ``--jobs`` counts."""
        argv = self.job.argv if jobs == 1 else [*self.job.argv, "--jobs", str(jobs)]
        return self.server.run(self.root, Command(argv, fault, within))[0]

    def run_together(self, count: int, limit: float = 120.0) -> list[Ended]:
        """Start the job `count` times at once."""
        return self.server.run(self.root, *[Command(self.job.argv)] * count, limit=limit)

    def made(self) -> list[Path]:
        """Files that are not inputs."""
        inputs = {"outputs" if name == "scored" else name for name in self.job.needs}
        files = (path for path in self.root.rglob("*") if path.is_file())
        found = [path for path in files if path.relative_to(self.root).parts[0] not in inputs]
        return found or list(self.root.rglob("scores.parquet"))

    def limits(self, draw: random.Random) -> list[int]:
        """Sizes at which some file that the job makes is cut off; no limit is beyond the largest one."""
        sizes = [path.stat().st_size for path in self.made()]
        return sorted({draw.randrange(1, size) for size in sizes for _ in range(3) if size > 1})

    def unbroken(self, log: Path) -> tuple[list[str], dict[str, bytes]]:
        """Do the job without a fault; return its file operations, each an event and a path, and what it left."""
        log.unlink(missing_ok=True)
        self.clear()
        ended = self.run({"kind": "count", "to": str(log)})
        assert ended.code == 0, ended.output
        return log.read_text(encoding="utf-8").splitlines(), self.left()

    def left(self) -> dict[str, bytes]:
        """What is in the folder: see `snapshot`."""
        return snapshot(self.root)

    def resumed(self, wanted: dict[str, bytes]) -> list[str]:
        """Do the job again, without a fault; return what is not as in the unbroken one."""
        again = self.run()
        problems = [] if again.code == 0 else [f"run again: exit {again.code}: {again.output[-300:]}"]
        problems += differences(self.left(), wanted)
        until = time.monotonic() + PATIENCE_S
        while running := started_by(self.root):
            if time.monotonic() > until:
                return [*problems, f"left over: processes {running}"]
            time.sleep(0.1)
        return problems


# What may differ between two runs of the same command: times, what follows from them, and the memory that was needed.
TIMES: dict[str, tuple[str, ...]] = {
    "run.json": ("timings", "batch_limits", "batch_times", "memory", "seconds_total", "finished"),
    "status.csv": ("seconds",),
    "scores.parquet": ("seconds",),
    "[0-9]-*.csv": ("images_per_s",),
}


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file below `root` with its bytes, and every empty folder; without what `TIMES` names."""
    found: dict[str, bytes] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir():
            if not any(path.iterdir()):
                found[name + "/"] = b""
        else:
            found[name] = _without_times(path)
    return found


def _without_times(path: Path) -> bytes:
    data = path.read_bytes()
    left_out = [keys for pattern, keys in TIMES.items() if fnmatch(path.name, pattern)]
    try:
        return _READ[path.suffix](data, left_out[0]) if left_out else data
    except (ValueError, LookupError):
        return data  # damaged: it differs in any case


def _json(data: bytes, keys: tuple[str, ...]) -> bytes:
    """The file with nothing for these keys, so that it matters whether they are there."""
    return json.dumps({key: None if key in keys else value for key, value in json.loads(data).items()}).encode()


def _csv(data: bytes, keys: tuple[str, ...]) -> bytes:
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"))))
    return json.dumps([{key: "" if key in keys else value for key, value in row.items()} for row in rows]).encode()


def _parquet(data: bytes, keys: tuple[str, ...]) -> bytes:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    rows = table.drop_columns([key for key in keys if key in table.column_names]).to_pylist()
    facts = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    return json.dumps([rows, facts]).encode()


_READ = {".json": _json, ".csv": _csv, ".parquet": _parquet}


def differences(left: dict[str, bytes], wanted: dict[str, bytes]) -> Iterator[str]:
    """Yield what is left over, missing or different, one line each."""
    for name in sorted(left.keys() - wanted.keys()):
        yield f"left over: {name}"
    for name in sorted(wanted.keys() - left.keys()):
        yield f"missing: {name}"
    for name in sorted(left.keys() & wanted.keys()):
        if left[name] != wanted[name]:
            yield f"differs: {name}"
