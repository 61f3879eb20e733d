"""The sharp crops a set is built from: photographs to align, an aligned folder, or finished crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.images import list_images, pixel_hash, read_photo, read_png
from facedeblur.benchmark.sets import Image
from facedeblur.benchmark.tables import read_rows
from facedeblur.generators.templates import Template, template_named


@dataclass(frozen=True)
class Crops:
    """Sharp crops on disk.

    Attributes
    ----------
    images : tuple of Image
        Every photograph, failed ones too.
    sharp_files : dict
        ``image_id`` -> file of the crop, for the ok ones.
    wide_files : dict
        ``image_id`` -> file of the crop with its true surroundings, where there is one.
    """

    images: tuple[Image, ...]
    sharp_files: dict[str, Path]
    wide_files: dict[str, Path]

    def sharp(self, image: Image) -> np.ndarray:
        """The crop of `image`, (H, W, 3) uint8 RGB.

        Raises
        ------
        InputError
            When the file has changed since it was listed.
        """
        pixels = read_photo(self.sharp_files[image.image_id]).pixels
        if pixel_hash(pixels) != image.sha256:
            raise InputError(
                str(self.sharp_files[image.image_id]), expected="the crop as listed", found="another", do="align again"
            )
        return pixels


def gather(
    faces: str | Path,
    *,
    template: str,
    margin: int,
    workspace: Path,
    detector: str,
    landmarker: str,
    choose: str,
    jobs: int,
    progress: Callable[[int, int], None] | None = None,
) -> Crops:
    """Find or make the crops of a folder.

    A folder that `align` wrote is taken as it is. A folder in which every image has the template's
    size is taken as finished crops. Any other is aligned into `workspace`, which a stopped run goes on from.

    Parameters
    ----------
    faces : path
    template : str
        Alignment template, which fixes the size.
    margin : int
        Pixels of surrounding wanted around each crop.
    workspace : Path
        Where aligned crops are kept while the set is built.
    detector, landmarker, choose : str
        As for `facedeblur.generators.align.align`.
    jobs : int
    progress : callable, optional
        Called with (photographs done, photographs in all) while aligning.

    Raises
    ------
    InputError
        When there is no image, or no usable one.
    """
    goal, root = template_named(template), Path(faces)
    if (root / "images.csv").is_file():
        found = _aligned(root)
    else:
        files = list_images(root)
        if all(_measures(file, goal) for file in files):
            found = _finished(root, files)
        else:
            from facedeblur.generators.align import align

            align(
                root,
                workspace,
                template=template,
                detector=detector,
                landmarker=landmarker,
                choose=choose,
                margin=margin,
                jobs=jobs,
                progress=progress,
            )
            found = _aligned(workspace)
    usable = [image for image in found.images if image.status == "ok"]
    if not usable:
        statuses = sorted({image.status for image in found.images})
        raise InputError(
            str(root), expected="at least one usable face", found=", ".join(statuses), do="give other photographs"
        )
    for image in usable:
        if (image.width, image.height) != (goal.width, goal.height):
            raise InputError(
                f"{root}: {image.image_id}",
                expected=f"{goal.width}x{goal.height} pixels, as template {template} has",
                found=f"{image.width}x{image.height}",
                do=f"align with --template {template}",
            )
    return found


def _aligned(folder: Path) -> Crops:
    """What `align` left in `folder`."""
    images = tuple(read_rows(folder / "images.csv", Image))
    ok = [image.image_id for image in images if image.status == "ok"]
    wide = {name: folder / "wide" / f"{name}.png" for name in ok}
    return Crops(
        images,
        {name: folder / "sharp" / f"{name}.png" for name in ok},
        {name: file for name, file in wide.items() if file.is_file()},
    )


def _finished(root: Path, files: list[Path]) -> Crops:
    """Crops that somebody has aligned already."""
    from facedeblur.generators.align import identity_of, image_ids

    sources = [file.relative_to(root).as_posix() for file in files]
    images, sharp = [], {}
    for file, source, image_id in zip(files, sources, image_ids(sources), strict=True):
        blank = Image(image_id, identity_of(source), "test", "ok", -1, source, "", 1.0, 0, "", 0, 0, "", "")
        try:
            photo = read_photo(file)
        except InputError as error:
            reason = str(error).replace(str(file), file.name)
            images.append(replace(blank, status="unreadable", coverage=0.0, note=reason))
            continue
        note = "; ".join(part for part in ("taken as aligned", photo.note) if part)
        height, width = photo.pixels.shape[:2]
        images.append(replace(blank, width=width, height=height, sha256=pixel_hash(photo.pixels), note=note))
        sharp[image_id] = file
    return Crops(tuple(images), sharp, {})


def _measures(file: Path, goal: Template) -> bool:
    """Tell by its header whether an image has the template's size; one that does not open says nothing against."""
    from PIL import Image as Opener
    from PIL import UnidentifiedImageError

    try:
        with Opener.open(file) as opened:
            return bool(opened.size == (goal.width, goal.height))
    except (UnidentifiedImageError, OSError, Opener.DecompressionBombError):
        return True


def read_wide(path: Path, crop: tuple[int, int], margin: int) -> np.ndarray:
    """Read a crop with its surroundings and cut it to `margin` pixels around.

    Parameters
    ----------
    path : Path
    crop : (height, width)
        Size of the crop itself.
    margin : int

    Returns
    -------
    np.ndarray, shape (height + 2 margin, width + 2 margin, 3), uint8 RGB
    """
    pixels = read_png(path)
    around = (pixels.shape[0] - crop[0]) // 2
    if around < margin:
        raise InputError(str(path), expected=f"{margin} pixels around the crop", found=f"{around}", do="align again")
    cut = around - margin
    return pixels[cut : pixels.shape[0] - cut, cut : pixels.shape[1] - cut]
