"""What a paper's table looks like: its methods, sets of images and measures, and which of them are rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """What is compared: a method, or a kind of image that a parser is given.

    Attributes
    ----------
    label : str
        As the paper prints it.
    method, condition : str
        Of its printed values.
    reference : bool
        True for what only shows the scale, the clear images for instance: it enters no ranking.
    """

    label: str
    method: str
    condition: str = ""
    reference: bool = False


def methods(*names: str) -> tuple[Subject, ...]:
    """Methods whose printed values stand under the names that they are shown by."""
    return tuple(Subject(name, name) for name in names)


@dataclass(frozen=True)
class Place:
    """A set of images, as the paper calls it.

    Attributes
    ----------
    label : str
    dataset, condition : str
        Of its printed values.
    collections, recipes : tuple of str
        A measured set stands in this place when its photographs are of one of these collections, or it
        was made by one of these recipes.
    set_hash : str
        Content hash of the paper's own set where it is known; only values of that very set are ranked with the
        printed ones.
    """

    label: str
    dataset: str = ""
    condition: str = ""
    collections: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    set_hash: str = ""


@dataclass(frozen=True)
class How:
    """How a measured value is come by.

    Attributes
    ----------
    kind : {'scores', 'recognition', 'parsing', 'error-ratio', 'seconds', 'parameters', 'megabytes', 'implementation'}
    name : str
        The metric (``ssim[matlab3d]``), the number of nearest images (``3``), or partition and group
        (``umsn4:hair``, ``helen11:mean``).
    part : {'mean', 'worst'}
    kernel_size : int
        Only pairs blurred by kernels of that size; 0 for all.
    """

    kind: str
    name: str = ""
    part: str = "mean"
    kernel_size: int = 0


@dataclass(frozen=True)
class Measure:
    """A column of numbers (or a row, where the paper lays it out so).

    Attributes
    ----------
    label, group : str
        Its heading, and the one above that it shares with its neighbours.
    metric, condition : str
        Of its printed values. No metric: the paper does not have it. A condition of ``*`` is any.
    how : How
    decimals : int
        Digits behind the point of measured values: as many as the paper prints.
    better : {'higher', 'lower', ''}
        Which way is good; empty where no ranking is meant.
    spread : str
        The metric that stands behind a plus-minus sign.
    suffix : str
        Behind each value: ``%``, or ``M`` for millions (``K`` below).
    scale : float
        What a value in its unit is multiplied by to be shown: 100 for per cent.
    placeless : bool
        True for what does not depend on the set of images.
    stated : str
        Signature of the definition that the paper states; empty where it states none.
    """

    label: str
    metric: str
    how: How
    decimals: int
    better: str = ""
    group: str = ""
    condition: str = ""
    spread: str = ""
    suffix: str = ""
    scale: float = 1.0
    placeless: bool = False
    stated: str = ""


@dataclass(frozen=True)
class Layout:
    """A paper's table.

    Attributes
    ----------
    document, table : str
        Its printed values: ``shen2020``, ``Table 10``.
    caption : str
        What it shows, in our words.
    stub : tuple of str
        Headings of the columns of labels, one an axis of `rows` (the panels' axis excepted).
    subjects : tuple of Subject
    places : tuple of Place
        A table of one place shows every measured set there.
    measures : tuple of Measure
    rows, columns : tuple of str
        The axes, the outermost first; the place is left out where there is one only.
    """

    document: str
    table: str
    caption: str
    stub: tuple[str, ...]
    subjects: tuple[Subject, ...]
    places: tuple[Place, ...]
    measures: tuple[Measure, ...]
    rows: tuple[str, ...] = ("subject",)
    columns: tuple[str, ...] = ("measure",)

    @property
    def number(self) -> str:
        """``10`` or ``IV``."""
        return self.table.removeprefix("Table ")

    @property
    def name(self) -> str:
        """For a file or a label: ``shen2020_table10``."""
        return f"{self.document}_table{self.number}"

    @property
    def panels(self) -> bool:
        """True where rows stand in panels, one a place, each with a heading."""
        return self.rows == ("place", "subject")
