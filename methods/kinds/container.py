"""Methods in a container of docker, podman or apptainer, which sees two folders and no network.

::

    kind = "container"
    image = "registry.example/deblur:1.0"      # for apptainer a .sif file
    argv = ["python", "/app/restore.py", "{input}", "{output}"]
    engine = "podman"                          # by default the first that is installed
    gpus = true

``trained_on`` and ``licence`` are as for commands (`facedeblur.methods.kinds.command`).

`{input}` is ``/input`` in the container and cannot be written to, `{output}` is ``/output``. Images are not
fetched, and the number of the one that is run is recorded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facedeblur.benchmark.errors import InputError, said_by, shorten
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.weights import sha256_of
from facedeblur.methods.base import Spec
from facedeblur.methods.kinds.command import check_places, run_program
from facedeblur.methods.runnable import Runnable

ENGINES = ("docker", "podman", "apptainer")
INPUT, OUTPUT = "/input", "/output"

# Ends the container when the process that started its client has vanished without a sign-off (one byte). The client
# may be killed with the whole process group; the container belongs to a daemon, which does not notice.
_GUARD = """
import subprocess, sys
if not sys.stdin.buffer.read(1):
    subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""


@dataclass(frozen=True)
class ContainerBlock:
    """Keys of a TOML block with ``kind = "container"``; see `Container`."""

    kind: str
    image: str
    argv: tuple[str, ...]
    engine: str = ""
    gpus: bool = False
    name: str = ""
    version: str = ""
    timeout: float | None = None
    batch: int | None = None
    trained_on: tuple[str, ...] = ()
    licence: str = ""


class Container:
    """A program in a container that reads one folder of PNG files and writes another.

    Parameters
    ----------
    engine : {'docker', 'podman', 'apptainer'}
    program : str
        Its path.
    image : str
    argv : list of str
        Program and arguments in the container, with `{input}` and `{output}` in place of the folders.
    gpus : bool
        Make the GPUs available in the container.
    """

    def __init__(self, *, engine: str, program: str, image: str, argv: list[str], gpus: bool):
        self._engine, self._program, self._image, self._argv, self._gpus = engine, program, image, argv, gpus

    def restore_folder(self, source: Path, target: Path) -> None:
        """Run the container once, and end it when this process is killed.

        Raises
        ------
        InputError
            When it cannot be started or ends with an exit code other than 0.
        """
        name = f"facedeblur-{uuid.uuid4().hex[:12]}"
        filled = command_line(
            self._engine,
            self._program,
            self._image,
            self._argv,
            source=source,
            target=target,
            name=name,
            gpus=self._gpus,
        )
        # apptainer's container is our own child and dies with the process group.
        with _guarded([] if self._engine == "apptainer" else [self._program, "rm", "--force", name]):
            run_program(filled, folder=target.parent, errors=target.with_name("stderr.txt"))


def command_line(
    engine: str, program: str, image: str, argv: Sequence[str], *, source: Path, target: Path, name: str, gpus: bool
) -> list[str]:
    """Return the command that runs a container on two folders.

    Parameters
    ----------
    engine : {'docker', 'podman', 'apptainer'}
    program : str
        Path of the engine.
    image : str
    argv : sequence of str
    source, target : Path
        Folders of blurred and restored images.
    name : str
        Name of the container.
    gpus : bool

    Returns
    -------
    list of str
    """
    inside = [part.replace("{input}", INPUT).replace("{output}", OUTPUT) for part in argv]
    if engine == "apptainer":
        places = ["--bind", f"{source}:{INPUT}:ro", "--bind", f"{target}:{OUTPUT}:rw"]
        fixed = ["exec", "--containall", "--net", "--network", "none", *["--nv"] * gpus]
        return [program, *fixed, *places, image, *inside]
    places = ["--mount", f"type=bind,source={source},target={INPUT},readonly"]
    places += ["--mount", f"type=bind,source={target},target={OUTPUT}"]
    # What it writes belongs to the user; podman maps users itself.
    user = ["--userns", "keep-id"] if engine == "podman" else _user()
    devices = [] if not gpus else ["--device", "nvidia.com/gpu=all"] if engine == "podman" else ["--gpus", "all"]
    fixed = ["run", "--rm", "--init", "--pull", "never", "--network", "none", "--name", name]
    return [program, *fixed, *user, *devices, *places, image, *inside]


def container(path: Path, block: ContainerBlock) -> Runnable:
    """Return the method that a TOML block describes.

    Raises
    ------
    InputError
        If `{input}` or `{output}` is missing, the engine is unknown, or none is installed.
    """
    check_places(path, block.argv)
    if block.engine:
        one_of(f"{path}: engine", block.engine, ENGINES)
    wanted = (block.engine,) if block.engine else ENGINES
    engine = next((name for name in wanted if shutil.which(name)), None)
    if engine is None:
        which = "is not installed" if block.engine else "are not installed"
        raise InputError(f"{path}: {', '.join(wanted)} {which}", do=f"install {' or '.join(wanted)}")
    program = str(shutil.which(engine))
    if engine == "apptainer":
        file = path.resolve().parent / block.image
        if not file.is_file():
            raise InputError(
                f"{path}: image '{block.image}' is not a file",
                do="fetch it with apptainer pull, and name the .sif file",
            )
        image, digest = str(file), sha256_of(file)
    else:
        # Run by its number: the name may mean another image tomorrow.
        image = _number_of(path, engine, program, block.image)
        digest = image.removeprefix("sha256:")
    spec = Spec(block.name or path.stem, block.version, False, (), "container", block.trained_on, block.licence)
    return Runnable(
        Container,
        spec,
        {"engine": engine, "image": block.image, "argv": list(block.argv), "gpus": block.gpus},
        spec.name,
        code={block.image: digest},
        fixed={"program": program, "image": image},
        timeout=block.timeout,
        batch=block.batch,
    )


def _number_of(path: Path, engine: str, program: str, image: str) -> str:
    """The number of an image of docker or podman, a hash of all that is in it.

    Raises
    ------
    InputError
        If the image is missing, or the engine does not answer.
    """
    asked = [program, "image", "inspect", "--format", "{{.Id}}", image]
    try:
        done = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{path}: {engine} does not answer: {said_by(error)}") from error
    number = done.stdout.strip()
    if done.returncode or not number:
        why = shorten(done.stderr.strip().rpartition("\n")[2])
        raise InputError(f"{path}: {engine} has no image '{image}' ({why})", do=f"run: {engine} pull {image}")
    return number


def _user() -> list[str]:
    return ["--user", f"{os.getuid()}:{os.getgid()}"] if hasattr(os, "getuid") else []


@contextmanager
def _guarded(end: list[str]) -> Iterator[None]:
    """Run the command `end` should this process die in the block."""
    if not end:
        yield
        return
    command = [sys.executable, "-c", _GUARD, *end]
    # In a session of its own it outlives the process group.
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        guard.communicate(b"x")
