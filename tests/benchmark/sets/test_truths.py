"""Photographs with several sharp images: in the set, in its content hash, and in scores."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.metrics.fidelity.kohler import kohler_psnr
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.sets.check import check
from facedeblur.benchmark.sets.set import Set
from facedeblur.generators.build import build
from tests.support.pair_trees import pixels, tree

RECIPE = """
name = "frames"
title = "Frames"
source = "none"
kind = "given"
layout = "kohler2012"
every_sharp = true

[image]
template = "none"
"""


@pytest.fixture
def photographs(tmp_path):
    """Two photographs with three frames each, and one with a single frame."""
    files = {f"Blurry1_{k}.png": 10 * k for k in (1, 2, 3)}
    frames = {f"Image1/GroundTruth1_{k}_{n}.png": 10 * k + n for k in (1, 2) for n in (1, 2, 3)}
    tree(tmp_path / "kohler", files | frames | {"Image1/GroundTruth1_3_7.png": 37})
    (tmp_path / "frames.toml").write_text(RECIPE)
    return tmp_path


def test_every_sharp_image_is_kept(photographs):
    made = build(photographs / "frames.toml", photographs / "kohler", photographs / "set", workers=1)
    plain = build("pairs", photographs / "kohler", photographs / "plain", workers=1)
    assert made.info["truths"] == 6 and check(made) == []
    assert plain.truths == {} and "truths" not in plain.info and made.content_hash != plain.content_hash
    first = next(image for image in made.images.values() if "1_1" in image.source)
    assert [truth.source for truth in made.truths[first.image_id]] == [
        f"Image1/GroundTruth1_1_{n}.png" for n in (1, 2, 3)
    ]
    for n, found in enumerate(made.truths_of(first), 1):
        np.testing.assert_array_equal(found, pixels(10 + n))
    single = next(image for image in made.images.values() if "1_3" in image.source)
    assert list(made.truths_of(single)) == []
    again = build(photographs / "frames.toml", photographs / "kohler", photographs / "again", store="npy", workers=1)
    assert again.content_hash == made.content_hash and check(again) == []


def test_the_best_of_them_counts(photographs):
    made = build(photographs / "frames.toml", photographs / "kohler", photographs / "set", workers=1)
    restored = {pair.name: pixels(50 + pair.index) for pair in made.pairs()}
    # The first photograph is restored as one of its frames that is not the nearest to it, at another brightness.
    pair = next(made.pairs())
    nearest = made.sharp(made.image_of(pair))
    frame = next(truth for truth in made.truths_of(made.image_of(pair)) if not np.array_equal(truth, nearest))
    restored[pair.name] = frame
    for name, image in restored.items():
        write_png(photographs / "outputs" / name, image)
    table = score(made, photographs / "outputs", metrics=["psnr-kohler", "psnr"], workers=1).frame
    best = table["psnr-kohler[y-full,255,best]"].to_numpy()
    assert best[0] == np.inf and table["psnr[rgb,255]"][0] < 20
    for one, value in zip(list(made.pairs())[1:], best[1:], strict=True):
        image = made.image_of(one)
        truths = [*made.truths_of(image)] or [made.sharp(image)]
        assert value == max(kohler_psnr(restored[one.name], truth) for truth in truths)


def test_a_set_with_one_sharp_image_each_is_not_measured(photographs):
    plain = build("pairs", photographs / "kohler", photographs / "plain", workers=1)
    shutil.copytree(plain.root / "blur", photographs / "outputs")
    with pytest.raises(InputError) as error:
        score(plain, photographs / "outputs", protocol="kohler2012", workers=1)
    assert str(error.value) == (
        "no metric of protocol 'kohler2012' can be computed (set 'kohler' has one sharp image for each photograph); "
        "choose other metrics"
    )
    assert not (photographs / "outputs" / "scores.parquet").exists()
    table = score(plain, photographs / "outputs", metrics=["psnr-kohler", "psnr"], workers=1)
    assert [column.signature for column in table.meta.columns] == ["psnr[rgb,255]"]
    assert table.meta.unavailable == (
        ("psnr-kohler[y-full,255,best]", "set 'kohler' has one sharp image for each photograph"),
    )


def test_whatever_is_wrong_with_them_is_found(photographs):
    made = build(photographs / "frames.toml", photographs / "kohler", photographs / "set", workers=1)
    files = [made.root / truth.file for some in made.truths.values() for truth in some]
    files[0].unlink()
    write_png(files[1], pixels(99))
    write_png(files[2].with_name("other.png"), pixels(98))
    found = {problem.file: problem.problem for problem in check(made)}
    assert {name: text.partition(":")[0] for name, text in found.items()} == {
        files[0].relative_to(made.root).as_posix(): "missing",
        files[1].relative_to(made.root).as_posix(): "altered",
        files[2].with_name("other.png").relative_to(made.root).as_posix(): "not in the tables",
    }
    table = made.root / "truths.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(InputError, match=r"manifest.csv or truths.csv was changed after the set was built"):
        Set.open(made.root)
    info = json.loads((made.root / "set.json").read_text())
    (made.root / "set.json").write_text(json.dumps(info | {"truths": 0}))
    with pytest.raises(InputError, match="content hash differs"):
        Set.open(made.root)
