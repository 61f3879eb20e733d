"""Sets of every kind of blur, small: what is in them is what their recipe says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.sets.check import check
from facedeblur.generators.blur.degrade import degrade
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.blur.nonuniform import degrade_nonuniform
from facedeblur.generators.blur.poses import poses
from facedeblur.generators.blur.saturate import saturate
from facedeblur.generators.build import build
from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.generators.kernels.spline import SplineModel
from facedeblur.generators.photos.specs import Selection
from facedeblur.generators.recipe import load_recipe

HEAD = 'name = "own"\ntitle = "Own"\nsource = "test"\n{top}\n[image]\ntemplate = "shen128"\n'


def recipe(folder: Path, name: str, body: str, top: str = "") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(HEAD.format(top=top) + body)
    return path


@pytest.fixture
def crops(tmp_path, portrait) -> Path:
    """Four photographs of two people, cropped already."""
    for person in "ab":
        for number in (1, 2):
            left = 130 + 20 * number + 7 * (person == "b")
            crop = portrait[40:168, left : left + 128]
            write_png(tmp_path / "crops" / person / f"{person}_{number:04d}.png", crop)
    return tmp_path / "crops"


def test_saturated_is_the_plain_set_with_more_light(tmp_path, crops):
    plain = '[kernels]\nsizes = "9"\nper_size = 2\n[noise]\nsigma = 0.01\n'
    one = build(recipe(tmp_path, "one", plain), crops, tmp_path / "one", workers=1)
    two = build(recipe(tmp_path, "two", plain + "[saturation]\ngain = 1.5\n"), crops, tmp_path / "two", workers=1)
    for a, b in zip(one.pairs(), two.pairs(), strict=True):
        assert np.array_equal(saturate(one.blurred(a), 1.5), two.blurred(b))


def test_photographs_in_their_own_sizes_with_a_kernel_each(tmp_path, portrait):
    """The recipe of Anand et al.: nothing is cropped, and a photograph's kernel depends on it and the seed alone."""
    for name, (high, wide) in {"a": (109, 89), "b": (125, 125), "c": (109, 89), "d": (90, 131)}.items():
        write_png(tmp_path / "photos" / f"{name}.png", portrait[40 : 40 + high, 120 : 120 + wide])
    made = build("anand-synthetic", tmp_path / "photos", tmp_path / "set", seed=4, workers=1)
    assert check(tmp_path / "set") == [] and made.n_pairs == 4 and len(made.bank) == 80
    pairs = {pair.image_id: pair for pair in made.pairs()}
    assert len({pair.kernel_id for pair in pairs.values()}) > 1
    for pair in pairs.values():
        sharp = made.sharp(made.images[pair.image_id])
        wanted = degrade(sharp, made.bank.kernel(pair.kernel_id), noise=Noise(0.0), seed=4, index=0, border="reflect")
        np.testing.assert_array_equal(made.blurred(pair), wanted)
    assert made.blurred(pairs["d"]).shape == (90, 131, 3)
    (tmp_path / "photos" / "a.png").unlink()
    fewer = build("anand-synthetic", tmp_path / "photos", tmp_path / "fewer", seed=4, workers=1)
    assert {p.image_id: p.kernel_id for p in fewer.pairs()} == {n: p.kernel_id for n, p in pairs.items() if n != "a"}


def test_kernels_of_other_laws_and_from_other_places(tmp_path, crops):
    body = '[kernels]\nsizes = "13"\nper_size = 2\nfirst = 5\ndraw = "spline"\n'
    made = build(recipe(tmp_path, "spline", body), crops, tmp_path / "spline", seed=3, workers=1)
    assert made.bank.ids == ("ker06_k13", "ker07_k13")
    assert np.array_equal(made.bank.kernels, SplineModel().draw(3, 13, 2, start=5))
    made = build(recipe(tmp_path, "walk", body.replace("spline", "trajectory")), crops, tmp_path / "walk", workers=1)
    assert np.array_equal(made.bank.kernels, STANDARD.draw(0, 13, 2, start=5))
    assert next(made.pairs()).name == "a_0001_ker06_blur_k13.png"


