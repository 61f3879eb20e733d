"""One measured value of a run, as a column of a paper's table asks for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scoring.protocol import load_protocol, protocols
from facedeblur.benchmark.scoring.table import Column
from facedeblur.benchmark.whole_set.parsing import SHARP, Parsing
from facedeblur.reports.leaderboard.entry import Entry, summarise
from facedeblur.reports.tables.layout import How
from facedeblur.reports.tables.runs import Absent, Run


@dataclass(frozen=True)
class Measured:
    """A value, how it is defined, and what a reader has to know.

    Attributes
    ----------
    value, spread : float
        In the measure's own unit (dB, share, seconds, a count); standard deviation over all images, or NaN.
    signature : str
        Its definition: only values of the same one are ranked together.
    notes : tuple of str
    text : str
        In place of a number.
    """

    value: float
    signature: str
    spread: float = math.nan
    notes: tuple[str, ...] = ()
    text: str = ""


def measure(run: Run, how: How, protocol: str = "") -> Measured | Absent:
    """Return the value of a run that a column asks for, or why there is none.

    `protocol` is the one that is named where scoring by it would compute the value.
    """
    if how.kind == "scores":
        return _scored(run, how, protocol)
    if how.kind == "recognition":
        return _recognised(run, int(how.name))
    if how.kind == "parsing":
        return _parsed(run, *how.name.split(":"))
    if how.kind == "error-ratio":
        return _compared(run)
    if run.reference or run.entry is None:
        return Absent("not known without a score table: facedeblur score SET OUTPUTS")
    return _told(run.entry, how.kind)


def find(columns: tuple[Column, ...], metric: str) -> Column | None:
    """Return the column that `metric` names: of that family, with all its arguments (hashes of weights apart).

    Where several fit, the one with the fewest further arguments.
    """
    wanted = Signature.parse(metric)
    fitting = []
    for column in columns:
        args = Signature.parse(column.signature).args
        bare = {arg.partition("@")[0] for arg in args}
        if Signature.parse(column.signature).name == wanted.name and set(wanted.args) <= bare | set(args):
            fitting.append((len(args), column))
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


@lru_cache
def _command(protocol: str, metric: str) -> str:
    """What computes a metric: one line for all that a protocol has, so that a table needs one note."""
    if protocol in protocols() and metric in [entry.name for entry in load_protocol(protocol).metric]:
        return f"facedeblur score SET OUTPUTS --protocol {protocol}"
    return f"facedeblur score SET OUTPUTS --metric '{metric}'"


def _scored(run: Run, how: How, protocol: str) -> Measured | Absent:
    compute = _command(protocol, how.name)
    if run.reference:
        return Absent(f"not computed of the {SHARP} themselves")
    if run.entry is None:
        return Absent(f"not measured: {compute}")
    column = find(run.entry.meta.columns, how.name)
    if column is None:
        wanted = Signature.parse(how.name)
        why = [
            reason for name, reason in run.entry.meta.unavailable
            if Signature.parse(name).name == wanted.name and set(wanted.args) <= set(Signature.parse(name).args)
        ]  # fmt: skip
        return Absent(f"not measured ({why[0]}): {compute}" if why else f"not measured: {compute}")
    values, ok = run.entry.values(column, filled=False), run.entry.ok
    if how.kernel_size:
        chosen = run.entry.scores.frame["kernel_size"].to_numpy() == how.kernel_size
        if not chosen.any():
            return Absent(f"set '{run.set.name}' has no point spread functions of some of these sizes")
        values, ok = values[chosen], ok[chosen]
    found = summarise(column.counted(values, ok), column)
    if not found.n:
        return Absent(f"no pair of set '{run.set.name}' has a value of {column.signature}")
    number = found.worst if how.part == "worst" else found.mean
    # Failures are told once a run, not for every size.
    failed = int(np.isnan(column.counted(run.entry.values(column, filled=False), run.entry.ok)).sum())
    notes = (f"{failed:,} of {run.entry.total:,} pairs of {run.method} failed, each counted as the worst value "
             "that the protocol names",) if failed else ()  # fmt: skip
    return Measured(number, column.signature, found.std, notes)


def _recognised(run: Run, k: int) -> Measured | Absent:
    found = run.recognition
    if isinstance(found, Absent):
        return found
    lost = found.curve.misses + found.curve.outside
    notes = (f"{lost:,} of {found.curve.n_probes:,} probes of {run.method} have no embedding or nobody in the gallery, "
             "and count as not recognised",) if lost else ()  # fmt: skip
    return Measured(found.curve.top(k), found.signature, notes=notes)


def _parsed(run: Run, partition: str, group: str) -> Measured | Absent:
    found = run.parsing
    if isinstance(found, Absent):
        return found
    assert isinstance(found, Parsing)
    value, left_out = run.fscores(partition)[group], found.not_parsed(partition)
    if group in left_out:
        return Absent(f"parser {found.parser} does not tell {group}: facedeblur parse SET OUTPUTS --parser NAME")
    if math.isnan(value):
        return Absent(f"nothing to score {group} by: no label shows it, and parser {found.parser} finds none")
    notes = []
    if found.misses:
        notes.append(f"{found.misses:,} of {found.n_images:,} images of {run.method} without a face found or without "
                     "an output count as missed wholly")  # fmt: skip
    if group == "mean" and left_out:
        notes.append(f"mean without {', '.join(left_out)}, which parser {found.parser} does not tell")
    return Measured(value, f"fscore[{found.parser},{partition}]", notes=tuple(notes))


def _compared(run: Run) -> Measured | Absent:
    found = run.ratio
    if isinstance(found, Absent):
        return found
    notes = (f"{found.failed:,} of {found.ratios.size:,} pairs of {run.method} failed: their error ratio is infinite",)
    signature = f"error-ratio[{found.reference},{found.metric}]"
    return Measured(float(found.ratios.mean()), signature, notes=notes if found.failed else ())


def _told(entry: Entry, kind: str) -> Measured | Absent:
    where = str(entry.meta.run.get("device_name") or entry.device)
    if kind == "implementation":
        text = ", ".join(filter(None, (where, entry.precision)))
        return (
            Measured(math.nan, kind, text=text)
            if text
            else Absent("no device on record: facedeblur run METHOD SET -o OUTPUTS")
        )
    if kind == "seconds":
        if math.isnan(entry.seconds_per_image):
            return Absent("no run time on record: facedeblur run METHOD SET -o OUTPUTS")
        definition = ",".join(filter(None, (entry.image_size, where, entry.precision)))
        return Measured(entry.seconds_per_image, f"seconds[{definition}]")
    value = entry.bytes_fp32 / 1e6 if kind == "megabytes" else entry.parameters
    if math.isnan(value):
        return Absent("the method does not tell its number of parameters")
    return Measured(value, kind)
