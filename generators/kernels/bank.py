"""Banks of kernels drawn by a law: the table of laws, and the function that draws from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.arrays import MOST_BYTES
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.options import checked, make, one_of
from facedeblur.generators.kernels.boracchi_foi import KernelModel
from facedeblur.generators.kernels.deblurgan import DeblurganModel
from facedeblur.generators.kernels.given import GivenKernels
from facedeblur.generators.kernels.law import KernelLaw
from facedeblur.generators.kernels.spline import SplineModel

LAWS: dict[str, type[KernelLaw]] = {
    "trajectory": KernelModel,
    "spline": SplineModel,
    "deblurgan": DeblurganModel,
}
"""Boracchi and Foi 2012; Chakrabarti 2016; DeblurGAN's code with its slips, for comparison only."""


def law_named(name: str, **options: Any) -> KernelLaw:
    """The law called `name`; options that are None keep their recommended values.

    Raises
    ------
    InputError
        If there is no such law, it has no such option, or a value is out of range.
    """
    one_of("draw", name, LAWS)
    given = {option: value for option, value in options.items() if value is not None}
    law: KernelLaw = make(LAWS[name], given, f"draw '{name}'")
    return law


@checked
def kernels(
    sizes: str | Sequence[int] | None = None,
    per_size: int = 10,
    seed: int = 0,
    *,
    draw: str | KernelLaw = "trajectory",
    first: int = 0,
    **options: Any,
) -> Bank:
    """Draw a bank of motion-blur kernels: ``ker01 .. kerNN`` of every size, ordered by size as given.

    Parameters
    ----------
    sizes : str or sequence of int, optional
        Odd sides in pixels, each once: a list, or text such as ``13:27:2`` (first:last:step, last included) or
        ``21,31``. By default ``13:27:2``, and 65 for ``deblurgan``.
    per_size : int
        Kernels of each size.
    seed : int
        From 0 to 2**64 - 1.
    draw : {'trajectory', 'spline', 'deblurgan'} or KernelLaw
        Law of the kernels: Boracchi and Foi 2012, Chakrabarti 2016, or DeblurGAN's code with its slips.
    first : int
        Number of the first kernel of each size: ranges that do not overlap keep training and test apart.
    **options
        Fields of the law, such as ``length``, ``anxiety`` or ``exposure`` of `KernelModel` and ``grid`` of
        `SplineModel`; those that are None keep their recommended values.

    Returns
    -------
    Bank
        Kernel number `i` of size `k` is called ``ker{i + 1:02}_k{k}``, is a function of (seed, size, number, law)
        alone and has the sum 1; seed, law and package version are in ``meta``.

    Raises
    ------
    InputError
        If a number is out of range, a size comes twice, the law or an option of it is unknown, or no kernel fits.

    Examples
    --------
    >>> import facedeblur as fd
    >>> bank = fd.kernels("13:27:2", per_size=10, seed=0)
    >>> bank
    <Bank of 80 kernels of size 13 to 27>
    >>> bank.ids[:3]
    ('ker01_k13', 'ker02_k13', 'ker03_k13')
    >>> bank.kernel("ker01_k13").shape
    (13, 13)
    """
    if options and not isinstance(draw, str):
        raise InputError(
            f"option '{next(iter(options))}'", "the law is an object, which has its own options", do="set it there"
        )
    law = law_named(draw, **options) if isinstance(draw, str) else draw
    sizes = law.standard_sizes if sizes is None else sizes
    sides = parse_sizes(sizes) if isinstance(sizes, str) else tuple(sizes)
    if per_size < 1:
        raise InputError("kernels per size", expected="at least 1", found=str(per_size), do="choose another number")
    if not getattr(law, "normalise", True):
        raise InputError("kernel model, normalise", "kernels of a bank are always normalised", do="leave it out")
    return bank_of(law, law.counts(sides, per_size, first), seed, first=first)


def bank_of(law: KernelLaw, counts: Mapping[int, int], seed: int, *, first: int = 0) -> Bank:
    """Draw ``counts[size]`` kernels of each size, from number `first` on, named and recorded as in `kernels`.

    Raises
    ------
    InputError
        If they take too much memory, or cannot be drawn.
    """
    number, widest = sum(counts.values()), max(counts)
    room = number * widest**2 * 8
    if room > MOST_BYTES:
        raise InputError(
            f"{number:,} kernels of up to {widest:,} pixels",
            expected=f"at most {MOST_BYTES:,} bytes", found=f"{room:,}", do="ask for fewer or smaller ones",
        )  # fmt: skip
    names, drawn = [], []
    for size, count in counts.items():
        drawn += list(law.draw(seed, size, count, start=first))
        names += [f"ker{first + i + 1:02}_k{size}" for i in range(count)]
    meta = {
        "seed": int(seed),
        "draw": next((name for name, kind in LAWS.items() if isinstance(law, kind)), type(law).__name__),
        "model": law.as_dict(),
        "package": f"facedeblur {_package_version()}",
    }
    if isinstance(law, GivenKernels):
        meta["names"] = [name for size, count in counts.items() for name in law.names(size)[first : first + count]]
    return Bank.of(names, drawn, meta)


def parse_sizes(text: str) -> tuple[int, ...]:
    """Read kernel sizes from ``first:last:step`` (last included, step 2 by default) or a list with commas.

    Raises
    ------
    InputError
        If the text is neither.
    """
    try:
        if ":" not in text:
            return tuple(int(part) for part in text.split(","))
        first, last, step = [*map(int, text.split(":")), 2][:3]
        # Of 10,000 sizes some are larger than any kernel, so a longer list is refused all the same.
        sizes = tuple(islice(range(first, last + 1, step), 10_000))
        if text.count(":") > 2 or step < 1 or not sizes:
            raise ValueError
    except ValueError:
        raise InputError(
            f"sizes '{text}'", "neither first:last:step nor a list of whole numbers", do="use e.g. 13:27:2 or 21,31"
        ) from None
    return sizes


def parse_anxiety(text: str) -> tuple[float, ...]:
    """Read anxieties from a list with commas, such as ``0.001,0.005``.

    Raises
    ------
    InputError
        If a part is not a number.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"anxiety '{text}'", "not a list of numbers", do="use e.g. 0.005 or 0.001,0.005") from None


def _package_version() -> str:
    try:
        return version("facedeblur")
    except PackageNotFoundError:
        return "unknown"
