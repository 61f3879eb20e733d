"""Draws figures of images: pictures under titles, in one line or several, with insets, captions and kernels."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.classes import HELEN, LABEL_COLOURS, classes_in
from facedeblur.reports.figures.grid import (
    AGREEMENT,
    MEASURES,
    Grid,
    Row,
    Tile,
    best_place,
    has_agreement,
    has_psnr,
    said,
)
from facedeblur.reports.figures.style import DPI, GREY, PAGE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[int, int, int, int]
"""x, y, width and height in pixels, from the upper left corner."""

Corner = Literal["upper left", "upper right", "lower left", "lower right"]

FRAMES = ("#E69F00", "#56B4E9", "#CC79A7")
"""Colours of the first, second and third inset."""
GAP, CAPTION, LINE = 0.03, 0.135, 0.12
_LETTER = 0.62
"""Mean width of a letter in sizes of the type."""
KERNEL = 0.3
"""Side of the figure's largest kernel, in sides of an image; all are drawn to one scale."""


def read_box(text: str) -> Box:
    """``x,y,w,h`` in pixels from the upper left corner.

    Raises
    ------
    InputError
        If it is not four whole numbers, the last two of them positive.
    """
    parts = text.replace(" ", "").split(",")
    if len(parts) != 4 or not all(part.isdecimal() for part in parts) or 0 in (int(parts[2]), int(parts[3])):
        raise InputError("--inset", expected="x,y,w,h in pixels", found=f"'{text}'")
    x, y, w, h = map(int, parts)
    return x, y, w, h


@dataclass(frozen=True)
class _Cell:
    """A picture with its heading and its caption."""

    tile: Tile
    title: str
    caption: str
    bold: bool


@dataclass(frozen=True)
class _Band:
    """Pictures next to each other; `titled` where their headings are above them, else `side` is at their left."""

    cells: tuple[_Cell, ...]
    titled: bool
    side: str = ""


def draw(
    grid: Grid,
    *,
    insets: Sequence[Box] = (),
    width: float = PAGE,
    captions: bool = True,
    smooth: bool = False,
    wrap: int | Sequence[int] = 0,
    turned: bool = False,
    corner: Corner = "upper left",
) -> tuple[Figure, float]:
    """Draw a grid.

    Parameters
    ----------
    grid : Grid
    insets : sequence of (x, y, w, h)
        Parts of each image in pixels, framed in it and shown enlarged below; at most 3.
    width : float
        Of the figure in inches; 7.16 is the page of an IEEE paper, 3.5 one column.
    captions : bool
        PSNR and SSIM below the images, the best without the true kernel bold.
    smooth : bool
        Enlarge by bicubic interpolation; pixels stay pixels otherwise.
    wrap : int or sequence of int
        Most pictures next to each other; those of a pair continue in further lines, each with its titles. 0: all.
        A sequence says how many are in each line.
    turned : bool
        One column per pair and one line per title, which is at its left.
    corner : str
        Where kernels are drawn.

    Returns
    -------
    Figure, float
        The dots per inch at which an image pixel is a whole number of dots, 300 or a little more.

    Raises
    ------
    InputError
        When an inset lies outside an image, there are more than 3, the columns are too narrow, or matplotlib is not
        installed.
    """
    captions = captions and grid.measured
    bands = _bands(grid, captions=captions, wrap=wrap, turned=turned)
    across = max(len(band.cells) for band in bands)
    margin = _sideways(grid.titles, width / across) if turned else 0.0
    side = (width - margin - GAP * (across - 1)) / across
    if side < 0.3:
        raise InputError("--width", expected=f"at least {margin + across * 0.35:.1f} inches for {across} columns",
                         found=f"{width:g}", do="or fewer columns next to each other, with --wrap")  # fmt: skip
    sizes = [tile.pixels.shape[:2] for row in grid.rows for tile in row.tiles if tile.pixels is not None] or [(1, 1)]
    _check(insets, sizes)
    size = _type_size(grid.titles, side)
    heads = [_heads(band, side, size) for band in bands]
    small = _small(insets, side)
    below = max((high + GAP for _, high in small), default=0.0) + CAPTION * captions
    usual = side * sizes[0][0] / sizes[0][1]
    heights = [max(_height(cell.tile, side, usual) for cell in band.cells) for band in bands]
    lines = _legend(grid, width, captions=captions)
    foot = 0.02 + LINE * len(lines)
    total = sum(heads) + sum(heights) + below * len(bands) + GAP * (len(bands) - 1) + foot
    with styled():
        from matplotlib.figure import Figure

        canvas = _Canvas(Figure(figsize=(width, total)), side, margin, smooth=smooth)
        every = [tile.kernel for row in grid.rows for tile in row.tiles if tile.kernel is not None]
        unit = KERNEL * min(side, *heights) / max(map(len, every), default=1)
        top = 0.0
        for band, head, high in zip(bands, heads, heights, strict=True):
            canvas.headings(band, top, high, head, size)
            top += head
            for column, cell in enumerate(band.cells):
                canvas.picture(cell.tile, column, top, _height(cell.tile, side, usual), insets, small)
                canvas.kernel(cell.tile, column, top, _height(cell.tile, side, usual), unit, corner)
            if captions:
                canvas.captions(band, top + high + below - 0.035)
            top += high + below + GAP
        canvas.legend(lines, total - foot + 0.02)
    wide = sizes[0][1]
    return canvas.figure, max(math.ceil(DPI * side / wide), 1) * wide / side


