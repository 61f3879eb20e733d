"""Run time by the papers' rule, peak memory, and size of a method."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedeblur.methods.running.execution import loaded_torch

IMAGES = 10
RULE = f"{IMAGES} images one at a time, the first discarded, device synchronised before and after each"
RULE_FOLDER = "whole calls on a folder of images, start of the program included, divided by the images"


def summarise_times(
    seconds: Sequence[float], *, size: tuple[int, int] | None, device: str, rule: str = RULE, discard: int = 1
) -> dict[str, Any]:
    """Mean, median and spread of single run times, after the first `discard` (Shen 2020 and its successors).

    Parameters
    ----------
    seconds : sequence of float
        In the order of measurement.
    size : (height, width) or None
        Size of the images in pixels; None if they differ.
    device : str
        Name of the device.

    Returns
    -------
    dict
        Values in seconds; empty if nothing is left to average.
    """
    kept = list(seconds)[discard:]
    if not kept:
        return {}
    return {
        "rule": rule,
        "images": len(kept),
        "mean_s": statistics.fmean(kept),
        "median_s": statistics.median(kept),
        "std_s": statistics.stdev(kept) if len(kept) > 1 else 0.0,
        "min_s": min(kept),
        "max_s": max(kept),
        "height": size[0] if size else None,
        "width": size[1] if size else None,
        "device": device,
    }


def count_parameters(method: Any) -> tuple[int | None, int | None]:
    """Number of parameters, and the bytes that they occupy; None if the method does not state them.

    Taken from ``method.network`` (a ``torch.nn.Module``), else from ``method.parameters`` and
    ``method.size_bytes``, numbers or functions without arguments. Papers mix up the two, and megabytes of files with
    those at 4 bytes per parameter; see `sizes`.
    """
    torch: Any = loaded_torch()
    network = getattr(method, "network", method)
    if torch is not None and isinstance(network, torch.nn.Module):
        return sum(int(parameter.numel()) for parameter in network.parameters()), None
    parameters, size = (_told(getattr(method, name, None)) for name in ("parameters", "size_bytes"))
    return parameters, size


def sizes(parameters: int | None, told: int | None, files: Iterable[Path]) -> dict[str, int | None]:
    """Return the three sizes of a method.

    Parameters
    ----------
    parameters : int or None
    told : int or None
        Size in bytes that the method states; it has priority over the files.
    files : iterable of Path
        Its weight files.

    Returns
    -------
    dict
        ``parameters``, ``bytes_fp32`` (at 4 bytes each, whatever they are stored in) and ``bytes_weights`` (the size of
        the weight files). None if unknown.
    """
    stored = sum(file.stat().st_size for file in files)
    if told is None and (stored or parameters == 0):
        told = stored
    return {
        "parameters": parameters,
        "bytes_fp32": None if parameters is None else 4 * parameters,
        "bytes_weights": told,
    }


def _told(value: Any) -> int | None:
    told = value() if callable(value) else value
    return None if told is None else int(told)


RESIDENT = "largest resident memory of the process that runs the method, packages included"
CUDA = "largest memory that torch has allocated on the GPU"
CHILDREN = "largest resident memory of a process of the command"

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Memory:
    """The peak so far.

    Attributes
    ----------
    rule : str
        What was measured.
    peak_bytes : int or None
        None if the system does not report it, and for a command that takes less than the process that started it.
    growth_bytes : int or None
        Part of it that was added after the start of the process, by the method; None if unknown.
    """

    rule: str
    peak_bytes: int | None
    growth_bytes: int | None


class Meter:
    """Meter of the memory of its process, from its construction.

    A process inherits the peak of its parent, so on Linux the peak is that of the address space, reset
    when the meter is made; elsewhere it is that of ``getrusage``.
    """

    def __init__(self) -> None:
        # Not allowed everywhere; then the peak is at worst that of the imports so far.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self._before = _resident("VmRSS:")

    def read(self, device: str, *, command: bool = False) -> Memory:
        """The peak since the meter was made.

        Parameters
        ----------
        device : str
            Where the method computes.
        command : bool
            True where it computes in processes that this one starts.
        """
        torch: Any = loaded_torch()
        if device.startswith("cuda") and torch is not None:
            # Nothing was there before the method was loaded.
            peak = int(torch.cuda.max_memory_allocated(device))
            return Memory(CUDA, peak, peak)
        own = _resident("VmHWM:") or _usage("RUSAGE_SELF")
        if command:
            children = _usage("RUSAGE_CHILDREN")
            # A child inherits our peak, and shows its own only where that is larger.
            larger = children is not None and (own is None or children > own)
            return Memory(CHILDREN, children if larger else None, None)
        growth = None if own is None or self._before is None else max(own - self._before, 0)
        return Memory(RESIDENT, own, growth)


def _resident(field: str) -> int | None:
    """One line of the process status in bytes; None where there is no such file."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), None)


def _usage(who: str) -> int | None:
    """Peak by ``getrusage`` in bytes; None on Windows."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = int(resource.getrusage(getattr(resource, who)).ru_maxrss)
    # Kilobytes, but on macOS bytes.
    return peak if sys.platform == "darwin" else peak * 1024
