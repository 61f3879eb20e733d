"""Pairs of finished sets as a source of training pairs, alone or mixed with virtual ones.

A set holds each pair on disk: averaged frames of videos, which no kernel describes, or what `build` has written. They
are visited in a pseudo-random order, all of them before one comes again, and are neither blurred nor augmented here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import centre_pad
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.sets.set import Image, Pair, Set, collections_of
from facedeblur.benchmark.words import many
from facedeblur.generators.pairs.sharp_source import SharpFace
from facedeblur.generators.pairs.spec import TRAINING_NOISE
from facedeblur.generators.pairs.virtual import Plan, VirtualPair, VirtualPairs
from facedeblur.generators.photos.files import unit_of
from facedeblur.generators.photos.specs import Wanted, parse_spec
from facedeblur.generators.random.permutation import Permutation


@dataclass(frozen=True, eq=False)
class StoredPlan:
    """Which stored pair is taken.

    Attributes
    ----------
    index : int
        In the order of visits.
    row : int
        Place among the pairs.
    image : int
        Number of its sharp face.
    number : int
        Determines random crops, together with the seed.
    """

    index: int
    row: int
    image: int
    number: int


@dataclass(frozen=True)
class StoredFace:
    """A sharp face of a set: the set, and its row in the set's table of images."""

    owner: Set
    image: Image


class FacesOfSets:
    """The sharp faces of some sets, as a `SharpSource`."""

    def __init__(self, faces: Sequence[StoredFace]):
        self._faces = tuple(faces)
        sizes = tuple((face.image.height, face.image.width) for face in faces)
        self.sizes = sizes if len(set(sizes)) > 1 else None
        self.size: tuple[int, int] = (min(high for high, _ in sizes), min(wide for _, wide in sizes))
        self.faces: Sequence[SharpFace] = tuple(
            # With the set's name: two sets may call different faces by one name.
            SharpFace(f"{face.owner.name}/{face.image.image_id}", face.image.identity, 0, face.image.sha256)
            for face in faces
        )

    def read(self, number: int) -> np.ndarray:
        """See `SharpSource`."""
        face = self._faces[number]
        return face.owner.sharp(face.image)


