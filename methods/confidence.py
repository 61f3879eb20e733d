"""How sure a network is of what it restored: the confidences C_1 to C_4 of UMSN, by pair and by weights.

Yasarla et al., TIP 2020, section III-E and appendix B: a confidence network sees the restored and the sharp image
within each semantic class and estimates how well the class was restored, a number in (0, 1). Only training uses it; the
paper's Table VII shows it in the course of training, Table VIII by the size of the point spread function.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.files.images import list_images, pixel_hash, read_photo
from facedeblur.benchmark.files.schema import Count, Side
from facedeblur.benchmark.files.tables import printable, read_rows, write_rows
from facedeblur.benchmark.notebook import card
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.sets.set import Set, SetLike
from facedeblur.benchmark.tensors import as_tensor, filled, torch_device
from facedeblur.benchmark.weights import sha256_of, short_digest
from facedeblur.benchmark.words import many
from facedeblur.methods.nets.loading import find_files, load_parts, reached

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

CLASSES = 4
"""Background, skin, parts, hair: the groups ``umsn4`` of `facedeblur.benchmark.sets.classes`."""

BATCH = 8
"""Pairs that a GPU restores at once. On a processor more than one are no faster."""


@dataclass(frozen=True)
class Confidence:
    """The confidences of one pair by one network.

    Attributes
    ----------
    network : str
    weights : str
        Where they are, as given.
    sha256 : str
        First digits of their hash.
    stage, step : str, int
        How far their training had got: steps of that stage; empty and 0 for the authors' files, which do not say.
    set_name, set_hash, pair_id, image_id, identity, kernel_id : str
    kernel_size : int
        Side of the point spread function in pixels; 0 where there is no single one.
    C_1, C_2, C_3, C_4 : float
        Of background, skin, parts (brows, eyes, nose, lips, teeth) and hair, in (0, 1); the mean over the colour
        channels where there is one of each.
    """

    network: str
    weights: str
    sha256: str
    stage: str
    step: Count
    set_name: str
    set_hash: str
    pair_id: str
    image_id: str
    identity: str
    kernel_id: str
    kernel_size: Side
    C_1: float
    C_2: float
    C_3: float
    C_4: float

    @property
    def classes(self) -> tuple[float, ...]:
        """C_1 to C_4."""
        return (self.C_1, self.C_2, self.C_3, self.C_4)


@dataclass(frozen=True, repr=False)
class Confidences:
    """Confidences by weights, in the order given, and by pair, in the order of the set."""

    rows: tuple[Confidence, ...]

    def __repr__(self) -> str:
        return f"<Confidences of {many(self.n_pairs, 'pair')} by {len(self.by_weights()):,} weights>"

    def _repr_html_(self) -> str:
        lines = [[first.weights, f"{first.step:,}", *(f"{one:.3f}" for one in mean(rows))]
                 for first, rows in ((rows[0], rows) for rows in self.by_weights())]  # fmt: skip
        heads = ["weights", "step", *(f"C_{at}" for at in range(1, CLASSES + 1))]
        return card("Confidences", {"pairs": f"{self.n_pairs:,}"}, table=(heads, lines))

    @property
    def n_pairs(self) -> int:
        """Number of different pairs."""
        return len({(row.set_hash, row.pair_id) for row in self.rows})

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a table; its columns are the attributes of `Confidence`."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=list(Confidence.__dataclass_fields__))

    def by_weights(self) -> list[tuple[Confidence, ...]]:
        """The rows of each of the weights, in the order of the table."""
        found: dict[tuple[str, str, int], list[Confidence]] = {}
        for row in self.rows:
            found.setdefault((row.sha256, row.stage, row.step), []).append(row)
        return [tuple(rows) for rows in found.values()]

    def write(self, path: str | Path) -> None:
        """Write the table as CSV, atomically."""
        write_rows(path, Confidence, self.rows)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Confidences:
        """Read the table from its file.

        Raises
        ------
        InputError
            When the file is missing, empty, or another table, or a confidence is not in [0, 1].
        """
        rows = tuple(read_rows(Path(path), Confidence))
        if not rows:
            raise InputError(str(path), "the table of confidences is empty", do="run facedeblur confidence again")
        for at, row in enumerate(rows, start=2):
            for name, value in zip(("C_1", "C_2", "C_3", "C_4"), row.classes, strict=True):
                if not 0 <= value <= 1:
                    raise InputError(f"{path} line {at}, {name}", expected="a number from 0 to 1", found=f"{value:g}",
                                     do="run facedeblur confidence again")  # fmt: skip
        return cls(rows)


def mean(rows: Sequence[Confidence]) -> tuple[float, ...]:
    """Mean of C_1 to C_4 over some rows."""
    return tuple(map(statistics.fmean, zip(*(row.classes for row in rows), strict=True)))


def is_table(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as a table of confidences does."""
    file = Path(path)
    if file.suffix.lower() != ".csv" or not file.is_file():
        return False
    with file.open("rb") as stream:
        return stream.readline().rstrip() == ",".join(Confidence.__dataclass_fields__).encode()