def _bands(grid: Grid, *, captions: bool, wrap: int | Sequence[int], turned: bool) -> list[_Band]:
    rows = [_cells(grid.titles, row, captions=captions) for row in grid.rows]
    if turned:
        lines = [tuple(row[place] for row in rows) for place in range(len(grid.titles))]
        parts = _parts(len(rows), wrap)
        return [_Band(line[part], False, line[0].title) for part in parts for line in lines]
    parts = _parts(len(grid.titles), wrap)
    return [_Band(row[part], len(parts) > 1 or not place) for place, row in enumerate(rows) for part in parts]


def _parts(count: int, wrap: int | Sequence[int]) -> list[slice]:
    """Which of `count` pictures are in which line."""
    if isinstance(wrap, int):
        return [slice(at, at + (wrap or count)) for at in range(0, count, wrap or count)]
    ends = list(accumulate(wrap))
    return [slice(end - size, end) for size, end in zip(wrap, ends, strict=True)]


def _cells(titles: Sequence[str], row: Row, *, captions: bool) -> tuple[_Cell, ...]:
    marked, told = best_place(row.tiles), MEASURES * has_psnr(row)
    return tuple(
        _Cell(tile, title, (told if tile.reference else said(tile)) * captions, place == marked)
        for place, (title, tile) in enumerate(zip(titles, row.tiles, strict=True))
    )


def _height(tile: Tile, side: float, usual: float) -> float:
    return usual if tile.pixels is None else side * tile.pixels.shape[0] / tile.pixels.shape[1]


def _sideways(titles: Sequence[str], high: float) -> float:
    """Width of the titles at the left of pictures about `high` inches high."""
    return 0.03 + LINE * max(len(_heading(title, high, 6.5)) for title in titles)


def _heads(band: _Band, side: float, size: float) -> float:
    """Height of the headings above a band."""
    if not band.titled:
        return 0.0
    return LINE * max(len(_heading(cell.title, side, size)) for cell in band.cells) + 0.045


