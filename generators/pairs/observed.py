"""Two blurred images of one face, for trainings that see no sharp one.

Xia and Chakrabarti, NeurIPS 2019, train on two measurements of each image. As in their code, the two kernels and the
noise of a photograph are drawn once and stay: a training never sees a third. Of finished sets every pair is visited,
each time with another blurred image of its face.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.pairs.augment import draw_augmentation
from facedeblur.generators.pairs.sharp_source import size_of
from facedeblur.generators.pairs.spec import TRAINING_NOISE
from facedeblur.generators.pairs.stored import StoredPairs, StoredPlan
from facedeblur.generators.pairs.virtual import Plan, VirtualPairs
from facedeblur.generators.random.permutation import Permutation

OBSERVED_STREAM = 0x0B5E
"""Stream of the two kernels of a face, or of the second pair of a stored one."""

PROXY_STREAM = 0x9807
"""Stream of the kernels that estimates are blurred by."""


@dataclass(frozen=True, eq=False)
class ObservedPlan:
    """Which two blurred images of a face are taken.

    Attributes
    ----------
    index : int
        In the order of visits.
    number : int
        Determines random crops, together with the seed.
    first, second : Plan or StoredPlan
        Of one face, with different kernels; those of photographs with different noise, too.
    proxies : tuple of two Plan or StoredPlan
        Their kernels blur estimates of the face; every index has others.
    """

    index: int
    number: int
    first: Any
    second: Any
    proxies: tuple[Any, Any]


class Observations:
    """Pairs of blurred images of the same face.

    Parameters
    ----------
    pairs : VirtualPairs or StoredPairs
        Their faces, kernels, noise and seed.

    Raises
    ------
    InputError
        If there is a single kernel, or a face of a set has no two blurred images with different kernels.
    """

    def __init__(self, pairs: VirtualPairs | StoredPairs):
        self.pairs, self.source, self.seed = pairs, pairs.source, pairs.seed
        if isinstance(pairs, StoredPairs):
            self._others = _others(pairs)
        elif pairs.n_kernels < 2:
            raise InputError("two blurred images of each face", expected="2 kernels or more", found="1")

    def __len__(self) -> int:
        return len(self.pairs) if isinstance(self.pairs, StoredPairs) else self.pairs.n_images * self.pairs.repeats

    def edge(self, one: Any, *, whole: bool) -> int:
        """Pixels from the border of an image whose blur is not that of the mirrored sharp image.

        Parameters
        ----------
        one : Plan or StoredPlan
            One of the two of a plan.
        whole : bool
            Whether the image is not cropped.
        """
        return 0 if whole and self.pairs.border(one) == "reflect" else self.pairs.reach(one)

    def plan(self, index: int) -> ObservedPlan:
        """Plan visit `index`: what it is depends on the seed and the index alone."""
        index = int(index) % len(self)
        return (
            self._stored(self.pairs, index) if isinstance(self.pairs, StoredPairs) else self._virtual(self.pairs, index)
        )

    def _virtual(self, pairs: VirtualPairs, index: int) -> ObservedPlan:
        lap, place = divmod(index, pairs.n_images)
        face = int(Permutation(pairs.n_images, self.seed, lap)[place])
        kernels = self._draws(OBSERVED_STREAM, face).choice(pairs.n_kernels, 2, replace=False)
        law, number = pairs.spec.law, pairs.spec.noise_from + 2 * face
        drawn = None if law is None else draw_augmentation(law, self.seed, number, size_of(self.source, face))

        def planned(kernel: int, number: int) -> Plan:
            which, one = divmod(int(kernel), pairs.spec.per_size)
            return Plan(index, face, pairs.spec.sizes[which], pairs.spec.first + one, number, drawn)

        proxies = self._draws(PROXY_STREAM, index).integers(pairs.n_kernels, size=2)
        first, second = (planned(kernel, number + at) for at, kernel in enumerate(kernels))
        one, other = (planned(kernel, number) for kernel in proxies)
        return ObservedPlan(index, TRAINING_NOISE + index, first, second, (one, other))

    def _stored(self, pairs: StoredPairs, index: int) -> ObservedPlan:
        first = pairs.plan(index)
        others = self._others[first.row]
        second = replace(first, row=others[int(self._draws(OBSERVED_STREAM, index).integers(len(others)))])
        rows = self._draws(PROXY_STREAM, index).integers(pairs.lap, size=2)
        one, other = (StoredPlan(index, int(row), pairs.face_of(int(row)), first.number) for row in rows)
        return ObservedPlan(index, first.number, first, second, (one, other))

    def _draws(self, stream: int, number: int) -> np.random.Generator:
        key = np.array([self.seed ^ (stream << 48), number], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key))


def _others(pairs: StoredPairs) -> list[list[int]]:
    """For each row the rows of its face with other kernels."""
    by_face: dict[int, list[int]] = defaultdict(list)
    for row in range(pairs.lap):
        by_face[pairs.face_of(row)].append(row)
    found = [
        [other for other in by_face[pairs.face_of(row)] if pairs.kernel_of(other) != pairs.kernel_of(row)]
        for row in range(pairs.lap)
    ]
    lone = {pairs.source.faces[pairs.face_of(row)].image_id for row, others in enumerate(found) if not others}
    if lone:
        raise InputError(
            f"two blurred images of each face are needed; {len(lone):,} of {len(by_face):,} faces of the sets have one "
            f"kernel only, such as {min(lone)}",
            do="build the set with more kernels per face, or give photographs (--faces)",
        )
    return found
