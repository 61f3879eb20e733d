import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.given.layout import open_listing
from facedeblur.generators.photos.specs import parse_spec
from tests.support.pair_trees import tree


@pytest.fixture
def folder(tmp_path):
    return tree(tmp_path, {"x/1.png": 1, "y/one.png": 2, "x/2.png": 3, "y/two.png": 4})


def read(file, text):
    file.write_text(text, encoding="utf-8")
    return open_listing(parse_spec(str(file)))


def test_a_table_of_pairs_with_identities_and_roles(folder):
    opened = read(
        folder / "mine.csv", "sharp,blurred,role,identity\ny/one.png,x/1.png,train,ann\ny/two.png,x/2.png,,ben\n"
    )
    assert (opened.name, opened.title) == ("list", "mine")
    assert [(one.blurred, one.sharp, one.identity, one.role) for one in opened.listing.couples] == [
        ("x/1.png", ("y/one.png",), "ann", "train"), ("x/2.png", ("y/two.png",), "ben", "test"),
    ]  # fmt: skip
    assert opened.layout.photo(opened.root, "x/1.png").pixels[0, 0, 0] == 1


def test_two_columns_without_names_and_missing_files(folder):
    listing = read(folder / "a.csv", "x/1.png,y/two.png\nx/9.png,y/one.png\nx/2.png,y/9.png\n").listing
    assert [(one.blurred, one.sharp[0], one.identity) for one in listing.couples] == [("x/1.png", "y/two.png", "y_two")]
    assert [(one.source, one.status) for one in listing.lone] == [
        ("y/one.png", "no blurred image"), ("x/2.png", "no sharp image"),
    ]  # fmt: skip


def test_lists_of_realblur_name_the_sharp_image_first(tmp_path):
    tree(tmp_path, {"J/scene001/gt/gt_1.png": 1, "J/scene001/blur/blur_1.png": 2})
    lines = "J/scene001/gt/gt_1.png J/scene001/blur/blur_1.png\n"
    for name, role in (("RealBlur_J_test_list.txt", "test"), ("RealBlur_J_train_list.txt", "train")):
        (couple,) = read(tmp_path / name, lines).listing.couples
        assert (couple.blurred, couple.sharp) == ("J/scene001/blur/blur_1.png", ("J/scene001/gt/gt_1.png",))
        assert (couple.identity, couple.role) == ("scene001", role)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "x/1.png\n", "expected 2 fields"),
        ("a.csv", "blurred,sharp,sharpness\n", "column 'sharpness'"),
        ("a.csv", "blurred,sharp,role\nx/1.png,y/one.png,tset\n", "role 'tset'"),
        ("a.csv", "x/1.png,y/one.png\nx/1.png,y/two.png\n", "listed twice"),
        ("a.csv", "../x/1.png,y/one.png\n", "leaves it"),
        ("a.csv", "x/8.png,y/one.png\nx/9.png,y/9.png\n", "1 without a blurred image .y/one.png., 1 not found"),
        ("a.txt", "x/1.png y/one.png\n", "in a folder gt/"),
    ],
)
def test_a_list_with_a_fault_is_refused(folder, name, text, says):
    with pytest.raises(InputError, match=says):
        read(folder / name, text)
