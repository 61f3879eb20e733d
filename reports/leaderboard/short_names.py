"""Short names of metrics, for the CSV file of a leaderboard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scoring.table import Column


def short_names(metrics: Sequence[Column]) -> dict[str, str]:
    """Short names of metrics, unique among them: ``psnr``, ``ssim``, ``ssim_perchannel``, ``identity_l2``.

    A name is the family of the metric, followed by as few of its options as tell it from the others of its family. The
    family alone is the name of its only metric, and of the metric whose label is the family's name.

    Parameters
    ----------
    metrics : sequence of Column
        All metrics of a leaderboard, in order.

    Returns
    -------
    dict
        Signature -> short name: lower-case letters, digits and underscores.
    """
    parsed = {metric.signature: Signature.parse(metric.signature) for metric in metrics}
    # Hashes of weights would only make the name longer.
    words = {name: [_word(option.partition("@")[0]) for option in one.options] for name, one in parsed.items()}
    names: dict[str, str] = {}
    bare: set[str] = set()
    for metric in metrics:
        family = _word(parsed[metric.signature].name)
        others = [
            set(words[name]) for name, one in parsed.items() if _word(one.name) == family and name != metric.signature
        ]
        if not others or (_word(metric.label) == family and family not in bare):
            bare.add(family)
            wanted = family
        else:
            options = _telling(words[metric.signature], others) or words[metric.signature]
            wanted = "_".join([family, *options])
        name, number = wanted, 1
        while name in names.values():
            number += 1
            name = f"{wanted}_{number}"
        names[metric.signature] = name
    return names


def _telling(words: Sequence[str], others: Sequence[set[str]]) -> tuple[str, ...]:
    """The fewest words that none of the others has all of; none if no words do."""
    sizes = range(1, len(words) + 1)
    found = (some for size in sizes for some in combinations(words, size))
    return next((some for some in found if not any(set(some) <= other for other in others)), ())


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
