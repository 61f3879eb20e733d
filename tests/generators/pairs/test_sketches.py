"""Sketches go where their photographs go: a grey photograph as its own sketch stays the same to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as ImageFile

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.reporter import Reporter
from facedeblur.generators.align.geometry import read_transform, write_transform
from facedeblur.generators.align.run import align
from facedeblur.generators.pairs.augment import AugmentLaw
from facedeblur.generators.pairs.sketches import grey_of, read_sketch
from facedeblur.generators.pairs.virtual import VirtualPairs, open_pairs

MOVED = AugmentLaw(scale=0.1, shift=8, rotate=25, flip=0.5)


@pytest.fixture
def photographs(tmp_path: Path, portrait: np.ndarray) -> Path:
    """Four grey photographs of one face, each cropped in its own way, and copies of them as sketches."""
    grey = np.repeat(grey_of(portrait)[..., None], 3, axis=2)
    for i in range(4):
        part = grey[5 * i : 330 + 3 * i, 60 : 420 - 7 * i]
        for folder, suffix in (("photos", "png"), ("sketches", "bmp")):
            (tmp_path / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / f"face{i}.{suffix}"), part)
    return tmp_path


def opened(root: Path, recipe: Path, **given: object) -> VirtualPairs:
    return open_pairs(
        recipe, root / "photos", workspace=root / "work", photographs=0, workers=1,
        **{"sketches": root / "sketches"} | given,
    )  # fmt: skip


@pytest.mark.parametrize("law", [None, MOVED])
def test_a_copy_of_the_photograph_is_its_sharp_crop(
    photographs: Path, small_recipe: Callable[..., Path], dlib_models: None, law: AugmentLaw | None
) -> None:
    """Aligned by dlib, turned, scaled, shifted and mirrored: also beyond the edges of the photograph."""
    pairs = opened(photographs, small_recipe(photographs), augment=law)
    assert len(pairs.sketch_files) == 4
    for index in range(0, len(pairs), 3):
        plan = pairs.plan(index)
        assert np.array_equal(pairs.sketch(plan), pairs.make(plan).sharp[..., 0])


def test_finished_crops_have_sketches_of_their_size(
    tmp_path: Path, portrait: np.ndarray, small_recipe: Callable[..., Path]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "sketches").mkdir()
    for i in range(3):
        crop = portrait[20 * i : 128 + 20 * i, 150:278]
        write_png(tmp_path / "photos" / f"{i}.png", crop)
        ImageFile.fromarray(grey_of(crop)).save(tmp_path / "sketches" / f"{i}.png")
    pairs = opened(tmp_path, small_recipe(tmp_path), augment=MOVED)
    for index in range(0, len(pairs), 5):
        plan = pairs.plan(index)
        # Colours are interpolated and rounded before they become grey, or after it.
        assert np.abs(pairs.sketch(plan).astype(int) - grey_of(pairs.make(plan).sharp)).max() <= 1
    before = {file: file.stat().st_mtime_ns for file in pairs.sketch_files.values()}
    again = opened(tmp_path, small_recipe(tmp_path), augment=MOVED)
    assert {file: file.stat().st_mtime_ns for file in again.sketch_files.values()} == before
    ImageFile.new("L", (128, 128), 9).save(tmp_path / "sketches" / "0.png")
    other = opened(tmp_path, small_recipe(tmp_path))
    assert [other.sketch_files[n] == again.sketch_files[n] for n in ("0", "1", "2")] == [False, True, True]
    assert (other.sketch(other.plan(int(next(i for i in range(9) if other.plan(i).image == 0)))) == 9).all()


def test_both_aligned_by_the_user(photographs: Path, small_recipe: Callable[..., Path], dlib_models: None) -> None:
    """Sketches of another size than the photographs are aligned by themselves first, with their surroundings."""
    for file in (photographs / "sketches").iterdir():
        cv2.imwrite(str(file), cv2.resize(cv2.imread(str(file)), None, fx=1.5, fy=1.5))
    with pytest.raises(InputError, match=r"sketches/face0.bmp: expected 360x330 pixels, the size of its photograph "
                       r"face0.png, found 540x495; give it the size .* or align both"):  # fmt: skip
        opened(photographs, small_recipe(photographs))
    for name in ("photos", "sketches"):
        align(photographs / name, photographs / f"aligned-{name}", margin=40, workers=1)
    pairs = open_pairs(
        small_recipe(photographs), photographs / "aligned-photos", workspace=photographs / "work", photographs=0,
        sketches=photographs / "aligned-sketches", augment=MOVED,
    )  # fmt: skip
    plan = pairs.plan(1)
    both = np.stack([pairs.sketch(plan).ravel(), pairs.make(plan).sharp[..., 0].ravel()])
    assert np.corrcoef(both)[0, 1] > 0.97


def test_what_has_no_counterpart_is_counted(
    tmp_path: Path, portrait: np.ndarray, small_recipe: Callable[..., Path]
) -> None:
    for folder in ("photos", "sketches"):
        (tmp_path / folder).mkdir()
    for i in range(6):
        write_png(tmp_path / "photos" / f"{i}.png", portrait[i : 128 + i, 150:278])
    for i in (0, 1, 2, 7, 8):
        write_png(tmp_path / "sketches" / f"{i}.png", portrait[i : 128 + i, 150:278])
    (tmp_path / "sketches" / "3.png").write_bytes(b"no image")
    ImageFile.new("RGBA", (128, 128)).save(tmp_path / "sketches" / "4.png")
    lines: list[str] = []
    pairs = opened(tmp_path, small_recipe(tmp_path), progress=Reporter(None, lines.append))
    assert lines[-1].endswith(
        "sketches: 3 of 6 faces have a sketch; faces without: 3, such as 3.png (unusable sketch); sketches without a "
        "photograph: 2, such as 7.png"
    )
    assert [face.image_id for face in pairs.source.faces] == ["0", "1", "2"]
    rows = {image.image_id: image for image in pairs.images}
    assert {rows[name].status for name in ("0", "1", "2")} == {"ok"}
    assert [rows[name].status for name in ("3", "4", "5")] == ["unusable sketch", "unusable sketch", "no sketch"]
    assert "alpha channel; save it without" in rows["4"].note and rows["5"].note == "no sketch of it in sketches"
    whole = opened(tmp_path, small_recipe(tmp_path), without_sketch=True)
    assert len(whole.source.faces) == 6 and sorted(whole.sketch_files) == ["0", "1", "2"]
    with pytest.raises(InputError, match="face '5' has no sketch"):
        whole.sketch(next(plan for plan in map(whole.plan, range(99)) if plan.image == 5))
    for i in (0, 1, 2):
        (tmp_path / "sketches" / f"{i}.png").unlink()
    with pytest.raises(InputError, match=r"none of the 6 faces has a usable sketch \(such as 0.png: no sketch of it"):
        opened(tmp_path, small_recipe(tmp_path))


def test_colours_become_luma_and_grey_stays(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(grey_of(np.repeat(grey[..., None], 3, axis=2)), grey)
    colours = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    write_png(tmp_path / "a.png", colours)
    wanted = np.asarray(ImageFile.fromarray(colours).convert("L"))
    assert np.abs(read_sketch(tmp_path / "a.png").astype(int) - wanted).max() <= 1


def test_a_transform_is_read_as_it_was_written() -> None:
    matrix = np.random.default_rng(1).normal(size=(2, 3))
    assert np.array_equal(read_transform(write_transform(matrix)), matrix)
    assert read_transform("") is None
    with pytest.raises(InputError, match="six numbers"):
        read_transform("1 2 3")
