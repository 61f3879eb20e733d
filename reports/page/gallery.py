"""Pictures of a report: pairs where the leading method is worst, average and best, as every method restored them."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import encode_png
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.sets.set import Pair, Set
from facedeblur.reports.leaderboard.board import Board, MethodScores
from facedeblur.reports.page.svg.drawing import with_unit
from facedeblur.reports.shown_pairs import GROUPS, PER_GROUP, choose, further

BUDGET = 2_000_000
"""Characters that the embedded pictures may take, so that a report stays under 3 MB."""

FURTHER = 24
"""Pairs at most that fill what the chosen ones leave of the budget."""


@dataclass(frozen=True)
class Gallery:
    """Rows to show, how their pictures are encoded, and what could not be shown.

    Attributes
    ----------
    rows : tuple of Row
    method : str
        Whose worst, median and best pairs these are.
    encoding : str
    notes : tuple of str
        One line for everything that is missing.
    further : tuple of Row
        Pairs spread evenly over the ranking of `method`, which fill what the others leave of the budget.
    """

    rows: tuple[Row, ...]
    method: str
    encoding: str
    notes: tuple[str, ...]
    further: tuple[Row, ...] = ()

    def size(self, around: int = 0) -> int:
        """Characters of all pictures, with `around` for what stands about each."""
        return sum(_size(row, around) for row in (*self.rows, *self.further))


def gallery(
    board: Board,
    *,
    per_group: int = PER_GROUP,
    budget: int = BUDGET,
    named: Sequence[str] = (),
    more: int = FURTHER,
    around: int = 0,
) -> Gallery:
    """Read the pictures of the chosen pairs from the set and the outputs, and encode them.

    Where the set is not found, or is another one than was scored, the gallery is empty and says so.

    Parameters
    ----------
    board : Board
    per_group : int
        Pairs a group.
    budget : int
        Characters that all pictures together may take. Pictures are lossless where they fit in, else
        JPEG without chroma subsampling in the best quality that does; only then are there fewer pairs.
    named : sequence of str
        Ids of pairs to show first.
    more : int
        Further pairs at most, in the same encoding, as far as the budget goes.
    around : int
        Characters to count for what a page has about each picture.

    Raises
    ------
    InputError
        When the tables have no pair of a name in `named`.
    """
    chosen = choose(board, per_group=per_group, named=named)
    try:
        opened = board.open_set()
        notes: list[str] = []
        outputs = {method.label: _outputs(method, opened, notes) for method in board if not method.of_board}
        notes += [
            f"No pictures of {', '.join(some)}: board '{name}' has none" for name, some in board.of_boards.items()
        ]
        rows = list(read_gallery(board, opened, outputs, chosen))
    except InputError as error:
        return Gallery((), board.leader.label, "", (f"No pictures: {error}",))
    for number in range(per_group, 0, -1):
        kept = [
            row
            for group in GROUPS
            for row in [row for row in rows if row.group == group][: len(named) if group == "chosen" else number]
        ]
        for name, encode in ENCODINGS:
            made = [encoded(row, encode) for row in kept]
            left = budget - sum(_size(row, around) for row in made)
            if left >= 0:
                taken = [at for places in chosen.values() for at in places]
                wanted = {"further": list(islice(further(board, taken), more))}
                try:
                    others = [encoded(row, encode) for row in read_gallery(board, opened, outputs, wanted)]
                except InputError as error:
                    others = []
                    notes.append(f"No further pairs: {error}")
                ends = accumulate(_size(row, around) for row in others)
                fitting = tuple(row for row, end in zip(others, ends, strict=True) if end <= left)
                return Gallery(tuple(made), board.leader.label, name, tuple(notes), fitting)
    notes.append(f"No pictures: not even one pair per group fits into {budget:,} characters")
    return Gallery((), board.leader.label, "", tuple(notes))


def _outputs(method: MethodScores, opened: Set, notes: list[str]) -> Outputs | None:
    """The outputs of `method`; where they are not found None, and a line in `notes`."""
    try:
        return Outputs.open(method.outputs_folder, opened)
    except InputError as error:
        notes.append(f"No pictures of {method.label}: {error}")
        return None


def _size(row: Row, around: int) -> int:
    return row.size + around * len(row.tiles)


@dataclass(frozen=True)
class Tile:
    """One picture of a row, or the reason why it is missing.

    Attributes
    ----------
    label : str
        ``blurred``, the method, or ``sharp``.
    caption : str
        Value of the headline metric with its unit; empty if absent.
    why : str
        What happened to the picture; empty where it is shown.
    source : str
        ``data:`` URI of the picture; empty if absent.
    oracle, leading : bool
    kernel : str
        ``data:`` URI of the kernel: the true one with the blurred image, the method's own estimate with a method.
    kernel_size : int
        Width of that kernel in pixels.
    """

    label: str
    caption: str = ""
    why: str = ""
    source: str = ""
    oracle: bool = False
    leading: bool = False
    kernel: str = ""
    kernel_size: int = 0
    pixels: np.ndarray | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Row:
    """One pair: the blurred image with its kernel, every restoration, the sharp image."""

    group: str
    pair_id: str
    identity: str
    kernel_id: str
    kernel_size: int
    width: int
    height: int
    tiles: tuple[Tile, ...]

    @property
    def size(self) -> int:
        """Characters of its pictures."""
        return sum(len(tile.source) + len(tile.kernel) for tile in self.tiles)

    @property
    def across(self) -> int:
        """Tiles side by side, at most 8, so that the lines of a wide page are filled evenly."""
        lines = -(-len(self.tiles) // 8)
        return -(-len(self.tiles) // lines)


def read_gallery(
    board: Board, opened: Set, outputs: Mapping[str, Outputs | None], chosen: Mapping[str, Sequence[int]]
) -> Iterator[Row]:
    """Read pairs from the set and the outputs.

    Parameters
    ----------
    board : Board
    opened : Set
    outputs : mapping
        Label of a method -> its outputs, None where they were not found.
    chosen : mapping
        Group -> row numbers of the score tables.

    Yields
    ------
    Row
        With the pixels of its tiles, not encoded yet.

    Raises
    ------
    InputError
        When the set lacks a pair, or an image of it cannot be read.
    """
    frame = board.leader.scores.frame
    wanted = {str(frame["pair_id"].iloc[at]) for places in chosen.values() for at in places}
    pairs = {pair.pair_id: pair for pair in opened.pairs() if pair.pair_id in wanted}
    for group, places in chosen.items():
        for at in places:
            pair_id = str(frame["pair_id"].iloc[at])
            if pair_id not in pairs:
                raise InputError(f"{opened.root} has no pair '{pair_id}'")
            yield _row(board, opened, outputs, group, at, pairs[pair_id])


def _row(board: Board, opened: Set, outputs: Mapping[str, Outputs | None], group: str, at: int, pair: Pair) -> Row:
    image = opened.image_of(pair)
    blurred = opened.blurred(pair)
    truth = (Tile("sharp", pixels=opened.sharp(image)),) if opened.has_sharp else ()
    first, tiles = Tile("blurred", pixels=blurred), []
    if opened.bank is not None and pair.kernel_id:
        first = _with_kernel(first, opened.bank.kernel(pair.kernel_id))
    for method in board:
        if method.of_board:
            continue
        tile = _tile(method, outputs[method.label], board, at, pair, blurred.shape[:2])
        if method.is_input and tile.pixels is not None and np.array_equal(tile.pixels, blurred):
            # The input entered as a method: one picture, with the value of that row.
            first = replace(first, caption=tile.caption, leading=tile.leading)
        else:
            tiles.append(tile)
    return Row(
        group=group,
        pair_id=pair.pair_id,
        identity=image.identity,
        kernel_id=pair.kernel_id,
        kernel_size=pair.kernel_size,
        width=image.width,
        height=image.height,
        tiles=(first, *tiles, *truth),
    )


def _with_kernel(tile: Tile, kernel: np.ndarray) -> Tile:
    """The tile with a kernel in its corner, whose brightest value is white."""
    peak = float(kernel.max())
    grey = np.round(np.clip(kernel / peak if peak > 0 else kernel, 0, 1) * 255).astype(np.uint8)
    return replace(tile, kernel=data_uri("png", encode_png(grey)), kernel_size=len(kernel))


def _tile(
    method: MethodScores, outputs: Outputs | None, board: Board, at: int, pair: Pair, size: tuple[int, ...]
) -> Tile:
    """The restoration of one pair by one method."""
    status = str(method.scores.frame["status"].iloc[at])
    known = Tile(method.label, oracle=method.oracle, leading=method is board.leader)
    if status != "ok":
        return replace(known, why=status)
    number = float(method.scores.frame[board.headline.signature].iloc[at])
    known = replace(known, caption=with_unit(number, board.headline))
    if outputs is None:
        return replace(known, why="outputs not found")
    scored = Status(pair.index, pair.pair_id, status, math.nan, str(method.scores.frame["sha256"].iloc[at]))
    found = outputs.read(pair, scored, (size[0], size[1]))
    if found.pixels is None:
        return replace(known, why="changed since it was scored" if found.altered else found.status)
    estimated, _ = next(outputs.kernel_pairs([pair]))
    return replace(known if estimated is None else _with_kernel(known, estimated), pixels=found.pixels)


def encoded(row: Row, encode: Callable[[np.ndarray], str]) -> Row:
    """The row with the sources of its tiles."""
    tiles = [replace(tile, source=encode(tile.pixels)) if tile.pixels is not None else tile for tile in row.tiles]
    return replace(row, tiles=tuple(tiles))


def data_uri(kind: str, data: bytes) -> str:
    """An image as a ``data:`` URI; `kind` is the subtype: png, jpeg, webp."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _lossless(pixels: np.ndarray) -> str:
    from PIL import Image

    # A fifth of the time that OpenCV takes, whose effort cannot be set, and 3 % more bytes; fewer than PNG has.
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "WEBP", lossless=True, method=2, quality=20)
    return data_uri("webp", written.getvalue())


def _jpeg(quality: int, *, longest: int | None = None) -> Callable[[np.ndarray], str]:
    def encode(pixels: np.ndarray) -> str:
        import cv2

        height, width = pixels.shape[:2]
        if longest is not None and max(height, width) > longest:
            share = longest / max(height, width)
            size = (max(1, round(width * share)), max(1, round(height * share)))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        whole_colour = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, *whole_colour]
        return data_uri("jpeg", cv2.imencode(".jpg", pixels[:, :, ::-1], options)[1].tobytes())

    return encode


ENCODINGS: Sequence[tuple[str, Callable[[np.ndarray], str]]] = (
    ("lossless", _lossless),
    *((f"JPEG quality {quality}, for this page only", _jpeg(quality)) for quality in (95, 90, 80, 65)),
    ("JPEG quality 80 and shrunk to 256 pixels, for this page only", _jpeg(80, longest=256)),
)
"""Name and encoder of (H, W, 3) uint8 RGB, the truest first."""
