"""A process that starts warm is, to whoever starts it, as one that is started anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from pathlib import Path

import pytest
from warm_processes import Popen, Warm

SUPPORT = Path(__file__).resolve().parents[1] / "support"
ENDS = {"sys.exit(3)": 3, "sys.exit('so')": 1, "sys.exit()": 0, "os.kill(os.getpid(), 9)": -9, "1 / 0": 1}


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Warm:
    return Warm.started(tmp_path_factory.mktemp("warm") / "log.txt", os.getpid(), workers=False)


@pytest.fixture(scope="module")
def both(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The program `process_facts`, started anew and started warm."""
    anew = [sys.executable, str(SUPPORT / "process_facts.py")]
    return [anew, [str(warm.executable(tmp_path_factory.mktemp("executable"), "process_facts"))]]


def test_it_has_what_a_process_inherits(both, tmp_path):
    told = []
    for command in both:
        done = subprocess.run(
            [*command, "print(sys.stdin.read() + 'ed'); print('no', file=sys.stderr)"],
            cwd=tmp_path, env={"MINE": "ü x", "PATH": os.environ["PATH"]}, input="typ", capture_output=True, text=True,
            check=True, process_group=0, preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        )  # fmt: skip
        facts, *rest = done.stdout.splitlines()
        assert rest == ["typed"] and done.stderr == "no\n"
        told.append(json.loads(facts))
        # Its own group has one process, or the stand-in and it.
        assert told[-1].pop("group") != os.getpgid(0) and told[-1].pop("process")
    anew, started_warm = told
    for facts in told:
        # What shells add.
        facts["environment"] = {key: facts["environment"][key] for key in ("MINE", "PATH")}
    assert started_warm == anew and anew["folder"] == str(tmp_path) and anew["heeds"]


@pytest.mark.parametrize("end", ENDS)
def test_it_ends_as_it_does(both, end):
    for command in both:
        assert subprocess.run([*command, end], capture_output=True, check=False).returncode == ENDS[end]


def test_a_pipe_ends_with_it(both):
    line = f"{both[1][0]} 'print(\"last\")' | tail -1"
    assert subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout == "last\n"


@pytest.mark.parametrize(("whom", "number"), [("group", signal.SIGINT), ("process", signal.SIGTERM)])
def test_signals_reach_it(both, whom, number):
    statement = "import time\ntry: print('waits', flush=True); time.sleep(60)\nexcept KeyboardInterrupt: sys.exit(7)"
    for command in both:
        with subprocess.Popen([*command, statement], stdout=subprocess.PIPE, text=True, process_group=0) as process:
            assert process.stdout is not None
            while process.stdout.readline() != "waits\n":
                pass
            (os.killpg if whom == "group" else os.kill)(process.pid, number)
            assert process.wait() == (7 if whom == "group" else -signal.SIGTERM)


def test_with_further_packages_the_true_program_runs(warm, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nprint('imported at the start', file=sys.stderr)\n")
    command = [warm.executable(tmp_path), "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("facedeblur")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == "imported at the start\n"


def test_a_worker_leads_a_session_of_its_own(warm, tmp_path):
    ours, theirs = Pipe()
    command = [sys.executable, "-m", "facedeblur.methods.running.worker", str(theirs.fileno())]
    with (tmp_path / "log").open("ab") as log:
        options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "start_new_session": True}
        process = warm.popen(command, env=warm.environment, pass_fds=[theirs.fileno()], **options)
        assert isinstance(process, Popen)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.2)
        assert os.getpgid(process.pid) == os.getsid(process.pid) == process.pid
        theirs.close()
        os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        assert process.wait() == process.wait() == -signal.SIGKILL
        with pytest.raises(EOFError):  # it had the other end
            ours.recv()
        more = {**warm.environment, "NUMBA_CPU_NAME": "x86-64"}
        true = warm.popen([sys.executable, "-c", ""], env=more, pass_fds=[], **options)
        assert isinstance(true, subprocess.Popen) and true.wait() == 0


def test_the_server_ends_with_the_process_that_it_watches(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as watched:
        warm = Warm.started(tmp_path / "log.txt", watched.pid, workers=False)
        watched.kill()
    until = time.monotonic() + 20
    while Path(warm.address).parent.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(warm.address).parent.exists()
