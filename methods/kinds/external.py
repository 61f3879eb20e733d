"""Methods that are no Python class: a TorchScript or ONNX file, any command, a container.

``facedeblur run net.ts SET -o OUT`` or ``facedeblur run method.toml SET -o OUT`` with, for instance::

    kind = "command"
    name = "my-deblur"
    argv = ["python", "restore.py", "--in", "{input}", "--out", "{output}"]
    timeout = 600

or ``kind = "onnx"`` and ``path = "net.onnx"`` (``facedeblur export`` writes both files), or ``kind = "container"``,
see `facedeblur.methods.kinds.container`. A command finds the blurred images as PNG in the folder `{input}`, writes
8-bit RGB
PNG of the same names and sizes into `{output}`, and runs in the folder of the TOML file, without a shell.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedeblur.benchmark.config import read_toml, strict
from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.weights import sha256_of
from facedeblur.methods.base import Spec
from facedeblur.methods.find import Entry
from facedeblur.methods.kinds.container import ContainerBlock, check_places, container
from facedeblur.methods.kinds.exported import Onnx, TorchScript
from facedeblur.methods.options import defaults, read_options, shown_name

KINDS = ("torchscript", "onnx", "command", "container")


@dataclass(frozen=True)
class ExportedBlock:
    """Keys of a TOML block with ``kind = "torchscript"`` or ``"onnx"``; see `TorchScript` and `Onnx`."""

    kind: str
    path: str
    name: str = ""
    version: str = ""
    sha256: str = ""
    range: str = "0..1"
    channels: str = "rgb"
    multiple: int = 1
    output: int = 0
    smallest: int = 1
    timeout: float | None = None
    batch: int | None = None


@dataclass(frozen=True)
class CommandBlock:
    """Keys of a TOML block with ``kind = "command"``; see `Command`."""

    kind: str
    argv: tuple[str, ...]
    name: str = ""
    version: str = ""
    timeout: float | None = None
    batch: int | None = None


class Command:
    """Any program that reads one folder of PNG files and writes another.

    Parameters
    ----------
    argv : list of str
        Program and arguments, with `{input}` and `{output}` where the folders stand.
    folder : str
        Folder to run in.
    """

    def __init__(self, *, argv: list[str], folder: str):
        self._argv, self._folder = argv, folder

    def restore_folder(self, source: Path, target: Path) -> None:
        """Run the program once.

        Its output goes to our standard output, which the runner keeps. It stays in the worker's process
        group, with which the runner ends it when its time is up.

        Raises
        ------
        InputError
            When it cannot be started or ends with an exit code other than 0.
        """
        filled = [part.replace("{input}", str(source)).replace("{output}", str(target)) for part in self._argv]
        run_program(filled, folder=self._folder, errors=target.with_name("stderr.txt"))


def run_program(argv: list[str], *, folder: str | Path, errors: Path) -> None:
    """Run a program to its end, without a shell and without input.

    Parameters
    ----------
    argv : list of str
    folder : path
        To run in.
    errors : Path
        File for its standard error, which is repeated on ours.

    Raises
    ------
    InputError
        When it cannot be started or ends with an exit code other than 0; its last line of standard error is in it.
    """
    with errors.open("wb") as stream:
        try:
            code = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, stderr=stream).returncode
        except OSError as error:
            raise InputError(f"command '{argv[0]}'", expected="it to start", found=str(error)) from error
    said = errors.read_text(encoding="utf-8", errors="replace").strip()
    sys.stderr.write(said + "\n" * bool(said))
    if code:
        last = said.rpartition("\n")[2][:160]
        raise InputError(f"command ended with exit code {code}" + (f", {last}" if last else ""))


def exported(path: Path, *, options: Mapping[str, Any], block: ExportedBlock | None = None) -> Entry:
    """The method in a TorchScript or ONNX file; without `block` its ending says which of them it is.

    Raises
    ------
    InputError
        When there is no such file, it is another than the block says, or an option is unknown.
    """
    if not path.is_file():
        raise InputError(
            f"method '{path}'", expected="a file or a registered name", found="neither", do="see facedeblur list"
        )
    block = block or ExportedBlock("onnx" if path.suffix.lower() == ".onnx" else "torchscript", str(path))
    kind = Onnx if block.kind == "onnx" else TorchScript
    sha = sha256_of(path)
    if block.sha256 and sha != block.sha256.removeprefix("sha256:").lower():
        raise InputError(str(path), expected=block.sha256[:23], found=f"sha256:{sha[:16]}", do="use the declared file")
    usual = defaults(kind) | {key: getattr(block, key) for key in defaults(kind)}
    name = block.name or path.stem
    chosen = read_options(kind, usual | dict(options), name=name)
    spec = Spec(name, block.version, False, ((path.name, sha),), f"{kind.__name__} file")
    shown = shown_name(name, chosen, usual)
    weights, hashes = {path.name: path}, {path.name: sha}
    return Entry(kind, spec, chosen, shown, weights, hashes, timeout=block.timeout, batch=block.batch)


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
        return _command(path, strict(CommandBlock, values, str(path)))
    if kind is None:
        raise InputError(f"{path}: key 'kind'", expected=" or ".join(KINDS), found="it is missing", do="add it")
    raise InputError(f"{path}: kind '{kind}'", expected="a known kind", do=suggest(str(kind), KINDS))


def _command(path: Path, block: CommandBlock) -> Entry:
    check_places(path, block.argv)
    folder = path.resolve().parent
    program = Path(block.argv[0])
    beside = (folder / program).is_file() and len(program.parts) > 1
    if not beside and shutil.which(block.argv[0]) is None:
        raise InputError(f"{path}: program '{program}'", expected="it installed", found="it is not", do="install it")
    argv = [str(folder / program) if beside and not program.is_absolute() else block.argv[0], *block.argv[1:]]
    # Scripts and weights among the arguments belong to the definition of the method.
    named = {part: folder / part for part in block.argv[1:] if part and (folder / part).is_file()}
    spec = Spec(block.name or path.stem, block.version, False, (), "command")
    return Entry(
        Command,
        spec,
        {"argv": list(block.argv)},
        spec.name,
        code={part: sha256_of(file) for part, file in named.items()},
        fixed={"argv": argv, "folder": str(folder)},
        timeout=block.timeout,
        batch=block.batch,
    )
