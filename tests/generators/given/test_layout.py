import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.given.layout import LAYOUTS, detect, open_listing, role_of, told
from facedeblur.generators.photos.files import photographs_in
from facedeblur.generators.photos.specs import Selection, parse_spec
from tests.support.pair_trees import tree

GOPRO = {f"{part}/GOPR0{n}/{side}/000001.png": n for part, n in (("train", 1), ("test", 2)) for side in
         ("blur", "blur_gamma", "sharp")}  # fmt: skip
EACH = {
    "plain": ({"blurred/a.png": 1, "gt/a.png": 2}, "blurred/a.png", "gt/a.png"),
    "gopro": ({k: v for k, v in GOPRO.items() if "gamma" not in k}, "train/GOPR01/blur/000001.png",
              "train/GOPR01/sharp/000001.png"),
    "reds": ({"val_blur/000/00000001.png": 1, "val_sharp/000/00000001.png": 2}, "val_blur/000/00000001.png",
             "val_sharp/000/00000001.png"),
    "bsd": ({"test/007/Blur/RGB/0001.png": 1, "test/007/Sharp/RGB/0001.png": 2}, "test/007/Blur/RGB/0001.png",
            "test/007/Sharp/RGB/0001.png"),
    "realblur": ({"scene001/blur/blur_1.png": 1, "scene001/gt/gt_1.png": 2}, "scene001/blur/blur_1.png",
                 "scene001/gt/gt_1.png"),
    "ren2019": ({"vd001/blurry/00001.png": 1, "vd001/sharp/00001.png": 2}, "vd001/blurry/00001.png",
                "vd001/sharp/00001.png"),
    "hide": ({"test/test-close-ups/1fromGOPR1.png": 1, "GT/1fromGOPR1.png": 2}, "test/test-close-ups/1fromGOPR1.png",
             "GT/1fromGOPR1.png"),
    "input-target": ({"test/HIDE/input/1.png": 1, "test/HIDE/target/1.png": 2}, "test/HIDE/input/1.png",
                     "test/HIDE/target/1.png"),
    "basicsr": ({"lq/0001_s001.png": 1, "gt/0001_s001.png": 2}, "lq/0001_s001.png", "gt/0001_s001.png"),
    "shen": ({"gt/im1.png": 1, "blur/im1_ker01_blur_k13.png": 2}, "blur/im1_ker01_blur_k13.png", "gt/im1.png"),
    "lai2016": ({"ground_truth/people_01.png": 1, "uniform/people_01_kernel_02.png": 2},
                "uniform/people_01_kernel_02.png", "ground_truth/people_01.png"),
    "kohler2012": ({"BlurryImages/Blurry1_2.png": 1, "Image1/Kernel2/GroundTruth1_2_7.png": 2},
                   "BlurryImages/Blurry1_2.png", "Image1/Kernel2/GroundTruth1_2_7.png"),
}  # fmt: skip


@pytest.mark.parametrize("name", EACH)
def test_each_layout_is_recognised_and_read_alike_by_its_name(name, tmp_path):
    files, blurred, sharp = EACH[name]
    tree(tmp_path, files)
    found, listing = detect(tmp_path, photographs_in(tmp_path))
    assert found == name and not listing.lone and not listing.others
    named = open_listing(parse_spec(f"{name}:{tmp_path}"))
    assert named.listing == listing
    by_blurred = {couple.blurred: couple.sharp for couple in listing.couples}
    assert by_blurred[blurred] == (sharp,)


def test_every_layout_that_is_registered_describes_itself():
    for name in LAYOUTS:
        layout = LAYOUTS.get(name)
        assert layout.shape and layout.licence and (layout.__doc__ or "").partition("\n")[0].endswith("."), name


def test_images_are_paired_by_name_not_by_order(tmp_path):
    tree(tmp_path, {"blur/b.png": 1, "blur/c.png": 2, "sharp/a.png": 3, "sharp/c.png": 4})
    listing = open_listing(parse_spec(str(tmp_path))).listing
    assert [(one.blurred, one.sharp) for one in listing.couples] == [("blur/c.png", ("sharp/c.png",))]
    assert {(one.source, one.status) for one in listing.lone} == {
        ("blur/b.png", "no sharp image"), ("sharp/a.png", "no blurred image"),
    }  # fmt: skip


