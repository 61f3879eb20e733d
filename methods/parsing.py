"""The parsing test of a set, by a parser or by the parsing network of a method: ``--parser shen2020:WEIGHTS``.

Shen et al., IJCV 2020, Table 3: their parsing network P labels clear, blurred and deblurred images. Yasarla et al., TIP
2020, Table II: S-Net of UMSN labels clear and blurred ones, before and after it was trained with blurred ones. Each is
a parser like those of `facedeblur.benchmark.faces.parsers`, with the weights of a training of the whole network.
Importing this module registers them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import PARSERS, Parser
from facedeblur.benchmark.faces.inference import labelled
from facedeblur.benchmark.options import PIN, Slot, checked, fill, pin_of
from facedeblur.benchmark.outputs import OutputsLike, one_or_many
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.resume import Arrays
from facedeblur.benchmark.sets.classes import GROUPS, HELEN
from facedeblur.benchmark.sets.set import SetLike
from facedeblur.benchmark.tensors import torch_device
from facedeblur.benchmark.weights import check_pin, joint_digest, sha256_of
from facedeblur.benchmark.whole_set.parsing import Parsing, ParsingTest
from facedeblur.benchmark.whole_set.parsing import parser_named as parser_named
from facedeblur.benchmark.whole_set.run import LookTask, run_test
from facedeblur.methods.nets.loading import find_files, load_parts

if TYPE_CHECKING:
    from torch import nn

SIDE = 128
"""Shorter side of the images that a parsing network is given, in pixels: that of its training."""

PLACE = Slot(("",), form="(?s):.+")
"""The option that says where the weights are, ``:weights/``."""


@dataclass(frozen=True)
class NetworkParser(Parser):
    """The parsing network of a deblurring network, with its weights.

    Images are resized so that the shorter side has 128 pixels, and the scores are resized back.

    Parameters
    ----------
    files : tuple of Path
        Weight files of the whole network.
    digest : str
        First digits of their sha256.
    device : str
        Where the network runs: cpu, cuda, auto.
    """

    files: tuple[Path, ...]
    digest: str
    device: str = "cpu"
    classes: tuple[str, ...] = HELEN

    choices = ":PLACE names the file or folder of the weights of the whole network, @1234abcd pins them"

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the parser; ``:PLACE`` says where the weights of the network are, ``@1234abcd`` pins them.

        Raises
        ------
        InputError
            When there are no weights, they are others than the pinned ones, or it was not trained.
        """
        pin, place = fill(f"parser '{cls.name}'", options, PIN, PLACE)
        files = tuple(find_files(cls.name, [Path(place[1:]).expanduser()] if place else []))
        digest = joint_digest(map(sha256_of, files))
        check_pin(f"parser '{cls.name}'", pin_of(pin), digest, do="give the place of those weights")
        made = cls(files, digest[:8])
        _parsing_part(cls, files, made.digest, "cpu")
        return made

    @staticmethod
    def part(net: nn.Module) -> nn.Module | None:
        """Return the parsing network of a whole network: (N, 3, H, W) in [0, 1] to one score per class."""
        part: nn.Module | None = getattr(net, "parser", None)
        return part

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature."""
        return (f"{self.name}@{self.digest}",)

    def parse(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, H, W) uint8 places in ``classes``.

        Raises
        ------
        InputError
            When `faces` is not a batch of RGB images, or the device is missing.
        """
        device = torch_device(self.device)
        part = _parsing_part(type(self), self.files, self.digest, device)
        return labelled(part, faces, side=SIDE, multiple=int(part.multiple), device=device)  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def _parsing_part(kind: type[NetworkParser], files: tuple[Path, ...], digest: str, device: str) -> nn.Module:
    """The parsing network alone, once per process and content of the files."""
    net, until = load_parts(kind.name, files)
    part = kind.part(net)
    shown = " and ".join(map(str, files))
    if part is None or until == "coarse":
        why = "have no parsing network" if part is None else "were trained as far as the coarse images only"
        raise InputError(
            f"{shown}: these weights of '{kind.name}' {why}", do="give other weights, or name another parser"
        )
    classify: Any = getattr(part, "classify", None)
    if classify is not None and classify.out_channels != len(HELEN):
        raise InputError(
            f"{shown}: parsing network", expected=f"the {len(HELEN)} classes of Helen",
            found=f"{classify.out_channels} classes", do="give other weights, or name another parser",
        )  # fmt: skip
    return part.eval().to(device)


