"""What the layout of a paper's table consists of; the papers' own are in `facedeblur.reports.tables.papers`."""

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
class Dataset:
    """A set of images, as the paper calls it.

    Attributes
    ----------
    label : str
    name, condition : str
        Of its printed values.
    collections, recipes : tuple of str
        A measured set counts as this data set when all its photographs are of these collections and its recipe,
        whatever it is called, says what one of these does but for numbers of faces and kernels. Empty: any.
    faces : int
        Sharp faces in the paper's set; 0 where it does not say. What differs is stated below the table.
    set_hash : str
        Content hash of the paper's own set where it is known; only values of that very set are ranked with the
        printed ones.
    """

    label: str
    name: str = ""
    condition: str = ""
    collections: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    faces: int = 0
    set_hash: str = ""


@dataclass(frozen=True)
class How:
    """How a measured value is obtained.

    Attributes
    ----------
    kind : str
        ``scores``, ``recognition``, ``verification``, ``parsing``, ``labels`` (parsing of the label images that a run
        kept), ``confidence``, ``error-ratio``, ``seconds``, ``parameters``, ``megabytes``, ``implementation`` or
        ``printed``.
    name : str
        The metric (``ssim[matlab3d]``), the number of nearest images (``3``), or partition and group
        (``umsn4:hair``, ``helen11:mean``), or the class of a confidence (``1``); of kind ``printed``, why no score
        table has such a value.
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
        The metric printed behind a plus-minus sign.
    suffix : str
        Behind each value: ``%``, or ``M`` for millions (``K`` below).
    scale : float
        What a value in its unit is multiplied by to be shown: 100 for per cent.
    per_method : bool
        True for what depends on the method alone, not on the images.
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
    per_method: bool = False
    stated: str = ""


@dataclass(frozen=True)
class Layout:
    """A paper's table.

    Attributes
    ----------
    document, table : str
        Its printed values: ``shen2020``, ``Table 10``; ``Section 2.2`` for what the text prints.
    caption : str
        What it shows, in our words.
    stub : tuple of str
        Headings of the columns of labels, one per axis of `rows` (the panels' axis excepted).
    subjects : tuple of Subject
    datasets : tuple of Dataset
        A table of one data set shows every measured set in it.
    measures : tuple of Measure
    rows, columns : tuple of str
        The axes, the outermost first; the data set is left out where there is one only, the subject likewise.
    split : {'', 'step', 'kernel_size'}
        What the rows of a measured method are of, besides the image, where it has several: the steps of its training,
        or the sizes of the point spread function.
    """

    document: str
    table: str
    caption: str
    stub: tuple[str, ...]
    subjects: tuple[Subject, ...]
    datasets: tuple[Dataset, ...]
    measures: tuple[Measure, ...]
    rows: tuple[str, ...] = ("subject",)
    columns: tuple[str, ...] = ("measure",)
    split: str = ""

    @property
    def number(self) -> str:
        """``10`` or ``IV``; ``2.2`` of a section."""
        return self.table.partition(" ")[2]

    @property
    def name(self) -> str:
        """For a file or a label: ``shen2020_table10``, ``dfpgnet_section2.2``."""
        return f"{self.document}_{self.table.partition(' ')[0].lower()}{self.number}"

    @property
    def panels(self) -> bool:
        """True if rows are grouped in panels, one per data set, each with a heading."""
        return self.rows == ("dataset", "subject")
