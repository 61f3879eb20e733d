"""Which pairs are shown, and that what is shown is what lies on disk."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from seal import seal

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.sets.set import Set
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.page.gallery import ENCODINGS, Gallery, gallery
from facedeblur.reports.shown_pairs import choose, further

Make = Callable[..., Scores]


def decode(source: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(source.partition(",")[2]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]


@pytest.fixture
def moved(bench: Any, tmp_path: Path) -> Path:
    """The whole folder, set and outputs, somewhere else."""
    shutil.copytree(bench.set.parent, tmp_path / "moved")
    return tmp_path / "moved"


def tables(root: Path) -> list[Path]:
    return [root / name for name in ("blurred", "unsharp", "oracle", "hostile")]


def shown(root: Path, **options: Any) -> Gallery:
    return gallery(gather(tables(root)), **options)


def test_the_extremes_of_the_leading_method_are_chosen(scores_of: Make) -> None:
    psnr = np.random.default_rng(0).permutation(np.linspace(15, 35, 80))
    board = gather(
        [scores_of("lead", psnr), scores_of("next", psnr[::-1] - 3), scores_of("best", psnr + 9, oracle=True)]
    )
    chosen = choose(board)
    faces = np.arange(80) // 10

    def first_of_other_faces(order: np.ndarray) -> list[int]:
        """Walk down the order, taking each face once."""
        found: list[int] = []
        for at in order:
            if faces[at] not in [faces[one] for one in found]:
                found.append(int(at))
        return found[:3]

    assert chosen["worst"] == first_of_other_faces(np.argsort(psnr))
    assert chosen["best"] == first_of_other_faces(np.argsort(-psnr))
    assert np.abs(psnr[chosen["median"]] - np.median(psnr)).max() < 3
    assert chosen["failed"] == []


def test_the_input_is_not_the_one_who_leads(scores_of: Make) -> None:
    board = gather([scores_of("blurred", np.full(20, 30.0)), scores_of("net", np.full(20, 29.0))])
    assert board.leader.label == "net" and board.methods[0].label == "blurred"


def test_no_pair_is_shown_twice_and_few_pairs_are_enough(scores_of: Make) -> None:
    for n in (1, 2, 5, 9):
        chosen = choose(gather([scores_of("a", np.arange(n, dtype=float), status={0: "failed: x"} if n > 5 else {})]))
        everything = [at for places in chosen.values() for at in places]
        assert len(everything) == len(set(everything)) == n


def test_pictures_are_those_on_disk(bench: Any) -> None:
    made = Set.open(bench.set)
    pairs = {pair.pair_id: pair for pair in made.pairs()}
    pictures = gallery(gather(bench.tables))
    assert pictures.method == "unsharp" and pictures.encoding == "lossless" and not pictures.notes
    outputs = {method: Outputs.open(path, made) for method, path in bench.outputs.items()}
    assert {row.group for row in pictures.rows} == {"worst", "median", "best", "failed"}
    for row in pictures.rows:
        pair = pairs[row.pair_id]
        tiles = {tile.label: tile for tile in row.tiles}
        assert (row.tiles[0].label, row.tiles[-1].label) == ("blurred", "sharp")
        np.testing.assert_array_equal(decode(tiles["blurred"].source), made.blurred(pair))
        np.testing.assert_array_equal(decode(tiles["sharp"].source), made.sharp(made.images[pair.image_id]))
        restored = outputs["unsharp"].restored(pair, (64, 64))
        np.testing.assert_array_equal(decode(tiles["unsharp"].source), restored)
        kernel, drawn = made.bank.kernel(row.kernel_id), row.tiles[0].kernel
        assert decode(drawn).shape[0] == row.kernel_size == row.tiles[0].kernel_size == len(kernel)
        assert np.corrcoef(decode(drawn)[..., 0].ravel(), kernel.ravel())[0, 1] > 0.999


def test_captions_are_the_scores_of_the_pair(bench: Any) -> None:
    board = gather(bench.tables)
    table = next(method for method in board if method.label == "wiener").scores.frame.set_index("pair_id")
    for row in gallery(board).rows:
        tile = next(tile for tile in row.tiles if tile.label == "wiener")
        assert tile.caption == f"{table.loc[row.pair_id, 'psnr[rgb,255]']:.2f} dB" and tile.oracle


def test_a_failed_output_is_shown_as_one(bench: Any) -> None:
    failed = [row for row in gallery(gather(bench.tables)).rows if row.group == "failed"]
    assert len(failed) == 2
    for row in failed:
        tile = next(tile for tile in row.tiles if "script" in tile.label)
        assert tile.why == "failed: <b>out of memory</b>" and not tile.source


def test_tables_set_and_outputs_may_move_together(moved: Path) -> None:
    assert not shown(moved).notes and len(shown(moved).rows) >= 9


def test_an_output_changed_or_lost_since_is_not_shown_as_scored(moved: Path) -> None:
    row = shown(moved).rows[0]
    write_png(moved / "unsharp" / f"{row.pair_id}.png", np.zeros((64, 64, 3), np.uint8))
    (moved / "oracle" / f"{row.pair_id}.png").unlink()
    tiles = {tile.label: tile for tile in shown(moved).rows[0].tiles}
    assert tiles["unsharp"].why == "changed since it was scored" and not tiles["unsharp"].source
    assert "output missing" in tiles["wiener"].why and tiles["wiener"].caption


def test_outputs_that_are_gone_leave_a_note(moved: Path) -> None:
    (moved / "unsharp" / "run.json").rename(moved / "unsharp" / "run.lost")
    for file in (moved / "unsharp").glob("*.png"):
        file.unlink()
    pictures = shown(moved)
    assert any("No pictures of unsharp" in note for note in pictures.notes)
    assert {tile.why for row in pictures.rows for tile in row.tiles if tile.label == "unsharp"} == {"outputs not found"}


def test_a_set_that_is_gone_or_another_one_leaves_a_note(moved: Path, scores_of: Make) -> None:
    (moved / "set").rename(moved / "elsewhere")
    pictures = shown(moved)
    assert not pictures.rows and "No pictures" in pictures.notes[0] and "set" in pictures.notes[0]
    (moved / "elsewhere").rename(moved / "set")
    images = moved / "set" / "images.csv"
    images.write_text(images.read_text().replace(",test,", ",probe,"))
    assert "content hash differs" in shown(moved).notes[0]
    seal(moved / "set")
    assert "is not the set that was scored" in shown(moved).notes[0]


def test_pictures_shrink_to_their_budget(bench: Any) -> None:
    board = gather(bench.tables)

    def size(pictures: Gallery) -> int:
        return sum(len(tile.source) for row in pictures.rows for tile in row.tiles)

    whole = gallery(board)
    smaller = gallery(board, budget=size(whole) - 1)
    assert size(smaller) < size(whole) and "JPEG quality 95" in smaller.encoding
    assert len(smaller.rows) == len(whole.rows)
    fewer = gallery(board, budget=60_000)
    assert size(fewer) <= 60_000 and 0 < len(fewer.rows) < len(whole.rows)
    none = gallery(board, budget=100)
    assert not none.rows and "No pictures" in none.notes[-1]


def test_the_last_resort_shrinks_pictures_without_turning_them() -> None:
    name, encode = ENCODINGS[-1]
    tall = np.zeros((1024, 512, 3), np.uint8)
    tall[:512] = (200, 60, 20)
    small = decode(encode(tall))
    assert "256 pixels" in name and small.shape == (256, 128, 3)
    np.testing.assert_allclose(small[:100].mean(axis=(0, 1)), (200, 60, 20), atol=3)
    assert decode(encode(tall[:100, :100])).shape == (100, 100, 3)


def test_a_pair_that_is_asked_for_comes_first(bench: Any) -> None:
    board = gather(bench.tables)
    wanted = ["face2_ker01_k5", "face0_ker03_k9"]
    pictures = gallery(board, named=wanted)
    assert [row.pair_id for row in pictures.rows if row.group == "chosen"] == wanted
    assert [row.pair_id for row in pictures.rows[:2]] == wanted
    assert len({row.pair_id for row in (*pictures.rows, *pictures.further)}) == 25
    with pytest.raises(InputError, match="face2_ker01"):
        gallery(board, named=["face2_ker01_k55"])


def test_further_pairs_are_spread_evenly_and_fill_the_budget(bench: Any, scores_of: Make) -> None:
    board = gather([scores_of("a", np.arange(100.0))])
    order = list(further(board, [0, 99]))
    assert sorted(order) == list(range(1, 99))
    for count in (4, 8, 16, 32):
        gaps = np.diff(sorted(order[:count]))
        assert gaps.max() <= 2 * 128 / count

    board = gather(bench.tables)
    whole = gallery(board, per_group=1)
    assert whole.further and {row.group for row in whole.further} == {"further"}
    used = sum(row.size for row in whole.rows)
    assert len(gallery(board, per_group=1, more=2).further) == 2
    tight = gallery(board, per_group=1, budget=used + whole.further[0].size)
    assert tight.encoding == "lossless" and len(tight.further) == 1
    assert not gallery(board, per_group=1, budget=used).further


def test_a_further_pair_that_cannot_be_read_costs_only_the_further_ones(moved: Path) -> None:
    whole = shown(moved, per_group=1)
    (moved / "set" / "blur" / f"{whole.further[-1].pair_id}.png").unlink()
    less = shown(moved, per_group=1)
    assert less.rows == whole.rows and not less.further
    assert any("No further pairs" in note and whole.further[-1].pair_id in note for note in less.notes)


def test_estimated_kernels_are_drawn_with_their_method(rich: Any) -> None:
    made = Set.open(rich.set)
    bank = Outputs.open(rich.outputs["unsharp"], made).kernels()
    pictures = gallery(gather(rich.tables))
    seen = 0
    for row in (*pictures.rows, *pictures.further):
        tile = next(tile for tile in row.tiles if tile.label == "unsharp")
        assert bool(tile.kernel) == (bank is not None and row.pair_id in bank)
        if tile.kernel:
            assert decode(tile.kernel).shape[:2] == (row.kernel_size - 2,) * 2 and decode(tile.kernel).min() == 255
            seen += 1
        assert not any(tile.kernel for tile in row.tiles if tile.label in ("wiener", "sharp"))
    assert seen == 24
