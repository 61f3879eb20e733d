"""Find and load the weights of networks.

Every network can be loaded from ``NAME.safetensors``, as ``facedeblur train`` writes it; the configuration is in the
file, or in the card ``NAME.json`` next to it. A checkpoint of a training can be given in its place. Some can be loaded
from the files that their authors released, see `Declared.files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.schema import Count, conform
from facedeblur.benchmark.files.state_dict import load_exactly, read_header, read_tensors
from facedeblur.benchmark.weights import VARIABLE, WeightFile, folders, read_card
from facedeblur.methods.nets.base import NETS, Released, State, declared, make_network

if TYPE_CHECKING:
    from torch import Tensor, nn

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the weights that come with the package."""

CHECKPOINT = "facedeblur-training-1"
"""Format of the checkpoints of a training, which hold the weights among all else that it resumes from."""


def find_files(name: str, near: Sequence[Path] = ()) -> list[Path]:
    """Find the weights of a network.

    Parameters
    ----------
    name : str
    near : sequence of Path
        Folders that are searched before ``FACEDEBLUR_WEIGHTS`` (or the user's cache folder) and what comes with the
        package; a file here is used directly. What a training by a recipe of another name wrote is found here, too.

    Returns
    -------
    list of Path
        One ``.safetensors`` file, or one path for each of the authors' files.

    Raises
    ------
    InputError
        When none are found, or several files could be meant.
    """
    for place in near:
        if place.is_file():
            return [place]
        if not place.exists():
            raise MissingFile(str(place), expected=f"a folder or file of weights for '{name}'")
    released = declared(name).files
    searched = [*near, *folders(WeightFile(name, (), "")), SHIPPED]
    for place in searched:
        own = place / f"{name}.safetensors"
        if own.is_file():
            return [own]
        found = [_one(place, patterns) for patterns in released]
        if found and all(found):
            return [path for path in found if path is not None]
        if place in near and (trained := _trained(place, name)) is not None:
            return [trained]
    others = listed(released)
    raise InputError(
        f"weights of '{name}' are missing: no {name}.safetensors"
        + f" (or the authors' {others})" * bool(others)
        + f" in {', '.join(map(str, searched))}",
        do=f"put it there, set {VARIABLE}, give --weights PLACE, or make it with: facedeblur train {name}",
    )


def listed(files: Sequence[tuple[str, ...]]) -> str:
    """The preferred names of files as words: "a", "a and b", "a, b and c"."""
    *others, last = [patterns[0] for patterns in files] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _trained(place: Path, name: str) -> Path | None:
    """Weights of a network under the name of another recipe, such as dfpgnet-b; None without such a file."""
    hits = [path for path in sorted(place.glob("*.safetensors")) if header_of([path]).network == name]
    if len(hits) > 1:
        names = ", ".join(path.name for path in hits[:3])
        raise InputError(f"{place}: {len(hits)} files hold weights of '{name}': {names}", do="give one of them")
    return hits[0] if hits else None


def _one(place: Path, patterns: tuple[str, ...]) -> Path | None:
    for pattern in patterns:
        hits = sorted(path for path in place.glob(pattern) if path.is_file())
        if len(hits) > 1:
            names = ", ".join(path.name for path in hits[:3])
            raise InputError(f"{place}: {len(hits)} files match {pattern}: {names}", do="keep only one of them")
        if hits:
            return hits[0]
    return None


def load_network(name: str, paths: Sequence[Path]) -> nn.Module:
    """Make a network with the weights in its files, ready to restore on the processor.

    Parameters
    ----------
    name : str
        A key of ``NETS``.
    paths : sequence of Path
        As `find_files` gives them.

    Raises
    ------
    InputError
        When a file is truncated, of another network or configuration, or holds values that are not finite.
    """
    net, header = _loaded(name, paths)
    if not header.until:
        return net
    if header.until not in getattr(net, "restores", ()):
        shown = " and ".join(str(path) for path in paths)
        raise InputError(
            f"{shown}: the training got no further than stage '{header.stage}', after which '{name}' restores nothing",
            do="train its other stages, too",
        )  # fmt: skip
    from facedeblur.methods.nets.blocks import PartWay

    return PartWay(net, header.until)


def load_parts(name: str, paths: Sequence[Path]) -> tuple[nn.Module, str]:
    """Make a network with all its parts, and tell how far its training got (empty: to its end); see `load_network`."""
    net, header = _loaded(name, paths)
    return net, header.until


def _loaded(name: str, paths: Sequence[Path]) -> tuple[nn.Module, Header]:
    import torch

    header, state = _read(name, paths)
    # What a training begins with may be gone, and is replaced by these weights.
    begun = getattr(NETS.get(name), "starts_from", ())
    config: dict[str, Any] = {key: value for key, value in header.config.items() if key not in begun}
    shown = " and ".join(str(path) for path in paths)
    with torch.random.fork_rng(devices=[]):  # the starting weights are drawn, and replaced at once
        try:
            net = make_network(name, **config)
        except InputError as error:
            raise InputError(shown, expected=f"a configuration of '{name}'", found=str(error)) from error
    tensors = dict(state(net))
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InputError(shown, expected="finite weights", found=f"NaN or infinity in '{key}'", do="train it again")
    load_exactly(net, tensors, shown, f"give weights of '{name}' in that configuration")
    return net.eval().requires_grad_(False), header


