"""What determines the pairs of a virtual set, apart from the photographs and the seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import check_fields, one_of
from facedeblur.generators.blur.convolve import BORDERS
from facedeblur.generators.blur.degrade import ROUNDINGS
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.generators.kernels.given import GivenKernels
from facedeblur.generators.kernels.law import KernelLaw
from facedeblur.generators.pairs.augment import AugmentLaw, augment_law

if TYPE_CHECKING:
    from facedeblur.generators.recipe import Recipe

TRAINING_NOISE = 2**63
"""Where training sets begin to count noise and augmentations, so that no test set with the same seed has them."""


@dataclass(frozen=True)
class PairSpec:
    """What determines pairs, apart from the photographs and the seed.

    Attributes
    ----------
    sizes : tuple of int
        Kernel sizes, in pixels; 1 means no blur.
    per_size : int
        Kernels of each size: those of number `first` to ``first + per_size - 1``; 0 for all of a file.
    first : int
        Number of the first kernel of each size: test sets take the kernels from 0 on, a training set those after them.
    model : KernelLaw
        Law of the kernels.
    noise : Noise
    border, fallback : str
        What is beyond a crop; `fallback` if ``valid`` finds too little of the photograph there.
    rounding : {'round', 'truncate'}
    augment : str or AugmentLaw, optional
        ``shen``, ``lin``, ``mspl``, or a law of your own.
    photographs : int
        Number of photographs that the recipe expects; 0 takes all there are.
    noise_from : int
        Added to the number of a pair for noise and augmentation.
    name : str
        Of the recipe.
    """

    sizes: tuple[int, ...]
    per_size: int
    first: int = 0
    model: KernelLaw = STANDARD
    noise: Noise = Noise(0.01)  # noqa: RUF009
    border: str = "valid"
    fallback: str = "reflect"
    rounding: str = "round"
    augment: str | AugmentLaw | None = None
    photographs: int = 0
    noise_from: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(int(size) for size in self.sizes))
        odd = all(size == 1 or (size >= 5 and size % 2) for size in self.sizes)
        fine = odd and 0 < len(self.sizes) == len(set(self.sizes))
        rules = {
            "sizes": (fine, "different kernel sizes, odd from 5 on, or 1"),
            "per_size": (self.per_size >= (0 if isinstance(self.model, GivenKernels) else 1), "at least 1"),
            "first": (0 <= self.first < 2**63, "from 0 to 2**63 - 1"),
            "border": (self.border in BORDERS, f"one of {', '.join(BORDERS)}"),
            "fallback": (self.fallback in BORDERS[1:], f"one of {', '.join(BORDERS[1:])}"),
            "rounding": (self.rounding in ROUNDINGS, "round or truncate"),
            "photographs": (self.photographs >= 0, "at least 0"),
            "noise_from": (0 <= self.noise_from <= TRAINING_NOISE, "from 0 to 2**63"),
        }
        check_fields(self, "pairs", rules, do="")
        self.counts  # noqa: B018 - refuses what the law does not have.

    @cached_property
    def counts(self) -> dict[int, int]:
        """Size -> number of kernels."""
        return self.model.counts(self.sizes, self.per_size, self.first)

    def unseen(self) -> PairSpec | None:
        """The same pairs with kernels that these have not, for validation; None if a file has no others.

        Of a law those after the last, as many again. Of a file the other part, or else those after the last.
        """
        if not isinstance(self.model, GivenKernels):
            return replace(self, first=self.first + self.per_size)
        other = self.model.other()
        if other is not None and other.sizes:
            return replace(self, model=other, sizes=other.sizes, first=0, per_size=0)
        after = self.first + max(self.counts.values())
        left = tuple(size for size in self.sizes if self.per_size and self.model.count(size) > after)
        return replace(self, sizes=left, first=after, per_size=0) if left else None

    @property
    def law(self) -> AugmentLaw | None:
        """The law of the augmentation; None if absent."""
        return self.augment if isinstance(self.augment, AugmentLaw) else augment_law(self.augment)

    @property
    def radius(self) -> int:
        """Radius of the largest kernel in pixels."""
        return max(self.sizes) // 2

    def surroundings(self, size: tuple[int, int]) -> int:
        """Pixels of surroundings that crops of (height, width) should be stored with."""
        if self.law is not None:
            return self.law.surroundings(*size, self.radius if self.border == "valid" else 0)
        return self.radius if self.border == "valid" else 0

    def as_dict(self) -> dict[str, Any]:
        """The values as records and digests of pairs hold them: Gaussian noise by its sigma alone."""
        values = asdict(self) | {"model": self.model.as_dict()}
        noise = values.pop("noise")
        return values | {"sigma": noise["sigma"]} | ({"noise": noise["kind"]} if noise["kind"] != "gaussian" else {})

    @classmethod
    def of(cls, recipe: Recipe, *, sigma: float | None = None, **changes: Any) -> PairSpec:
        """The spec that a recipe describes; `sigma` replaces the scale of its noise, `changes` replace other values.

        Raises
        ------
        InputError
            If the recipe does not blur by one kernel for the whole image, or a change is not a value of `PairSpec`.
        """
        if recipe.kernels is None or recipe.saturation is not None:
            raise InputError(
                f"recipe '{recipe.name}'",
                expected="uniform blur without saturation",
                found="saturated" if recipe.saturation else recipe.kind,
                do="use facedeblur build",
            )
        for change in changes:
            one_of("value", change, [field.name for field in fields(cls)], of="pairs")
        law = recipe.kernels.law
        values: dict[str, Any] = {
            "name": recipe.name,
            "sizes": recipe.kernels.sides(law),
            "per_size": recipe.kernels.per_size,
            "first": recipe.kernels.first,
            "model": law,
            "noise": recipe.noise if sigma is None else replace(recipe.noise, sigma=sigma),
            "border": recipe.blur.border,
            "fallback": recipe.blur.fallback,
            "rounding": recipe.output.rounding,
            "augment": recipe.augment,
            "photographs": recipe.image.count,
            "noise_from": TRAINING_NOISE if recipe.virtual else 0,
        }
        return cls(**(values | changes))
