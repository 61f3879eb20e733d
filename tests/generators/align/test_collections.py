"""Alignment of collections: identities, roles, labels, given points, limits, and what is wrong with some of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine_maps import back, parsed
from PIL import Image as Pil

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.geometry import similarity
from facedeblur.benchmark.files.images import read_photo, read_png
from facedeblur.benchmark.files.tables import read_rows
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.classes import LABEL_COLOURS
from facedeblur.benchmark.sets.set import Image
from facedeblur.generators.align.geometry import warp
from facedeblur.generators.align.photo import Finders
from facedeblur.generators.align.quality import Limits, Quality
from facedeblur.generators.align.run import align
from facedeblur.generators.align.template import template_named
from facedeblur.generators.photos.collection import Collection, Photograph
from facedeblur.generators.photos.lists import read_landmarks
from facedeblur.generators.photos.specs import Selection
from facedeblur.generators.sheets import crop_sheet, over

FROM_FILE = Finders(landmarker="file")

SHEN = template_named("shen128")


def places(scale: float = 1.0, x: float = 160, y: float = 60) -> tuple[float, ...]:
    """Ten numbers of a face that the template shows `scale` times its size, its crop beginning at (x, y)."""
    return tuple(float(number) for number in (SHEN.points / scale + [x, y]).ravel())


@pytest.fixture
def collection(tmp_path: Path, portrait: np.ndarray) -> Collection:
    """Four photographs of two people with labels and points; label values are Helen's."""
    root = tmp_path / "collection"
    label = np.zeros((512, 512), np.uint8)
    label[60:300, 160:290], label[90:110, 190:220], label[90:110, 240:260] = 1, 5, 4
    label[120:140, 205:230], label[150:160, 200:235] = 6, 7
    photographs = []
    for person, name in (("7", "a"), ("7", "b"), ("9", "c"), ("9", "d")):
        for folder, pixels in (("photos", portrait), ("labels", label)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Pil.fromarray(pixels).save(root / folder / f"{name}.png")
        role = "train" if person == "7" else ""
        photographs.append(Photograph(f"photos/{name}.png", person, role, f"labels/{name}.png", places()))
    return Collection("celeba", root, "none", "helen11", tuple(photographs))


def statuses(collection: Collection | str | Path, out: Path, **options: object) -> dict[str, str]:
    options = {"finders": FROM_FILE, "workers": 1, **options}
    table = align(collection, out, **options)
    assert list(read_rows(out / "images.csv", Image)) == [Image(**row) for row in table.to_dict("records")]
    return dict(zip(table["image_id"], table["status"], strict=True))


def test_identity_role_label_and_points_are_taken_over(
    collection: Collection, tmp_path: Path, portrait: np.ndarray
) -> None:
    out = tmp_path / "out"
    assert statuses(collection, out, role="gallery") == dict.fromkeys("abcd", "ok")
    rows = list(read_rows(out / "images.csv", Image))
    assert [row.identity for row in rows] == ["7", "7", "9", "9"]
    assert [row.role for row in rows] == ["train", "train", "gallery", "gallery"]
    assert {row.n_faces for row in rows} == {-1} and rows[0].label == "labels/a.png"
    np.testing.assert_array_equal(read_png(out / rows[0].sharp), portrait[60:188, 160:288])
    with Pil.open(out / "labels" / "a.png") as opened:
        assert opened.mode == "L"
        whole = np.asarray(Pil.open(collection.root / "labels" / "a.png"))
        np.testing.assert_array_equal(np.asarray(opened), whole[60:188, 160:288])


def test_labels_beyond_the_photograph_are_background(collection: Collection, tmp_path: Path) -> None:
    Pil.fromarray(np.full((512, 512), 10, np.uint8)).save(collection.root / "labels" / "a.png")
    outside = replace(collection.photographs[0], points=places(x=-5, y=400))
    align(
        replace(collection, photographs=(outside,)),
        tmp_path / "out",
        finders=FROM_FILE,
        limits=Limits(min_coverage=0.5),
        workers=1,
    )
    found = read_photo(tmp_path / "out" / "labels" / "a.png").pixels[:, :, 0]
    assert (found[:112, 5:] == 10).all() and (found[:, :5] == 0).all() and (found[112:] == 0).all()


def test_labels_that_cannot_be_used_are_a_status(collection: Collection, tmp_path: Path) -> None:
    labels, out = collection.root / "labels", tmp_path / "out"
    Pil.fromarray(np.zeros((256, 512), np.uint8)).save(labels / "a.png")
    Pil.fromarray(np.full((512, 512), 11, np.uint8)).save(labels / "b.png")
    (labels / "c.png").write_text("no image")
    assert statuses(collection, out) == {**dict.fromkeys("abc", "unusable label"), "d": "ok"}
    notes = [row.note for row in read_rows(out / "images.csv", Image)]
    assert "expected 512x512" in notes[0] and "found 512x256" in notes[0] and "found 11" in notes[1]
    assert str(tmp_path) not in "".join(notes)
    assert [path.name for path in (out / "sharp").iterdir()] == ["d.png"]
    # Mended labels are noticed.
    for name in "abc":
        Pil.fromarray(np.zeros((512, 512), np.uint8)).save(labels / f"{name}.png")
    assert statuses(collection, out) == dict.fromkeys("abcd", "ok")
    (out / "labels" / "a.png").unlink()
    assert statuses(collection, out)["a"] == "ok" and (out / "labels" / "a.png").is_file()


def test_what_is_not_there_is_a_row(collection: Collection, tmp_path: Path, portrait: np.ndarray) -> None:
    (collection.root / "photos" / "empty").mkdir()
    extra = [
        Photograph("photos/gone.png", "7", points=places()),
        Photograph("photos/empty", "empty"),
        Photograph("photos/a.png", "", points=()),
        replace(collection.photographs[0], identity="", label="labels/b.png"),
    ]
    given = replace(collection, photographs=(*collection.photographs[:1], *extra))
    found = list(statuses(given, tmp_path / "out").items())
    assert [status for _, status in found] == ["ok", "missing", "no photograph", "no landmarks", "ok"]
    rows = list(read_rows(tmp_path / "out" / "images.csv", Image))
    assert rows[4].identity == "" and rows[4].note == "identity not known"
    assert rows[2].identity == "empty" and "without photographs" in rows[2].note


def test_empty_folders_of_people_are_rows(tmp_path: Path, portrait: np.ndarray) -> None:
    for name in ("Ann", "Bob", "Cleo"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    for name in ("Ann/Ann_0001.png", "Cleo/Cleo_0001.png"):
        Pil.fromarray(portrait).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "Bob" / ".hidden").write_text("x")
    points = tmp_path / "points.csv"
    points.write_text("".join(f"{n}/{n}_0001.png,{','.join(map(str, places()))}\n" for n in ("Ann", "Cleo")))
    # A third time as the archive unpacks it, in a folder of its own.
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "lfw").symlink_to(tmp_path / "photos")
    for spec in (tmp_path / "photos", f"lfw:{tmp_path / 'photos'}", f"people:{tmp_path / 'up'}"):
        if "up" in str(spec)[-3:]:
            points.write_text(points.read_text().replace("Ann/", "lfw\\Ann\\").replace("Cleo/", "lfw/Cleo/"))
        out = tmp_path / str(spec).partition(":")[0].replace("/", "_")
        found = statuses(spec, out, landmarks=points)
        assert found == {"Ann_0001": "ok", "Bob": "no photograph", "Cleo_0001": "ok"}
        assert {row.identity for row in read_rows(out / "images.csv", Image)} == {"Ann", "Bob", "Cleo"}