class _Canvas:
    """A figure on which things are placed in inches from its upper left corner, in columns `side` wide."""

    def __init__(self, figure: Figure, side: float, margin: float, *, smooth: bool):
        self.figure, self.side, self.margin = figure, side, margin
        self.width, self.height = (float(size) for size in figure.get_size_inches())
        self.interpolation = "bicubic" if smooth else "none"

    def left(self, column: int) -> float:
        return self.margin + column * (self.side + GAP)

    def text(self, words: str, column: int, line: float, **style: Any) -> None:
        """Words in the middle of a column, on a line."""
        at = (self.left(column) + self.side / 2) / self.width
        self.figure.text(at, 1 - line / self.height, words, ha="center", va="baseline", **style)

    def place(self, left: float, top: float, wide: float, high: float) -> Axes:
        """Bare axes."""
        box = (left / self.width, 1 - (top + high) / self.height, wide / self.width, high / self.height)
        axes = self.figure.add_axes(box)
        axes.set(xticks=[], yticks=[])
        _border(axes, None)
        return axes

    def headings(self, band: _Band, top: float, high: float, head: float, size: float) -> None:
        """The titles above the pictures, or the one at the left."""
        if band.side:
            middle = (self.margin - 0.03) / 2 / self.width, 1 - (top + high / 2) / self.height
            words = "\n".join(_heading(band.side, high, 6.5))
            self.figure.text(*middle, words, rotation=90, ha="center", va="center", fontsize=6.5, linespacing=1.1)
        for column, cell in enumerate(band.cells if band.titled else ()):
            lines = _heading(cell.title, self.side, size)
            for number, line in enumerate(reversed(lines)):
                self.text(line, column, top + head - 0.045 - LINE * number, fontsize=size)

    def picture(
        self, tile: Tile, column: int, top: float, high: float, insets: Sequence[Box],
        small: Sequence[tuple[float, float]],
    ) -> None:  # fmt: skip
        """An image with its insets."""
        left = self.left(column)
        axes = self.place(left, top, self.side, high)
        self.show(axes, tile)
        start = left + (self.side - sum(wide for wide, _ in small) - GAP * (len(small) - 1)) / 2
        for colour, (x, y, w, h), (wide, tall) in zip(FRAMES, insets, small, strict=False):
            _frame(axes, (x - 0.5, y - 0.5, w, h), colour)
            part = self.place(start, top + high + GAP, wide, tall)
            self.show(part, tile, (x, y, w, h))
            _border(part, colour)
            start += wide + GAP

    def kernel(self, tile: Tile, column: int, top: float, high: float, unit: float, corner: Corner) -> None:
        """The kernel of a picture in its corner, `unit` inches a pixel."""
        if tile.kernel is None or tile.pixels is None:
            return
        of, edge = unit * len(tile.kernel), 0.025
        left = self.left(column) + (edge if corner.endswith("left") else self.side - of - edge)
        axes = self.place(left, top + (edge if corner.startswith("upper") else high - of - edge), of, of)
        axes.imshow(tile.kernel / tile.kernel.max(), cmap="gray", vmin=0, vmax=1, interpolation="none", aspect="auto")
        _border(axes, "white", 0.6)

    def show(self, axes: Axes, tile: Tile, box: Box | None = None) -> None:
        """An image or a part of it, or why it is missing."""
        if tile.pixels is not None:
            x, y, w, h = box or (0, 0, tile.pixels.shape[1], tile.pixels.shape[0])
            # Between classes there is no class.
            how = "none" if tile.labels else self.interpolation
            axes.imshow(tile.pixels[y : y + h, x : x + w], interpolation=how, aspect="auto")
            return
        axes.set_facecolor("#E4E4E4")
        if box is None:
            words = "\n".join(textwrap.wrap(tile.why, max(int(self.side / 0.058), 6))[:6])
            axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=6, transform=axes.transAxes)

    def captions(self, band: _Band, line: float) -> None:
        """What is below the pictures."""
        longest = max(len(cell.caption) for cell in band.cells)
        size = min(7.0, 7.5 * self.side, max(4.5, 72 * self.side / (0.55 * max(longest, 1))))
        for column, cell in enumerate(band.cells):
            if cell.caption:
                self.text(cell.caption, column, line, fontsize=size, fontweight="bold" if cell.bold else "normal")

    def legend(self, lines: Sequence[Sequence[tuple[str, str]]], top: float) -> None:
        """Lines of words, each after a square of its colour where it has one."""
        from matplotlib.patches import Rectangle

        for number, line in enumerate(lines):
            at, base = 0.0, top + LINE * (number + 1) - 0.04
            for colour, words in line:
                if colour:
                    spot = (at / self.width, 1 - base / self.height)
                    self.figure.add_artist(
                        Rectangle(spot, 0.07 / self.width, 0.07 / self.height, facecolor=colour, edgecolor=GREY,
                                  linewidth=0.4, transform=self.figure.transFigure)
                    )  # fmt: skip
                    at += 0.1
                self.figure.text(at / self.width, 1 - base / self.height, words, fontsize=6, color=GREY)
                at += _wide(words)