def test_nonuniform_pairs_are_those_of_the_poses(tmp_path, crops):
    body = '[poses]\nper_image = 2\n[blur]\nborder = "valid"\nfallback = "replicate"\n'
    body += '[noise]\nsigma = 0.01\nkind = "uniform"\n'
    made = build(recipe(tmp_path, "poses", body, 'kind = "nonuniform"'), crops, tmp_path / "set", seed=2, workers=1)
    assert not made.has_kernels and made.info["counts"]["pairs"] == 8
    paths = [poses(2, index) for index in range(2)]
    for image, pairs in made.by_image():
        wanted = degrade_nonuniform(
            made.sharp(image), paths, noise=Noise(0.01, "uniform"), seed=2, indices=[pair.index for pair in pairs]
        )
        for pair, pixels in zip(pairs, wanted, strict=True):
            assert (pair.blur_kind, pair.border, pair.kernel_size) == ("nonuniform", "replicate", 0)
            assert np.array_equal(made.blurred(pair), pixels)
    assert check(made.root, workers=1) == []


def test_real_photographs_are_kept_as_they_are(tmp_path, portrait):
    write_png(tmp_path / "photos" / "wide.png", portrait[:90, :140])
    write_png(tmp_path / "photos" / "tall.png", portrait[:200, :100])
    made = build("real", tmp_path / "photos", tmp_path / "set", workers=1)
    assert not made.has_sharp and not (made.root / "sharp").exists()
    sizes = {pair.image_id: made.blurred(pair).shape for pair in made.pairs()}
    assert sizes == {"wide": (90, 140, 3), "tall": (200, 100, 3)}
    assert check(made.root, workers=1) == []


@pytest.mark.parametrize("store", ["png", "npy"])
def test_probes_are_blurred_and_galleries_are_not(tmp_path, crops, store):
    body = '[kernels]\nsizes = "9"\nper_size = 2\n[split]\ngallery = 1\n'
    made = build(recipe(tmp_path, "split", body), crops, tmp_path / "set", workers=1, store=store)
    roles = {image.image_id: image.role for image in made.images.values()}
    assert sorted(roles.values()) == ["gallery", "gallery", "probe", "probe"]
    assert {image_id[0] for image_id, role in roles.items() if role == "probe"} == {"a", "b"}
    assert {pair.image_id for pair in made.pairs()} == {image_id for image_id, role in roles.items() if role == "probe"}
    for image in made.images.values():
        assert made.sharp(image).shape == (128, 128, 3)
    assert check(made.root, workers=1) == []
    with pytest.raises(InputError, match="photographs of at least one"):
        build(recipe(tmp_path, "many", body.replace("gallery = 1", "gallery = 9")), crops, tmp_path / "many", workers=1)


def test_filters_choose_photographs(tmp_path, crops):
    small = recipe(tmp_path, "small", '[kernels]\nsizes = "9"\nper_size = 1\n')
    made = build(small, crops, tmp_path / "first", workers=1, selection=Selection("*_0001.png"))
    assert sorted(made.images) == ["a_0001", "b_0001"]
    made = build(small, f"people:{crops}", tmp_path / "limit", workers=1, selection=Selection(limit=2))
    assert [image.status for image in made.images.values()] == ["ok"] * 2
    rows = ["a/a_0001.png,a,test,ok", "a/a_0002.png,a,test,ok", "b/b_0001.png,b,train,ok"]
    (tmp_path / "list.csv").write_text("\n".join(["source,identity,role,status", *rows]) + "\n")
    made = build(
        small, crops, tmp_path / "listed", workers=1, selection=Selection(listed=tmp_path / "list.csv", roles=("test",))
    )
    assert {image.image_id: image.role for image in made.images.values()} == {"a_0001": "test", "a_0002": "test"}
    with pytest.raises(InputError, match="none among 4"):
        build(small, crops, tmp_path / "none", workers=1, selection=Selection("*_0009.png"))


