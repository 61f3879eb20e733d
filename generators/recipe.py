"""Recipes: how a set is made, as data. One TOML file each, read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from facedeblur.benchmark.config import read_toml, strict
from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.generators.kernels import KernelModel

PACKAGE = "facedeblur.generators.recipes"
BORDERS = ("valid", "reflect", "replicate", "zero", "circular")


@dataclass(frozen=True)
class ImageSpec:
    """The sharp images: which alignment template they are warped to."""

    template: str


@dataclass(frozen=True)
class KernelSpec:
    """The point spread functions.

    Attributes
    ----------
    sizes : str
        ``first:last:step``, last included, or a comma list; pixels.
    per_size : int
    model : KernelModel
        The law they are drawn from.
    """

    sizes: str
    per_size: int
    model: KernelModel


@dataclass(frozen=True)
class BlurSpec:
    """How a sharp image is blurred, and what stands beyond its edge; `fallback` where the photograph ends."""

    kind: str
    border: str
    fallback: str


@dataclass(frozen=True)
class NoiseSpec:
    """White Gaussian noise; standard deviation in [0, 1] units."""

    sigma: float


@dataclass(frozen=True)
class OutputSpec:
    """How values become 8 bits: ``round`` (half up) or ``truncate``."""

    rounding: str


@dataclass(frozen=True)
class Assumption:
    """A choice that the paper leaves open: the key it settles, and why."""

    key: str
    text: str


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a set, but for the photographs and the seed."""

    name: str
    title: str
    source: str
    image: ImageSpec
    kernels: KernelSpec
    blur: BlurSpec
    noise: NoiseSpec
    output: OutputSpec
    assumption: tuple[Assumption, ...] = ()


def recipes() -> list[str]:
    """Names of the recipes that ship with the package."""
    return sorted(entry.name[:-5] for entry in files(PACKAGE).iterdir() if entry.name.endswith(".toml"))


def load_recipe(name: str | Path) -> tuple[Recipe, str]:
    """Load a recipe by its name, or from the user's own TOML file.

    Returns
    -------
    recipe : Recipe
    text : str
        The file verbatim, for the record.

    Raises
    ------
    InputError
        When there is none of that name, a key is unknown (with a suggestion), missing, of another
        type, or out of its range.
    """
    if str(name).endswith(".toml"):
        return _read(Path(name), str(name))
    if str(name) not in recipes():
        raise InputError(f"recipe '{name}'", expected="a known recipe", do=suggest(str(name), recipes()))
    with as_file(files(PACKAGE) / f"{name}.toml") as path:
        return _read(path, path.name)


def _read(path: Path, where: str) -> tuple[Recipe, str]:
    values, text = read_toml(path)
    recipe = strict(Recipe, values, where)
    _one_of(recipe.blur.kind, ("uniform",), f"{where}: blur.kind")
    _one_of(recipe.blur.border, BORDERS, f"{where}: blur.border")
    _one_of(recipe.blur.fallback, BORDERS[1:], f"{where}: blur.fallback")
    _one_of(recipe.output.rounding, ("round", "truncate"), f"{where}: output.rounding")
    if not 0 <= recipe.noise.sigma < 1:
        raise InputError(f"{where}: noise.sigma", expected="0 to 1, in [0, 1] units", found=f"{recipe.noise.sigma}")
    if recipe.kernels.per_size < 1:
        raise InputError(f"{where}: kernels.per_size", expected="at least 1", found=f"{recipe.kernels.per_size}")
    return recipe, text


def _one_of(value: str, known: tuple[str, ...], where: str) -> None:
    if value not in known:
        raise InputError(f"{where} '{value}'", expected="a known word", do=suggest(value, known))
