"""How a method is run: on which device, in which precision, how many images at a time, and for how long."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.options import checked, one_of

PRECISIONS = ("fp32", "bf16", "fp16")

TIMEOUT_S = 300.0
"""Time limit in seconds if neither the user nor the method sets one."""


MOST_BATCH, MOST_SECONDS = 2**20, 10**6
"""Largest batch, and longest time limit in seconds (operating systems cannot wait much longer at once)."""


@checked
@dataclass(frozen=True)
class Execution:
    """How a method is run.

    Parameters
    ----------
    device : str
        ``cpu``, ``cuda``, ``cuda:N``, ``mps`` or ``auto``, which is a GPU for networks if there is one.
    precision : {'fp32', 'bf16', 'fp16'}
        Autocast for networks. With fp32, TF32 is off.
    batch : int, optional
        Images at a time; by default chosen by their size, on a processor also by their time alone and in a batch. It is
        halved when memory runs out.
    timeout : float, optional
        Time limit per batch, and for loading, in seconds; by default that of the method's TOML file, else 300.

    Raises
    ------
    InputError
        For an unknown precision, or a number that is not above 0.
    """

    device: str = "auto"
    precision: str = "fp32"
    batch: int | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        one_of("precision", self.precision, PRECISIONS)
        for name, value, most in (("batch", self.batch, MOST_BATCH), ("timeout", self.timeout, MOST_SECONDS)):
            if value is not None and not 0 < value <= most:
                raise InputError(f"option '{name}'", expected=f"a number above 0, at most {most:,}", found=f"{value}")


AUTO = Execution()
"""Everything is chosen by the method and the images."""


def choose_device(wanted: str, *, network: bool, method: str) -> str:
    """Return the device that a method is loaded on; ``auto`` is a GPU for networks if there is one.

    Raises
    ------
    InputError
        If the device is unknown or not available, or the method uses the processor only.
    """
    kind = wanted.partition(":")[0]
    if kind not in ("auto", "cpu", "cuda", "mps"):
        raise InputError(f"device '{wanted}'", expected="auto, cpu, cuda, cuda:N or mps")
    if kind == "cpu" or (kind == "auto" and not network):
        return "cpu"
    if not network:
        raise InputError(
            f"device '{wanted}': method '{method}' has no load(device, weights) and runs on the processor only",
            do="leave out --device",
        )  # fmt: skip
    if kind == "auto":
        try:
            torch: Any = need("torch", "all")
        except InputError:
            return "cpu"
        return "cuda" if torch.cuda.is_available() else "cpu"
    torch = need("torch", "all")
    there = torch.cuda.is_available() if kind == "cuda" else torch.backends.mps.is_available()
    if there and kind == "cuda" and ":" in wanted:
        number = wanted.partition(":")[2]
        there = number.isdigit() and int(number) < torch.cuda.device_count()
    if not there:
        raise InputError(f"device '{wanted}' is not available", do="leave out --device")
    return wanted


def loaded_torch() -> ModuleType | None:
    """Return the torch module if it has been imported, else None: a classical method never waits for it."""
    return sys.modules.get("torch")


def synchronise() -> None:
    """Wait for the GPU, so that a clock read afterwards includes all of its work."""
    torch: Any = loaded_torch()
    if torch is None:
        return
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    elif getattr(torch.backends, "mps", None) is not None and torch.backends.mps.is_available():
        torch.mps.synchronize()


def out_of_memory(error: BaseException) -> bool:
    """Return whether an exception means that no memory is left; if so, free cached GPU memory."""
    torch: Any = loaded_torch()
    kinds: tuple[type[BaseException], ...] = (MemoryError,)
    if torch is not None:
        kinds += (torch.OutOfMemoryError,) if hasattr(torch, "OutOfMemoryError") else (torch.cuda.OutOfMemoryError,)
    # Libraries below torch (cuDNN, TorchScript) raise plain RuntimeErrors that only the text identifies.
    told = isinstance(error, kinds) or (isinstance(error, RuntimeError) and "out of memory" in str(error).lower())
    if told and torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    return told
