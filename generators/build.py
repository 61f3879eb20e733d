"""Recipe and photographs to a set."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.images import pixel_hash, read_photo
from facedeblur.benchmark.kernel_bank import Bank
from facedeblur.benchmark.parallel import imap
from facedeblur.benchmark.set_writer import SetWriter
from facedeblur.benchmark.sets import Image, Pair, Set
from facedeblur.benchmark.stores import write_stack
from facedeblur.generators.crops import Crops, gather, read_wide
from facedeblur.generators.degrade import degrade_many
from facedeblur.generators.kernel_files import bank as make_bank
from facedeblur.generators.kernel_files import parse_sizes
from facedeblur.generators.recipe import BlurSpec, Recipe, load_recipe

PACKAGES = ("facedeblur", "numpy", "numba", "opencv-python", "scikit-image")


@dataclass(frozen=True)
class Task:
    """One photograph to blur with every kernel of the set."""

    image: Image
    first: int
    root: Path
    sharp_file: Path
    wide_file: Path | None
    recipe: Recipe
    seed: int
    store: str


def build(
    recipe: str | Path,
    faces: str | Path,
    out: str | Path,
    *,
    seed: int = 0,
    store: str = "png",
    detector: str = "dlib-hog",
    landmarker: str = "dlib-68",
    choose: str = "largest",
    licence: str = "",
    jobs: int = -1,
    backend: str = "loky",
    scheduler: str | None = None,
    align_progress: Callable[[int, int], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Set:
    """Build the set that `recipe` describes from the photographs in `faces`.

    The result depends on recipe, seed and photographs alone. A stopped build goes on when it is
    called again; a finished one is opened.

    Parameters
    ----------
    recipe : str or path
        Name of a recipe, or a TOML file.
    faces : path
        Folder of photographs, of finished crops, or one that `align` wrote.
    out : path
        Folder of the set.
    seed : int
        With an item's index it determines the item.
    store : {'png', 'npy'}
        One PNG a picture, or one array for all.
    detector, landmarker : str
        Who finds faces and their points where photographs must be aligned.
    choose : {'largest', 'central'}
        Which face of several is aligned.
    licence : str
        Licence of the photographs, for the record.
    jobs, backend, scheduler
        See `facedeblur.benchmark.parallel.imap`.
    align_progress, progress : callable, optional
        Called with (photographs aligned, in all) and (pairs made, in all).

    Returns
    -------
    Set

    Raises
    ------
    InputError
        When the recipe, the photographs or the output folder cannot be used.
    """
    described, text = load_recipe(recipe)
    bank = make_bank(
        seed, parse_sizes(described.kernels.sizes), described.kernels.per_size, model=described.kernels.model
    )
    out = Path(out)
    workspace = out.with_name(out.name + ".faces")
    crops = gather(
        faces,
        template=described.image.template,
        margin=int(bank.sizes.max()) // 2 if described.blur.border == "valid" else 0,
        workspace=workspace,
        detector=detector,
        landmarker=landmarker,
        choose=choose,
        jobs=jobs,
        progress=align_progress,
    )
    info = {
        "name": described.name,
        "title": described.title,
        "recipe": text,
        "seed": seed,
        "assumptions": [asdict(entry) for entry in described.assumption],
        "sources": [{"folder": Path(faces).resolve().name, "licence": licence or "not stated"}],
        "packages": {name: version(name) for name in PACKAGES},
    }
    writer = SetWriter(out, info, store=store)
    done = set(writer.start(crops.images, crops.sharp, bank, n_kernels=len(bank)))
    total = sum(image.status == "ok" for image in crops.images) * len(bank)
    made = len(done) * len(bank)
    tasks = _tasks(crops, writer.work, done, len(bank), described, seed, store)
    for pairs in imap(_blur_image, tasks, jobs=jobs, backend=backend, scheduler=scheduler):
        writer.append(pairs)
        made += len(pairs)
        if progress:
            progress(made, total)
    finished = writer.finish()
    shutil.rmtree(workspace, ignore_errors=True)
    return finished


def _tasks(
    crops: Crops, root: Path, done: set[str], n_kernels: int, recipe: Recipe, seed: int, store: str
) -> Iterator[Task]:
    usable = (image for image in crops.images if image.status == "ok")
    for rank, image in enumerate(usable):
        if image.image_id in done:
            continue
        sharp, wide = crops.sharp_files[image.image_id], crops.wide_files.get(image.image_id)
        yield Task(image, rank * n_kernels, root, sharp, wide, recipe, seed, store)


@lru_cache(maxsize=2)
def _bank(path: Path, mtime_ns: int) -> Bank:
    return Bank.load(path)


def _blur_image(task: Task) -> list[Pair]:
    """Make, write and describe all pairs of one photograph."""
    file = task.root / "kernels.npz"
    bank = _bank(file, file.stat().st_mtime_ns)
    image, recipe = task.image, task.recipe
    borders = [_border(recipe.blur, image, task.wide_file, int(size)) for size in bank.sizes]
    blurred = _blur(task, bank, borders)
    pairs = []
    for k, (kernel_id, size) in enumerate(zip(bank.ids, bank.sizes, strict=True)):
        pair_id = f"{image.image_id}_{kernel_id.partition('_')[0]}_blur_k{size}"
        pairs.append(
            Pair(
                index=task.first + k,
                pair_id=pair_id,
                image_id=image.image_id,
                kernel_id=kernel_id,
                kernel_size=int(size),
                blur_kind=recipe.blur.kind,
                border=borders[k],
                noise_sigma=recipe.noise.sigma,
                gamma=1.0,
                seed=task.seed,
                sharp=image.sharp,
                blur=f"blur/{pair_id}.png",
                sha256=pixel_hash(blurred[k]),
            )
        )
    write_stack(task.root, [pair.blur for pair in pairs], task.first, blurred, store=task.store)
    return pairs


def _border(blur: BlurSpec, image: Image, wide: Path | None, size: int) -> str:
    """What stands beyond the edge for a kernel of this size: the photograph where it reaches far enough."""
    if blur.border != "valid":
        return blur.border
    return "valid" if wide is not None and image.margin >= size // 2 else blur.fallback


def _blur(task: Task, bank: Bank, borders: list[str]) -> np.ndarray:
    """Blur with every kernel, those of one border together; (n, H, W, 3) uint8."""
    image, recipe = task.image, task.recipe
    out = np.empty((len(bank), image.height, image.width, 3), np.uint8)
    options: dict[str, Any] = {
        "sigma": recipe.noise.sigma,
        "seed": task.seed,
        "rounding": recipe.output.rounding,
    }
    for border in dict.fromkeys(borders):
        rows = np.array([k for k, other in enumerate(borders) if other == border])
        largest = int(bank.sizes[rows].max())
        cut = (bank.kernels.shape[1] - largest) // 2
        kernels = bank.kernels[rows, cut : cut + largest, cut : cut + largest]
        indices = task.first + rows
        if border == "valid":
            assert task.wide_file is not None
            sharp = read_wide(task.wide_file, (image.height, image.width), largest // 2)
        else:
            sharp = read_photo(task.sharp_file).pixels
        blurred = degrade_many(sharp, kernels, indices=indices, border=border, **options)
        if len(rows) == len(bank):
            return blurred
        out[rows] = blurred
    return out
