"""Figures of images for a paper: blurred with its kernel, every method, sharp; with insets, captions and kernels."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import psnr, ssim
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.benchmark.sets.set import Pair, Set
from facedeblur.reports.figures.style import DPI, PAGE, styled
from facedeblur.reports.shown_pairs import from_the_middle, worst_first

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[int, int, int, int]
"""x, y, width and height in pixels, from the upper left corner."""


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
        One per method, in the order of the columns. Outputs of the method ``blurred`` are the first column anyway.
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
        raise InputError("the figure needs at least one pair and one folder of outputs")
    methods = [one.method for one in shown]
    doubled = {method for method in methods if methods.count(method) > 1}
    labels = [f"{one.method} {one.run_hash[:6]}" if one.method in doubled else one.method for one in shown]
    oracles = [bool(one.info.get("oracle")) for one in shown]
    titles = [
        "blurred",
        *(f"{label}\n(true kernel)" * oracle or label for label, oracle in zip(labels, oracles, strict=True)),
    ]
    wanted = {pick.pair.pair_id for pick in chosen}
    recorded = [
        {status.pair_id: status for status in one.statuses(opened) if status.pair_id in wanted} for one in shown
    ]
    rows = []
    for pick in chosen:
        pair, image = pick.pair, opened.image_of(pick.pair)
        sharp = opened.sharp(image) if opened.has_sharp else None
        blurred = opened.blurred(pair)
        tiles = [_tile(blurred, sharp)]
        for one, oracle, statuses in zip(shown, oracles, recorded, strict=True):
            output = one.read(pair, statuses[pair.pair_id], (blurred.shape[0], blurred.shape[1]))
            if output.pixels is None:
                tiles.append(Tile(None, why=output.status, oracle=oracle))
            else:
                tiles.append(_tile(output.pixels, sharp, oracle=oracle))
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
        If it is not four whole numbers, the last two of them positive.
    """
    parts = text.replace(" ", "").split(",")
    if len(parts) != 4 or not all(part.isdecimal() for part in parts) or 0 in (int(parts[2]), int(parts[3])):
        raise InputError("--inset", expected="x,y,w,h in pixels", found=f"'{text}'")
    x, y, w, h = map(int, parts)
    return x, y, w, h


def best_place(tiles: Sequence[Tile]) -> int:
    """Place of the highest PSNR without the true kernel, that of the blurred image too; -1 where there are not two."""
    known = {place: tile.psnr for place, tile in enumerate(tiles) if not tile.oracle and not math.isnan(tile.psnr)}
    return max(known, key=lambda place: known[place]) if len(known) > 1 else -1


def said(tile: Tile) -> str:
    """``24.35 / 0.8923``; empty for the sharp image, a dash if absent."""
    if math.isnan(tile.psnr):
        return "—" if tile.pixels is None else ""
    level = "∞" if math.isinf(tile.psnr) else f"{tile.psnr:.2f}"
    return f"{level} / {tile.ssim:.4f}"


WORDS = ("worst", "median", "best", "random")
_WORD = re.compile(r"(worst|median|best|random)(?::([1-9][0-9]?))?")


@dataclass(frozen=True)
class Chosen:
    """A pair to show and why.

    Attributes
    ----------
    pair : Pair
    why : str
        ``worst of NAME``, ``random``, or ``by id``.
    """

    pair: Pair
    why: str


