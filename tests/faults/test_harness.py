"""The tests of faults notice what they look for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest
from fault_jobs import Workspace, differences, snapshot
from fault_server import started_by


@pytest.fixture
def job() -> str:
    return "build"


def test_a_kill_comes_at_its_operation(workspace: Workspace, tmp_path):
    operations, _ = workspace.unbroken(tmp_path / "log")
    assert "os.mkdir made.building" in operations and "os.rename made.building" in operations
    for at, code in ((1, -signal.SIGKILL), (len(operations), -signal.SIGKILL), (len(operations) + 1, 0)):
        workspace.clear()
        assert workspace.run({"kind": "kill", "at": at}).code == code
    workspace.clear()
    workspace.run({"kind": "kill", "at": operations.index("os.rename made.building") + 1})
    assert (workspace.root / "made.building").is_dir() and not (workspace.root / "made").exists()


def test_a_full_disk_is_full_for_what_takes_space(workspace: Workspace):
    workspace.clear()
    ended = workspace.run({"kind": "full", "at": 1})
    assert ended.code == 2 and "space" in ended.output


def test_what_is_left_over_missing_or_different_is_seen(tmp_path):
    for folder in ("one", "other"):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "same.txt").write_text("same")
        (tmp_path / folder / "run.json").write_text(json.dumps({"finished": folder, "method": "a"}))
    (tmp_path / "one" / ".hidden").touch()
    (tmp_path / "one" / "changed").write_text("a")
    (tmp_path / "other" / "changed").write_text("b")
    (tmp_path / "other" / "deep" / "file").touch()
    found = list(differences(snapshot(tmp_path / "one"), snapshot(tmp_path / "other")))
    assert found == ["left over: .hidden", "left over: deep/", "missing: deep/file", "differs: changed"]
    (tmp_path / "one" / "run.json").write_text('{"method": "a"}')
    assert "differs: run.json" in differences(snapshot(tmp_path / "one"), snapshot(tmp_path / "other"))


def test_a_process_that_was_left_behind_is_seen(tmp_path):
    environment = os.environ | {"FACEDEBLUR_FAULT_ROOT": str(tmp_path)}
    with subprocess.Popen(["sleep", "60"], env=environment) as process:
        until = time.monotonic() + 10
        while started_by(tmp_path) != [process.pid] and time.monotonic() < until:
            time.sleep(0.01)
        assert started_by(tmp_path) == [process.pid] and started_by(tmp_path / "other") == []
        process.kill()
        process.wait()
    assert started_by(tmp_path) == []
