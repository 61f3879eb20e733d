"""Templates as data, affine fits and their inverse, windows that look for no face, and nearest-neighbour labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine_maps import back, forth, parsed
from PIL import Image as Pil
from skimage import transform as reference

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_photo
from facedeblur.generators.align.geometry import (
    affine,
    invert,
    scale_of,
    warp,
    warp_label,
    window,
    write_transform,
)
from facedeblur.generators.align.photo import align_photo, crop_window
from facedeblur.generators.align.template import template_named, templates

# Rows of OpenFace's table of dlib's mean landmarks, and the table's smallest and largest x and y (points 0, 24, 16, 8).
OPENFACE = {
    36: (0.252418718401, 0.331052263829), 45: (0.782865376271, 0.321305281656), 33: (0.520712933176, 0.634268222208),
    39: (0.403718978315, 0.33867711083), 42: (0.631326076346, 0.334136672344), 57: (0.525398405766, 0.841706377792),
}  # fmt: skip
OPENFACE_LEAST, OPENFACE_MOST = (0.0792396913815, 0.182360984545), (0.971193274221, 1.06080371126)


# --- the data


@pytest.mark.parametrize("name", ["openface96", "openface96-inner"])
def test_openface_points_are_its_table_from_0_to_96(name: str) -> None:
    template = template_named(name)
    rows = np.array([OPENFACE[number] for number in template.spec.landmarks])
    expected = 96 * (rows - OPENFACE_LEAST) / (np.array(OPENFACE_MOST) - OPENFACE_LEAST)
    np.testing.assert_allclose(template.points, expected, atol=1e-6)


def test_derived_templates_follow_their_rule() -> None:
    sphere, arc = template_named("sphere96x112").points, template_named("arcface112").points
    np.testing.assert_allclose(arc, sphere + [8, 0], atol=1e-12)
    shen, lin = template_named("shen128"), template_named("lin240x200")
    assert (lin.height, lin.width) == (240, 200)
    # The square of 200 pixels at the bottom, as an image resized from 128, pixel edges to pixel edges.
    np.testing.assert_allclose(lin.points, forth(shen.points, window(0, 0, 128, 128, (200, 200))) + [0, 40], atol=1e-9)


def test_each_template_names_its_source_and_size() -> None:
    shipped = {name: template_named(name) for name in templates()}
    sizes = {name: (template.width, template.height) for name, template in shipped.items()}
    assert sizes == {
        "shen128": (128, 128), "lin240x200": (200, 240), "sphere96x112": (96, 112), "arcface112": (112, 112),
        "ffhq512": (512, 512), "openface96": (96, 96), "openface96-inner": (96, 96), "mspl-center": (128, 128),
        "mspl-random": (128, 128), "xia-celeba": (128, 128), "xia-helen": (128, 128), "umsn": (128, 128),
    }  # fmt: skip
    assert all(len(template.spec.source) > 10 for template in shipped.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('source="x"\nfit="similarty"\nsize=[9,9]', "did you mean 'similarity'"),
        ('source="x"\nfit="similarity"\nsize=[9,9]\npoints=[[1,2],[3,4]]', "points"),
        ('source="x"\nfit="affine"\nsize=[9,9]\npoints=[[1,2],[3,4],[5,9]]\nlandmarks=[1,2,68]', "0 to 67"),
        ('source="x"\nfit="corner"\nsize=[9,9]\nphoto=[20,20]\nwindow=[9,9]\ncorner=[12,0]', "inside"),
        ('source="x"\nfit="centre"\nsize=[9,0]\nphoto=[20,20]\nwindow=[9,9]', "size"),
        ('source="x"\nfit="squash"\nsize=[9,9]\ncorner=[0,0]', "canvas"),
        ('source="x"\nfit="skin"\nsize=[9,9]\nbelwo=0.1', "did you mean 'below'"),
    ],
)
def test_own_template_is_read_strictly(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        template_named(str(tmp_path / "mine.toml"))


def test_own_template_aligns(tmp_path: Path, portrait: np.ndarray) -> None:
    (tmp_path / "mine.toml").write_text(
        'source="x"\nfit="corner"\nsize=[50,40]\nphoto=[512,512]\nwindow=[50,40]\ncorner=[7,9]'
    )
    found = align_photo(portrait, template=str(tmp_path / "mine.toml"))
    np.testing.assert_array_equal(found.crop, portrait[9:49, 7:57])


# --- transforms


def test_affine_of_three_points_is_opencvs() -> None:
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(3)
    for _ in range(20):
        src, dst = rng.uniform(0, 300, (3, 2)), rng.uniform(0, 96, (3, 2))
        expected = cv2.getAffineTransform(src.astype(np.float32), dst.astype(np.float32))
        np.testing.assert_allclose(affine(src, dst), expected, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(forth(src, affine(src, dst)), dst, atol=1e-8)


def test_affine_of_many_points_has_least_squares() -> None:
    rng = np.random.default_rng(4)
    src, dst = rng.uniform(0, 300, (68, 2)), rng.uniform(0, 96, (68, 2))
    expected = reference.AffineTransform.from_estimate(src, dst).params[:2]
    ours, theirs = (np.sum((forth(src, m) - dst) ** 2) for m in (affine(src, dst), expected))
    assert ours <= theirs * (1 + 1e-9)


def test_affine_refuses_points_in_a_line() -> None:
    for src in (np.array([[0, 0], [1, 1], [2, 2.0]]), np.zeros((3, 2)), np.full((3, 2), np.nan), np.eye(2)):
        with pytest.raises(InputError, match="points of an affine map"):
            affine(src, np.eye(3)[:, :2] if len(src) == 3 else np.eye(2))


def test_there_and_back_again() -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform(-50, 900, (40, 7, 2))
    for _ in range(30):
        transform = np.column_stack([rng.normal(size=(2, 2)) + 2 * np.eye(2), rng.uniform(-300, 300, 2)])
        np.testing.assert_allclose(back(forth(points, transform), transform), points, atol=1e-9)
        np.testing.assert_allclose(invert(invert(transform)), transform, atol=1e-9)
        square = np.vstack([transform, [0, 0, 1]]) @ np.vstack([invert(transform), [0, 0, 1]])
        np.testing.assert_allclose(square, np.eye(3), atol=1e-9)
        np.testing.assert_array_equal(parsed(write_transform(transform)), transform)
        assert scale_of(transform) == pytest.approx(np.linalg.svd(transform[:, :2])[1][0])
    with pytest.raises(InputError, match="inverted"):
        invert(np.array([[1, 2, 0], [2, 4, 0.0]]))


# --- windows


def test_mspl_centre_is_pils_bicubic_of_the_crop(portrait: np.ndarray) -> None:
    found = align_photo(portrait, template="mspl-center", margin=9)
    cut = portrait[32:480, 32:480]
    # In floats: on bytes PIL rounds and clips between its two passes too, up to 4 levels away at sharp edges.
    planes = [
        Pil.fromarray(cut[:, :, c].astype(np.float32)).resize((128, 128), Pil.Resampling.BICUBIC) for c in range(3)
    ]
    expected = np.clip(np.stack([np.asarray(plane) for plane in planes], axis=2), 0, 255)
    inside = slice(2, -2)  # at the edge ours sees the photograph where theirs sees nothing
    assert found.crop is not None
    assert np.abs(found.crop - expected)[inside, inside].max() < 0.501
    assert (found.status, found.n_faces, found.margin_available) == ("ok", -1, 9)
    # Twice the photograph, twice the window.
    double = align_photo(portrait.repeat(2, axis=0).repeat(2, axis=1), template="mspl-center")
    assert double.note == "window of 896x896 pixels" and double.crop is not None
    assert np.abs(double.crop.astype(int) - found.crop).mean() < 1


def test_mspl_random_depends_on_seed_and_index_alone() -> None:
    template = template_named("mspl-random")

    def corner(seed: int, index: int) -> tuple[int, int]:
        found = crop_window(template, 512, 512, seed=seed, index=index).transform
        assert found is not None and found[0, 0] == found[1, 1] == 128 / 448
        x, y = back(np.array([-0.5, -0.5]), found) + 0.5
        assert abs(x - round(x)) < 1e-9 and abs(y - round(y)) < 1e-9
        return round(x), round(y)

    places = np.array([corner(7, index) for index in range(3000)])
    assert places.min() == 0 and places.max() == 64
    # Uniform on 65 places: chi-squared, 64 degrees of freedom, 99.99 % below 114.
    for axis in range(2):
        counts = np.bincount(places[:, axis], minlength=65)
        assert ((counts - 3000 / 65) ** 2 / (3000 / 65)).sum() < 114
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.08
    assert corner(7, 5) == tuple(places[5]) and corner(8, 5) != corner(7, 5)
    assert corner(2**64 - 1, 2**64 - 1) is not None


def test_xia_celeba_copies_rows_68_to_195(portrait: np.ndarray) -> None:
    photo = np.ascontiguousarray(portrait[:218, 100:278])
    found = align_photo(photo, template="xia-celeba", margin=30)
    np.testing.assert_array_equal(found.crop, photo[68:196, 25:153])
    assert found.margin_available == 22  # rows 196 to 217
    wrong = align_photo(portrait, template="xia-celeba")
    assert wrong.status == "wrong size" and wrong.pixels is None and "expected 178x218" in wrong.note


def test_umsn_squashes_and_cuts_with_its_margin(portrait: np.ndarray) -> None:
    photo = np.ascontiguousarray(portrait[:218, 100:278])
    found = align_photo(photo, template="umsn", margin=40)
    whole = np.asarray(Pil.fromarray(photo).resize((175, 175), Pil.Resampling.BILINEAR)).astype(int)
    assert found.margin_available == 23 and found.crop is not None and found.pixels is not None
    assert np.abs(found.crop - whole[23:151, 23:151]).max() <= 1
    assert np.abs(found.pixels[40 - 21 : -(40 - 21), 40 - 21 : -(40 - 21)] - whole[2:172, 2:172]).max() <= 1


def squared_as_in_the_script(skin: np.ndarray) -> tuple[int, int, int, int]:
    """Rows and columns of Xia's Helen crop, written out case by case."""
    height, width = skin.shape
    ys, xs = [y for y in range(height) if skin[y].any()], [x for x in range(width) if skin[:, x].any()]
    y0, y1, x0, x1 = ys[0], ys[-1], xs[0], xs[-1]
    y1 = min(height, int(y1 + 0.1 * (y1 - y0)))
    h, w = y1 - y0, x1 - x0
    if h > w:
        pad = (h - w) // 2
        if x0 - pad < 0:
            x0, x1 = 0, min(width, h)
        elif x1 + pad > width:
            x0, x1 = max(0, width - h), width
        else:
            x0, x1 = x0 - pad, x0 - pad + h
    elif h < w:
        pad = (w - h) // 2
        if y0 - pad < 0:
            y0, y1 = 0, min(height, w)
        elif y1 + pad > height:
            y0, y1 = max(0, height - w), height
        else:
            y0, y1 = y0 - pad, y0 - pad + w
    return y0, min(y1, height), x0, min(x1, width)