def choose_pairs(opened: Set, wanted: Sequence[str], *, by: Scores | None = None, seed: int = 0) -> list[Chosen]:
    """Find the requested pairs, in the order of the request.

    Parameters
    ----------
    opened : Set
    wanted : sequence of str
        Each a pair id, or ``worst``, ``median``, ``best`` or ``random``, with ``:N`` for N of them. No pair is taken
        twice, and no face while there are others.
    by : Scores, optional
        Table whose first metric says which pairs are worst, median and best; failed pairs are none of these.
    seed : int
        Of the random ones.

    Raises
    ------
    InputError
        When an id is not in the set, a table is needed and missing or of another set, or pairs run out.
    """
    pairs = {pair.pair_id: pair for pair in opened.pairs()}
    if by is not None and by.meta.set.get("hash") != opened.content_hash:
        raise InputError(
            f"the scores of '{by.meta.method}' belong to another set than '{opened.name}'", do="score the outputs again"
        )
    chosen: list[Chosen] = []
    for word in wanted:
        found = _WORD.fullmatch(word)
        if word in pairs:
            chosen.append(Chosen(pairs[word], "by id"))
        elif found is None:
            raise InputError(f"pair '{word}' is not in the set, and not one of {', '.join(WORDS)}",
                             do=suggest(word, [*WORDS, *pairs]) if len(pairs) <= 10_000 else None)  # fmt: skip
        else:
            kind, number = found[1], int(found[2] or 1)
            order = _order(kind, list(pairs), by, seed)
            why = kind if kind == "random" or by is None else f"{kind} of {by.meta.method}"
            chosen += [Chosen(pair, why) for pair in _take(order, pairs, number, chosen, word)]
    return chosen


def _order(kind: str, ids: Sequence[str], by: Scores | None, seed: int) -> list[str]:
    if kind == "random":
        return [ids[int(place)] for place in np.random.default_rng(seed).permutation(len(ids))]
    if by is None:
        raise InputError(
            f"--pairs {kind} needs scores, and the outputs have not been scored",
            do="run facedeblur score first, or give ids of pairs",
        )  # fmt: skip
    column: Column = by.meta.columns[0]
    values = by.values(column.signature)
    names = by.column("pair_id").astype(str)
    order = worst_first(values, column)
    if kind != "worst":
        order = order[::-1] if kind == "best" else from_the_middle(order)
    return [str(names[place]) for place in order]


def _take(order: Sequence[str], pairs: dict[str, Pair], number: int, chosen: Sequence[Chosen], word: str) -> list[Pair]:
    """The first `number` of `order` that are not taken, other faces before further pairs of the same."""
    taken = {one.pair.pair_id for one in chosen}
    faces = {one.pair.image_id for one in chosen}
    free = [pairs[name] for name in order if name in pairs and name not in taken]
    found: list[Pair] = []
    for pair in free:
        if len(found) < number and pair.image_id not in faces:
            faces.add(pair.image_id)
            found.append(pair)
    found += [pair for pair in free if pair not in found][: number - len(found)] if len(found) < number else []
    if len(found) < number:
        raise InputError(f"--pairs {word}: only {len(found)} scored pairs are left to choose from", do="ask for fewer")
    return found


def table_of(outputs: Sequence[Outputs], method: str | None = None) -> Scores | None:
    """Return the score table by which pairs are chosen.

    Parameters
    ----------
    outputs : sequence of Outputs
    method : str, optional
        Method of the table; by default the first that is neither the input nor an oracle, else the first.

    Returns
    -------
    Scores or None
        None if no method is named and no outputs have been scored.

    Raises
    ------
    InputError
        If `method` has no outputs or no score table.
    """
    if method is not None:
        named = [one for one in outputs if one.method == method]
        if not named:
            one_of("method", method, dict.fromkeys(one.method for one in outputs), of="the figure")
        return Scores.read(named[0].root)
    scored = [one for one in outputs if (one.root / "scores.parquet").is_file()]
    fair = [one for one in scored if one.method != "blurred" and not one.info.get("oracle")]
    return Scores.read((fair or scored)[0].root) if scored else None


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
        """An image or a part of it, or why it is missing."""
        if tile.pixels is not None:
            x, y, w, h = box or (0, 0, tile.pixels.shape[1], tile.pixels.shape[0])
            axes.imshow(tile.pixels[y : y + h, x : x + w], interpolation=self.interpolation, aspect="auto")
            return
        axes.set_facecolor("#E4E4E4")
        if box is None:
            words = "\n".join(textwrap.wrap(tile.why, max(int(self.side / 0.058), 6))[:6])
            axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=6, transform=axes.transAxes)


def _captions(canvas: _Canvas, row: Row, line: float) -> None:
    marked, size = best_place(row.tiles), min(7.0, 7.5 * canvas.side)
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
