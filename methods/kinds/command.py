"""Programs as methods: any command that reads a folder of PNG files and writes another.

``facedeblur run method.toml SET -o OUT`` with, for instance::

    kind = "command"
    name = "my-deblur"
    argv = ["python", "restore.py", "--in", "{input}", "--out", "{output}"]
    timeout = 600

The command finds the blurred images as PNG in the folder `{input}`, writes 8-bit RGB PNG of the same names and
sizes into `{output}`, and runs in the folder of the TOML file, without a shell.

A program need not come with its TOML file: ``needs = ["their_code"]`` names files and folders next to the TOML file
without which nothing is run, and ``get = "..."`` says how to get them, which ends the error about a missing one.
``examples/foreign`` has such files.

``trained_on = ["CelebA"]`` names the data sets that the program was trained on, and ``licence = "..."`` its licence;
both are for the leaderboard and change nothing else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.methods.base import Spec
from facedeblur.methods.code import code_of, code_of_module
from facedeblur.methods.runnable import Runnable


@dataclass(frozen=True)
class CommandBlock:
    """Keys of a TOML block with ``kind = "command"``; see `Command`."""

    kind: str
    argv: tuple[str, ...]
    name: str = ""
    version: str = ""
    timeout: float | None = None
    batch: int | None = None
    needs: tuple[str, ...] = ()
    get: str = ""
    trained_on: tuple[str, ...] = ()
    licence: str = ""


class Command:
    """Any program that reads one folder of PNG files and writes another.

    Parameters
    ----------
    argv : list of str
        Program and arguments, with `{input}` and `{output}` in place of the folders.
    folder : str
        Folder to run in.
    """

    def __init__(self, *, argv: list[str], folder: str):
        self._argv, self._folder = argv, folder

    def restore_folder(self, source: Path, target: Path) -> None:
        """Run the program once.

        Its output goes to our standard output, which the runner keeps. It stays in the process group of
        the worker, which the runner ends at the time limit.

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
        If it cannot be started or ends with an exit code other than 0, with the last line of its standard error.
    """
    with errors.open("wb") as stream:
        try:
            code = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, stderr=stream).returncode
        except OSError as error:
            raise InputError(f"command '{argv[0]}' did not start: {error}") from error
    said = errors.read_text(encoding="utf-8", errors="replace").strip()
    sys.stderr.write(said + "\n" * bool(said))
    if code:
        last = shorten(said.rpartition("\n")[2])
        raise InputError(f"command ended with exit code {code}" + (f": {last}" if last else ""))


def command(path: Path, block: CommandBlock) -> Runnable:
    """Return the method that a TOML block describes.

    Raises
    ------
    InputError
        Without `{input}` and `{output}`, or if the program or something that it needs is missing.
    """
    check_places(path, block.argv)
    folder = path.resolve().parent
    get = block.get or None
    for need in block.needs:
        if not (folder / need).exists():
            raise InputError(f"{path}: '{need}' is missing", do=get or f"put it into {folder}")
    program = Path(block.argv[0])
    # A bare name is looked up on the PATH, a path from the folder of the TOML file.
    is_path = program.name != block.argv[0] and (folder / program).is_file()
    if not is_path and shutil.which(block.argv[0]) is None:
        raise InputError(f"{path}: program '{program}' is not installed", do=get)
    argv = [str(folder / program) if is_path and not program.is_absolute() else block.argv[0], *block.argv[1:]]
    spec = Spec(block.name or path.stem, block.version, False, (), "command", block.trained_on, block.licence)
    return Runnable(
        Command,
        spec,
        {"argv": list(block.argv)},
        spec.name,
        code=_code((*block.argv[1:], *block.needs), folder),
        fixed={"argv": argv, "folder": str(folder)},
        timeout=block.timeout,
        batch=block.batch,
    )


def _code(arguments: Sequence[str], folder: Path) -> dict[str, str]:
    """Hashes, by path from a folder, of the files that arguments or needs name, with what scripts import."""
    code = {}
    for file in (folder / part for part in arguments if part):
        if file.is_file():
            for name, sha256 in code_of(file).items():
                code[Path(os.path.relpath(file.resolve().parent / name, folder)).as_posix()] = sha256
    if "-m" in arguments[:-1]:
        code |= code_of_module(arguments[arguments.index("-m") + 1], folder)
    return code


def check_places(path: Path, argv: Sequence[str]) -> None:
    """Refuse arguments without the two folders.

    Raises
    ------
    InputError
        If one of them is missing.
    """
    for place in ("{input}", "{output}"):
        if not any(place in part for part in argv):
            raise InputError(f"{path}: '{place}' is missing from argv", do="add it where the program takes that folder")
