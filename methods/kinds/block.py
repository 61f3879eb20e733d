"""Methods that a TOML file describes: an exported network, a command or a container.

``kind = "torchscript"`` or ``"onnx"`` with ``path = "net.onnx"`` (``facedeblur export`` writes both files),
``kind = "command"``, see `facedeblur.methods.kinds.command`, or ``kind = "container"``, see
`facedeblur.methods.kinds.container`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facedeblur.benchmark.config import read_toml, strict
from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.methods.entry import Entry
from facedeblur.methods.kinds.command import CommandBlock, command
from facedeblur.methods.kinds.container import ContainerBlock, container
from facedeblur.methods.kinds.exported import ExportedBlock, exported

KINDS = ("torchscript", "onnx", "command", "container")


def read_block(path: Path, *, options: Mapping[str, Any]) -> Entry:
    """The method that a TOML file describes.

    Raises
    ------
    InputError
        For an unknown kind or key (with the nearest), a missing one, or a program that is not there.
    """
    values, _ = read_toml(path)
    kind = values.get("kind")
    if kind in ("torchscript", "onnx"):
        block = strict(ExportedBlock, values, str(path))
        return exported(path.parent / block.path, options=options, block=block)
    if kind in ("command", "container"):
        if options:
            raise InputError(
                f"option '{next(iter(options))}'", expected=f"none for a {kind}", do=f"change argv in {path}"
            )
        if kind == "container":
            return container(path, strict(ContainerBlock, values, str(path)))
        return command(path, strict(CommandBlock, values, str(path)))
    if kind is None:
        raise InputError(f"{path}: key 'kind'", expected=" or ".join(KINDS), found="it is missing", do="add it")
    raise InputError(f"{path}: kind '{kind}'", expected="a known kind", do=suggest(str(kind), KINDS))
