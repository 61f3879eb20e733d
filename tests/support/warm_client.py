"""The side of a warm server's clients, and the stand-in for the executable ``facedeblur``, which asks it for a process.

The stand-in runs this module without site-packages, so it imports next to nothing. See `warm_processes`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

LENGTH = 8
"""Bytes before a request, which say how long it is."""


class Asked:
    """A process that the server has started.

    Parameters
    ----------
    address : str
        The server's socket.
    request : dict
        See `warm_processes.Request`.
    files : dict of int to int
        Number of an open file in the process -> its descriptor here.
    """

    def __init__(self, address: str, request: dict[str, Any], files: dict[int, int]):
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.connect(address)
        content = json.dumps({**request, "numbers": list(files)}).encode()
        head = f"{len(content):0{LENGTH}}".encode()
        socket.send_fds(self._connection, [head], list(files.values()))
        self._connection.sendall(content)
        self._said = self._connection.makefile("r", encoding="ascii")
        self.pid = int(self._said.readline())

    def fileno(self) -> int:
        """Descriptor that can be read when the process has ended."""
        return self._connection.fileno()

    def code(self) -> int:
        """Wait for the process; return its exit code, or -N after signal N."""
        code = int(self._said.readline())
        self._said.close()
        self._connection.close()
        return code


def of_this_process() -> dict[str, Any]:
    """What a process inherits from its parent, apart from open files."""
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {"folder": os.getcwd(), "environment": dict(os.environ), "processors": processors, "group": os.getpgid(0)}  # noqa: PTH109


def stand_in(address: str, module: str, argv: Sequence[str]) -> None:
    """Have the server carry out the ``main`` of a module in place of this process, and end as that ends."""
    asked = Asked(address, of_this_process() | {"module": module, "argv": list(argv)}, {0: 0, 1: 1, 2: 2})
    # Of a signal to the whole group, such as Ctrl-C, it has its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda which, _: os.kill(asked.pid, which))
    # The other end of a pipe is to see that the process has ended.
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            os.close(descriptor)
    code = asked.code()
    if code < 0:
        with suppress(OSError):  # SIGKILL has no other handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    stand_in(sys.argv[1], sys.argv[2], sys.argv[3:])
