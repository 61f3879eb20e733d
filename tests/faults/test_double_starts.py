"""The same command twice at once: neither damages what the other makes."""

from __future__ import annotations

from itertools import cycle

import pytest
from fault_jobs import JOBS


@pytest.mark.parametrize("job", list(JOBS))
def test_started_twice_at_once(job, workspace, trials, tmp_path):
    _, wanted = workspace.unbroken(tmp_path / "log")
    for count in trials.of([2] * 20, cycle((3, 4)), few=1):
        workspace.clear()
        together = workspace.run_together(count)
        problems = []
        for ended in together:
            problems += ended.problems(0, 2)
            if ended.code == 2 and "facedeblur: " not in ended.output:
                problems.append(f"no line about it: {ended.output[-300:]}")
        if all(ended.code for ended in together):
            problems.append("none has made it")
        trials.enter(f"{count} at once", problems + workspace.resumed(wanted), "double starts")
    trials.check()
