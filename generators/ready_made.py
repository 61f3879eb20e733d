"""Sets that are published complete: sharp images, images blurred by a camera, and measured kernels.

The layout is that of Levin et al. (2009), distributed as PNG files: ``NAME.png`` is sharp, ``KERNEL.png`` a
kernel, ``NAME_KERNEL_img.png`` blurred. Grey pictures become RGB.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import fftconvolve

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.images import pixel_hash, read_photo, to_uint8
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import write_stack
from facedeblur.benchmark.metrics.fidelity.shift import best_shift
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.generators.kernels.files import read_bank
from facedeblur.generators.photos.collection import NOT_STATED

PACKAGES = ("facedeblur", "numpy", "scipy")
REACH = 8
"""Largest displacement between a blurred and a sharp picture, in pixels."""
_BLURRED = re.compile(r"(?P<image>.+)_(?P<kernel>[^_]+)_img")


def given(
    folder: str | Path,
    out: str | Path,
    *,
    record: Mapping[str, Any],
    seed: int = 0,
    store: str = "png",
    licence: str = "",
    reporter: Reporter = SILENT,
) -> Set:
    """Make a set from a folder of sharp images, blurred images and kernels.

    Parameters
    ----------
    folder : path
    out : path
        Folder of the set.
    record : mapping
        Name, title, recipe and assumptions for ``set.json``.
    seed : int
        For the record only: nothing is random.
    store : {'png', 'npy'}
    licence : str
    reporter : Reporter
        Gets the progress.

    Returns
    -------
    Set
        Its pairs are of the kind ``uniform``: each has one kernel, a measured one.

    Raises
    ------
    InputError
        When the folder has another layout, an image is missing, or sizes differ.
    """
    folder = Path(folder)
    names, kernels = _grid(folder)
    sharp = {name: read_photo(folder / f"{name}.png").pixels for name in names}
    images = [_image(name, pixels) for name, pixels in sharp.items()]
    bank = _bank(folder, sharp, kernels)
    info = {
        **record,
        "seed": seed,
        "sources": [{"folder": folder.resolve().name, "licence": licence or NOT_STATED, "collection": record["title"]}],
        "packages": {name: version(name) for name in PACKAGES},
    }
    writer = SetWriter(out, info, store=store)
    done = set(writer.start(images, lambda image: sharp[image.image_id], bank, n_kernels=len(kernels)))
    for rank, image in enumerate(images):
        if image.image_id not in done:
            writer.append(_pairs(folder, image, bank, rank * len(kernels), writer.work, seed, store))
        reporter.progress("blurring", (rank + 1) * len(kernels), len(images) * len(kernels))
    return writer.finish()


def _grid(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the sharp pictures and of the kernels; there is a blurred picture for every combination."""
    if not folder.is_dir():
        raise MissingFile(folder, expected="a folder of sharp and blurred images and kernels", do="check the path")
    stems = {path.stem for path in folder.glob("*.png") if not path.name.startswith(".")}
    blurred = [match for match in map(_BLURRED.fullmatch, sorted(stems)) if match]
    if not blurred:
        raise InputError(
            str(folder), "no files NAME_KERNEL_img.png, NAME.png and KERNEL.png in it", do="give another folder"
        )
    names = sorted({match["image"] for match in blurred})
    kernels = sorted({match["kernel"] for match in blurred})
    needed = [*names, *kernels, *(_blurred(name, kernel) for name in names for kernel in kernels)]
    for stem in needed:
        if stem not in stems:
            raise MissingFile(folder / f"{stem}.png", do="copy or download the whole folder again")
    return names, kernels


def _blurred(name: str, kernel: str) -> str:
    return f"{name}_{kernel}_img"


def _image(name: str, pixels: np.ndarray) -> Image:
    height, width = pixels.shape[:2]
    return Image(
        image_id=name, identity=name, role="test", status="ok", n_faces=-1, source=f"{name}.png", transform="",
        coverage=1.0, margin=0, label="", width=width, height=height, sha256=pixel_hash(pixels), note="",
    )  # fmt: skip


def _bank(folder: Path, sharp: Mapping[str, np.ndarray], names: Sequence[str]) -> Bank:
    """The kernels as convolution kernels; files may show them turned by 180 degrees."""
    kernels, turned = [], []
    for name in names:
        read = read_bank(folder / f"{name}.png")
        kernel = read.kernel(read.ids[0])
        choices = kernel, kernel[::-1, ::-1].copy()
        shown = {image: _read(folder, image, name, pixels.shape) for image, pixels in sharp.items()}
        misfits = [sum(_misfit(sharp[image], one, shown[image]) for image in sharp) for one in choices]
        which = int(misfits[1] < misfits[0])
        kernels.append(choices[which])
        turned += [name] * which
    return Bank.of(names, kernels, {"source": folder.resolve().name, "turned": turned})


def _misfit(sharp: np.ndarray, kernel: np.ndarray, blurred: np.ndarray) -> float:
    """Squared error between the blurred picture and the sharp one convolved, at the best shift by whole pixels."""
    crop = len(kernel) // 2 + REACH
    made = np.stack([fftconvolve(sharp[..., c] / 255, kernel, "same") for c in range(3)], axis=2)
    return best_shift(to_uint8(made), blurred, crop=crop, reach=REACH, step=1).squared_error


def _read(folder: Path, name: str, kernel: str, shape: tuple[int, ...]) -> np.ndarray:
    file = folder / f"{_blurred(name, kernel)}.png"
    pixels = read_photo(file).pixels
    if pixels.shape != shape:
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise InputError(str(file), expected=f"{shape[1]}x{shape[0]} pixels, like the sharp image", found=found)
    return pixels


def _pairs(folder: Path, image: Image, bank: Bank, first: int, root: Path, seed: int, store: str) -> list[Pair]:
    """Copy and describe the blurred versions of one picture."""
    shape = (image.height, image.width, 3)
    stack = np.stack([_read(folder, image.image_id, kernel, shape) for kernel in bank.ids])
    pairs = [
        Pair(
            index=first + row, pair_id=f"{image.image_id}_{kernel}", image_id=image.image_id, kernel_id=kernel,
            kernel_size=int(bank.sizes[row]), blur_kind="uniform", border="valid", noise_sigma=0.0, gamma=1.0,
            seed=seed, sharp=image.sharp, blur=f"blur/{_blurred(image.image_id, kernel)}.png",
            sha256=pixel_hash(stack[row]),
        )
        for row, kernel in enumerate(bank.ids)
    ]  # fmt: skip
    write_stack(root, [pair.blur for pair in pairs], first, stack, store=store)
    return pairs
