"""Measured results for paper tables: scores, recognition and parsing of a run, and the value that a column asks for."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.tables import printable
from facedeblur.benchmark.metrics.faces.verification import Verification
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scoring.agreement import find_column, need_whole
from facedeblur.benchmark.scoring.protocol import load_protocol, protocols
from facedeblur.benchmark.scoring.sharp import sharp_file
from facedeblur.benchmark.scoring.table import FILE, Scores, ScoresLike
from facedeblur.benchmark.statistics.error_ratio import ErrorRatio, error_ratio
from facedeblur.benchmark.weights import short_digest
from facedeblur.benchmark.whole_set.parsing import SHARP_FILE, Parsing
from facedeblur.benchmark.whole_set.recognition import Curve, Recognition
from facedeblur.benchmark.whole_set.record import Record
from facedeblur.benchmark.whole_set.run import SHARP
from facedeblur.benchmark.words import many
from facedeblur.methods.confidence import Confidence, Confidences, is_table, mean
from facedeblur.methods.nets.base import NETS, declared
from facedeblur.reports.leaderboard.board import MethodScores, summarise
from facedeblur.reports.leaderboard.whole_sets import of_scored
from facedeblur.reports.tables.layouts import How
from facedeblur.reports.tables.sets import SetOf, set_of

ResultLike = ScoresLike | Confidences
"""What a table of a paper is filled from."""

RECOGNITION, PARSING = Recognition.file_name, Parsing.file_name


@dataclass(frozen=True)
class Absent:
    """Why there is no value, and what would compute it."""

    why: str


@dataclass(frozen=True)
class Recognised:
    """A recognition curve and what it was made with; the verification of the same probes, if there are enough."""

    curve: Curve
    signature: str
    embedder: str
    verification: Verification | None


@dataclass(frozen=True, eq=False)
class Run:
    """What was measured of a method on a set.

    Attributes
    ----------
    method : str
    oracle, reference : bool
        Given the true kernel; not a method at all (the sharp images). Neither enters a ranking.
    set : SetOf
    run_hash : str
    scored : MethodScores or None
        Its score table; of the sharp images that of the metrics of an image alone.
    recognition : Recognised or Absent
    parsing : Parsing or Absent
    confidences : tuple of Confidence, or Absent
        Of its training or of its kernels, see `facedeblur.methods.confidence`; only a run of a table of these has some.
    info : dict
        Contents of ``run.json`` as the score table has them: device, timings, parameters.
    labels : Parsing or Absent
        Of the label images that the run kept: what the network itself found (``run --keep parsing``).
    ratio : ErrorRatio or Absent
        Against the run with the true kernels that restores as this one does, or else the only one there is.
    """

    method: str
    oracle: bool
    reference: bool
    set: SetOf
    run_hash: str
    scored: MethodScores | None
    recognition: Recognised | Absent
    parsing: Parsing | Absent
    info: dict[str, Any] = field(default_factory=dict)
    labels: Parsing | Absent = field(default_factory=lambda: NO_LABELS)
    ratio: ErrorRatio | Absent = field(default_factory=lambda: NO_RATIO)
    confidences: tuple[Confidence, ...] | Absent = field(default_factory=lambda: NO_CONFIDENCE)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_fscores", {})

    @property
    def parser(self) -> str | None:
        """The parser of its parsing test; None without one."""
        return self.parsing.parser if isinstance(self.parsing, Parsing) else None

    def fscores(self, found: Parsing, partition: str) -> dict[str, float]:
        """F-scores of a partition's groups and their mean (``mean``), of one of this run's two parsings."""
        known: dict[tuple[bool, str], dict[str, float]] = self._fscores  # type: ignore[attr-defined]
        key = (found is self.labels, partition)
        if key not in known:
            known[key] = {**found.scores(partition), "mean": found.mean(partition)}
        return known[key]


NO_RECOGNITION = Absent("not measured: facedeblur recognise SET OUTPUTS")
NO_PARSING = Absent("not measured: facedeblur parse SET OUTPUTS")
NO_LABELS: Absent = Absent(
    "not measured: facedeblur run shen2020 SET -o OUTPUTS --keep parsing, then facedeblur parse SET OUTPUTS/parsing"
)
NO_CONFIDENCE: Absent = Absent("not measured: facedeblur confidence SET WEIGHTS... -o TABLE.csv")
NO_RATIO: Absent = Absent(
    "no run with the true kernels to compare with: facedeblur run krishnan-fergus-2009 SET -o OUTPUTS"
)


def read_runs(scores: ResultLike | Iterable[ResultLike]) -> tuple[Run, ...]:
    """Read what was measured of each run; the sharp images of a set follow as a run of their own.

    Parameters
    ----------
    scores : Scores, path, or several of them
        Score tables, their files, or OUTPUTS folders. ``recognition.parquet`` and ``parsing.parquet`` are taken from
        the same folder, or from that of the outputs; a folder may hold these alone. So are the results of the sharp
        images, ``scores.sharp.parquet`` and ``parsing.sharp.parquet``. Tables of confidences, too.

    Returns
    -------
    tuple of Run
        In the order given, methods with the true kernel after the others.

    Raises
    ------
    InputError
        When a folder holds none of the three, a file is damaged, or a run is given twice.
    """
    tables = [scores] if isinstance(scores, Scores | Confidences | str | os.PathLike) else scores
    runs: list[Run] = []
    sharp: dict[tuple[str, str | None], Run] = {}
    confidences: list[Run] = []
    for table in tables:
        if isinstance(table, Confidences) or (not isinstance(table, Scores) and is_table(table)):
            confidences += _confident(table if isinstance(table, Confidences) else Confidences.read(table))
            continue
        run, clear = _read(table)
        for other in runs:
            same = (run.method, run.set.hash, run.run_hash) == (other.method, other.set.hash, other.run_hash)
            # One run can be parsed by several parsers, each in a folder of its own.
            parsed = run.scored is None and None not in (run.parser, other.parser) and run.parser != other.parser
            if same and not parsed:
                raise InputError(f"the scores of '{run.method}' ({table}) are given twice", do="give each run once")
        runs.append(run)
        known = sharp.get((clear.set.hash, None))
        if known is not None and None not in (known.parser, clear.parser) and known.parser != clear.parser:
            sharp[clear.set.hash, clear.parser] = replace(clear, scored=None, recognition=NO_RECOGNITION)
        sharp[clear.set.hash, None] = _joined(known, clear)
    # Tests of a whole set know no more of it than its name; scores on the same set do.
    sets = {run.set.hash: run.set for run in runs if run.scored is not None}
    runs = [replace(run, ratio=_ratio(run, runs), set=sets.get(run.set.hash, run.set)) for run in runs]
    sharp = {key: replace(run, set=sets.get(key[0], run.set)) for key, run in sharp.items()}
    shown = [
        run for run in sharp.values()
        if run.scored is not None or not (run.recognition is NO_RECOGNITION and run.parsing is NO_PARSING)
    ]  # fmt: skip
    return (*shown, *sorted(runs, key=lambda run: run.oracle), *confidences)


def _confident(found: Confidences) -> list[Run]:
    """One run for each network and set of a table of confidences."""
    groups: dict[tuple[str, str], list[Confidence]] = {}
    for row in found.rows:
        groups.setdefault((row.network, row.set_hash), []).append(row)
    return [
        Run(network, False, False, SetOf(rows[0].set_name, set_hash), rows[-1].sha256, None, NO_RECOGNITION, NO_PARSING,
            confidences=tuple(rows))
        for (network, set_hash), rows in groups.items()
    ]  # fmt: skip


def _ratio(run: Run, runs: Sequence[Run]) -> ErrorRatio | Absent:
    """Compare with the run of the same method with the true kernels, else with the only one that was given them."""
    if run.scored is None:
        return Absent("not known without a score table: facedeblur score SET OUTPUTS --protocol levin2009")
    known = [one for one in runs if one.oracle and one.scored is not None and one.set.hash == run.set.hash]
    alike = [one for one in known if one.method == run.method.partition("[")[0]] or known
    if len(alike) != 1 or alike[0].scored is None:
        several = ", ".join(one.method for one in alike)
        return Absent(f"{several} were all given the true kernels: give one of them") if several else NO_RATIO
    if alike[0] is run:
        return Absent(f"{run.method} was given the true kernels: it is what others are compared with")
    try:
        return error_ratio(run.scored.scores, alike[0].scored.scores)
    except InputError as error:
        return Absent(str(error))


def _joined(one: Run | None, other: Run) -> Run:
    """What two outputs folders know of the sharp images of their set, the first one's first."""
    if one is None:
        return other
    recognition = other.recognition if one.recognition is NO_RECOGNITION else one.recognition
    parsing = other.parsing if one.parsing is NO_PARSING else one.parsing
    return Run(SHARP, False, True, one.set, "", one.scored or other.scored, recognition, parsing)


