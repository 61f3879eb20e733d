"""From a recipe and a folder of photographs to virtual pairs, and on to files of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.generators.align.photo import Finders
from facedeblur.generators.align.template import template_named
from facedeblur.generators.crops import gather
from facedeblur.generators.pairs.shards import write_folder, write_shards
from facedeblur.generators.pairs.sharp_source import SharpFiles, SharpSource, packed
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.virtual import VirtualPairs
from facedeblur.generators.photos.collection import Selection
from facedeblur.generators.recipe import load_recipe

FORMATS = ("tar", "folder")


def open_pairs(
    recipe: str | Path,
    faces: str | Path,
    *,
    workspace: str | Path,
    seed: int = 0,
    shuffle: bool = True,
    repeats: int = 1,
    pack: bool = True,
    match: str = "",
    listed: str | Path | None = None,
    limit: int | None = None,
    detector: str = "dlib-hog",
    landmarker: str = "dlib-68",
    choose: str = "largest",
    workers: Workers | int = ALL,
    reporter: Reporter = SILENT,
    **changes: Any,
) -> VirtualPairs:
    """The virtual set that a recipe makes of a folder of photographs.

    Photographs are aligned into `workspace`, with the surroundings that blur and augmentation need; a second call
    finds them there.

    Parameters
    ----------
    recipe : str or path
        Name of a recipe, or a TOML file.
    faces : str or path
        Folder of photographs, of finished crops, or one that `align` wrote; ``NAME:PATH`` names the reader of a
        published collection.
    workspace : path
        Folder for aligned crops and the packed array.
    seed, shuffle, repeats
        As in `VirtualPairs`.
    pack : bool
        Keep the crops in one array, which is read without decoding.
    match, listed, limit, detector, landmarker, choose, workers, reporter
        As in `facedeblur.generators.build.build`.
    **changes
        Values of `PairSpec` that differ from the recipe's.

    Returns
    -------
    VirtualPairs

    Raises
    ------
    InputError
        When the recipe or the photographs cannot be used.
    """
    described, _ = load_recipe(recipe)
    spec = PairSpec.of(described, **changes)
    goal = template_named(described.image.template)
    crops = gather(
        faces,
        template=described.image.template,
        margin=spec.surroundings((goal.height, goal.width)),
        workspace=Path(workspace) / "faces",
        selection=Selection(match=match, listed=listed, limit=limit),
        finders=Finders(detector, landmarker, choose),
        seed=seed,
        workers=workers,
        reporter=reporter,
    )
    origin = f"{crops.folder}, licence: {crops.licence}"
    source: SharpSource = SharpFiles(crops)
    if pack:
        source = packed(source, Path(workspace) / "faces.npy", needed=spec.surroundings(source.size))
    return VirtualPairs(
        source,
        spec,
        seed=seed,
        shuffle=shuffle,
        repeats=repeats,
        images=crops.images,
        origin=origin,
        label_files=crops.label_files,
    )


def materialise(
    recipe: str | Path,
    faces: str | Path,
    out: str | Path,
    *,
    count: int,
    form: str = "tar",
    shard_size: int = 1000,
    workers: Workers | int = ALL,
    reporter: Reporter = SILENT,
    **options: Any,
) -> VirtualPairs:
    """Open the virtual set of a recipe and a folder of photographs, and write its first pairs.

    Parameters
    ----------
    recipe, faces : path
    out : path
        Folder of the pairs; aligned faces are kept in ``OUT.faces`` until all is written.
    count : int
    form : {'tar', 'folder'}
    shard_size, workers, reporter
        As in `write_shards`.
    **options
        As in `open_pairs`.

    Returns
    -------
    VirtualPairs

    Raises
    ------
    InputError
        As in `open_pairs` and `write_shards`.
    """
    if form not in FORMATS:
        raise InputError(f"format '{form}'", expected="tar or folder", do=suggest(form, FORMATS))
    out = Path(out)
    workspace = out.with_name(out.name + ".faces")
    pairs = open_pairs(recipe, faces, workspace=workspace, workers=workers, reporter=reporter, **options)
    if form == "tar":
        write_shards(pairs, out, count=count, shard_size=shard_size, workers=workers, reporter=reporter)
    else:
        write_folder(pairs, out, count=count, workers=workers, reporter=reporter)
    shutil.rmtree(workspace, ignore_errors=True)
    return pairs