def test_xia_helen_is_the_scripts_square() -> None:
    template, rng = template_named("xia-helen"), np.random.default_rng(6)
    for _ in range(200):
        height, width = rng.integers(40, 90, 2)
        label = np.zeros((height, width), np.uint8)
        (y0, y1), (x0, x1) = (np.sort(rng.integers(0, n, 2)) for n in (height, width))
        label[y0 : y1 + 1, x0 : x1 + 1] = 1
        if y1 - y0 < 3 or x1 - x0 < 3:
            continue
        transform = crop_window(template, int(width), int(height), label=label).transform
        assert transform is not None
        (left, top), (right, bottom) = back(np.array([[-0.5, -0.5], [127.5, 127.5]]), transform) + 0.5
        found, expected = np.array([top, bottom, left, right]), np.array(squared_as_in_the_script(label == 1))
        # Where an odd square would end one pixel beyond the photograph, the script cuts it and ours is moved.
        assert np.abs(found - expected).max() < 1 + 1e-9
        assert (np.abs(found - expected) < 1e-9).all() or expected[1] == height or expected[3] == width
    for label, note in ((None, "no label image"), (np.zeros((50, 50), np.uint8), "no pixel of class skin")):
        missing = crop_window(template, 50, 50, label=label)
        assert (missing.transform, missing.status, missing.note) == (None, "no skin label", note)