def test_turned_by_exif_is_the_upright_face(tmp_path: Path, portrait: np.ndarray) -> None:
    exif = Pil.Exif()
    exif[0x0112] = 6
    (tmp_path / "photos").mkdir()
    Pil.fromarray(np.ascontiguousarray(np.rot90(portrait))).save(tmp_path / "photos" / "turned.png", exif=exif)
    (tmp_path / "points.csv").write_text("turned.png," + ",".join(map(str, places())))
    assert statuses(tmp_path / "photos", tmp_path / "out", landmarks=tmp_path / "points.csv") == {"turned": "ok"}
    crop = read_png(tmp_path / "out" / "sharp" / "turned.png")
    np.testing.assert_array_equal(crop, portrait[60:188, 160:288])
    assert "turned by EXIF" in next(read_rows(tmp_path / "out" / "images.csv", Image)).note


def test_points_from_a_file_replace_those_of_the_collection(collection: Collection, tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    lines = [f"photos/{name}.png," + ",".join(map(str, places(x=150))) for name in "ab"]
    file.write_text("﻿path,x,y,x,y,x,y,x,y,x,y\n" + "\r\n".join(lines) + "\n\nphotos/other.png" + ",1" * 10)
    assert statuses(collection, tmp_path / "out", landmarks=file) == {
        **dict.fromkeys("ab", "ok"), **dict.fromkeys("cd", "no landmarks"),
    }  # fmt: skip
    numbers = next(read_rows(tmp_path / "out" / "images.csv", Image)).transform
    np.testing.assert_allclose(parsed(numbers), [[1, 0, -150], [0, 1, -60]], atol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no photographs in this list"), ("a.png,1,2\n", "line 1|no photographs in this list"),
        ("a.png" + ",1" * 9 + ",x\n", "ten numbers"),
        ("a.png" + ",1" * 10 + "\na.png" + ",2" * 10, "line 2: photograph 'a.png' is listed twice"),
        ("a.png" + ",1" * 9 + ",nan\n", "ten numbers"),
    ],
)  # fmt: skip
def test_damaged_landmark_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_landmarks(tmp_path / "points.csv")


