"""Kernels that another run has estimated, for a method that needs a kernel: what it restores is then no oracle's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.outputs import KERNELS, Outputs, OutputsLike
from facedeblur.benchmark.sets.set import Set


@dataclass(frozen=True)
class GivenKernels:
    """Whose kernels they are.

    Attributes
    ----------
    file : Path
        The bank, named by pair.
    method : str
        Displayed name of the method that estimated them.
    run : str
        ``run_hash`` of its outputs.
    digest : str
        sha256 of the kernels.
    """

    file: Path
    method: str
    run: str
    digest: str

    @property
    def record(self) -> dict[str, str]:
        """What ``run.json`` says."""
        return {"method": self.method, "run": self.run, "kernels": self.digest}


def read_given(given: OutputsLike, the_set: Set) -> GivenKernels:
    """Find the estimated kernels in the outputs of another run on the same set.

    Raises
    ------
    InputError
        When `given` holds no outputs of this set, or no kernels.
    """
    outputs = Outputs.open(given, the_set)
    bank = outputs.kernels()
    if bank is None:
        raise InputError(
            f"kernels of '{outputs.method}'", expected=f"{KERNELS} in {outputs.root}", found="none",
            do="give the outputs of a method that estimates kernels, such as xu-2013",
        )  # fmt: skip
    return GivenKernels((outputs.root / KERNELS).resolve(), outputs.method, outputs.run_hash, bank.digest())
