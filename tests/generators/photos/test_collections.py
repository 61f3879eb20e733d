"""Every known collection: miniature trees as publishers lay them out, and the real ones at hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from photo_trees import rows, tree

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.generators.photos.opening import COLLECTIONS, open_collection
from facedeblur.generators.photos.specs import Selection


@pytest.fixture
def helen(tmp_path):
    base = tree(tmp_path / "Helen" / "SmithCVPR2013_dataset_resized", *(f"images/{n}_1.jpg" for n in (10, 20, 30)))
    for n in (10, 20):
        tree(base, *(f"labels/{n}_1/{n}_1_lbl{c:02}.png" for c in range(11)))
    (base / "exemplars.txt").write_text("1 , 10_1\n")
    (base / "testing.txt").write_text("\ufeff1 , 30_1\n\n")
    (base / "tuning.txt").write_text("1 , 20_1\n")
    return tmp_path / "Helen"


@pytest.fixture
def celebamask(tmp_path):
    root = tree(tmp_path / "CelebAMask-HQ", *(f"CelebA-HQ-img/{n}.jpg" for n in (0, 1, 2001)))
    tree(root, *(f"CelebAMask-HQ-mask-anno/0/0000{n}_{part}.png" for n in (0, 1) for part in ("skin", "l_eye")))
    tree(root, "CelebAMask-HQ-mask-anno/1/02001_skin.png")
    heading = "idx\torig_idx\torig_file\n"
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        heading + "0 119613 119614.jpg\n1      99094 099095.jpg\n2001 5 000006.jpg\n"
    )
    return root


def test_helen(helen):
    found = open_collection(helen)
    assert (found.name, found.labels, found.root.name) == ("helen", "helen11", "SmithCVPR2013_dataset_resized")
    assert rows(found) == [
        ("images/10_1.jpg", "10_1", "train"), ("images/20_1.jpg", "20_1", ""), ("images/30_1.jpg", "30_1", "test")
    ]  # fmt: skip
    assert [photograph.label for photograph in found.photographs] == ["labels/10_1", "labels/20_1", ""]
    (found.root / "images" / "10_1.jpg").unlink()
    with pytest.raises(
        InputError, match=r"1 of its 1 photograph is not in images/ \(10_1.jpg, ...\); unpack SmithCVPR2013"
    ):
        open_collection(f"helen:{helen}")


def test_celeba(celeba):
    found = open_collection(celeba)
    assert found.name == "celeba" and [r[1:] for r in rows(found)] == [
        ("0", "train"), ("1", ""), ("1", "test"), ("2", "test"), ("", "")
    ]  # fmt: skip
    assert found.photographs[0].source == "Img/img_align_celeba/000001.jpg"
    assert found.photographs[0].points == (69, 109, 106, 113, 77, 142, 73, 152, 108, 154)
    assert found.photographs[1].points == ()
    assert "1 without identity" in found.describe() and "1 with points" in found.describe()


def test_celeba_as_kaggle_packs_it(tmp_path):
    root = tree(tmp_path, "img_align_celeba/img_align_celeba/000001.jpg")
    (root / "list_eval_partition.csv").write_text("image_id,partition\n000001.jpg,2\n")
    (root / "list_landmarks_align_celeba.csv").write_text(
        "image_id,lefteye_x,,,,,,,,,\n000001.jpg,1,2,3,4,5,6,7,8,9,10\n"
    )
    with pytest.raises(InputError, match=r"expected identity_CelebA.txt, found none; download img_align_celeba.zip"):
        open_collection(root)
    (root / "identity_CelebA.txt").write_text("000001.jpg 2880\n")
    (found,) = open_collection(root).photographs
    assert (found.identity, found.role, found.points) == ("2880", "test", tuple(range(1, 11)))
    (root / "list_eval_partition.csv").write_text("000001.jpg,7\n")
    with pytest.raises(InputError, match="expected 0, 1 or 2, found '7'"):
        open_collection(root)


def test_celebamask(celebamask):
    found = open_collection(celebamask)
    assert (found.name, found.labels) == ("celebamask", "celebamask19")
    assert rows(found) == [(f"CelebA-HQ-img/{n}.jpg", n, "") for n in ("0", "1", "2001")]
    assert [p.label for p in found.photographs] == [
        "CelebAMask-HQ-mask-anno/0/00000", "CelebAMask-HQ-mask-anno/0/00001", "CelebAMask-HQ-mask-anno/1/02001"
    ]  # fmt: skip
    assert "each photograph its own" in found.describe()
    (celebamask / "identity_CelebA.txt").write_text("119614.jpg 12\n099095.jpg 12\n000006.jpg 7\n")
    (celebamask / "list_eval_partition.txt").write_text("119614.jpg 0\n099095.jpg 2\n000006.jpg 1\n")
    assert [r[1:] for r in rows(open_collection(celebamask))] == [("12", "train"), ("12", "test"), ("7", "")]


def test_lfw_with_its_lists(tmp_path):
    names = ("Ann_Veneman", "Bill_Frist", "Carlos_Moya")
    tree(tmp_path / "lfw-deepfunneled", *(f"{name}/{name}_000{n}.jpg" for name in names for n in (1, 2)))
    (tmp_path / "peopleDevTrain.txt").write_text("1\nAnn_Veneman\t2\n")
    (tmp_path / "peopleDevTest.txt").write_text("1\nBill_Frist\t2\n")
    found = open_collection(tmp_path)
    assert found.name == "lfw" and [r[1:] for r in rows(found)][::2] == [
        ("Ann_Veneman", "train"), ("Bill_Frist", "test"), ("Carlos_Moya", "")
    ]  # fmt: skip
    assert found.photographs[0].source == "lfw-deepfunneled/Ann_Veneman/Ann_Veneman_0001.jpg"


@pytest.mark.parametrize("by", ["lists", "folders"])
def test_pubfig(tmp_path, by):
    above = ("dev/", "eval/") if by == "folders" else ("", "")
    tree(tmp_path, f"{above[0]}Abhishek Bachan/a.jpg", f"{above[1]}Adam_Sandler/b.jpg", f"{above[1]}Adam_Sandler/c.png")
    if by == "lists":
        (tmp_path / "dev_people.txt").write_text("# PubFig\nAbhishek Bachan\n")
        (tmp_path / "eval_people.txt").write_text("Adam Sandler\n")
    found = open_collection(tmp_path)
    assert found.name == "pubfig" and [r[1:] for r in rows(found)] == [
        ("Abhishek Bachan", "train"), ("Adam Sandler", "test"), ("Adam Sandler", "test")
    ]  # fmt: skip


def test_lai_lists_people_by_the_numbers_of_its_publisher(tmp_path):
    tree(tmp_path, *(f"real_dataset/{name}.jpg" for name in ("bird", "face", "face2", "wheel")))
    found = open_collection(tmp_path)
    assert found.name == "lai2016" and [r[1:] for r in rows(found)] == [
        (name, "test") for name in ("bird", "face", "face2", "wheel")
    ]  # fmt: skip
    for folder in ("list", "attributes"):
        (tmp_path / folder).mkdir()
    (tmp_path / "list" / "real.txt").write_text("bird 51\nface            51\nface2 51\nwheel 25")
    (tmp_path / "attributes" / "real_people.txt").write_text("2\n3")
    assert [r[1] for r in rows(open_collection(f"lai2016:{tmp_path}"))] == ["face", "face2"]
    (tmp_path / "attributes" / "real_people.txt").write_text("5\n")
    with pytest.raises(InputError, match="expected a number from 1 to 4, found '5'"):
        open_collection(tmp_path)
    (tmp_path / "attributes" / "real_people.txt").write_text("1\n")
    (tmp_path / "real_dataset" / "bird.jpg").unlink()
    with pytest.raises(InputError, match="expected photographs of people, found none among 3"):
        open_collection(tmp_path)


def test_fei(tmp_path):
    tree(tmp_path, *(f"originalimages_part1/{person}-{n:02}.jpg" for person in (1, 25) for n in (1, 2, 14)), "a.jpg")
    found = open_collection(tmp_path)
    assert found.name == "fei" and rows(found) == [
        (f"originalimages_part1/{person}-{n:02}.jpg", str(person), "") for person in (1, 25) for n in (1, 2, 14)
    ]
    assert len(open_collection(tmp_path, Selection("*-0[1-3].*")).photographs) == 4
    with pytest.raises(InputError, match=r"expected images called 1-01.jpg, found none; unpack originalimages_part1"):
        open_collection(f"fei:{tree(tmp_path / 'others', '201-01.jpg', '1-15.jpg')}")


def test_multi_pie_and_pie(tmp_path):
    new = tree(
        tmp_path / "new", "session01/multiview/001/01/05_1/001_01_01_051_07.png", "002_03_02_140_00_crop_128.png",
        "session01/multiview/001/01/05_1/notes.jpg",
    )  # fmt: skip
    assert rows(open_collection(new)) == [
        ("002_03_02_140_00_crop_128.png", "002", ""),
        ("session01/multiview/001/01/05_1/001_01_01_051_07.png", "001", ""),
    ]
    assert len(open_collection(new, Selection("*_051_*")).photographs) == 1
    old = tree(tmp_path / "old", "lights/04001/27_05.jpg", "lights/04068/05_02.jpg", "04002/illum/27_05.ppm")
    assert [r[1] for r in rows(open_collection(old))] == ["04002", "04001", "04068"]
    assert open_collection(old).name == "pie"


def test_london_as_published(tmp_path):
    root = tree(tmp_path, "neutral_front/001_03.jpg", "smiling_front/001_08.jpg", "readme/overview.jpg")
    lines = "".join(f"{i}\t{i + 0.5}\n" for i in range(189))
    (root / "neutral_front" / "001_03.tem").write_text("189\n" + lines + "33\n0\n6\n")
    found = open_collection(root)
    assert (found.name, found.licence[:9]) == ("london", "CC BY 4.0")
    assert rows(found) == [("neutral_front/001_03.jpg", "001", ""), ("smiling_front/001_08.jpg", "001", "")]
    nose = (54 + 55 + 60) / 3
    assert found.photographs[0].points == pytest.approx((0, 0.5, 1, 1.5, nose, nose + 0.5, 87, 87.5, 93, 93.5))
    (root / "neutral_front" / "001_03.tem").write_text("189\n1\t2\n")
    with pytest.raises(InputError, match="189 points"):
        open_collection(root)


def test_plain_folders(tmp_path):
    flat = tree(tmp_path / "flat", "ann_0001.jpg", "ann_0002.JPG", "bob.png", "notes.txt", ".hidden.png")
    assert rows(open_collection(flat)) == [
        ("ann_0001.jpg", "ann", ""),
        ("ann_0002.JPG", "ann", ""),
        ("bob.png", "bob", ""),
    ]
    deep = tree(tmp_path / "deep", "f/00.jpg", "f/01.jpg", "m/00.jpg")
    (deep / "nobody").mkdir()
    assert [r[1] for r in rows(open_collection(deep))] == ["f", "f", "m"]
    assert [r[1] for r in rows(open_collection(f"folder:{deep}"))] == ["f_00", "f_01", "m_00"]
    assert open_collection(deep).empty_folders() == ["nobody"] and open_collection(flat).empty_folders() == []
    nested = tree(tmp_path / "nested", "lfw/ann/ann_0001.jpg", ".cache/x/note.txt", "lfw/png")
    (nested / "lfw" / "nobody").mkdir()
    assert rows(open_collection(f"people:{nested}")) == [("lfw/ann/ann_0001.jpg", "ann", "")]
    assert open_collection(f"people:{nested}").empty_folders() == ["lfw/nobody"]


@pytest.mark.parametrize("name", sorted(set(COLLECTIONS)))
def test_another_folder_is_told_what_to_download(tmp_path, name):
    tree(tmp_path, "models/weights.bin")
    with pytest.raises(InputError) as told:
        open_collection(f"{name}:{tmp_path}")
    assert "\n" not in str(told.value)
    assert COLLECTIONS.get(name).get in str(told.value)
    with pytest.raises(InputError, match="not found"):
        open_collection(f"{name}:{tmp_path / 'absent'}")


def test_real_collections(shared_data):
    counts = {}
    for folder in ("lfw", "london", "celebamask_eval512", "celebamask_train256"):
        found = open_collection(shared_data / folder)
        people = len({photograph.identity for photograph in found.photographs})
        labels = sum(bool(photograph.label) for photograph in found.photographs)
        counts[folder] = (found.name, len(found.photographs), people, labels)
        assert all((found.root / p.source).is_file() for p in found.photographs)
        assert all((found.root / p.label).is_file() for p in found.photographs if p.label)
    assert counts == {
        "lfw": ("lfw", 1000, 100, 0),
        "london": ("london", 124, 62, 0),
        "celebamask_eval512": ("celebamask", 600, 600, 600),
        "celebamask_train256": ("celebamask", 2000, 2000, 2000),
    }
    portraits = open_collection(f"folder:{shared_data / 'portraits_cc0'}")
    assert len({photograph.identity for photograph in portraits.photographs}) == len(portraits.photographs) == 200
    generated = open_collection(shared_data / "portraits_cc0")
    assert generated.name == "faker" and len({one.identity for one in generated.photographs}) == 200
    assert Counter(one.role for one in generated.photographs) == {"test": 100, "train": 100}


def test_london_points_lie_where_dlib_sees_them(shared_data, dlib_models):
    from facedeblur.benchmark.faces.base import DETECTORS, LANDMARKERS, provider
    from facedeblur.benchmark.files.images import read_photo

    found = open_collection(shared_data / "london", Selection(limit=8))
    finder, marker = provider(DETECTORS, "dlib-hog"), provider(LANDMARKERS, "dlib-68")
    compared = 0
    for photograph in found.photographs:
        if photograph.points:
            pixels = read_photo(found.root / photograph.source).pixels
            (face,) = finder.detect(pixels)
            seen = np.asarray(marker.landmarks(pixels, face)).reshape(5, 2)
            published = np.array(photograph.points).reshape(5, 2)
            eyes = np.linalg.norm(published[1] - published[0])
            assert np.linalg.norm(seen - published, axis=1).max() < 0.15 * eyes
            compared += 1
    assert compared == 4


def test_a_photograph_can_be_read_by_its_source(tmp_path):
    write_png(tmp_path / "ann" / "ann_0001.png", np.zeros((20, 20, 3), np.uint8))
    found = open_collection(f"lfw:{tmp_path}")
    assert (found.root / found.photographs[0].source).is_file() and found.photographs[0].identity == "ann"
