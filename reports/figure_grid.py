"""What a figure of images shows: blurred with its kernel, every method, sharp, and what is measured on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import psnr, ssim
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.sets.set import Set
from facedeblur.reports.figure_pairs import Chosen

Box = tuple[int, int, int, int]
"""x, y, width and height in pixels, from the upper left corner."""


@dataclass(frozen=True)
class Tile:
    """One image of a grid.

    Attributes
    ----------
    pixels : np.ndarray or None
        (H, W, 3) uint8 RGB; None where there is none.
    psnr, ssim : float
        In dB, and by MATLAB's definition; NaN where there is nothing to measure.
    why : str
        Why there are no pixels.
    oracle : bool
    """

    pixels: np.ndarray | None
    psnr: float = math.nan
    ssim: float = math.nan
    why: str = ""
    oracle: bool = False


@dataclass(frozen=True)
class Row:
    """One pair: its tiles in the order of the columns, and the kernel (K, K) or None."""

    tiles: tuple[Tile, ...]
    kernel: np.ndarray | None
    chosen: Chosen


@dataclass(frozen=True)
class Grid:
    """What a figure shows.

    Attributes
    ----------
    titles : tuple of str
        Headings of the columns, of one line or two.
    rows : tuple of Row
    """

    titles: tuple[str, ...]
    rows: tuple[Row, ...]


def collect(opened: Set, outputs: Sequence[Outputs], chosen: Sequence[Chosen]) -> Grid:
    """Read the images and measure them.

    Parameters
    ----------
    opened : Set
    outputs : sequence of Outputs
        One a method, in the order of the columns. Outputs of the method ``blurred`` are the first column anyway.
    chosen : sequence of Chosen

    Returns
    -------
    Grid
        PSNR and SSIM are ``psnr[rgb,255]`` and ``ssim[matlab3d,s1.5,w11]``, measured on the images shown.

    Raises
    ------
    InputError
        When there is no pair or no method.
    """
    shown = [one for one in outputs if one.method != "blurred"]
    if not chosen or not outputs:
        raise InputError("figure", expected="pairs and outputs", found="none")
    methods = [one.method for one in shown]
    doubled = {method for method in methods if methods.count(method) > 1}
    labels = [f"{one.method} {one.run_hash[:6]}" if one.method in doubled else one.method for one in shown]
    oracles = [bool(one.info.get("oracle")) for one in shown]
    titles = [
        "blurred",
        *(f"{label}\n(true kernel)" * oracle or label for label, oracle in zip(labels, oracles, strict=True)),
    ]
    failed = [{status.pair_id: status.status for status in one.statuses(opened) if not status.ok} for one in shown]
    rows = []
    for pick in chosen:
        pair, image = pick.pair, opened.images[pick.pair.image_id]
        sharp = opened.sharp(image) if opened.has_sharp else None
        blurred = opened.blurred(pair)
        tiles = [_tile(blurred, sharp)]
        for one, oracle, why in zip(shown, oracles, failed, strict=True):
            try:
                if pair.pair_id in why:
                    raise InputError("output", found=why[pair.pair_id])
                pixels = one.restored(pair, (blurred.shape[0], blurred.shape[1]))
                tiles.append(_tile(pixels, sharp, oracle=oracle))
            except InputError as error:
                tiles.append(Tile(None, why=error.found or str(error), oracle=oracle))
        if sharp is not None:
            tiles.append(Tile(sharp))
        bank = opened.bank
        kernel = bank.kernel(pair.kernel_id) if bank is not None and pair.kernel_id else None
        rows.append(Row(tuple(tiles), kernel, pick))
    return Grid((*titles, "sharp") if opened.has_sharp else tuple(titles), tuple(rows))


def _tile(pixels: np.ndarray, sharp: np.ndarray | None, *, oracle: bool = False) -> Tile:
    if sharp is None:
        return Tile(pixels, oracle=oracle)
    return Tile(pixels, psnr(pixels, sharp), ssim(pixels, sharp), oracle=oracle)


def read_box(text: str) -> Box:
    """``x,y,w,h`` in pixels from the upper left corner.

    Raises
    ------
    InputError
        When it is not four whole numbers, the last two over 0.
    """
    parts = text.replace(" ", "").split(",")
    if len(parts) != 4 or not all(part.isdecimal() for part in parts) or 0 in (int(parts[2]), int(parts[3])):
        raise InputError("--inset", expected="x,y,w,h in pixels", found=f"'{text}'")
    x, y, w, h = map(int, parts)
    return x, y, w, h


def best(tiles: Sequence[Tile]) -> int:
    """Place of the highest PSNR without the true kernel, that of the blurred image too; -1 where there are not two."""
    known = {place: tile.psnr for place, tile in enumerate(tiles) if not tile.oracle and not math.isnan(tile.psnr)}
    return max(known, key=lambda place: known[place]) if len(known) > 1 else -1


def said(tile: Tile) -> str:
    """``24.35 / 0.8923``; empty for the sharp image, a dash where there is none."""
    if math.isnan(tile.psnr):
        return "—" if tile.pixels is None else ""
    level = "∞" if math.isinf(tile.psnr) else f"{tile.psnr:.2f}"
    return f"{level} / {tile.ssim:.4f}"
