"""Measured results as paper tables need them: of one run on one set its scores, recognition and parsing."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.tables import printable
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.statistics.error_ratio import ErrorRatio, error_ratio
from facedeblur.benchmark.whole_set.parsing import SHARP, SHARP_FILE, Parsing
from facedeblur.benchmark.whole_set.recognition import Curve, Recognition
from facedeblur.benchmark.whole_set.record import Record
from facedeblur.reports.leaderboard.entry import Entry
from facedeblur.reports.leaderboard.whole_sets import of_scored

RECOGNITION, PARSING = Recognition.file_name, Parsing.file_name


@dataclass(frozen=True)
class Absent:
    """Why there is no value, and what would compute it."""

    why: str


@dataclass(frozen=True)
class SetOf:
    """The set of a run: name, content hash, whose photographs it is made of and by which recipe, where known."""

    name: str
    hash: str
    collection: str = ""
    recipe: str = ""


@dataclass(frozen=True)
class Recognised:
    """A recognition curve and what it was made with."""

    curve: Curve
    signature: str


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
    entry : Entry or None
        Its score table.
    recognition : Recognised or Absent
    parsing : Parsing or Absent
    info : dict
        Contents of ``run.json`` as the score table has them: device, timings, parameters.
    ratio : ErrorRatio or Absent
        Against the run with the true kernels that restores as this one does, or else the only one there is.
    """

    method: str
    oracle: bool
    reference: bool
    set: SetOf
    run_hash: str
    entry: Entry | None
    recognition: Recognised | Absent
    parsing: Parsing | Absent
    info: dict[str, Any] = field(default_factory=dict)
    ratio: ErrorRatio | Absent = field(default_factory=lambda: NO_RATIO)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_fscores", {})

    def fscores(self, partition: str) -> dict[str, float]:
        """F-scores of a partition's groups and their mean (``mean``), of a run with a parsing."""
        known: dict[str, dict[str, float]] = self._fscores  # type: ignore[attr-defined]
        if partition not in known and isinstance(self.parsing, Parsing):
            known[partition] = {**self.parsing.scores(partition), "mean": self.parsing.mean(partition)}
        return known[partition]


NO_RECOGNITION = Absent("not measured: facedeblur recognise SET OUTPUTS")
NO_PARSING = Absent("not measured: facedeblur parse SET OUTPUTS")
NO_RATIO: Absent = Absent(
    "no run with the true kernels to compare with: facedeblur run krishnan-fergus-2009 SET -o OUTPUTS"
)


def read_runs(tables: Sequence[Scores | str | Path]) -> tuple[Run, ...]:
    """Read what was measured of each run; the sharp images of a set follow as a run of their own.

    Parameters
    ----------
    tables : sequence of Scores or path
        Score tables, their files, or OUTPUTS folders. ``recognition.parquet`` and ``parsing.parquet`` are taken from
        the same folder, or from that of the outputs; a folder may hold these alone.

    Returns
    -------
    tuple of Run
        In the order given, methods with the true kernel after the others.

    Raises
    ------
    InputError
        When a folder holds none of the three, a file is damaged, or a run is given twice.
    """
    if isinstance(tables, Scores | str | Path):
        tables = [tables]
    runs: list[Run] = []
    sharp: dict[str, Run] = {}
    for table in tables:
        run, clear = _read(table)
        for other in runs:
            same = (run.method, run.set.hash, run.run_hash) == (other.method, other.set.hash, other.run_hash)
            if same:
                raise InputError(f"scores of '{run.method}' ({table})", expected="each run once",
                                 found="the same run again", do="give it once")  # fmt: skip
        runs.append(run)
        sharp[clear.set.hash] = _joined(sharp.get(clear.set.hash), clear)
    runs = [replace(run, ratio=_ratio(run, runs)) for run in runs]
    shown = [run for run in sharp.values() if not (run.recognition is NO_RECOGNITION and run.parsing is NO_PARSING)]
    return (*shown, *sorted(runs, key=lambda run: run.oracle))


