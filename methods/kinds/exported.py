"""Files of networks as methods: TorchScript, ``torch.export`` and ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.sets.set import Set
from facedeblur.benchmark.weights import sha256_of
from facedeblur.methods.base import Spec
from facedeblur.methods.kinds.exported_base import ExportedNetwork
from facedeblur.methods.kinds.onnx_file import Onnx, external_data
from facedeblur.methods.kinds.recognised import KINDS, kind_of_network
from facedeblur.methods.kinds.state_file import StateFile, architecture_of, fit_options, read_state_dict
from facedeblur.methods.kinds.torch_file import ExportedProgram, TorchScript
from facedeblur.methods.options import defaults, read_options, shown_name
from facedeblur.methods.runnable import Runnable

CLASSES: dict[str, type[ExportedNetwork]] = {"torchscript": TorchScript, "pt2": ExportedProgram, "onnx": Onnx}


@dataclass(frozen=True)
class ExportedBlock:
    """Keys of a TOML block with ``kind = "torchscript"``, ``"pt2"`` or ``"onnx"``; see `ExportedNetwork`.

    ``get`` says how to get the file and ends the error about a missing one.
    ``trained_on`` and ``licence`` are for the leaderboard (`facedeblur.methods.weight_cards`) and change nothing else.
    """

    kind: str
    path: str
    name: str = ""
    version: str = ""
    sha256: str = ""
    range: str = "0..1"
    channels: str = "rgb"
    multiple: int = 1
    output: int | str = ""
    smallest: int = 1
    output_range: str = ""
    timeout: float | None = None
    batch: int | None = None
    get: str = ""
    trained_on: tuple[str, ...] = ()
    licence: str = ""


def exported(
    path: Path, *, options: Mapping[str, Any], block: ExportedBlock | None = None, the_set: Set | None = None
) -> Runnable:
    """Return the method in a file of a network; its content says of which kind it is.

    Parameters
    ----------
    path : Path
    options : mapping
        Option -> value or text.
    block : ExportedBlock, optional
        The TOML file that describes it.
    the_set : Set, optional
        Set to restore, for options that depend on it.

    Raises
    ------
    InputError
        If the file is missing, holds no network or one of another kind than the block says, is not the one that the
        block declares, or an option is unknown.
    """
    if block is not None and not path.is_file():
        raise MissingFile(path, expected="the file of the network", do=block.get or "correct the key 'path'")
    if not path.is_file():
        raise InputError(f"method '{path}' is neither a registered name nor a file", do="see facedeblur list methods")
    sha = sha256_of(path)
    if block and block.sha256 and sha != block.sha256.removeprefix("sha256:").lower():
        raise InputError(str(path), expected=block.sha256[:23], found=f"sha256:{sha[:16]}", do="use the declared file")
    content = kind_of_network(path)
    if content == "state":
        if block is not None:
            raise InputError(f"{path}: this is a state dict, which no TOML file describes", do=f"run {path} itself")
        return _state_file(path, options, the_set)
    block = block or ExportedBlock(content, str(path))
    if block.kind != content:
        raise InputError(str(path), expected=KINDS[block.kind], found=KINDS[content], do=f'write kind = "{content}"')
    kind = CLASSES[content]
    usual = defaults(kind) | {key: getattr(block, key) for key in defaults(kind)}
    name = block.name or path.stem
    chosen = read_options(kind, usual | dict(options), name=name)
    weights = {path.name: path} | (external_data(path) if kind is Onnx else {})
    hashes = {file: sha256_of(place) for file, place in weights.items()}
    summary = f"{kind.__name__} file"
    spec = Spec(name, block.version, False, tuple(hashes.items()), summary, block.trained_on, block.licence)
    shown = shown_name(name, chosen, usual)
    return Runnable(kind, spec, chosen, shown, weights, hashes, timeout=block.timeout, batch=block.batch)


def _state_file(path: Path, options: Mapping[str, Any], the_set: Set | None) -> Runnable:
    """Return the method in a state dict; its name has the options that its architecture and the set need."""
    architecture = architecture_of(read_state_dict(path))
    usual = defaults(StateFile)
    fitting, remark = fit_options(architecture, options, the_set)
    chosen = read_options(StateFile, usual | fitting, name=path.stem)
    hashes = {path.name: sha256_of(path)}
    summary = f"{architecture} (state dict)"
    spec = Spec(path.stem, "", False, tuple(hashes.items()), summary, network=architecture)
    shown = shown_name(path.stem, chosen, usual)
    return Runnable(StateFile, spec, chosen, shown, {path.name: path}, hashes, remark=remark)
