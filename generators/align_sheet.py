"""A contact sheet of aligned faces: what an alignment looks like at one glance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_photo
from facedeblur.benchmark.sets.set import Image
from facedeblur.generators.align_journal import folder_of
from facedeblur.generators.sheet import LABEL_COLOURS, image_sheet, spread


def crop_sheet(out: Path, rows: Sequence[Image], path: str | Path, *, most: int = 96) -> int:
    """Write a contact sheet of the crops of an aligned folder, those with labels once more with the labels over them.

    Parameters
    ----------
    out : Path
        Folder that `align.align` wrote.
    rows : sequence of Image
        Rows of its ``images.csv``.
    path : path
        PNG file of the sheet.
    most : int
        Tiles; crops are evenly spread over all where there are more.

    Returns
    -------
    int
        Number of crops shown.

    Raises
    ------
    InputError
        When there is no crop.
    """
    shown = [row for row in rows if folder_of(row.status)]
    if not shown:
        raise InputError(str(out), expected="a crop for the contact sheet", found="none", do="see images.csv")
    places = spread(len(shown), max(1, most // 2 if any(row.label for row in shown) else most))
    tiles, names = [], []
    for row in (shown[place] for place in places):
        crop = read_photo(out / folder_of(row.status) / f"{row.image_id}.png", min_side=1).pixels
        tiles.append(crop)
        names.append(row.image_id if row.status == "ok" else f"{row.image_id}: {row.status}")
        if row.label:
            classes = read_photo(out / row.label, min_side=1).pixels[:, :, 0]
            tiles.append(over(crop, classes))
            names.append("labels")
    image_sheet(tiles, names, path)
    return len(places)


def over(crop: np.ndarray, label: np.ndarray) -> np.ndarray:
    """A crop with its labels in colours, half and half; background is left as it is.

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
