"""Methods that are no Python class: a TorchScript file, or any command.

``facedeblur run net.ts SET -o OUT`` or ``facedeblur run method.toml SET -o OUT`` with, for instance::

    kind = "command"
    name = "my-deblur"
    argv = ["python", "restore.py", "--in", "{input}", "--out", "{output}"]
    timeout = 600

A command finds the blurred images as PNG in the folder `{input}`, writes 8-bit RGB PNG of the same
names and sizes into `{output}`, and runs in the folder of the TOML file, without a shell.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.config import read_toml, strict
from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.weights import sha256_of
from facedeblur.methods.base import Spec
from facedeblur.methods.entry import Entry
from facedeblur.methods.options import defaults, read_options, shown_name

RANGES = {"0..1": (1.0, 0.0), "-1..1": (2.0, -1.0), "0..255": (255.0, 0.0)}
CHANNELS = ("rgb", "bgr")


@dataclass(frozen=True)
class TorchScriptBlock:
    """Keys of a TOML block with ``kind = "torchscript"``; see `TorchScript`."""

    kind: str
    path: str
    name: str = ""
    version: str = ""
    sha256: str = ""
    range: str = "0..1"
    channels: str = "rgb"
    multiple: int = 1
    output: int = 0
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


class TorchScript:
    """A TorchScript network: (N, 3, H, W) float32 to the same.

    Parameters
    ----------
    range : {'0..1', '-1..1', '0..255'}
        Values that it takes and gives.
    channels : {'rgb', 'bgr'}
        Their order.
    multiple : int
        Height and width must be multiples of this; the image is mirrored at the bottom and right, then cut.
    output : int
        Which one of several outputs is the restored image.
    """

    def __init__(self, *, range: str = "0..1", channels: str = "rgb", multiple: int = 1, output: int = 0):
        for key, value, known in (("range", range, RANGES), ("channels", channels, CHANNELS)):
            if value not in known:
                raise InputError(f"option '{key}'", expected=" or ".join(known), found=f"'{value}'")
        if multiple < 1:
            raise InputError("option 'multiple'", expected="at least 1", found=f"{multiple}")
        self._scale, self._shift = RANGES[range]
        self._flip, self._multiple, self._output = channels == "bgr", multiple, output
        self.network: Any = None

    def load(self, device: str, weights: Mapping[str, Path]) -> None:
        """Load the one file of `weights` on `device`."""
        import torch

        (path,) = weights.values()
        try:
            self.network = torch.jit.load(str(path), map_location=device).eval()
        except RuntimeError as error:
            raise InputError(
                str(path), expected="a TorchScript file (torch.jit.save)", found=str(error).strip().partition("\n")[0],
                do="export the network with torch.jit.script or torch.jit.trace",
            ) from error  # fmt: skip
        self._device = device

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        """Restore (N, H, W, 3) float32 RGB in [0, 1]."""
        import torch

        height, width = blurred.shape[1:3]
        below, right = -height % self._multiple, -width % self._multiple
        padded = np.pad(blurred, ((0, 0), (0, below), (0, right), (0, 0)), mode="symmetric")
        planes = padded[..., ::-1] if self._flip else padded
        tensor = torch.from_numpy(np.ascontiguousarray(planes.transpose(0, 3, 1, 2))).to(self._device)
        restored = self.network(tensor * self._scale + self._shift)
        if isinstance(restored, tuple | list):
            restored = restored[self._output]
        restored = (restored.float() - self._shift) / self._scale
        array: np.ndarray = restored.cpu().numpy().transpose(0, 2, 3, 1)
        array = array[..., ::-1] if self._flip else array
        if array.shape == padded.shape:
            array = array[:, :height, :width]
        return np.ascontiguousarray(array)


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
        errors = target.with_name("stderr.txt")
        with errors.open("wb") as stream:
            try:
                code = subprocess.run(filled, cwd=self._folder, stdin=subprocess.DEVNULL, stderr=stream).returncode
            except OSError as error:
                raise InputError(f"command '{filled[0]}'", expected="it to start", found=str(error)) from error
        said = errors.read_text(encoding="utf-8", errors="replace").strip()
        sys.stderr.write(said + "\n" * bool(said))
        if code:
            last = said.rpartition("\n")[2][:160]
            raise InputError(f"command ended with exit code {code}" + (f", {last}" if last else ""))


def torchscript(path: Path, *, options: Mapping[str, Any], block: TorchScriptBlock | None = None) -> Entry:
    """The method in a TorchScript file.

    Raises
    ------
    InputError
        When there is no such file, it is another than the block says, or an option is unknown.
    """
    if not path.is_file():
        raise InputError(
            f"method '{path}'", expected="a file or a registered name", found="neither", do="see facedeblur list"
        )
    block = block or TorchScriptBlock("torchscript", str(path))
    sha = sha256_of(path)
    if block.sha256 and sha != block.sha256.removeprefix("sha256:").lower():
        raise InputError(str(path), expected=block.sha256[:23], found=f"sha256:{sha[:16]}", do="use the declared file")
    usual = defaults(TorchScript) | {key: getattr(block, key) for key in defaults(TorchScript)}
    name = block.name or path.stem
    chosen = read_options(TorchScript, usual | dict(options), name=name)
    spec = Spec(name, block.version, False, ((path.name, sha),), "TorchScript file")
    shown = shown_name(name, chosen, usual)
    weights, hashes = {path.name: path}, {path.name: sha}
    return Entry(TorchScript, spec, chosen, shown, weights, hashes, timeout=block.timeout, batch=block.batch)


def read_block(path: Path, *, options: Mapping[str, Any]) -> Entry:
    """The method that a TOML file describes.

    Raises
    ------
    InputError
        For an unknown kind or key (with the nearest), a missing one, or a program that is not there.
    """
    values, _ = read_toml(path)
    kind = values.get("kind")
    if kind == "torchscript":
        block = strict(TorchScriptBlock, values, str(path))
        return torchscript(path.parent / block.path, options=options, block=block)
    if kind == "command":
        if options:
            raise InputError(
                f"option '{next(iter(options))}'", expected="none for a command", do=f"change argv in {path}"
            )
        return _command(path, strict(CommandBlock, values, str(path)))
    if kind is None:
        raise InputError(f"{path}: key 'kind'", expected="torchscript or command", found="it is missing", do="add it")
    raise InputError(
        f"{path}: kind '{kind}'", expected="a known kind", do=suggest(str(kind), ("torchscript", "command"))
    )


def _command(path: Path, block: CommandBlock) -> Entry:
    for place in ("{input}", "{output}"):
        if not any(place in part for part in block.argv):
            raise InputError(f"{path}: argv", expected=f"'{place}' in it", found=str(list(block.argv)), do="add it")
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
