"""Whether score tables may be compared: one set, the same pairs, each run once, one definition of every metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.scoring.table import Column, Scores


def check_tables(tables: Sequence[Scores], names: Sequence[str], *, common: bool = False) -> list[np.ndarray]:
    """Raise InputError if tables cannot be compared pair by pair.

    Parameters
    ----------
    tables : sequence of Scores, (n,)
        At least one.
    names : sequence of str, (n,)
        What messages call them.
    common : bool
        Compare on the pairs that all have, where some runs are on samples of the set.

    Returns
    -------
    list of np.ndarray, (n,)
        Of each table the rows to compare, in the order of the first one.

    Raises
    ------
    InputError
        Naming both tables, when one is empty, of another set or other pairs, or the same run as another.
    """
    pairs = [table.column("pair_id").astype(str) for table in tables]
    for table, ids, name in zip(tables, pairs, names, strict=True):
        if not table.meta.columns or not ids.size:
            raise InputError(name, "the score table is empty", do="score again")
        _check_set_of(table, tables[0], name, names[0])
    shared = _shared(tables, pairs, names) if common else pairs[0]
    if not common:
        _check_samples(tables, names)
    orders = [_order(shared, ids, names[0], name, common) for ids, name in zip(pairs, names, strict=True)]
    seen: dict[tuple[str, str], str] = {}
    for table, name in zip(tables, names, strict=True):
        before = seen.setdefault((table.meta.method, str(table.meta.run.get("hash"))), name)
        if before is not name:
            raise InputError(name, f"the same run as in {before}", do="give each run once")
    return orders


def _check_set_of(table: Scores, first: Scores, name: str, first_name: str) -> None:
    one, two = first.meta.set, table.meta.set
    if one.get("hash") != two.get("hash"):
        raise InputError(
            name,
            expected=f"set '{one.get('name')}' ({short(str(one.get('hash')))}) as in {first_name}",
            found=f"'{two.get('name')}' ({short(str(two.get('hash')))})",
            do="score both on the same set",
        )


def _order(pairs: np.ndarray, theirs: np.ndarray, name: str, other_name: str, part: bool) -> np.ndarray:
    """Return the places of `pairs` in `theirs`, which are no others, unless only a part of them is wanted."""
    known, order = np.unique(theirs, return_index=True)
    if known.size != theirs.size or not (part or np.array_equal(known, np.sort(pairs))):
        raise InputError(
            other_name,
            expected=f"the {pairs.size:,} pairs of {name}, each once",
            found=f"{theirs.size:,} rows with other pairs",
            do="score again",
        )
    return np.asarray(order[np.searchsorted(known, pairs)])


def _shared(tables: Sequence[Scores], pairs: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Return the pairs that all tables have, in the order of the first one.

    A table that is not of a sample has all pairs of the set, so nothing but a sample leaves any out.
    """
    whole = [at for at, table in enumerate(tables) if not table.meta.run.get("sample")]
    for at in range(len(tables)) if whole else ():
        first = pairs[whole[0]]
        if not np.isin(pairs[at], first).all() or (at in whole and pairs[at].size != first.size):
            raise InputError(
                names[at],
                expected=f"the {first.size:,} pairs of {names[whole[0]]}",
                found=f"{pairs[at].size:,} rows with other pairs",
                do="score again",
            )
    found = pairs[0]
    for ids in pairs[1:]:
        found = found[np.isin(found, ids)]
    if not found.size:
        raise InputError("these runs have no pair in common", do="run them on larger samples")
    return found


def _check_samples(tables: Sequence[Scores], names: Sequence[str]) -> None:
    """Raise InputError for runs on different samples of one set, or on a sample and on all of it."""
    known: dict[str, tuple[dict[str, int] | None, str]] = {}
    for table, name in zip(tables, names, strict=True):
        mine = table.meta.run.get("sample")
        before, first = known.setdefault(str(table.meta.set.get("hash")), (mine, name))
        if mine != before:
            raise InputError(
                name,
                expected=f"{_on(before)}, as in {first}",
                found=_on(mine),
                do="compare on the pairs that all have (--common, or common=True), or run both on the same pairs",
            )


