"""Recognition and parsing tests of whole sets as figures for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.reports.figures.style import COLUMN, GREY, axes_of, legend, looks, name, note, styled
from facedeblur.reports.text import told_apart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from facedeblur.benchmark.whole_set.parsing import Parsing
    from facedeblur.benchmark.whole_set.recognition import Recognition


def cmc(tests: Sequence[Recognition], *, most: int = 20, width: float = COLUMN) -> Figure:
    """Cumulative match curves: share of probes whose person is among the k nearest in the gallery.

    Probes that could not be embedded count as never recognised. The sharp images are a thin line.

    Parameters
    ----------
    tests : sequence of Recognition
        Of one set, one embedder and one distance.
    most : int
        Largest rank shown.
    width : float
        Inches.

    Raises
    ------
    InputError
        When there is none, two are of one run, or differ in set, embedder or distance.
    """
    tests = _one_kind(tests, "recognition", ("set_hash", "embedder", "distance", "n_gallery"))
    tests.sort(key=lambda test: (test.oracle, -test.top1, test.method))
    with styled():
        figure, axes = axes_of(width, 0.72)
        ranks = np.arange(1, min(most, max(len(test.cmc) for test in tests)) + 1)
        labels = _labels(tests)
        styles = looks((label, test.oracle) for label, test in zip(labels, tests, strict=True))
        for label, test in zip(labels, tests, strict=True):
            share = [100 * test.curve.top(int(k)) for k in ranks]
            style = styles[label] | {"markevery": max(len(ranks) // 8, 1)}
            axes.plot(ranks, share, label=name(label, oracle=test.oracle), **style)
        sharp = [100 * tests[0].clear.top(int(k)) for k in ranks]
        axes.plot(ranks, sharp, color="black", linewidth=0.8, label="sharp")
        axes.set_xlabel("rank")
        axes.set_ylabel("recognised (%)")
        axes.set_xticks([k for k in ranks if k == 1 or k % (5 if len(ranks) > 10 else 1) == 0])
        axes.grid(axis="y")
        legend(axes)
        missed = [f"{label} {test.misses:,}" for label, test in zip(labels, tests, strict=True) if test.misses]
        line = f"no face or failed, counted as not recognised: {', '.join(missed)}" if missed else ""
        note(axes, line, oracles=any(test.oracle for test in tests))
    return figure


def fscore(tests: Sequence[Parsing], *, partition: str = "helen11", width: float = COLUMN) -> Figure:
    """F-score of every component, one row a component and one mark a method; the mean is the lowest row.

    Parameters
    ----------
    tests : sequence of Parsing
        Of one set and one parser.
    partition : str
        Name of a partition of the classes.
    width : float
        Inches.

    Raises
    ------
    InputError
        When there is none, two are of one run, or differ in set or parser.
    """
    tests = _one_kind(tests, "parsing", ("set_hash", "parser", "classes"))
    tests.sort(key=lambda test: (test.oracle, -np.nan_to_num(test.mean(partition)), test.method))
    absent = tests[0].not_parsed(partition)
    rows = [group for group in tests[0].scores(partition) if group not in absent]
    with styled():
        figure, axes = axes_of(width, (0.8 + 0.2 * (len(rows) + 1)) / width)
        spots = [*(len(rows) - place for place in range(len(rows))), -0.3]
        labels = _labels(tests)
        styles = looks((label, test.oracle) for label, test in zip(labels, tests, strict=True))
        for label, test in zip(labels, tests, strict=True):
            scores = test.scores(partition)
            found = [100 * value for value in (*(scores[row] for row in rows), test.mean(partition))]
            style = styles[label] | {"linestyle": "", "clip_on": False}
            axes.plot(found, spots, label=name(label, oracle=test.oracle), **style)
        axes.axhline(0.35, color=GREY, linewidth=0.6)
        axes.set_yticks(spots, [*(row.replace("_", " ") for row in rows), "mean"])
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(right=100)
        axes.set_xlabel("F-score (%), pixels of all images pooled")
        axes.grid(axis="both")
        legend(axes)
        line = f"not parsed: {', '.join(absent)}" if absent else ""
        note(axes, line, oracles=any(test.oracle for test in tests))
    return figure


def _labels(tests: Sequence[Any]) -> list[str]:
    return told_apart([test.method for test in tests], [test.run_hash for test in tests])


def _one_kind(tests: Sequence[Any], kind: str, names: Sequence[str]) -> list[Any]:
    """The tests as a list, once it is clear that they compare."""
    if not tests:
        raise InputError(f"{kind} tables", expected="at least one", found="none")
    for test in tests[1:]:
        for one in names:
            if getattr(test, one) != getattr(tests[0], one):
                raise InputError(
                    f"{kind} of '{test.method}'",
                    expected=f"the {one.replace('_', ' ')} of '{tests[0].method}': {getattr(tests[0], one)}",
                    found=f"{getattr(test, one)}",
                    do="give tables that compare",
                )
    runs = [(test.method, test.run_hash) for test in tests]
    for run in runs:
        if runs.count(run) > 1:
            raise InputError(f"{kind} of '{run[0]}'", expected="each run once", found="the same run again",
                             do="give it once")  # fmt: skip
    return list(tests)