def test_filters_choose_among_the_rows_of_an_aligned_folder(tmp_path, portrait):
    from facedeblur.generators.align.run import align

    crops = tmp_path / "photographs"
    for at, name in enumerate(["a/a_0001.png", "a/a_0002.png", "b/b_0001.png", "b/b_0002.png"]):
        write_png(crops / name, portrait[:178, 20 * at : 20 * at + 178])
    body = HEAD.replace("shen128", "mspl-center").format(top="") + '[kernels]\nsizes = "9"\nper_size = 1\n'
    (tmp_path / "small.toml").write_text(body)
    (crops / "a" / "a_0000.png").write_text("no picture")
    rows = ["a/a_0002.png,anna,test,ok", "b/b_0001.png,b,train,ok", "b/b_0002.png,b,,not chosen"]
    (tmp_path / "list.csv").write_text("\n".join(["source,identity,role,status", *rows]) + "\n")
    align(crops, tmp_path / "aligned", template="mspl-center", workers=1)
    chosen = {
        "limit": {"limit": 2}, "match": {"match": "*_0001.png"}, "folders": {"match": "b/*"},
        "list": {"listed": tmp_path / "list.csv"}, "role": {"listed": tmp_path / "list.csv", "roles": ["test"]},
    }  # fmt: skip
    for name, how in chosen.items():
        made = build(
            tmp_path / "small.toml", tmp_path / "aligned", tmp_path / name, workers=1, selection=Selection(**how)
        )
        # The same as from the photographs themselves.
        wanted = build(
            tmp_path / "small.toml",
            f"people:{crops}",
            tmp_path / f"{name}-photographs",
            workers=1,
            selection=Selection(**how),
        )
        told, expected = (
            [(one.source, one.identity, one.role or "test", one.status, one.sha256) for one in of.images.values()]
            for of in (made, wanted)
        )
        assert told == expected
        assert made.n_pairs == len(told) - (name == "limit")  # the first photograph is none
    for how, said in (({"limit": 0}, "at least 1"), ({"match": "*_0009.png"}, "none among 5")):
        with pytest.raises(InputError, match=said):
            build(
                tmp_path / "small.toml", tmp_path / "aligned", tmp_path / "none", workers=1, selection=Selection(**how)
            )


def test_an_aligned_folder_is_divided_unless_it_has_a_gallery(tmp_path, crops):
    from facedeblur.generators.align.run import align

    body = HEAD.replace("shen128", "mspl-center").format(top="")
    (tmp_path / "split.toml").write_text(body + '[kernels]\nsizes = "9"\nper_size = 1\n[split]\ngallery = 1\n')
    align(crops, tmp_path / "aligned", template="mspl-center", workers=1)
    made = build(tmp_path / "split.toml", tmp_path / "aligned", tmp_path / "set", workers=1)
    wanted = build(tmp_path / "split.toml", crops, tmp_path / "wanted", workers=1)
    assert [one.role for one in made.images.values()] == [one.role for one in wanted.images.values()]
    assert made.n_pairs == 2
    table = tmp_path / "aligned" / "images.csv"
    lines = table.read_text().replace(",test,", ",gallery,").splitlines()
    table.write_text("\n".join([*lines[:-1], lines[-1].replace(",gallery,", ",probe,")]) + "\n")
    made = build(tmp_path / "split.toml", tmp_path / "aligned", tmp_path / "given", workers=1)
    assert [one.role for one in made.images.values()] == ["gallery", "gallery", "gallery", "probe"]


def test_virtual_sets_are_not_stored(tmp_path, crops):
    assert load_recipe("shen2020-train")[0].virtual
    with pytest.raises(InputError, match="virtual training pairs, which are not stored as a set; use facedeblur pairs"):
        build("shen2020-train", crops, tmp_path / "set", workers=1)


def test_labels_go_with_their_faces(tmp_path, shared_data):
    """CelebAMask photographs with their masks, cut and shrunk together."""
    body = HEAD.replace("shen128", "mspl-center").format(top="") + '[kernels]\nsizes = "9"\nper_size = 1\n'
    (tmp_path / "labels.toml").write_text(body)
    faces = f"celebamask:{shared_data / 'celebamask_eval512'}"
    made = build(tmp_path / "labels.toml", faces, tmp_path / "set", workers=1, selection=Selection(limit=2))
    for image in made.images.values():
        classes = made.label(image)
        assert classes.shape == (128, 128) and {0, 1, 6, 10} <= set(np.unique(classes).tolist()) <= set(range(11))
        skin, other = made.sharp(image)[classes == 1], made.sharp(image)[classes == 0]
        assert skin.mean(axis=0)[0] > skin.mean(axis=0)[2] and len(skin) > 2000 and len(other) > 100
    assert check(made.root, workers=1) == []
