"""Device, processor and package versions, which are recorded with every run."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from facedeblur.methods.running.execution import loaded_torch

PACKAGES = ("facedeblur", "numpy", "scipy", "opencv-python", "torch", "onnxruntime", "onnxruntime-gpu", "spandrel")


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
    """Return the name of the processor, as the system reports it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def device_name(device: str) -> str:
    """Name of the GPU or of the processor behind a device string."""
    torch: Any = loaded_torch()
    if device.startswith("cuda") and torch is not None:
        return str(torch.cuda.get_device_name(device))
    return processor()


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
