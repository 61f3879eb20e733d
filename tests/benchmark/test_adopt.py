import json

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from facedeblur.benchmark.adopt import adopt, match_names
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.sets.set import Set


@pytest.fixture
def pictures(toy):
    """The blurred images of the small set, by the names of their pairs."""
    made = Set.open(toy.root)
    return {pair.pair_id: made.blurred(pair) for pair in made.pairs()}


def save(folder, pictures, name="{}.png", convert=lambda image: image, **options):
    for pair_id, pixels in pictures.items():
        path = folder / name.format(pair_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        convert(Pillow.fromarray(pixels)).save(path, **options)
    return folder


def restored(adopted, toy):
    made = Set.open(toy.root)
    statuses = zip(made.pairs(), adopted.outputs.statuses(), strict=True)
    sizes = {name: (image.height, image.width) for name, image in made.images.items()}
    return {pair.pair_id: adopted.outputs.read(pair, status, sizes[pair.image_id]).pixels for pair, status in statuses}


def opaque(image):
    return image.convert("RGBA")


@pytest.mark.parametrize(
    ("name", "convert", "notes"),
    [
        ("{}.PNG", lambda image: image, 0),
        ("{}_deblurred.png", lambda image: image, 0),
        ("{}.png.png", lambda image: image, 0),
        ("a/b/{}_out.tiff", lambda image: image, 0),
        ("{}.bmp", lambda image: image, 0),
        ("{}.png", opaque, 1),
    ],
)
def test_other_names_and_kinds_are_the_same_images(toy, pictures, tmp_path, name, convert, notes):
    folder = save(tmp_path / "theirs", pictures, name, convert)
    made = adopt(toy.root, folder, tmp_path / "out", workers=1)
    assert (made.taken, made.missing, made.others, len(made.notes)) == (len(pictures), (), (), notes)
    assert all(np.array_equal(pixels, pictures[name]) for name, pixels in restored(made, toy).items())
    scores = score(toy.root, made.outputs, metrics=["psnr"], workers=1)
    assert scores.meta.method == "out" and set(scores.frame["status"]) == {"ok"}


def test_sixteen_bits_are_taken_if_they_are_whole_grey_levels(toy, pictures, tmp_path):
    for pair_id, pixels in pictures.items():
        for factor, folder in ((257, "whole"), (256, "other")):
            (tmp_path / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / f"{pair_id}.png"), pixels[..., ::-1].astype(np.uint16) * factor)
    made = adopt(toy.root, tmp_path / "whole", tmp_path / "out", workers=1)
    assert all(np.array_equal(pixels, pictures[name]) for name, pixels in restored(made, toy).items())
    assert made.notes == (f"16-bit to 8-bit: {len(pictures):,} files",)
    with pytest.raises(InputError, match=r"16 bits that are no whole grey levels; add --lossy"):
        adopt(toy.root, tmp_path / "other", tmp_path / "no", workers=1)
    assert not (tmp_path / "no").exists() and not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize(
    ("name", "convert", "says"),
    [
        ("{}.jpg", lambda image: image, "JPEG compression"),
        ("{}.png", lambda image: (image.putalpha(128), image)[1], "transparency"),
    ],
)
def test_what_loses_something_is_taken_only_if_asked(toy, pictures, tmp_path, name, convert, says):
    folder = save(tmp_path / "theirs", pictures, name, convert)
    with pytest.raises(InputError, match=f"{says}; add --lossy"):
        adopt(toy.root, folder, tmp_path / "out", workers=1)
    made = adopt(toy.root, folder, tmp_path / "out", lossy=True, workers=1)
    assert f"{says}: {len(pictures):,} files" in made.notes
    assert json.loads((tmp_path / "out" / "run.json").read_text())["notes"] == list(made.notes)
    assert Outputs.open(tmp_path / "out", Set.open(toy.root)).foreign


def test_missing_damaged_and_other_files_are_told(toy, pictures, tmp_path):
    folder = save(tmp_path / "theirs", pictures)
    first, second = list(pictures)[:2]
    (folder / f"{first}.png").unlink()
    (folder / f"{second}.png").write_bytes(b"nothing")
    write_png(folder / "sheet.png", np.zeros((8, 8, 3), np.uint8))
    made = adopt(toy.root, folder, tmp_path / "out", workers=1)
    assert (made.taken, made.missing, made.others) == (len(pictures) - 2, (first,), ("sheet.png",))
    assert made.notes[0].startswith(f"1 file could not be read, such as {second}.png: ")
    statuses = [status.status for status in made.outputs.statuses()]
    assert statuses[:2] == ["failed: output missing"] * 2 and set(statuses[2:]) == {"ok"}
    with pytest.raises(InputError, match="expected a new folder"):
        adopt(toy.root, folder, tmp_path / "out", workers=1)


def test_the_longest_name_with_one_ending_is_found():
    names = ["im1", "im10", "im1_b"]
    found, others = match_names(["x/im10_out.png", "im1_out.png", "im1_b_out.PNG", "im2_out.png"], names)
    assert found == {"im1": "im1_out.png", "im10": "x/im10_out.png", "im1_b": "im1_b_out.PNG"}
    assert others == ["im2_out.png"]
    assert match_names(["im1x.png", "im10x.png"], names, suffix="x")[0] == {"im1": "im1x.png", "im10": "im10x.png"}
    several = [f"im1_out{n}.png" for n in range(4)]
    with pytest.raises(InputError, match=r"end differently: '_out0' \(im1_out0.png\) and .*--suffix '_out3'"):
        match_names(several, names)
    assert match_names(several, names, suffix="_out3")[0] == {"im1": "im1_out3.png"}
    with pytest.raises(InputError, match=r"'a/im1.png' and 'b/im1.png' are of the same image"):
        match_names(["a/im1.png", "b/im1.png"], names)
    with pytest.raises(InputError, match=r"expected 'im1.png', found 'im.png'"):
        match_names(["im.png", "im11.png"], names)


def test_scoring_names_the_command_and_what_lies_there(toy, pictures, tmp_path):
    folder = save(tmp_path / "theirs", pictures, "results/{}_deblurred.png")
    first = next(iter(pictures))
    says = f"expected .{first}.png., found .results/{first}_deblurred.png.; run: facedeblur adopt"
    with pytest.raises(InputError, match=says):
        score(toy.root, folder, workers=1)
