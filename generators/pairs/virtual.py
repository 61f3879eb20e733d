"""The virtual training set: any of millions of pairs by its number alone, in constant memory.

Pair `i` combines one sharp face and one kernel. With ``shuffle`` their product is visited in a pseudo-random order, so
that every beginning of the set is a fair sample of it. Kernel, noise and augmentation are functions of (seed, number)
and drawn on demand: nothing is stored, however long the set is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_label
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.sets.set import Image
from facedeblur.generators.align.photo import Finders
from facedeblur.generators.align.quality import Limits
from facedeblur.generators.align.template import template_named
from facedeblur.generators.blur.convolve import check_border
from facedeblur.generators.blur.degrade import degrade
from facedeblur.generators.crops import gather
from facedeblur.generators.pairs.augment import (
    Augmentation,
    augment,
    augment_labels,
    augment_sketch,
    draw_augmentation,
)
from facedeblur.generators.pairs.sharp_source import (
    Recent,
    SharpFace,
    SharpFiles,
    SharpSource,
    one_size,
    packed,
    size_of,
)
from facedeblur.generators.pairs.sketches import Placing, stored_sketch, with_sketches
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.photos.opening import Photos
from facedeblur.generators.photos.specs import Selection
from facedeblur.generators.random.permutation import Permutation
from facedeblur.generators.random.philox import halves
from facedeblur.generators.recipe import check_faces, load_recipe

KERNEL_BYTES = 4 * 2**20
"""Limit of the cache of kernels in each process."""

UNLABELLED = 255
"""Class of pixels that an augmentation moves in from beyond the labels."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What a pair is made of, before any pixel is read.

    Attributes
    ----------
    index : int
        In the set.
    image : int
        Number of the face.
    size, kernel : int
        Size of the kernel in pixels, and its number among the kernels of that size.
    number : int
        Determines noise and augmentation, together with the seed.
    augmentation : Augmentation or None
    """

    index: int
    image: int
    size: int
    kernel: int
    number: int
    augmentation: Augmentation | None


@dataclass(frozen=True, eq=False)
class VirtualPair:
    """One pair.

    Attributes
    ----------
    index : int
        In the set.
    image_id, identity : str
    kernel : (size, number)
        Size in pixels, and number among the kernels of that size.
    number : int
        Determines noise and augmentation, together with the seed.
    border : str
        What lay beyond the crop when it was blurred.
    augmentation : Augmentation or None
    sharp, blurred : (H, W, 3) uint8 RGB
    """

    index: int
    image_id: str
    identity: str
    kernel: tuple[int, int]
    number: int
    border: str
    augmentation: Augmentation | None
    sharp: np.ndarray
    blurred: np.ndarray


class VirtualPairs:
    """All pairs of some faces and some kernels.

    Parameters
    ----------
    source : SharpSource
        The sharp faces.
    spec : PairSpec
    seed : int
        From 0 to 2**64 - 1.
    shuffle : bool
        Visit faces and kernels in a pseudo-random order; otherwise kernels change fastest, which gives the pairs of a
        built set in its order.
    repeats : int
        How often every face is combined with every kernel, each time with other noise, augmentation and order.
    images : sequence of Image
        The record of all photographs, including those that failed; only kept.
    origin : str
        Where the photographs come from, and their licence; only kept.
    collections : sequence of str
        Names of the collections that they are from; only kept.
    label_files : mapping, optional
        ``image_id`` -> file of the crop's labels.
    sketch_files : mapping, optional
        ``image_id`` -> file of the crop's sketch with its surroundings, see `facedeblur.generators.pairs.sketches`.

    Raises
    ------
    InputError
        If the recipe expects more photographs than there are, a kernel is larger than a crop, or the set is longer
        than 2**62.
    """

    def __init__(
        self,
        source: SharpSource,
        spec: PairSpec,
        *,
        seed: int = 0,
        shuffle: bool = False,
        repeats: int = 1,
        images: Sequence[Image] = (),
        origin: str = "",
        collections: Sequence[str] = (),
        label_files: Mapping[str, Path] | None = None,
        sketch_files: Mapping[str, Path] | None = None,
    ):
        halves(seed, "seed")
        for border in (spec.border, spec.fallback):
            check_border(border, *source.size, max(spec.sizes))
        if len(source.faces) < max(1, spec.photographs):
            raise InputError(
                f"recipe '{spec.name}'" if spec.name else "sharp faces",
                expected=f"{max(1, spec.photographs):,} photographs",
                found=f"{len(source.faces):,}",
                do="add photographs, or set their number (0 for all)",
            )
        self.source, self.spec, self.seed, self.shuffle, self.repeats = source, spec, int(seed), shuffle, repeats
        self.images, self.origin, self.label_files = tuple(images), origin, dict(label_files or {})
        self.collections = tuple(collections)
        self.sketch_files = dict(sketch_files or {})
        self.n_images = spec.photographs or len(source.faces)
        self._places = np.cumsum([0, *spec.counts.values()])
        self.n_kernels = int(self._places[-1])
        self.lap = self.n_images * self.n_kernels
        if repeats < 1 or self.lap * repeats > 2**62:
            raise InputError(
                "pairs",
                expected="at least 1 repeat and at most 2**62 pairs",
                found=f"{self.n_images:,} faces x {self.n_kernels:,} kernels x {repeats:,}",
            )
        self._law = spec.law
        self._kernels = Recent(KERNEL_BYTES)

    def __len__(self) -> int:
        return self.lap * self.repeats

    def with_noise(self, sigma: float) -> VirtualPairs:
        """The same pairs with noise of another scale, in [0, 1] units."""
        other = copy(self)
        other.spec = replace(self.spec, noise=replace(self.spec.noise, sigma=sigma))
        return other

    def plan(self, index: int) -> Plan:
        """Plan pair `index`.

        Raises
        ------
        IndexError
            If there is no such pair.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"pair {index} of {len(self)}")
        index = int(index) % len(self)
        lap, place = divmod(index, self.lap)
        if self.shuffle:
            place = _order(self.lap, self.seed, lap)[place]
        image, kernel = divmod(place, self.n_kernels)
        which = int(np.searchsorted(self._places, kernel, side="right")) - 1
        number = self.spec.noise_from + index
        drawn = (
            None if self._law is None else draw_augmentation(self._law, self.seed, number, size_of(self.source, image))
        )
        return Plan(
            index, image, self.spec.sizes[which], self.spec.first + kernel - int(self._places[which]), number, drawn
        )

    def face(self, plan: Plan) -> SharpFace:
        """The face of a pair."""
        return self.source.faces[plan.image]

    def size_of(self, plan: Plan) -> tuple[int, int]:
        """Height and width of a pair, in pixels."""
        return size_of(self.source, plan.image)

    def kernel(self, size: int, number: int) -> np.ndarray:
        """A kernel, (size, size) float64 of sum 1."""
        if size == 1:
            return np.ones((1, 1))
        return self._kernels.get((size, number), lambda: self.spec.model.draw(self.seed, size, start=number)[0])

    def padded_kernel(self, plan: Plan) -> np.ndarray:
        """The kernel of a pair in the middle of zeros, as large as the largest kernel: (K, K) float64."""
        return np.pad(self.kernel(plan.size, plan.kernel), self.spec.radius - plan.size // 2)

    def reach(self, plan: Plan) -> int:
        """Radius of the kernel of a pair, in pixels."""
        return plan.size // 2

    def border(self, plan: Plan) -> str:
        """What is beyond the crop: with ``valid`` its surroundings, or the fallback if they are too narrow.

        An augmented crop always has surroundings, which are mirrored beyond the photograph.
        """
        if self.spec.border != "valid" or plan.augmentation is not None:
            return self.spec.border
        return "valid" if self.face(plan).margin >= plan.size // 2 else self.spec.fallback

    def window(self, plan: Plan) -> np.ndarray:
        """The sharp crop that is blurred, with the radius of the kernel around it if the border is ``valid``."""
        stored = self.source.read(plan.image)
        radius = plan.size // 2 if self.border(plan) == "valid" else 0
        if plan.augmentation is not None:
            return augment(stored, plan.augmentation, size=self.size_of(plan), radius=radius)
        cut = (stored.shape[0] - self.size_of(plan)[0]) // 2 - radius
        return stored[cut : stored.shape[0] - cut, cut : stored.shape[1] - cut]

    def __getitem__(self, index: int) -> VirtualPair:
        """Make pair `index`.

        Raises
        ------
        IndexError
            If there is no such pair.
        InputError
            If its photograph cannot be read.
        """
        return self.make(self.plan(index))

    def make(self, plan: Plan) -> VirtualPair:
        """Make a planned pair."""
        face, border, window = self.face(plan), self.border(plan), self.window(plan)
        blurred = degrade(
            window,
            self.kernel(plan.size, plan.kernel),
            noise=self.spec.noise,
            seed=self.seed,
            index=plan.number,
            border=border,
            rounding=self.spec.rounding,
        )
        radius = plan.size // 2 if border == "valid" else 0
        sharp = window[radius : window.shape[0] - radius, radius : window.shape[1] - radius]
        return VirtualPair(
            plan.index, face.image_id, face.identity, (plan.size, plan.kernel), plan.number, border,
            plan.augmentation, np.ascontiguousarray(sharp), blurred,
        )  # fmt: skip

    def label(self, plan: Plan) -> np.ndarray:
        """Label classes of a pair, moved like its sharp crop: (H, W) uint8, `UNLABELLED` beyond the labels.

        Raises
        ------
        InputError
            If its photograph has no labels, or they cannot be read.
        """
        name = self.face(plan).image_id
        if name not in self.label_files:
            raise InputError(f"face '{name}' has no label file", do="use photographs with labels")
        size = self.size_of(plan)
        labels = read_label(self.label_files[name], size=size)
        if plan.augmentation is None:
            return labels
        return augment_labels(labels, plan.augmentation, size=size, outside=UNLABELLED)

    def sketch(self, plan: Plan) -> np.ndarray:
        """The sketch of a pair, moved like its sharp crop but not recoloured: (H, W) uint8, 255 is paper.

        Raises
        ------
        InputError
            If its photograph has no sketch, or it cannot be read.
        """
        name, size = self.face(plan).image_id, self.size_of(plan)
        if name not in self.sketch_files:
            raise InputError(f"face '{name}' has no sketch", do="use photographs with sketches")
        stored = stored_sketch(self.sketch_files[name], size)
        if plan.augmentation is not None:
            return augment_sketch(stored, plan.augmentation, size=size)
        cut = (stored.shape[0] - size[0]) // 2
        return stored[cut : cut + size[0], cut : cut + size[1]]

    def __iter__(self) -> Iterator[VirtualPair]:
        return (self[index] for index in range(len(self)))


def open_pairs(
    recipe: str | Path,
    faces: Photos,
    *,
    workspace: str | Path,
    seed: int = 0,
    shuffle: bool = True,
    repeats: int = 1,
    pack: bool = True,
    selection: Selection = Selection(),
    finders: Finders = Finders(),
    limits: Limits = Limits(),
    sketches: str | Path | None = None,
    without_sketch: bool = False,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
    **changes: Any,
) -> VirtualPairs:
    """Open the virtual set that a recipe describes, of a folder of photographs.

    Photographs are aligned into `workspace`, with the surroundings that blur and augmentation need; later calls find
    them there.

    Parameters
    ----------
    recipe : str or path
        Name of a recipe, or a TOML file.
    faces : str, path, Collection or sequence of them
        Folder of photographs, of finished crops, or one that `align` wrote; ``NAME:PATH`` names a known
        collection, and ``NAME:PATH,2000`` how many of its photographs are drawn; or several of these.
    workspace : path
        Folder for aligned crops and the packed array.
    seed, shuffle, repeats
        As in `VirtualPairs`.
    pack : bool
        Keep the crops in one array, which is read without decoding, if they have one size.
    selection, finders, limits, workers, progress
        As in `facedeblur.generators.build.build`.
    sketches : path, optional
        Folder of sketches of these photographs, see `facedeblur.generators.photos.sketches`.
    without_sketch : bool
        Keep the photographs that have no sketch there.
    **changes
        Values of `PairSpec` that replace those of the recipe, and ``sigma``, the scale of the noise.

    Returns
    -------
    VirtualPairs

    Raises
    ------
    InputError
        If the recipe or the photographs cannot be used.
    """
    described, _ = load_recipe(recipe)
    spec = PairSpec.of(described, **changes)
    # Photographs in their own sizes have no surroundings.
    goal = None if described.image.template == "none" else template_named(described.image.template)
    margin = spec.surroundings((goal.height, goal.width)) if goal else 0
    sketch_files: dict[str, Path] = {}
    with reporting(progress) as reporter:
        crops = gather(
            faces,
            template=described.image.template,
            margin=margin,
            workspace=Path(workspace) / "faces",
            skip=() if sketches is None else (Path(sketches),),
            selection=selection,
            finders=finders,
            limits=limits,
            seed=seed,
            workers=workers,
            reporter=reporter,
        )
        for note in spec.model.notes():
            reporter.say(note)
        check_faces(described, crops)
        several = len(crops.sources) > 1
        told = [one["collection"] for one in crops.sources if several or "drawn from" in one["collection"]]
        for text in told:
            reporter.say(f"from {text}")
        if sketches is not None:
            crops, sketch_files = with_sketches(
                crops, sketches, placing=Placing(margin, goal.spec.filter if goal else "triangle"),
                workspace=Path(workspace) / "sketches", keep_all=without_sketch, reporter=reporter,
            )  # fmt: skip
    origin = "; ".join(
        f"{one['folder']}, {one['collection'] if told else 'licence: ' + one['licence']}" for one in crops.sources
    )
    source: SharpSource = SharpFiles(crops)
    if pack and one_size(source):
        source = packed(source, Path(workspace) / "faces.npy", needed=spec.surroundings(source.size))
    return VirtualPairs(
        source,
        spec,
        seed=seed,
        shuffle=shuffle,
        repeats=repeats,
        images=crops.images,
        origin=origin,
        collections=tuple(dict.fromkeys(part for name, _ in crops.origins for part in name.split(" and "))),
        label_files=crops.label_files,
        sketch_files=sketch_files,
    )


@lru_cache(maxsize=64)
def _order(n: int, seed: int, lap: int) -> Permutation:
    return Permutation(n, seed, lap)
