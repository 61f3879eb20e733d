"""The server that carries commands out, the workspace of a job, and how many faults are tried."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TypeVar

import pytest

Case = TypeVar("Case")


class Trials:
    """Which cases a test tries, and what came of them.

    Parameters
    ----------
    seed : int
    seconds : float
        Time for cases; 0 tries a few of them only.
    name : str
        Of the test: cases are drawn for each test separately.
    record : callable
        Takes the counts for the summary.
    """

    def __init__(self, seed: int, seconds: float, name: str, record: Callable[[str, object], None]):
        self.draw = random.Random(f"{seed} {name}")
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self._seconds, self._record = seconds, record

    @property
    def long(self) -> bool:
        """True in a campaign."""
        return self._seconds > 0

    def of(self, cases: Iterable[Case], then: Iterable[Case] = (), *, few: int) -> Iterator[Case]:
        """Yield a `few` of the cases in a random order; in a campaign, all and `then` others, while there is time."""
        shuffled = list(cases)
        self.draw.shuffle(shuffled)
        end = time.monotonic() + self._seconds
        for number, case in enumerate(chain(shuffled, then)):
            if (time.monotonic() > end) if self.long else (number == few):
                return
            yield case

    def enter(self, case: str, problems: Iterable[str], kind: str = "faults") -> None:
        """Enter what came of a case: nothing, if all is well."""
        problems = list(problems)
        self.counts[kind] += 1
        self.counts["failures"] += bool(problems)
        self.counts["left over"] += any(problem.startswith("left over") for problem in problems)
        if problems:
            self.failures.append(f"{case}: {'; '.join(problems[:6])}")

    def check(self) -> None:
        """Record the counts, and fail if a case did."""
        self._record("faults", json.dumps(self.counts))
        if self.failures:
            shown = self.failures if self.long else self.failures[:10]
            pytest.fail(f"{self.counts['failures']} cases failed:\n" + "\n".join(shown), pytrace=False)


@pytest.fixture
def trials(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Trials:
    """The cases of this test, which calls `Trials.check` at its end."""
    option = request.config.getoption
    asking = sum("trials" in getattr(item, "fixturenames", ()) for item in request.session.items)
    return Trials(option("--faults-seed"), option("--faults-minutes") * 60 / asking, request.node.name, record_property)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory):
    """A server of commands, of this test process alone."""
    from fault_server import FaultServer

    return FaultServer(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="session")
def inputs(server, tmp_path_factory: pytest.TempPathFactory, dlib_models: None) -> Path:
    """The folder of all inputs."""
    from fault_jobs import prepare

    base = tmp_path_factory.mktemp("inputs")
    prepare(server, base)
    return base


@pytest.fixture
def workspace(request: pytest.FixtureRequest, server, inputs: Path, tmp_path: Path):
    """The workspace of the job that the test is parametrised with."""
    from fault_jobs import JOBS, Workspace

    return Workspace(server, inputs, tmp_path / "work", JOBS[request.getfixturevalue("job")])


@pytest.fixture(autouse=True)
def linux() -> None:
    """Skip where processes cannot be forked and watched as these tests do."""
    if not hasattr(os, "pidfd_open") or not Path("/proc/self/environ").is_file():
        pytest.skip("these tests need Linux")


def pytest_terminal_summary(terminalreporter) -> None:
    """Print how many cases each test of a campaign has tried, and what came of them."""
    if not terminalreporter.config.getoption("--faults-minutes"):
        return
    terminalreporter.section("faults")
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name == "faults":
                    counts = ", ".join(f"{number} {kind}" for kind, number in json.loads(value).items())
                    terminalreporter.write_line(f"{report.head_line}: {counts}")
