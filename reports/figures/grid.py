"""What a figure of images shows: for each pair the pictures of its columns, measured, with their kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import psnr, ssim
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.sets.classes import classes_in, coloured
from facedeblur.benchmark.sets.set import Pair, Set
from facedeblur.reports.figures.choice import Chosen
from facedeblur.reports.figures.columns import Shown, completed, titles

Kernels = Literal["true", "all", "none"]
KERNELS: tuple[Kernels, ...] = ("true", "all", "none")
"""Kernels in the corners: the true one of the blurred image, those that methods estimated as well, or none."""


@dataclass(frozen=True)
class Tile:
    """One image of a grid.

    Attributes
    ----------
    pixels : np.ndarray or None
        (H, W, 3) uint8 RGB; None if absent.
    psnr, ssim : float
        In dB, and by MATLAB's definition; NaN where there is nothing to measure.
    why : str
        Why there are no pixels.
    oracle : bool
    kernel : np.ndarray or None
        (K, K), drawn in its corner.
    labels : bool
        Whether it is a label map.
    agreement : float
        Share of a label map's pixels with the true label, in [0, 1]; NaN where the set has no labels.
    reference : bool
        Whether it is the sharp image, below which the measures are explained.
    """

    pixels: np.ndarray | None
    psnr: float = math.nan
    ssim: float = math.nan
    why: str = ""
    oracle: bool = False
    kernel: np.ndarray | None = None
    labels: bool = False
    agreement: float = math.nan
    reference: bool = False


@dataclass(frozen=True)
class Row:
    """One pair: its tiles in the order of the columns."""

    tiles: tuple[Tile, ...]
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

    @property
    def measured(self) -> bool:
        """Whether any picture has a measure."""
        return any(said(tile) for row in self.rows for tile in row.tiles if tile.pixels is not None)


def collect(
    opened: Set, shown: Sequence[Shown | Outputs], chosen: Sequence[Chosen], *, kernels: Kernels = "true"
) -> Grid:
    """Read the images and measure them.

    Parameters
    ----------
    opened : Set
    shown : sequence of Shown or Outputs
        The columns in their order; without an image of the set among them, the blurred image comes first and the sharp
        one last.
    chosen : sequence of Chosen
    kernels : {'true', 'all', 'none'}
        See `KERNELS`.

    Returns
    -------
    Grid
        PSNR and SSIM are ``psnr[rgb,255]`` and ``ssim[matlab3d,s1.5,w11]``, measured on the images shown. Label maps
        are compared with the true labels instead. Kept grey results of coloured photographs (sketches, masks) are no
        restorations and are not measured.

    Raises
    ------
    InputError
        When there is no pair or no column.
    """
    if not chosen or not shown:
        raise InputError("the figure needs at least one pair and one folder of outputs")
    columns = completed(shown, opened)
    wanted = {pick.pair.pair_id for pick in chosen}
    recorded = [
        {status.pair_id: status for status in one.source.statuses() if status.pair_id in wanted}
        if isinstance(one.source, Outputs) else {}
        for one in columns
    ]  # fmt: skip
    banks = [one.source.kernels() if kernels == "all" and isinstance(one.source, Outputs) else None for one in columns]
    rows = []
    for pick in chosen:
        pair = _Pair(opened, pick.pair, true_kernel=kernels != "none")
        tiles = [pair.tile(one, known, bank) for one, known, bank in zip(columns, recorded, banks, strict=True)]
        rows.append(Row(tuple(tiles), pick))
    return Grid(titles(columns), tuple(rows))


class _Pair:
    """A pair of which the tiles are made."""

    def __init__(self, opened: Set, pair: Pair, *, true_kernel: bool):
        self.pair = pair
        image = opened.image_of(pair)
        self.sharp = opened.sharp(image) if opened.has_sharp else None
        self.blurred = opened.blurred(pair)
        self.labels = opened.label(image) if image.label else None
        self.grey = self.sharp is not None and _is_grey(self.sharp)
        bank = opened.bank if true_kernel else None
        self.kernel = bank.kernel(pair.kernel_id) if bank is not None and pair.kernel_id else None

    def tile(self, one: Shown, recorded: dict[str, Status], bank: Bank | None) -> Tile:
        """The tile of a column."""
        if one.source == "blurred":
            return self._measured(self.blurred, kernel=self.kernel)
        if one.source == "sharp":
            return Tile(self.sharp, reference=True)
        if one.source == "labels":
            if self.labels is None:
                return Tile(None, why="no labels", labels=True)
            return Tile(coloured(self.labels), labels=True)
        assert isinstance(one.source, Outputs)
        size = (self.blurred.shape[0], self.blurred.shape[1])
        output = one.source.read(self.pair, recorded[self.pair.pair_id], size)
        kernel = bank.kernel(self.pair.pair_id) if bank is not None and self.pair.pair_id in bank else None
        if output.pixels is None:
            return Tile(None, why=output.status, oracle=one.oracle, labels=one.labels)
        if one.labels:
            return self._compared(output.pixels)
        if one.kept and not self.grey and _is_grey(output.pixels):
            return Tile(output.pixels, oracle=one.oracle, kernel=kernel)
        return self._measured(output.pixels, oracle=one.oracle, kernel=kernel)

    def _measured(self, pixels: np.ndarray, *, oracle: bool = False, kernel: np.ndarray | None = None) -> Tile:
        if self.sharp is None:
            return Tile(pixels, oracle=oracle, kernel=kernel)
        return Tile(pixels, psnr(pixels, self.sharp), ssim(pixels, self.sharp), oracle=oracle, kernel=kernel)

    def _compared(self, drawn: np.ndarray) -> Tile:
        found = classes_in(drawn)
        if found is None or self.labels is None:
            return Tile(drawn, labels=True)
        return Tile(drawn, labels=True, agreement=float(np.mean(found == self.labels)))


def _is_grey(pixels: np.ndarray) -> bool:
    return bool((pixels[..., :1] == pixels).all())


def best_place(tiles: Sequence[Tile]) -> int:
    """Place of the highest PSNR without the true kernel, that of the blurred image too; -1 where there are not two."""
    known = {place: tile.psnr for place, tile in enumerate(tiles) if not tile.oracle and not math.isnan(tile.psnr)}
    return max(known, key=lambda place: known[place]) if len(known) > 1 else -1


def said(tile: Tile) -> str:
    """``24.35 / 0.8923``, or ``93.1 %`` of a label map; empty where nothing is measured, a dash if absent."""
    if tile.pixels is None:
        return "—"
    if not math.isnan(tile.agreement):
        return f"{100 * tile.agreement:.1f} %"
    if math.isnan(tile.psnr):
        return ""
    level = "∞" if math.isinf(tile.psnr) else f"{tile.psnr:.2f}"
    return f"{level} / {tile.ssim:.4f}"


MEASURES = "PSNR (dB) / SSIM"
"""What the numbers below restored images are."""

AGREEMENT = "%: pixels with the true label"
"""What those below label maps are."""


def has_psnr(row: Row) -> bool:
    """Whether pictures of a pair are measured against the sharp one."""
    return any(not math.isnan(tile.psnr) for tile in row.tiles)


def has_agreement(row: Row) -> bool:
    """Whether label maps of a pair are measured against the true labels."""
    return any(not math.isnan(tile.agreement) for tile in row.tiles)