def test_points_that_do_not_fit_are_refused(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a CSV file of landmarks"):
        read_landmarks(tmp_path / "none.csv")
    bare = replace(collection, photographs=tuple(replace(p, points=()) for p in collection.photographs))
    with pytest.raises(InputError, match="landmarks of these photographs are missing"):
        align(bare, tmp_path / "out", finders=FROM_FILE)
    with pytest.raises(InputError, match="68 points"):
        align(collection, tmp_path / "out", finders=FROM_FILE, template="openface96")
    assert not (tmp_path / "out").exists()


def test_five_points_are_too_few_for_an_affine_template(
    tmp_path: Path, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facedeblur.benchmark.faces import DETECTORS, LANDMARKERS, Detector, Landmarker

    class Five(Detector, Landmarker):
        name, definition = "five", ("five",)
        detect = landmarks = None

    for registry in (DETECTORS, LANDMARKERS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        registry.add("test-five", Five)
    Pil.fromarray(portrait).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"landmarker 'five'.*use dlib-68"):
        align(tmp_path, tmp_path / "out", template="openface96", finders=Finders("test-five", "test-five"))


def test_poor_crops_are_left_out_and_counted(collection: Collection, tmp_path: Path) -> None:
    one, two, *rest = collection.photographs
    given = replace(collection, photographs=(one, replace(two, points=places(scale=2)), *rest))
    out, limits = tmp_path / "out", Limits(min_eye_distance=41, max_yaw=45)
    found = statuses(given, out, limits=limits, quality=True)
    assert found == {"a": "ok", "b": "poor quality: eye distance", "c": "ok", "d": "ok"}
    assert not (out / "sharp" / "b.png").exists() and (out / "poor" / "b.png").is_file()
    rows = list(read_rows(out / "quality.csv", Quality))
    assert [row.eye_distance for row in rows] == [41, 20.5, 41, 41] and rows[1].status == found["b"]
    assert all(row.laplacian > 0 and row.coverage == 1 and abs(row.yaw) < 15 for row in rows)
    before = (out / "quality.csv").read_bytes()
    calls: list[tuple[int, int]] = []
    progress = lambda stage, done, total, note: calls.append((done, total))  # noqa: E731
    statuses(given, out, limits=limits, quality=True, progress=Reporter(progress))
    assert calls == [(4, 4)] and (out / "quality.csv").read_bytes() == before
    assert statuses(given, out)["b"] == "ok" and not (out / "poor" / "b.png").exists()


def test_windows_need_no_face_and_stay_when_photographs_come(tmp_path: Path, portrait: np.ndarray) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for k in range(3):
        Pil.fromarray(np.roll(portrait, 40 * k, axis=1)).save(photos / f"p{k}.png")
    Pil.fromarray(portrait[:300]).save(photos / "short.png")
    options = {"template": "mspl-random", "seed": 3, "finders": Finders("not-installed")}
    first = statuses(photos, tmp_path / "out", **options)
    assert first == {"p0": "ok", "p1": "ok", "p2": "ok", "short": "wrong size"}
    before = {row.image_id: row.transform for row in read_rows(tmp_path / "out" / "images.csv", Image)}
    assert len(set(before.values())) == 4
    Pil.fromarray(portrait).save(photos / "a_new_one.png")
    statuses(photos, tmp_path / "whole", **options)
    after = {row.image_id: row.transform for row in read_rows(tmp_path / "whole" / "images.csv", Image)}
    assert {name: after[name] for name in before} == before
    statuses(photos, tmp_path / "other", **{**options, "seed": 4})
    other = {row.image_id: row.transform for row in read_rows(tmp_path / "other" / "images.csv", Image)}
    assert all(other[f"p{k}"] != before[f"p{k}"] for k in range(3))


def test_skin_windows_come_from_labels(collection: Collection, tmp_path: Path) -> None:
    one, two, *_ = collection.photographs
    given = replace(collection, photographs=(one, replace(two, label="")))
    assert statuses(given, tmp_path / "out", template="xia-helen") == {"a": "ok", "b": "no skin label"}
    row = next(read_rows(tmp_path / "out" / "images.csv", Image))
    # Skin: rows 60 to 299, columns 160 to 289; 10 % more below, then squared.
    corners = back(np.array([[-0.5, -0.5], [127.5, 127.5]]), parsed(row.transform)) + 0.5
    bottom = int(299 + 0.1 * 239)
    left = 160 - ((bottom - 60) - 129) // 2
    np.testing.assert_allclose(corners, [[left, 60], [left + bottom - 60, bottom]], atol=1e-9)


def test_labels_over_a_crop() -> None:
    crop = np.full((4, 4, 3), 100, np.uint8)
    label = np.zeros((4, 4), np.uint8)
    label[0] = 8
    found = over(crop, label)
    assert (found[1:] == 100).all() and (found[0] == (LABEL_COLOURS[8].astype(int) + 100 + 1) // 2).all()


# --- real faces


def test_celebamask_labels_lie_on_the_faces(shared_data: Path, dlib_models: None, tmp_path: Path) -> None:
    from facedeblur.generators.photos.opening import open_collection

    given = open_collection(f"celebamask:{shared_data / 'celebamask_eval512'}", Selection(limit=16))
    sheet = tmp_path / "sheet.png"
    table = align(given, tmp_path / "out", quality=True, workers=1)
    crop_sheet(tmp_path / "out", sheet)
    assert read_photo(sheet).pixels.size > 2 * len(table) * 128 * 128 * 3 * 0.8
    ok = table[table["status"] == "ok"]
    assert len(ok) >= 14 and (ok["label"] == "labels/" + ok["image_id"] + ".png").all()
    yaw = {row.image_id: row.yaw for row in read_rows(tmp_path / "out" / "quality.csv", Quality)}
    apart, shared = [], []
    for row in ok.to_dict("records"):
        label = np.asarray(Pil.open(tmp_path / "out" / row["label"]))
        mask = np.asarray(Pil.open(given.root / "masks" / f"{row['image_id']}.png"))
        skin = np.repeat(np.isin(mask, (1, 3)).astype(np.uint8)[:, :, None] * 255, 3, axis=2)
        drawn = warp(skin, parsed(row["transform"]), 128, 128)[:, :, 0] > 127
        shared.append((drawn & (label == 1)).sum() / (drawn | (label == 1)).sum())
        # Left is the subject's in labels, the viewer's in templates.
        eyes = [np.argwhere(label == value)[:, ::-1].mean(axis=0) for value in (5, 4) if (label == value).any()]
        if len(eyes) == 2 and abs(yaw[row["image_id"]]) < 15:
            apart.append(np.hypot(*(np.mean(eyes, axis=0) - SHEN.points[:2].mean(axis=0))))
    # Half a pixel beside, the median would be 0.97.
    assert np.median(shared) > 0.985 and min(shared) > 0.95 and len(apart) >= 8
    assert np.median(apart) < 2 and np.mean(np.array(apart) < 3) > 0.8


def test_published_points_of_london_agree_with_dlibs(shared_data: Path, dlib_models: None, tmp_path: Path) -> None:
    from facedeblur.generators.photos.opening import open_collection

    given = open_collection(f"london:{shared_data / 'london'}", Selection(match="neutral*", limit=6))
    tables = [
        align(given, tmp_path / name, finders=Finders(landmarker=name), workers=1) for name in ("file", "dlib-68")
    ]
    for one, other in zip(*(table.to_dict("records") for table in tables), strict=True):
        assert one["status"] == other["status"] == "ok" and (one["n_faces"], other["n_faces"]) == (-1, 1)
        ours, theirs = parsed(one["transform"]), parsed(other["transform"])
        points = np.array(given.photographs[[p.source for p in given.photographs].index(one["source"])].points)
        np.testing.assert_allclose(ours, similarity(points.reshape(5, 2), SHEN.points))
        corners = np.array([[0, 0], [127, 0], [0, 127], [127, 127.0]])
        moved = np.hypot(*(back(corners, ours) - back(corners, theirs)).T) * np.hypot(*theirs[:, 0])

        assert moved.max() < 6  # pixels of the crop
