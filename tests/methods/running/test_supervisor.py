"""Answers of workers while another one is replaced."""

from __future__ import annotations

import threading
import time
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from facedeblur.methods.running import supervisor
from facedeblur.methods.running.measuring import Memory
from facedeblur.methods.running.supervisor import Supervisor

LIMIT = 0.3
SLOW = 0.6


class Fake:
    """A worker without a process: batch 0 kills it, batch 1 is answered in time, batch 2 never."""

    made = 0

    def __init__(self, *_: object) -> None:
        self.connection, self._theirs = Pipe()
        self.busy: tuple[Any, ...] = ()
        self.deadline = float("inf")
        Fake.made += 1
        self._loading = SLOW if Fake.made > 3 else 0

    def ready(self, limit: float) -> str:
        time.sleep(self._loading)
        self._loading = 0
        return "facts"

    def give(self, pairs: tuple[Any, ...], limit: float, order: str = "process") -> None:
        self.busy, self.deadline = pairs, time.monotonic() + limit
        if pairs == (0,):
            self._theirs.close()
        elif pairs == (1,):
            answer = ("results", ([], Memory("", None, None)))
            threading.Timer(LIMIT / 2, self._theirs.send, [answer]).start()

    def last_words(self) -> str:
        return "it died"

    def end(self) -> None:
        self.connection.close()


def test_time_that_a_replacement_takes_is_not_held_against_the_others(monkeypatch, tmp_path):
    monkeypatch.setattr(supervisor, "Worker", Fake)
    waiting = iter([(0,), (1,), (2,)])
    with Supervisor(None, "", Path(tmp_path), limit=LIMIT, threads=None) as crew:
        crew.grow(3)
        found = {outcome.pairs: (outcome.kind, outcome.why) for outcome in crew.work(lambda: next(waiting, None))}
    assert found == {
        (0,): ("lost", "it died"), (1,): ("results", ""), (2,): ("lost", "no answer within 0.3 s")
    }  # fmt: skip
    assert Fake.made == 5
