"""Pairs worth looking at: where the leading method is worst, average and best, with every method beside it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.images import encode_png, pixel_hash
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.scores import Column
from facedeblur.benchmark.sets import Pair, Set
from facedeblur.reports.board import Board, Entry
from facedeblur.reports.text import short, unit, value

GROUPS = ("worst", "median", "best", "failed")
PER_GROUP = 3
FAILED = 2
BUDGET = 2_200_000
"""Characters that the embedded pictures may take, so that a report stays under 3 MB."""


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
    """

    label: str
    caption: str = ""
    why: str = ""
    source: str = ""
    oracle: bool = False
    leading: bool = False
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
    kernel: str
    tiles: tuple[Tile, ...]

    @property
    def across(self) -> int:
        """Tiles side by side, at most 8, so that the lines of a wide page are filled evenly."""
        lines = -(-len(self.tiles) // 8)
        return -(-len(self.tiles) // lines)


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
    """

    rows: tuple[Row, ...]
    method: str
    encoding: str
    notes: tuple[str, ...]


def choose(board: Board, *, per_group: int = PER_GROUP) -> dict[str, list[int]]:
    """Choose pairs by the headline metric of the leading method without the true kernel.

    Parameters
    ----------
    board : Board
    per_group : int
        Pairs a group. Within a group no face stands twice while there are others.

    Returns
    -------
    dict
        Row numbers of the score tables for ``worst``, ``median`` (nearest to the middle of the
        ranking), ``best`` and ``failed`` (where most methods have no output to score; at most 2). No pair is in two groups.
    """
    column, leader = board.headline, board.leader
    values = leader.values(column, filled=False)
    faces = leader.scores.frame["image_id"].to_numpy()
    scored = np.flatnonzero(~np.isnan(values))
    order = scored[np.argsort(values[scored] if column.higher_is_better else -values[scored], kind="stable")]
    middle = np.argsort(np.abs(np.arange(len(order)) - (len(order) - 1) / 2), kind="stable")
    failures = np.sum([~entry.ok for entry in board], axis=0)
    broken = np.argsort(-failures, kind="stable")
    taken: set[int] = set()
    chosen = {"failed": _take(broken[failures[broken] > 0], faces, min(per_group, FAILED), taken)}
    for group, candidates in (("worst", order), ("best", order[::-1]), ("median", order[middle])):
        chosen[group] = _take(candidates, faces, per_group, taken)
    return {group: chosen[group] for group in GROUPS}


def _take(candidates: np.ndarray, faces: np.ndarray, number: int, taken: set[int]) -> list[int]:
    """The first `number` candidates, other faces before further pairs of the same ones; in the order given."""
    free = [int(at) for at in candidates if int(at) not in taken]
    seen: set[Any] = set()
    fresh = [at for at in free if not (faces[at] in seen or seen.add(faces[at]))]  # type: ignore[func-returns-value]
    picked = set(fresh[:number])
    for at in free:
        if len(picked) >= number:
            break
        picked.add(at)
    taken |= picked
    return [at for at in free if at in picked]


def gallery(board: Board, *, per_group: int = PER_GROUP, budget: int = BUDGET) -> Gallery:
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
    """
    try:
        opened = _open_set(board)
        notes: list[str] = []
        outputs = {entry.label: _open_outputs(entry, opened, notes) for entry in board}
        chosen = choose(board, per_group=per_group)
        rows = list(_rows(board, opened, outputs, chosen))
    except InputError as error:
        return Gallery((), board.leader.label, "", (f"No pictures: {error}",))
    for number in range(per_group, 0, -1):
        kept = [row for group in GROUPS for row in [row for row in rows if row.group == group][:number]]
        for name, encode in ENCODINGS:
            encoded = [_encode(row, encode) for row in kept]
            if sum(len(tile.source) for row in encoded for tile in row.tiles) <= budget:
                return Gallery(tuple(encoded), board.leader.label, name, tuple(notes))
    notes.append(f"No pictures: not even one pair a group fits into {budget:,} characters")
    return Gallery((), board.leader.label, "", tuple(notes))


def _open_set(board: Board) -> Set:
    """The set of the board, where any of its tables says it lies."""
    wrong: InputError | None = None
    for entry in board:
        path = _locate(entry, entry.meta.set.get("path"))
        try:
            opened = Set.open(path)
        except InputError as error:
            wrong = wrong or error
            continue
        if opened.content_hash == entry.meta.set.get("hash"):
            return opened
        wrong = InputError(
            str(path),
            expected=f"the set that was scored ({short(str(entry.meta.set.get('hash')))})",
            found=f"another one ({short(opened.content_hash)})",
        )
    assert wrong is not None
    raise wrong


def _locate(entry: Entry, path: Any) -> Path:
    """Paths in a table are seen from its folder; those of a table in memory from the working folder."""
    folder = entry.source.parent if entry.source else Path()
    return folder / str(path or "")


def _open_outputs(entry: Entry, opened: Set, notes: list[str]) -> Outputs | None:
    try:
        return Outputs.open(_locate(entry, entry.meta.run.get("path")), opened)
    except InputError as error:
        notes.append(f"No pictures of {entry.label}: {error}")
        return None


def _rows(
    board: Board, opened: Set, outputs: dict[str, Outputs | None], chosen: dict[str, list[int]]
) -> Iterator[Row]:
    frame = board.leader.scores.frame
    wanted = {str(frame["pair_id"].iloc[at]) for places in chosen.values() for at in places}
    pairs = {pair.pair_id: pair for pair in opened.pairs() if pair.pair_id in wanted}
    for group, places in chosen.items():
        for at in places:
            pair_id = str(frame["pair_id"].iloc[at])
            if pair_id not in pairs:
                raise InputError(str(opened.root), expected=f"pair '{pair_id}'", found="a set without it")
            yield _row(board, opened, outputs, group, at, pairs[pair_id])


def _row(
    board: Board, opened: Set, outputs: dict[str, Outputs | None], group: str, at: int, pair: Pair
) -> Row:
    image = opened.images[pair.image_id]
    sharp, blurred = opened.sharp(image), opened.blurred(pair)
    kernel = opened.bank.kernel(pair.kernel_id)
    first, tiles = Tile("blurred", pixels=blurred), []
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
        kernel=_uri("png", encode_png(np.round(kernel / kernel.max() * 255).astype(np.uint8))),
        tiles=(first, *tiles, Tile("sharp", pixels=sharp)),
    )


def _tile(
    entry: Entry, outputs: Outputs | None, board: Board, at: int, pair: Pair, size: tuple[int, ...]
) -> Tile:
    """The restoration of one pair by one method."""
    status = str(entry.scores.frame["status"].iloc[at])
    known = Tile(entry.label, oracle=entry.oracle, leading=entry is board.leader)
    if status != "ok":
        return replace(known, why=status)
    known = replace(known, caption=_caption(entry, board.headline, at))
    if outputs is None:
        return replace(known, why="outputs not found")
    try:
        pixels = outputs.restored(pair, (size[0], size[1]))
    except InputError as error:
        return replace(known, why=f"no longer readable: found {error.found}")
    if pixel_hash(pixels) != str(entry.scores.frame["sha256"].iloc[at]):
        return replace(known, why="changed since it was scored")
    return replace(known, pixels=pixels)


def _caption(entry: Entry, column: Column, at: int) -> str:
    number = float(entry.scores.frame[column.signature].iloc[at])
    return " ".join(part for part in (value(number, column), unit(column)) if part)


def _encode(row: Row, encode: Callable[[np.ndarray], str]) -> Row:
    tiles = [replace(tile, source=encode(tile.pixels)) if tile.pixels is not None else tile for tile in row.tiles]
    return replace(row, tiles=tuple(tiles))


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _lossless(pixels: np.ndarray) -> str:
    import cv2

    # Above 100 the encoder keeps every sample; the files are smaller than PNG.
    return _uri("webp", cv2.imencode(".webp", pixels[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes())


def _jpeg(quality: int) -> Callable[[np.ndarray], str]:
    def encode(pixels: np.ndarray) -> str:
        import cv2

        whole_colour = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, *whole_colour]
        return _uri("jpeg", cv2.imencode(".jpg", pixels[:, :, ::-1], options)[1].tobytes())

    return encode


ENCODINGS: Sequence[tuple[str, Callable[[np.ndarray], str]]] = (
    ("lossless", _lossless),
    *((f"JPEG quality {quality}, made smaller for this page only", _jpeg(quality)) for quality in (95, 90, 80, 65)),
)
