"""Run time by the papers' rule, and how large a method is."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from facedeblur.methods.environment import loaded_torch

IMAGES = 10
RULE = f"{IMAGES} images one at a time, the first discarded, device synchronised before and after each"
RULE_FOLDER = "whole calls on a folder of images, start of the program included, divided by the images"


def summarise(
    seconds: Sequence[float], *, size: tuple[int, int], device: str, rule: str = RULE, discard: int = 1
) -> dict[str, Any]:
    """Mean, median and spread of single run times, after the first `discard` (Shen 2020 and its successors).

    Parameters
    ----------
    seconds : sequence of float
        In the order they were measured.
    size : (height, width)
        Of the images, in pixels.
    device : str
        Name of the device.

    Returns
    -------
    dict
        Values in seconds; empty where nothing is left to average.
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
        "height": size[0],
        "width": size[1],
        "device": device,
    }


def count_parameters(method: Any) -> tuple[int | None, int | None]:
    """Number of parameters and their bytes at 4 bytes each; None where the method does not tell.

    Taken from ``method.network`` (a ``torch.nn.Module``), else from ``method.parameters`` and
    ``method.size_bytes``, numbers or functions without arguments.
    """
    torch: Any = loaded_torch()
    network = getattr(method, "network", method)
    if torch is not None and isinstance(network, torch.nn.Module):
        count = sum(int(parameter.numel()) for parameter in network.parameters())
        return count, 4 * count
    parameters, size = (_told(getattr(method, name, None)) for name in ("parameters", "size_bytes"))
    return parameters, 4 * parameters if size is None and parameters is not None else size


def _told(value: Any) -> int | None:
    told = value() if callable(value) else value
    return None if told is None else int(told)
