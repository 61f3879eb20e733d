"""One task of a scoring: some photographs with all their pairs, for every run that waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice, tee
from pathlib import Path
from typing import Any, cast

import numpy as np

from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.resume import grouped
from facedeblur.benchmark.scoring import cache
from facedeblur.benchmark.scoring.cache import Part, Share, TablePlan
from facedeblur.benchmark.sets.set import Image, Pair, Set, open_set
from facedeblur.benchmark.tensors import full_precision


@dataclass(frozen=True)
class ScoreTask:
    """Some photographs with all their pairs, and the runs to score on them."""

    set_root: Path
    set_hash: str
    photographs: tuple[tuple[Image, tuple[Pair, ...]], ...]
    shares: tuple[Share, ...]
    device: str = "cpu"


def tasks_of(the_set: Set, plans: Sequence[TablePlan], device: str) -> Iterator[ScoreTask]:
    """Cut the set into tasks of whole photographs, for the runs of all plans."""
    # The manifest is read once; a stream that lags behind keeps no more than a task.
    whole, *streams = tee(the_set.pairs(), 1 + len(plans))
    statuses = [(status for _, status in plan.run.records(pairs)) for plan, pairs in zip(plans, streams, strict=True)]
    photographs = ((image, tuple(pairs)) for image, pairs in the_set.by_image(whole))
    for number, some in enumerate(grouped(photographs, lambda one: len(one[1]), cache.PAIRS_A_TASK)):
        count = sum(len(pairs) for _, pairs in some)
        shares = tuple(
            Share(plan.run.root, tuple(islice(recorded, count)), plan.missing, plan.part(number))
            for plan, recorded in zip(plans, statuses, strict=True)
        )
        yield ScoreTask(the_set.root, the_set.content_hash, tuple(some), shares, device)


@lru_cache(maxsize=32)
def metric_named(name: str, device: str = "cpu") -> Metric:
    """Return a metric on a device, once per process: networks are loaded once per worker."""
    made = metric(name)
    if device == "cpu":
        return made
    full_precision()
    return made.on(device)


def score_photographs(task: ScoreTask) -> tuple[int, tuple[str, ...]]:
    """Score one task's photographs: in every run the metrics that its part does not hold yet.

    Returns
    -------
    int
        Number of pairs.
    tuple of str
        A line for every part that was damaged, and so computed again.
    """
    parts = [Part.of(share) for share in task.shares]
    notes = tuple(part.note for part in parts if part.note)
    count, waiting = sum(len(pairs) for _, pairs in task.photographs), [part for part in parts if part.missing]
    if not waiting:
        return count, notes
    the_set = open_set(task.set_root, task.set_hash)
    names = dict.fromkeys(name for part in waiting for name in part.missing)
    measures = {name: metric_named(name, task.device) for name in names}
    opened = [Outputs.open(part.share.root, the_set, check=False) for part in waiting]
    start = 0
    for image, pairs in task.photographs:
        taken = [part.share.statuses[start : start + len(pairs)] for part in waiting]
        start += len(pairs)
        if not any(status.sampled for statuses in taken for status in statuses):
            continue
        sharp = the_set.sharp(image) if the_set.has_sharp else None
        label = the_set.label(image) if image.label and any(made.needs.label for made in measures.values()) else None
        truths = partial(the_set.truths_of, image) if image.image_id in the_set.truths else None
        prepared = {name: None if sharp is None else made.prepare(sharp, label) for name, made in measures.items()}
        for part, outputs, statuses in zip(waiting, opened, taken, strict=True):
            made, ready = [measures[name] for name in part.missing], [prepared[name] for name in part.missing]
            rows = score_image(outputs, image, pairs, statuses, sharp, made, ready, truths)
            if sharp is not None:
                part.undefined.update(_undefined(rows, sharp, made, ready))
            part.rows += rows
    for part in waiting:
        part.write()
    return count, notes


def _undefined(
    rows: Sequence[dict[str, Any]], sharp: np.ndarray, measures: Sequence[Metric], prepared: Sequence[Any]
) -> dict[str, int]:
    """Count the pairs of one photograph whose lack of a value is the sharp image's: it has none with itself."""
    found: dict[str, int] = {}
    scored = [row for row in rows if row["status"] == "ok"]
    for made, ready in zip(measures, prepared, strict=True):
        name = str(made.signature)
        # A class or kernel may be absent; such a column is partial, and has no failures to explain.
        if made.partial or not any(np.isnan(row[name]) for row in scored):
            continue
        if np.isnan(made.measure(sharp[None], sharp, ready)).all():
            found[name] = len(scored)
    return found


def score_image(
    run: Outputs,
    image: Image,
    pairs: Sequence[Pair],
    statuses: Sequence[Status],
    sharp: np.ndarray | None,
    measures: Sequence[Metric],
    prepared: Sequence[Any],
    truths: Callable[[], Iterable[np.ndarray]] | None = None,
) -> list[dict[str, Any]]:
    """Rows of one photograph in one run; a pair that is not in the run's sample has none.

    `truths` gives every sharp image of the photograph, if there are several.
    """
    rows: list[dict[str, Any]] = []
    good = []
    sampled = [both for both in zip(pairs, statuses, strict=True) if both[1].sampled]
    size = (image.height, image.width)
    outputs, restored = run.read_all([pair for pair, _ in sampled], [status for _, status in sampled], size)
    for (pair, status), output in zip(sampled, outputs, strict=True):
        if output.pixels is not None:
            good.append((len(rows), pair))
        rows.append(
            {
                "index": pair.index,
                "pair_id": pair.pair_id,
                "image_id": pair.image_id,
                "identity": image.identity,
                "role": image.role,
                "kernel_id": pair.kernel_id,
                "kernel_size": pair.kernel_size,
                "status": output.status,
                "seconds": status.seconds,
                "sha256": output.sha256,
            }
        )
    if good:
        several = [made for made in measures if made.needs.truths and truths is not None]
        best = _best(several, restored, truths()) if several and truths is not None else {}
        for made, ready in zip(measures, prepared, strict=True):
            if made in several:
                values = best[str(made.signature)]
            elif made.needs.kernel:
                values = made.measure_kernels(list(run.kernel_pairs(pair for _, pair in good)))
            else:
                values = made.measure(restored, cast(np.ndarray, sharp), ready)
            for (at, _), value in zip(good, values, strict=True):
                rows[at][str(made.signature)] = float(value)
    return rows


def _best(measures: Sequence[Metric], restored: np.ndarray, truths: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """The best values of (N, H, W, 3) restored images over several sharp ones, (N,) by signature."""
    best: dict[str, np.ndarray] = {}
    for truth in truths:
        for made in measures:
            name, values = str(made.signature), made.measure(restored, truth, made.prepare(truth))
            better = np.fmax if made.higher_is_better else np.fmin
            best[name] = better(best.get(name, values), values)
    return best
