"""What an earlier scoring left: which of its columns still hold, and how new ones join them.

A column is keyed by the set's hash, the run's hash with that of the files in its folder, the packages that compute
it, and its signature. A table with another key, and one that is damaged, is never used, and that is reported.

Until a table is whole its finished parts are kept next to it, each with all pairs of some photographs. A part holds
all metrics that have been computed so far, and adds those that are requested next.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.benchmark.files.atomic import replacing, write_text
from facedeblur.benchmark.files.parquet import read_head, read_table, write_table
from facedeblur.benchmark.files.schema import Count, decode_json
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.resume import all_parts, grouped, parts_folder, read_part, remove_parts
from facedeblur.benchmark.scoring.table import (
    FILE,
    ScoreMeta,
    Scores,
    read_meta,
    row_schema,
    score_schema,
)

DEVICE = "device"
"""Entry of a table's versions that names the device, where it is not the processor."""
PAIRS_A_TASK = 160
ROWS_A_GROUP = 2**10
"""Rows of a table that are compressed together; what describes them stays in memory until the table is whole."""


@dataclass(frozen=True)
class Earlier:
    """A table of the same set and outputs, found whole."""

    file: Path
    meta: ScoreMeta

    @property
    def signatures(self) -> frozenset[str]:
        """The metrics that it holds."""
        return frozenset(column.signature for column in self.meta.columns)


def open_earlier(file: Path, wanted: ScoreMeta, run: Outputs, reporter: Reporter) -> Earlier | None:
    """Open the table in `file` if its values are valid for the set, the run and the packages of `wanted`.

    Parameters
    ----------
    file : Path
    wanted : ScoreMeta
        What the new table will be of; its columns do not matter.
    run : Outputs
    reporter : Reporter
        Gets a line about a table that cannot be used.
    """
    import pyarrow as pa

    if not file.is_file():
        return None
    try:
        meta = read_meta(read_head(file)[0], file)
    except InputError as error:
        reporter.say(f"{file} cannot be used ({shorten(error.reason, 200)}), scoring from the start")
        return None
    held = ", ".join(column.signature for column in meta.columns)
    why = _other(meta, wanted)
    if why:
        reporter.say(f"{file}: {why}, scoring from the start; it held {held}")
        return None
    try:
        sound = _sound(file, meta, run)
    except (pa.ArrowException, OSError, ValueError) as error:
        reporter.say(f"{file} is damaged ({shorten(str(error), 200)}), scoring from the start; it held {held}")
        return None
    if not sound:
        reporter.say(f"{file} is damaged (unexpected rows or columns), scoring from the start; it held {held}")
        return None
    return Earlier(file, meta)


def _sound(file: Path, meta: ScoreMeta, run: Outputs) -> bool:
    """Read all of a table, which checks its checksums: what is not read now would be copied unread."""
    import pyarrow.parquet as pq

    pairs = run.pairs()
    with pq.ParquetFile(file, page_checksum_verification=True) as opened:
        if not opened.schema_arrow.equals(score_schema(meta)):
            return False
        for batch in opened.iter_batches():
            if batch.column("pair_id").to_pylist() != [pair.pair_id for pair in islice(pairs, batch.num_rows)]:
                return False
    return next(pairs, None) is None


def _other(meta: ScoreMeta, wanted: ScoreMeta) -> str:
    """What the table was made of that has changed; empty where all is the same."""
    if meta.set.get("hash") != wanted.set["hash"]:
        return "scores on another set"
    if (meta.run.get("hash"), meta.run.get("files")) != (wanted.run["hash"], wanted.run["files"]):
        return "the outputs have changed since it was made"
    there, here = (one.versions.get(DEVICE, "cpu") for one in (meta, wanted))
    if there != here:
        return f"scored on {there} and not on {here}"
    changed = [name for name, number in wanted.versions.items() if meta.versions.get(name) != number]
    if changed:
        return f"made with {', '.join(f'{name} {meta.versions.get(name)}' for name in changed)}"
    return ""


