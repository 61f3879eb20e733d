"""Scores of many methods on one set in one small file, which is put next to the user's own: ``--with NAME``.

A board is a Parquet file with one row per pair. Besides the names of pair, face and kernel it has the status and the
metrics of every method, and in its metadata where each score table comes from. Values are rounded to multiples of
2^-20, about 1e-6: less than what counts as a tie, and a file of half the size. Run times of single images and hashes of
pixels are left out. A board is read as one `Scores` per method. Methods that were run on a sample of the set have the
status ``not in the sample`` elsewhere; next to them all methods are compared on the pairs that all have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile, suggest
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.parquet import read_head, read_table, write_table
from facedeblur.benchmark.files.schema import decode_json
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.outputs import NOT_SAMPLED
from facedeblur.benchmark.scoring.agreement import short
from facedeblur.benchmark.scoring.table import ScoreMeta, Scores, ScoresLike, read_scores
from facedeblur.benchmark.words import many
from facedeblur.reports.leaderboard.board import gather

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGE = "facedeblur.reports.boards"
STEP = 2.0**-20
"""Values are multiples of this."""

_HEAD = b"facedeblur board"
_NAMES = ("index", "pair_id", "image_id", "identity", "role", "kernel_id", "kernel_size")
_AGAIN = "write it again with facedeblur board"


def board_names() -> list[str]:
    """Names of the boards that ship with the package."""
    found = (Path(entry.name) for entry in files(PACKAGE).iterdir())
    return sorted(name.stem for name in found if name.suffix == ".parquet")


def describe_board(name: str) -> str:
    """Say in a line how many methods a shipped board has, on which set and by which protocol."""
    with as_file(files(PACKAGE) / f"{name}.parquet") as file:
        metas = _metas(file)
    known = metas[0]
    digest = short(str(known.set.get("hash")))
    return f"{many(len(metas), 'method')} on set {known.set.get('name')} ({digest}), protocol {known.protocol}."


@checked
def write_board(scores: ScoresLike | Iterable[ScoresLike], path: str | Path) -> Path:
    """Write the scores of methods on one set as a board, atomically.

    Parameters
    ----------
    scores : Scores, path, or several of them
        Tables of one set and one protocol; those of slow methods may be of a sample of the set.
    path : path
        File to write, ``.parquet``.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        When tables do not compare, are by different protocols, or have no pair in common.
    """
    import pandas as pd
    import pyarrow as pa

    path = Path(path)
    if path.suffix != ".parquet":
        raise InputError(str(path), expected="a name that ends in .parquet", found=f"'{path.name}'")
    tables = read_scores(scores)
    gather(tables, common=True)
    first = tables[0].meta
    for one in tables:
        _check_protocol(one, first.protocol, f"'{first.method}'")
    # Every pair that some method has, in the order of the set.
    rows = pd.concat([one.frame[[*_NAMES]] for one in tables]).drop_duplicates("index").sort_values("index")
    columns: dict[str, Any] = {name: rows[name].to_numpy() for name in _NAMES}
    metas = []
    for number, one in enumerate(tables):
        place = pd.Index(one.frame["index"])
        status = pd.Series(one.frame["status"].astype(str).to_numpy(), place).reindex(rows["index"])
        columns[f"{number}:status"] = status.fillna(NOT_SAMPLED).to_numpy()
        for column in one.meta.columns:
            values = pd.Series(one.values(column.signature), place).reindex(rows["index"]).to_numpy()
            columns[f"{number}:{column.signature}"] = np.round(values / STEP) * STEP
        metas.append(json.loads(_bare(one.meta).to_json()))
    table = pa.table(columns).replace_schema_metadata({_HEAD: json.dumps(metas)})
    with only_writer(path):
        write_table(path, table, compact=True)
    return path


def _bare(meta: ScoreMeta) -> ScoreMeta:
    """The metadata without paths, which lead nowhere on another machine."""
    of = {name: value for name, value in meta.set.items() if name != "path"}
    run = {name: value for name, value in meta.run.items() if name not in ("path", "files", "board")}
    return replace(meta, set=of, run=run, extra=())


@checked
def read_board(name: str | Path) -> list[Scores]:
    """Read a board: one score table per method.

    Parameters
    ----------
    name : str or path
        Name of a board that ships with the package, or a file that ends in ``.parquet``.

    Raises
    ------
    InputError
        When there is no such board, or the file is not one.
    """
    if str(name).endswith(".parquet"):
        if not Path(name).is_file():
            raise MissingFile(Path(name), expected="a board", do="write one with facedeblur board")
        return _read(Path(name), Path(name).stem)
    known = board_names()
    if str(name) not in known:
        listed = suggest(str(name), known) if known else "no board ships with this version"
        raise InputError(f"unknown board '{name}'", do=f"{listed}; or give a .parquet file")
    with as_file(files(PACKAGE) / f"{name}.parquet") as file:
        return _read(file, str(name))


def _metas(file: Path) -> list[ScoreMeta]:
    """What is known of each method of a board."""
    schema, _ = read_head(file, expected="a board", do=_AGAIN)
    text = (schema.metadata or {}).get(_HEAD)
    if text is None:
        raise InputError(str(file), expected="a board", found="another kind of Parquet file", do=_AGAIN)
    found = decode_json(text, list[dict[str, Any]], str(file), "the metadata of a board", do=_AGAIN)
    return [ScoreMeta.from_json(json.dumps(one), f"{file}: method {at}") for at, one in enumerate(found)]


def _read(file: Path, name: str) -> list[Scores]:
    metas = _metas(file)
    table = read_table(file, expected="a board", do=_AGAIN)
    wanted = [*_NAMES, *(name for at, meta in enumerate(metas) for name in _columns(at, meta))]
    if sorted(wanted) != sorted(table.column_names) or not metas:
        raise InputError(str(file), expected="the columns of a board", found="others", do=_AGAIN)
    return [_table(table, at, replace(meta, run={**meta.run, "board": name})) for at, meta in enumerate(metas)]


def _columns(at: int, meta: ScoreMeta) -> list[str]:
    return [f"{at}:status", *(f"{at}:{column.signature}" for column in meta.columns)]


def _table(table: pa.Table, at: int, meta: ScoreMeta) -> Scores:
    """The scores of one method."""
    frame = table.select(_NAMES).to_pandas()
    frame["status"] = table[f"{at}:status"].to_pandas()
    frame["seconds"], frame["sha256"] = np.nan, ""
    for column in meta.columns:
        frame[column.signature] = table[f"{at}:{column.signature}"].to_numpy()
    if meta.run.get("sample"):
        frame = frame[frame["status"] != NOT_SAMPLED].reset_index(drop=True)
    return Scores(frame, meta)


@checked
def with_board(scores: ScoresLike | Iterable[ScoresLike], name: str | Path) -> list[Scores]:
    """Put the methods of a board next to score tables.

    A method of the board with the very outputs of one of the tables is left out.

    Parameters
    ----------
    scores : Scores, path, or several of them
        May be none.
    name : str or path
        See `read_board`.

    Returns
    -------
    list of Scores
        Those given, then those of the board, whose run has the key ``board``.

    Raises
    ------
    InputError
        When there is no such board, no table is of its set, or one is by another protocol.
    """
    mine, board = read_scores(scores), read_board(name)
    of, protocol = board[0].meta.set, board[0].meta.protocol
    same = [table for table in mine if table.meta.set.get("hash") == of.get("hash")]
    if mine and not same:
        other = mine[0].meta.set
        raise InputError(
            f"board '{name}'",
            expected=f"scores on its set '{of.get('name')}' ({short(str(of.get('hash')))})",
            found=f"scores on '{other.get('name')}' ({short(str(other.get('hash')))})",
            do="run and score your method on that set",
        )
    for table in same:
        _check_protocol(table, protocol, f"board '{name}'")
    taken = {str(table.meta.run.get("hash")) for table in same}
    return [*mine, *(table for table in board if str(table.meta.run.get("hash")) not in taken)]


def of_board(tables: Sequence[Scores]) -> list[Scores]:
    """Those of the tables that are of a board."""
    return [table for table in tables if table.meta.run.get("board")]


def _check_protocol(table: Scores, protocol: str, whose: str) -> None:
    if table.meta.protocol != protocol:
        raise InputError(
            f"scores of '{table.meta.method}'",
            expected=f"protocol '{protocol}' as in {whose}",
            found=f"'{table.meta.protocol}'",
            do=f"score with --protocol {protocol}",
        )
