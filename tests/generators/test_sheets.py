"""A contact sheet shows the pictures of the set, and says no to what it cannot draw."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png, write_png
from facedeblur.benchmark.sets.set import Set
from facedeblur.cli.main import facedeblur
from facedeblur.generators.build import build
from facedeblur.generators.sheets import set_sheet


@pytest.fixture
def made(tmp_path, portrait, small_recipe) -> Set:
    for number in range(3):
        write_png(tmp_path / "crops" / f"f_{number:04d}.png", portrait[40:168, 120 + 9 * number : 248 + 9 * number])
    return build(small_recipe(tmp_path), tmp_path / "crops", tmp_path / "set", workers=1)


def found_in(tile: np.ndarray, page: np.ndarray) -> bool:
    """Tell whether `tile` stands somewhere on `page`, pixel for pixel."""
    height, width = tile.shape[:2]
    corners = np.argwhere((page[: -height + 1, : -width + 1] == tile[0, 0]).all(axis=2))
    return any(np.array_equal(page[y : y + height, x : x + width], tile) for y, x in corners)


def test_pictures_of_the_set_are_on_it(made, tmp_path):
    page = read_png(set_sheet(made, tmp_path / "sheet.png", faces=2, variants=2))
    rows = list(made.by_image())
    for at in (0, 2):
        image, pairs = rows[at]
        assert found_in(made.sharp(image), page)
        assert found_in(made.blurred(pairs[0]), page) and found_in(made.blurred(pairs[3]), page)
    assert not found_in(made.sharp(rows[1][0]), page)


def test_command(made, tmp_path):
    shown = CliRunner().invoke(facedeblur, ["sheet", str(made.root), "-o", str(tmp_path / "s.png")])
    assert shown.exit_code == 0 and (tmp_path / "s.png").is_file()


def test_what_cannot_be_drawn(made, tmp_path):
    with pytest.raises(InputError, match=r"called NAME\.png"):
        set_sheet(made, tmp_path / "sheet.jpg")
    with pytest.raises(InputError, match="at least one face"):
        set_sheet(made, tmp_path / "sheet.png", faces=0)
