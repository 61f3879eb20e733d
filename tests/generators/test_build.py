"""From recipe and photographs to a set: right pixels, same bytes however it is made, nothing dropped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import convolve2d

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png, write_png
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.check import check
from facedeblur.benchmark.sets.set import Set
from facedeblur.generators.align.run import align
from facedeblur.generators.build import build
from facedeblur.generators.kernels.bank import parse_sizes
from facedeblur.generators.photos.specs import Selection
from facedeblur.generators.recipe import load_recipe, recipes


@pytest.fixture
def recipe(tmp_path, small_recipe) -> Path:
    return small_recipe(tmp_path)


@pytest.fixture
def crops(tmp_path, portrait) -> Path:
    """Two finished crops of one portrait, which need no detector."""
    folder = tmp_path / "crops"
    write_png(folder / "a_0001.png", portrait[40:168, 160:288])
    write_png(folder / "b_0001.png", portrait[100:228, 170:298])
    return folder


def test_pixels_are_those_of_a_convolution(tmp_path, crops, small_recipe):
    made = build(small_recipe(tmp_path, 0.0), crops, tmp_path / "set", workers=1)
    for image, pairs in made.by_image():
        sharp = made.sharp(image).astype(float)
        assert np.array_equal(sharp, read_png(crops / image.source))
        for pair in pairs:
            kernel = made.bank.kernel(pair.kernel_id)
            padded = np.pad(sharp, [(len(kernel) // 2,) * 2] * 2 + [(0, 0)], mode="reflect")
            wanted = np.dstack([convolve2d(padded[:, :, c], kernel, mode="valid") for c in range(3)])
            assert pair.border == "reflect"
            assert np.abs(made.blurred(pair) - wanted).max() <= 0.5 + 1e-6


def test_noise_is_that_of_the_recipe(tmp_path, crops, small_recipe):
    clean = build(small_recipe(tmp_path, 0.0), crops, tmp_path / "clean", workers=1)
    noisy = build(small_recipe(tmp_path, 0.01), crops, tmp_path / "noisy", workers=1)
    noise = []
    for one, other in zip(clean.pairs(), noisy.pairs(), strict=True):
        before, after = clean.blurred(one).astype(float), noisy.blurred(other).astype(float)
        inside = (before > 12) & (before < 243)
        noise.append((after - before)[inside])
    # Both sides are rounded: 1/12 of variance each.
    assert np.std(np.concatenate(noise)) == pytest.approx(np.sqrt(2.55**2 + 1 / 6), rel=0.01)
    assert abs(np.mean(np.concatenate(noise))) < 0.03
    assert abs(np.corrcoef(noise[0][:9000], noise[1][:9000])[0, 1]) < 0.05


def test_same_content_however_it_is_made(tmp_path, crops, recipe):
    hashes = {
        build(recipe, crops, tmp_path / "one", workers=1).content_hash,
        build(recipe, crops, tmp_path / "two", workers=2).content_hash,
        build(recipe, crops, tmp_path / "npy", workers=1, store="npy").content_hash,
    }
    assert len(hashes) == 1
    assert build(recipe, crops, tmp_path / "other", workers=1, seed=1).content_hash not in hashes
    assert check(tmp_path / "two") == []


def test_a_set_has_a_name_of_its_own_where_it_is_given_one(tmp_path, crops, recipe):
    made = build(recipe, crops, tmp_path / "set", name="helen", workers=1)
    usual = build(recipe, crops, tmp_path / "usual", workers=1)
    assert (made.name, usual.name) == ("helen", load_recipe(recipe)[0].name)
    assert made.content_hash == usual.content_hash and "helen" not in made.info["recipe"]
    with pytest.raises(InputError, match="a set of another name"):
        build(recipe, crops, tmp_path / "set", name="celeba", workers=1)


def test_names_are_those_of_shen(tmp_path, crops, recipe):
    made = build(recipe, crops, tmp_path / "set", workers=1)
    names = sorted(path.name for path in (tmp_path / "set" / "blur").iterdir())
    assert names[:4] == [f"a_0001_ker0{n}_blur_k{size}.png" for n in (1, 2) for size in (13, 9)]
    assert [pair.index for pair in made.pairs()] == list(range(8))
    assert {image.identity for image in made.images.values()} == {"a", "b"}


def test_photographs_are_aligned_with_their_surroundings(tmp_path, portrait, recipe, dlib_models):
    write_png(tmp_path / "photos" / "eileen.png", portrait)
    write_png(tmp_path / "photos" / "wall.png", np.full((90, 90, 3), 120, np.uint8))
    (tmp_path / "photos" / "broken.png").write_text("text")
    made = build(recipe, tmp_path / "photos", tmp_path / "set", workers=1)
    assert {image.source: image.status for image in made.images.values()} == {
        "broken.png": "unreadable", "eileen.png": "ok", "wall.png": "no face",
    }  # fmt: skip
    assert made.info["counts"]["photographs"] == 3
    assert {pair.border for pair in made.pairs()} == {"valid"}
    assert not (tmp_path / "set.faces").exists()
    # Away from the edge it cannot matter what stands beyond it; at the edge it must.
    crops = tmp_path / "crops"
    write_png(crops / "eileen.png", made.sharp(made.images["eileen"]))
    again = build(recipe, crops, tmp_path / "reflected", workers=1)
    for one, other in zip(made.pairs(), again.pairs(), strict=True):
        a, b = made.blurred(one), again.blurred(other)
        assert np.array_equal(a[6:-6, 6:-6], b[6:-6, 6:-6])
        assert not np.array_equal(a, b)


def test_short_surroundings_fall_back_and_say_so(tmp_path, portrait, recipe, dlib_models):
    from facedeblur.generators.align.run import align

    write_png(tmp_path / "photos" / "eileen.png", portrait)
    align(tmp_path / "photos", tmp_path / "aligned", margin=4, workers=1)
    made = build(recipe, tmp_path / "aligned", tmp_path / "set", workers=1)
    assert [(pair.kernel_size, pair.border) for pair in made.pairs()] == [
        (9, "valid"), (9, "valid"), (13, "reflect"), (13, "reflect"),
    ]  # fmt: skip


def test_an_interrupted_build_goes_on(tmp_path, crops, recipe):
    whole = build(recipe, crops, tmp_path / "whole", workers=1)

    def stop(stage, done: int, total: int, note) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(recipe, crops, tmp_path / "set", workers=1, progress=Reporter(stop))
    with pytest.raises(InputError, match="set is not finished"):
        Set.open(tmp_path / "set")
    seen: list[int] = []
    made = build(
        recipe,
        crops,
        tmp_path / "set",
        workers=1,
        progress=Reporter(lambda stage, done, total, note: seen.append(done)),
    )
    assert seen == [8]
    assert made.content_hash == whole.content_hash


def test_a_set_among_its_photographs_is_none_of_them(tmp_path, crops, recipe):
    _interrupt(recipe, crops, crops.parent / "crops")
    for _ in range(2):
        made = build(recipe, crops, crops / "set", workers=1)
        assert [image.source for image in made.images.values()] == ["a_0001.png", "b_0001.png"]


def test_a_changed_crop_is_noticed(tmp_path, crops, recipe):
    with pytest.raises(InputError, match="unfinished set of another name"):
        _interrupt(recipe, crops, tmp_path)
        write_png(crops / "a_0001.png", np.zeros((128, 128, 3), np.uint8))
        build(recipe, crops, tmp_path / "set", workers=1)


def _interrupt(recipe: Path, crops: Path, tmp_path: Path) -> None:
    def stop(stage, done: int, total: int, note) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(recipe, crops, tmp_path / "set", workers=1, progress=Reporter(stop))


def test_unusable_folders(tmp_path, crops, recipe):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images in this folder"):
        build(recipe, tmp_path / "empty", tmp_path / "set", workers=1)
    for file in crops.iterdir():
        file.write_text("text")
    with pytest.raises(InputError, match=r"no usable face \(2 unreadable"):
        build(recipe, crops, tmp_path / "set", workers=1)
    assert not (tmp_path / "set").exists() and not (tmp_path / "set.building").exists()


@pytest.mark.parametrize("name", recipes())
def test_recipes_are_sound(name):
    recipe, text = load_recipe(name)
    assert recipe.name == name
    assert recipe.source and recipe.assumption
    if recipe.kernels:
        assert all(size % 2 for size in parse_sizes(recipe.kernels.sizes))
    for entry in recipe.assumption:
        node = recipe
        for part in entry.key.split("."):
            node = getattr(node, part)
    assert text.startswith("#")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sigma =", "sigmma =", "noise: key 'sigmma'.*did you mean 'sigma'"),
        ("[noise]", "[nose]", "key 'nose'.*did you mean 'noise'"),
        ('"valid"', '"vallid"', "blur.border 'vallid'.*did you mean 'valid'"),
        ("sigma = 0.01", "sigma = 2.55", "0 to 1, in .* units, found 2.55"),
        ("sigma = 0.01", 'sigma = 0.01\nkind = "gausian"', "noise 'gausian'.*did you mean 'gaussian'"),
        ("per_size = 2", "per_size = 0", "at least 1, found 0"),
        ("[image]", 'kind = "nonuniform"\n[image]', "table .kernels. if and only if kind is 'uniform'"),
        ("samples = 300", "samples = 1", "samples: expected from 2"),
        ('"9,13"', '"4,9"', "kernel size"),
        ('"9,13"', '"abc"', "neither first:last:step nor a list"),
        ("shen128", "shen129", "shen128"),
    ],
)
def test_mistakes_in_a_recipe_are_named(tmp_path, crops, recipe, old, new, said):
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=said):
        build(recipe, crops, tmp_path / "set", workers=1)


def test_unknown_recipe():
    with pytest.raises(InputError, match="did you mean 'shen2020'"):
        load_recipe("shen2002")


def test_lfw_subset(tmp_path, shared_data, dlib_models):
    """Real photographs: five people of LFW, the recipe's own 80 kernels."""
    people = sorted((shared_data / "lfw").iterdir())[:5]
    for person in people:
        photo = person / f"{person.name}_0001.jpg"
        target = tmp_path / "photos" / person.name / photo.name
        target.parent.mkdir(parents=True)
        target.write_bytes(photo.read_bytes())
    made = build("shen2020", tmp_path / "photos", tmp_path / "set", workers=2, store="npy")
    assert made.info["counts"] == {"photographs": 5, "images": 5, "identities": 5, "kernels": 80, "pairs": 400}
    assert {image.identity for image in made.images.values()} == {person.name for person in people}
    blurred = made.frame
    assert set(blurred.border) <= {"valid", "reflect"} and (blurred.border == "valid").mean() > 0.8


