"""Label images of every collection, read as the 11 classes of Helen.

Left and right are the subject's: the left eye of an upright face is on the right side of the image. CelebAMask-HQ
uses the same convention, but copies of it contain mirrored photographs whose masks were mirrored and not renamed; the
Helen labels do not say whose left is meant. Therefore the sides are determined from the face itself (`sides_of`), and
brows or eyes are exchanged where a label image has them the other way round.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile, explain, suggest
from facedeblur.benchmark.files.decode import decoding, open_image
from facedeblur.benchmark.files.paths import read_file
from facedeblur.benchmark.files.png import essential
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.sets.classes import CELEBAMASK_PARTS, CLASS_LISTS, HELEN
from facedeblur.generators.photos.collection import Collection, Photograph

_Point = np.ndarray | None
_PAIRS = ((2, 3), (4, 5))


def labels_of(collection: Collection, photograph: Photograph, *, size: tuple[int, int]) -> np.ndarray:
    """Classes of a photograph of a collection; see `read_labels`.

    Raises
    ------
    InputError
        When the photograph has no label image, or the image cannot be used.
    """
    if not photograph.label:
        raise InputError(f"{collection.name}: {photograph.source}", "this photograph has no label image")
    return read_labels(collection.file(photograph.label), collection.class_list(photograph), size=size)


def read_labels(path: str | Path, kind: str, *, size: tuple[int, int]) -> np.ndarray:
    """Read a label image.

    Parameters
    ----------
    path : path
        An image whose values are classes; a folder of Helen's 11 probability maps ``NAME_lbl00.png`` to
        ``NAME_lbl10.png``, of which the largest wins; or the common prefix of CelebAMask-HQ's part masks
        (``0/00000`` for ``0/00000_skin.png``), which are merged in the publisher's order.
    kind : str
        A key of `CLASS_LISTS`.
    size : (height, width)
        Size of the photograph in pixels. Labels of CelebAMask-HQ may be smaller by an integer factor, as published
        (512 for photographs of 1024); their values are repeated.

    Returns
    -------
    (H, W) uint8
        Indices into `HELEN`; left is the subject's left.

    Raises
    ------
    InputError
        When the file is missing or damaged, contains an unknown class, or has another size.
    """
    path = Path(path)
    one_of("class list", kind, CLASS_LISTS)
    if path.is_dir():
        values = _of_maps(path)
    elif path.exists():
        values = _single(path)
    else:
        values = _of_parts(path)
        kind = "celebamask19"
    table = np.array(CLASS_LISTS[kind], np.uint8)
    unknown = np.unique(values[values >= len(table)])
    if unknown.size:
        raise InputError(
            str(path), expected=f"classes 0 to {len(table) - 1} ({kind})",
            found=", ".join(map(str, unknown[:5].tolist())), do="give their class list, or leave the labels out",
        )  # fmt: skip
    values = _fit(table[values], size, path, fraction=kind != "helen11")
    brows, eyes = sides_of(values)
    return exchange_sides(values, brows=brows < 0, eyes=eyes < 0)


def sides_of(labels: np.ndarray) -> tuple[int, int]:
    """Tell whose left a label image means, for brows and for eyes, whatever the orientation of the face.

    Parameters
    ----------
    labels : (H, W) uint8
        Indices into `HELEN`.

    Returns
    -------
    brows, eyes : int
        1 if left is the subject's left (the right of the image if the face is upright), -1 if it is the viewer's,
        0 if it cannot be determined: no brow or eye, or no nose and mouth.
    """
    nose, mouth = _middle(labels, (6,)), _middle(labels, (7, 8, 9))
    below = nose if mouth is None else mouth
    brows, eyes = (_side(_middle(labels, (a,)), _middle(labels, (b,)), nose, below) for a, b in _PAIRS)
    return brows, eyes


def _side(left: _Point, right: _Point, nose: _Point, below: _Point) -> int:
    """Sign of the turn from right-to-left to top-to-bottom."""
    known = left if right is None else right
    if known is None or below is None:
        return 0
    if left is None or right is None:
        # A profile: the nose replaces the side that is turned away.
        middle = below if nose is None else nose
        across, down = (known - middle if right is None else middle - known), below - known
    else:
        across, down = left - right, below - (left + right) / 2
    return int(np.sign(across[0] * down[1] - across[1] * down[0]))


def exchange_sides(labels: np.ndarray, *, brows: bool = True, eyes: bool = True) -> np.ndarray:
    """Exchange left and right brows and eyes, as a mirrored photograph requires; (H, W) uint8."""
    table = np.arange(256, dtype=np.uint8)
    for (left, right), wanted in zip(_PAIRS, (brows, eyes), strict=True):
        if wanted:
            table[[left, right]] = right, left
    return table[labels]


def _middle(labels: np.ndarray, classes: tuple[int, ...]) -> _Point:
    """Mean place (x, y) of the classes; None if they are missing."""
    rows, columns = np.nonzero(np.isin(labels, classes))
    return np.array([columns.mean(), rows.mean()]) if rows.size else None


def _single(path: Path) -> np.ndarray:
    """An image of numbers, (H, W) uint8: grey, of a palette, or grey in three channels."""
    try:
        data = read_file(path)
    except OSError as error:
        raise explain(error) from error
    with decoding(path, data), open_image(essential(path, data)[0]) as opened:
        values = np.asarray(opened)
    if values.ndim == 3 and (values[..., :1] == values[..., :3]).all():
        values = values[..., 0]
    if values.ndim != 2 or values.dtype not in (np.uint8, np.bool_):
        raise InputError(str(path), expected="one 8-bit number per pixel", found=f"{values.dtype} {values.shape}")
    return values.astype(np.uint8)


def _of_maps(folder: Path) -> np.ndarray:
    """Return the most likely class by Helen's 11 probability maps; the lower one of two equal ones."""
    maps = []
    for number in range(len(HELEN)):
        # Archives made on macOS contain files such as ._NAME_lbl00.png, too.
        files = sorted(path for path in folder.glob(f"*_lbl{number:02}.png") if not path.name.startswith("."))
        file = next(iter(files), None)
        if file is None:
            raise InputError(str(folder), f"NAME_lbl{number:02}.png ({HELEN[number]}) is missing", do="unpack it again")
        maps.append(_single(file))
        if maps[-1].shape != maps[0].shape:
            size, first = ("x".join(map(str, m.shape[::-1])) for m in (maps[-1], maps[0]))
            raise InputError(str(file), expected=f"{first} pixels, like lbl00", found=size, do="unpack it again")
    return np.argmax(np.stack(maps), axis=0).astype(np.uint8)