def set_pairs(tables: Sequence[Scores]) -> int:
    """Number of pairs of the set that tables are of; 0 where none says it."""
    samples = [sample["of"] for table in tables if (sample := table.meta.run.get("sample"))]
    return samples[0] if samples else int((tables[0].meta.set.get("counts") or {}).get("pairs", 0))


def check_samples(tables: Sequence[Scores]) -> None:
    """Raise InputError if means of tables cannot stand side by side, because those of one set are of different pairs.

    Parameters
    ----------
    tables : sequence of Scores
    """
    _check_samples(tables, [f"scores of '{table.meta.method}'" for table in tables])


def need_whole(table: Scores, where: str) -> None:
    """Raise InputError for scores of a sample of a set.

    Parameters
    ----------
    table : Scores
    where : str
        What has no place for them, with its article.
    """
    if sample := table.meta.run.get("sample"):
        raise InputError(
            f"scores of '{table.meta.method}'",
            expected=f"all pairs of the set in {where}",
            found=_on(sample),
            do="run facedeblur run again without --sample, and score again",
        )


def _on(sample: dict[str, int] | None) -> str:
    return f"a sample of {sample['pairs']:,} of {sample['of']:,} pairs" if sample else "all pairs of the set"


def check_set_name(what: str, name: str, known: str, digest: str, whose: str) -> None:
    """Raise InputError if another set has the same name.

    Parameters
    ----------
    what : str
        What is refused.
    name : str
        Name of its set.
    known, digest : str
        Hash of the first set with the name, and of the other.
    whose : str
        Where the name was met before.
    """
    if known != digest:
        raise InputError(
            what,
            expected=f"the set '{name}' with the hash {short(known)}, {whose}",
            found=f"another set '{name}', {short(digest)}",
            do="score on the same set, or build the other set under a different name (--name)",
        )


def check_sets(tables: Iterable[Scores]) -> None:
    """Raise InputError if tables of two sets have one name of the set.

    Parameters
    ----------
    tables : iterable of Scores
    """
    first: dict[str, tuple[str, str]] = {}
    for table in tables:
        name, digest = str(table.meta.set.get("name", "")), str(table.meta.set.get("hash", ""))
        method, known = first.setdefault(name, (table.meta.method, digest))
        check_set_name(f"scores of '{table.meta.method}'", name, known, digest, f"that of '{method}'")


def check_columns(what: str, columns: Sequence[Column], whose: str, others: Sequence[Column]) -> None:
    """Raise InputError if metrics are defined differently from those that they are compared with.

    Parameters
    ----------
    what : str
        What has `columns`, for the error line.
    columns : sequence of Column
    whose : str
        What has `others`, after the word "as".
    others : sequence of Column

    Raises
    ------
    InputError
        When a family of metrics has another definition on either side, or one metric another failure value,
        direction, unit or range.
    """
    mine, theirs = _families(columns), _families(others)
    for kind in mine.keys() & theirs.keys():
        names = [{column.signature for column in some[kind]} for some in (mine, theirs)]
        # A definition that only one side has is a column that the other table lacks, no contradiction.
        if names[0] - names[1] and names[1] - names[0]:
            refuse_definition(what, mine[kind], whose, theirs[kind])
    known = {column.signature: column for column in others}
    for column in columns:
        before = known.get(column.signature, column)
        for part, said in _PARTS.items():
            one, other = getattr(column, part), getattr(before, part)
            if one != other:
                raise InputError(
                    f"{column.signature} of {what}",
                    expected=f"{said} {_told(other)} as {whose}",
                    found=_told(one),
                    do="score both with the same protocol",
                )


