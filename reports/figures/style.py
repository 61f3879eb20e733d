"""What all figures for a paper share: colours, markers, type, and files that are the same bytes every time."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.files.atomic import write_bytes
from facedeblur.benchmark.files.lock import only_writer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".pdf", ".svg", ".png")
COLUMN, PAGE = 3.5, 7.16
"""Widths in inches of one column and of the page of an IEEE paper."""
DPI = 300
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
"""Okabe and Ito's colours, *Color Universal Design*, 2008; an ochre for their yellow, which is too pale on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "h")
GREY = "#555555"
STAR = "*"
STARRED = "* given the true kernel"

_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    # Type 42: journals refuse the default, type 3.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "facedeblur",
    "text.parse_math": False,
    "savefig.facecolor": "white",
}
_METADATA: dict[str, dict[str, Any]] = {
    ".pdf": {"CreationDate": None, "Creator": "facedeblur", "Producer": None},
    ".svg": {"Date": None, "Creator": "facedeblur"},
    ".png": {"Software": None},
}


def check_suffix(path: str | Path) -> str:
    """Return the suffix of a figure's file.

    Raises
    ------
    InputError
        When it is none of `SUFFIXES`.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(str(path), expected=f"a name that ends in {', '.join(SUFFIXES)}", found=suffix or "no suffix")
    return suffix


@contextmanager
def styled() -> Iterator[None]:
    """Settings of all figures while the block runs, whatever the user's own are.

    Raises
    ------
    InputError
        When matplotlib is not installed.
    """
    matplotlib = need("matplotlib", "report")
    with matplotlib.rc_context(dict(matplotlib.rcParamsDefault) | {"backend": "agg"} | _SETTINGS):
        yield


def save(figure: Figure, path: str | Path, *, dpi: float = DPI) -> Path:
    """Write a figure atomically as PDF, SVG or PNG; the same figure gives the same bytes."""
    suffix, path = check_suffix(path), Path(path)
    stream = io.BytesIO()
    with styled():
        figure.savefig(stream, format=suffix[1:], dpi=dpi, metadata=_METADATA[suffix])
    with only_writer(path):
        write_bytes(path, stream.getvalue())
    return path


def looks(methods: Iterable[tuple[str, bool]]) -> dict[str, dict[str, Any]]:
    """Colour, marker and line of every method, the same in all figures of the same methods.

    Parameters
    ----------
    methods : iterable of (str, bool)
        Label, and whether it has the true kernel: then it is dashed and hollow. The input ``blurred`` is grey.

    Returns
    -------
    dict
        Label -> keywords of a line. Colours and markers repeat with different periods, so that no two of 88 methods
        look the same.
    """
    found: dict[str, dict[str, Any]] = {}
    for label, oracle in sorted(methods):
        place = sum(known != "blurred" for known in found)
        colour = GREY if label == "blurred" else COLOURS[place % len(COLOURS)]
        found[label] = {
            "color": colour,
            "marker": "." if label == "blurred" else MARKERS[place % len(MARKERS)],
            "linestyle": (0, (1, 1.5)) if label == "blurred" else (0, (4, 1.6)) if oracle else "-",
            "markerfacecolor": "white" if oracle else colour,
            "markeredgecolor": colour,
            "markeredgewidth": 0.9,
        }
    return found


def name(label: str, *, oracle: bool = False, length: int = 30) -> str:
    """A method's name as figures write it, with a star for the true kernel."""
    label = label if len(label) <= length else label[: length - 1] + "…"
    return label + STAR * oracle


def axes_of(width: float, ratio: float) -> tuple[Figure, Axes]:
    """An empty figure, `width` inches wide and `ratio` of that high, with one plot."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, width * ratio), layout="constrained")
    return figure, figure.add_subplot()


def legend(*plots: Axes) -> None:
    """Above the plots, where no data lie, in as many columns as the width holds; the figure grows by its lines."""
    found: dict[str, Any] = {}
    for axes in plots:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    labels, handles = list(found), list(found.values())
    longest = max((len(label) for label in labels), default=1)
    figure = plots[0].get_figure(root=True)
    assert figure is not None
    across = max(1, min(len(labels), int(figure.get_figwidth() / (0.42 + 0.056 * longest))))
    figure.set_figheight(figure.get_figheight() + 0.15 * -(-len(labels) // across))
    figure.legend(
        handles, labels, loc="outside upper left", ncols=across, columnspacing=1.2, handlelength=1.9,
        borderaxespad=0.2, labelspacing=0.35,
    )  # fmt: skip


def note(axes: Axes, *lines: str, oracles: bool = False) -> None:
    """Small lines below the plot, where there is something to say; `oracles` explains the star."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    across = int(figure.get_figwidth() / 0.043)
    told = [part for line in (*lines, STARRED if oracles else "") for part in textwrap.wrap(line, across)]
    if told:
        figure.set_figheight(figure.get_figheight() + 0.11 * len(told))
        figure.supxlabel("\n".join(told), fontsize=6, color=GREY, x=0.99, ha="right")
