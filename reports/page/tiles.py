"""One pair in pictures: the blurred image with its kernel, what every method made of it, the sharp image.

Pictures inside a page: from lossless to small.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import encode_png
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.sets.set import Pair, Set
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.entry import Entry
from facedeblur.reports.page.svg.drawing import measured


@dataclass(frozen=True)
class Tile:
    """One picture of a row, or the reason why there is none.

    Attributes
    ----------
    label : str
        ``blurred``, the method, or ``sharp``.
    caption : str
        Value of the headline metric with its unit; empty where there is none.
    why : str
        What happened to the picture; empty where it is shown.
    source : str
        ``data:`` URI of the picture; empty where there is none.
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


def read_rows(
    board: Board, opened: Set, outputs: Mapping[str, Outputs | None], chosen: Mapping[str, Sequence[int]]
) -> Iterator[Row]:
    """Read pairs from the set and the outputs.

    Parameters
    ----------
    board : Board
    opened : Set
    outputs : mapping
        Label of an entry -> its outputs, None where they were not found.
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
                raise InputError(str(opened.root), expected=f"pair '{pair_id}'", found="a set without it")
            yield _row(board, opened, outputs, group, at, pairs[pair_id])


def _row(board: Board, opened: Set, outputs: Mapping[str, Outputs | None], group: str, at: int, pair: Pair) -> Row:
    image = opened.images[pair.image_id]
    blurred = opened.blurred(pair)
    truth = (Tile("sharp", pixels=opened.sharp(image)),) if opened.has_sharp else ()
    first, tiles = Tile("blurred", pixels=blurred), []
    if opened.bank is not None and pair.kernel_id:
        first = _with_kernel(first, opened.bank.kernel(pair.kernel_id))
    for entry in board:
        tile = _tile(entry, outputs[entry.label], board, at, pair, blurred.shape[:2])
        if entry.is_input and tile.pixels is not None and np.array_equal(tile.pixels, blurred):
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


def _tile(entry: Entry, outputs: Outputs | None, board: Board, at: int, pair: Pair, size: tuple[int, ...]) -> Tile:
    """The restoration of one pair by one method."""
    status = str(entry.scores.frame["status"].iloc[at])
    known = Tile(entry.label, oracle=entry.oracle, leading=entry is board.leader)
    if status != "ok":
        return replace(known, why=status)
    number = float(entry.scores.frame[board.headline.signature].iloc[at])
    known = replace(known, caption=measured(number, board.headline))
    if outputs is None:
        return replace(known, why="outputs not found")
    scored = Status(pair.index, pair.pair_id, status, math.nan, str(entry.scores.frame["sha256"].iloc[at]))
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
    import cv2

    # Above 100 the encoder keeps every sample; the files are smaller than PNG.
    return data_uri("webp", cv2.imencode(".webp", pixels[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes())


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