@checked
def confidence(
    the_set: SetLike,
    weights: str | Path | Sequence[str | Path],
    *,
    blurred: str | Path | None = None,
    pairs: Sequence[str] = (),
    limit: int | None = None,
    network: str = "umsn",
    device: str = "auto",
    progress: Reporter | bool | None = None,
) -> Confidences:
    """Estimate how well weights restore each semantic class of each pair.

    The masks of the classes are those of the training: what the segmentation network finds in the sharp image. The
    restored image is not rounded to 8 bits.

    Parameters
    ----------
    the_set : Set or path
        A set with sharp images, or with `blurred` a folder of sharp images.
    weights : path or sequence of paths
        Weights, checkpoints of a training, or folders of the authors' files.
    blurred : path, optional
        A folder with a blurred image for each sharp one, of the same name, whatever its ending. The name is the id of
        the pair.
    pairs : sequence of str
        Ids of the pairs that are looked at, or patterns such as ``*_k17``; empty for all.
    limit : int, optional
        Look at the first so many of them only.
    network : str
        Name of a network whose ``outputs`` have ``confidence`` when they are given the sharp image.
    device : str
        cpu, cuda, cuda:N or auto.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets it instead.

    Raises
    ------
    InputError
        When the set has no pairs, no sharp images or no such pair, images of two folders do not match, or weights are
        missing, of another network, or of a training that has not come to the confidences.
    """
    given = _of_set(Set.open(the_set)) if blurred is None else _of_folders(Path(the_set), Path(blurred))
    chosen = _chosen(given, pairs, limit)
    places = [weights] if isinstance(weights, str | Path) else list(weights)
    if not places:
        raise InputError("weights to look at are missing", do="give a weight file, a checkpoint or a folder of them")
    # All files are looked for before the first is run.
    found = [(str(place), find_files(network, [Path(place)])) for place in places]
    where, done, total = torch_device(device), 0, len(chosen) * len(found)
    rows: list[Confidence] = []
    with reporting(progress) as reporter:
        for place, files in found:
            net = _loaded(network, files).to(where)
            stage, step = reached(files)
            digest = short_digest(map(sha256_of, files))
            for some in _by_image(chosen):
                for one, values in zip(some, _confidences(net, some, where), strict=True):
                    rows.append(Confidence(
                        network, printable(place), digest, stage, step, printable(given.name), given.digest,
                        one.pair_id, one.image_id, one.identity, one.kernel_id, one.kernel_size,
                        *(round(float(value), 6) for value in values),
                    ))  # fmt: skip
                done += len(some)
                reporter.progress("confidences", done, total, place)
    return Confidences(tuple(rows))


@dataclass(frozen=True)
class _Couple:
    """A pair, and how its images are read: (H, W, 3) uint8 RGB."""

    pair_id: str
    image_id: str
    identity: str
    kernel_id: str
    kernel_size: int
    sharp: Callable[[], np.ndarray]
    blurred: Callable[[], np.ndarray]


@dataclass(frozen=True)
class _Given:
    """Name and hash of what is looked at, and its pairs by their ids."""

    name: str
    digest: str
    couples: dict[str, _Couple]


