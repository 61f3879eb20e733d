"""Alignment: the fit, the resampling, what becomes of every photograph, and going on after a stop."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from skimage import transform as reference
from skimage.filters import gaussian

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import DETECTORS, LANDMARKERS, Detector, Face, Landmarker
from facedeblur.benchmark.faces.geometry import similarity
from facedeblur.benchmark.files.images import pixel_hash, read_photo, read_png, write_png
from facedeblur.benchmark.files.tables import read_rows
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.set import Image
from facedeblur.generators.align.geometry import coverage, margin_inside, scale_of, warp
from facedeblur.generators.align.photo import Finders, align_photo, find_faces
from facedeblur.generators.align.quality import Limits
from facedeblur.generators.align.run import align
from facedeblur.generators.align.template import template_named, templates
from facedeblur.generators.photos.labels import read_labels

SHEN = template_named("shen128")


def turned(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[a, -b, x], [b, a, y]])


def moved(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ transform[:, :2].T + transform[:, 2]


def undone(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    return (points - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T


@dataclass(frozen=True)
class Knows(Detector, Landmarker):
    """Detector and landmarker that are told where the faces are."""

    name = "knows"
    five: tuple[np.ndarray, ...] = ()
    definition: tuple[str, ...] = ("knows",)

    def detect(self, image: np.ndarray) -> list[Face]:
        faces = [Face((*points.min(axis=0), *points.max(axis=0)), 1.0, points) for points in self.five]
        return sorted(faces, key=lambda face: -face.area)

    def landmarks(self, image: np.ndarray, face: Face) -> np.ndarray:
        if np.isnan(face.landmarks).any():
            raise InputError("landmarks by knows", "no face was found in the box")
        return face.landmarks


# --- the fit


def test_similarity_equals_umeyama_of_skimage() -> None:
    rng = np.random.default_rng(1)
    for n in (2, 3, 5, 68):
        src = rng.normal(size=(n, 2)) * 30 + 100
        dst = moved(turned(0.4, 33, 5, -80), src) + rng.normal(size=(n, 2)) * 2
        expected = reference.SimilarityTransform.from_estimate(src, dst).params[:2]
        np.testing.assert_allclose(similarity(src, dst), expected, rtol=0, atol=1e-10)


def test_similarity_never_reflects() -> None:
    src = np.array([[0, 0], [10, 0], [0, 10.0], [10, 11]])
    found = similarity(src, src * [-1, 1])
    assert np.linalg.det(found[:, :2]) > 0


def test_exact_points_come_back_exactly() -> None:
    transform = turned(1.7, -21, 14, 3)
    np.testing.assert_allclose(similarity(undone(transform, SHEN.points), SHEN.points), transform, atol=1e-12)
    assert scale_of(transform) == pytest.approx(1.7)


@pytest.mark.parametrize(
    "src", [np.zeros((5, 2)), np.ones((5, 3)), np.full((5, 2), np.nan), np.zeros((1, 2)), np.zeros((4, 2))]
)
def test_points_that_fix_nothing_are_refused(src: np.ndarray) -> None:
    with pytest.raises(InputError, match="points of a similarity"):
        similarity(src, SHEN.points)


def test_templates_are_faces_inside_their_image() -> None:
    for name in templates():
        template = template_named(name)
        assert (template.points > 0).all() and (template.points < [template.width, template.height]).all()
        if template.fit == "similarity":
            left_eye, right_eye, nose, mouth_left, mouth_right = template.points
            assert left_eye[0] < nose[0] < right_eye[0] and mouth_left[0] < mouth_right[0]
            assert max(left_eye[1], right_eye[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
    with pytest.raises(InputError, match="did you mean 'shen128'"):
        template_named("shen182")


# --- the resampling


def test_whole_pixel_shift_copies(portrait: np.ndarray) -> None:
    crop = warp(portrait, turned(1, 0, -100, -50), 60, 40)
    np.testing.assert_array_equal(crop, portrait[50:90, 100:160])


@pytest.mark.parametrize(
    "transform", [turned(1.0, 0, -100.3, -50.6), turned(1.6, 12, -150, -60), turned(3, -70, 9, 800)]
)
def test_magnifying_is_bilinear(portrait: np.ndarray, transform: np.ndarray) -> None:
    inverse = np.linalg.inv(np.vstack([transform, [0, 0, 1]]))
    expected = reference.warp(
        portrait.astype(float), reference.AffineTransform(inverse), order=1, mode="reflect", output_shape=(128, 128)
    )
    found = warp(portrait, transform, 128, 128)
    # skimage's own mode name for the mirror without the edge pixel repeated is "reflect".
    assert np.abs(found - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("factor", [2, 3.7, 8])
def test_reducing_is_antialiased_as_pil_does_it(portrait: np.ndarray, factor: float) -> None:
    size = int(512 / factor)
    box = (0, 0, size * factor, size * factor)
    expected = np.asarray(Pil.fromarray(portrait).resize((size, size), Pil.Resampling.BILINEAR, box=box)).astype(int)
    # Pixel edges, not centres, stay in place when an image is resized.
    found = warp(portrait, turned(1 / factor, 0, 0.5 / factor - 0.5, 0.5 / factor - 0.5), size, size).astype(int)
    inside = slice(2, -2)  # PIL leaves out what lies beyond the edge, here it is mirrored
    assert np.abs(found - expected)[inside, inside].max() <= 1


def test_fine_stripes_become_grey_not_moire() -> None:
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = warp(stripes, turned(0.21, 17, 10, -20), 64, 64)
    assert np.abs(crop.astype(int) - 127.5).max() < 6  # bilinear sampling gives 0 to 255


def test_margin_surrounds_the_same_crop(portrait: np.ndarray) -> None:
    transform = turned(0.8, 9, -90, -30)
    wide = warp(portrait, transform, 128, 128, margin=13)
    assert wide.shape == (154, 154, 3)
    np.testing.assert_array_equal(wide[13:-13, 13:-13], warp(portrait, transform, 128, 128))


def test_warp_of_one_pixel_and_far_outside() -> None:
    one = np.full((1, 1, 3), 77, np.uint8)
    assert (warp(one, turned(0.5, 30, 4, 4), 8, 8) == 77).all()
    ramp = np.arange(0, 240, 10, dtype=np.uint8)[None, :, None].repeat(3, axis=2).repeat(2, axis=0)
    beyond = warp(ramp, turned(1, 0, 23, 0), 24, 1)[0, :, 0]  # columns -23..0: the mirror image
    np.testing.assert_array_equal(beyond, ramp[0, ::-1, 0])


# --- one photograph


def test_landmarks_come_to_lie_on_the_template() -> None:
    truth = turned(0.37, 25, -20, -60)
    places = undone(truth, SHEN.points)
    photo = np.zeros((500, 500))
    for x, y in places:
        photo[round(y), round(x)] = 1
    photo = gaussian(photo, 5)
    photo = np.repeat((255 * photo / photo.max()).astype(np.uint8)[:, :, None], 3, axis=2)
    knows = Knows((places,))
    crop = align_photo(photo, knows, knows).crop
    assert crop is not None
    rows, columns = np.mgrid[:128, :128]
    for x, y in SHEN.points:
        near = np.where(np.hypot(columns - x, rows - y) < 8, crop[:, :, 0].astype(float), 0)
        centre = np.array([(columns * near).sum(), (rows * near).sum()]) / near.sum()
        assert np.abs(centre - (x, y)).max() < 0.3


def test_real_face_is_upright_and_in_place(dlib_models: None, portrait: np.ndarray) -> None:
    from facedeblur.benchmark.faces import provider

    detector, landmarker = provider(DETECTORS, "dlib-hog"), provider(LANDMARKERS, "dlib-68")
    slanted = np.ascontiguousarray(Pil.fromarray(portrait).rotate(20, Pil.Resampling.BICUBIC))
    for photo in (portrait, slanted, np.ascontiguousarray(portrait[:, ::-1])):
        aligned = align_photo(photo, detector, landmarker)
        assert aligned.status == "ok" and aligned.crop is not None and aligned.crop.shape == (128, 128, 3)
        again = landmarker.landmarks(aligned.crop, detector.detect(aligned.crop)[0])
        # No face has the template's proportions, and this one smiles broadly; the eyes are level.
        assert np.abs(again[:3] - SHEN.points[:3]).max() < 6 and np.abs(again - SHEN.points).max() < 10
        assert abs(again[0, 1] - again[1, 1]) < 3


def test_statuses_of_one_photograph(portrait: np.ndarray) -> None:
    here, there = undone(turned(1, 0, -160, -60), SHEN.points), undone(turned(2, 0, 0, 0), SHEN.points)

    def status(*five: np.ndarray, photo: np.ndarray = portrait, **options: object) -> tuple[str, int]:
        knows = Knows(five)
        aligned = align_photo(photo, knows, knows, **options)
        assert (aligned.pixels is not None) == (aligned.status in {"ok", "cut"})
        return aligned.status, aligned.n_faces

    assert status(here) == ("ok", 1)
    assert status() == ("no face", 0)
    assert status(here, there) == ("ok", 2)
    assert status(here, there, limits=Limits(one_face=True)) == ("several faces", 2)
    assert status(undone(turned(4.1, 0, 0, 0), SHEN.points)) == ("too small", 1)
    assert status(undone(turned(4.1, 0, 0, 0), SHEN.points), limits=Limits(max_magnification=5.0)) == ("ok", 1)
    assert status(here - [180, 0]) == ("cut", 1)
    assert status(here - [180, 0], limits=Limits(min_coverage=0.5)) == ("ok", 1)
    assert status(here * np.nan) == ("no landmarks", 1)
    assert status(here, photo=portrait[:15]) == ("too small", -1)


def test_which_of_several_faces_is_taken(portrait: np.ndarray) -> None:
    large = undone(turned(0.5, 0, 0, 0), SHEN.points)
    central = undone(turned(1, 0, 0, 0), SHEN.points) + 192
    knows = Knows((central, large))
    by_size, by_place = (align_photo(portrait, knows, knows, choose=choose) for choose in ("largest", "central"))
    assert by_size.note == "largest of 2 faces" and scale_of(by_size.transform) == pytest.approx(0.5)
    assert by_place.note == "most central of 2 faces" and scale_of(by_place.transform) == pytest.approx(1)


def test_coverage_and_margin_by_counting() -> None:
    for transform in (turned(1, 0, 0, 0), turned(1, 0, 40, -10), turned(0.5, 30, 60, 5), turned(2, 5, -300, -90)):
        back = undone(transform, np.stack(np.meshgrid(np.arange(128.0), np.arange(128.0)), axis=-1).reshape(-1, 2))
        inside = ((back >= -0.5) & (back <= [299.5, 199.5])).all(axis=1).mean()
        assert coverage(transform, SHEN, 300, 200) == pytest.approx(inside)
    # A crop of 128 pixels from (50, 30) in 300 x 200: 30 above, 42 below, 50 left, 122 right.
    assert margin_inside(turned(1, 0, -50, -30), SHEN, 300, 200, at_most=100) == 30
    assert margin_inside(turned(1, 0, -50, -30), SHEN, 300, 200, at_most=25) == 25
    assert margin_inside(turned(0.5, 0, -50, -30), SHEN, 600, 400, at_most=100) == 30
    assert margin_inside(turned(1, 0, 1, -30), SHEN, 300, 200, at_most=25) == 0


def test_large_photographs_are_searched_small_and_told_in_their_own_pixels() -> None:
    seen = []

    class Corner:
        definition = ("corner",)

        def detect(self, image: np.ndarray) -> list[Face]:
            seen.append(image.shape)
            height, width = image.shape[:2]
            return [Face((-0.5, -0.5, width - 0.5, height - 0.5), 1.0)]

    assert find_faces(np.zeros((900, 2400, 3), np.uint8), Corner())[0].box == (-0.5, -0.5, 2399.5, 899.5)
    assert seen == [(450, 1200, 3)]


def test_options_out_of_range_are_refused(portrait: np.ndarray) -> None:
    with pytest.raises(InputError, match="option 'margin'"):
        align_photo(portrait, Knows(), Knows(), margin=-1)
    with pytest.raises(InputError, match="choose 'best'"):
        align_photo(portrait, Knows(), Knows(), choose="best")
    with pytest.raises(InputError, match="choose 'best'"):
        Finders(choose="best")
    for option in ({"min_coverage": 1.5}, {"max_magnification": 0}, {"max_yaw": -1}):
        with pytest.raises(InputError, match=f"option '{next(iter(option))}'"):
            Limits(**option)


# --- a folder


@pytest.fixture
def knows_named(monkeypatch: pytest.MonkeyPatch) -> str:
    """A provider that finds one face in every photograph but dark ones."""

    @dataclass(frozen=True)
    class Lit(Knows):
        def detect(self, image: np.ndarray) -> list[Face]:
            five = undone(turned(1, 0, -160, -60), SHEN.points)
            return Knows((five,)).detect(image) if image.mean() > 20 else []

    for registry in (DETECTORS, LANDMARKERS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        registry.add("test-lit", Lit)
    return "test-lit"


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pil.fromarray(pixels).save(path)
    return path


def test_every_file_is_a_row(tmp_path: Path, portrait: np.ndarray, knows_named: str) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    good = save(photos / "good.png", portrait)
    save(photos / "grey.png", portrait[:, :, 0])
    save(photos / "alpha.png", np.dstack([portrait, portrait[:, :, :1]]))
    Pil.fromarray(portrait).convert("CMYK").save(photos / "cmyk.jpg")
    Pil.fromarray(portrait[:, :, 0].astype(np.uint16) * 257).save(photos / "deep.png")
    save(photos / "dark.png", portrait // 20)
    save(photos / "dot.png", portrait[:1, :1])
    (photos / "text.png").write_text("this is text")
    (photos / "cut.png").write_bytes(good.read_bytes()[:5000])
    head = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    huge = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    (photos / "huge.png").write_bytes(huge + b"\0\0\0\0IEND\xaeB`\x82")
    (photos / "notes.txt").write_text("taken in May")
    (photos / ".hidden.png").write_text("not counted")
    table = align(photos, out, finders=Finders(knows_named, knows_named), workers=1)
    rows = table.set_index("image_id")
    assert rows["status"].to_dict() == {
        "alpha": "ok", "cmyk": "ok", "cut": "unreadable", "dark": "no face", "deep": "ok", "dot": "too small",
        "good": "ok", "grey": "ok", "huge": "unreadable", "notes": "not an image", "text": "unreadable",
    }  # fmt: skip
    assert list(rows.index) == sorted(rows.index)
    assert "20000x20000" in rows.loc["huge", "note"] and str(tmp_path) not in "".join(rows["note"])
    assert "16-bit" in rows.loc["deep", "note"] and "CMYK" in rows.loc["cmyk", "note"]
    assert list(read_rows(out / "images.csv", Image)) == [Image(**row) for row in table.to_dict("records")]
    assert sorted(path.stem for path in (out / "sharp").iterdir()) == ["alpha", "cmyk", "deep", "good", "grey"]
    crop = read_png(out / "sharp" / "good.png", size=(128, 128))
    np.testing.assert_array_equal(crop, portrait[60:188, 160:288])
    assert rows.loc["good", "sha256"] == pixel_hash(crop)
    numbers = [float(word) for word in rows.loc["good", "transform"].split()]
    np.testing.assert_allclose(numbers, [1, 0, -160, 0, 1, -60], atol=1e-9)


def test_second_run_does_only_what_is_new(tmp_path: Path, portrait: np.ndarray, knows_named: str) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for name in ("a_1", "a_2", "b_1"):
        save(photos / f"{name}.png", portrait)
    calls: list[tuple[int, int]] = []

    def run(**options: object) -> dict[str, str]:
        calls.clear()
        table = align(
            photos, out, finders=Finders(knows_named, knows_named), workers=1,
            progress=Reporter(lambda stage, done, total, note: calls.append((done, total))), **options,
        )  # fmt: skip
        return dict(zip(table["image_id"], table["status"], strict=True))

    first = run()
    before = (out / "images.csv").read_bytes()
    assert run() == first and calls == [(3, 3)]
    assert (out / "images.csv").read_bytes() == before
    save(photos / "a_2.png", portrait // 20)
    assert run()["a_2"] == "no face" and calls[0] == (2, 3)
    assert not (out / "sharp" / "a_2.png").exists()
    (out / "sharp" / "a_1.png").unlink()
    run()
    assert calls[0] == (2, 3) and (out / "sharp" / "a_1.png").exists()
    (photos / "b_1.png").unlink()
    assert list(run()) == ["a_1", "a_2"] and not (out / "sharp" / "b_1.png").exists()
    run(margin=5)
    assert calls[0] == (0, 2) and read_png(out / "wide" / "a_1.png").shape == (138, 138, 3)


def test_stopped_run_goes_on(tmp_path: Path, portrait: np.ndarray, knows_named: str) -> None:
    photos, out, whole = tmp_path / "photos", tmp_path / "out", tmp_path / "whole"
    for i in range(5):
        save(photos / f"p{i}.png", np.roll(portrait, i, axis=1))

    def stop_after_two(stage, done: int, total: int, note) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        align(photos, out, finders=Finders(knows_named, knows_named), workers=1, progress=Reporter(stop_after_two))
    assert not (out / "images.csv").exists()
    with (out / "align.jsonl").open("a") as journal:
        journal.write('{"key": "half a li')
    counts: list[int] = []
    align(
        photos,
        out,
        finders=Finders(knows_named, knows_named),
        workers=1,
        progress=Reporter(lambda stage, n, _, note: counts.append(n)),
    )
    assert counts[0] == 2
    align(photos, whole, finders=Finders(knows_named, knows_named), workers=1)
    assert (out / "images.csv").read_bytes() == (whole / "images.csv").read_bytes()


def test_folder_of_other_photographs_is_left_alone(tmp_path: Path, portrait: np.ndarray, knows_named: str) -> None:
    save(tmp_path / "a" / "one.png", portrait)
    save(tmp_path / "b" / "two.png", portrait)
    align(tmp_path / "a", tmp_path / "out", finders=Finders(knows_named, knows_named), workers=1)
    with pytest.raises(InputError, match="the faces of 1 other photographs are in this folder"):
        align(tmp_path / "b", tmp_path / "out", finders=Finders(knows_named, knows_named), workers=1)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "images.csv").write_text("image_id\n")
    with pytest.raises(InputError, match=r"its images\.csv was not written by align"):
        align(tmp_path / "b", tmp_path / "set", finders=Finders(knows_named, knows_named), workers=1)
    assert (tmp_path / "out" / "sharp" / "one.png").exists()


def test_results_inside_the_collection_are_not_photographs(
    tmp_path: Path, portrait: np.ndarray, knows_named: str
) -> None:
    save(tmp_path / "one.png", portrait)
    (tmp_path / "faces").mkdir()
    (tmp_path / "again").symlink_to(tmp_path)
    for _ in range(2):
        table = align(tmp_path, tmp_path / "faces", finders=Finders(knows_named, knows_named), workers=1)
        assert list(table["source"]) == ["one.png"]


def test_linked_folders_are_searched(tmp_path: Path, portrait: np.ndarray, knows_named: str) -> None:
    save(tmp_path / "elsewhere" / "two.png", portrait)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "linked").symlink_to(tmp_path / "elsewhere")
    table = align(tmp_path / "photos", tmp_path / "out", finders=Finders(knows_named, knows_named), workers=1)
    assert dict(zip(table["source"], table["status"], strict=True)) == {"linked/two.png": "ok"}


def test_workers_change_nothing(dlib_models: None, tmp_path: Path, portrait: np.ndarray) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.cbook import get_sample_data

    hopper = read_photo(get_sample_data("grace_hopper.jpg", asfileobj=False)).pixels
    photos = tmp_path / "photos"
    for name, pixels in (("Collins", portrait), ("Hopper", hopper)):
        save(photos / name / f"{name}_0001.png", pixels)
        save(photos / name / "mirrored.png", pixels[:, ::-1])
    tables = [align(photos, tmp_path / f"out{jobs}", workers=jobs, margin=14) for jobs in (1, 2)]
    assert tables[0].equals(tables[1])
    assert list(tables[0]["status"]) == ["ok"] * 4
    assert list(tables[0]["image_id"]) == ["Collins_0001", "Collins_mirrored", "Hopper_0001", "Hopper_mirrored"]
    assert list(tables[0]["identity"]) == ["Collins", "Collins", "Hopper", "Hopper"]
    assert list(tables[0]["margin"]) == [14] * 4
    assert (tmp_path / "out1" / "images.csv").read_bytes() == (tmp_path / "out2" / "images.csv").read_bytes()


def test_folder_without_images_and_bad_options(tmp_path: Path, knows_named: str) -> None:
    with pytest.raises(InputError, match="a folder of photographs"):
        align(tmp_path / "nowhere", tmp_path / "out", finders=Finders(knows_named, knows_named))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="no images in this folder"):
        align(tmp_path / "empty", tmp_path / "out", finders=Finders(knows_named, knows_named))
    for options, message in (
        ({"template": "shen"}, "template 'shen'"),
        ({"finders": Finders("dlib", knows_named)}, "detector 'dlib'"),
        ({"finders": Finders(knows_named, "dlib-86")}, "did you mean 'dlib-68'"),
        ({"role": "pest"}, "role 'pest'"),
    ):
        with pytest.raises(InputError, match=message):
            align(tmp_path, tmp_path / "out", **{"finders": Finders(knows_named, knows_named), **options})
    assert not (tmp_path / "out").exists()


def test_photographs_of_lfw(shared_data: Path, dlib_models: None, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("Abdullah_Gul_0001", "Jason_Kidd_0009", "Pierce_Brosnan_0005", "Pierce_Brosnan_0006"):
        person = name[:-5]
        save(photos / person / f"{name}.jpg", read_photo(shared_data / "lfw" / person / f"{name}.jpg").pixels)
    largest, central = (
        align(photos, tmp_path / choose, finders=Finders(choose=choose), workers=1).set_index("image_id")
        for choose in ("largest", "central")
    )
    # The neighbour of Jason Kidd stands nearer to the camera and is cut by the edge.
    assert list(largest["status"]) == ["ok", "cut", "ok", "no face"]
    assert list(central["status"]) == ["ok", "ok", "ok", "no face"]
    assert (tmp_path / "largest" / "cut" / "Jason_Kidd_0009.png").is_file()
    assert largest.loc["Jason_Kidd_0009", "coverage"] < 0.7 and central.loc["Jason_Kidd_0009", "coverage"] == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_file_has_a_row_and_is_not_read(tmp_path):
    photos = tmp_path / "photos"
    write_png(photos / "good.png", np.full((512, 512, 3), 90, np.uint8))
    os.mkfifo(photos / "pipe.png")
    (photos / "link.jpg").symlink_to(photos / "pipe.png")
    (photos / "endless.png").symlink_to("/dev/zero")
    (photos / "broken.png").symlink_to(tmp_path / "absent.png")
    (photos / "folder.png").mkdir()
    frame = align(photos, tmp_path / "out", template="mspl-center", workers=1)
    rows = {row.image_id: (row.status, row.note) for row in frame.itertuples()}
    assert rows["good"][0] == "ok"
    for name, kind in {"pipe": "a pipe", "link": "a pipe", "endless": "a device"}.items():
        assert rows[name][0] == "unreadable" and f"found {kind}" in rows[name][1]
    assert rows["broken"][0] == "missing" and rows["folder"][0] == "no photograph"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_label_that_is_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "label.png")
    with pytest.raises(InputError, match="expected a file, found a pipe"):
        read_labels(tmp_path / "label.png", "helen11", size=(4, 4))