# --- the resampling of affine maps and labels


def test_affine_magnifying_is_bilinear(portrait: np.ndarray) -> None:
    transform = np.array([[1.5, 0.3, -200], [-0.2, 2.1, -90.0]])
    expected = reference.warp(
        portrait.astype(float), reference.AffineTransform(np.vstack([invert(transform), [0, 0, 1]])), order=1,
        mode="reflect", output_shape=(96, 96),
    )  # fmt: skip
    assert np.abs(warp(portrait, transform, 96, 96) - expected).max() <= 0.5 + 1e-6


def test_cubic_is_keys_and_keeps_its_range() -> None:
    # Keys' cubic with a = -0.5 at half a pixel: -1/16, 9/16, 9/16, -1/16.
    row = np.array([10, 200, 30, 90, 250, 0, 0, 255, 255, 7], np.uint8)
    photo = np.repeat(np.repeat(row[None, :, None], 8, axis=0), 3, axis=2)
    found = warp(photo, np.array([[1, 0, -0.5], [0, 1, 0.0]]), 9, 8, filter="cubic")[4, :, 0]
    v = row.astype(float)
    expected = [(-v[k - 1] + 9 * v[k] + 9 * v[k + 1] - v[k + 2]) / 16 for k in range(1, 8)]
    np.testing.assert_array_equal(found[1:8], np.floor(np.clip(expected, 0, 255) + 0.5))
    assert max(expected) > 255  # clipped, not wrapped