@dataclass
class TablePlan:
    """What the table of a run will be, what there is of it, and what has to be computed.

    Attributes
    ----------
    run : Outputs
    file : Path
        ``.parquet``, or ``.csv`` with the metadata next to it.
    meta : ScoreMeta
    earlier : Earlier or None
        What an earlier scoring left.
    missing : tuple of str
        Signatures of the metrics that have to be computed.
    parts : Path or None
        Folder of parts, where anything is missing.
    """

    run: Outputs
    file: Path
    meta: ScoreMeta
    earlier: Earlier | None
    missing: tuple[str, ...]
    parts: Path | None = None

    def make_parts(self, *, fresh: bool) -> None:
        """Make the folder of parts, or find it: other metrics of the same outputs have the same one."""
        meta = self.meta
        key = [meta.set["hash"], meta.run["hash"], meta.run["files"], meta.versions, PAIRS_A_TASK]
        self.parts = parts_folder(self.file, "scores", key, fresh=fresh)

    def part(self, number: int) -> Path:
        """Return the file of a part."""
        assert self.parts is not None
        return self.parts / f"{number:06d}.parquet"

    def finish(self) -> Scores:
        """Write the table, unless it is as it should be, and open it."""
        if self.missing or self.earlier is None or (self.earlier.file, self.earlier.meta) != (self.file, self.meta):
            self._bind()
        elif self._has_columns_of(all_parts(self.file)):
            remove_parts(self.file)
        if self.file.suffix == ".csv":
            return Scores(None, self.meta, file=self.file)
        return Scores.read(self.file)

    def _has_columns_of(self, parts: Sequence[Path]) -> bool:
        """Tell whether the finished table leaves no use for these parts: a scoring was killed at its end."""
        import pyarrow.parquet as pq

        names = set(score_schema(self.meta).names)
        try:
            return all(names.issuperset(pq.read_schema(part).names) for part in parts)
        except (OSError, ValueError):
            return True  # damaged

    def _bind(self) -> None:
        """Write the columns of the earlier table and those of the parts, part by part, and remove the parts."""
        import pyarrow as pa
        import pyarrow.csv as pc
        import pyarrow.parquet as pq

        files = sorted(self.parts.glob("*.parquet")) if self.parts else []
        self.meta = replace(self.meta, undefined=self._undefined(files))
        schema, pairs = score_schema(self.meta), self.run.pairs()
        csv = self.file.suffix == ".csv"
        with replacing(self.file) as temporary:
            writer: Any = pc.CSVWriter(temporary, schema) if csv else pq.ParquetWriter(
                temporary, schema, write_page_checksum=True
            )  # fmt: skip
            with writer:
                for some in grouped(self._joined(files), len, ROWS_A_GROUP):
                    table = pa.concat_tables([one.select(schema.names) for one in some])
                    if table["pair_id"].to_pylist() != [pair.pair_id for pair in islice(pairs, table.num_rows)]:
                        raise self._refused()
                    writer.write_table(pa.table(table.columns, schema=schema))
            if next(pairs, None) is not None:
                raise self._refused()
        if csv:
            write_text(self.file.with_suffix(".json"), self.meta.to_json())
        if self.parts is not None:
            remove_parts(self.file)

    def _refused(self) -> InputError:
        """The error for parts that do not hold each pair of the run once and in order; they are removed."""
        remove_parts(self.file)
        return InputError(str(self.file), expected="each pair of the run once", found="other rows", do="score again")

    def _undefined(self, files: Sequence[Path]) -> tuple[tuple[str, int], ...]:
        """The sums over the parts; of columns that no part holds, what the earlier table says."""
        import pyarrow.parquet as pq

        sums: Counter[str] = Counter()
        new: set[str] = set()
        for path in files:
            schema = pq.read_schema(path)
            new.update(schema.names)
            sums.update(undefined_in(schema))
        if self.earlier:
            sums.update({name: count for name, count in self.earlier.meta.undefined if name not in new})
        return tuple((one.signature, sums[one.signature]) for one in self.meta.columns if sums[one.signature])

    def _joined(self, files: Sequence[Path]) -> Iterator[Any]:
        import pyarrow.parquet as pq

        if self.earlier is None:
            yield from map(_read_or_remove, files)
            return
        with pq.ParquetFile(self.earlier.file, page_checksum_verification=True) as opened:
            if not files:
                for group in range(opened.num_row_groups):
                    yield opened.read_row_group(group)
                return
            rows = _Rows(opened)
            for path in files:
                new = _read_or_remove(path)
                yield join(rows.take(new.num_rows), new, self.run.root)


def plan(
    run: Outputs,
    file: Path,
    wanted: ScoreMeta,
    *,
    add: Sequence[str] | None,
    force: bool,
    reporter: Reporter,
) -> TablePlan:
    """Find the results of an earlier scoring, and merge its columns with the requested ones.

    Parameters
    ----------
    run : Outputs
    file : Path
        The table.
    wanted : ScoreMeta
        Metadata of a table with only the requested columns.
    add : sequence of str or None
        Metrics that are added to a table; None if a protocol was requested.
    force : bool
        Compute all requested metrics.
    reporter : Reporter
        Gets a line about what cannot be used.
    """
    earlier = None
    for place in dict.fromkeys((file, run.root / FILE)):
        if earlier is None and place.suffix != ".csv":
            earlier = open_earlier(place, wanted, run, reporter)
    there = earlier.signatures if earlier else frozenset()
    asked = tuple(column.signature for column in wanted.columns)
    missing = asked if force else tuple(name for name in asked if name not in there)
    meta = _merged(earlier.meta, wanted, add) if earlier and earlier.file == file else wanted
    return TablePlan(run, file, meta, earlier, missing)