def _of_parts(prefix: Path) -> np.ndarray:
    """CelebAMask-HQ's part masks in one; a later part of the publisher's list covers an earlier one."""
    files = {file.stem[len(prefix.name) + 1 :]: file for file in prefix.parent.glob(f"{prefix.name}_*.png")}
    if not files:
        raise MissingFile(f"{prefix}*.png", "no label image with such a name", do="unpack the labels again")
    unknown = sorted(set(files) - set(CELEBAMASK_PARTS))
    if unknown:
        raise InputError(str(files[unknown[0]]), "unknown part of a face", do=suggest(unknown[0], CELEBAMASK_PARTS))
    merged: np.ndarray | None = None
    for number, part in enumerate(CELEBAMASK_PARTS):
        if part in files:
            mask = _single(files[part]) > 127
            merged = np.zeros(mask.shape, np.uint8) if merged is None else merged
            if mask.shape != merged.shape:
                raise InputError(
                    str(files[part]), "its size differs from that of the other part masks", do="unpack them again"
                )
            merged[mask] = number
    assert merged is not None
    return merged


def _fit(labels: np.ndarray, size: tuple[int, int], path: Path, *, fraction: bool) -> np.ndarray:
    height, width = labels.shape
    if (height, width) == tuple(size):
        return labels
    times = size[0] // height
    if fraction and times > 1 and (height * times, width * times) == tuple(size):
        return labels.repeat(times, axis=0).repeat(times, axis=1)
    raise InputError(
        str(path), expected=f"{size[1]}x{size[0]} pixels, like the photograph", found=f"{width}x{height}",
        do="give labels that have the size of the photograph",
    )  # fmt: skip
