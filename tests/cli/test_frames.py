"""``facedeblur frames``: counts by reason, one line for what is wrong, and the exit code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click import Command
from click.testing import CliRunner, Result

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.sets.set import Set
from facedeblur.cli.build import build
from facedeblur.cli.frames import frames


def run(*argv: object, command: Command = frames) -> Result:
    return CliRunner().invoke(command, [str(word) for word in argv])


@pytest.fixture
def clips(tmp_path: Path, portrait: np.ndarray) -> Path:
    """Three moving views of a face, one of them with a cut."""
    for name, places in (("a", range(9)), ("b", range(4, 13)), ("cut", [0, 1, 2, 3, 80, 81, 82, 83, 84])):
        for at, k in enumerate(places):
            pixels = portrait[60 : 60 + 96, 3 * k : 3 * k + 160]
            write_png(tmp_path / "clips" / name / f"{at}.png", np.ascontiguousarray(pixels))
    return tmp_path / "clips"


def test_counts_every_reason(clips: Path, tmp_path: Path) -> None:
    whole = ["--template", "none", "--detector", "none", "--jobs", 1]
    shown = run(clips, "-o", tmp_path / "set", "--name", "talk", "--length", 3, "--stride", 3, "--gamma", 2.2, *whole)
    assert shown.exit_code == 0 and Set.open(tmp_path / "set").name == "talk", shown.output
    counts = {line.split(maxsplit=1)[1]: int(line.split()[0]) for line in shown.stdout.splitlines()[:-1]}
    assert counts["ok, of 3 identities"] == 8 and counts["shot cut"] == 1
    assert counts[f"9  windows of 3 videos, listed in {tmp_path / 'set'}/windows.csv".partition("  ")[2]] == 9
    assert {pair.gamma for pair in Set.open(tmp_path / "set").pairs()} == {2.2}


def test_a_video_without_a_pair_is_named_and_fails(clips: Path, tmp_path: Path) -> None:
    (clips / "torn.mp4").write_text("no video")
    whole = ["--template", "none", "--detector", "none", "--jobs", 1]
    shown = run(clips, "-o", tmp_path / "set", "--length", 9, "--quiet", *whole)
    assert shown.exit_code == 1 and shown.stdout == ""
    assert shown.stderr.splitlines() == ["cut: no pair: shot cut 1", "torn.mp4: no pair: unreadable 1"]


def test_bad_options_reach_the_main_command_as_one_line(clips: Path, tmp_path: Path) -> None:
    shown = run(clips, "-o", tmp_path / "set", "--length", 1)
    assert isinstance(shown.exception, InputError) and "found 1" in str(shown.exception)
    shown = run(clips, "-o", tmp_path / "set", "--length", "most")
    assert shown.exit_code == 2 and "'most' is neither a number of frames nor 'all'" in shown.output
    assert not (tmp_path / "set").exists()


def test_parts_of_a_split_are_counted(clips: Path, tmp_path: Path) -> None:
    whole = ["--template", "none", "--detector", "none", "--jobs", 1, "--length", "all", "--max-cut", 2]
    shown = run(clips, "-o", tmp_path / "set", "--split", 0.5, "--seed", 0, *whole)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines()[0] == "      3  ok, of 3 identities (1 test of 1, 2 train of 2)"


def test_building_from_videos_fails_only_for_a_video_without_a_pair(
    clips: Path, portrait: np.ndarray, tmp_path: Path
) -> None:
    write_png(clips / "b" / "99.png", np.ascontiguousarray(portrait[156:252, :160]))  # a shot of one frame
    made = ["anand-motion", "--faces", clips, "--detector", "none", "--jobs", 1]
    shown = run(*made, "-o", tmp_path / "set", command=build)
    assert "of 5 windows of frames, left out: too few frames 1" in shown.stdout
    assert (shown.exit_code, shown.stderr) == (0, "")
    (clips / "torn.mp4").write_text("no video")
    shown = run(*made, "-o", tmp_path / "other", "--quiet", command=build)
    assert (shown.exit_code, shown.stdout, shown.stderr) == (1, "", "torn.mp4: no pair: unreadable 1\n")
