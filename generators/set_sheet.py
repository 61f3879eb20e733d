"""A contact sheet of a set: some faces, each sharp, with its labels, and blurred in some of its ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.generators.sheet import LABEL_COLOURS, check_sheet, image_sheet, spread


def set_sheet(opened: Set, path: str | Path, *, faces: int = 6, variants: int = 4) -> Path:
    """Write a contact sheet: a row a face, evenly spread over the set.

    Parameters
    ----------
    opened : Set
    path : path
        The PNG.
    faces, variants : int
        How many faces, and how many blurred versions of each, evenly spread over its own.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        When a number is under 1, the path does not end in ``.png``, or a picture cannot be read.
    """
    if faces < 1 or variants < 1:
        raise InputError("contact sheet", expected="at least one face and variant", found=f"{faces}, {variants}")
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
    title = f"{opened.name}: {opened.n_pairs:,} pairs, {opened.content_hash[:12]}"
    return image_sheet(tiles, labels, path, columns=columns, title=title)


def _row(opened: Set, image: Image, pairs: list[Pair], labelled: bool) -> list[tuple[np.ndarray, str]]:
    row = [(opened.sharp(image), image.image_id)] if opened.has_sharp else []
    if labelled:
        classes = opened.label(image) if image.label else np.zeros((image.height, image.width), np.uint8)
        row.append((LABEL_COLOURS[np.minimum(classes, len(LABEL_COLOURS) - 1)], "labels"))
    row += [(opened.blurred(pair), pair.kernel_id or pair.pair_id) for pair in pairs]
    return row
