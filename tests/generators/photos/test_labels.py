"""Label images of every collection as Helen's 11 classes, left and right as the face is seen."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.classes import CLASS_LISTS, HELEN
from facedeblur.generators.photos.collection import Collection, Photograph
from facedeblur.generators.photos.labels import exchange_sides, labels_of, read_labels, sides_of
from facedeblur.generators.photos.opening import open_collection
from facedeblur.generators.photos.specs import Selection

SIZE = (40, 32)
# Class -> rows and columns of an upright face: the left eye is on the image's right.
FACE = {
    10: (slice(0, 8), slice(4, 28)), 1: (slice(8, 36), slice(4, 28)), 2: (slice(10, 11), slice(19, 25)),
    3: (slice(10, 11), slice(7, 13)), 4: (slice(13, 15), slice(20, 24)), 5: (slice(13, 15), slice(8, 12)),
    6: (slice(16, 22), slice(14, 18)), 7: (slice(26, 27), slice(11, 21)), 8: (slice(27, 29), slice(11, 21)),
    9: (slice(29, 31), slice(11, 21)),
}  # fmt: skip
PARTS = {
    1: "skin", 2: "l_brow", 3: "r_brow", 4: "l_eye", 5: "r_eye", 6: "nose", 7: "u_lip", 8: "mouth", 9: "l_lip",
    10: "hair",
}  # fmt: skip
# What the data's own description says of the merged masks.
MERGED = {
    0: 0, 1: 1, 2: 6, 3: 1, 4: 4, 5: 5, 6: 2, 7: 3, 8: 0, 9: 0, 10: 8, 11: 7, 12: 9, 13: 10, 14: 0, 15: 0, 16: 0,
    17: 0, 18: 0,
}  # fmt: skip


def face() -> np.ndarray:
    labels = np.zeros(SIZE, np.uint8)
    for number, place in FACE.items():
        labels[place] = number
    return labels


def save(path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def save_helen(folder, labels: np.ndarray) -> None:
    """Maps of probabilities: 200 where the class is, 55 of the others spread over them."""
    for number in range(11):
        save(folder / f"{folder.name}_lbl{number:02}.png", np.where(labels == number, 200, 5).astype(np.uint8))


def test_helen_maps(tmp_path):
    save_helen(tmp_path / "10_1", face())
    assert np.array_equal(read_labels(tmp_path / "10_1", "helen11", size=SIZE), face())


@pytest.mark.parametrize("turns", range(4))
def test_sides_are_those_of_the_face_however_it_is_turned(tmp_path, turns):
    turned = np.rot90(face(), turns)
    assert sides_of(turned) == (1, 1) and sides_of(turned[:, ::-1]) == (-1, -1)
    viewers = exchange_sides(face())
    save_helen(tmp_path / "1", np.rot90(viewers, turns))
    assert np.array_equal(read_labels(tmp_path / "1", "helen11", size=turned.shape), turned)


def test_hidden_files_beside_the_maps_of_helen_are_none(tmp_path):
    save_helen(tmp_path / "1", face())
    for number in range(11):
        (tmp_path / "1" / f"._1_lbl{number:02}.png").write_bytes(b"of another system")
    assert np.array_equal(read_labels(tmp_path / "1", "helen11", size=SIZE), face())


def test_brows_and_eyes_are_exchanged_apart(tmp_path):
    wrong = exchange_sides(face(), brows=False)
    assert sides_of(wrong) == (1, -1)
    save(tmp_path / "a.png", wrong)
    assert np.array_equal(read_labels(tmp_path / "a.png", "helen11", size=SIZE), face())


def test_a_profile_and_a_face_without_eyes():
    profile = face()
    profile[np.isin(profile, (3, 5))] = 1
    assert sides_of(profile) == (1, 1) and sides_of(profile[:, ::-1]) == (-1, -1)
    other = face()
    other[np.isin(other, (2, 4))] = 1
    assert sides_of(other) == (1, 1)
    blind = face()
    blind[np.isin(blind, (4, 5))] = 1
    assert sides_of(blind) == (1, 0)
    blind[np.isin(blind, (6, 7, 8, 9))] = 1
    assert sides_of(blind) == (0, 0)


def test_merged_masks_of_celebamask(tmp_path):
    values = np.arange(19, dtype=np.uint8)[None]
    save(tmp_path / "m.png", values)
    assert read_labels(tmp_path / "m.png", "celebamask19", size=(1, 19))[0].tolist() == list(MERGED.values())
    coloured = Image.frombytes("P", (19, 1), values.tobytes())
    coloured.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
    coloured.save(tmp_path / "p.png")
    assert read_labels(tmp_path / "p.png", "celebamask19", size=(1, 19))[0].tolist() == list(MERGED.values())
    assert sorted(CLASS_LISTS["bisenet19"]) == sorted(CLASS_LISTS["celebamask19"])


def test_part_masks_of_celebamask(tmp_path):
    labels = face()
    for number, part in PARTS.items():
        # Parts overlap there: skin lies below all of the face.
        mask = (labels > 0) & (labels < 10) if part == "skin" else labels == number
        grey = (mask * 255).astype(np.uint8)
        save(tmp_path / "0" / f"00003_{part}.png", np.repeat(grey[..., None], 3, 2) if part == "nose" else grey)
    assert np.array_equal(read_labels(tmp_path / "0" / "00003", "celebamask19", size=SIZE), labels)
    # Published masks are half as large as the photographs.
    large = read_labels(tmp_path / "0" / "00003", "celebamask19", size=(80, 64))
    assert np.array_equal(large[::2, ::2], labels) and np.array_equal(large[1::2, 1::2], labels)
    save(tmp_path / "0" / "00003_beard.png", np.zeros(SIZE, np.uint8))
    with pytest.raises(InputError, match="unknown part of a face"):
        read_labels(tmp_path / "0" / "00003", "celebamask19", size=SIZE)
    with pytest.raises(InputError, match="no label image with such a name"):
        read_labels(tmp_path / "0" / "00004", "celebamask19", size=SIZE)


def test_what_cannot_be_used(tmp_path):
    save(tmp_path / "m.png", np.full((4, 4), 12, np.uint8))
    with pytest.raises(InputError, match=r"expected classes 0 to 10 \(helen11\), found 12"):
        read_labels(tmp_path / "m.png", "helen11", size=(4, 4))
    for size in ((4, 8), (6, 6), (2, 2)):
        with pytest.raises(InputError, match=f"expected {size[1]}x{size[0]} pixels, like the photograph, found 4x4"):
            read_labels(tmp_path / "m.png", "celebamask19", size=size)
    save(tmp_path / "h.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="expected 8x8 pixels"):  # Helen's labels are as large as its photographs
        read_labels(tmp_path / "h.png", "helen11", size=(8, 8))
    save(tmp_path / "c.png", np.random.default_rng(0).integers(0, 9, (4, 4, 3)).astype(np.uint8))
    with pytest.raises(InputError, match="one 8-bit number per pixel"):
        read_labels(tmp_path / "c.png", "helen11", size=(4, 4))
    (tmp_path / "t.png").write_bytes((tmp_path / "c.png").read_bytes()[:40])
    with pytest.raises(InputError, match=r"^\S+t\.png: truncated PNG; copy or make it again$"):
        read_labels(tmp_path / "t.png", "helen11", size=(4, 4))
    with pytest.raises(InputError, match="did you mean 'helen11'"):
        read_labels(tmp_path / "c.png", "helen", size=(4, 4))
    save_helen(tmp_path / "9_1", face())
    save(tmp_path / "9_1" / "9_1_lbl04.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="expected 32x40 pixels, like lbl00, found 4x4"):
        read_labels(tmp_path / "9_1", "helen11", size=SIZE)
    (tmp_path / "9_1" / "9_1_lbl04.png").unlink()
    with pytest.raises(InputError, match=r"NAME_lbl04.png \(left eye\) is missing"):
        read_labels(tmp_path / "9_1", "helen11", size=SIZE)


def test_labels_of_a_photograph(tmp_path):
    save(tmp_path / "m.png", face())
    listed = Collection(
        "x", tmp_path, "", "helen11", (Photograph("a.jpg", "a", label="m.png"), Photograph("b.jpg", "b"))
    )
    assert np.array_equal(labels_of(listed, listed.photographs[0], size=SIZE), face())
    with pytest.raises(InputError, match=r"b.jpg: this photograph has no label image"):
        labels_of(listed, listed.photographs[1], size=SIZE)


def test_real_masks(shared_data):
    found = open_collection(shared_data / "celebamask_eval512", Selection(limit=60))
    published: Counter[tuple[int, int]] = Counter()
    seen: Counter[int] = Counter()
    for photograph in found.photographs:
        with Image.open(found.root / photograph.label) as opened:
            raw = np.asarray(opened)
        literal = np.zeros_like(raw)
        for value, number in MERGED.items():
            literal[raw == value] = number
        published[sides_of(literal)] += 1
        labels = labels_of(found, photograph, size=(512, 512))
        assert min(sides_of(labels)) >= 0
        assert np.array_equal(np.isin(labels, (2, 3, 4, 5)), np.isin(literal, (2, 3, 4, 5)))
        seen.update(np.unique(labels).tolist())
    assert set(seen) == set(range(len(HELEN)))
    # Most masks name the sides as the face shows them; a few photographs of this copy are mirrored.
    assert published[1, 1] > 45 and 0 < published[-1, -1] < 10
