"""``facedeblur align``: what is printed, and the exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedeblur.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in argv])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def test_counts_each_status_and_names_what_failed(
    dlib_models: None, tmp_path: Path, portrait: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(portrait).save(photos / "collins.png")
    Image.new("RGB", (200, 200), "grey").save(photos / "wall.png")
    (photos / "text.png").write_text("text")
    code, out, err = run(capsys, "align", photos, tmp_path / "out", "--jobs", 1)
    assert code == 1
    counts = {line.split(maxsplit=1)[1]: int(line.split()[0]) for line in out.splitlines()}
    assert (counts["ok"], counts["no face"], counts["unreadable"]) == (1, 1, 1)
    assert "wall.png: no face" in err and "text.png: unreadable" in err and "Traceback" not in err
    assert (tmp_path / "out" / "sharp" / "collins.png").is_file()

    (photos / "wall.png").unlink()
    (photos / "text.png").unlink()
    code, out, err = run(capsys, "align", photos, tmp_path / "out", "--jobs", 1, "--quiet")
    assert (code, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--detector", "dlib-hgo"], "did you mean 'dlib-hog'"),
        (["--template", "shen"], "did you mean 'shen128'"),
        (["--margin", "-3"], "option 'margin'"),
    ],
)
def test_bad_option_is_one_line(
    dlib_models: None,
    tmp_path: Path,
    portrait: np.ndarray,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    Image.fromarray(portrait).save(tmp_path / "collins.png")
    code, out, err = run(capsys, "align", tmp_path, tmp_path / "out", *options)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1


def test_folder_without_images_is_one_line(
    dlib_models: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "align", tmp_path, tmp_path / "out")
    assert (code, out) == (2, "") and "no images in this folder" in err and err.count("\n") == 1


def test_only_the_photographs_that_are_asked_for(
    dlib_models: None, tmp_path: Path, portrait: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a_0001", "a_0002", "b_0001"):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(portrait).save(tmp_path / "photos" / f"{name}.png")
    code, out, _ = run(capsys, "align", tmp_path / "photos", tmp_path / "out", "--match", "*_0001.png", "--jobs", 1)
    assert code == 0 and "2  photographs" in out
    (tmp_path / "list.csv").write_text("source,identity,role,status\nb_0001.png,b,test,ok\n")
    code, out, _ = run(
        capsys, "align", tmp_path / "photos", tmp_path / "other", "--list", tmp_path / "list.csv", "--jobs", 1
    )
    assert code == 0 and "1  photographs" in out


def test_traits_are_counted_by_align_and_by_build(
    tmp_path: Path, portrait: np.ndarray, small_recipe: Callable[[Path], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name in ("a", "b"):
        Image.fromarray(portrait[:218, :178]).save(photos / f"{name}.png")
    (photos / "traits.csv").write_text("file,age,light\nb.png,31,lamp\n")
    code, printed, _ = run(capsys, "align", photos, out, "--template", "xia-celeba", "--jobs", 1)
    assert code == 0 and f"1  with traits, listed in {out}/traits.csv" in printed
    code, printed, _ = run(capsys, "build", small_recipe(tmp_path), "--faces", out, "-o", tmp_path / "set", "--jobs", 1)
    assert code == 0 and "\ntraits of 1 of 2 photographs: age, light\n" in printed
    (photos / "traits.csv").write_text("file,yaw\nb.png,nan\n")
    code, printed, error = run(capsys, "align", photos, out, "--template", "xia-celeba", "--jobs", 1)
    assert code != 0 and error.count("\n") == 1 and "traits.csv line 2: yaw: expected degrees" in error