def _of_set(opened: Set) -> _Given:
    if not opened.n_pairs or not opened.has_sharp:
        raise InputError(f"set '{opened.name}' has no {'sharp images' if opened.n_pairs else 'pairs'}",
                         do="give a set of pairs: confidences compare restored with sharp images")  # fmt: skip
    couples = {}
    for pair in opened.pairs():
        image = opened.image_of(pair)
        couples[pair.pair_id] = _Couple(
            pair.pair_id, image.image_id, image.identity, pair.kernel_id, pair.kernel_size,
            partial(opened.sharp, image), partial(opened.blurred, pair),
        )  # fmt: skip
    return _Given(opened.name, opened.content_hash, couples)


def _of_folders(sharp: Path, blurred: Path) -> _Given:
    files, others = _by_stem(sharp), _by_stem(blurred)
    for here, there, folder in ((files, others, blurred), (others, files, sharp)):
        missing = sorted(set(here) - set(there))
        if missing:
            raise InputError(f"{folder}: no image '{missing[0]}' as in the other folder",
                             do="give a sharp and a blurred image of each name")  # fmt: skip
    digest, couples = hashlib.sha256(), {}
    for name in sorted(files):
        one, other = (read_photo(place[name], min_side=1).pixels for place in (files, others))
        if one.shape != other.shape:
            size = "{1}x{0}".format
            raise InputError(str(others[name]), expected=f"{size(*one.shape)} as the sharp image",
                             found=size(*other.shape))  # fmt: skip
        digest.update(f"{name} {pixel_hash(one)} {pixel_hash(other)}\n".encode())
        couples[name] = _Couple(name, name, name, "", 0, partial(_read, files[name]), partial(_read, others[name]))
    return _Given(sharp.resolve().name, digest.hexdigest(), couples)


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in list_images(folder, recursive=False):
        if file.stem in found:
            raise InputError(str(folder), f"{found[file.stem].name} and {file.name} are images of one name",
                             do="remove one of them")  # fmt: skip
        found[file.stem] = file
    return found


def _read(file: Path) -> np.ndarray:
    return read_photo(file, min_side=1).pixels


def _chosen(given: _Given, names: Sequence[str], limit: int | None) -> list[_Couple]:
    if limit is not None and limit < 1:
        raise InputError("limit", expected="at least 1", found=str(limit))
    wanted = set() if names else set(given.couples)
    for name in names:
        fitting = fnmatch.filter(given.couples, name)
        if not fitting:
            raise InputError(f"set '{given.name}' has no pair '{name}'", do=suggest(name, given.couples))
        wanted.update(fitting)
    return [couple for name, couple in given.couples.items() if name in wanted][:limit]


def _by_image(chosen: Sequence[_Couple]) -> Iterator[list[_Couple]]:
    """Pairs of one sharp image, at most `BATCH` together."""
    groups: dict[str, list[_Couple]] = {}
    for one in chosen:
        groups.setdefault(one.image_id, []).append(one)
    for couples in groups.values():
        for start in range(0, len(couples), BATCH):
            yield couples[start : start + BATCH]


def _loaded(network: str, files: Sequence[Path]) -> nn.Module:
    net, until = load_parts(network, files)
    shown = " and ".join(map(str, files))
    if not hasattr(net, "confidences"):
        raise InputError(f"network '{network}' estimates no confidences", do="name a network that does, such as umsn")
    if "confidence" not in getattr(net, "parts", ("confidence",)):
        raise InputError(f"{shown}: this '{network}' was trained without confidences",
                         do="give weights of a training with them")  # fmt: skip
    if until:
        raise InputError(
            f"{shown}: the training got no further than '{until}', and its confidences were not trained",
            do="give weights of the last stage",
        )  # fmt: skip
    return net


def _confidences(net: nn.Module, couples: Sequence[_Couple], device: str) -> np.ndarray:
    """C_1 to C_4 of some pairs of one image, (N, 4)."""
    import torch

    images, size = np.stack([one.blurred() for one in couples]), 1 if device == "cpu" else BATCH
    sharp = as_tensor(couples[0].sharp()[None], device=device) / 255
    outputs: Any = net.outputs
    parts = []
    with torch.inference_mode():
        for batch, count in filled(images, size):
            blurred = as_tensor(batch, device=device) / 255
            found = outputs(blurred, sharp=sharp.expand_as(blurred))["confidence"].float()
            parts.append(found[:count].flatten(2).mean(2).cpu().numpy())
    return np.concatenate(parts)
