"""Checks of a training on held-out faces: the restored images, or what else a stage is about.

A stage that restores nothing is not judged by the image that its network passes on. One whose losses compare labels is
judged by the F-score of its labels; UMSN's first stages are judged by the images of the classes, each within its own
class; a stage that draws by what it draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.faces.parsing import confusion, fscores, mean_fscore
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import psnr, ssim
from facedeblur.benchmark.metrics.fidelity.semantic import class_psnr, region_of
from facedeblur.benchmark.sets.classes import coloured, groups_of
from facedeblur.methods.training.data.batches import Examples
from facedeblur.methods.training.devices import Engine
from facedeblur.methods.training.losses.classes import ParsingLoss
from facedeblur.methods.training.losses.confidence import ClassStreams
from facedeblur.methods.training.stage import StageRun

SHOWN = 6
"""Faces on a sheet of samples."""

CAP = 100.0
"""PSNR that an identical image counts as, dB."""

INPUT = "_blurred"
"""What the metrics of the blurred images end in."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """Means over the held-out pairs, and the first of them as rows.

    A row shows the blurred face, the restored one and the sharp one; where the stage draws, the drawing and the one
    that it should be in place of the restored face; where it labels, the image that it is given, its labels and the
    true ones; of UMSN's first stages, each pixel is that of its own class.
    """

    metrics: dict[str, float]
    pictures: list[list[np.ndarray]]


def parsing_of(run: StageRun) -> ParsingLoss | None:
    """The first loss of a stage all of whose losses compare labels, else None."""
    losses = [loss for _, loss in run.losses.values()]
    first = losses[0] if losses else None
    return first if isinstance(first, ParsingLoss) and all(isinstance(one, ParsingLoss) for one in losses) else None


def streams_of(run: StageRun) -> ClassStreams | None:
    """The loss of a stage that trains one image per semantic class, else None."""
    return next((loss for _, loss in run.losses.values() if isinstance(loss, ClassStreams)), None)


def measured(run: StageRun) -> tuple[str, ...]:
    """Names of the metrics that `Validation` gives of a stage."""
    parsing = parsing_of(run)
    if parsing is not None:
        return ("fscore", *(f"fscore_{group}" for group in groups_of(parsing.partition)))
    if streams_of(run) is not None:
        return tuple(f"psnr_{name}{end}" for name in ("classes", *groups_of("umsn4")) for end in ("", INPUT))
    if run.drawing is not None:
        return "psnr_drawing", "ssim_drawing"
    return "psnr", "ssim", f"psnr{INPUT}", f"ssim{INPUT}"


def in_words(metrics: Mapping[str, float]) -> list[str]:
    """The most important of the metrics, for a progress bar."""
    for name, what in (("psnr", "PSNR"), ("psnr_classes", "PSNR within the classes")):
        if name in metrics:
            return [f"{what} {metrics[name]:.2f} dB ({metrics[name + INPUT]:.2f} blurred)"]
    if "psnr_drawing" in metrics:
        return [f"PSNR of the drawing {metrics['psnr_drawing']:.2f} dB"]
    return [f"F-score {metrics['fscore']:.3f}"] if "fscore" in metrics else []


class Validation:
    """Held-out pairs, made once.

    Parameters
    ----------
    examples : Examples
    count : int
        Pairs taken from its beginning.
    batch : int
        How many are restored at once.
    """

    def __init__(self, examples: Examples, *, count: int = 32, batch: int = 8):
        items = [examples[index] for index in range(min(count, len(examples)))]
        self.blurred = np.stack([item["blurred"] for item in items])
        self.sharp = np.stack([item["sharp"] for item in items])
        self.labels = np.stack([item["labels"] for item in items]) if examples.labels else None
        self.sketch = np.stack([item["sketch"] for item in items]) if examples.sketches else None
        self.batch = batch
        self.before = _scores(self.blurred, self.sharp)

    def __call__(self, run: StageRun, engine: Engine) -> Verdict:
        """Score what the network of a stage makes of all pairs; it is in evaluation meanwhile.

        Returns
        -------
        Verdict
            Its metrics are those of `measured`: PSNR in dB, SSIM, and F-scores in [0, 1].
        """
        parsing = parsing_of(run)
        with _evaluating(run.best), engine.autocast():
            if parsing is not None:
                return self._labelled(run, parsing, engine)
            if streams_of(run) is not None:
                return self._by_class(run, engine)
            return self._restored(run, engine) if run.drawing is None else self._drawn(run, engine)

    def _restored(self, run: StageRun, engine: Engine) -> Verdict:
        reads = bool(getattr(run.net, "takes_labels", False))
        found = np.concatenate([
            _bytes(run.restored(batch["blurred"], batch.get("labels") if reads else None))
            for batch in self._batches(run, engine)
        ])  # fmt: skip
        metrics = _scores(found, self.sharp) | {f"{key}{INPUT}": value for key, value in self.before.items()}
        return Verdict(metrics, _rows(self.blurred, found, self.sharp))

    def _drawn(self, run: StageRun, engine: Engine) -> Verdict:
        parts = [
            [_bytes(one.expand(-1, 3, -1, -1)) for one in run.drawn(batch)] for batch in self._batches(run, engine)
        ]
        found, wanted = (np.concatenate(planes) for planes in zip(*parts, strict=True))
        metrics = {f"{key}_drawing": value for key, value in _scores(found, wanted).items()}
        return Verdict(metrics, _rows(self.blurred, found, wanted, self.sharp))

    def _labelled(self, run: StageRun, parsing: ParsingLoss, engine: Engine) -> Verdict:
        """F-score of the labels, of pixels pooled over the pairs; the network is given what it is trained on."""
        if self.labels is None:
            raise InputError(f"stage '{run.stage.name}' needs labels, which the held-out faces lack",
                             do="set labels = true in the stage of the recipe")  # fmt: skip
        groups = groups_of(parsing.partition)
        first = np.array([values[0] for values in groups.values()], np.uint8)
        joined = np.arange(256, dtype=np.uint8)
        for values in groups.values():
            joined[list(values)] = values[0]
        parts = [
            run.outputs(run.best, run.targets(batch))[parsing.of].argmax(1).to(torch.uint8).cpu().numpy()
            for batch in self._batches(run, engine)
        ]
        found = first[np.concatenate(parts)]
        counts = [confusion(one, truth, partition=parsing.partition)
                  for one, truth in zip(found, self.labels, strict=True)]  # fmt: skip
        scores = fscores(np.stack(counts))
        metrics = {"fscore": mean_fscore(scores, partition=parsing.partition)}
        metrics |= {f"fscore_{group}": float(one) for group, one in zip(groups, scores, strict=True)}
        drawn = [coloured(labels).transpose(0, 3, 1, 2) for labels in (found[:SHOWN], joined[self.labels[:SHOWN]])]
        given = self.sharp if run.stage.input == "sharp" else self.blurred
        return Verdict({name: value for name, value in metrics.items() if not np.isnan(value)}, _rows(given, *drawn))

    def _by_class(self, run: StageRun, engine: Engine) -> Verdict:
        """PSNR of each class within its own pixels, the mean over the pairs that show it, and the mean of these."""
        names, shown, values = list(groups_of("umsn4")), [], []
        done = 0
        for batch in self._batches(run, engine):
            outputs = run.outputs(run.best, run.targets(batch))
            place = outputs["masks"].argmax(1)
            images = [outputs[f"class{at}"] for at in range(1, len(names) + 1)]
            own = torch.stack(images, 1).gather(1, place[:, None, None].expand(-1, 1, 3, -1, -1))[:, 0]
            found, classes = _bytes(own), place.to(torch.uint8).cpu().numpy()
            shown.append(found)
            for one, labels in zip(found, classes, strict=True):
                couple = [_picture(planes) for planes in (one, self.blurred[done], self.sharp[done])]
                regions = [region_of(labels, (at,)) for at in range(len(names))]
                values.append([[class_psnr(image, couple[2], region, definition="region", cap=CAP)
                                for image in couple[:2]] for region in regions])  # fmt: skip
                done += 1
        scores = np.array(values, np.float64)
        metrics: dict[str, float] = {}
        for end, some in zip(("", INPUT), np.moveaxis(scores, 2, 0), strict=True):
            present = {name: one[~np.isnan(one)] for name, one in zip(names, some.T, strict=True)}
            means = {name: float(one.mean()) for name, one in present.items() if len(one)}
            metrics |= {f"psnr_{name}{end}": one for name, one in means.items()}
            metrics[f"psnr_classes{end}"] = float(np.mean(list(means.values())))
        return Verdict(metrics, _rows(self.blurred, np.concatenate(shown), self.sharp))

    def _batches(self, run: StageRun, engine: Engine) -> Iterator[dict[str, Tensor]]:
        """What the stage is given in training: labels only where it takes some."""
        held = {"blurred": self.blurred, "sharp": self.sharp, "sketch": self.sketch}
        if run.stage.labels or getattr(run.net, "takes_labels", False):
            held["labels"] = self.labels
        for first in range(0, len(self.blurred), self.batch):
            batch = {
                name: torch.from_numpy(values[first : first + self.batch]).to(engine.device)
                for name, values in held.items()
                if values is not None
            }
            yield {
                name: values.long() if name == "labels" else values.float().div_(255) for name, values in batch.items()
            }


def _rows(*columns: np.ndarray) -> list[list[np.ndarray]]:
    """The first faces of several (N, 3, H, W), one row each."""
    return [[_picture(planes) for planes in row] for row in zip(*(column[:SHOWN] for column in columns), strict=True)]


@contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    """Put a network into evaluation, without gradients, and each of its modules back into what it was."""
    was = {module: module.training for module in net.modules()}
    net.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, mode in was.items():
            module.training = mode


def _bytes(images: Tensor) -> np.ndarray:
    """Images in [0, 1], which are clipped, as uint8; NaN is 0."""
    clipped = images.float().clamp(0, 1)
    return np.asarray(clipped.mul_(255).round_().nan_to_num_().to(torch.uint8).cpu().numpy())


def _picture(planes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _scores(images: np.ndarray, sharp: np.ndarray) -> dict[str, float]:
    couples = [(_picture(a), _picture(b)) for a, b in zip(images, sharp, strict=True)]
    return {
        "psnr": float(np.mean([psnr(a, b, cap=CAP) for a, b in couples])),
        "ssim": float(np.mean([ssim(a, b) for a, b in couples])),
    }
