from facedeblur.generators.given.folders import HIDE, REDS, BasicSR, InputTarget, RealBlur


def pairs_of(layout, *sources):
    return [(one.blurred, one.sharp[0], one.identity) for one in layout.read(None, sources).couples]


def test_names_may_differ_by_suffix_and_case_of_folders():
    assert pairs_of(InputTarget, "Input/1.PNG", "target/1.jpg") == [("Input/1.PNG", "target/1.jpg", "1")]


def test_sequences_of_train_and_val_stay_apart():
    sources = [f"{part}_{side}/000/1.png" for part in ("train", "val") for side in ("blur", "sharp")]
    assert pairs_of(REDS, *sources) == [
        ("train_blur/000/1.png", "train_sharp/000/1.png", "train_000"),
        ("val_blur/000/1.png", "val_sharp/000/1.png", "val_000"),
    ]
    assert {one.border for one in REDS.read(None, sources).couples} == {"frames"}


def test_the_sharp_images_of_hide_are_in_one_folder():
    sources = ["HIDE_dataset/train/1.png", "HIDE_dataset/test/test-long-shot/2.png", "HIDE_dataset/GT/1.png",
               "HIDE_dataset/GT/2.png", "HIDE_dataset/GT/3.png"]  # fmt: skip
    listing = HIDE.read(None, sources)
    assert [(one.sharp[0][-5:], one.role, one.blur_kind) for one in listing.couples] == [
        ("1.png", "train", "frames"), ("2.png", "test", "frames"),
    ]  # fmt: skip
    assert [one.source for one in listing.lone] == ["HIDE_dataset/GT/3.png"]


def test_realblur_pairs_by_number_within_a_scene():
    sources = [f"scene{n}/{side}_{k}.png" for n in (1, 2) for side in ("blur/blur", "gt/gt") for k in (1, 10)]
    found = pairs_of(RealBlur, *sources)
    assert len(found) == 4
    assert all(b.replace("blur", "gt") == s and who == b.partition("/")[0] for b, s, who in found)


def test_restormer_crops_and_folders_around_them():
    sources = ["GoPro/train/input_crops/a-1.png", "GoPro/train/target_crops/a-1.png", "GoPro/readme.png"]
    listing = InputTarget.read(None, sources)
    assert [one.role for one in listing.couples] == ["train"] and listing.others == ("GoPro/readme.png",)
    assert pairs_of(BasicSR, "x/lq/1.png", "y/gt/1.png") == []