def remark_on(paths: Sequence[Path]) -> str:
    """What a user should know of weights before they are run: how far their training got, if not to its end.

    Parameters
    ----------
    paths : sequence of Path
        As `find_files` gives them.

    Returns
    -------
    str
        One line; empty for those of a finished training of the whole network, and for the authors' files.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    header = header_of(paths)
    parts = []
    if not header.finished:
        parts.append(f"an unfinished training, in stage '{header.stage}' after step {header.stage_step:,} of "
                     f"{header.stage_steps:,}")  # fmt: skip
    if header.until:
        parts.append(f"trained as far as '{header.until}', and run no further")
    return f"{paths[0].name}: {'; '.join(parts)}" if parts else ""


def reached(paths: Sequence[Path]) -> tuple[str, int]:
    """Stage of the training that weights are of, and its steps; ``""`` and 0 for the authors' files.

    Parameters and errors as `remark_on`.
    """
    header = header_of(paths)
    return header.stage, header.stage_step


def takes_labels(name: str, paths: Sequence[Path]) -> bool:
    """Whether a network with these weights reads the true labels of each face; parameters and errors as `remark_on`."""
    labels, header = declared(name).labels, header_of(paths)
    # The part that an unfinished training has reached reads none.
    return labels is not None and not header.until and header.config.get(labels[0]) == labels[1]


def header_of(paths: Sequence[Path]) -> Header:
    """The header of what a training wrote; an empty one for authors' files; parameters and errors as `remark_on`."""
    if not _is_own(paths):
        return Header()
    return _conforming(paths[0], read_header(paths[0]))


def _is_own(paths: Sequence[Path]) -> bool:
    """Whether these are weights that a training wrote, not the authors' files."""
    return len(paths) == 1 and paths[0].suffix.lower() == ".safetensors"


def _conforming(path: Path, header: dict[str, Any]) -> Header:
    """The header of weights or of a checkpoint, or the card of the weights if the header has no configuration."""
    if header.get("format") == CHECKPOINT:
        read = conform(header, _Resumed, f"{path}: header", "the header of a checkpoint", do="take another checkpoint")
        stage, recipe = read.recipe.stage, read.recipe
        return Header(
            recipe.network, recipe.config, read.stage, read.step, stage.iterations, stage.until,
            finished=read.finished, input=stage.input, trained_on=read.trained_on,
        )  # fmt: skip
    found = header if "config" in header else read_card(path)
    return conform(found, Header, f"{path}: header", "the header of weights")


def part_of(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return those tensors of a checkpoint whose names begin with `name` and a dot, without these."""
    start = f"{name}."
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


def network_in(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights among the tensors of a checkpoint: their average if there is one."""
    return part_of(tensors, "average") or part_of(tensors, "network")


def _read(name: str, paths: Sequence[Path]) -> tuple[Header, State]:
    if _is_own(paths):
        header, tensors = _read_own(name, paths[0])
        return header, lambda net: tensors
    wanted = declared(name).files
    if not wanted:
        raise InputError(str(paths[0]), expected=f"a file {name}.safetensors", found=f"'{paths[0].suffix}'")
    if len(paths) != len(wanted):
        which = "both" if len(wanted) == 2 else "all"
        raise InputError(str(paths[0]), expected=listed(wanted), found="one file", do=f"give the folder of {which}")
    read: Released = NETS.get(name).read_released  # type: ignore[attr-defined]  # it declares these files
    config, state = read(*paths)
    return Header(name, config), state


class Header(msgspec.Struct):
    """Schema of the header of weights, or of the card that stands for it."""

    network: str = ""
    config: dict[str, Any] = {}
    stage: str = ""
    stage_step: Count = 0
    stage_steps: Count = 0
    until: str = ""
    finished: bool = True
    input: str = "blurred"
    trained_on: list[str] = []


class _ResumedStage(msgspec.Struct):
    """Schema of the stage in the header of a checkpoint."""

    iterations: Count
    until: str = ""
    input: str = "blurred"


class _ResumedRecipe(msgspec.Struct):
    """Schema of the recipe in the header of a checkpoint."""

    network: str
    config: dict[str, Any]
    stage: _ResumedStage


class _Resumed(msgspec.Struct):
    """Schema of what the header of a checkpoint says of its weights."""

    stage: str
    step: Count
    recipe: _ResumedRecipe
    finished: bool = False
    trained_on: list[str] = []


def _read_own(name: str, path: Path) -> tuple[Header, dict[str, Tensor]]:
    """Header and tensors of what ``facedeblur train`` has written."""
    read_card(path)  # compares the hash that it records
    tensors, header = read_tensors(path)
    read = _conforming(path, header)
    if header.get("format") == CHECKPOINT:
        tensors = network_in(tensors)
    if (read.network or name) != name:
        raise InputError(
            str(path), expected=f"weights of '{name}'", found=f"weights of '{read.network}'",
            do=f"run {read.network} with it",
        )  # fmt: skip
    return read, tensors
