"""Many tasks on several workers: in order, bounded, errors told."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.parallel import cores, imap


def square(number: int) -> int:
    if number == 13:
        raise InputError("number 13", expected="another", found="13")
    return number * number


def own_id(_: int) -> int:
    return os.getpid()


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_tasks(jobs):
    assert list(imap(square, iter(range(12)), jobs=jobs)) == [n * n for n in range(12)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_tasks_are_taken_as_they_are_needed(jobs):
    taken = []

    def tasks() -> Iterator[int]:
        for number in range(100, 1100):
            taken.append(number)
            yield number

    results = imap(square, tasks(), jobs=jobs)
    assert [next(results) for _ in range(3)] == [10000, 10201, 10404]
    assert len(taken) <= 3 + 4 * jobs
    results.close()


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_in_a_worker_is_told(jobs):
    with pytest.raises(InputError, match="number 13: expected another"):
        list(imap(square, range(10, 20), jobs=jobs))


def test_one_job_stays_in_this_process():
    assert set(imap(own_id, range(3), jobs=1)) == {os.getpid()}
    assert os.getpid() not in set(imap(own_id, range(3), jobs=2))
    assert cores() >= 1


def test_unknown_backend():
    with pytest.raises(InputError, match="backend 'mpi': expected loky or dask"):
        list(imap(square, range(3), backend="mpi"))


def test_dask():
    pytest.importorskip("distributed")
    assert list(imap(square, range(4), jobs=2, backend="dask")) == [0, 1, 4, 9]
