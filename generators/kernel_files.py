"""Kernel banks: drawn from the model, and in the file formats of others.

``.npz`` is the toolkit's own. ``.mat`` (version 5) holds the cell array ``kernels`` beside ``ids``, ``sizes`` and
``meta``. A folder holds one 16-bit PNG a kernel, each scaled so that its largest value is 65535, and ``kernels.json``
with the scale (grey level of a weight of 1) of each. `kernel_readers` reads these and others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing, write_json
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.generators.kernel_draws import Model, draw_kernels, draw_of
from facedeblur.generators.kernel_readers import LIST, read_bank
from facedeblur.generators.kernels import STANDARD

__all__ = ["Bank", "bank", "check_out", "parse_sizes", "read_bank", "write_bank", "write_pngs"]

_WHITE = 65535


def package_version() -> str:
    """Version of the installed package, or 'unknown'."""
    try:
        return version("facedeblur")
    except PackageNotFoundError:
        return "unknown"


def parse_sizes(text: str) -> tuple[int, ...]:
    """Kernel sizes of ``first:last:step`` (the last one included; step 2 where left out) or of a list with commas.

    Raises
    ------
    InputError
        When the text is neither.
    """
    try:
        if ":" not in text:
            return tuple(int(part) for part in text.split(","))
        first, last, step = [*map(int, text.split(":")), 2][:3]
        sizes = tuple(range(first, last + 1, step))
        if text.count(":") > 2 or step < 1 or not sizes:
            raise ValueError
    except ValueError:
        raise InputError(
            f"sizes '{text}'", expected="first:last:step or a list, such as 13:27:2 or 21,31", do="write it that way"
        ) from None
    return sizes


def bank(
    seed: int,
    sizes: Sequence[int],
    per_size: int,
    *,
    first: int = 0,
    model: Model = STANDARD,
) -> Bank:
    """Kernels ``ker01 .. kerNN`` of every size, ordered by size as given.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1.
    sizes : sequence of int
        Odd sides, each once.
    per_size : int
        Kernels of each size.
    first : int
        Index of the first of each size: ranges that do not overlap keep training and test apart.
    model : KernelModel, SplineModel or DeblurganModel
        Law of the kernels.

    Returns
    -------
    Bank
        Kernel `i` of size `k` is called ``ker{i + 1:02}_k{k}``; seed, law, model and package version are in `meta`.

    Raises
    ------
    InputError
        When a number is out of range, a size comes twice, or no trajectory fits.
    """
    if len(sizes) == 0 or len(set(sizes)) != len(sizes):
        raise InputError("kernel sizes", expected="different sizes, at least one", found=str(list(sizes)))
    if per_size < 1:
        raise InputError("kernels per size", expected="at least 1", found=str(per_size), do="choose another number")
    if not getattr(model, "normalise", True):
        raise InputError("kernel model, normalise", expected="True in a bank", found="False", do="leave it out")
    names, drawn = [], []
    for size in sizes:
        drawn += list(draw_kernels(seed, size, per_size, start=first, model=model))
        names += [f"ker{first + i + 1:02}_k{size}" for i in range(per_size)]
    meta = {
        "seed": int(seed),
        "draw": draw_of(model),
        "model": model.as_dict(),
        "package": f"facedeblur {package_version()}",
    }
    return Bank.of(names, drawn, meta)


def write_bank(bank: Bank, path: str | os.PathLike[str]) -> Path:
    """Write a bank, in the format of the suffix: ``.npz``, ``.mat``, or none for a folder of PNG.

    Raises
    ------
    InputError
        When the suffix is another one.
    """
    path = Path(path)
    check_out(path)
    if path.suffix == ".npz":
        bank.save(path)
    elif path.suffix == ".mat":
        _write_mat(bank, path)
    else:
        write_pngs(bank, path)
    return path


def check_out(path: Path) -> None:
    """Raise InputError unless the suffix is that of a format `write_bank` knows."""
    if path.suffix not in (".npz", ".mat", ""):
        raise InputError(str(path), expected="OUT.npz, OUT.mat or a folder", found=f"'{path.suffix}'", do="rename it")


def _write_mat(bank: Bank, path: Path) -> None:
    from scipy.io import savemat

    cells, names = np.empty(len(bank), object), np.empty(len(bank), object)
    for i, name in enumerate(bank.ids):
        cells[i], names[i] = bank.kernel(name), name
    contents = {"kernels": cells, "ids": names, "sizes": bank.sizes, "meta": json.dumps(bank.meta, sort_keys=True)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        savemat(file, contents, do_compression=True, oned_as="column")


def write_pngs(bank: Bank, folder: str | os.PathLike[str]) -> None:
    """Write one 16-bit grey PNG a kernel and ``kernels.json``, which comes last."""
    import cv2

    folder = Path(folder)
    scales = {}
    for name in bank.ids:
        kernel = bank.kernel(name)
        scale = _WHITE / float(kernel.max())
        encoded = cv2.imencode(".png", np.floor(kernel * scale + 0.5).astype(np.uint16))[1]
        with replacing(folder / f"{name}.png") as temporary:
            temporary.write_bytes(encoded.tobytes())
        scales[name] = scale
    write_json(folder / LIST, {"scale": scales, "meta": bank.meta})
