"""A disk that is full is one plain line and exit code 2; with space again, the same command resumes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from fault_jobs import JOBS
from fault_server import Ended

JOB_NAMES = list(JOBS)


def refusal(ended: Ended) -> list[str]:
    """What is wrong with how a command ended on a full disk."""
    lines = ended.output.strip().splitlines()
    problems = ended.problems(0, 2)
    if ended.code == 2 and not (lines and lines[-1].startswith("facedeblur: ")):
        problems.append(f"no line about it: {ended.output[-300:]}")
    return problems


@pytest.mark.parametrize("job", JOB_NAMES)
def test_no_space_for_a_file(job, workspace, trials, tmp_path):
    operations, wanted = workspace.unbroken(tmp_path / "log")
    for at in trials.of(range(1, len(operations) + 1), few=1 if workspace.job.slow else 2):
        workspace.clear()
        problems = refusal(workspace.run({"kind": "full", "at": at}))
        case = f"full from operation {at} ({operations[at - 1]})"
        trials.enter(case, problems + workspace.resumed(wanted), "full disks")
    trials.check()


@pytest.mark.parametrize("job", JOB_NAMES)
def test_no_space_in_the_middle_of_a_file(job, workspace, trials, tmp_path):
    """By a limit on the size of files, which stops writes of compiled code too."""
    _, wanted = workspace.unbroken(tmp_path / "log")
    for size in trials.of(workspace.limits(trials.draw), few=1):
        workspace.clear()
        problems = refusal(workspace.run({"kind": "size", "bytes": size}))
        trials.enter(f"no file over {size} bytes", problems + workspace.resumed(wanted), "full disks")
    trials.check()


@pytest.fixture
def small_disk(tmp_path: Path):
    """``small_disk(root, bytes)`` mounts a file system of this size, or gives a mounted one this size."""
    mounted: list[Path] = []

    def mount(root: Path, size: int) -> None:
        again = root in mounted
        root.mkdir(parents=True, exist_ok=True)
        options = f"size={size},remount" if again else f"size={size}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(root)], capture_output=True)
        if done.returncode:
            pytest.skip("file systems cannot be mounted here")
        mounted.extend([] if again else [root])

    yield mount
    for root in mounted:
        subprocess.run(["umount", str(root)], check=True)


@pytest.mark.parametrize("job", JOB_NAMES)
def test_a_disk_that_is_really_full(job, workspace, trials, tmp_path, small_disk):
    _, wanted = workspace.unbroken(tmp_path / "log")
    page = 4096
    needed = sum(-(-path.stat().st_size // page) for path in workspace.made())
    for share in trials.of([number / 16 for number in range(16)], few=1):
        small_disk(workspace.root, 2**26)
        workspace.clear()
        there = sum(-(-path.stat().st_size // page) for path in workspace.root.rglob("*") if path.is_file())
        small_disk(workspace.root, (there + 1 + int(share * needed)) * page)
        problems = refusal(workspace.run())
        small_disk(workspace.root, 2**26)
        trials.enter(f"a disk with {share:.0%} of the space", problems + workspace.resumed(wanted), "full disks")
    trials.check()
