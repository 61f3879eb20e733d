"""PSNR and SSIM of semantic classes against literal masks, the whole-image measures and scikit-image."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.metrics.fidelity import semantic
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import psnr, ssim
from facedeblur.benchmark.metrics.fidelity.semantic import locate, region_of
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.sets.classes import GROUPS, HELEN, groups_of
from facedeblur.benchmark.sets.set import Pair
from facedeblur.benchmark.sets.writer import SetWriter

WINDOWS = ("matlab3d", "perchannel")


def class_psnr(restored, sharp, labels, classes, **options):
    return semantic.class_psnr(restored, sharp, locate(sharp, labels, classes), **options)


def class_ssim(restored, sharp, labels, classes, **options):
    return semantic.class_ssim(restored, sharp, locate(sharp, labels, classes), **options)


@pytest.fixture(scope="module")
def pair(portrait):
    """A restored and a sharp face with labels that reach every border; class 8 is not there."""
    sharp = np.ascontiguousarray(portrait[40:104, 190:250])
    noise = np.random.default_rng(0).normal(0, 12, sharp.shape)
    restored = np.clip(sharp + noise, 0, 255).round().astype(np.uint8)
    labels = np.zeros((64, 60), np.uint8)
    labels[:20] = 10
    labels[15:50, 10:50] = 1
    labels[20:24, 15:22], labels[20:24, 35:42], labels[27:30, 15:22], labels[27:30, 35:42] = 2, 3, 4, 5
    labels[30:38, 27:33], labels[41:43, 24:36], labels[44:46, 24:36] = 6, 7, 9
    labels[63, 59] = 6
    return restored, sharp, labels


def masked(image, labels, classes):
    return np.where(np.isin(labels, classes)[..., None], image, 0).astype(np.uint8)


def literal_map(x, y):
    """SSIM index at every sample with an 11x11x11 Gaussian window and replicated borders."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window = np.einsum("i,j,k->ijk", taps, taps, taps)
    window /= window.sum()
    a, b = (np.pad(image.astype(float), 5, mode="edge") for image in (x, y))
    out = np.empty(x.shape)
    for at in np.ndindex(x.shape):
        p, q = (image[tuple(slice(i, i + 11) for i in at)] for image in (a, b))
        mp, mq = (window * p).sum(), (window * q).sum()
        vp, vq, both = (window * p * p).sum() - mp**2, (window * q * q).sum() - mq**2, (window * p * q).sum() - mp * mq
        c1, c2 = 2.55**2, 7.65**2
        out[at] = (2 * mp * mq + c1) * (2 * both + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2))
    return out


def test_class_names():
    assert [name.replace("-", " ") for name in GROUPS["helen11"]] == list(HELEN)
    for groups in GROUPS.values():
        assert sorted(value for values in groups.values() for value in values) == list(range(11))
    with pytest.raises(InputError, match=r"'umsn'.*did you mean 'umsn4'"):
        groups_of("umsn")


@pytest.mark.parametrize("partition", GROUPS)
def test_masked_psnr_is_that_of_the_masked_images(pair, partition):
    restored, sharp, labels = pair
    errors = 0.0
    for name, classes in GROUPS[partition].items():
        value = class_psnr(restored, sharp, labels, classes)
        if name == "inner-mouth":
            assert math.isnan(value)
            continue
        assert value == psnr(masked(restored, labels, classes), masked(sharp, labels, classes))
        errors += 10 ** (-value / 10)
        inside = np.isin(labels, classes)
        mse = np.mean((restored[inside].astype(float) - sharp[inside]) ** 2)
        own = class_psnr(restored, sharp, labels, classes, definition="region")
        assert own == pytest.approx(10 * math.log10(255**2 / mse), rel=1e-13)
        assert own <= value
    # What Table I of UMSN obeys: the classes' errors sum to that of the image.
    assert -10 * math.log10(errors) == pytest.approx(psnr(restored, sharp), rel=1e-13)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("partition", GROUPS)
def test_the_box_changes_nothing(pair, partition, window):
    restored, sharp, labels = pair
    for name, classes in GROUPS[partition].items():
        value = class_ssim(restored, sharp, labels, classes, window=window)
        whole = ssim(masked(restored, labels, classes), masked(sharp, labels, classes), definition=window)
        if name == "inner-mouth":
            assert math.isnan(value) and whole == 1
        else:
            assert value == pytest.approx(whole, abs=1e-12) and value < 1


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("at", [(0, 0), (63, 59), (0, 30), (31, 59), (5, 5), (58, 54), (30, 30), (10, 49)])
def test_a_single_pixel_anywhere(pair, window, at):
    restored, sharp, _ = pair
    labels = np.zeros((64, 60), np.uint8)
    labels[at] = 4
    for classes in ((4,), (0,)):
        whole = ssim(masked(restored, labels, classes), masked(sharp, labels, classes), definition=window)
        value = class_ssim(restored, sharp, labels, classes, window=window)
        assert value == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("size", [(11, 11), (11, 30), (12, 19)])
