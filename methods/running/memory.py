"""How much memory a method takes: of the processor's what is resident, of a GPU's what torch has allocated."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedeblur.methods.running.execution import loaded_torch

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
        None where the system does not tell, and for a command that takes less than the process that started it.
    growth_bytes : int or None
        How much of it came after the start of the process, that is with the method; None where not known.
    """

    rule: str
    peak_bytes: int | None
    growth_bytes: int | None


class Meter:
    """Measures the process it is made in, from then on.

    A process starts with its parent's peak on its account, so on Linux the peak is that of the address space, reset
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