def test_gamma_of_gopro_is_chosen_by_name(tmp_path):
    tree(tmp_path, GOPRO)
    plain, gamma = (open_listing(parse_spec(f"{spec}{tmp_path}")) for spec in ("", "gopro-gamma:"))
    assert (plain.name, gamma.name) == ("gopro", "gopro-gamma")
    assert {one.gamma for one in plain.listing.couples} == {1.0}
    assert {one.gamma for one in gamma.listing.couples} == {2.2}
    assert all("/blur_gamma/" in one.blurred for one in gamma.listing.couples)
    assert [one for one in plain.listing.others if "blur_gamma" in one] == [*plain.listing.others] != []
    assert [(one.identity, one.role) for one in plain.listing.couples] == [
        ("test_GOPR02", "test"), ("train_GOPR01", "train"),
    ]  # fmt: skip


def test_a_selection_by_role_name_and_number(tmp_path):
    tree(tmp_path, {f"{part}/{side}/{n}.png": n for part in ("train", "test") for side in ("blur", "sharp") for n in
                    range(3)})  # fmt: skip

    def chosen(spec: str, **selection: object) -> list[str]:
        opened = open_listing(parse_spec(f"{tmp_path}{spec}"), Selection(**selection))  # type: ignore[arg-type]
        return [couple.blurred for couple in opened.listing.couples]

    assert chosen(",train") == chosen("", roles=("train",)) == [f"train/blur/{n}.png" for n in range(3)]
    assert chosen("", match="1.png") == ["test/blur/1.png", "train/blur/1.png"]
    assert chosen("", limit=2) == ["test/blur/0.png", "test/blur/1.png"]
    with pytest.raises(InputError, match="leaves no pair"):
        chosen("", match="9.png")
    with pytest.raises(InputError, match="by role, name or number"):
        chosen(",2")


def test_identities_are_those_of_the_rule(tmp_path):
    tree(
        tmp_path, {f"{side}/{who}_{n}.png": n for side in ("input", "target") for who in ("ann", "ben") for n in (1, 2)}
    )
    own, ruled = (
        open_listing(parse_spec(str(tmp_path)), Selection(identity=rule)).listing.couples for rule in ("", "^([a-z]+)_")
    )
    assert len({one.identity for one in own}) == 4
    assert [one.identity for one in ruled] == ["ann", "ann", "ben", "ben"]


def test_what_cannot_be_told_is_asked_in_one_line(tmp_path):
    with pytest.raises(InputError, match="check the path"):
        open_listing(parse_spec(str(tmp_path / "absent")))
    tree(tmp_path, {"one/a.png": 1, "two/a.png": 2})
    with pytest.raises(InputError, match=r"no known layout of pairs fits its 2 images \(basicsr, .*CSV file"):
        open_listing(parse_spec(str(tmp_path)))
    tree(tmp_path / "half", {"blur/im1_ker01_blur_k13.png": 1})
    with pytest.raises(InputError, match=r"as shen: no pair: 1 without a sharp image \(blur/im1_ker01_blur_k13.png\)"):
        open_listing(parse_spec(str(tmp_path / "half")))
    with pytest.raises(InputError, match=r"did you mean 'gopro'"):
        open_listing(parse_spec(f"gopr:{tmp_path}"))
    with pytest.raises(InputError, match=r"expected pairs as in.*found no pair: 3 other images"):
        open_listing(parse_spec(f"reds:{tmp_path}"))
    # blur/ is paired with sharp/ by one layout, lq/ with gt/ by another.
    tree(tmp_path / "both", {"blur/a.png": 1, "sharp/a.png": 2, "lq/b.png": 3, "gt/b.png": 4})
    with pytest.raises(InputError, match=r"may be .*plain .*basicsr .*name one"):
        open_listing(parse_spec(str(tmp_path / "both")))


def test_two_files_of_one_name_are_refused(tmp_path):
    tree(tmp_path, {"blur/a.png": 1, "blur/a.bmp.png": 1, "sharp/a.png": 2})
    (tmp_path / "sharp" / "a.jpg").write_bytes((tmp_path / "sharp" / "a.png").read_bytes())
    with pytest.raises(InputError, match=r"'sharp/a.jpg' and 'sharp/a.png' have the same name"):
        open_listing(parse_spec(f"plain:{tmp_path}"))


@pytest.mark.parametrize(
    ("source", "role", "rest"),
    [
        ("train/GOPR01/blur/1.png", "train", "train/GOPR01/1.png"),
        ("val_sharp/000/1.png", "test", "val/000/1.png"),
        ("train/sharp_crops.lmdb/1.png", "train", "train/1.png"),
        ("scene/Blur/RGB/1.png", "test", "scene/1.png"),
        ("blur.png", "test", "blur.png"),
    ],
)
def test_roles_and_names_follow_from_paths(source, role, rest):
    assert (role_of(source), told(source)) == (role, rest)