@pytest.mark.parametrize("window", WINDOWS)
def test_small_images(pair, window, size):
    restored, sharp, _ = (np.ascontiguousarray(part[: size[0], : size[1]]) for part in pair)
    labels = np.zeros(size, np.uint8)
    labels[:2, :3] = 1
    for classes in ((0,), (1,)):
        whole = ssim(masked(restored, labels, classes), masked(sharp, labels, classes), definition=window)
        value = class_ssim(restored, sharp, labels, classes, window=window)
        assert value == pytest.approx(whole, abs=1e-12)


def test_region_ssim_averages_the_untouched_map(pair):
    from skimage.metrics import structural_similarity

    restored, sharp, labels = pair
    _, full = structural_similarity(
        sharp, restored, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    valid = np.zeros((64, 60), bool)
    valid[5:-5, 5:-5] = True
    for classes in GROUPS["umsn4"].values():
        value = class_ssim(restored, sharp, labels, classes, definition="region", window="perchannel")
        assert value == pytest.approx(full[np.isin(labels, classes) & valid].mean(), abs=1e-12)
    corner = np.zeros((64, 60), np.uint8)
    corner[:5, :] = 10
    assert math.isnan(class_ssim(restored, sharp, corner, (10,), definition="region", window="perchannel"))


def test_region_ssim_of_matlabs_volume(pair):
    restored, sharp, labels = (part[8:30, 5:27] for part in pair)
    full = literal_map(restored, sharp)
    for classes in ((0,), (1,), (10,), (2, 4)):
        value = class_ssim(restored, sharp, labels, classes, definition="region")
        assert value == pytest.approx(full[np.isin(labels, classes)].mean(), abs=1e-12)
    everything = class_ssim(restored, sharp, labels, range(11), definition="region")
    assert everything == pytest.approx(ssim(restored, sharp), abs=1e-12)


def test_a_perfect_class(pair):
    restored, sharp, labels = pair
    healed = np.where(np.isin(labels, (1,))[..., None], sharp, restored)
    assert class_psnr(healed, sharp, labels, (1,)) == math.inf
    assert class_psnr(healed, sharp, labels, (1,), cap=60) == 60
    assert class_ssim(healed, sharp, labels, (1,)) == 1
    assert class_psnr(healed, sharp, labels, (10,)) == class_psnr(restored, sharp, labels, (10,))


@pytest.mark.parametrize(
    ("text", "full", "label"),
    [
        ("psnr-class[skin]", "psnr-class[rgb,255,masked,umsn4,skin]", "PSNR skin (umsn4)"),
        ("psnr-class[hair,helen11]", "psnr-class[rgb,255,masked,helen11,hair]", "PSNR hair (helen11)"),
        ("psnr-class[left-eye,region,cap60.0]", "psnr-class[rgb,255,region,helen11,left-eye,cap60]",
         "PSNR left eye (helen11, region)"),
        ("ssim-class[parts]", "ssim-class[matlab3d,masked,umsn4,parts]", "SSIM parts (umsn4)"),
        ("ssim-class[perchannel,nose]", "ssim-class[perchannel,masked,helen11,nose]", "SSIM RGB nose (helen11)"),
    ],
)  # fmt: skip
def test_names(pair, text, full, label):
    restored, sharp, labels = pair
    made = metric(text)
    assert isinstance(made, Metric) and made.needs.label
    assert (str(made.signature), made.label) == (full, label)
    again = pickle.loads(pickle.dumps(metric(full)))
    assert again.signature == made.signature
    values = again.measure(np.stack([restored, sharp]), sharp, again.prepare(sharp, labels))
    assert values[0] < values[1] and values.dtype == np.float64
    for nothing in (None, np.zeros((64, 60), np.uint8)):
        assert np.isnan(made.measure(restored[None], sharp, made.prepare(sharp, nothing))).tolist() == [True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("psnr-class", ["needs a class", "skin"]),
        ("psnr-class[sknn]", ["'sknn'", "did you mean 'skin'"]),
        ("psnr-class[umsn4,left-eye]", ["'left-eye'", "parts"]),
        ("psnr-class[skin,hair]", ["'skin' and 'hair'", "exclude each other"]),
        ("psnr-class[skin,y-full]", ["'y-full'"]),
        ("psnr-class[skin,cap60,cap70]", ["'cap70'"]),
        ("ssim-class[skin,skimage]", ["'skimage'"]),
    ],
)
def test_unknown_names(text, words):
    with pytest.raises(InputError) as caught:
        metric(text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_bad_input(pair):
    restored, sharp, labels = pair
    for measure in (class_psnr, class_ssim):
        for arrays, word in [
            ((restored[1:], sharp, labels), "63"),
            ((restored, sharp, labels[1:]), "63"),
            ((restored.astype(float), sharp, labels), "float64"),
            ((restored, sharp, labels.astype(int)), "int64"),
            ((restored, sharp, labels + np.uint8(1)), "classes 0 to 10, found 11"),
        ]:
            with pytest.raises(InputError, match=word):
                measure(*arrays, (1,))
        with pytest.raises(InputError, match="0 to 10, found 11"):
            measure(restored, sharp, labels, (11,))
        with pytest.raises(InputError, match="did you mean 'masked'"):
            measure(restored, sharp, labels, (1,), definition="maskd")
    with pytest.raises(InputError, match="did you mean 'matlab3d'"):
        class_ssim(restored, sharp, labels, (1,), window="matlab")
    with pytest.raises(InputError, match="at least 11x11"):
        class_ssim(restored[:9], sharp[:9], labels[:9], (1,))
    assert region_of(labels, (8,)) is None


def labelled(out, toy_parts, labels):
    """A toy set of one pair an image, with labels where there are some."""
    images, sharp = toy_parts
    images = [
        replace(image, label=f"labels/{image.image_id}.png", label_sha256=pixel_hash(labels[image.image_id]))
        if image.ok and image.image_id in labels
        else image
        for image in images
    ]
    writer = SetWriter(out, {"name": "labelled", "recipe": "", "seed": 0})
    ids = {"label": lambda image: labels[image.image_id]}
    writer.start(images, lambda image: sharp[image.image_id], None, n_kernels=1, **ids)
    for row, image in enumerate(image for image in images if image.ok):
        name = f"blur/{image.image_id}_blur.png"
        pixels = np.roll(sharp[image.image_id], 1, axis=1)
        write_png(writer.work / name, pixels)
        writer.append([Pair(row, image.image_id, image.image_id, "", 0, "real", "", 0.0, 1.0, 0, image.sharp, name,
                            pixel_hash(pixels))])  # fmt: skip
    return writer.finish()


def test_in_a_score_table(tmp_path, toy_parts):
    labels = {name: np.zeros((20, 16), np.uint8) for name in ("face0", "face1")}
    labels["face0"][4:12, 3:14] = 1
    made = labelled(tmp_path / "set", toy_parts, labels)
    names = ["psnr", "psnr-class[skin]", "psnr-class[background,region]", "ssim-class[skin]"]
    table = score(made.root, made.root / "blur", metrics=names, workers=1)
    assert list(table.frame["status"]) == ["ok"] * 3
    skin = table.frame["psnr-class[rgb,255,masked,umsn4,skin]"]
    # face1 has no skin, face2 no labels.
    assert skin.isna().tolist() == [False, True, True]
    assert table.frame["psnr-class[rgb,255,region,umsn4,background]"].isna().tolist() == [False, False, True]
    assert table.frame["psnr[rgb,255]"].notna().all()
    sharp = toy_parts[1]["face0"]
    restored = np.roll(sharp, 1, axis=1)
    assert skin[0] == class_psnr(restored, sharp, labels["face0"], (1,))
    value = table.frame["ssim-class[matlab3d,masked,umsn4,skin]"][0]
    assert value == class_ssim(restored, sharp, labels["face0"], (1,))


def test_real_faces_obey_the_papers_sum(tmp_path, shared_data):
    """Blurred faces with the labels people drew: the four classes' errors sum to the whole."""
    from facedeblur.generators.build import build
    from facedeblur.generators.photos.specs import Selection

    (tmp_path / "own.toml").write_text(
        'name = "own"\ntitle = "Own"\nsource = "test"\n[image]\ntemplate = "mspl-center"\n'
        '[kernels]\nsizes = "9"\nper_size = 1\n'
    )
    faces = f"celebamask:{shared_data / 'celebamask_eval512'}"
    made = build(tmp_path / "own.toml", faces, tmp_path / "set", workers=1, selection=Selection(limit=2))
    names = ["psnr", *(f"psnr-class[{name}]" for name in GROUPS["umsn4"])]
    table = score(made.root, made.root / "blur", metrics=names, workers=1)
    whole, *classes = (table.frame[column.signature].to_numpy() for column in table.meta.columns)
    assert np.allclose(-10 * np.log10(sum(10 ** (-values / 10) for values in classes)), whole, rtol=1e-12)
