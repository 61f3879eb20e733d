import numpy as np
import pytest
from PIL import Image as Pillow
from skimage.metrics import peak_signal_noise_ratio

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.scoring.folders import score_folders
from facedeblur.benchmark.scoring.table import Scores


def picture(seed, size=(24, 32)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture
def folders(tmp_path):
    for number, name in enumerate(("a", "b", "c", "d")):
        write_png(tmp_path / "sharp" / f"{name}.png", picture(number))
    for number, name in enumerate(("a", "b", "x")):
        write_png(tmp_path / "restored" / "all" / f"{name}_out.png", picture(10 + number))
    write_png(tmp_path / "restored" / "c_out.png", picture(3, (20, 32)))
    return tmp_path / "sharp", tmp_path / "restored"


def test_images_are_compared_by_name_and_what_lacks_is_a_row(folders):
    scores = score_folders(*folders, metrics=["psnr"], workers=1)
    frame = scores.frame.set_index("pair_id")
    expected = [peak_signal_noise_ratio(picture(n), picture(10 + n), data_range=255) for n in range(2)]
    assert frame["psnr[rgb,255]"].to_numpy()[:2] == pytest.approx(expected)
    assert frame["status"].to_dict() == {
        "a": "ok", "b": "ok", "c": "failed: expected 32x24 pixels, found 32x20", "d": "failed: output missing",
    }  # fmt: skip
    assert scores.meta.extra == ("all/x_out.png",) and scores.meta.method == "restored"
    read = Scores.read(folders[1])
    assert read.meta.set["name"] == "sharp" and read.frame.equals(scores.frame)


def test_the_set_is_the_sharp_images_whatever_is_compared(folders, tmp_path):
    first = score_folders(*folders, metrics="psnr", workers=1)
    for name in "abcd":
        write_png(tmp_path / "second" / f"{name}.png", picture(1))
    second = score_folders(folders[0], tmp_path / "second", metrics="psnr", out=tmp_path / "s.csv", workers=1)
    assert first.meta.set["hash"] == second.meta.set["hash"]
    assert second.frame["psnr[rgb,255]"].max() == np.inf and (tmp_path / "s.csv").is_file()
    assert not (tmp_path / "second" / "scores.parquet").exists()


def test_several_images_of_one_sharp_image(folders, tmp_path):
    for number, name in enumerate(("a_ker01_blur_k13", "a_ker02_blur_k13", "b_ker01_blur_k13")):
        write_png(tmp_path / "many" / f"{name}.png", picture(number))
    frame = score_folders(folders[0], tmp_path / "many", metrics="psnr", workers=1).frame
    assert list(zip(frame["pair_id"], frame["image_id"], frame["status"] == "ok", strict=True)) == [
        ("a_ker01_blur_k13", "a", True), ("a_ker02_blur_k13", "a", True), ("b_ker01_blur_k13", "b", True),
        ("c", "c", False), ("d", "d", False),
    ]  # fmt: skip


def test_jpeg_and_other_names_are_refused_in_one_line(folders, tmp_path):
    (tmp_path / "jpeg").mkdir()
    Pillow.fromarray(picture(0)).save(tmp_path / "jpeg" / "a.jpg")
    with pytest.raises(InputError, match="JPEG compression; add --lossy"):
        score_folders(folders[0], tmp_path / "jpeg", metrics="psnr", workers=1)
    assert (
        score_folders(folders[0], tmp_path / "jpeg", metrics="psnr", lossy=True, workers=1).frame["status"][0] == "ok"
    )
    write_png(tmp_path / "other" / "q.png", picture(0))
    with pytest.raises(InputError, match=r"expected 'a.png', found 'q.png'"):
        score_folders(folders[0], tmp_path / "other", metrics="psnr", workers=1)
    write_png(folders[0] / "more" / "a.png", picture(0))
    with pytest.raises(InputError, match="have the same name"):
        score_folders(*folders, metrics="psnr", workers=1)