def _read(table: ScoresLike) -> tuple[Run, Run]:
    scores, folders = _scores(table)
    recognition, parsing, sharp = (_first(folders, name) for name in (RECOGNITION, PARSING, SHARP_FILE))
    found = Recognition.read(recognition) if recognition else None
    parsed = Parsing.read(parsing) if parsing else None
    clear = Parsing.read(sharp) if sharp else None
    if scores is not None:
        need_whole(scores, "a paper's table")
        scored, meta = MethodScores(scores, scores.meta.method), scores.meta
        of, run_hash = set_of(meta.set), str(meta.run.get("hash", ""))
        named, info = (meta.method, meta.oracle), dict(meta.run)
    else:
        whole = found or parsed
        if whole is None:
            raise InputError(f"{table} has no scores.parquet, {RECOGNITION} or {PARSING}",
                             do="run facedeblur score first")  # fmt: skip
        scored, info, named = None, {}, (printable(whole.method), whole.oracle)
        of, run_hash = SetOf(printable(whole.set_name), whole.set_hash), whole.run_hash
    stale = "{} belongs to other outputs or another set; run: facedeblur {} SET OUTPUTS"
    seen: Recognised | Absent = NO_RECOGNITION
    seen_clear: Recognised | Absent = NO_RECOGNITION

    def other(one: Record) -> bool:
        """Whether it is of other outputs than were scored; without scores, than the other result."""
        if scores is not None:
            return not of_scored(one, scores.meta)
        return (one.set_hash, one.run_hash) != (of.hash, run_hash)

    if found is not None and other(found):
        seen = Absent(stale.format(RECOGNITION, "recognise"))
    elif found is not None:
        definition = f"{found.embedder},{found.distance},gallery{found.n_gallery}"
        seen = Recognised(found.curve, f"recognition[{definition}]", found.embedder, found.verification)
        seen_clear = Recognised(found.leave_one_out, f"recognition[{definition},leave-one-out]", found.embedder,
                                found.clear_verification)  # fmt: skip
    labelled: Parsing | Absent = parsed or NO_PARSING
    if parsed is not None and other(parsed):
        labelled = Absent(stale.format(PARSING, "parse"))
    labelled_clear = clear if clear is not None and clear.set_hash == of.hash else NO_PARSING
    run = Run(*named, False, of, run_hash, scored, seen, labelled, info, _kept_labels(scores, folders))
    return run, Run(SHARP, False, True, of, "", _sharp_scores(scores, folders, of), seen_clear, labelled_clear)


