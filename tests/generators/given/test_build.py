import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.sets.check import check
from facedeblur.generators.build import build
from facedeblur.generators.given import build as module
from facedeblur.generators.photos.specs import Selection
from tests.support.pair_trees import pixels, tree


def statuses(made):
    return {image.source: image.status for image in made.images.values() if not image.ok}


@pytest.mark.parametrize("store", ["png", "npy"])
def test_pairs_become_a_set_that_can_be_scored(tmp_path, store):
    tree(tmp_path / "mine", {"blur/a.png": 1, "blur/b.png": 2, "sharp/a.png": 3, "sharp/b.png": 4})
    made = build("pairs", tmp_path / "mine", tmp_path / "set", store=store, licence="CC0", workers=1)
    assert made.name == "mine" and made.info["counts"]["pairs"] == 2 and check(made) == []
    assert made.info["sources"] == [{"folder": "mine", "licence": "CC0", "collection": "plain"}]
    found = {
        pair.pair_id: (made.blurred(pair)[0, 0, 0], made.sharp(made.image_of(pair))[0, 0, 0]) for pair in made.pairs()
    }
    assert found == {"a": (1, 3), "b": (2, 4)}
    assert {(pair.blur_kind, pair.border, pair.kernel_size) for pair in made.pairs()} == {("real", "", 0)}
    tree(tmp_path / "outputs", {"a.png": 3, "b.png": 2})
    scores = score(made, tmp_path / "outputs", metrics=["psnr"], workers=1)
    expected = 10 * np.log10(255**2 / np.mean((pixels(2).astype(float) - pixels(4)) ** 2))
    assert scores.frame["psnr[rgb,255]"].to_numpy() == pytest.approx([np.inf, expected])


def test_what_cannot_be_used_is_a_row_with_its_reason(tmp_path):
    root = tree(tmp_path / "x", {f"{side}/{name}.png": 5 for side in ("input", "target") for name in "abcd"})
    (root / "input" / "b.png").write_bytes(b"no picture")
    write_png(root / "input" / "c.png", pixels(1, (20, 32)))
    (root / "target" / "d.png").unlink()
    tree(root, {"target/e.png": 1})
    made = build("pairs", root, tmp_path / "set", workers=1)
    assert made.info["counts"] | {"kernels": 0} == {
        "photographs": 7, "images": 1, "identities": 1, "kernels": 0, "pairs": 1,
    }  # fmt: skip
    assert statuses(made) == {
        "input/b.png": "unreadable", "target/b.png": "no blurred image", "input/c.png": "sizes differ",
        "target/c.png": "no blurred image", "input/d.png": "no sharp image", "target/e.png": "no blurred image",
    }  # fmt: skip
    (note,) = [image.note for image in made.images.values() if image.status == "sizes differ"]
    assert note == "32x20 pixels, and the sharp image target/c.png has 32x24"
    (root / "input" / "a.png").unlink()
    with pytest.raises(InputError, match=r"no pair can be used \(no blurred image 2.*input/b.png"):
        build("pairs", root, tmp_path / "other", workers=1)
    assert not (tmp_path / "other").exists()


def test_several_blurred_images_of_one_sharp_image_in_unequal_numbers(tmp_path, monkeypatch):
    names = ["im1_ker01_blur_k13", "im1_ker02_blur_k13", "im1_ker01_blur_k15", "im2_ker01_blur_k13"]
    tree(
        tmp_path / "shen", {f"blur/{name}.png": n for n, name in enumerate(names)} | {"gt/im1.png": 8, "gt/im2.png": 9}
    )
    whole = build("pairs", tmp_path / "shen", tmp_path / "whole", workers=1)
    assert sorted(pair.name for pair in whole.pairs()) == sorted(f"{name}.png" for name in names)
    assert {(pair.image_id, pair.kernel_id, pair.kernel_size) for pair in whole.pairs()} == {
        ("im1", "ker01_blur_k13", 13), ("im1", "ker02_blur_k13", 13), ("im1", "ker01_blur_k15", 15),
        ("im2", "ker01_blur_k13", 13),
    }  # fmt: skip

    # Interrupted after the first sharp image, and run again.
    def stop_at_second(task):
        if task.pairs[0].image_id == "im2":
            raise KeyboardInterrupt
        return copy(task)

    copy = module.copy_blurred
    monkeypatch.setattr(module, "copy_blurred", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        build("pairs", tmp_path / "shen", tmp_path / "resumed", workers=1)
    worked = []
    monkeypatch.setattr(module, "copy_blurred", lambda task: worked.append(task.pairs[0].image_id) or copy(task))
    assert build("pairs", tmp_path / "shen", tmp_path / "resumed", workers=1).content_hash == whole.content_hash
    assert worked == ["im2"]


def test_equal_names_in_several_folders_get_the_name_of_their_folder(tmp_path):
    tree(tmp_path / "g", {f"GOPR0{n}/{side}/1.png": n for n in (1, 2) for side in ("blur", "sharp")})
    made = build("pairs", f"gopro:{tmp_path / 'g'}", tmp_path / "set", name="clips", workers=1)
    assert made.name == "clips" and [pair.name for pair in made.pairs()] == ["GOPR01_1.png", "GOPR02_1.png"]
    assert [image.image_id for image in made.images.values()] == ["GOPR01_1", "GOPR02_1"]
    assert {(pair.blur_kind, pair.border) for pair in made.pairs()} == {("frames", "frames")}


def test_of_several_sharp_images_the_nearest_is_taken(tmp_path):
    blurred = pixels(1)
    root = tree(tmp_path / "k", {"Blurry1_1.png": 1, "GroundTruth1_1_1.png": 7, "GroundTruth1_1_3.png": 8})
    near = np.clip(blurred.astype(int) + 3, 0, 255).astype(np.uint8)
    write_png(root / "GroundTruth1_1_2.png", near)
    write_png(root / "GroundTruth1_1_4.png", near[:20])
    made = build("pairs", root, tmp_path / "set", workers=1)
    (image,) = made.images.values()
    assert (image.source, image.note) == ("GroundTruth1_1_2.png", "nearest of 4 sharp images")
    assert np.array_equal(made.sharp(image), near)
    assert any("nearest" in one["text"] for one in made.info["assumptions"])


def test_identities_roles_and_what_is_not_read(tmp_path):
    files = {f"{side}/{who}_{n}.png": n for side in ("lq", "gt") for who in ("ann", "ben") for n in (1, 2)}
    tree(tmp_path / "b", files | {"notes/page.png": 1})
    said = []
    ruled, reporter = Selection(identity="^([a-z]+)_"), Reporter(say=said.append)
    made = build("pairs", tmp_path / "b", tmp_path / "set", selection=ruled, workers=1, progress=reporter)
    assert [image.identity for image in made.images.values()] == ["ann", "ann", "ben", "ben"]
    assert said == ["1 image neither blurred nor sharp in layout 'basicsr', such as notes/page.png"]


def test_video_pairs_of_ren_2019(shared_data, tmp_path):
    made = build("pairs", shared_data / "video_pairs_ren19", tmp_path / "set", workers=1)
    assert made.info["counts"] == {"photographs": 25, "images": 25, "identities": 1, "kernels": 0, "pairs": 25}
    assert made.info["sources"][0]["collection"] == "ren2019"
