"""Builds a set from a recipe and photographs; each kind of recipe has a builder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, read_photo
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.stores import write_stack
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.parallel import ALL, Workers, imap
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.sets.set import Image, Pair, Set, building
from facedeblur.benchmark.sets.traits import FILE
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.generators.align.photo import Finders
from facedeblur.generators.align.quality import Limits
from facedeblur.generators.blur.nonuniform import PAD
from facedeblur.generators.blur.variants import Blurrer, KernelBlurrer, PoseBlurrer, blur_image
from facedeblur.generators.crops import Crops, gather, read_wide
from facedeblur.generators.kernels.bank import bank_of
from facedeblur.generators.photos.opening import Photos, only_folder
from facedeblur.generators.photos.specs import Selection, parse_spec
from facedeblur.generators.recipe import Recipe, check_faces, faces_for, load_recipe

PACKAGES = ("facedeblur", "numpy", "numba", "opencv-python", "scikit-image")


@dataclass(frozen=True)
class Order:
    """What to build, from which photographs and where."""

    recipe: Recipe
    record: dict[str, Any]
    faces: Photos
    out: Path
    seed: int
    store: str
    selection: Selection
    finders: Finders
    limits: Limits
    licence: str
    workers: Workers | int
    reporter: Reporter


@checked
def build(
    recipe: str | Path,
    faces: Photos | None,
    out: str | Path,
    *,
    name: str = "",
    seed: int = 0,
    store: str = "png",
    selection: Selection = Selection(),
    finders: Finders = Finders(),
    limits: Limits = Limits(),
    licence: str = "",
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> Set:
    """Build the set that `recipe` describes from the photographs in `faces`.

    The result depends on recipe, seed and photographs alone. Call it again to resume an interrupted build; a
    finished one is opened.

    Parameters
    ----------
    recipe : str or path
        Name of a recipe, or a TOML file.
    faces : str, path, Collection or sequence of them
        Folder of photographs, of finished crops, or one that `align` wrote; ``NAME:PATH`` names a known
        collection, and ``NAME:PATH,2000`` how many of its photographs are drawn. Several folders make one set. Videos
        or folders of frames for averaged frames. None for a recipe that has its own faces.
    out : path
        Folder of the set.
    name : str
        What the set is called in every table; by default the name of the recipe. Sets on one leaderboard need
        different names. The content hash does not depend on it.
    seed : int
        Random seed, from 0 to 2**64 - 1; it also determines which photographs are drawn.
    store : {'png', 'npy'}
        One PNG per picture, or one array for all.
    selection : Selection
        Which photographs are taken; of pairs by name, role and number, and of videos only those with a role, where the
        recipe divides them.
    finders : Finders
        How faces are found where photographs must be aligned.
    limits : Limits
        Which of these faces are taken.
    licence : str
        Licence of the photographs, for the record; by default what is known of the collection.
    workers : Workers or int
        Where to compute.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets it instead.

    Returns
    -------
    Set

    Raises
    ------
    InputError
        When the recipe, the photographs or the output folder cannot be used.

    Examples
    --------
    >>> import facedeblur as fd
    >>> made = fd.build("shen2020", "photos/", "set/")
    >>> made
    <Set shen2020: 80 pairs, in set>
    >>> made.frame["kernel_size"].unique().tolist()
    [13, 15, 17, 19, 21, 23, 25, 27]
    """
    described, text = load_recipe(recipe)
    if described.virtual:
        raise InputError(
            f"recipe '{described.name}'", "describes virtual training pairs, which are not stored as a set",
            do="use facedeblur pairs, or train from the recipe",
        )  # fmt: skip
    divided = described.frames is not None and described.frames.train_share > 0
    if described.kind in WHOLE and selection.identity:
        raise InputError(f"recipe '{described.name}'", "takes identities from its files", do="leave out --identity")
    if described.kind in WHOLE and not (replace(selection, roles=()) if divided else selection).everything:
        raise InputError(
            f"recipe '{described.name}'", "needs all photographs of the set, not a selection",
            do="leave out --match, --list, --role, --people and --limit",
        )  # fmt: skip
    record = {
        "name": name or described.name,
        "title": described.title,
        "recipe": text,
        "assumptions": [asdict(entry) for entry in described.assumption],
    }
    out = Path(out)
    with only_writer(out, working=(building(out), _workspace(out))), reporting(progress) as reporter:
        order = Order(
            described,
            record,
            faces_for(described, faces),
            out,
            seed,
            store,
            selection,
            finders,
            limits,
            licence,
            workers,
            reporter,
        )
        return BUILDERS[described.kind](order)


def _blurred(order: Order) -> Set:
    """Blur every face with every kernel or camera path of the recipe."""
    bank = _bank(order.recipe, order.seed, order.reporter)
    crops = _crops(order, margin=_margin(order.recipe, bank))
    return _write(order, crops, bank, each=len(_variants(order, bank, crops)), work=_blur_image)


def _untouched(order: Order) -> Set:
    """Take real blurred photographs unchanged; they have no sharp version."""
    return _write(order, _crops(order, margin=0), None, each=1, work=_copy_image, reference=False)


def _averaged(order: Order) -> Set:
    """Average frames of videos."""
    from facedeblur.generators.video.frames import frames
    from facedeblur.generators.video.spec import FrameSpec

    assert order.recipe.frames is not None
    roles = order.selection.roles
    unknown = sorted(set(roles) - {"train", "test"})
    if unknown:
        raise InputError(f"role '{unknown[0]}' of videos", expected="train or test", do="leave it out")
    spec = FrameSpec(
        **asdict(order.recipe.frames),
        template=order.recipe.image.template,
        role=roles[0] if len(set(roles)) == 1 else "",
        min_coverage=order.limits.min_coverage,
        **asdict(order.finders),
    )
    videos = _whole_folder(order)
    return frames(
        videos, order.out, spec, licence=order.licence, store=order.store, seed=order.seed,
        workers=order.workers, progress=order.reporter, record=order.record,
    )  # fmt: skip


def _given(order: Order) -> Set:
    """Take pairs that others made."""
    from facedeblur.generators.given.build import given
    from facedeblur.generators.given.layout import open_listing

    want = parse_spec(only_folder(order.faces, f"recipe '{order.recipe.name}'"))
    if order.recipe.layout:
        want = replace(want, name=order.recipe.layout)
    opened = open_listing(want, order.selection)
    named = {} if order.recipe.layout or order.record["name"] != order.recipe.name else {"name": opened.title}
    return given(
        opened, order.out, record={**order.record, **named}, seed=order.seed, store=order.store, licence=order.licence,
        every_sharp=order.recipe.every_sharp, workers=order.workers, reporter=order.reporter,
    )  # fmt: skip


def _whole_folder(order: Order) -> Path:
    """The folder of a set that is made of everything in it; such a set takes no traits."""
    folder = Path(only_folder(order.faces, f"recipe '{order.recipe.name}'"))
    if (folder / FILE).is_file():
        order.reporter.say(f"{folder / FILE} is not used: sets of this recipe have no traits")
    return folder


BUILDERS: dict[str, Callable[[Order], Set]] = {
    "uniform": _blurred,
    "nonuniform": _blurred,
    "frames": _averaged,
    "real": _untouched,
    "given": _given,
}
WHOLE = ("frames",)
"""Kinds from which nothing can be selected."""


def _crops(order: Order, *, margin: int) -> Crops:
    """The aligned faces; an interrupted alignment is resumed."""
    recipe, out = order.recipe, order.out
    crops = gather(
        order.faces,
        template=recipe.image.template,
        margin=margin,
        workspace=_workspace(out),
        skip=(out, building(out)),
        selection=order.selection,
        gallery=recipe.split.gallery if recipe.split else 0,
        finders=order.finders,
        limits=order.limits,
        seed=order.seed,
        workers=order.workers,
        reporter=order.reporter,
    )
    check_faces(recipe, crops)
    return crops


def _workspace(out: Path) -> Path:
    return out.with_name(out.name + ".faces")


def _write(
    order: Order,
    crops: Crops,
    bank: Bank | None,
    *,
    each: int,
    work: Callable[[BlurTask], list[Pair]],
    reference: bool = True,
) -> Set:
    """Write the set: first sharp faces and kernels, then the pairs, `each` per photograph."""
    info = {
        **order.record,
        "seed": order.seed,
        "sources": [source | {"licence": order.licence or source["licence"]} for source in crops.sources],
        "packages": {name: version(name) for name in PACKAGES},
        **({} if reference else {"reference": False}),
    }
    writer = SetWriter(order.out, info, store=order.store)
    images = crops.records(keep_sharp=reference)
    done = set(
        writer.start(
            images, crops.sharp if reference else None, bank, n_kernels=each, label=crops.label, traits=crops.traits
        )
    )
    blurred = [image for image in crops.images if image.blurred]
    made = len(done) * each
    for pairs in imap(work, _tasks(order, crops, blurred, each, writer.work, done), order.workers):
        writer.append(pairs)
        made += len(pairs)
        order.reporter.progress("blurring", made, len(blurred) * each)
    finished = writer.finish()
    shutil.rmtree(_workspace(order.out), ignore_errors=True)
    return finished


def _bank(recipe: Recipe, seed: int, reporter: Reporter) -> Bank | None:
    spec = recipe.kernels
    if spec is None:
        return None
    law = spec.law
    for note in law.notes():
        reporter.say(note)
    bank = bank_of(law, law.counts(spec.sides(law), spec.per_size, spec.first), seed, first=spec.first)
    if spec.per_image > len(bank):
        raise InputError(f"recipe '{recipe.name}': kernels.per_image", expected=f"at most {len(bank)}, all kernels",
                         found=str(spec.per_image), do="lower it, or raise kernels.per_size")  # fmt: skip
    return bank


def _margin(recipe: Recipe, bank: Bank | None) -> int:
    """Width of the surroundings that the blur reaches, in pixels."""
    if recipe.blur.border != "valid":
        return 0
    return int(bank.sizes.max()) // 2 if bank else PAD


def _variants(order: Order, bank: Bank | None, crops: Crops) -> tuple[object, ...]:
    image = next(image for image in crops.images if image.blurred)
    return tuple(_blurrer(order.recipe, order.seed, bank, (image.height, image.width)).of(image.image_id).variants)


def _blurrer(recipe: Recipe, seed: int, bank: Bank | None, shape: tuple[int, int]) -> Blurrer:
    return KernelBlurrer(recipe, seed, bank) if bank else PoseBlurrer(recipe, seed, shape)


@lru_cache(maxsize=4)
def _cached_blurrer(recipe: Recipe, seed: int, file: Path, mtime_ns: int, shape: tuple[int, int]) -> Blurrer:
    """One blurrer per process and set."""
    return _blurrer(recipe, seed, Bank.load(file) if mtime_ns else None, shape)


@dataclass(frozen=True)
class BlurTask:
    """One photograph to blur."""

    image: Image
    first: int
    root: Path
    sharp_file: Path
    wide_file: Path | None
    recipe: Recipe
    seed: int
    store: str


def _tasks(
    order: Order, crops: Crops, blurred: list[Image], each: int, root: Path, done: set[str]
) -> Iterator[BlurTask]:
    for rank, image in enumerate(blurred):
        if image.image_id not in done:
            sharp, wide = crops.sharp_files[image.image_id], crops.wide_files.get(image.image_id)
            yield BlurTask(image, rank * each, root, sharp, wide, order.recipe, order.seed, order.store)


def _blur_image(task: BlurTask) -> list[Pair]:
    """Make and write all pairs of one photograph."""
    file = task.root / "kernels.npz"
    image, recipe, shape = task.image, task.recipe, (task.image.height, task.image.width)
    every = _cached_blurrer(recipe, task.seed, file, file.stat().st_mtime_ns if file.is_file() else 0, shape)
    blurrer = every.of(image.image_id)
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


def _copy_image(task: BlurTask) -> list[Pair]:
    """Copy a real blurred photograph."""
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
