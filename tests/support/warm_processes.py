"""Processes that start in milliseconds: forked from one that has imported everything. Linux only.

The server listens on a socket. For each request it forks a process, which gets its arguments, environment, folder,
open files, processors and process group from whoever asks, as if that had started it; how it ended is told when it
has. Three things use it: the commands of tutorials, by an executable `facedeblur` of their own (`Warm.executable`); the
workers of `facedeblur run` (`Warm.popen`); and the faults that strike commands (`fault_server`).
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from filelock import FileLock
from small_recipe import small_recipe_text
from warm_client import LENGTH, Asked, of_this_process

HEAVY = [
    "cv2",
    "jinja2",
    "lightning_fabric",
    "matplotlib.pyplot",
    "numba",
    "pandas",
    "pyarrow.parquet",
    "safetensors.torch",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.signal",
    "scipy.special",
    "scipy.stats",
    "skimage.transform",
    "torch",
]
COMMAND = "facedeblur.cli.main"
WORKER = "facedeblur.methods.running.worker"

READ_AT_START = ("CUDA_", "LD_", "MKL_", "NPY_", "NUMBA_", "OMP_", "OPENBLAS_", "PYTHONPATH", "PYTHONHASHSEED")
"""Environment variables that packages read when they are imported."""

MOST_FILES = 16


@dataclass(frozen=True)
class Warm:
    """A server, seen from the tests.

    Attributes
    ----------
    address : str
        Path of its socket.
    environment : dict
        The environment in which it has imported everything.
    """

    address: str
    environment: dict[str, str]

    @classmethod
    def started(cls, log: Path, watched: int, *, workers: bool) -> Self:
        """Start a server, and wait until it listens.

        Parameters
        ----------
        log : path
            File for what the server itself prints.
        watched : int
            Process id; the server ends within a second of that process.
        workers : bool
            Whether workers that its commands start are warm, too.
        """
        # A socket's path has at most 107 letters, which folders of tests may have already.
        address = f"{tempfile.mkdtemp(prefix='warm-')}/socket"
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, address, str(watched), "workers" * workers]
        with log.open("ab") as stream:
            started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment)
        while not Path(address).exists():
            assert started.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        return cls(address, environment)

    @classmethod
    def shared(cls, base: Path) -> Self:
        """The server of all test workers, whose common folder is `base`; started when first asked for."""
        record = base / "warm.json"
        with FileLock(base / "warm.lock"):
            if not record.is_file():
                whole = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
                started = cls.started(base / "warm.log", whole, workers=True)
                record.write_text(json.dumps([started.address, started.environment]), encoding="utf-8")
            return cls(*json.loads(record.read_text(encoding="utf-8")))

    def start(self, argv: Sequence[str], files: Mapping[int, int], **more: Any) -> Asked:
        """Start a command with these open files, as `Asked` takes them; `more` are keys of its request."""
        request = {"module": COMMAND, "argv": list(argv), **more}
        return Asked(self.address, of_this_process() | request, dict(files))

    def executable(self, folder: Path, module: str = COMMAND) -> Path:
        """Write an executable ``facedeblur`` that starts warm, but not where it is to find further packages."""
        script, client = folder / "facedeblur", Path(__file__).with_name("warm_client.py")
        python, true = Path(sys.executable), Path(sys.executable).with_name("facedeblur")
        script.write_text(
            f'#!/bin/sh\n[ -z "$PYTHONPATH" ] || exec {true} "$@"\n'
            f'exec {python} -IS {client} {self.address} {module} "$@"\n'
        )
        script.chmod(0o755)
        return script

    def popen(self, command: Sequence[str], **options: Any) -> Popen | subprocess.Popen[bytes]:
        """Start a worker of `facedeblur run` as ``subprocess.Popen`` does; by that where its packages would differ."""
        inherited, given = self.environment, options["env"]
        differ = {key for key in {*given, *inherited} if given.get(key) != inherited.get(key)}
        if command[1:3] != ["-m", WORKER] or any(key.startswith(READ_AT_START) for key in differ):
            return subprocess.Popen(command, **options)
        null = os.open(os.devnull, os.O_RDONLY)
        files = {0: null, 1: options["stdout"].fileno(), 2: options["stderr"].fileno()}
        files |= {number: number for number in options["pass_fds"]}
        try:
            more = {"module": WORKER, "environment": dict(given), "session": True}
            return Popen(self.start(command[3:], files, **more))
        finally:
            os.close(null)


def with_popen(popen: Callable[..., Any]) -> SimpleNamespace:
    """What the supervisor of `facedeblur run` can be given in place of the module ``subprocess``."""
    return SimpleNamespace(**{**vars(subprocess), "Popen": popen})


def warm_up(warm: Warm, folder: Path) -> Warm:
    """Let a server load what most commands need: compiled loops, models of faces, templates of the report."""
    from facedeblur.generators.portraits import write_portraits

    write_portraits(folder / "photos")
    (folder / "small.toml").write_text(small_recipe_text("9", 1, 0.01), encoding="utf-8")
    lines = ["build small.toml --faces photos -o set --jobs 1", "run unsharp set -o outputs --jobs 1"]
    lines += ["score set outputs --jobs 1", "report outputs", "figure distribution outputs -o plot.pdf"]
    for line in lines:
        with Path(os.devnull).open("r+b") as nothing, (folder / "log.txt").open("ab") as log:
            files = {0: nothing.fileno(), 1: log.fileno(), 2: log.fileno()}
            code = warm.start(line.split(), files, folder=str(folder), here=True).code()
        assert code == 0, (folder / "log.txt").read_text(encoding="utf-8")
    return warm


class Popen:
    """What the supervisor of `facedeblur run` uses of ``subprocess.Popen``."""

    def __init__(self, asked: Asked):
        self._asked, self.pid = asked, asked.pid
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """See ``subprocess.Popen.wait``."""
        if self.returncode is None:
            if not select.select([self._asked], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(WORKER, timeout or 0.0)
            self.returncode = self._asked.code()
        return self.returncode

    def kill(self) -> None:
        """See ``subprocess.Popen.kill``."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _serve(address: str, watched: int, warm: Warm | None) -> Callable[[], None]:
    """Fork a process for every request. In such a process, return what it has to do; its workers are of `warm`."""
    waiting = f"{address}.waiting"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(waiting)
    listener.listen(64)
    Path(waiting).rename(address)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the children are not waited for
    while Path(f"/proc/{watched}").exists():
        if not select.select([listener], [], [], 1.0)[0]:
            continue
        connection = listener.accept()[0]
        request, files = _received(connection)
        if request.get("here"):
            code = _here(request, files)
            connection.sendall(f"{os.getpid()}\n{code}\n".encode())
        else:
            gc.collect()
            gc.freeze()  # or collections in the children would copy the memory that they share
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                if (pid := os.fork()) == 0:
                    return _become(request, files, connection, warm)
                _tell_the_end(pid, files, connection)
        connection.close()
        for descriptor in files.values():
            os.close(descriptor)
    shutil.rmtree(Path(address).parent)
    os._exit(0)


