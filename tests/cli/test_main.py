"""The frame of the command line: what a user sees when something is wrong."""

from __future__ import annotations

import errno
import functools
import signal
import subprocess
import sys
import time

import click
import numpy as np
import pytest

from facedeblur.benchmark.files.images import write_png
from facedeblur.cli import main as main_module
from facedeblur.cli.main import main


def call(*argv: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(argv))
    return int(stop.value.code or 0)


def test_help_and_version(capsys):
    assert call("--help") == 0
    shown = capsys.readouterr().out
    for word in ("demo", "build", "score", "Make a set", "Publish"):
        assert word in shown
    assert call("--version") == 0
    assert "facedeblur" in capsys.readouterr().out


def test_unknown_command_is_suggested(capsys):
    assert call("scor") == 2
    assert "did you mean 'score'?" in capsys.readouterr().err


def test_unknown_option_is_usage(capsys):
    assert call("check", "--nosuch", "x") == 2
    assert "--nosuch" in capsys.readouterr().err


def test_bad_input_is_one_line(capsys, tmp_path):
    assert call("check", str(tmp_path / "absent")) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("facedeblur: ") and shown.err.count("\n") == 1
    assert "not found (expected a set); check the path, or build it first" in shown.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x.png"), 2, "x.png: the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), 2, "out: permission denied"),
        (KeyboardInterrupt(), 130, "run the same command again"),
        (click.exceptions.Abort(), 130, "run the same command again"),
    ],
)
def test_what_goes_wrong_outside_is_one_line(capsys, monkeypatch, error, code, said):
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(main_module.Commands, "get_command", lambda self, ctx, name: fail)
    assert call("check") == code
    shown = capsys.readouterr().err
    assert said in shown and shown.count("\n") == 1 and "Traceback" not in shown


def test_ctrl_c_leaves_a_build_to_go_on(tmp_path, portrait):
    """A real interrupt of a real process, wherever it strikes: the next run finishes the same set."""
    crops = tmp_path / "crops"
    for number in range(24):
        write_png(crops / f"f{number:04d}.png", np.roll(portrait, 5 * number, axis=1)[40:168, 160:288])
    command = [sys.executable, "-m", "facedeblur.cli.main", "build", "shen2020", "--faces", str(crops), "--jobs", "2"]
    # A job in the background of a shell ignores interrupts, and so would its children.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    running = subprocess.Popen(
        [*command, "-o", str(tmp_path / "set")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed,
    )
    manifest = tmp_path / "set.building" / "manifest.csv"
    # However slow the machine is: either rows come or the build ends.
    while not (manifest.is_file() and manifest.stat().st_size > 5_000):
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate()
    assert running.returncode == 130, err
    assert "run the same command again" in err and "Traceback" not in err
    assert not (tmp_path / "set").exists()
    for name in ("set", "whole"):
        done = subprocess.run([*command, "-o", str(tmp_path / name)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    from facedeblur.benchmark.sets.set import Set

    assert Set.open(tmp_path / "set").content_hash == Set.open(tmp_path / "whole").content_hash


STRIKE = """
import signal, sys
class Strike:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                if name == "numpy":
                    raise ImportError("C-extensions failed")
                raise
sys.meta_path.insert(0, Strike())
from facedeblur.cli.main import main
main(["list", "metrics"])
"""


@pytest.mark.parametrize("module", ["click", "facedeblur.benchmark.errors", "facedeblur.cli.list_", "numpy"])
def test_ctrl_c_during_imports_is_one_line(module):
    """Of the command line itself, of a command, and where a library makes an error of its own of it."""
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    done = subprocess.run(
        [sys.executable, "-c", STRIKE, module], capture_output=True, text=True, check=False, preexec_fn=heed
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr == "facedeblur: stopped; run the same command again to resume\n"


def test_ctrl_c_is_given_back_after_the_import():
    code = "import signal, facedeblur.cli.main; print(signal.getsignal(2) is signal.default_int_handler)"
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, preexec_fn=heed)
    assert shown.stdout == "True\n"