def test_an_empty_name_is_not_the_current_folder(tmp_path, small_recipe):
    with pytest.raises(InputError, match="the folder of photographs has an empty name"):
        build(small_recipe(tmp_path), "", tmp_path / "set", workers=1)


def test_traits_go_with_their_faces_and_leave_the_content_as_it_is(tmp_path, crops, recipe):
    plain = build(recipe, crops, tmp_path / "plain", workers=1)
    (crops / "traits.csv").write_text("file,yaw,hat\nb_0001.png,-31.5,straw\n")
    made = build(recipe, crops, tmp_path / "set", workers=1)
    assert made.content_hash == plain.content_hash and set(made.images) == set(plain.images) and plain.traits is None
    assert made.traits.to_dict("records") == [{"image_id": "b_0001", "yaw": -31.5, "hat": "straw"}]
    both = build(recipe, [f"folder:{crops}", f"folder:{crops}"], tmp_path / "both", workers=1)
    assert sorted(both.traits["image_id"]) == sorted(i for i in both.images if "b_0001" in i) and len(both.traits) == 2
    with pytest.raises(InputError, match="or with other traits"):
        build(recipe, crops, tmp_path / "plain", workers=1)


def test_traits_are_written_next_to_the_faces_and_go_into_a_set(tmp_path, portrait, small_recipe):
    photos, out = tmp_path / "photos", tmp_path / "out"
    for name in ("b", "a"):
        write_png(photos / f"{name}.png", portrait[:218, :178])
    (photos / "traits.csv").write_text("file,Smiling\nb.png,1\na.png,0\n")
    first = align(photos, out, template="xia-celeba", workers=1)
    assert first["source"].tolist() == ["a.png", "b.png"], "the table is no photograph"
    assert (out / "traits.csv").read_bytes() == b"image_id,Smiling\na,0\nb,1\n"
    made = build(small_recipe(tmp_path), out, tmp_path / "set", selection=Selection(match="b*"), workers=1)
    assert made.traits is not None and made.traits.to_dict("records") == [{"image_id": "b", "Smiling": 1.0}]
    (out / "traits.csv").write_text("image_id,Smiling\nx,0\n")
    with pytest.raises(InputError, match=r"traits.csv: 'x' is not an image_id of images.csv; align again"):
        build(small_recipe(tmp_path), out, tmp_path / "other", workers=1)
    (photos / "traits.csv").unlink()
    with pytest.raises(InputError, match="nothing is known of the traits of these photographs; remove this file"):
        align(photos, out, template="xia-celeba", workers=1)


def test_more_kernels_of_a_photograph_than_there_are_are_refused(tmp_path, crops, small_recipe):
    file = small_recipe(tmp_path)
    number = len(build(file, crops, tmp_path / "set", workers=1).bank)
    file.write_text(file.read_text().replace("[kernels]\n", f"[kernels]\nper_image = {number + 1}\n"))
    with pytest.raises(InputError, match=f"per_image: expected at most {number}, all kernels, found {number + 1}"):
        build(file, crops, tmp_path / "more", workers=1)
    assert not (tmp_path / "more" / "set.json").exists()
