"""Tables VII and VIII of UMSN: confidences by the steps of a training and by the size of the kernel."""

from __future__ import annotations

import pytest

from facedeblur.methods.confidence import Confidence, Confidences
from facedeblur.reports.tables.cells import MEASURED
from facedeblur.reports.tables.table import tables


def table(rows):
    """Confidences of rows (step, image, size, C_3)."""
    return Confidences(tuple(
        Confidence("umsn", f"w{step}.safetensors", f"{step:08}", "whole", step, "tiny", "a1" * 32,
                   f"{image}_{at}_k{size}", image, image, f"ker{at}", size, 0.1, 0.2, value, 0.4)
        for at, (step, image, size, value) in enumerate(rows)
    ))  # fmt: skip


def measured(made):
    """Label and C3 of every measured row, as shown."""
    return [(item.label, cell.text) for cell, item, _, one in made.filled()
            if item.kind == MEASURED and one.label == "C3"]  # fmt: skip


def test_by_step_each_pair_stands_under_its_steps():
    rows = [(step, image, 17, value) for step, value in ((3000, 0.5), (50000, 0.9)) for image in ("b", "a")]
    given = Confidences(tuple(Confidence(**{**row.__dict__, "pair_id": row.image_id}) for row in table(rows).rows))
    seven, eight = tables(given, protocol="umsn", numbers=["VII", "VIII"])
    assert measured(seven) == [("b, 3,000", "0.500"), ("b, 50,000", "0.900"), ("a, 3,000", "0.500"),
                               ("a, 50,000", "0.900")]  # fmt: skip
    assert "Measured on set 'tiny', hash a1a1a1a1a1." in seven.remarks
    assert measured(eight) == [("b, 17×17", "0.900"), ("a, 17×17", "0.900")]
    assert "Weights of umsn: w50000.safetensors, trained for 50,000 steps." in eight.remarks
    shown = [row.labels[0] for row in seven.rows if row.item.kind != MEASURED]
    assert shown[0] == "Image 1, 3,000" and len(shown) == 6


def test_by_size_kernels_of_one_size_are_averaged():
    rows = [(9, "a", 27, 0.2), (9, "a", 17, 0.5), (9, "a", 17, 0.7), (5, "a", 17, 0.0)]
    (eight,) = tables(table(rows), protocol="umsn", numbers="VIII")
    assert measured(eight) == [("a, 17×17", "0.600"), ("a, 27×27", "0.200")]
    assert ("a", "Mean of 2 pairs each.") in eight.footnotes.texts
    signatures = {cell.signature for cell, item, _, _ in eight.filled() if item.kind == MEASURED}
    assert signatures == {f"confidence[umsn@00000009,{at}]" for at in range(1, 5)}


def test_images_without_a_known_kernel_are_told():
    (eight,) = tables(table([(5, "a", 0, 0.3)]), protocol="umsn", numbers="VIII")
    assert measured(eight) == [("a, unknown kernel", "0.300")]


def test_of_many_pairs_the_means_are_shown():
    rows = [(step, f"p{at}", 17, at / 10) for step in (1, 2) for at in range(6)]
    seven, eight = tables(table(rows), protocol="umsn", numbers=["VII", "VIII"])
    assert [text for _, text in measured(seven)] == ["0.250", "0.250"]
    assert measured(eight) == [("All 6 images, 17×17", "0.250")]


def test_they_stand_in_no_other_table_and_nothing_else_in_theirs(tmp_path):
    given = table([(1, "a", 17, 0.5)])
    given.write(tmp_path / "steps.csv")
    for made in tables(tmp_path / "steps.csv", protocol="umsn"):
        assert bool(measured(made)) == (made.layout.number in ("VII", "VIII"))
        assert any(item.kind == MEASURED for _, item, _, _ in made.filled()) == (made.layout.number in ("VII", "VIII"))


@pytest.mark.parametrize("number", ["VII", "VIII"])
def test_without_any_it_is_said_how_to_get_them(number):
    (made,) = tables(protocol="umsn", numbers=number)
    assert made.remarks[1] == (
        "Nothing measured: facedeblur confidence SET WEIGHTS... -o TABLE.csv, and give that table."
    )