class StoredPairs:
    """Pairs of finished sets.

    Parameters
    ----------
    faces : sequence of StoredFace
    pairs : sequence of (int, Pair)
        Number of the sharp face and the pair.
    seed : int
        Of the order.
    origin : str
        Where they come from; only kept.
    collections : sequence of str
        Names of the collections that their photographs are from; only kept.
    repeats : int
        How often all are visited, each time in another order.
    """

    def __init__(
        self,
        faces: Sequence[StoredFace],
        pairs: Sequence[tuple[int, Pair]],
        *,
        seed: int = 0,
        origin: str = "",
        collections: Sequence[str] = (),
        repeats: int = 1,
    ):
        self._faces, self._pairs = tuple(faces), tuple(pairs)
        self.seed, self.origin, self.repeats = seed, origin, repeats
        self.collections = tuple(collections)
        self.source = FacesOfSets(faces)
        self.lap = len(self._pairs)
        self.images: tuple[Image, ...] = ()
        self.label_files = {
            face.image_id: inside(one.owner.root, one.image.label)
            for face, one in zip(self.source.faces, faces, strict=True)
            if one.image.label
        }
        self.sketch_files: dict[str, Path] = {}

    def __len__(self) -> int:
        return self.lap * self.repeats

    @property
    def radius(self) -> int:
        """Radius of the largest kernel in pixels; 0 without kernels."""
        return max((pair.kernel_size // 2 for _, pair in self._pairs), default=0)

    def described(self) -> list[list[Any]]:
        """Everything that determines the pairs, as JSON has it."""
        hashes = {face.owner.name: face.owner.content_hash for face in self._faces}
        return [sorted(hashes.items()), [[pair.pair_id, pair.sha256] for _, pair in self._pairs]]

    def only(self, numbers: Sequence[int], *, repeats: int = 1) -> StoredPairs:
        """The pairs of some of the faces."""
        place = {number: at for at, number in enumerate(numbers)}
        kept = [(place[face], pair) for face, pair in self._pairs if face in place]
        faces = [self._faces[number] for number in numbers]
        return StoredPairs(
            faces, kept, seed=self.seed, origin=self.origin, collections=self.collections, repeats=repeats
        )

    def with_noise(self, sigma: float) -> StoredPairs:
        """The same pairs: what noise they have is in their pixels."""
        return self

    def plan(self, index: int) -> StoredPlan:
        """Plan visit `index`."""
        index = int(index) % len(self)
        lap, place = divmod(index, self.lap)
        row = int(Permutation(self.lap, self.seed, lap)[place])
        return StoredPlan(index, row, self._pairs[row][0], TRAINING_NOISE + index)

    def make(self, plan: StoredPlan) -> VirtualPair:
        """Read a planned pair.

        Raises
        ------
        InputError
            If a file of the set is missing or was changed.
        """
        number, pair = self._pairs[plan.row]
        face = self.source.faces[number]
        return VirtualPair(
            plan.index, face.image_id, face.identity, (pair.kernel_size, 0), plan.number, pair.border, None,
            self.source.read(number), self._faces[number].owner.blurred(pair),
        )  # fmt: skip

    def size_of(self, plan: StoredPlan) -> tuple[int, int]:
        """Height and width of a pair, in pixels."""
        image = self._faces[plan.image].image
        return image.height, image.width

    def border(self, plan: StoredPlan) -> str:
        """What lay beyond the image when it was blurred."""
        return self._pairs[plan.row][1].border

    def reach(self, plan: StoredPlan) -> int:
        """Radius of the kernel of a pair, in pixels."""
        return self._pairs[plan.row][1].kernel_size // 2

    def label(self, plan: StoredPlan) -> np.ndarray:
        """Label classes of a pair, (H, W) uint8; InputError if its face has none."""
        return self._faces[plan.image].owner.label(self._faces[plan.image].image)

    def sketch(self, plan: StoredPlan) -> np.ndarray:
        """Raise InputError: a set holds no sketches."""
        raise InputError(f"face '{self.source.faces[plan.image].image_id}' has no sketch", do="train without --pairs")

    def face_of(self, row: int) -> int:
        """Number of the face of a pair, given its place among the pairs."""
        return self._pairs[row][0]

    def kernel_of(self, row: int) -> str:
        """Name of the kernel of a pair, given its place among the pairs; empty without one."""
        return self._pairs[row][1].kernel_id or ""

    def without_kernel(self) -> list[str]:
        """Ids of the pairs whose blur has no kernel, such as averaged frames."""
        return [
            pair.pair_id for number, pair in self._pairs
            if not pair.kernel_id or self._faces[number].owner.bank is None
        ]  # fmt: skip

    def padded_kernel(self, plan: StoredPlan) -> np.ndarray:
        """The kernel of a pair in the middle of zeros, as large as the largest kernel: (K, K) float64.

        Raises
        ------
        InputError
            If its blur has no kernel.
        """
        pair, bank = self._pairs[plan.row][1], self._faces[plan.image].owner.bank
        if not pair.kernel_id or bank is None:
            raise InputError(f"pair '{pair.pair_id}' has no kernel, which this training needs", do="leave the set out")
        return centre_pad(bank.kernel(pair.kernel_id), 2 * self.radius + 1)


class Mixture:
    """Virtual pairs and stored ones, taken in turn so that every beginning holds them in their shares.

    Of the first n pairs, ``floor(n share)`` are stored ones. Which pair an index means depends on it alone.

    Parameters
    ----------
    virtual : VirtualPairs
    stored : StoredPairs
    share : Fraction
        Of the stored pairs, between 0 and 1.
    """

    def __init__(self, virtual: VirtualPairs, stored: StoredPairs, share: Fraction):
        self.virtual, self.stored, self.share = virtual, stored, share
        self.source = _Both(virtual, stored)
        self.seed, self.images = virtual.seed, virtual.images
        self.origin = "; ".join(part for part in (virtual.origin, stored.origin) if part)
        self.collections = tuple(dict.fromkeys((*virtual.collections, *stored.collections)))
        self.label_files: Mapping[str, Path] = virtual.label_files | stored.label_files
        self.sketch_files = virtual.sketch_files

    def __len__(self) -> int:
        return int(min(len(self.virtual) / (1 - self.share), len(self.stored) / self.share))

    @property
    def radius(self) -> int:
        """Radius of the largest kernel in pixels."""
        return max(self.virtual.spec.radius, self.stored.radius)

    def with_noise(self, sigma: float) -> Mixture:
        """The same pairs with noise of another scale in the virtual ones, in [0, 1] units."""
        virtual: Any = self.virtual
        return Mixture(virtual.with_noise(sigma), self.stored, self.share)

    def plan(self, index: int) -> Plan | StoredPlan:
        """Plan pair `index`."""
        before, after = (int(number * self.share) for number in (index, index + 1))
        return self.stored.plan(before) if after > before else self.virtual.plan((index - before) % len(self.virtual))

    def make(self, plan: Plan | StoredPlan) -> VirtualPair:
        """Make or read a planned pair."""
        return self.stored.make(plan) if isinstance(plan, StoredPlan) else self.virtual.make(plan)

    def size_of(self, plan: Plan | StoredPlan) -> tuple[int, int]:
        """Height and width of a pair, in pixels."""
        return self.stored.size_of(plan) if isinstance(plan, StoredPlan) else self.virtual.size_of(plan)

    def label(self, plan: Plan | StoredPlan) -> np.ndarray:
        """Label classes of a pair, (H, W) uint8; InputError if its face has none."""
        return self.stored.label(plan) if isinstance(plan, StoredPlan) else self.virtual.label(plan)

    def sketch(self, plan: Plan | StoredPlan) -> np.ndarray:
        """The sketch of a virtual pair, (H, W) uint8; InputError if its face has none."""
        return self.stored.sketch(plan) if isinstance(plan, StoredPlan) else self.virtual.sketch(plan)

    def padded_kernel(self, plan: Plan | StoredPlan) -> np.ndarray:
        """The kernel of a pair in the middle of zeros, as large as the largest kernel of both: (K, K) float64."""
        own = self.stored.padded_kernel(plan) if isinstance(plan, StoredPlan) else self.virtual.padded_kernel(plan)
        return centre_pad(own, 2 * self.radius + 1)


class _Both:
    """The faces of both parts of a mixture, as a `SharpSource`: first those of the virtual pairs."""

    def __init__(self, virtual: VirtualPairs, stored: StoredPairs):
        self._parts = (virtual.source, stored.source)
        self.faces: Sequence[SharpFace] = (*virtual.source.faces, *stored.source.faces)
        several = any(getattr(part, "sizes", None) for part in self._parts) or len({p.size for p in self._parts}) > 1
        self.sizes = (
            tuple(
                size for part in self._parts for size in getattr(part, "sizes", None) or [part.size] * len(part.faces)
            )
            if several
            else None
        )
        self.size = (min(part.size[0] for part in self._parts), min(part.size[1] for part in self._parts))

    def read(self, number: int) -> np.ndarray:
        """See `SharpSource`."""
        first = len(self._parts[0].faces)
        return self._parts[0].read(number) if number < first else self._parts[1].read(number - first)


Pairs: TypeAlias = VirtualPairs | StoredPairs | Mixture
"""What a network is trained on."""


def open_stored(specs: Sequence[str | Path], *, seed: int = 0, reporter: Reporter = SILENT) -> StoredPairs:
    """Open pairs of finished sets.

    Parameters
    ----------
    specs : sequence of str or path
        Folders of sets. After commas follows which of the pairs are used, as for collections: ``SET,train`` those with
        this role, ``SET,500`` so many at random, ``SET,25%`` a share of them at random.
    seed : int
        Of the draws, and of the order.
    reporter : Reporter
        Gets a line for each set: what is taken of it.

    Raises
    ------
    InputError
        If a folder is not a set or has no sharp images, or fewer pairs than asked for.
    """
    faces, pairs, origins = list[StoredFace](), list[tuple[int, Pair]](), list[str]()
    for spec in specs:
        want = parse_spec(spec)
        if want.name != "auto":
            raise InputError(f"'{spec}'", "a set has no layout to name", do="give its folder")
        opened = Set.open(want.root)
        if any(face.owner.content_hash == opened.content_hash for face in faces):
            raise InputError(f"{want.root}: set '{opened.name}' is given twice", do="give it once")
        if any(face.owner.name == opened.name for face in faces):
            raise InputError(f"{want.root}: another set is called '{opened.name}', too", do="build it under --name")
        chosen = _chosen(opened, want, seed)
        numbers: dict[str, int] = {}
        for pair in chosen:
            if pair.image_id not in numbers:
                numbers[pair.image_id] = len(faces)
                faces.append(StoredFace(opened, opened.images[pair.image_id]))
            pairs.append((numbers[pair.image_id], pair))
        people = many(len({opened.images[name].identity for name in numbers}), "identity", "identities")
        of = f"{len(chosen):,} of {many(opened.n_pairs, 'pair')}, {many(len(numbers), 'face')} of {people}"
        origins.append(f"set {opened.name}: {of}" + f", role {want.role}" * bool(want.role)
            + f"; content hash {opened.content_hash[:16]}")  # fmt: skip
        reporter.say(f"from {origins[-1]}")
    sets = {face.owner.content_hash: face.owner for face in faces}.values()
    collections = collections_of(source for one in sets for source in one.info.get("sources", ()))
    return StoredPairs(faces, pairs, seed=seed, origin="; ".join(origins), collections=collections)


def _chosen(opened: Set, want: Wanted, seed: int) -> list[Pair]:
    """The pairs of a set that are wanted, in its order."""
    if not opened.has_sharp:
        raise InputError(f"{want.root}: set '{opened.name}' has no sharp images to train on", do="leave it out")
    pairs = [pair for pair in opened.pairs() if not want.role or opened.images[pair.image_id].role == want.role]
    if not pairs:
        roles = sorted({image.role for image in opened.images.values() if image.ok})
        raise InputError(
            f"{want.root}", expected=f"pairs with role {want.role}", found=f"roles {', '.join(roles)}",
            do="choose another role",
        )  # fmt: skip
    if want.number is not None and want.number > len(pairs):
        raise InputError(f"{want.root}", expected=f"{want.number:,} pairs", found=f"{len(pairs):,}", do="ask for fewer")
    number = want.count_of(len(pairs))
    ranks = sorted(pairs, key=lambda pair: (unit_of(seed, "pair", opened.name, pair.pair_id), pair.pair_id))
    drawn = {pair.pair_id for pair in ranks[:number]}
    return [pair for pair in pairs if pair.pair_id in drawn]
