"""A method with everything that is needed to run it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.base import Spec
from facedeblur.methods.running.given_kernels import GivenKernels


@dataclass(frozen=True)
class Entry:
    """A method with its options, ready to be constructed in the worker.

    Attributes
    ----------
    kind : type
        Constructed as ``kind(**options, **fixed)``.
    spec : Spec
    options : dict
        Every option with its value; stands in ``run.json``.
    shown : str
        Displayed name.
    weights : dict
        File name -> path, handed to ``load``.
    hashes : dict
        File name -> sha256 of each weight file.
    code : dict
        File name -> sha256 of code that is no installed package.
    plugin : str
        Path of the plugin file, empty where there is none.
    fixed : dict
        Arguments of the constructor that are places on this machine, not settings.
    timeout, batch : float, int or None
        What the method's TOML file says.
    given : GivenKernels, optional
        Estimated kernels that take the place of the true ones.
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

    @property
    def oracle(self) -> bool:
        """True where it is given the true kernels."""
        return self.spec.oracle and self.given is None

    @property
    def loads(self) -> bool:
        """True for a network: it has ``load``."""
        return callable(getattr(self.kind, "load", None))

    @property
    def folder(self) -> bool:
        """True where it restores whole folders, as a command does."""
        return callable(getattr(self.kind, "restore_folder", None))

    def with_kernels(self, given: GivenKernels) -> Entry:
        """The same method with estimated kernels in place of the true ones, and a name that says so.

        Raises
        ------
        InputError
            When it takes no kernels.
        """
        if not self.spec.oracle:
            raise InputError(
                f"method '{self.shown}'", expected="one that takes kernels, such as krishnan-fergus-2009",
                found="one that takes none", do="leave --kernels out",
            )  # fmt: skip
        head, _, options = self.shown.removesuffix("]").partition("[")
        inside = ",".join(part for part in (options, f"kernels={given.method}") if part)
        return replace(self, given=given, shown=f"{head}[{inside}]")
