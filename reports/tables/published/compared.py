"""The methods that papers compare with: how each paper names them, what runs here, and where the rest comes from.

The data are ``compared.toml``, next to the printed values; a method that is added to the toolkit needs one line there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files

from facedeblur.benchmark.config import read_toml, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.methods.base import METHODS
from facedeblur.methods.nets.base import NETS, declared
from facedeblur.methods.nets.loading import listed
from facedeblur.reports.tables.published.values import PACKAGE, published

FILE = "compared.toml"


@dataclass(frozen=True)
class Printed:
    """How a paper names a method, in its tables and figures."""

    document: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """A method that papers compare with.

    Attributes
    ----------
    name : str
        Ours, by which figures refer to it.
    citation : str
    printed : tuple of Printed
    runs : str
        Method of the toolkit, as ``facedeblur run`` knows it; empty where it does not run here.
    remark : str
        What a reader of its results has to know.
    source : str
        Where its authors publish their program or weights; empty where nothing is known to be published.
    program : str
        File in ``examples/foreign`` that runs the authors' program; next to `runs` where that is our reading.
    """

    name: str
    citation: str
    printed: tuple[Printed, ...] = ()
    runs: str = ""
    remark: str = ""
    source: str = ""
    program: str = ""

    def names(self, document: str) -> tuple[str, ...]:
        """What a paper calls it; empty if that paper does not name it."""
        return tuple(name for one in self.printed if one.document == document for name in one.names)

    @property
    def command(self) -> str:
        """What runs it; empty where nothing does."""
        if self.runs:
            return f"facedeblur run {self.runs} SET -o OUTPUTS"
        return f"facedeblur run examples/foreign/{self.program}.toml SET -o OUTPUTS" if self.program else ""

    @property
    def origin(self) -> str:
        """From what it runs here, with which weights; or where its program or only its numbers are."""
        if self.runs in NETS:
            theirs = listed(declared(self.runs).files)
            at = f" of {self.source}" if self.source else ""
            weights = f"{theirs}{at}, or facedeblur train {self.runs}" if theirs else f"facedeblur train {self.runs}"
            text = f"network; weights: {weights}"
        elif self.runs:
            text = "from its equations"
        elif self.program:
            text = f"its authors' program, {self.source or 'of which no publication is known'}"
        else:
            text = f"printed numbers only; {self.source or 'no program is known to be published'}"
        parts = [text, self.remark]
        if self.runs and self.program:
            parts.append(f"its authors' program: examples/foreign/{self.program}.toml")
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True)
class Other:
    """Rows of a paper's tables that are no compared methods, and what they are."""

    document: str
    names: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class Measured:
    """What was measured of a method, next to a paper's printed values.

    Attributes
    ----------
    document, method : str
        The paper, and our name of the method.
    values : str
        As they are shown next to the printed ones.
    command : str
        What makes the outputs that were scored.
    """

    document: str
    method: str
    values: str
    command: str


@dataclass(frozen=True)
class Unmeasured:
    """Why there are no measured values next to those of a paper, or not of all methods."""

    document: str
    why: str


@dataclass(frozen=True)
class Comparison:
    """All compared methods, the other rows of tables, and why values are missing.

    Attributes
    ----------
    method : tuple of Compared
    other : tuple of Other
    measured : tuple of Measured
    unmeasured : tuple of Unmeasured
    """

    method: tuple[Compared, ...]
    other: tuple[Other, ...] = ()
    measured: tuple[Measured, ...] = ()
    unmeasured: tuple[Unmeasured, ...] = ()

    @property
    def by_name(self) -> Mapping[str, Compared]:
        """Our name -> the method."""
        return {one.name: one for one in self.method}

    def of(self, document: str) -> tuple[Compared, ...]:
        """The methods that a paper names.

        Raises
        ------
        InputError
            When there is no such paper.
        """
        one_of("paper", document, published().sources)
        return tuple(one for one in self.method if one.names(document))

    def measured_of(self, document: str, method: str) -> tuple[Measured, ...]:
        """What was measured of a method next to a paper's printed values."""
        return tuple(one for one in self.measured if (one.document, one.method) == (document, method))

    def why(self, document: str) -> str:
        """Why values of a paper have no measured ones next to them."""
        return next(one.why for one in self.unmeasured if one.document == document)


@lru_cache(maxsize=1)
def comparison() -> Comparison:
    """Every compared method that ships with the package, checked."""
    with as_file(files(PACKAGE) / FILE) as path:
        values, _ = read_toml(path)
    return checked(strict(Comparison, values, FILE))


def checked(found: Comparison) -> Comparison:
    """Return what was read, if it agrees with itself and the toolkit.

    Raises
    ------
    InputError
        When a name is given twice, a paper is unknown or a method does not exist here.
    """
    for value in found.measured:
        one_of("method", value.method, [one.name for one in found.of(value.document)], of=f"{FILE}, measured")
    seen: set[tuple[str, str]] = set()
    ours: set[str] = set()
    for one in found.method:
        if one.name in ours:
            raise InputError(f"{FILE}: method '{one.name}' is given twice")
        ours.add(one.name)
        if one.runs:
            one_of("runs", one.runs, METHODS, of=f"{FILE}, '{one.name}'")
    named: list[Printed | Other] = [*(part for one in found.method for part in one.printed), *found.other]
    for printed in named:
        one_of("paper", printed.document, published().sources, of=FILE)
        for name in printed.names:
            if (printed.document, name) in seen:
                raise InputError(f"{FILE}: '{name}' of {printed.document} is given twice")
            seen.add((printed.document, name))
    return found
