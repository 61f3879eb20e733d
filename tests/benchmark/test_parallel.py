"""Many tasks on several workers: in order, bounded, errors told."""

from __future__ import annotations

import math
import os
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
