"""Contact sheets: many small pictures in one PNG, of kernels, of aligned faces, or of the images of a set."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_label, read_photo, write_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.tables import read_rows
from facedeblur.benchmark.sets.classes import LABEL_COLOURS, coloured
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.words import many
from facedeblur.generators.align.journal import folder_of

PAPER = (246, 246, 244)
INK = (60, 60, 60)
_SURROUND = 205  # Grey around a kernel that is smaller than the largest.
_TEXT = 11


def grid(
    tiles: Sequence[np.ndarray],
    labels: Sequence[str] = (),
    *,
    columns: int | None = None,
    gap: int = 8,
    title: str = "",
) -> np.ndarray:
    """Lay tiles out in rows on light paper, each with its label below.

    Parameters
    ----------
    tiles : sequence of (h, w) or (h, w, 3) uint8
        Grey or RGB, of any sizes; each is centred in a cell as large as the largest.
    labels : sequence of str
        One per tile, or none. Labels wider than a cell are cut with an ellipsis.
    columns : int, optional
        Tiles in a row; by default so many that the sheet is about 3:2.
    gap : int
        Pixels between cells.
    title : str
        A line above.

    Returns
    -------
    (H, W, 3) uint8 RGB

    Raises
    ------
    InputError
        When there is no tile, a tile is not an 8-bit image, or the number of labels differs from that of tiles.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not len(tiles) or (len(labels) and len(labels) != len(tiles)):
        raise InputError(
            "contact sheet", expected="tiles, and as many labels or no labels", found=f"{len(tiles)} and {len(labels)}"
        )
    colour = [_rgb(tile, i) for i, tile in enumerate(tiles)]
    height, width = (max(tile.shape[axis] for tile in colour) for axis in (0, 1))
    if columns is None:
        columns = max(1, round(math.sqrt(1.5 * len(colour) * (height + gap) / (width + gap))))
    if columns < 1 or gap < 0:
        raise InputError(
            "contact sheet", expected="at least 1 column and a gap of at least 0", found=f"{columns}, {gap}"
        )
    columns = min(columns, len(colour))
    rows = -(-len(colour) // columns)
    font = ImageFont.load_default(_TEXT)
    line = _TEXT + 5
    pitch = height + gap + (line if len(labels) else 0)
    top = gap + (line if title else 0)
    size = (columns * (width + gap) + gap, top + rows * pitch)
    page = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(page)
    if title:
        pen.text((gap, gap // 2), _cut(title, size[0] - 2 * gap, font), INK, font)
    for i, tile in enumerate(colour):
        x, y = gap + i % columns * (width + gap), top + i // columns * pitch
        inset = (x + (width - tile.shape[1]) // 2, y + (height - tile.shape[0]) // 2)
        page.paste(Image.fromarray(tile), inset)
        if len(labels):
            pen.text((x, y + height + 1), _cut(labels[i], width, font), INK, font)
    return np.array(page)


def _rgb(tile: np.ndarray, number: int) -> np.ndarray:
    array = np.asarray(tile)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.size == 0 or array.shape[2:] not in ((), (3,)):
        raise InputError(
            f"tile {number} of a contact sheet",
            expected="(h, w) or (h, w, 3) of uint8",
            found=f"{array.shape} of {array.dtype}",
            do="convert it",
        )
    return np.ascontiguousarray(np.repeat(array[:, :, None], 3, axis=2) if array.ndim == 2 else array)


def _cut(text: str, width: int, font: object) -> str:
    """Return `text`, shortened to at most `width` pixels and with an ellipsis if it is wider."""
    measure = font.getlength  # type: ignore[attr-defined]
    if measure(text) <= width:
        return text
    kept = len(text)
    while kept > 1 and measure(text[:kept] + "…") > width:
        kept -= 1
    return text[:kept] + "…"


def kernel_tile(kernel: np.ndarray, *, side: int, scale: int) -> np.ndarray:
    """A kernel as (side * scale, side * scale) uint8: its largest value white, zero black, grey around it."""
    values = np.asarray(kernel, np.float64)
    tile = np.full((side, side), _SURROUND, np.uint8)
    top, left = ((side - n) // 2 for n in values.shape)
    peak = values.max()
    seen = np.floor(255 * values / (peak if peak > 0 else 1) + 0.5).astype(np.uint8)
    tile[top : top + values.shape[0], left : left + values.shape[1]] = seen
    return np.kron(tile, np.ones((scale, scale), np.uint8))


def kernel_sheet(
    bank: Bank, path: str | os.PathLike[str], *, columns: int | None = None, tile: int = 84, limit: int = 400
) -> Path:
    """Write a contact sheet of a bank.

    Parameters
    ----------
    bank : Bank
    path : path
        The PNG.
    columns : int, optional
        By default the number of kernels of the first size, at most 12.
    tile : int
        Smallest side of a kernel's picture, in pixels. All kernels are enlarged by the same integer factor, so that
        small ones look small; each is scaled to its largest value.
    limit : int
        Largest number of kernels shown; the title says how many there are.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        When the path does not end in ``.png``.
    """
    shown = bank.ids[:limit]
    side = int(bank.sizes[: len(shown)].max())
    scale = max(1, -(-tile // side))
    tiles = [kernel_tile(bank.kernel(name), side=side, scale=scale) for name in shown]
    of = f"{len(shown)} of " * (len(shown) < len(bank)) + many(len(bank), "kernel")
    least, most = int(bank.sizes.min()), int(bank.sizes.max())
    spans = f"{least} to {most} px" if least < most else f"{most} px"
    title = f"{of}, {spans}, 1 px = {scale} px here; each scaled to its largest value"
    columns = columns or min(12, int((bank.sizes == bank.sizes[0]).sum()))
    return _write(grid(tiles, shown, columns=max(columns, min(4, len(shown))), title=title), path)


def image_sheet(
    tiles: Sequence[np.ndarray],
    labels: Sequence[str],
    path: str | os.PathLike[str],
    *,
    columns: int | None = None,
    gap: int = 8,
    title: str = "",
) -> Path:
    """Write a contact sheet of images, see `grid`.

    Raises
    ------
    InputError
        As `grid`, or when the path does not end in ``.png``.
    """
    return _write(grid(tiles, labels, columns=columns, gap=gap, title=title), path)


def _write(pixels: np.ndarray, path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    check_sheet(path)
    with only_writer(path):
        write_png(path, pixels)
    return path


def spread(count: int, wanted: int) -> list[int]:
    """Up to `wanted` different numbers below `count`, evenly spread."""
    return sorted({round(at) for at in np.linspace(0, count - 1, min(count, wanted))})


def check_sheet(path: Path) -> None:
    """Raise InputError unless the path ends in ``.png``."""
    if path.suffix.lower() != ".png":
        raise InputError(
            str(path), expected="a file name that ends with .png", found=f"'{path.suffix}'", do="rename it"
        )


def crop_sheet(out: str | Path, path: str | Path, *, most: int = 96) -> int:
    """Write a contact sheet of the crops of an aligned folder; crops with labels are followed by their labels.

    Parameters
    ----------
    out : path
        Folder that `align` wrote.
    path : path
        PNG file of the sheet.
    most : int
        Largest number of tiles; they are evenly spread over the crops.

    Returns
    -------
    int
        Number of crops shown.

    Raises
    ------
    InputError
        When there is no crop.
    """
    out = Path(out)
    shown = [row for row in read_rows(out / "images.csv", Image) if folder_of(row.status)]
    if not shown:
        raise InputError(str(out), "no crop to show on the contact sheet", do="see images.csv for the reasons")
    places = spread(len(shown), max(1, most // 2 if any(row.label for row in shown) else most))
    tiles, names = [], []
    for row in (shown[place] for place in places):
        crop = read_photo(inside(out, f"{folder_of(row.status)}/{row.image_id}.png"), min_side=1).pixels
        tiles.append(crop)
        names.append(row.image_id if row.status == "ok" else f"{row.image_id}: {row.status}")
        if row.label:
            classes = read_label(inside(out, row.label), size=crop.shape[:2])
            tiles.append(over(crop, classes))
            names.append("labels")
    image_sheet(tiles, names, path)
    return len(places)


def over(crop: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Blend a crop with the colours of its labels, half and half; the background is left unchanged.

    Parameters
    ----------
    crop : np.ndarray, shape (H, W, 3), uint8 RGB
    label : np.ndarray, shape (H, W), uint8
        Helen's classes, 0 to 10.

    Returns
    -------
    np.ndarray, shape (H, W, 3), uint8 RGB
    """
    mixed = np.floor((crop.astype(np.float64) + LABEL_COLOURS[label]) / 2 + 0.5)
    return np.where(label[:, :, None] > 0, mixed, crop).astype(np.uint8)


def set_sheet(opened: Set, path: str | Path, *, faces: int = 6, variants: int = 4) -> Path:
    """Write a contact sheet of a set: one row per face, evenly spread over the set.

    Parameters
    ----------
    opened : Set
    path : path
        The PNG.
    faces, variants : int
        How many faces, and how many blurred versions of each.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        When a number is below 1, the path does not end in ``.png``, or a picture cannot be read.
    """
    if faces < 1 or variants < 1:
        raise InputError("contact sheet", expected="at least one face and one variant", found=f"{faces} and {variants}")
    check_sheet(Path(path))
    blurred = [image for image in opened.images.values() if image.blurred]
    chosen = {blurred[at].image_id for at in spread(len(blurred), faces)}
    rows = [(image, pairs) for image, pairs in opened.by_image() if image.image_id in chosen]
    most = max(min(len(pairs), variants) for _, pairs in rows)
    labelled = any(image.label for image, _ in rows)
    columns = most + opened.has_sharp + labelled
    tiles, labels = [], []
    for image, pairs in rows:
        for tile, label in _row(opened, image, [pairs[at] for at in spread(len(pairs), most)], labelled):
            tiles.append(tile)
            labels.append(label)
    title = f"{opened.name}: {many(opened.n_pairs, 'pair')}, {opened.content_hash[:12]}"
    return image_sheet(tiles, labels, path, columns=columns, title=title)


def _row(opened: Set, image: Image, pairs: list[Pair], labelled: bool) -> list[tuple[np.ndarray, str]]:
    row = [(opened.sharp(image), image.image_id)] if opened.has_sharp else []
    if labelled:
        classes = opened.label(image) if image.label else np.zeros((image.height, image.width), np.uint8)
        row.append((coloured(classes), "labels"))
    row += [(opened.blurred(pair), pair.kernel_id or pair.pair_id) for pair in pairs]
    return row
