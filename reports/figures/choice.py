"""Which pairs a figure of images shows: by id, or the worst, median, best and random ones by a score table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.benchmark.sets.set import Pair, Set
from facedeblur.reports.shown_pairs import from_the_middle, worst_first

WORDS = ("worst", "median", "best", "random")
_WORD = re.compile(r"(worst|median|best|random)(?::([1-9][0-9]?))?")


@dataclass(frozen=True)
class Chosen:
    """A pair to show and why.

    Attributes
    ----------
    pair : Pair
    why : str
        ``worst of NAME``, ``random``, or ``by id``.
    """

    pair: Pair
    why: str


def choose_pairs(opened: Set, wanted: Sequence[str], *, by: Scores | None = None, seed: int = 0) -> list[Chosen]:
    """Find the requested pairs, in the order of the request.

    Parameters
    ----------
    opened : Set
    wanted : sequence of str
        Each a pair id, or ``worst``, ``median``, ``best`` or ``random``, with ``:N`` for N of them. No pair is taken
        twice, and no face while there are others.
    by : Scores, optional
        Table whose first metric says which pairs are worst, median and best; failed pairs are none of these.
    seed : int
        Of the random ones.

    Raises
    ------
    InputError
        When an id is not in the set, a table is needed and missing or of another set, or pairs run out.
    """
    pairs = {pair.pair_id: pair for pair in opened.pairs()}
    if by is not None and by.meta.set.get("hash") != opened.content_hash:
        raise InputError(
            f"the scores of '{by.meta.method}' belong to another set than '{opened.name}'", do="score the outputs again"
        )
    chosen: list[Chosen] = []
    for word in wanted:
        found = _WORD.fullmatch(word)
        if word in pairs:
            chosen.append(Chosen(pairs[word], "by id"))
        elif found is None:
            raise InputError(f"pair '{word}' is not in the set, and not one of {', '.join(WORDS)}",
                             do=suggest(word, [*WORDS, *pairs]) if len(pairs) <= 10_000 else None)  # fmt: skip
        else:
            kind, number = found[1], int(found[2] or 1)
            order = _order(kind, list(pairs), by, seed)
            why = kind if kind == "random" or by is None else f"{kind} of {by.meta.method}"
            chosen += [Chosen(pair, why) for pair in _take(order, pairs, number, chosen, word)]
    return chosen


def _order(kind: str, ids: Sequence[str], by: Scores | None, seed: int) -> list[str]:
    if kind == "random":
        return [ids[int(place)] for place in np.random.default_rng(seed).permutation(len(ids))]
    if by is None:
        raise InputError(
            f"--pairs {kind} needs scores, and the outputs have not been scored",
            do="run facedeblur score first, or give ids of pairs",
        )  # fmt: skip
    column: Column = by.meta.columns[0]
    values = by.values(column.signature)
    names = by.column("pair_id").astype(str)
    order = worst_first(values, column)
    if kind != "worst":
        order = order[::-1] if kind == "best" else from_the_middle(order)
    return [str(names[place]) for place in order]


def _take(order: Sequence[str], pairs: dict[str, Pair], number: int, chosen: Sequence[Chosen], word: str) -> list[Pair]:
    """The first `number` of `order` that are not taken, other faces before further pairs of the same."""
    taken = {one.pair.pair_id for one in chosen}
    faces = {one.pair.image_id for one in chosen}
    free = [pairs[name] for name in order if name in pairs and name not in taken]
    found: list[Pair] = []
    for pair in free:
        if len(found) < number and pair.image_id not in faces:
            faces.add(pair.image_id)
            found.append(pair)
    found += [pair for pair in free if pair not in found][: number - len(found)] if len(found) < number else []
    if len(found) < number:
        raise InputError(f"--pairs {word}: only {len(found)} scored pairs are left to choose from", do="ask for fewer")
    return found


def table_of(outputs: Sequence[Outputs], method: str | None = None) -> Scores | None:
    """Return the score table by which pairs are chosen.

    Parameters
    ----------
    outputs : sequence of Outputs
    method : str, optional
        Method of the table; by default the first that is neither the input nor an oracle, else the first.

    Returns
    -------
    Scores or None
        None if no method is named and no outputs have been scored.

    Raises
    ------
    InputError
        If `method` has no outputs or no score table, or the scores are of other outputs.
    """
    if method is not None:
        named = [one for one in outputs if one.method == method]
        if not named:
            one_of("method", method, dict.fromkeys(one.method for one in outputs), of="the figure")
        return _scores_of(named[0])
    scored = [one for one in outputs if (one.root / "scores.parquet").is_file()]
    fair = [one for one in scored if one.method != "blurred" and not one.info.get("oracle")]
    return _scores_of((fair or scored)[0]) if scored else None


def _scores_of(outputs: Outputs) -> Scores:
    """The scores of outputs, if they are of these and not of earlier ones."""
    found = Scores.read(outputs.root)
    if found.meta.run.get("hash") != outputs.run_hash:
        raise InputError(f"the scores in {outputs.root} are of other outputs", do="run facedeblur score again")
    return found
