"""Many tasks on several workers: in order, bounded, errors told."""

from __future__ import annotations

import functools
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png
from facedeblur.benchmark.parallel import Workers, cores, imap

# Workers import what they run: functions of installed packages serve, those of a test file do not.


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_tasks(jobs):
    assert list(imap(math.factorial, iter(range(12)), Workers(jobs))) == [math.factorial(n) for n in range(12)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_tasks_are_taken_as_workers_are_free(jobs):
    taken = []

    def tasks() -> Iterator[int]:
        for number in range(50_000):
            taken.append(number)
            yield number % 10

    results = imap(math.factorial, tasks(), Workers(jobs))
    assert [next(results) for _ in range(3)] == [1, 1, 2]
    assert len(taken) < 25_000
    results.close()


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_in_a_worker_is_told(jobs):
    with pytest.raises(InputError, match=r"absent.png: not found \(expected a PNG file\)"):
        list(imap(read_png, ["absent.png"] * 3, Workers(jobs)))


def test_one_job_stays_in_this_process():
    # /proc/self is whoever looks.
    if not Path("/proc/self").exists():
        pytest.skip("no /proc on this system")
    assert set(imap(os.readlink, ["/proc/self"] * 3, Workers(1))) == {str(os.getpid())}
    assert str(os.getpid()) not in set(imap(os.readlink, ["/proc/self"] * 3, Workers(2)))
    assert cores() >= 1


def test_unknown_backend():
    with pytest.raises(InputError, match="backend 'mpi': expected one of loky, dask"):
        list(imap(math.factorial, range(3), Workers(backend="mpi")))


def test_dask():
    pytest.importorskip("distributed")
    assert list(imap(math.factorial, range(4), Workers(2, "dask"))) == [1, 1, 2, 6]


def test_a_killed_worker_is_one_line():
    """As by the out-of-memory killer; joblib's own error is a page long."""
    with pytest.raises(InputError) as failed:
        list(imap(eval, ["1", "__import__('os').kill(__import__('os').getpid(), 9)", *["2"] * 20], Workers(2)))
    assert "\n" not in str(failed.value) and "joblib" not in str(failed.value)
    assert str(failed.value).startswith(
        "a worker process was ended by SIGKILL, usually because there is too little memory"
    )
    assert list(imap(math.factorial, range(4), Workers(2))) == [1, 1, 2, 6], "the next ones have new workers"


LONG = """
import joblib.externals.loky.process_executor
from facedeblur.benchmark.parallel import imap
tasks = ["__import__('os').getpid()"] * 2 + ["__import__('time').sleep(60)"] * 4
try:
    print("starting", flush=True)
    for pid in imap(eval, tasks, 2):
        print(pid, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def started(**options) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    assert process.stdout is not None and process.stdout.readline() == "starting\n"
    return process


def alive(pid: int) -> bool:
    """A process that is there and not merely waiting for its parent to look at how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc on this system")
def test_workers_end_with_their_parent():
    with started() as process:
        assert process.stdout is not None
        workers = {int(process.stdout.readline()) for _ in range(2)}
        process.kill()
        process.wait()
    until = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(alive, workers))


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot be held back on this system")
@pytest.mark.parametrize("delay", [0.0, 0.3, 0.6])
def test_ctrl_c_while_workers_start_is_heard_by_the_parent_alone(delay):
    """A terminal sends it to all processes: what a starting worker would print is a traceback of its imports."""
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = started(start_new_session=True, preexec_fn=heed)
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out.endswith("interrupted\n") and err == ""