def _merged(old: ScoreMeta, new: ScoreMeta, add: Sequence[str] | None) -> ScoreMeta:
    """The metadata of a table with the columns of both.

    A protocol's own columns come first, in its order, for the first one ranks; metrics that are added come last.
    """
    first, second = (new, old) if add is None else (old, new)
    columns = {column.signature: column for column in (*first.columns, *second.columns)}
    columns |= {column.signature: column for column in first.columns}
    new = replace(new, undefined=old.undefined)
    if add is None:
        return replace(new, columns=tuple(columns.values()))
    left = dict(new.unavailable) | {name: why for name, why in old.unavailable if name not in add}
    return replace(new, columns=tuple(columns.values()), protocol=old.protocol, unavailable=tuple(left.items()))


class _Rows:
    """Reads the rows of a Parquet file, a given number at a time."""

    def __init__(self, opened: Any):
        self._batches, self._left = opened.iter_batches(), None

    def take(self, count: int) -> Any:
        """The next `count` rows as a table."""
        import pyarrow as pa

        taken, need = [], count
        while need:
            batch = self._left if self._left is not None else next(self._batches)
            taken.append(batch.slice(0, need))
            rest = batch.slice(taken[-1].num_rows)
            self._left = rest if rest.num_rows else None
            need -= taken[-1].num_rows
        return pa.Table.from_batches(taken)


def _read_or_remove(path: Path) -> Any:
    """Read a part; a damaged one is removed, so that the next scoring computes it again."""
    try:
        return read_table(path)
    except InputError:
        path.unlink(missing_ok=True)
        raise


UNDEFINED = b"undefined"


@dataclass(frozen=True)
class Share:
    """One run's part of a task."""

    root: Path
    statuses: tuple[Status, ...]
    metrics: tuple[str, ...]
    part: Path


@dataclass
class Part:
    """A run's part as it is found, and the rows of the metrics that it lacks.

    Attributes
    ----------
    share : Share
    table : pyarrow.Table or None
        What is there.
    missing : tuple of str
        The metrics that are not.
    note : str
        One line where it was damaged.
    rows : list of dict
        Of the missing metrics.
    undefined : Counter
        Pairs without a value because the sharp image has none, by signature.
    """

    share: Share
    table: Any
    missing: tuple[str, ...]
    note: str
    rows: list[dict[str, Any]]
    undefined: Counter[str]

    @classmethod
    def of(cls, share: Share) -> Part:
        """Read what is there of a share."""
        # A table of other outputs would be in another folder; other metrics do no harm.
        table, note = read_part(share.part, partial(_read_rows, count=sum(status.sampled for status in share.statuses)))
        there, before = ((), {}) if table is None else (table.column_names, undefined_in(table.schema))
        missing = tuple(name for name in share.metrics if name not in there)
        return cls(share, table, missing, note, [], Counter(before))

    def write(self) -> None:
        """Write what was there with the new rows' columns."""
        import pyarrow as pa

        whole = pa.Table.from_pylist(self.rows, schema=row_schema(self.missing))
        if self.table is not None:
            whole = join(self.table, whole, self.share.root)
        whole = whole.replace_schema_metadata({UNDEFINED: json.dumps(self.undefined)})
        write_table(self.share.part, whole)


def _read_rows(file: Path, count: int) -> Any:
    table = read_table(file)
    if table.num_rows != count:
        raise InputError(str(file), expected=f"{count} rows", found=f"{table.num_rows}")
    return table


def undefined_in(schema: Any) -> dict[str, int]:
    """How many pairs of a part have no value of a metric because the sharp image has none, by signature."""
    text = (schema.metadata or {}).get(UNDEFINED, b"{}")
    return dict(decode_json(text, dict[str, Count], "part of a scoring", "numbers of pairs without a value"))


def join(old: Any, new: Any, where: Path) -> Any:
    """Put the metrics of two tables of the same rows side by side.

    Parameters
    ----------
    old, new : pyarrow.Table
        Where both have a metric, the new one counts.
    where : Path
        The outputs that they are of, for the message.

    Raises
    ------
    InputError
        When the rows are not of the same pixels.
    """
    for key in ("pair_id", "status", "sha256"):
        if not old[key].equals(new[key]):
            raise InputError(
                str(where), "the outputs changed while they were scored",
                do="score again when nothing writes to this folder any more",
            )  # fmt: skip
    for name in old.column_names:
        if name not in new.column_names:
            new = new.append_column(old.schema.field(name), old[name])
    return new