def _kept_labels(scores: Scores | None, folders: Sequence[Path]) -> Parsing | Absent:
    """The parsing test of the label images that a scored run kept in a folder inside its own."""
    run = scores.meta.run if scores is not None else {}
    name = str(run.get("name", ""))
    if run.get("oracle") and name in NETS and declared(name).labels is not None:
        return Absent("it reads the true labels, whose F-score is 1")
    network = f"{name}@{short_digest(map(str, run['weights'].values()))}" if run.get("weights") else ""
    for kept in run.get("keep") or ():
        file = _first([folder / kept for folder in folders], PARSING)
        found = Parsing.read(file) if file else None
        if found is None or not found.method.endswith(f":{kept}"):
            continue
        if scores is not None and (found.set_hash, found.parser) == (scores.meta.set.get("hash"), network):
            return found
        return Absent(f"{kept}/{PARSING} belongs to other outputs or another set; run: facedeblur parse SET "
                      f"OUTPUTS/{kept}")  # fmt: skip
    return NO_LABELS


def _sharp_scores(scores: Scores | None, folders: Sequence[Path], of: SetOf) -> MethodScores | None:
    """What the scoring says of the sharp images of this very set; None if absent."""
    named = [sharp_file(scores.file)] if scores is not None and scores.file is not None else []
    files = (*named, *(sharp_file(folder / FILE) for folder in folders))
    read = (Scores.read(file) for file in dict.fromkeys(files) if file.is_file())
    return next((MethodScores(one, SHARP) for one in read if one.meta.set.get("hash") == of.hash), None)


