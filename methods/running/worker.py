"""The worker process, in which a method runs: it reads blurred images, restores them and writes the results.

Started by `facedeblur.methods.running.supervisor` as ``python -m facedeblur.methods.running.worker FD``. A method may
raise, hang, write nonsense or crash its process: everything that must survive that is in the parent.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from facedeblur.benchmark.errors import InputError, said_by
from facedeblur.benchmark.parallel import end_with_parent
from facedeblur.benchmark.sets.set import open_set
from facedeblur.methods.running.messages import Job, OutOfMemory, thaw


def main() -> None:
    """Serve one parent until it closes the connection."""
    connection = _connect(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(os.getppid())
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _serve(connection)


def _serve(connection: Connection) -> None:
    start = connection.recv()
    connection.send(("started", None))
    try:
        restorer = _restorer(start)
        facts = restorer.facts()
    except InputError as error:
        connection.send(("refused", error))
        return
    except BaseException as error:
        traceback.print_exc()
        connection.send(("unusable", said_by(error)))
        return
    connection.send(("ready", facts))
    while True:
        order, pairs = connection.recv()
        try:
            found = restorer.compare(pairs) if order == "compare" else restorer.process(pairs)
            connection.send(("results", (found, restorer.memory())))
        except OutOfMemory as error:
            connection.send(("memory", str(error)))
        except OSError as error:
            # Nothing is logged here: on a full disk that would crash this process.
            connection.send(("system", error))
            return


def _restorer(start: dict[str, Any]) -> Any:
    from facedeblur.benchmark.registry import load_plugin
    from facedeblur.methods.running.restoring import ArrayRestorer, FolderRestorer

    sys.path[:] = start["path"]
    if start["plugin"]:
        load_plugin(start["plugin"])
    job: Job = thaw(start["job"])
    kind = FolderRestorer if callable(getattr(job.kind, "restore_folder", None)) else ArrayRestorer
    return kind(job, open_set(job.set_root, job.set_hash))


def _connect(handle: int) -> Connection:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(handle)
    return Connection(handle)


if __name__ == "__main__":
    main()
