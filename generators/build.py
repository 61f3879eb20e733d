"""Recipe and photographs to a set."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, read_photo
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import write_stack
from facedeblur.benchmark.parallel import ALL, Workers, imap
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.generators.blur.nonuniform import PAD
from facedeblur.generators.blur.variants import Blurrer, KernelBlurrer, PoseBlurrer, blur_image
from facedeblur.generators.crops import Crops, Selection, gather, read_wide
from facedeblur.generators.kernels.files import bank as make_bank
from facedeblur.generators.kernels.files import parse_sizes
from facedeblur.generators.recipe import Recipe, load_recipe

PACKAGES = ("facedeblur", "numpy", "numba", "opencv-python", "scikit-image")


@dataclass(frozen=True)
class Task:
    """One photograph to blur in every way of the recipe."""

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
    name: str = "",
    seed: int = 0,
    store: str = "png",
    match: str = "",
    roles: Sequence[str] = (),
    listed: str | Path | None = None,
    limit: int | None = None,
    detector: str = "dlib-hog",
    landmarker: str = "dlib-68",
    choose: str = "largest",
    licence: str = "",
    workers: Workers | int = ALL,
    reporter: Reporter = SILENT,
) -> Set:
    """Build the set that `recipe` describes from the photographs in `faces`.

    The result depends on recipe, seed and photographs alone. A stopped build goes on when it is
    called again; a finished one is opened.

    Parameters
    ----------
    recipe : str or path
        Name of a recipe, or a TOML file.
    faces : str or path
        Folder of photographs, of finished crops, or one that `align` wrote; ``NAME:PATH`` names the
        reader of a published collection. Videos or folders of frames for averaged frames.
    out : path
        Folder of the set.
    name : str
        What the set is called in every table, where it is not to be the recipe's name: sets of one leaderboard have
        different names. The content hash does not depend on it.
    seed : int
        With an item's index it determines the item.
    store : {'png', 'npy'}
        One PNG a picture, or one array for all.
    match, roles, listed, limit
        Which photographs are taken; see `facedeblur.generators.photos.opening.open_collection`.
    detector, landmarker : str
        Who finds faces and their points where photographs must be aligned.
    choose : {'largest', 'central'}
        Which face of several is aligned.
    licence : str
        Licence of the photographs, for the record; by default what the collection's reader knows.
    workers : Workers or int
        Where to compute.
    reporter : Reporter
        Is told the progress.

    Returns
    -------
    Set

    Raises
    ------
    InputError
        When the recipe, the photographs or the output folder cannot be used.
    """
    described, text = load_recipe(recipe)
    if described.virtual:
        raise InputError(
            f"recipe '{described.name}'",
            expected="a set that can be stored",
            found="virtual training pairs",
            do="use facedeblur pairs, or train from the recipe",
        )
    record = {
        "name": name or described.name,
        "title": described.title,
        "recipe": text,
        "assumptions": [asdict(entry) for entry in described.assumption],
    }
    if (described.frames or described.kind == "given") and (match or roles or listed or limit is not None):
        raise InputError(
            f"recipe '{described.name}'", expected="the whole set", found="a choice of photographs",
            do="leave out --match, --list, --role and --limit",
        )  # fmt: skip
    if described.frames:
        from facedeblur.generators.video.frames import frames

        return frames(
            faces,
            out,
            **asdict(described.frames),
            template=described.image.template,
            detector=detector,
            landmarker=landmarker,
            choose=choose,
            licence=licence,
            store=store,
            seed=seed,
            workers=workers,
            reporter=reporter,
            record=record,
        )
    if described.kind == "given":
        from facedeblur.generators.given import given

        return given(faces, out, record=record, seed=seed, store=store, licence=licence, reporter=reporter)
    bank = _bank_of(described, seed)
    out = Path(out)
    workspace = out.with_name(out.name + ".faces")
    crops = gather(
        faces,
        template=described.image.template,
        margin=_margin(described, bank),
        workspace=workspace,
        skip=(out, out.with_name(out.name + ".building")),
        seed=seed,
        select=Selection(
            match=match,
            listed=listed,
            limit=limit,
            gallery=described.split.gallery if described.split else 0,
            roles=tuple(roles),
            detector=detector,
            landmarker=landmarker,
            choose=choose,
        ),
        workers=workers,
        reporter=reporter,
    )
    info = {
        **record,
        "seed": seed,
        "sources": [{"folder": crops.folder, "licence": licence or crops.licence, "collection": crops.collection}],
        "packages": {name: version(name) for name in PACKAGES},
        **({"reference": False} if described.kind == "real" else {}),
    }
    writer, real = SetWriter(out, info, store=store), described.kind == "real"
    each = 1 if real else len(_variants(described, seed, bank, crops))
    images = [_own_label(crops, image, keep_sharp=not real) for image in crops.images]
    done = set(writer.start(images, None if real else crops.sharp, bank, n_kernels=each, label=crops.label))
    blurred = [image for image in crops.images if image.blurred]
    made = len(done) * each
    tasks = _tasks(crops, blurred, writer.work, done, each, described, seed, store)
    for pairs in imap(_copy_image if real else _blur_image, tasks, workers):
        writer.append(pairs)
        made += len(pairs)
        reporter.progress("blurring", made, len(blurred) * each)
    finished = writer.finish()
    shutil.rmtree(workspace, ignore_errors=True)
    return finished


def _bank_of(recipe: Recipe, seed: int) -> Bank | None:
    spec = recipe.kernels
    if spec is None:
        return None
    return make_bank(
        seed,
        parse_sizes(spec.sizes),
        spec.per_size,
        first=spec.first,
        model=spec.spline if spec.draw == "spline" else spec.model,
    )


def _own_label(crops: Crops, image: Image, *, keep_sharp: bool) -> Image:
    """The record as it stands in the set: its label lies there, and a real photograph has no sharp pixels."""
    label = f"labels/{image.image_id}.png" if image.image_id in crops.label_files else ""
    return replace(
        image,
        label=label,
        label_sha256=pixel_hash(crops.label(image)) if label else "",
        sha256=image.sha256 if keep_sharp else "",
    )


def _margin(recipe: Recipe, bank: Bank | None) -> int:
    """Pixels of surroundings that are worth keeping."""
    if recipe.blur.border != "valid" or recipe.kind == "real":
        return 0
    return int(bank.sizes.max()) // 2 if bank else PAD


def _variants(recipe: Recipe, seed: int, bank: Bank | None, crops: Crops) -> tuple[object, ...]:
    image = next(image for image in crops.images if image.blurred)
    return tuple(_blurrer(recipe, seed, bank, (image.height, image.width)).variants)


def _blurrer(recipe: Recipe, seed: int, bank: Bank | None, shape: tuple[int, int]) -> Blurrer:
    return KernelBlurrer(recipe, seed, bank) if bank else PoseBlurrer(recipe, seed, shape)


@lru_cache(maxsize=4)
def _cached_blurrer(recipe: Recipe, seed: int, file: Path, mtime_ns: int, shape: tuple[int, int]) -> Blurrer:
    """One blurrer a process and set."""
    return _blurrer(recipe, seed, Bank.load(file) if mtime_ns else None, shape)


def _tasks(
    crops: Crops, blurred: list[Image], root: Path, done: set[str], each: int, recipe: Recipe, seed: int, store: str
) -> Iterator[Task]:
    for rank, image in enumerate(blurred):
        if image.image_id in done:
            continue
        sharp, wide = crops.sharp_files[image.image_id], crops.wide_files.get(image.image_id)
        yield Task(image, rank * each, root, sharp, wide, recipe, seed, store)


def _blur_image(task: Task) -> list[Pair]:
    """Make, write and describe all pairs of one photograph."""
    file = task.root / "kernels.npz"
    image, recipe, shape = task.image, task.recipe, (task.image.height, task.image.width)
    blurrer = _cached_blurrer(recipe, task.seed, file, file.stat().st_mtime_ns if file.is_file() else 0, shape)
    wide = task.wide_file
    blurred, borders = blur_image(
        blurrer,
        recipe,
        read_photo(task.sharp_file).pixels,
        None if wide is None else lambda margin: read_wide(wide, shape, margin),
        margin=image.margin,
        first=task.first,
    )
    described: dict[str, Any] = {
        "image_id": image.image_id,
        "blur_kind": recipe.kind,
        "noise_sigma": recipe.noise.sigma,
        "gamma": 1.0,
        "seed": task.seed,
        "sharp": image.sharp,
    }
    pairs = [
        Pair(
            index=task.first + row,
            pair_id=f"{image.image_id}_{variant.suffix}",
            kernel_id=variant.kernel_id,
            kernel_size=variant.size,
            border=borders[row],
            blur=f"blur/{image.image_id}_{variant.suffix}.png",
            sha256=pixel_hash(blurred[row]),
            **described,
        )
        for row, variant in enumerate(blurrer.variants)
    ]
    write_stack(task.root, [pair.blur for pair in pairs], task.first, blurred, store=task.store)
    return pairs


def _copy_image(task: Task) -> list[Pair]:
    """Take a real blurred photograph as it is."""
    pixels, name = read_photo(task.sharp_file).pixels, task.image.image_id
    pair = Pair(
        index=task.first,
        pair_id=name,
        image_id=name,
        kernel_id="",
        kernel_size=0,
        blur_kind="real",
        border="",
        noise_sigma=0.0,
        gamma=1.0,
        seed=task.seed,
        sharp="",
        blur=f"blur/{name}.png",
        sha256=pixel_hash(pixels),
    )
    write_stack(task.root, [pair.blur], task.first, pixels[None], store=task.store)
    return [pair]