def _received(connection: socket.socket) -> tuple[dict[str, Any], dict[int, int]]:
    head, descriptors, _, _ = socket.recv_fds(connection, LENGTH, MOST_FILES)
    content = b""
    while len(content) < int(head):
        content += connection.recv(int(head) - len(content))
    request = json.loads(content)
    return request, dict(zip(request["numbers"], descriptors, strict=True))


def _tell_the_end(pid: int, files: Mapping[int, int], connection: socket.socket) -> None:
    for descriptor in (*files.values(), 0, 1, 2):
        os.close(descriptor)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):
        connection.sendall(f"{code}\n".encode())
    os._exit(0)


def _become(
    request: Mapping[str, Any], files: Mapping[int, int], connection: socket.socket, warm: Warm | None
) -> Callable[[], None]:
    """Take over what the asking process would hand down; return the ``main`` of the module, with how it ends."""
    if request.get("session"):
        os.setsid()
    else:
        with suppress(PermissionError):  # of another session
            os.setpgid(0, request["group"])
    connection.sendall(f"{os.getpid()}\n".encode())
    connection.close()
    _place(files)
    if request["processors"]:
        os.sched_setaffinity(0, request["processors"])
    _enter(request)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if warm is not None:
        sys.modules["facedeblur.methods.running.supervisor"].subprocess = with_popen(warm.popen)  # type: ignore[attr-defined]
    for module, function, arguments in request.get("before", ()):
        getattr(import_module(module), function)(*arguments)
    return lambda: _end(_carry_out(request))


def _place(files: Mapping[int, int]) -> None:
    """Give the files their numbers, which may be those of others on the way."""
    import fcntl

    moved = {number: fcntl.fcntl(descriptor, fcntl.F_DUPFD, 200) for number, descriptor in files.items()}
    for descriptor in files.values():
        os.close(descriptor)
    for number, descriptor in moved.items():
        os.dup2(descriptor, number)
        os.close(descriptor)


def _enter(request: Mapping[str, Any]) -> None:
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if os.environ.get("PYTHONWARNINGS") == "ignore":
        warnings.simplefilter("ignore")
    sys.argv = [request["module"], *request["argv"]]


def _carry_out(request: Mapping[str, Any]) -> int:
    try:
        import_module(request["module"]).main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> None:
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _here(request: Mapping[str, Any], files: Mapping[int, int]) -> int:
    """Carry a request out in the server itself, which has loaded what it needs from then on."""
    kept = {number: os.dup(number) for number in files}
    try:
        for number, descriptor in files.items():
            os.dup2(descriptor, number)
        _enter(request)
        return _carry_out(request)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in kept.items():
            os.dup2(descriptor, number)
            os.close(descriptor)


def _load() -> None:
    import pkgutil

    import facedeblur

    for name in HEAVY:
        import_module(name)
    for module in pkgutil.walk_packages(facedeblur.__path__, "facedeblur."):
        import_module(module.name)
    # A forked process would wait for the threads of its parent.
    sys.modules["cv2"].setNumThreads(1)


if __name__ == "__main__":
    _load()
    _serve(sys.argv[1], int(sys.argv[2]), Warm(sys.argv[1], dict(os.environ)) if sys.argv[3] else None)()
