"""Images side by side for a paper, with zoomed insets, captions and kernels; sizes are in inches."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError
from facedeblur.reports.figures.grid import Box, Grid, Row, Tile, best, said
from facedeblur.reports.figures.style import DPI, PAGE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FRAMES = ("#E69F00", "#56B4E9", "#CC79A7")
"""Colours of the first, second and third inset."""
GAP, CAPTION, LINE = 0.03, 0.135, 0.12
_LETTER = 0.62
"""Mean width of a letter in sizes of the type."""
KERNEL = 0.3
"""Side of the figure's largest kernel, in sides of an image; all are drawn to one scale."""


def draw(
    grid: Grid, *, insets: Sequence[Box] = (), width: float = PAGE, captions: bool = True, smooth: bool = False
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
    across = len(grid.titles)
    side = (width - GAP * (across - 1)) / across
    if side < 0.3:
        raise InputError("--width", expected=f"at least {across * 0.35:.1f} inches for {across} columns",
                         found=f"{width:g}")  # fmt: skip
    sizes = [tile.pixels.shape[:2] for row in grid.rows for tile in row.tiles[:1] if tile.pixels is not None]
    _check(insets, sizes)
    captions = captions and grid.titles[-1] == "sharp"
    size = _type_size(grid.titles, side)
    titles = [_heading(title, side, size) for title in grid.titles]
    head = LINE * max(map(len, titles)) + 0.045
    small = _small(insets, side)
    below = max((high + GAP for _, high in small), default=0.0) + CAPTION * captions
    heights = [side * high / wide for high, wide in sizes]
    total = head + sum(heights) + below * len(heights) + GAP * (len(heights) - 1) + 0.02
    with styled():
        from matplotlib.figure import Figure

        canvas = _Canvas(Figure(figsize=(width, total)), side, smooth=smooth)
        for column, title in enumerate(titles):
            for number, line in enumerate(title, start=1):
                canvas.text(line, column, LINE * number, fontsize=size)
        largest = max((len(row.kernel) for row in grid.rows if row.kernel is not None), default=1)
        top = head
        for row, high in zip(grid.rows, heights, strict=True):
            canvas.row(row, top, high, insets, small, KERNEL * min(side, high) / largest)
            if captions:
                _captions(canvas, row, top + high + below - 0.035)
            top += high + below + GAP
    wide = sizes[0][1]
    return canvas.figure, max(math.ceil(DPI * side / wide), 1) * wide / side


class _Canvas:
    """A figure on which things are placed in inches from its upper left corner, in columns `side` wide."""

    def __init__(self, figure: Figure, side: float, *, smooth: bool):
        self.figure, self.side = figure, side
        self.width, self.height = (float(size) for size in figure.get_size_inches())
        self.interpolation = "bicubic" if smooth else "none"

    def left(self, column: int) -> float:
        return column * (self.side + GAP)

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

    def row(
        self,
        row: Row,
        top: float,
        high: float,
        insets: Sequence[Box],
        small: Sequence[tuple[float, float]],
        unit: float,
    ) -> None:
        """All images of a pair with their insets, and the kernel, `unit` inches a pixel, in the corner of the first."""
        for column, tile in enumerate(row.tiles):
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
        if row.kernel is not None:
            of = unit * len(row.kernel)
            axes = self.place(0.025, top + 0.025, of, of)
            axes.imshow(row.kernel / row.kernel.max(), cmap="gray", vmin=0, vmax=1, interpolation="none", aspect="auto")
            _border(axes, "white", 0.6)

    def show(self, axes: Axes, tile: Tile, box: Box | None = None) -> None:
        """An image or a part of it; where there is none, why."""
        if tile.pixels is not None:
            x, y, w, h = box or (0, 0, tile.pixels.shape[1], tile.pixels.shape[0])
            axes.imshow(tile.pixels[y : y + h, x : x + w], interpolation=self.interpolation, aspect="auto")
            return
        axes.set_facecolor("#E4E4E4")
        if box is None:
            words = "\n".join(textwrap.wrap(tile.why, max(int(self.side / 0.058), 6))[:6])
            axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=6, transform=axes.transAxes)


def _captions(canvas: _Canvas, row: Row, line: float) -> None:
    marked, size = best(row.tiles), min(7.0, 7.5 * canvas.side)
    for column, tile in enumerate(row.tiles):
        last = column == len(row.tiles) - 1
        words = "PSNR (dB) / SSIM" if last else said(tile)
        canvas.text(words, column, line, fontsize=size, fontweight="bold" if column == marked else "normal")


def _type_size(titles: Sequence[str], side: float) -> float:
    """Points at which the longest title fits the column, 5.5 to 7.5."""
    longest = max(len(line) for title in titles for line in title.split("\n"))
    return min(7.5, max(5.5, 72 * side / (_LETTER * longest)))


def _heading(title: str, side: float, size: float) -> list[str]:
    """The lines of a title that fit the column."""
    most = max(int(72 * side / (_LETTER * size) + 1e-9), 4)
    return [part for line in title.split("\n") for part in textwrap.wrap(line, most)]


def _check(insets: Sequence[Box], sizes: Sequence[tuple[int, ...]]) -> None:
    if len(insets) > len(FRAMES):
        raise InputError("--inset", expected=f"at most {len(FRAMES)}", found=f"{len(insets)}")
    for x, y, w, h in insets:
        for high, wide in sizes:
            if x + w > wide or y + h > high:
                raise InputError("--inset", expected=f"a part of the {wide}x{high} images", found=f"{x},{y},{w},{h}")


def _small(insets: Sequence[Box], side: float) -> list[tuple[float, float]]:
    """Sizes of the insets beside each other, all of one height, as wide as the image together."""
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
