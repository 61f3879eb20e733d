"""The table of the pairs."""

from __future__ import annotations

from facedeblur.benchmark.sets.set import Set
from facedeblur.reports.cards.metadata import COLUMNS, columns


def test_columns_of_what_a_set_lacks_are_absent() -> None:
    names = [one.name for one in columns(sharp=False, labels=False)]
    assert names == [one.name for one in COLUMNS if one.name not in ("sharp_file_name", "label_file_name")]
    assert columns(sharp=True, labels=True) == COLUMNS


def test_values(tiny: Set) -> None:
    image, pairs = next(tiny.by_image())
    row = {one.name: one.read(image, pairs[1]) for one in COLUMNS}
    assert row == {
        "blur_file_name": "blur/face0_ker02_k5.png", "sharp_file_name": "sharp/face0.png", "label_file_name": "",
        "pair_id": "face0_ker02_k5", "face": "face0", "identity": "=person 0", "role": "test", "kernel": "ker02_k5",
        "kernel_size": 5, "blur_kind": "uniform", "border": "valid", "noise_sigma": 0.01, "gamma": 1.0,
    }  # fmt: skip
