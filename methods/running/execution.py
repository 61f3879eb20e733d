"""How a method is run: on which device, in which precision, how many images at a time, and for how long."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.options import one_of

PRECISIONS = ("fp32", "bf16", "fp16")

TIMEOUT_S = 300.0
"""Time limit where neither the user nor the method sets one."""


@dataclass(frozen=True)
class Execution:
    """How a method is run.

    Parameters
    ----------
    device : str
        ``cpu``, ``cuda``, ``cuda:N``, ``mps`` or ``auto``, which is the GPU for a network where there is one.
    precision : {'fp32', 'bf16', 'fp16'}
        Autocast for networks. With fp32, TF32 is off.
    batch : int, optional
        Images at a time; by default chosen by their size. It is halved when memory runs out.
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
        for name, value in (("batch", self.batch), ("timeout", self.timeout)):
            if value is not None and value <= 0:
                raise InputError(f"option '{name}'", expected="a number over 0", found=f"{value}")


AUTO = Execution()
"""All of it chosen by the method and the images."""


def choose_device(wanted: str, *, network: bool, method: str) -> str:
    """The device that a method is loaded on: ``auto`` is the GPU for a network where there is one.

    Raises
    ------
    InputError
        When the wanted device is unknown or not there, or the method uses the processor only.
    """
    kind = wanted.partition(":")[0]
    if kind not in ("auto", "cpu", "cuda", "mps"):
        raise InputError(f"device '{wanted}'", expected="auto, cpu, cuda, cuda:N or mps", do="choose one")
    if kind == "cpu" or (kind == "auto" and not network):
        return "cpu"
    if not network:
        raise InputError(
            f"device '{wanted}'", expected="cpu", found=f"method '{method}', which has no load(device, weights)",
            do="leave --device out",
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
        raise InputError(f"device '{wanted}'", expected="such a device", found="none", do="leave --device out")
    return wanted


def loaded_torch() -> ModuleType | None:
    """The torch module where somebody has imported it, None else: a classical method never waits for it."""
    return sys.modules.get("torch")


def synchronise() -> None:
    """Wait for the GPU, so that a clock read afterwards covers what was asked of it."""
    torch: Any = loaded_torch()
    if torch is None:
        return
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    elif getattr(torch.backends, "mps", None) is not None and torch.backends.mps.is_available():
        torch.mps.synchronize()


def full_precision() -> None:
    """Switch TF32 off: fp32 must mean 32 bits on every GPU."""
    torch: Any = loaded_torch()
    if torch is not None:
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception says that the device or the machine has no memory left, and free what is kept."""
    torch: Any = loaded_torch()
    kinds: tuple[type[BaseException], ...] = (MemoryError,)
    if torch is not None:
        kinds += (torch.OutOfMemoryError,) if hasattr(torch, "OutOfMemoryError") else (torch.cuda.OutOfMemoryError,)
    # Libraries below torch (cuDNN, TorchScript) raise plain RuntimeErrors, of which only the words tell.
    told = isinstance(error, kinds) or (isinstance(error, RuntimeError) and "out of memory" in str(error).lower())
    if told and torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    return told
