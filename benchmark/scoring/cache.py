"""What an earlier scoring left: which of its columns still hold, and how new ones join them.

A column is keyed by the set's hash, the run's hash with that of the files as they lie there, the packages that compute
it, and its signature. A key that differs, and a file that is not whole, is never used, and said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from facedeblur.benchmark import resume
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing, write_text
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.scoring import task as score_task
from facedeblur.benchmark.scoring.table import ScoreMeta, read_meta, read_whole, score_schema
from facedeblur.benchmark.scoring.task import join, undefined_in
from facedeblur.benchmark.sets.set import Set


@dataclass(frozen=True)
class Earlier:
    """A table of the same set and outputs, found whole."""

    file: Path
    meta: ScoreMeta

    @property
    def signatures(self) -> frozenset[str]:
        """The metrics that it holds."""
        return frozenset(column.signature for column in self.meta.columns)


def find(file: Path, wanted: ScoreMeta, the_set: Set, reporter: Reporter) -> Earlier | None:
    """Open the table in `file` where its values hold for the set, the run and the packages of `wanted`.

    Parameters
    ----------
    file : Path
    wanted : ScoreMeta
        What the new table will be of; its columns do not matter.
    the_set : Set
    reporter : Reporter
        Is told where there is a table that cannot be used.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not file.is_file():
        return None
    try:
        meta = read_meta(pq.read_schema(file), file)
    except (pa.ArrowException, OSError, ValueError) as error:
        reporter.say(f"{file}: cannot be used ({' '.join(str(error).split())[:200]}), scoring from the start")
        return None
    held = ", ".join(column.signature for column in meta.columns)
    why = _other(meta, wanted)
    if why:
        reporter.say(f"{file}: {why}, scoring from the start; it held {held}")
        return None
    try:
        sound = _sound(file, meta, the_set)
    except (pa.ArrowException, OSError, ValueError) as error:
        reporter.say(f"{file}: damaged ({' '.join(str(error).split())[:200]}), scoring from the start; it held {held}")
        return None
    if not sound:
        reporter.say(
            f"{file}: damaged (other rows or columns than it should have), scoring from the start; it held {held}"
        )
        return None
    return Earlier(file, meta)


def _sound(file: Path, meta: ScoreMeta, the_set: Set) -> bool:
    """Read all of a table, which checks its checksums: what is not read now would be copied unread."""
    import pyarrow.parquet as pq

    pairs = the_set.pairs()
    with pq.ParquetFile(file, page_checksum_verification=True) as opened:
        if not opened.schema_arrow.equals(score_schema(meta)):
            return False
        for batch in opened.iter_batches():
            if batch.column("pair_id").to_pylist() != [pair.pair_id for pair in islice(pairs, batch.num_rows)]:
                return False
    return next(pairs, None) is None


def _other(meta: ScoreMeta, wanted: ScoreMeta) -> str:
    """What the table was made of that is no more; empty where all is the same."""
    if meta.set.get("hash") != wanted.set["hash"]:
        return "scores on another set"
    if (meta.run.get("hash"), meta.run.get("files")) != (wanted.run["hash"], wanted.run["files"]):
        return "the outputs have changed since it was made"
    changed = [name for name, number in wanted.versions.items() if meta.versions.get(name) != number]
    if changed:
        return f"made with {', '.join(f'{name} {meta.versions.get(name)}' for name in changed)}"
    return ""


def parts_of(file: Path, meta: ScoreMeta, *, fresh: bool) -> Path:
    """Folder for the parts of a scoring; other metrics of the same outputs find the same folder."""
    key = [meta.set["hash"], meta.run["hash"], meta.run["files"], meta.versions, score_task.PAIRS_A_TASK]
    return resume.parts_folder(file, "scores", key, fresh=fresh)


def bind(file: Path, meta: ScoreMeta, earlier: Earlier | None, parts: Path | None, where: Path) -> ScoreMeta:
    """Write the table: the columns of an earlier one and those of the parts, part by part.

    Parameters
    ----------
    file : Path
        ``.parquet``, or ``.csv`` with the metadata beside it.
    meta : ScoreMeta
    earlier : Earlier or None
    parts : Path or None
        Folder of parts, which is cleared away; None where `earlier` has all columns.
    where : Path
        The outputs, for messages.

    Returns
    -------
    ScoreMeta
        `meta` with what only the parts know.
    """
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    meta = replace(meta, undefined=_undefined(meta, earlier, parts))
    schema = score_schema(meta)
    csv = file.suffix == ".csv"
    with replacing(file) as temporary:
        writer: Any = pc.CSVWriter(temporary, schema) if csv else pq.ParquetWriter(
            temporary, schema, write_page_checksum=True
        )  # fmt: skip
        with writer:
            for table in _joined(earlier, parts, where):
                columns = [table[name] for name in schema.names]
                writer.write_table(pa.table(columns, schema=schema))
    if csv:
        write_text(file.with_suffix(".json"), meta.to_json())
    if parts is not None:
        resume.remove_parts(file)
    return meta


def _undefined(meta: ScoreMeta, earlier: Earlier | None, parts: Path | None) -> tuple[tuple[str, int], ...]:
    """The sums over the parts; of columns that no part holds, what the earlier table says."""
    import pyarrow.parquet as pq

    sums: Counter[str] = Counter()
    new: set[str] = set()
    for path in sorted(parts.glob("*.parquet")) if parts else ():
        schema = pq.read_schema(path)
        new.update(schema.names)
        sums.update(undefined_in(schema))
    if earlier:
        sums.update({name: count for name, count in earlier.meta.undefined if name not in new})
    return tuple((one.signature, sums[one.signature]) for one in meta.columns if sums[one.signature])


def _joined(earlier: Earlier | None, parts: Path | None, where: Path) -> Iterator[Any]:
    import pyarrow.parquet as pq

    if earlier is None:
        yield from (_part(path) for path in sorted(parts.glob("*.parquet"))) if parts else ()
        return
    with pq.ParquetFile(earlier.file, page_checksum_verification=True) as opened:
        if parts is None:
            for group in range(opened.num_row_groups):
                yield opened.read_row_group(group)
            return
        rows = _Rows(opened)
        for path in sorted(parts.glob("*.parquet")):
            new = _part(path)
            yield join(rows.take(new.num_rows), new, where)


class _Rows:
    """The rows of a Parquet file, so many at a time as are asked for."""

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


def _part(path: Path) -> Any:
    """One part, read whole; a damaged one is removed, so that the next scoring computes it again."""
    try:
        return read_whole(path)
    except InputError:
        path.unlink(missing_ok=True)
        raise
