"""A method that is ready to run: its class, options, weights, code, and the estimated kernels that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.outputs import KERNELS, Outputs, OutputsLike
from facedeblur.benchmark.sets.set import Set
from facedeblur.methods.base import Spec
from facedeblur.methods.keep import Keep, chosen


@dataclass(frozen=True)
class GivenKernels:
    """Kernels that another run estimated, for a method that needs kernels; such a run is not an oracle.

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
        """Entry in ``run.json``."""
        return {"method": self.method, "run": self.run, "kernels": self.digest}


@dataclass(frozen=True)
class Runnable:
    """A method with its options, ready to be constructed in the worker.

    Attributes
    ----------
    kind : type
        Constructed as ``kind(**options, **fixed)``.
    spec : Spec
    options : dict
        Every option with its value, as recorded in ``run.json``.
    shown : str
        Displayed name.
    weights : dict
        File name -> path, handed to ``load``.
    hashes : dict
        File name -> sha256 of each weight file.
    code : dict
        File name -> sha256 of code that is not an installed package.
    plugin : str
        Path of the plugin file, empty if absent.
    fixed : dict
        Arguments of the constructor that are places on this machine, not settings.
    timeout, batch : float, int or None
        Values from the method's TOML file.
    given : GivenKernels, optional
        Estimated kernels that replace the true ones.
    remark : str
        What the user should know of the weights; a note of the run.
    labels : bool
        Whether it is given the true labels of each face.
    keep : dict of str to Keep
        Intermediate results that the run stores.
    """

    kind: type[Any]
    spec: Spec
    options: dict[str, Any]
    shown: str
    weights: dict[str, Path] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    plugin: str = ""
    fixed: dict[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    batch: int | None = None
    given: GivenKernels | None = None
    remark: str = ""
    labels: bool = False
    keep: dict[str, Keep] = field(default_factory=dict)

    @property
    def oracle(self) -> bool:
        """Whether it is given the true kernels or labels."""
        return (self.spec.oracle and self.given is None) or self.labels

    @property
    def loads(self) -> bool:
        """Whether it is a network, that is, has ``load``."""
        return callable(getattr(self.kind, "load", None))

    @property
    def folder(self) -> bool:
        """Whether it restores whole folders, as a command does."""
        return callable(getattr(self.kind, "restore_folder", None))

    @property
    def kept_folders(self) -> dict[str, str]:
        """Folders of intermediate results, with the kind of each."""
        return {folder: keep.kind for name, keep in self.keep.items() for folder in keep.folders(name)}

    def keeping(self, names: Sequence[str]) -> Runnable:
        """Return the method so that it keeps intermediate results.

        Raises
        ------
        InputError
            If it cannot keep one of them.
        """
        return replace(self, keep=chosen(self.spec.name, getattr(self.kind, "keeps", {}), names))

    def with_kernels(self, given: GivenKernels) -> Runnable:
        """Return the method with estimated kernels in place of the true ones, and a name that says so.

        Raises
        ------
        InputError
            If it takes no kernels.
        """
        if not self.spec.oracle:
            raise InputError(
                f"method '{self.shown}' takes no kernels",
                do="leave out --kernels, or use a method that takes kernels, such as krishnan-fergus-2009",
            )  # fmt: skip
        head, _, options = self.shown.removesuffix("]").partition("[")
        inside = ",".join(part for part in (options, f"kernels={given.method}") if part)
        return replace(self, given=given, shown=f"{head}[{inside}]")


def read_given(given: OutputsLike, the_set: Set) -> GivenKernels:
    """Find the estimated kernels in the outputs of another run on the same set.

    Raises
    ------
    InputError
        If `given` holds no outputs of this set, or no kernels.
    """
    outputs = Outputs.open(given, the_set)
    bank = outputs.kernels()
    if bank is None:
        raise InputError(
            f"{outputs.root} has no {KERNELS}: method '{outputs.method}' estimated no kernels",
            do="give the outputs of a method that estimates kernels, such as xu-2013",
        )  # fmt: skip
    return GivenKernels((outputs.root / KERNELS).resolve(), outputs.method, outputs.run_hash, bank.digest())
