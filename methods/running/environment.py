"""What a run took place on: device, processor, package versions."""

from __future__ import annotations

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from types import ModuleType
from typing import Any

from facedeblur.benchmark.errors import InputError, need

PACKAGES = ("facedeblur", "numpy", "scipy", "opencv-python", "torch")
PRECISIONS = ("fp32", "bf16", "fp16")


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Version of Python and of each package that is installed, read without importing it."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Name of the processor, as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


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


def device_name(device: str) -> str:
    """Name of the GPU or of the processor behind a device string."""
    torch: Any = loaded_torch()
    if device.startswith("cuda") and torch is not None:
        return str(torch.cuda.get_device_name(device))
    return processor()


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


def extras(distribution: str = "facedeblur") -> dict[str, list[str]]:
    """Extra of ``setup.cfg`` -> its packages that are not installed."""
    missing: dict[str, list[str]] = {}
    for line in requires(distribution) or []:
        package = re.match(r"[A-Za-z0-9._-]+", line)
        extra = re.search(r"extra\s*==\s*[\"']([^\"']+)", line)
        if package is None or extra is None:
            continue
        found = missing.setdefault(extra.group(1), [])
        try:
            version(package.group())
        except PackageNotFoundError:
            found.append(package.group())
    return missing
