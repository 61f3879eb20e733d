"""``facedeblur pairs`` as a user types it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result

from facedeblur.benchmark.files.images import write_png
from facedeblur.cli.pairs import pairs


def typed(*argv: object) -> Result:
    return CliRunner().invoke(pairs, [str(part) for part in argv])


def test_pairs_are_written_and_counted(tmp_path: Path, portrait: np.ndarray, small_recipe) -> None:
    for i in range(2):
        write_png(tmp_path / "crops" / f"{i}.png", portrait[40 + i : 168 + i, 160:288])
    recipe = small_recipe(tmp_path)
    common = (recipe, "--faces", tmp_path / "crops", "--jobs", 1, "--augment", "shen")
    done = typed(*common, "-o", tmp_path / "tar", "--count", 5, "--shard-size", 3)
    assert done.exit_code == 0, done.output
    assert "5 of 8 pairs of 2 faces and 4 kernels in" in done.output
    assert sorted(file.name for file in (tmp_path / "tar").glob("*.tar")) == ["pairs-000000.tar", "pairs-000001.tar"]
    (tmp_path / "crops" / "z.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = typed(*common, "-o", tmp_path / "folder", "--count", 5, "--format", "folder", "--quiet")
    assert done.exit_code == 1
    assert "z.png: unreadable" in done.output and "5 of" not in done.output
    assert len(list((tmp_path / "folder" / "blur").iterdir())) == 5


def test_too_many_pairs_are_refused(tmp_path: Path, portrait: np.ndarray, small_recipe) -> None:
    write_png(tmp_path / "crops" / "a.png", portrait[40:168, 160:288])
    done = typed(small_recipe(tmp_path), "--faces", tmp_path / "crops", "-o", tmp_path / "out", "--count", 99)
    assert "99 pairs: expected from 1 to 4, of 1 face and 4 kernels" in str(done.exception)
    assert not (tmp_path / "out").exists()
