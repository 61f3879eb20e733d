"""Parsing test of a set: are the parts of a restored face in the right places?

Shen et al., IJCV 2020, Table 3: a parser labels the restored images, and the F-score of its labels
against the true ones tells how well each component of the face came back.

The result is ``parsing.parquet``, with one row per image and, for each partition of the classes, TP, FP and FN in
pixels of its groups, one after the other (``helen11`` 33 numbers, ``umsn4`` 12). ``status`` is ``ok``, ``no face``,
``no label`` or ``failed: why``. An image without a face and a failed one miss all true pixels and hit none; one
without a label counts nothing.

The test itself is `facedeblur.methods.parsing.parse`, since methods have parsers, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import PARSERS, Parser, provider
from facedeblur.benchmark.metrics.faces.parsing import confusion, fscores, mean_fscore
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.resume import Arrays
from facedeblur.benchmark.sets.classes import GROUPS, HELEN, TOLD, classes_in, groups_of
from facedeblur.benchmark.sets.set import Set, open_set
from facedeblur.benchmark.weights import short_digest
from facedeblur.benchmark.whole_set.record import PAIR_COLUMNS, Record
from facedeblur.benchmark.whole_set.run import NO_FACE, SHARP, Candidate, LookTask, WholeSetTest

SHARP_FILE = "parsing.sharp.parquet"
NO_LABEL = "no label"


@dataclass(frozen=True, repr=False)
class Parsing(Record):
    """The parsing test of one method.

    Attributes
    ----------
    parser : str
        Definition with the hash of its weights; of label images that a run kept, the network and its weights.
    classes : tuple of str
        What the parser can tell, keys of `facedeblur.benchmark.sets.classes.TOLD`.
    """

    kind = "parsing"
    file_name = "parsing.parquet"
    verb = "parse"
    columns = PAIR_COLUMNS | dict.fromkeys(GROUPS, "int64[]")

    parser: str
    classes: tuple[str, ...]

    def headline(self) -> dict[str, str]:
        return {"mean F-score": f"{self.mean():.4f}", "images": f"{self.n_images:,}", "misses": f"{self.misses:,}"}

    @property
    def n_images(self) -> int:
        """Images with a label, failed ones too: all that enter the scores."""
        return len(self.rows) - self.unlabelled

    @property
    def unlabelled(self) -> int:
        """Images left out because the set has no label for them."""
        return int((self.rows["status"] == NO_LABEL).sum())

    @property
    def no_face(self) -> int:
        """Images in which the parser found no face."""
        return int((self.rows["status"] == NO_FACE).sum())

    @property
    def misses(self) -> int:
        """Images all of whose true pixels count as missed: no face found, or failed."""
        return self.no_face + self.failed

    def counts(self, partition: str = "helen11") -> np.ndarray:
        """TP, FP, FN in pixels of every image and group, (N, K, 3) int64."""
        groups = groups_of(partition)
        if self.rows.empty:
            return np.zeros((0, len(groups), 3), np.int64)
        return np.stack(self.rows[partition].to_list()).astype(np.int64).reshape(-1, len(groups), 3)

    def not_parsed(self, partition: str = "helen11") -> tuple[str, ...]:
        """Groups of which the parser tells no class, or tells it only together with those of other groups."""
        told = [set(TOLD[name]) for name in self.classes]
        return tuple(
            name for name, values in groups_of(partition).items() if not any(one <= set(values) for one in told)
        )

    def scores(self, partition: str = "helen11") -> dict[str, float]:
        """F-score in [0, 1] of every group, of pixels pooled over the images; NaN for those not parsed."""
        pooled, absent = fscores(self.counts(partition)), self.not_parsed(partition)
        names = groups_of(partition)
        return {name: float("nan") if name in absent else float(one) for name, one in zip(names, pooled, strict=True)}

    def mean(self, partition: str = "helen11") -> float:
        """Mean over the groups that the parser has, of ``helen11`` without the background; see `mean_fscore`."""
        return mean_fscore(np.array(list(self.scores(partition).values())), partition=partition)

    def summary(self, partition: str = "helen11") -> dict[str, Any]:
        """Everything but the rows, ready for JSON: a score that is not defined is None."""
        bare = self.facts()
        bare |= {name: getattr(self, name) for name in ("n_images", "unlabelled", "no_face", "failed", "misses")}
        scores = {name: _json(one) for name, one in self.scores(partition).items()}
        not_parsed = list(self.not_parsed(partition))
        return {
            **bare, "classes": list(self.classes), "partition": partition, "pooled": True, "scores": scores,
            "mean": _json(self.mean(partition)), "not_parsed": not_parsed,
        }  # fmt: skip

    def check(self) -> None:
        unknown = set(self.classes) - set(TOLD)
        if unknown:
            raise ValueError(f"class '{min(unknown)}'")
        for partition in GROUPS:
            self.counts(partition)


def _json(score: float) -> float | None:
    return None if np.isnan(score) else score


@lru_cache(maxsize=2)
def parser_named(parser: str) -> Parser:
    """Return a parser, checked, once per process."""
    made = provider(PARSERS, parser)
    unknown = [name for name in made.classes if name not in TOLD]
    if unknown:
        raise InputError(f"parser '{parser}'", expected="classes of Helen", found=f"class '{unknown[0]}'")
    return made


def _labels(made: Parser, faces: np.ndarray) -> np.ndarray:
    """What the parser says, in places of `HELEN`; of several that it tells as one, the first."""
    return np.array([TOLD[name][0] for name in made.classes], np.uint8)[made.parse(faces)]


def counts_of(labels: np.ndarray | None, truth: np.ndarray | None, *, partition: str) -> np.ndarray:
    """TP, FP, FN of one image.

    Parameters
    ----------
    labels : np.ndarray, shape (H, W), uint8, or None
        None misses all true pixels, the background's too.
    truth : np.ndarray, shape (H, W), uint8, or None
        None counts nothing.
    partition : str
        A key of `facedeblur.benchmark.sets.classes.GROUPS`.

    Returns
    -------
    np.ndarray, shape (K, 3), int64
    """
    if truth is None:
        return np.zeros((len(GROUPS[partition]), 3), np.int64)
    if labels is not None:
        return confusion(labels, truth, partition=partition)
    missed = confusion(truth, truth, partition=partition)
    return missed[:, [1, 2, 0]]


class ParsingTest(WholeSetTest[Parsing]):
    """Whether a parser finds the parts of faces where the labels of the set have them."""

    record = Parsing
    stage = "parsing"
    # Each image has its own label.
    clear_per_task = 1
    takes_labels = True

    def __init__(self, the_set: Set, parser: str):
        self.blurred = tuple(image for image in the_set.images.values() if image.blurred)
        if not the_set.n_pairs or not any(image.label for image in self.blurred):
            raise InputError(
                f"set '{the_set.name}' has no {'label images' if the_set.n_pairs else 'pairs'}",
                do="build a set from a collection with labels",
            )  # fmt: skip
        made = parser_named(parser)
        self.classes, definition = made.classes, ",".join(made.definition)
        super().__init__(the_set, parser, {"parser": definition}, definition)

    @staticmethod
    def look(task: LookTask) -> Arrays:
        """Return the rows of one photograph, one array per column."""
        the_set, (image,) = open_set(task.set_root, task.set_hash), task.images
        pictures = task.pictures() if image.label else [(NO_LABEL, None)] * (len(task.pairs) or 1)
        truth = the_set.label(image) if image.label else None
        stack = [pixels for _, pixels in pictures if pixels is not None]
        found: Iterator[np.ndarray | None] = iter(())
        if stack:
            parsed = _labels(parser_named(task.provider), np.stack(stack)) if task.provider else map(classes_in, stack)
            found = iter(parsed)
        rows = []
        for at, (status, pixels) in enumerate(pictures):
            labels = None if pixels is None else next(found)
            if pixels is not None and labels is None:
                status = "failed: expected the colours of the classes, found others"
            elif labels is not None and not labels.any():
                status, labels = NO_FACE, None
            pair = task.pairs[at] if task.pairs else None
            rows.append({
                "index": pair.index if pair else -1,
                "pair_id": pair.pair_id if pair else "",
                "image_id": image.image_id,
                "kernel_id": pair.kernel_id if pair else "",
                "kernel_size": pair.kernel_size if pair else 0,
                "status": status,
                **{name: counts_of(labels, truth, partition=name).ravel() for name in GROUPS},
            })  # fmt: skip
        return {name: np.array([row[name] for row in rows]) for name in Parsing.columns}

    def facts_of(self, candidate: Candidate) -> dict[str, Any]:
        """The parser is that of the test, or the network that kept label images."""
        run = candidate.run
        return {"parser": kept_by(run)} if run is not None and run.shows_labels else self.facts

    def provider_of(self, candidate: Candidate) -> str:
        """Nothing has to be parsed of label images that a run kept."""
        return "" if _is_kept(candidate) else self.provider

    def candidates(self, runs: Sequence[Outputs | None]) -> list[Candidate]:
        """The sharp images come first, as if they were a run; their result is kept in the first folder."""
        of_runs = super().candidates(runs)
        first = next((one.file for one in of_runs if one.file is not None), None)
        file = None if first is None else first.with_name(SHARP_FILE)
        return [Candidate(self.the_set, None, file, self.blurred, SHARP), *of_runs]

    def result(self, candidate: Candidate, parts: Iterator[Arrays], reference: None) -> Parsing:
        import pandas as pd

        some = list(parts)
        columns = {name: np.concatenate([part[name] for part in some]) for name in Parsing.columns}
        rows = pd.DataFrame({name: list(values) if values.ndim > 1 else values for name, values in columns.items()})
        classes = HELEN if _is_kept(candidate) else self.classes
        return Parsing(**candidate.origin, **self.facts_of(candidate), classes=classes, rows=rows)


def _is_kept(candidate: Candidate) -> bool:
    return candidate.run is not None and candidate.run.shows_labels


def kept_by(run: Outputs) -> str:
    """Return the name of the network that made label images, with the first digits of the sha256 of its weights."""
    name, weights = str(run.info.get("name") or run.method.partition(":")[0]), run.info["weights"]
    return f"{name}@{short_digest(map(str, weights.values()))}" if weights else name
