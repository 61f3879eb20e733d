"""What all laws of kernels share: their interface, and the checks of sizes and numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.random.philox import halves

MAX_SIZE = 1023
"""Largest side of a kernel, pixels."""


class KernelLaw(ABC):
    """A law that kernels are drawn from: a frozen dataclass, which is stored with the seed.

    Attributes
    ----------
    standard_sizes : str
        Sizes of a bank where none are given.
    """

    standard_sizes: ClassVar[str] = "13:27:2"

    @abstractmethod
    def draw(self, seed: int, size: int, n: int = 1, *, start: int = 0) -> np.ndarray:
        """Draw kernels number `start` to ``start + n - 1`` of a size.

        Parameters
        ----------
        seed : int
            From 0 to 2**64 - 1.
        size : int
            Odd side in pixels, from 5 to 1023.
        n : int
            How many.
        start : int
            Number of the first; kernel i is the same in every batch that holds it.

        Returns
        -------
        (n, size, size) float64
            Each at least 0 and a function of (seed, size, number, law) alone, bit for bit; of sum 1 unless the law says
            otherwise.

        Raises
        ------
        InputError
            If a number is out of range, or no kernel fits within the law's number of attempts.
        """

    def count(self, size: int) -> int | None:
        """Number of kernels of a size that there are; None for a law that can be drawn from without end."""
        return None

    def counts(self, sizes: Sequence[int], per_size: int, first: int = 0) -> dict[int, int]:
        """Size -> number of kernels from number `first` on: `per_size`, or with 0 all that there are.

        Raises
        ------
        InputError
            If no size is given, one comes twice, or there are fewer kernels of one.
        """
        if len(sizes) == 0 or len(set(sizes)) != len(sizes):
            raise InputError("kernel sizes", expected="at least one size, each once", found=str(list(sizes)))
        found = {}
        for size in map(int, sizes):
            there = self.count(size)
            found[size] = per_size or (there or 0) - first
            if found[size] < 1 or (there is not None and first + found[size] > there):
                raise InputError(
                    f"kernels of size {size}", expected=f"{first + max(1, per_size):,}", found=f"{there or 0:,}",
                    do="choose fewer kernels per size, a lower first one, or other sizes",
                )  # fmt: skip
        return found

    def notes(self) -> list[str]:
        """Lines for the user about where the kernels come from."""
        return []

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them; the class called with them gives the law back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


def check_numbers(size: int, n: int, start: int) -> None:
    """Raise InputError unless `n` kernels of a size, number `start` and following, can be drawn."""
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size % 2 == 0 or not 5 <= size <= MAX_SIZE:
        raise InputError(
            "kernel size", expected=f"an odd number from 5 to {MAX_SIZE}", found=str(size), do="choose another size"
        )
    if not isinstance(n, int | np.integer) or n < 0:
        raise InputError(
            "number of kernels", expected="an integer of at least 0", found=str(n), do="choose another one"
        )
    halves(start, "start")
    halves(int(start) + max(int(n), 1) - 1, "number of the last kernel")
