"""What pairs of a virtual set are made of, but for the photographs and the seed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.generators.blur.convolve import BORDERS
from facedeblur.generators.blur.degrade import ROUNDINGS
from facedeblur.generators.kernels.bank import parse_sizes
from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.generators.kernels.law import KernelLaw, check_fields
from facedeblur.generators.pairs.augment import AugmentLaw, law_named

if TYPE_CHECKING:
    from facedeblur.generators.recipe import Recipe

TRAINING_NOISE = 2**63
"""Where the noise and augmentations of training sets are counted from, so that no test set of the seed has them."""


@dataclass(frozen=True)
class PairSpec:
    """What pairs are made of, but for the photographs and the seed.

    Attributes
    ----------
    sizes : tuple of int
        Kernel sizes, pixels; 1 stands for no blur.
    per_size : int
        Kernels of each size: those of number `first` to ``first + per_size - 1``.
    first : int
        Test sets take the kernels from 0 on; a training set begins behind them.
    model : KernelLaw
        Law of the kernels.
    sigma : float
        Noise, [0, 1] units.
    border, fallback : str
        What lies beyond a crop, and where ``valid`` finds too little surrounding.
    rounding : {'round', 'truncate'}
    augment : str or AugmentLaw, optional
        ``shen``, ``lin``, ``mspl``, or a law of one's own.
    photographs : int
        How many photographs the recipe counts on; 0 takes what there is.
    noise_from : int
        Added to a pair's number for noise and augmentation.
    name : str
        Of the recipe.
    """

    sizes: tuple[int, ...]
    per_size: int
    first: int = 0
    model: KernelLaw = STANDARD
    sigma: float = 0.01
    border: str = "valid"
    fallback: str = "reflect"
    rounding: str = "round"
    augment: str | AugmentLaw | None = None
    photographs: int = 0
    noise_from: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(int(size) for size in self.sizes))
        known = isinstance(self.sigma, int | float) and 0 <= self.sigma < 1
        odd = all(size == 1 or (size >= 5 and size % 2) for size in self.sizes)
        fine = odd and 0 < len(self.sizes) == len(set(self.sizes))
        rules = {
            "sizes": (fine, "different kernel sizes, odd from 5 on, or 1"),
            "per_size": (self.per_size >= 1, "at least 1"),
            "first": (0 <= self.first < 2**63, "from 0 to 2**63 - 1"),
            "sigma": (known, "from 0 to 1, in [0, 1] units"),
            "border": (self.border in BORDERS, f"one of {', '.join(BORDERS)}"),
            "fallback": (self.fallback in BORDERS[1:], f"one of {', '.join(BORDERS[1:])}"),
            "rounding": (self.rounding in ROUNDINGS, "round or truncate"),
            "photographs": (self.photographs >= 0, "at least 0"),
            "noise_from": (0 <= self.noise_from <= TRAINING_NOISE, "from 0 to 2**63"),
        }
        check_fields(self, "pairs", rules, do="")

    @property
    def law(self) -> AugmentLaw | None:
        """The augmentation, None for none."""
        return self.augment if isinstance(self.augment, AugmentLaw) else law_named(self.augment)

    @property
    def radius(self) -> int:
        """Of the largest kernel, pixels."""
        return max(self.sizes) // 2

    def surroundings(self, size: tuple[int, int]) -> int:
        """Pixels of surrounding that crops of (height, width) should be stored with."""
        if self.law is not None:
            return self.law.surroundings(*size, self.radius if self.border == "valid" else 0)
        return self.radius if self.border == "valid" else 0

    @classmethod
    def of(cls, recipe: Recipe, **changes: Any) -> PairSpec:
        """What a recipe says of its pairs; `changes` replace single values.

        Raises
        ------
        InputError
            When the recipe's blur is not one kernel for the whole image with Gaussian noise, or a change is not
            known.
        """
        if recipe.kernels is None or recipe.saturation is not None or recipe.noise.kind != "gaussian":
            other = "saturated" if recipe.saturation else recipe.kind if recipe.kernels is None else "noise"
            raise InputError(
                f"recipe '{recipe.name}'",
                expected="uniform blur and Gaussian noise, which pairs are made with",
                found=f"{other} of kind {recipe.noise.kind}" if other == "noise" else other,
                do="use facedeblur build",
            )
        unknown = sorted(set(changes) - {field.name for field in fields(cls)})
        if unknown:
            known = [field.name for field in fields(cls)]
            raise InputError(f"pairs, '{unknown[0]}'", expected="a value of PairSpec", do=suggest(unknown[0], known))
        values: dict[str, Any] = {
            "name": recipe.name,
            "sizes": parse_sizes(recipe.kernels.sizes),
            "per_size": recipe.kernels.per_size,
            "first": recipe.kernels.first,
            "model": recipe.kernels.law,
            "sigma": recipe.noise.sigma,
            "border": recipe.blur.border,
            "fallback": recipe.blur.fallback,
            "rounding": recipe.output.rounding,
            "augment": recipe.augment,
            "photographs": recipe.image.count,
            "noise_from": TRAINING_NOISE if recipe.virtual else 0,
        }
        return cls(**(values | changes))
