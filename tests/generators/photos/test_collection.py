"""Published layouts of photo collections: miniature trees as publishers lay them out, and the real ones at hand."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.generators.photos.collection import COLLECTIONS, Collection, Selection, detect, open_collection
from facedeblur.generators.photos.files import identity_of, image_ids
from facedeblur.generators.photos.lists import Choice, read_list, table_of, write_list


def tree(root: Path, *files: str) -> Path:
    """Empty image files; readers look at names only."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def rows(collection: Collection) -> list[tuple[str, str, str]]:
    return [(photograph.source, photograph.identity, photograph.role) for photograph in collection.photographs]


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
def celeba(tmp_path):
    root = tree(
        tmp_path / "CelebA", *(f"Img/img_align_celeba/00000{n}.jpg" for n in range(1, 6)), "Img/img_celeba/x.jpg"
    )
    (root / "Anno").mkdir()
    (root / "Eval").mkdir()
    (root / "Anno" / "identity_CelebA.txt").write_text("".join(f"00000{n}.jpg {n // 2}\n" for n in range(1, 5)))
    (root / "Eval" / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n000004.jpg 2\n")
    heading = (
        "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    )
    points = "000001.jpg 69  109  106  113   77  142   73  152  108  154"
    (root / "Anno" / "list_landmarks_align_celeba.txt").write_text(f"1\n{heading}\n{points}\n")
    return root


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
    with pytest.raises(InputError, match=r"1 of 1 missing, the first 10_1.jpg; unpack SmithCVPR2013"):
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


def test_a_link_in_a_circle_ends(tmp_path):
    root = tree(tmp_path, "ann/1.jpg")
    (root / "ann" / "again").symlink_to(root)
    assert rows(open_collection(root)) == [("ann/1.jpg", "ann", "")]


def test_names_are_those_of_every_file_system(tmp_path):
    """Some write an accent as a character of its own, which sorts and counts otherwise."""
    found = []
    for form in ("NFC", "NFD"):
        names = [unicodedata.normalize(form, name) for name in ("caf\u00e9_0001.jpg", "caff_0001.jpg", "cafz_0001.jpg")]
        given = open_collection(tree(tmp_path / form, *names))
        found.append((image_ids([p.source for p in given.photographs]), [p.identity for p in given.photographs]))
    assert found[0] == found[1] and found[0][1] == ["caff", "cafz", "caf\u00e9"]
    assert identity_of(unicodedata.normalize("NFD", "caf\u00e9/1.png")) == "caf\u00e9"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_names_that_are_no_text_are_one_line(tmp_path):
    tree(tmp_path, "ann/1.jpg")
    (tmp_path / "ann" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"")
    with pytest.raises(InputError, match=r"caf\\xe9\.jpg: expected file names in UTF-8, found another encoding"):
        open_collection(tmp_path)


@pytest.mark.parametrize("name", sorted(set(COLLECTIONS)))
def test_another_folder_is_told_what_to_download(tmp_path, name):
    tree(tmp_path, "models/weights.bin")
    with pytest.raises(InputError) as told:
        open_collection(f"{name}:{tmp_path}")
    assert "\n" not in str(told.value)
    assert COLLECTIONS.get(name).get in str(told.value)
    with pytest.raises(InputError, match="nothing there"):
        open_collection(f"{name}:{tmp_path / 'absent'}")


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(InputError, match="did you mean 'celeba'"):
        open_collection(f"celebba:{tmp_path}")
    with pytest.raises(InputError, match="no image"):
        open_collection(tmp_path)
    with pytest.raises(InputError, match="expected NAME:FOLDER"):
        open_collection("lfw:")
    file = tree(tmp_path, "a.jpg") / "a.jpg"
    with pytest.raises(InputError, match="a file"):
        open_collection(file)


def test_filters(celeba):
    assert [r[1] for r in rows(open_collection(celeba, Selection(roles=["test"])))] == ["1", "2"]
    assert len(open_collection(celeba, Selection("00000[12].jpg")).photographs) == 2
    assert len(open_collection(celeba, Selection("Img/*3.jpg")).photographs) == 1
    assert len(open_collection(celeba, Selection(limit=2)).photographs) == 2
    with pytest.raises(InputError, match=r"role gallery, found none among 5 \(roles: 2 none, 2 test, 1 train\)"):
        open_collection(celeba, Selection(roles=["gallery"]))
    with pytest.raises(InputError, match="did you mean 'test'"):
        open_collection(celeba, Selection(roles=["tests"]))
    with pytest.raises(InputError, match="at least 1"):
        open_collection(celeba, Selection(limit=0))


def test_an_image_list_decides(tmp_path, celeba):
    sources = [photograph.source for photograph in open_collection(celeba).photographs]
    choices = [
        Choice(sources[3], "9", "probe", "ok"),
        Choice(sources[0], "9", "gallery", "ok"),
        Choice(sources[1], "", "", "no identity"),
    ]
    write_list(tmp_path / "list.csv", choices)
    assert read_list(tmp_path / "list.csv") == choices
    found = open_collection(celeba, Selection(listed=tmp_path / "list.csv"))
    assert rows(found) == [(sources[0], "9", "gallery"), (sources[3], "9", "probe")]
    assert found.photographs[0].points  # what the publisher says of it stays
    write_list(tmp_path / "list.csv", [Choice(sources[3].replace("/", "\\"), "9", "probe", "ok")])
    assert rows(open_collection(celeba, Selection(listed=tmp_path / "list.csv"))) == [(sources[3], "9", "probe")]
    write_list(tmp_path / "list.csv", [choices[0], Choice(f"./{sources[3]}", "9", "gallery", "ok")])
    with pytest.raises(InputError, match=rf"each photograph once, found {sources[3]} again"):
        open_collection(celeba, Selection(listed=tmp_path / "list.csv"))
    write_list(tmp_path / "list.csv", [Choice("gone.jpg", "9", "probe", "ok")])
    with pytest.raises(InputError, match=r"1 of 1 missing there, the first gone.jpg"):
        open_collection(celeba, Selection(listed=tmp_path / "list.csv"))
    write_list(tmp_path / "list.csv", [Choice(sources[0], "9", "prob", "ok")])
    with pytest.raises(InputError, match="did you mean 'probe'"):
        open_collection(celeba, Selection(listed=tmp_path / "list.csv"))


def test_tables_are_read_strictly(tmp_path):
    (tmp_path / "t.txt").write_text("2\na.jpg 1\nb.jpg 2 3\n")
    with pytest.raises(InputError, match="expected 2 fields, found 3"):
        table_of(tmp_path / "t.txt", 2)
    (tmp_path / "t.txt").write_text("nothing here\n")
    with pytest.raises(InputError, match="rows of 2 fields, found none"):
        table_of(tmp_path / "t.txt", 2)
    (tmp_path / "t.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="a text file"):
        table_of(tmp_path / "t.txt", 2)


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
    assert detect(shared_data / "portraits_cc0") == "people"


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