def _wide(words: str) -> float:
    """Inches that words of the legend take, with the space behind them."""
    return 0.048 * len(words) + 0.1


def _legend(grid: Grid, width: float, *, captions: bool) -> list[list[tuple[str, str]]]:
    """The classes of the label maps with their colours, and what the numbers are where no sharp image says it."""
    drawn = [tile.pixels for row in grid.rows for tile in row.tiles if tile.labels and tile.pixels is not None]
    found: set[int] = set()
    for pixels in drawn:
        classes = classes_in(pixels)
        found |= set() if classes is None else {int(value) for value in np.unique(classes)}
    entries = [("#{:02X}{:02X}{:02X}".format(*LABEL_COLOURS[value]), HELEN[value]) for value in sorted(found)]
    if (
        captions
        and any(map(has_psnr, grid.rows))
        and not any(tile.reference for row in grid.rows for tile in row.tiles)
    ):
        entries.append(("", MEASURES))
    if captions and any(map(has_agreement, grid.rows)):
        entries.append(("", AGREEMENT))
    lines: list[list[tuple[str, str]]] = []
    left = 0.0
    for entry in entries:
        needed = _wide(entry[1]) + 0.1 * bool(entry[0])
        if not lines or left < needed - 0.1:
            lines.append([])
            left = width
        lines[-1].append(entry)
        left -= needed
    return lines


def _type_size(titles: Sequence[str], side: float) -> float:
    """Points at which the longest title fits the column, 5.5 to 7.5."""
    longest = max(len(line) for title in titles for line in title.split("\n"))
    return min(7.5, max(5.5, 72 * side / (_LETTER * longest)))


def _heading(title: str, side: float, size: float) -> list[str]:
    """The lines of a title that fit the column."""
    most = max(int(72 * side / (_LETTER * size) + 1e-9), 4)
    lines = title.split("\n")
    # The options of a method get a line of their own instead of being cut at a letter.
    return [
        part for line in lines for part in textwrap.wrap(line.replace("[", " [") if len(line) > most else line, most)
    ]


def _check(insets: Sequence[Box], sizes: Sequence[tuple[int, ...]]) -> None:
    if len(insets) > len(FRAMES):
        raise InputError("--inset", expected=f"at most {len(FRAMES)}", found=f"{len(insets)}")
    for x, y, w, h in insets:
        for high, wide in sizes:
            if x + w > wide or y + h > high:
                raise InputError("--inset", expected=f"a part of the {wide}x{high} images", found=f"{x},{y},{w},{h}")


def _small(insets: Sequence[Box], side: float) -> list[tuple[float, float]]:
    """Sizes of the insets next to each other, all of one height, as wide as the image together."""
    if not insets:
        return []
    ratios = [w / h for _, _, w, h in insets]
    high = min((side - GAP * (len(insets) - 1)) / sum(ratios), side)
    return [(ratio * high, high) for ratio in ratios]


def _frame(axes: Axes, box: tuple[float, float, float, float], colour: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle(box[:2], box[2], box[3], fill=False, edgecolor=colour, linewidth=1.1))


def _border(axes: Axes, colour: str | None, width: float = 1.1) -> None:
    for spine in axes.spines.values():
        spine.set(visible=colour is not None, color=colour or "none", linewidth=width)