def _scores(table: ScoresLike) -> tuple[Scores | None, list[Path]]:
    """The score table, where there is one, and the folders that may hold the other results."""
    folders: list[Path] = []
    if isinstance(table, Scores):
        scores: Scores | None = table
        folders += [table.file.parent] if table.file else []
    else:
        path = Path(table)
        folders.append(path if path.is_dir() else path.parent)
        bare = path.is_dir() and not (path / "scores.parquet").is_file()
        scores = None if bare else Scores.read(path)
    outputs = scores.meta.run.get("path") if scores is not None else None
    return scores, [*folders, *([Path(outputs)] if outputs else [])]


def _first(folders: Sequence[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


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
    """Return the value of a run that a column asks for, or why it is missing.

    `protocol` is the one that is named where scoring by it would compute the value.
    """
    if how.kind == "scores":
        return _scored(run, how, protocol)
    if how.kind == "recognition":
        return _recognised(run, int(how.name))
    if how.kind == "verification":
        return _verified(run, how.name)
    if how.kind in ("parsing", "labels"):
        return _parsed(run, run.labels if how.kind == "labels" else run.parsing, *how.name.split(":"))
    if how.kind == "confidence":
        return _confidence(run, int(how.name))
    if how.kind == "error-ratio":
        return _compared(run)
    if how.kind == "printed":
        return Absent(how.name)
    if run.reference or run.scored is None:
        return Absent("not known without a score table: facedeblur score SET OUTPUTS")
    return _told(run.scored, how.kind)


@lru_cache
def _command(protocol: str, metric: str) -> str:
    """What computes a metric: one line for all that a protocol has, so that a table needs one note."""
    if protocol in protocols() and metric in [entry.name for entry in load_protocol(protocol).metric]:
        return f"facedeblur score SET OUTPUTS --protocol {protocol}"
    return f"facedeblur score SET OUTPUTS --metric '{metric}'"


def _scored(run: Run, how: How, protocol: str) -> Measured | Absent:
    compute = _command(protocol, how.name)
    if run.scored is None or (run.reference and how.kernel_size):
        return Absent(f"not computed of the {SHARP} themselves" if run.reference else f"not measured: {compute}")
    column = find_column(run.scored.meta.columns, how.name)
    if column is None and run.reference:
        return Absent(f"not computed of the {SHARP} themselves")
    if column is None:
        wanted = Signature.parse(how.name)
        why = [
            reason for name, reason in run.scored.meta.unavailable
            if Signature.parse(name).name == wanted.name and set(wanted.options) <= set(Signature.parse(name).options)
        ]  # fmt: skip
        return Absent(f"not measured ({why[0]}): {compute}" if why else f"not measured: {compute}")
    values, ok = run.scored.values(column, filled=False), run.scored.ok
    if how.kernel_size:
        chosen = run.scored.scores.frame["kernel_size"].to_numpy() == how.kernel_size
        if not chosen.any():
            return Absent(f"set '{run.set.name}' has no point spread functions of some of these sizes")
        values, ok = values[chosen], ok[chosen]
    found = summarise(column.counted(values, ok), column)
    if not found.n:
        return Absent(f"no pair of set '{run.set.name}' has a value of {column.signature}")
    number = found.worst if how.part == "worst" else found.mean
    # Failures are reported once per run, not for every size.
    failed = int(np.isnan(column.counted(run.scored.values(column, filled=False), run.scored.ok)).sum())
    of = run.method if run.reference else f"pairs of {run.method}"
    notes = (
        f"{failed:,} of {run.scored.total:,} {of} failed, each counted as the worst value that the protocol names",
    )
    return Measured(number, column.signature, found.std, notes if failed else ())


def _recognised(run: Run, k: int) -> Measured | Absent:
    found = run.recognition
    if isinstance(found, Absent):
        return found
    lost = found.curve.misses + found.curve.outside
    probes = many(found.curve.n_probes, "probe")
    notes = (f"{lost:,} of {probes} of {run.method} have no embedding or nobody in the gallery, "
             "and count as not recognised",) if lost else ()  # fmt: skip
    return Measured(found.curve.top(k), found.signature, notes=notes)


def _verified(run: Run, embedder: str) -> Measured | Absent:
    """Accuracy of verification where both faces were found, as the script of MSPL's authors has it."""
    by = f"facedeblur recognise SET OUTPUTS --embedder {embedder} --mode detect --force"
    found = run.recognition
    if isinstance(found, Absent):
        return Absent(f"not measured: {by}") if found is NO_RECOGNITION else found
    verified = found.verification
    if verified is None or verified.accuracy_found is None:
        return Absent(f"too few probes, or not recorded with the recognition of version 0.1.0: {by}")
    notes = []
    if verified.misses:
        lost = f"{verified.misses // 2:,} of {many(verified.n // 2, 'face')} of {run.method}"
        notes.append(f"{lost} were not found or failed and are left out, as in the script of MSPL's authors; counted "
                     f"as wrong they make it {verified.accuracy:.2%}")  # fmt: skip
    if found.embedder.partition("@")[0] != embedder or not found.embedder.endswith(",detect"):
        notes.append(f"by {found.embedder}, where the paper takes {embedder} on faces that are found again: {by}")
    return Measured(verified.accuracy_found, f"verification[{found.embedder},found]", notes=tuple(notes))


def _parsed(run: Run, found: Parsing | Absent, partition: str, group: str) -> Measured | Absent:
    if isinstance(found, Absent):
        return found
    value, left_out = run.fscores(found, partition)[group], found.not_parsed(partition)
    if group in left_out:
        return Absent(f"parser {found.parser} does not tell {group}: facedeblur parse SET OUTPUTS --parser NAME")
    if math.isnan(value):
        return Absent(f"nothing to score {group} by: no label shows it, and parser {found.parser} finds none")
    notes = []
    if found.misses:
        notes.append(f"{found.misses:,} of {many(found.n_images, 'image')} of {run.method} without a face found or "
                     "without an output count as missed wholly")  # fmt: skip
    if group == "mean" and left_out:
        notes.append(f"mean without {', '.join(left_out)}, which parser {found.parser} does not tell")
    # A network's own labels are what is measured, not what measures: those of other networks compare with them.
    by = "own labels" if found is run.labels else found.parser
    return Measured(value, f"fscore[{by},{partition}]", notes=tuple(notes))


def confidences_of(run: Run) -> tuple[Confidence, ...]:
    """The confidences of a run; none where it has none."""
    return () if isinstance(run.confidences, Absent) else run.confidences


def _confidence(run: Run, at: int) -> Measured | Absent:
    rows = run.confidences
    if isinstance(rows, Absent):
        return rows
    first = rows[0]
    notes = [f"mean of {len(rows):,} pairs each"] if len(rows) > 1 else []
    return Measured(mean(rows)[at - 1], f"confidence[{first.network}@{first.sha256},{at}]", notes=tuple(notes))


def _compared(run: Run) -> Measured | Absent:
    found = run.ratio
    if isinstance(found, Absent):
        return found
    notes = (
        f"{found.failed:,} of {many(found.ratios.size, 'pair')} of {run.method} failed: their error ratio is infinite",
    )
    signature = f"error-ratio[{found.reference},{found.metric}]"
    return Measured(float(found.ratios.mean()), signature, notes=notes if found.failed else ())


def _told(method: MethodScores, kind: str) -> Measured | Absent:
    where = str(method.meta.run.get("device_name") or method.device)
    if kind == "implementation":
        text = ", ".join(filter(None, (where, method.precision)))
        return (
            Measured(math.nan, kind, text=text)
            if text
            else Absent("no device on record: facedeblur run METHOD SET -o OUTPUTS")
        )
    if kind == "seconds":
        if math.isnan(method.seconds_per_image):
            return Absent("no run time on record: facedeblur run METHOD SET -o OUTPUTS")
        definition = ",".join(filter(None, (method.image_size, where, method.precision)))
        return Measured(method.seconds_per_image, f"seconds[{definition}]")
    value = method.bytes_fp32 / 1e6 if kind == "megabytes" else method.parameters
    if math.isnan(value):
        return Absent("the method does not tell its number of parameters")
    return Measured(value, kind)
