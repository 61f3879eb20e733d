"""Whether two score tables may be compared pair by pair: one set, the same pairs, one definition of every metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scoring.table import Column, Scores


def same_pairs(base: Scores, other: Scores, name: str, other_name: str) -> np.ndarray:
    """Match the rows of two tables.

    Parameters
    ----------
    base, other : Scores
    name, other_name : str
        What messages call them.

    Returns
    -------
    ndarray, (n,) int
        Rows of `other` in the order of `base`.

    Raises
    ------
    InputError
        When they are of one run, of different sets, or of other pairs.
    """
    where = f"scores of '{other_name}'"
    if (base.meta.method, base.meta.run.get("hash")) == (other.meta.method, other.meta.run.get("hash")):
        raise InputError(where, expected="another run", found=f"the run of '{name}' again", do="give two runs")
    one, two = base.meta.set, other.meta.set
    if one.get("hash") != two.get("hash"):
        raise InputError(
            where,
            expected=f"the set of '{name}' ('{one.get('name')}', {str(one.get('hash'))[:10]})",
            found=f"'{two.get('name')}', {str(two.get('hash'))[:10]}",
            do="score both on one set",
        )
    pairs, theirs = base.column("pair_id").astype(str), other.column("pair_id").astype(str)
    if not pairs.size:
        raise InputError(f"scores of '{name}'", expected="rows", found="an empty table", do="score again")
    unique = np.unique(pairs).size == pairs.size
    if not unique or not np.array_equal(np.sort(pairs), np.sort(theirs)):
        raise InputError(
            where,
            expected=f"the {pairs.size:,} pairs of '{name}', each once",
            found=f"{theirs.size:,} rows, other pairs",
            do="score again",
        )
    place = {pair: row for row, pair in enumerate(theirs)}
    return np.asarray([place[pair] for pair in pairs])


def same_metrics(
    base: Scores, other: Scores, name: str, other_name: str, metrics: Sequence[str] | None = None
) -> tuple[list[Column], list[tuple[str, str]]]:
    """Match the metrics of two tables.

    Parameters
    ----------
    base, other : Scores
    name, other_name : str
        What messages call them.
    metrics : sequence of str, optional
        Signatures that both must have; all otherwise.

    Returns
    -------
    list of Column, list of (str, str)
        Metrics of both, and those that one lacks, with which one.

    Raises
    ------
    InputError
        When a metric is defined differently, or there is none in both.
    """
    one, two = ({column.signature: column for column in table.meta.columns} for table in (base, other))
    if metrics is not None:
        for wanted in metrics:
            for known, whose in ((one, name), (two, other_name)):
                if wanted not in known:
                    raise InputError(f"metric '{wanted}'", expected=f"it in '{whose}'", do=suggest(wanted, known))
        one, two = ({key: known[key] for key in dict.fromkeys(metrics)} for known in (one, two))
    kinds = {family(signature): signature for signature in two.keys() - one.keys()}
    for signature in one.keys() - two.keys():
        if family(signature) in kinds:
            raise InputError(
                f"scores of '{other_name}'",
                expected=f"{signature} as in '{name}'",
                found=kinds[family(signature)],
                do="score both by one protocol: values of different definitions do not compare",
            )
    both = [signature for signature in one if signature in two]
    for signature in both:
        if one[signature].failure != two[signature].failure:
            raise InputError(
                f"{signature} of '{other_name}'",
                expected=f"failures to count as {one[signature].failure:g} as in '{name}'",
                found=f"{two[signature].failure:g}",
                do="score both by one protocol",
            )
    if not both:
        raise InputError(f"scores of '{other_name}'", expected=f"a metric of '{name}'", found="none in common")
    missing = [(signature, f"not in '{other_name}'") for signature in one if signature not in two]
    missing += [(signature, f"not in '{name}'") for signature in two if signature not in one]
    return [one[signature] for signature in both], missing


def family(text: str) -> tuple[str, str]:
    """What two definitions of one measure have in common: its name, and of a measure by a network the network too."""
    signature = Signature.parse(text)
    network = "" if signature.name in ("psnr", "ssim") or not signature.args else signature.args[0].partition("@")[0]
    return signature.name, network
