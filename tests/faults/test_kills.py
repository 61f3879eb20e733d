"""A command that is killed at any file operation resumes when it is run again, and leaves what an unbroken one does."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from fault_jobs import JOBS

JOB_NAMES = list(JOBS)


def single(count: int, draw: random.Random) -> Iterator[list[dict[str, Any]]]:
    """Yield one kill at every operation, of the process or of its whole group."""
    for at in range(1, count + 1):
        yield [{"kind": "kill", "at": at, "whom": draw.choice(["process", "group"])}]


def repeated(count: int, draw: random.Random) -> Iterator[list[dict[str, Any]]]:
    """Yield several kills, of the command and of its re-runs, without end."""
    while True:
        yield [{"kind": "kill", "at": draw.randint(1, count)} for _ in range(draw.randint(2, 4))]


def named(faults: list[dict[str, Any]], operations: list[str]) -> str:
    """The faults of a case in words."""
    words = []
    for fault in faults:
        at = f"operation {fault['at']} ({operations[fault['at'] - 1]})" if "at" in fault else f"{fault['bytes']} bytes"
        words.append(f"{fault['kind']} at {at}")
    return ", then ".join(words)


@pytest.mark.parametrize("job", JOB_NAMES)
def test_a_command_killed_at_a_file_operation_resumes(job, workspace, trials, tmp_path):
    operations, wanted = workspace.unbroken(tmp_path / "log")
    count = len(operations)
    for faults in trials.of(
        single(count, trials.draw), repeated(count, trials.draw), few=2 if workspace.job.slow else 4
    ):
        workspace.clear()
        for fault in faults:
            ended = workspace.run(fault)
            if ended.code == 0:
                break  # what is left of the job has fewer operations
            assert ended.code == -signal.SIGKILL, ended.output
        trials.enter(named(faults, operations), workspace.resumed(wanted), "kills")
    trials.check()


@pytest.mark.parametrize("job", JOB_NAMES)
def test_a_command_killed_in_the_middle_of_a_write_resumes(job, workspace, trials, tmp_path):
    operations, wanted = workspace.unbroken(tmp_path / "log")
    for size in trials.of(workspace.limits(trials.draw), few=1):
        fault = {"kind": "size", "bytes": size, "dies": True}
        workspace.clear()
        ended = workspace.run(fault)
        # Processes that a command starts are not killed by this, they report it.
        assert ended.code in (0, 2, -signal.SIGXFSZ), ended.output
        trials.enter(named([fault], operations), workspace.resumed(wanted), "kills")
    trials.check()


@pytest.mark.parametrize("job", JOB_NAMES)
def test_a_command_that_is_interrupted_says_so_and_resumes(job, workspace, trials, tmp_path):
    operations, wanted = workspace.unbroken(tmp_path / "log")
    numbers = (signal.SIGINT, signal.SIGTERM)
    cases = [(at, number) for at in range(1, len(operations) + 1) for number in numbers]
    for at, number in trials.of(cases, few=1):
        fault = {"kind": "signal", "at": at, "signal": int(number)}
        workspace.clear()
        ended = workspace.run(fault)
        problems = ended.problems(0, 130, 143, -number)
        case = f"{number.name} at operation {at} ({operations[at - 1]})"
        trials.enter(case, problems + workspace.resumed(wanted), "signals")
    trials.check()


def lost_a_worker(left: dict[str, bytes], wanted: dict[str, bytes]) -> bool:
    """Tell whether a run differs in its notes only, which say that a process died."""
    with_notes, without = json.loads(left["made/run.json"]), json.loads(wanted["made/run.json"])
    notes = " ".join(with_notes.pop("notes"))
    return "died of SIGKILL" in notes and with_notes == {key: without[key] for key in without if key != "notes"}


# Those with worker processes; each starts two, which takes seconds.
PARALLEL = ["run", "align", "build", "frames", "pairs", "score"]


@pytest.mark.parametrize("job", PARALLEL)
def test_a_command_whose_worker_is_killed_says_so_and_resumes(job, workspace, trials, tmp_path):
    if not trials.long and job not in ("run", "build", "score"):
        pytest.skip("only with --faults-minutes")
    _, wanted = workspace.unbroken(tmp_path / "log")
    for at in trials.of(range(1, 9), few=1):
        token = tmp_path / f"token{at}"
        workspace.clear()
        ended = workspace.run({"kind": "kill", "at": at, "token": str(token)}, within="workers", jobs=2)
        problems = ended.problems(0, 1, 2) + workspace.resumed(wanted)
        if job == "run" and "differs: made/run.json" in problems and lost_a_worker(workspace.left(), wanted):
            problems.remove("differs: made/run.json")
        trials.enter(f"worker killed at its operation {at}", problems, "worker kills")
    trials.check()