_PARTS = {
    "failure": "a failure value of",
    "higher_is_better": "'higher is better'",
    "partial": "'not every pair has it'",
    "unit": "the unit",
    "least": "no value below",
    "most": "no value above",
}


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"'{value}'" if isinstance(value, str) else str(value).lower()


def refuse_definition(what: str, columns: Sequence[Column], whose: str, others: Sequence[Column]) -> None:
    """Raise the error of metrics with another definition; the parameters are those of `check_columns`."""
    raise InputError(
        what,
        expected=f"{', '.join(column.signature for column in others)} as {whose}",
        found=", ".join(column.signature for column in columns),
        do="score both with the same protocol: values of different definitions cannot be compared",
    )


def _families(columns: Sequence[Column]) -> dict[tuple[str, str], list[Column]]:
    """Columns by family: the name, and of a measure by a network the network too.

    A network that was not there in one scoring is no other definition.
    """
    families: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        signature = Signature.parse(column.signature)
        by_network = signature.name not in ("psnr", "ssim") and signature.options
        network = signature.options[0].partition("@")[0] if by_network else ""
        families.setdefault((signature.name, network), []).append(column)
    return families


def common_columns(
    one: Scores, other: Scores, name: str, other_name: str, metrics: Sequence[str] | None = None
) -> tuple[list[Column], list[tuple[str, str]]]:
    """Metrics that two tables have with one definition.

    Parameters
    ----------
    one, other : Scores
    name, other_name : str
        Names of their methods, for messages.
    metrics : sequence of str, optional
        Signatures that both must have; all otherwise.

    Returns
    -------
    list of Column, list of (str, str)
        Metrics of both, and those that one lacks, with which one.

    Raises
    ------
    InputError
        When a metric is defined differently, or the tables share none.
    """
    mine, theirs = ({column.signature: column for column in table.meta.columns} for table in (one, other))
    if metrics is not None:
        for wanted in metrics:
            for known, whose in ((mine, name), (theirs, other_name)):
                one_of("metric", wanted, known, of=f"the scores of '{whose}'")
        mine, theirs = ({key: known[key] for key in dict.fromkeys(metrics)} for known in (mine, theirs))
    check_columns(f"scores of '{other_name}'", list(theirs.values()), f"in '{name}'", list(mine.values()))
    both = [column for signature, column in mine.items() if signature in theirs]
    if not both:
        raise InputError(
            f"'{name}' and '{other_name}' have no metric in common", do="score both with the same metrics or protocol"
        )
    missing = [(signature, f"not in '{other_name}'") for signature in mine if signature not in theirs]
    return both, missing + [(signature, f"not in '{name}'") for signature in theirs if signature not in mine]


def find_column(columns: Sequence[Column], metric: str) -> Column | None:
    """Return the column that `metric` names: of that family, with all its arguments (hashes of weights apart).

    Where several fit, the one with the fewest further arguments.
    """
    wanted = Signature.parse(metric)
    fitting = []
    for column in columns:
        options = Signature.parse(column.signature).options
        bare = {one.partition("@")[0] for one in options}
        if Signature.parse(column.signature).name == wanted.name and set(wanted.options) <= bare | set(options):
            fitting.append((len(options), column))
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


def labels(tables: Sequence[Scores]) -> list[str]:
    """Names of the tables' methods, with the run hash where two are alike: ``net (run 1a2b3c4d5e)``."""
    return told_apart(
        [table.meta.method for table in tables], [str(table.meta.run.get("hash", "")) for table in tables]
    )


def told_apart(methods: Sequence[str], hashes: Sequence[str]) -> list[str]:
    """Names of methods, with the run hash where two are alike: ``net (run 1a2b3c4d5e)``."""
    return [
        method if methods.count(method) == 1 else f"{method} (run {short(digest)})"
        for method, digest in zip(methods, hashes, strict=True)
    ]


def short(digest: str, length: int = 10) -> str:
    """Return the first digits of a hash, enough to distinguish two by eye."""
    return digest.removeprefix("sha256:")[:length]