def test_labels_take_the_nearest_pixel() -> None:
    rng = np.random.default_rng(8)
    label = rng.integers(1, 11, (60, 80)).astype(np.uint8)
    for transform in (
        np.array([[0.7, 0.2, 3.3], [-0.2, 0.7, 20.1]]),
        np.array([[2.1, 0.4, -30.2], [-0.1, 1.8, -12.7]]),
        np.array([[1, 0, 0], [0, 1, 0.0]]),
    ):
        expected = np.zeros((50, 70), np.uint8)
        for v in range(50):
            for u in range(70):
                x, y = back(np.array([u, v], dtype=float), transform)
                column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
                if 0 <= column < 80 and 0 <= row < 60:
                    expected[v, u] = label[row, column]
        found = warp_label(label, transform, 70, 50)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)


def test_openface_brings_three_landmarks_to_their_places(dlib_models: None, portrait: np.ndarray) -> None:
    from facedeblur.benchmark.faces import DETECTORS, LANDMARKERS, provider

    detector, landmarker = provider(DETECTORS, "dlib-hog"), provider(LANDMARKERS, "dlib-68")
    dense = landmarker.points(portrait, detector.detect(portrait)[0])
    for name in ("openface96", "openface96-inner"):
        template = template_named(name)
        found = align_photo(portrait, detector, landmarker, template=name)
        assert found.status == "ok" and found.transform is not None
        np.testing.assert_allclose(
            forth(dense[list(template.spec.landmarks)], found.transform), template.points, atol=1e-9
        )
    five = align_photo(portrait, template="openface96", points=np.ones((5, 2)))
    assert five.status == "no landmarks" and "68 points" in five.note


def test_real_aligned_celeba_in_the_windows_of_the_papers(shared_data: Path) -> None:
    files = sorted((shared_data / "celeba_samples_umsn").glob("*.png"))
    for file in files:
        photo = read_photo(file).pixels
        for name, margin in (("xia-celeba", 22), ("umsn", 23)):
            found = align_photo(photo, template=name, margin=30)
            assert (found.status, found.margin_available) == ("ok", margin)
    assert len(files) == 8


def test_a_photograph_of_the_templates_shape_is_one_at_every_scale(tmp_path: Path) -> None:
    keys = 'source = "test"\nfit = "centre"\nsize = [20, 20]\nphoto = [300, 200]\nscaled = true\nwindow = [20, 20]\n'
    (tmp_path / "own.toml").write_text(keys)
    template = template_named(str(tmp_path / "own.toml"))
    for times in range(1, 400):
        assert crop_window(template, 3 * times, 2 * times).status == ""
        assert crop_window(template, 3 * times, 2 * times + 1).status == "wrong size"
