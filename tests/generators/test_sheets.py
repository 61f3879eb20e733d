"""Contact sheets of images, kernels and sets: what stands where, in which colour, and what cannot be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png, write_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.sets.set import Set
from facedeblur.cli.main import facedeblur
from facedeblur.generators.build import build
from facedeblur.generators.kernels.bank import kernels
from facedeblur.generators.kernels.boracchi_foi import KernelModel
from facedeblur.generators.sheets import INK, PAPER, grid, image_sheet, kernel_sheet, kernel_tile, set_sheet


def test_tiles_stand_in_rows_and_the_rest_is_paper() -> None:
    tiles = [np.full((20, 30, 3), (i, 2 * i, 255 - i), np.uint8) for i in range(5)]
    sheet = grid(tiles, columns=2, gap=4)
    assert sheet.shape == (4 + 3 * 24, 4 + 2 * 34, 3) and sheet.dtype == np.uint8
    paper = np.ones(sheet.shape[:2], bool)
    for i, tile in enumerate(tiles):
        y, x = 4 + i // 2 * 24, 4 + i % 2 * 34
        assert np.array_equal(sheet[y : y + 20, x : x + 30], tile)
        paper[y : y + 20, x : x + 30] = False
    assert (sheet[paper] == PAPER).all()


def test_small_and_grey_tiles_are_centred_in_their_cells() -> None:
    sheet = grid([np.zeros((10, 10), np.uint8), np.full((30, 20, 3), 9, np.uint8)], columns=2, gap=2)
    assert sheet.shape == (2 + 32, 2 + 2 * 22, 3)
    dark = (sheet == 0).all(2)
    assert dark[2 + 10 : 2 + 20, 2 + 5 : 2 + 15].all() and dark.sum() == 100


def test_labels_are_written_below_and_cut_to_their_cell() -> None:
    tiles = [np.full((40, 40), 128, np.uint8)] * 2
    plain = grid(tiles, columns=2, gap=6)
    named = grid(tiles, ["short", "far too long for a cell of forty"], columns=2, gap=6, title="Two tiles")
    added = named.shape[0] - plain.shape[0]
    assert added == 2 * 16 and named.shape[1] == plain.shape[1]
    ink = (named.astype(int).sum(2) < sum(PAPER) - 150) & ~(named == 128).all(2)
    assert named[ink].min() >= min(INK)
    rows = np.nonzero(ink.any(1))[0]
    assert rows.min() < 22 and rows.max() > 22 + 40
    assert not ink[:, 6 + 40 : 6 + 46][22 + 40 :].any() and not ink[:, -6:].any()


def test_the_number_of_columns_follows_the_number_of_tiles() -> None:
    for n, columns in ((1, 1), (6, 3), (24, 6), (54, 9)):
        sheet = grid([np.zeros((50, 50), np.uint8)] * n, gap=0)
        assert sheet.shape[1] == 50 * columns, n


def test_a_kernel_is_enlarged_evenly_and_as_bright_as_can_be() -> None:
    kernel = np.zeros((3, 3))
    kernel[0, 1], kernel[1, 1] = 0.75, 0.25
    tile = kernel_tile(kernel, side=5, scale=4)
    assert tile.shape == (20, 20)
    assert (tile[4:8, 8:12] == 255).all() and (tile[8:12, 8:12] == 85).all() and (tile[12:16, 4:16] == 0).all()
    rim = np.ones((20, 20), bool)
    rim[4:16, 4:16] = False
    assert (tile[rim] == 205).all()


def test_a_bank_is_written_as_one_png(tmp_path: Path) -> None:
    small = kernels((9, 13), 4, 1, draw=KernelModel(samples=500))
    path = kernel_sheet(small, tmp_path / "sheet.png", tile=39)
    pixels = read_png(path)
    assert pixels.shape == (8 + 16 + 2 * (39 + 8 + 16), 8 + 4 * 47, 3)
    for name, y, x in (("ker01_k9", 0, 0), ("ker04_k9", 0, 3), ("ker01_k13", 1, 0)):
        tile = pixels[24 + y * 63 : 63 + y * 63, 8 + x * 47 : 47 + x * 47]
        assert (tile == kernel_tile(small.kernel(name), side=13, scale=3)[..., None]).all()
    again = kernel_sheet(small, tmp_path / "again.png", tile=39)
    assert again.read_bytes() == path.read_bytes()


def test_a_large_bank_shows_its_first_kernels(tmp_path: Path) -> None:
    point = np.zeros((3, 3))
    point[1, 1] = 1
    many = Bank.of([f"k{i}" for i in range(30)], [point] * 30)
    few = read_png(kernel_sheet(many, tmp_path / "few.png", limit=8, columns=4, tile=30))
    assert few.shape == (8 + 16 + 2 * (30 + 8 + 16), 8 + 4 * 38, 3)


def test_images_of_any_size_share_a_sheet(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tiles = [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in ((16, 20), (24, 12), (24, 20))]
    pixels = read_png(image_sheet(tiles, ["a", "b", "c"], tmp_path / "images.png", columns=3, title="Set"))
    for i, tile in enumerate(tiles):
        y, x = 24 + (24 - tile.shape[0]) // 2, 8 + i * 28 + (20 - tile.shape[1]) // 2
        assert np.array_equal(pixels[y : y + tile.shape[0], x : x + tile.shape[1]], tile)


def test_bad_input_is_named(tmp_path: Path) -> None:
    tile = np.zeros((8, 8), np.uint8)
    with pytest.raises(InputError, match="contact sheet: expected tiles"):
        grid([])
    with pytest.raises(InputError, match="found 1 and 2"):
        grid([tile], ["a", "b"])
    with pytest.raises(InputError, match="at least 1 column"):
        grid([tile], columns=0)
    for wrong in (tile.astype(float), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8), np.uint8), np.zeros(8, np.uint8)):
        with pytest.raises(InputError, match="tile 1 of a contact sheet"):
            grid([tile, wrong])
    with pytest.raises(InputError, match=r"ends with \.png, found '\.jpg'"):
        image_sheet([tile], ["a"], tmp_path / "sheet.jpg")
    assert list(tmp_path.iterdir()) == []


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
    with pytest.raises(InputError, match=r"ends with \.png, found '\.jpg'"):
        set_sheet(made, tmp_path / "sheet.jpg")
    with pytest.raises(InputError, match="at least one face"):
        set_sheet(made, tmp_path / "sheet.png", faces=0)
