"""Columns of a figure of images: outputs under a title, kept intermediate results, and images of the set itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.outputs import RUN, Outputs
from facedeblur.benchmark.run_info import read_info
from facedeblur.benchmark.sets.set import Set

Own = Literal["blurred", "sharp", "labels"]
OWN: tuple[Own, ...] = ("blurred", "sharp", "labels")
"""Images of a set: blurred, sharp, and its true labels."""

PREFIX = "set:"
"""What the images of the set begin with among columns: ``set:blurred``."""


@dataclass(frozen=True)
class Shown:
    """A column of a figure.

    Attributes
    ----------
    title : str
        Heading; empty for the method's own name, or that of the image of the set.
    source : Outputs or {'blurred', 'sharp', 'labels'}
        Outputs (kept ones too), or an image of the set.
    """

    title: str
    source: Outputs | Own

    @property
    def labels(self) -> bool:
        """Whether the pictures are label maps."""
        if isinstance(self.source, Outputs):
            return bool((self.source.info.get("kept") or {}).get("kind") == "labels")
        return self.source == "labels"

    @property
    def oracle(self) -> bool:
        """Whether the outputs are of a method that was given the truth."""
        return isinstance(self.source, Outputs) and bool(self.source.info.get("oracle"))

    @property
    def kept(self) -> bool:
        """Whether the outputs are intermediate results of a run."""
        return isinstance(self.source, Outputs) and bool(self.source.info.get("kept"))


def named(text: str) -> tuple[str, str]:
    """Take ``NAME=PLACE`` apart; a place that exists under the whole text has no name.

    Raises
    ------
    InputError
        When a part is empty.
    """
    name, sign, place = text.partition("=")
    if not sign or Path(text).exists():
        return "", text
    if not name.strip() or not place:
        raise InputError(f"'{text}'", expected="NAME=OUTPUTS", found="no name" if place else "no outputs")
    return name.strip(), place


def read_column(text: str, opened: Set) -> Shown:
    """Read a column: ``OUTPUTS`` or ``NAME=OUTPUTS``, where OUTPUTS may be ``set:blurred`` and the like.

    Raises
    ------
    InputError
        When there is no such image of the set, or the outputs cannot be opened.
    """
    title, place = named(text)
    if place.startswith(PREFIX):
        word = place.removeprefix(PREFIX)
        return own(cast(Own, one_of("image of the set", word, OWN)), opened, title)
    return of_outputs(place, opened, title)


def own(word: Own, opened: Set, title: str = "") -> Shown:
    """An image of the set as a column.

    Raises
    ------
    InputError
        When the set has no such images.
    """
    if word == "sharp" and not opened.has_sharp:
        raise InputError(f"set '{opened.name}' has no sharp images", do=f"leave {PREFIX}sharp out")
    if word == "labels" and not any(image.label for image in opened.images.values()):
        raise InputError(f"set '{opened.name}' has no label images", do="build it of a collection with labels")
    return Shown(title, word)


def of_outputs(place: str | Path | Outputs, opened: Set, title: str = "", *, keep: str = "") -> Shown:
    """Outputs as a column, or what their run kept under the name `keep`.

    Raises
    ------
    InputError
        When they are missing, of another set, or the run has not kept that.
    """
    root = Path(place)
    if keep and root.is_dir():
        root = root / keep
    parent = root.parent if root.name and (root.parent / RUN).is_file() else None
    if parent is not None and not root.exists():
        run = read_info(parent / RUN)
        weights = " --weights FILE" if run["weights"] else ""
        raise MissingFile(
            root, f"the run of '{run['method']}' did not keep '{root.name}'",
            do=f"restore again with: facedeblur run {run.get('name') or 'METHOD'} {opened.root} -o NEW{weights} --keep "
            f"{root.name.partition('-')[0]}",
        )  # fmt: skip
    if isinstance(place, Outputs) and not keep:
        return Shown(title, place)
    return Shown(title, Outputs.open(root, opened))


def completed(shown: Sequence[Shown | Outputs], opened: Set) -> list[Shown]:
    """The columns with the blurred and the sharp image around them, unless an image of the set is among them.

    Outputs of the method ``blurred`` are left out then: they are the first column anyway.
    """
    columns = [one if isinstance(one, Shown) else Shown("", one) for one in shown]
    if any(isinstance(one.source, str) for one in columns):
        return columns
    columns = [one for one in columns if one.title or not _is_input(one)]
    sharp = [Shown("", "sharp")] if opened.has_sharp else []
    return [Shown("", "blurred"), *columns, *sharp]


def _is_input(one: Shown) -> bool:
    return isinstance(one.source, Outputs) and one.source.method == "blurred"


def titles(columns: Sequence[Shown]) -> tuple[str, ...]:
    """Headings of the columns, of one line or two: the second says that a method was given the truth.

    A method that occurs twice among the columns without a title is shown with its run hash.
    """
    unnamed = [one.source.method for one in columns if isinstance(one.source, Outputs) and not one.title]
    found = []
    for one in columns:
        title = one.title
        if not title and isinstance(one.source, Outputs):
            method = one.source.method
            title = f"{method} {one.source.run_hash[:6]}" if unnamed.count(method) > 1 else method
        title = title or {"labels": "true labels"}.get(str(one.source), str(one.source))
        found.append(f"{title}\n{_given(one.source)}" if isinstance(one.source, Outputs) and one.oracle else title)
    return tuple(found)


def _given(outputs: Outputs) -> str:
    """What an oracle was given: a network may have read true labels instead."""
    return "(oracle)" if outputs.info.get("weights") else "(true kernel)"
