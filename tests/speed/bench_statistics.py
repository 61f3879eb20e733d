"""Statistics of a large board: 95 % intervals of the means of ten methods on 5,000 identities x 80 kernels."""

from __future__ import annotations

import numpy as np
from common import Ratio, interleave

from facedeblur.benchmark.statistics.intervals import spread

FACES, KERNELS, METHODS, DRAWS = 5000, 80, 10, 2000
SECONDS = 5.0
PEER_DRAWS = 10


def by_indexing(values: np.ndarray, rng: np.random.Generator) -> list[float]:
    """The usual script: draw faces and kernels, take the table at them, average."""
    drawn = []
    for _ in range(PEER_DRAWS):
        faces, kernels = rng.integers(FACES, size=FACES), rng.integers(KERNELS, size=KERNELS)
        drawn.append(float(values[np.ix_(faces, kernels)].mean()))
    return drawn


def run() -> list[Ratio]:
    """The time allowed over ours, and the usual script over ours; the script makes few draws and is scaled up."""
    rng = np.random.default_rng(0)
    face, kernel = np.divmod(np.arange(FACES * KERNELS), KERNELS)
    tables = [
        25 + rng.normal(0, 2, (FACES, 1)) + rng.normal(0, 1, KERNELS) + rng.normal(0, 1, (FACES, KERNELS))
        for _ in range(METHODS)
    ]
    jobs = {
        "ours": lambda: [spread(table.ravel(), face, kernel) for table in tables],
        "peer": lambda: by_indexing(tables[0], rng),
    }
    seconds = interleave(jobs, rounds=3)
    script = seconds["peer"] / PEER_DRAWS * DRAWS * METHODS
    what = f"bootstrap {FACES:,} faces x {KERNELS} kernels x {METHODS} methods"
    return [
        Ratio("own", f"{what} in {SECONDS:g} s", seconds["ours"], SECONDS, 1.0),
        Ratio("own", f"{what} vs np.ix_", seconds["ours"], script, 5.0),
    ]