def _ratio(run: Run, runs: Sequence[Run]) -> ErrorRatio | Absent:
    """Compare with the run of the same method with the true kernels, else with the only one that was given them."""
    if run.entry is None:
        return Absent("not known without a score table: facedeblur score SET OUTPUTS --protocol levin2009")
    known = [one for one in runs if one.oracle and one.entry is not None and one.set.hash == run.set.hash]
    alike = [one for one in known if one.method == run.method.partition("[")[0]] or known
    if len(alike) != 1 or alike[0].entry is None:
        several = ", ".join(one.method for one in alike)
        return Absent(f"{several} were all given the true kernels: give one of them") if several else NO_RATIO
    if alike[0] is run:
        return Absent(f"{run.method} was given the true kernels: it is what others are compared with")
    try:
        return error_ratio(run.entry.scores, alike[0].entry.scores)
    except InputError as error:
        return Absent(str(error))


def _joined(one: Run | None, other: Run) -> Run:
    """What two outputs folders know of the sharp images of their set, the first one's first."""
    if one is None:
        return other
    recognition = other.recognition if one.recognition is NO_RECOGNITION else one.recognition
    parsing = other.parsing if one.parsing is NO_PARSING else one.parsing
    return Run(SHARP, False, True, one.set, "", None, recognition, parsing)


def _read(table: Scores | str | Path) -> tuple[Run, Run]:
    scores, folders = _scores(table)
    recognition, parsing, sharp = (_first(folders, name) for name in (RECOGNITION, PARSING, SHARP_FILE))
    found = Recognition.read(recognition) if recognition else None
    parsed = Parsing.read(parsing) if parsing else None
    clear = Parsing.read(sharp) if sharp else None
    if scores is not None:
        entry, meta = Entry(scores, None, scores.meta.method), scores.meta
        of, run_hash = _set(meta.set), str(meta.run.get("hash", ""))
        named, info = (meta.method, meta.oracle), dict(meta.run)
    else:
        whole = found or parsed
        if whole is None:
            raise InputError(str(table), expected=f"scores.parquet, {RECOGNITION} or {PARSING}",
                             found="none of them", do="run facedeblur score")  # fmt: skip
        entry, info, named = None, {}, (printable(whole.method), whole.oracle)
        of, run_hash = SetOf(printable(whole.set_name), whole.set_hash), whole.run_hash
    stale = "what {} holds is of other outputs or another set: facedeblur {} SET OUTPUTS"
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
        seen = Recognised(found.curve, f"recognition[{definition}]")
        seen_clear = Recognised(found.leave_one_out, f"recognition[{definition},leave-one-out]")
    labelled: Parsing | Absent = parsed or NO_PARSING
    if parsed is not None and other(parsed):
        labelled = Absent(stale.format(PARSING, "parse"))
    labelled_clear = clear if clear is not None and clear.set_hash == of.hash else NO_PARSING
    run = Run(*named, False, of, run_hash, entry, seen, labelled, info)
    return run, Run(SHARP, False, True, of, "", None, seen_clear, labelled_clear)


def _scores(table: Scores | str | Path) -> tuple[Scores | None, list[Path]]:
    """The score table, where there is one, and the folders that may hold the other results."""
    folders: list[Path] = []
    if isinstance(table, Scores):
        scores: Scores | None = table
    else:
        path = Path(table)
        folders.append(path if path.is_dir() else path.parent)
        bare = path.is_dir() and not (path / "scores.parquet").is_file()
        scores = None if bare else Scores.read(path)
    outputs = scores.meta.run.get("path") if scores is not None else None
    return scores, [*folders, *([Path(outputs)] if outputs else [])]


def _first(folders: Sequence[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _set(known: dict[str, Any]) -> SetOf:
    """Photographs and recipe of a set as its score tables have them."""
    collections = [str(source.get("collection") or "") for source in known.get("sources") or ()]
    try:
        recipe = str(tomllib.loads(str(known.get("recipe") or "")).get("name", ""))
    except tomllib.TOMLDecodeError:
        recipe = ""
    # A collection is told as "helen: 100 photographs, ...".
    first = next((text.partition(":")[0].strip() for text in collections if text), "")
    return SetOf(printable(str(known.get("name", ""))), str(known.get("hash", "")), first, recipe)
