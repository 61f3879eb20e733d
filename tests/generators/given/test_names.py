import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.given.names import Kohler2012, Lai2016, Shen


def test_shens_names_give_image_kernel_and_size():
    names = [f"blur/im1_ker{k:02d}_blur_k{size}.png" for k in (1, 10) for size in (13, 27)]
    listing = Shen.read(None, ["gt/im1.png", "gt/im2.png", *names, "blur/im3_ker01_blur_k13.png"])
    assert [(one.blurred, one.sharp, one.kernel, one.kernel_size) for one in listing.couples] == [
        (name, ("gt/im1.png",), name[9:-4], int(name[-6:-4])) for name in names
    ]
    assert {one.blur_kind for one in listing.couples} == {"uniform"}
    assert [(one.source, one.status) for one in listing.lone] == [("blur/im3_ker01_blur_k13.png", "no sharp image")]
    assert listing.others == ("gt/im2.png",)


def test_the_sharp_image_of_the_same_test_set_is_taken():
    """MSPL's test sets use the same names for Center and Random; size 0 is not blurred."""
    sources = [f"{part}/{name}.png" for part in ("Center", "Random") for name in ("gt/7", "blur/7_ker01_blur_k0")]
    couples = Shen.read(None, sources).couples
    assert all(one.blurred.split("/")[0] == one.sharp[0].split("/")[0] for one in couples) and len(couples) == 2
    assert {one.blur_kind for one in couples} == {"real"}
    with pytest.raises(InputError, match="two images may be its sharp one"):
        Shen.read(None, ["a/7.png", "b/7.png", "blur/7_ker01_blur_k13.png"])


def test_lais_kernels_and_camera_motions():
    sources = ["ground_truth/text_05.png", "uniform/text_05_kernel_04.png", "nonuniform/text_05_gyro_16.png"]
    found = {one.kernel: (one.blur_kind, one.kernel_size, one.identity) for one in Lai2016.read(None, sources).couples}
    assert found == {"kernel_04": ("uniform", 101, "text_05"), "gyro_16": ("nonuniform", 0, "text_05")}


def test_kohlers_photographs_have_several_sharp_frames():
    frames = [f"Image1/Kernel{k}/GroundTruth1_{k}_{n}.png" for k in (1, 12) for n in (1, 2, 10)]
    listing = Kohler2012.read(None, [*frames, "Blurry1_1.png", "Blurry1_12.png", "Blurry4_1.png"])
    assert [(one.blurred, one.sharp, one.identity, one.kernel) for one in listing.couples] == [
        ("Blurry1_1.png", tuple(frames[:3]), "image1", "shake01"),
        ("Blurry1_12.png", tuple(frames[3:]), "image1", "shake12"),
    ]
    assert [one.source for one in listing.lone] == ["Blurry4_1.png"]


def test_kohlers_evaluation_leaves_out_two_frames():
    frames = [f"GroundTruth1_{k}_{n}.png" for k in (3, 4) for n in (29, 30, 31, 198, 199)]
    listing = Kohler2012.read(None, [*frames, "Blurry1_3.png", "Blurry1_4.png"])
    assert [len(one.sharp) for one in listing.couples] == [3, 5]
    assert listing.couples[0].sharp == tuple(f"GroundTruth1_3_{n}.png" for n in (29, 31, 198))
    assert listing.others == ()
