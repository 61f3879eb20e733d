"""Restore images inside a worker: arrays in batches, or files in folders."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from facedeblur.benchmark.errors import InputError, said_by, shorten
from facedeblur.benchmark.files.images import pixel_hash, read_png, to_uint8, write_png
from facedeblur.benchmark.files.kernel_bank import Bank, check_kernel
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.stores import read_pixels, write_pixels
from facedeblur.benchmark.outputs import stored_name
from facedeblur.benchmark.sets.classes import HELEN, coloured
from facedeblur.benchmark.sets.set import Pair, Set
from facedeblur.benchmark.tensors import full_precision
from facedeblur.benchmark.words import many
from facedeblur.methods.running.environment import device_name
from facedeblur.methods.running.execution import (
    choose_device,
    loaded_torch,
    out_of_memory,
    synchronise,
)
from facedeblur.methods.running.measuring import Memory, Meter, count_parameters
from facedeblur.methods.running.messages import Comparison, Facts, Job, OutOfMemory, Result, failure

Item = TypeVar("Item")
Made = TypeVar("Made")

BRIGHT = 2.0
"""Mean above which an image cannot be in the range [0, 1]."""

LEVEL = 1 / 255
"""One grey level."""


class WrongOutput(Exception):
    """A method returned something that `restore` must not return."""


class Restorer:
    """Base of both kinds: makes and loads the method, opens the set, and writes results."""

    def __init__(self, job: Job, set_: Set):
        self.job, self.set = job, set_
        self._meter = Meter()
        self._given = Bank.load(job.kernels) if job.kernels else None
        self.method = job.kind(**job.arguments)
        network = callable(getattr(self.method, "load", None))
        self.device = choose_device(job.device, network=network, method=job.name)
        if job.precision != "fp32" and not (network and getattr(self.method, "autocast", True)):
            why = "has the precision of its file" if network else "is not a network"
            raise InputError(
                f"precision '{job.precision}' cannot be set: method '{job.name}' {why}", do="leave out --precision"
            )  # fmt: skip
        self._pool = _threads(self.device)
        if job.keep:
            self.method.keep = job.keep
        if network:
            if self.device.startswith("cuda") and job.precision == "fp32":
                full_precision()
            self.method.load(self.device, dict(job.weights))

    def facts(self) -> Facts:
        """Return the facts that the parent writes into ``run.json``."""
        precision = str(getattr(self.method, "stored_precision", "") or self.job.precision)
        return Facts(self.device, device_name(self.device), precision, *count_parameters(self.method))

    def memory(self) -> Memory:
        """The peak of memory since before the method was made."""
        return self._meter.read(self.device, command=callable(getattr(self.method, "restore_folder", None)))

    def size(self, pair: Pair) -> tuple[int, int]:
        """(height, width) that the restored image must have."""
        image = self.set.image_of(pair)
        return image.height, image.width

    def write(self, pair: Pair, pixels: np.ndarray, seconds: float) -> Result:
        """Store (H, W, 3) uint8 RGB and return the row."""
        write_pixels(self.job.out_root, stored_name(pair, self.job.store), pair.index, pixels, store=self.job.store)
        return Result(pair.index, pair.pair_id, "ok", seconds, pixel_hash(pixels))

    def map(self, function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """``map``, with threads if the device is a GPU."""
        return self._pool.map(function, items) if self._pool else map(function, items)

    def read(self, pair: Pair) -> np.ndarray | Result:
        """The blurred image, or the row that says why it is missing."""
        try:
            return self.set.blurred(pair)
        except InputError as error:
            return failure(pair, f"blurred image: {error}")


class ArrayRestorer(Restorer):
    """Batches through ``restore``."""

    def process(self, pairs: Sequence[Pair]) -> list[Result]:
        """Restore images of one size and return one row each.

        Raises
        ------
        OutOfMemory
            When the batch does not fit the device.
        OSError
            When a result cannot be written.
        """
        results: dict[int, Result] = {}
        good: list[tuple[Pair, np.ndarray]] = []
        more: list[np.ndarray] = []
        for pair, pixels in zip(pairs, self.map(self.read, pairs), strict=True):
            if isinstance(pixels, Result):
                results[pair.index] = pixels
                continue
            try:
                if self._takes_more:
                    more.append(self._more(pair))
                good.append((pair, pixels))
            except InputError as error:
                results[pair.index] = failure(pair, str(error))
        if good:
            stack = np.stack([pixels for _, pixels in good]).astype(np.float32) / np.float32(255)
            for result in self._restore([pair for pair, _ in good], stack, more):
                results[result.index] = result
        return [results[pair.index] for pair in pairs]

    def compare(self, pairs: Sequence[Pair]) -> Comparison:
        """Restore images in a batch with their negatives, and compare them with what they gave alone.

        Images of one face are much alike, so that a mean over them says little; a negative is not.

        Raises
        ------
        OutOfMemory
            When the batch does not fit the device.
        """
        root, store = self.job.out_root, self.job.store
        try:
            alone = [
                read_pixels(root, stored_name(pair, store), pair.index, store=store, size=self.size(pair))
                for pair in pairs
            ]
            images = np.stack([self.set.blurred(pair) for pair in pairs])
            more = [each for pair in pairs for each in [self._more(pair)] * 2] if self._takes_more else []
        except InputError as error:
            # A file was damaged since the images were restored.
            return Comparison(len(pairs), why=shorten(str(error)))
        stack = np.stack([images, 255 - images], axis=1).reshape(-1, *images.shape[1:])
        arguments = self._arguments(stack.astype(np.float32) / np.float32(255), more)
        try:
            with self._context():
                synchronise()
                begin = time.perf_counter()
                restored = self.method.restore(*arguments)
                synchronise()
                seconds = (time.perf_counter() - begin) / len(stack)
            restored = _checked(restored, stack.shape)[::2]
        except Exception as error:
            if out_of_memory(error):
                raise OutOfMemory(str(error)) from error
            _log(error)
            return Comparison(len(pairs), why=said_by(error))
        if not np.isfinite(restored).all():
            return Comparison(len(pairs), why="values that are not finite")
        differ = int(np.abs(to_uint8(restored).astype(np.int16) - np.stack(alone)).max())
        return Comparison(len(pairs), differ, batch=len(stack), seconds=seconds)

    @property
    def _takes_more(self) -> bool:
        return self.job.takes_kernels or self.job.takes_labels

    def _arguments(self, blurred: np.ndarray, more: list[np.ndarray]) -> tuple[Any, ...]:
        return (blurred, more) if self._takes_more else (blurred,)

    def _more(self, pair: Pair) -> np.ndarray:
        """What an oracle is given for an image: its labels, or its kernel."""
        return self.set.label(self.set.image_of(pair)) if self.job.takes_labels else self._kernel(pair)

    def _kernel(self, pair: Pair) -> np.ndarray:
        if self._given is not None:
            if pair.pair_id not in self._given:
                raise InputError("the given kernels lack one for this pair")
            return self._given.kernel(pair.pair_id)
        if pair.blur_kind != "uniform":
            raise InputError(f"this method needs a kernel, and blur of kind '{pair.blur_kind}' has none")
        if self.set.bank is None:
            raise InputError(f"this method needs kernels, and set '{self.set.name}' has none")
        return self.set.bank.kernel(pair.kernel_id)

    def _restore(self, pairs: list[Pair], blurred: np.ndarray, more: list[np.ndarray]) -> list[Result]:
        arguments = self._arguments(blurred, more)
        begin = time.perf_counter()
        try:
            with self._context():
                synchronise()
                begin = time.perf_counter()
                restored = self.method.restore(*arguments)
                synchronise()
                seconds = (time.perf_counter() - begin) / len(pairs)
            images = _checked(restored, blurred.shape)
            estimated = _estimated(self.method, len(pairs))
            kept = self._kept(blurred.shape)
        except WrongOutput as error:
            return [failure(pair, str(error), retry=True) for pair in pairs]
        except Exception as error:
            if out_of_memory(error):
                raise OutOfMemory(str(error)) from error
            _log(error)
            spent = (time.perf_counter() - begin) / len(pairs)
            return [failure(pair, said_by(error), seconds=spent, retry=True) for pair in pairs]
        results = self.map(lambda item: self._store(*item, seconds), zip(pairs, images, kept, strict=True))
        return [replace(row, kernel=kernel) for row, kernel in zip(results, estimated, strict=True)]

    def _kept(self, shape: tuple[int, ...]) -> list[dict[str, np.ndarray]]:
        """Return what the method kept of each image of its last call, (H, W, 3) uint8 RGB by folder."""
        drawn: dict[str, np.ndarray] = {}
        for folder, kind in self.job.folders.items():
            found = np.asarray(getattr(self.method, "kept", {}).get(folder, ()))
            grey = shape[:3]
            if found.shape not in ((grey,) if kind == "labels" else (grey, shape)):
                raise WrongOutput(f"intermediate result '{folder}': expected shape {grey}, found {found.shape}")
            if kind == "labels":
                if found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= len(HELEN):
                    raise WrongOutput(f"intermediate result '{folder}': expected the classes of Helen, 0 to 10")
                drawn[folder] = coloured(found)
            else:
                if not np.isfinite(found).all():
                    raise WrongOutput(f"intermediate result '{folder}': expected finite values")
                colour = found if found.ndim == 4 else np.repeat(found[..., None], 3, axis=3)
                drawn[folder] = np.stack([to_uint8(image) for image in colour])
        return [{folder: images[at] for folder, images in drawn.items()} for at in range(shape[0])]

    def _store(self, pair: Pair, image: np.ndarray, kept: dict[str, np.ndarray], seconds: float) -> Result:
        if not np.isfinite(image).all():
            return failure(pair, "expected finite values, found NaN or infinity", seconds=seconds, retry=True)
        mean = float(image.mean())
        if mean > BRIGHT:
            why = f"expected values in [0, 1], found a mean of {mean:.3g}"
            if "output_range" in self.job.arguments:
                why += "; the range of its output may be 0..255: give --set output_range=0..255"
            return failure(pair, why, seconds=seconds, retry=True)
        hashes = {}
        for folder, pixels in kept.items():
            root, store = self.job.out_root / folder, self.job.store
            write_pixels(root, stored_name(pair, store), pair.index, pixels, store=store)
            hashes[folder] = pixel_hash(pixels)
        clipped = float(np.mean((image < -LEVEL) | (image > 1 + LEVEL)))
        return replace(self.write(pair, to_uint8(image), seconds), kept=hashes, clipped=clipped)

    def _context(self) -> ExitStack:
        """No gradients, and the wanted precision, where torch is in use."""
        stack = ExitStack()
        torch: Any = loaded_torch()
        if torch is not None:
            stack.enter_context(torch.no_grad())
            if self.job.precision != "fp32":
                kind = torch.bfloat16 if self.job.precision == "bf16" else torch.float16
                stack.enter_context(torch.autocast(self.device.partition(":")[0], dtype=kind))
        return stack


class FolderRestorer(Restorer):
    """Files through ``restore_folder(source, target)``, which may leave some out."""

    def process(self, pairs: Sequence[Pair]) -> list[Result]:
        """Restore images of any sizes and return one row each.

        Raises
        ------
        OSError
            When a result cannot be written.
        """
        results: dict[int, Result] = {}
        with tempfile.TemporaryDirectory(dir=self.job.scratch) as room:
            source, target = Path(room, "input"), Path(room, "output")
            source.mkdir()
            target.mkdir()
            for pair in pairs:
                pixels = self.read(pair)
                if isinstance(pixels, Result):
                    results[pair.index] = pixels
                else:
                    # Written again, not linked: a command that writes into its input must not reach the set.
                    write_png(inside(source, pair.name), pixels)
            given = [pair for pair in pairs if pair.index not in results]
            begin, broken = time.perf_counter(), ""
            try:
                if given:
                    self.method.restore_folder(source, target)
            except Exception as error:
                broken = said_by(error)
                _log(error)
            seconds = (time.perf_counter() - begin) / max(1, len(given))
            shutil.rmtree(source)
            for pair in given:
                results[pair.index] = self._collect(pair, inside(target, pair.name), seconds, broken)
        return [results[pair.index] for pair in pairs]

    def _collect(self, pair: Pair, file: Path, seconds: float, broken: str) -> Result:
        if not file.is_file():
            return failure(pair, broken or "output missing", seconds=seconds, retry=bool(broken))
        try:
            pixels = read_png(file, size=self.size(pair))
        except InputError as error:
            why = f"output: {error.reason}"
            return failure(pair, why, seconds=seconds, retry=bool(broken))
        return self.write(pair, pixels, seconds)


def _checked(restored: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Check the kind and the shape of what ``restore`` returned."""
    if not isinstance(restored, np.ndarray):
        raise WrongOutput(f"expected a numpy array, found {type(restored).__name__}")
    if restored.shape != shape:
        raise WrongOutput(f"expected shape {shape}, found {restored.shape}")
    if restored.dtype.kind != "f":
        raise WrongOutput(f"expected float32 in [0, 1], found {restored.dtype}")
    return restored


def _estimated(method: Any, count: int) -> list[np.ndarray | None]:
    """Kernels that a method left in ``estimated_kernels`` for the images of its last call, brought to sum 1."""
    left = getattr(method, "estimated_kernels", None)
    if left is None:
        return [None] * count
    if len(left) != count:
        raise WrongOutput(f"expected {many(count, 'estimated kernel')}, found {len(left)}")
    try:
        return [None if one is None else check_kernel(one, normalise=True, name="estimated kernel") for one in left]
    except InputError as error:
        raise WrongOutput(str(error)) from error


def _log(error: BaseException) -> None:
    """Write the traceback to standard error, which the parent keeps in ``run.log``."""
    import traceback

    traceback.print_exception(error)


def _threads(device: str) -> ThreadPoolExecutor | None:
    """Threads that decode and encode while a fast GPU computes; None on the processor, which is busy anyway."""
    threads = min(8, os.cpu_count() or 1)
    return None if device == "cpu" or threads < 2 else ThreadPoolExecutor(threads)
