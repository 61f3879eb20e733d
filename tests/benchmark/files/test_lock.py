"""One writer per output: the second is told who writes, and what a killed one left is removed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files import lock
from facedeblur.benchmark.files.atomic import is_free
from facedeblur.benchmark.files.lock import only_writer

HOLD = """
import sys, time
from pathlib import Path
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.lock import only_writer
out = Path(sys.argv[1])
with only_writer(out, working=[out.with_name(out.name + ".building")]):
    for place in (out / "below", out.with_name(out.name + ".building"), out.with_name(f".{out.name}.parts")):
        place.mkdir(parents=True)
        replacing(place / "000001.png").__enter__().touch()
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that writes ``set`` and does not end by itself."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "set")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture
def impatient(monkeypatch):
    """Wait for nobody."""
    monkeypatch.setattr(lock, "WAIT_S", 0.1)


def unfinished(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.tmp"))


def test_the_second_is_told_who_writes(tmp_path, holder, impatient):
    with pytest.raises(InputError) as refused, only_writer(tmp_path / "set"):
        pass
    told = str(refused.value)
    assert f"{tmp_path / 'set'} is being written by process {holder.pid} on {socket.gethostname()} (" in told
    assert "wait until that has ended, or choose another output" in told and "\n" not in told
    with only_writer(tmp_path / "other"):
        pass
    assert len(unfinished(tmp_path)) == 3, "nothing of a living writer is removed"


def test_a_kill_frees_the_output_and_its_leftovers_go(tmp_path, holder, impatient):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert len(unfinished(tmp_path)) == 3
    with only_writer(tmp_path / "set", working=[tmp_path / "set.building"]):
        assert unfinished(tmp_path) == []
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith((".lock", ".writer"))]


def test_a_file_of_a_killed_writer(tmp_path):
    for name in (".board.csv.writer", ".board.csv.7.tmp", ".board.csv.old.7.tmp", ".boards.csv.7.tmp"):
        (tmp_path / name).touch()
    with only_writer(tmp_path / "board.csv"):
        pass
    assert unfinished(tmp_path) == [".board.csv.old.7.tmp", ".boards.csv.7.tmp"]


def test_the_same_thread_may_take_it_again_and_another_may_not(tmp_path, impatient):
    def other():
        try:
            with only_writer(tmp_path / "set"):
                found.append("taken")
        except InputError:
            found.append("refused")

    found: list[str] = []
    with only_writer(tmp_path / "set"):
        with only_writer(tmp_path / "set", tmp_path / "more"):
            pass
        for _ in range(2):
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
    assert found == ["refused", "refused"] and list(tmp_path.iterdir()) == []


def test_one_name_of_two_is_one_output(tmp_path, impatient):
    (tmp_path / "set").mkdir()
    (tmp_path / "link").symlink_to("set")
    found = []

    def other():
        with pytest.raises(InputError), only_writer(tmp_path / "link"):
            pass
        found.append(True)

    with only_writer(tmp_path / "set"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found == [True]


def test_a_failure_leaves_no_unfinished_file_and_no_empty_folder(tmp_path):
    with pytest.raises(RuntimeError), only_writer(tmp_path / "new" / "set"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError), only_writer(tmp_path / "set"):
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / ".a.png.1.tmp").touch()  # of a worker that was killed
        raise RuntimeError
    assert list((tmp_path / "set").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_where_nothing_can_be_written_nothing_is_locked(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set").chmod(0o555)
    tmp_path.chmod(0o555)
    with only_writer(tmp_path / "set"):
        assert list(tmp_path.iterdir()) == [tmp_path / "set"]


def test_the_lock_is_inside_where_the_folder_around_it_cannot_be_written(tmp_path, monkeypatch):
    out = tmp_path / "mounted"
    out.mkdir()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and real(path, mode))
    with only_writer(out):
        assert sorted(path.name for path in out.iterdir()) == [".lock", ".writer"] and is_free(out)
    assert list(out.iterdir()) == []