class Shen2018Parser(NetworkParser):
    """Parsing network P of Shen et al., CVPR 2018, with the weights of `shen2018`."""

    name = "shen2018"


class Shen2020Parser(NetworkParser):
    """Parsing network P of Shen et al., IJCV 2020, with the weights of `shen2020`."""

    name = "shen2020"


@dataclass(frozen=True)
class UmsnParser(NetworkParser):
    """S-Net of Yasarla et al., TIP 2020, with the weights of `umsn`: it tells four groups of classes."""

    classes: tuple[str, ...] = tuple(GROUPS["umsn4"])

    name = "umsn"

    @staticmethod
    def part(net: nn.Module) -> nn.Module | None:
        """Return S-Net; None in the variants that have none."""
        from facedeblur.methods.nets.umsn.parser import SegmentationParser

        segmentation: nn.Module | None = getattr(net, "segmentation", None)
        return None if segmentation is None else SegmentationParser(segmentation)


PARSERS.add("shen2018", Shen2018Parser)
PARSERS.add("shen2020", Shen2020Parser)
PARSERS.add("umsn", UmsnParser)


class _Test(ParsingTest):
    """The parsing test. Workers that are sent it import this module, and so know its parsers."""

    @staticmethod
    def look(task: LookTask) -> Arrays:
        """Return the rows of one photograph; see `ParsingTest.look`."""
        return ParsingTest.look(task)


@one_or_many
@checked
def parse(
    the_set: SetLike,
    outputs: Sequence[OutputsLike | None],
    *,
    parser: str = "facedeblur",
    force: bool = False,
    plugin: str | Path | None = None,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> list[Parsing]:
    """Parse restored faces and compare with the label images of the set.

    A failed output, and one in which the parser finds no face (it labels everything background), miss
    all true pixels. Images without a label are left out, with a row that says so. Each result is kept
    as ``OUTPUTS/parsing.parquet``, and read from there while set, run and parser stay the same; that of the sharp
    images is ``parsing.sharp.parquet`` in the first folder. Call it again to resume an interrupted test.

    Label images that a run kept (``run --keep parsing``) are compared as they are: they are what the network saw.

    Parameters
    ----------
    the_set : Set or path
        A set with label images.
    outputs : Outputs, path or None, or sequence of them
        None is the set's blurred images themselves, whose result is not kept.
    parser : str
        Name of a parser with its options, or ``shen2020:WEIGHTS`` for the parsing network of a method.
    force : bool
        Parse again even where the result is there.
    plugin : path, optional
        Python file that enters a parser.
    workers : Workers or int
        Where to compute.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets the
        progress, and what an earlier run left that cannot be used.

    Returns
    -------
    Parsing or list of Parsing
        The result of one run. For a sequence of outputs a list: first the sharp images themselves, each once, which is
        what the parser can reach, then one per run in the order of `outputs`.

    Raises
    ------
    InputError
        When the set has no pairs or no label images, outputs belong to another set, or the parser
        is not known or has classes that are not Helen's.

    Examples
    --------
    >>> import facedeblur as fd
    >>> found = fd.parse("labelled-set/", "outputs/labelled")
    >>> round(found.mean(), 2)
    0.66
    """
    return run_test(
        partial(_Test, parser=parser), the_set, outputs,
        force=force, plugin=plugin, workers=workers, progress=progress,
    )  # fmt: skip
