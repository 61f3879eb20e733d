"""The parser made of dlib's landmarks: a face drawn by hand, and real faces with labels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import PARSERS, Parser, provider
from facedeblur.benchmark.faces.parsers.landmarks import draw, regions_of_68
from facedeblur.benchmark.sets.classes import HELEN

CLASS = {name: value for value, name in enumerate(HELEN)}


def a_face() -> np.ndarray:
    """68 points of a symmetric face about the column 100, as iBUG numbers them, image left first."""
    points = np.zeros((68, 2))
    angles = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([100 + 60 * np.cos(angles), 80 + 80 * np.sin(angles)], 1)
    points[17:22] = [(55, 66), (62, 62), (70, 60), (78, 61), (86, 64)]
    points[22:27] = [(200 - x, y) for x, y in points[17:22][::-1]]
    points[27:31] = [(100, y) for y in (78, 87, 96, 105)]
    points[31:36] = [(90, 110), (95, 112), (100, 113), (105, 112), (110, 110)]
    points[36:42] = [(62, 80), (68, 76), (76, 76), (82, 80), (76, 84), (68, 84)]
    points[42:48] = [(118, 80), (124, 76), (132, 76), (138, 80), (132, 84), (124, 84)]
    points[48:55] = [(78, 130), (86, 126), (94, 124), (100, 125), (106, 124), (114, 126), (122, 130)]
    points[55:60] = [(114, 140), (106, 144), (100, 145), (94, 144), (86, 140)]
    points[60:65] = [(82, 130), (93, 129), (100, 129), (107, 129), (118, 130)]
    points[65:68] = [(107, 137), (100, 138), (93, 137)]
    return points


def test_a_drawn_face():
    labels = np.zeros((200, 200), np.uint8)
    draw(labels, regions_of_68(a_face()))
    for (x, y), name in {
        (130, 80): "left eye", (70, 80): "right eye", (130, 62): "left brow", (70, 62): "right brow",
        (100, 100): "nose", (100, 127): "upper lip", (100, 133): "inner mouth", (100, 141): "lower lip",
        (60, 110): "skin", (100, 155): "skin", (100, 70): "skin", (20, 20): "background", (100, 175): "background",
    }.items():  # fmt: skip
        assert HELEN[labels[y, x]] == name, (x, y)
    assert CLASS["hair"] not in labels


def test_a_face_upside_down_keeps_its_own_left():
    turned = np.zeros((200, 200), np.uint8)
    draw(turned, regions_of_68(199 - a_face()))
    upright = np.zeros((200, 200), np.uint8)
    draw(upright, regions_of_68(a_face()))
    back = turned[::-1, ::-1]
    for value in range(1, 10):
        both = (back == value) & (upright == value)
        assert both.sum() > 0.8 * ((back == value) | (upright == value)).sum(), HELEN[value]


def test_corners_outside_the_image():
    labels = np.zeros((60, 60), np.uint8)
    draw(labels, regions_of_68(a_face() - 60))
    assert (labels > 0).any()


def test_real_faces(dlib_models, shared_data):
    folder = shared_data / "celebamask_eval512"
    names = sorted(file.stem for file in (folder / "images").glob("*.jpg"))[:2]
    images = [np.asarray(Image.open(folder / "images" / f"{name}.jpg").convert("RGB").resize((256, 256)))
              for name in names]  # fmt: skip
    made = provider(PARSERS, "dlib-68")
    assert isinstance(made, Parser) and made.classes == HELEN[:10] and made.definition[1:] == ("up1",)
    assert made.definition == provider(PARSERS, made.definition[0]).definition
    found = made.parse(np.stack([*images, np.full((256, 256, 3), 128, np.uint8)]))
    assert found.shape == (3, 256, 256) and found.dtype == np.uint8
    assert not found[2].any()
    for labels in found[:2]:
        middle = {name: np.argwhere(labels == value).mean(axis=0) for name, value in CLASS.items() if value in labels}
        assert set(HELEN[:10]) - set(middle) <= {"inner mouth"}  # a closed mouth has none
        assert all(middle[f"left {part}"][1] > middle[f"right {part}"][1] for part in ("eye", "brow"))
        heights = [middle[name][0] for name in ("left brow", "left eye", "nose", "upper lip", "lower lip")]
        assert heights == sorted(heights)


def test_bad_input(dlib_models):
    with pytest.raises(InputError, match="up9"):
        provider(PARSERS, "dlib-68,up9")
    with pytest.raises(InputError, match="exclude each other"):
        provider(PARSERS, "dlib-68,up1,up2")
    with pytest.raises(InputError, match="uint8"):
        provider(PARSERS, "dlib-68").parse(np.zeros((2, 8, 8, 3)))
