"""``facedeblur align``: windows, limits, quality and contact sheet from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facedeblur.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in argv])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


@pytest.fixture
def photos(tmp_path: Path, portrait: np.ndarray) -> Path:
    (tmp_path / "photos").mkdir()
    Image.fromarray(portrait).save(tmp_path / "photos" / "sharp.png")
    Image.fromarray(portrait).filter(ImageFilter.GaussianBlur(12)).save(tmp_path / "photos" / "soft.png")
    return tmp_path / "photos"


def test_quality_limits_and_sheet(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    options = ["--template", "mspl-center", "--quality", "--sheet", "--min-laplacian", 60, "--jobs", 1]
    code, printed, err = run(capsys, "align", photos, out, *options)
    assert code == 1 and "soft.png: poor quality: laplacian" in err
    lines = {line.split()[0]: line.split()[1:] for line in printed.splitlines()}
    assert lines["quality"] == ["5%", "25%", "50%", "75%", "95%"] and lines["yaw"] == ["no", "landmarks"]
    assert float(lines["laplacian"][0]) < float(lines["laplacian"][4]) / 10
    assert (out / "quality.csv").is_file() and (out / "sheet.png").is_file() and (out / "poor" / "soft.png").is_file()


def test_landmarks_from_a_file(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = tmp_path / "points.csv"
    points.write_text("sharp.png,202,100,243,100,222.5,124,206,146,240,146\n")
    code, printed, err = run(capsys, "align", photos, tmp_path / "out", "--landmarks", points, "--jobs", 1)
    assert code == 1 and "soft.png: no landmarks (no points given)" in err and "1  ok" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--landmarker", "file"], "give --landmarks FILE"),
        (["--max-yaw", "-1"], "option 'max_yaw'"),
        (["--landmarks", "none.csv"], "a CSV file of landmarks"),
        (["--template", "xia-celbea"], "did you mean 'xia-celeba'"),
    ],
)
def test_bad_option_is_one_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    code, out, err = run(capsys, "align", photos, tmp_path / "out", *options)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()
