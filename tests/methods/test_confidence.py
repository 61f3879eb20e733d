"""Confidences of UMSN by pair and by weights, from its confidence network as training uses it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from narrow_nets import NARROW, narrow_network, write_narrow

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.benchmark.weights import sha256_of
from facedeblur.cli.main import facedeblur
from facedeblur.methods.confidence import Confidence, Confidences, confidence, is_table, mean
from facedeblur.methods.nets.base import make_network


@pytest.fixture(scope="module")
def umsn(tmp_path_factory):
    """Narrow UMSN, whose confidences differ as those of a trained one, and its weight file."""
    net, file = narrow_network("umsn"), tmp_path_factory.mktemp("umsn") / "umsn.safetensors"
    with torch.no_grad():
        net.confidence.last.project.weight *= 50
        net.confidence.values.weight *= 50
    card = {"network": "umsn", "config": NARROW["umsn"], "stage": "whole", "stage_step": 30}
    write_tensors(file, net.state_dict(), card)
    return net, file


@pytest.fixture(scope="module")
def small(make_set):
    """Two photographs of 48x48, two kernels."""
    return make_set(sizes=(19, 27), shapes=((48, 48), (48, 48)))


def by_hand(net, the_set, pair):
    """Equation 4: the network sees the masked restored and the masked sharp image of each class."""
    sharp = torch.from_numpy(the_set.sharp(the_set.image_of(pair))).permute(2, 0, 1)[None] / 255
    blurred = torch.from_numpy(the_set.blurred(pair)).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        restored, masks = net(blurred), net.masks(sharp)
        found = [net.confidence(mask * restored, mask * sharp, mask) for mask in masks.split(1, 1)]
    return [one.mean().item() for one in found]


def test_they_are_those_of_the_confidence_network(umsn, small):
    net, file = umsn
    found = confidence(small, [file, file.parent])
    pairs = list(small.pairs())
    assert len(found.rows) == 2 * len(pairs) and found.n_pairs == len(pairs)
    for row, pair in zip(found.rows, pairs, strict=False):
        assert row.classes == pytest.approx(by_hand(net, small, pair), abs=3e-5)
        assert (row.pair_id, row.image_id, row.kernel_size) == (pair.pair_id, pair.image_id, pair.kernel_size)
        assert (row.network, row.stage, row.step) == ("umsn", "whole", 30)
        assert (row.set_name, row.set_hash, row.sha256) == (small.name, small.content_hash, sha256_of(file)[:8])
    spread = np.ptp([row.classes for row in found.rows], axis=(0, 1))
    assert spread > 1e-4, "confidences differ by more than the tolerance"


def test_chosen_pairs_have_the_same_confidences(umsn, small):
    _, file = umsn
    whole = {row.pair_id: row for row in confidence(small, file).rows}
    some = confidence(small, file, pairs=["face1_ker00_k19", "*_k27"], limit=2).rows
    assert [row.pair_id for row in some] == ["face0_ker01_k27", "face1_ker00_k19"]
    assert all(row == whole[row.pair_id] for row in some)


def test_images_of_two_folders(umsn, small, tmp_path):
    """The images of a set, taken out of it, have the confidences that they have in it."""
    pairs = list(small.pairs())[::3]
    for pair in pairs:
        write_png(tmp_path / "sharp" / f"{pair.pair_id}.png", small.sharp(small.image_of(pair)))
        write_png(tmp_path / "blurred" / f"{pair.pair_id}.png", small.blurred(pair))
    found = confidence(tmp_path / "sharp", umsn[1], blurred=tmp_path / "blurred")
    wanted = confidence(small, umsn[1], pairs=[pair.pair_id for pair in pairs])
    assert [row.classes for row in found.rows] == [row.classes for row in wanted.rows]
    assert [row.pair_id for row in found.rows] == [pair.pair_id for pair in pairs]
    assert {(row.set_name, row.kernel_size) for row in found.rows} == {("sharp", 0)}
    write_png(tmp_path / "blurred" / f"{pairs[0].pair_id}.png", np.zeros((40, 48, 3), np.uint8))
    with pytest.raises(InputError, match="expected 48x48 as the sharp image, found 48x40"):
        confidence(tmp_path / "sharp", umsn[1], blurred=tmp_path / "blurred")
    write_png(tmp_path / "blurred" / f"{pairs[1].pair_id}.PNG", np.zeros((48, 48, 3), np.uint8))
    with pytest.raises(InputError, match="are images of one name; remove one of them"):
        confidence(tmp_path / "sharp", umsn[1], blurred=tmp_path / "blurred")
    (tmp_path / "blurred" / f"{pairs[1].pair_id}.PNG").unlink()
    (tmp_path / "blurred" / f"{pairs[0].pair_id}.png").unlink()
    with pytest.raises(InputError, match=f"blurred: no image '{pairs[0].pair_id}' as in the other folder"):
        confidence(tmp_path / "sharp", umsn[1], blurred=tmp_path / "blurred")


def test_the_table_is_read_as_it_was_written(umsn, small, tmp_path):
    found = confidence(small, umsn[1], limit=3)
    found.write(tmp_path / "table.csv")
    assert Confidences.read(tmp_path / "table.csv") == found
    assert is_table(tmp_path / "table.csv") and not is_table(umsn[1])
    assert list(found.frame) == list(Confidence.__dataclass_fields__) and len(found.frame) == 3
    text = (tmp_path / "table.csv").read_text()
    first = str(found.rows[0].C_1)
    for damaged, words in {
        text.replace(first, "1.5", 1): "line 2, C_1: expected a number from 0 to 1, found 1.5",
        text.replace(first, "nan", 1): "line 2, C_1: expected a number from 0 to 1, found nan",
        text.splitlines()[0] + "\n": "the table of confidences is empty",
        "a,b\n1,2\n": "expected columns network,",
    }.items():
        (tmp_path / "table.csv").write_text(damaged)
        with pytest.raises(InputError) as error:
            Confidences.read(tmp_path / "table.csv")
        assert words in str(error.value)


def test_what_has_no_confidences_is_refused(umsn, small, tmp_path):
    _, file = umsn
    write_narrow("facedeblur-base", tmp_path)
    write_narrow("umsn", tmp_path, file="early.safetensors", stage="streams", until="classes")
    config = NARROW["umsn"] | {"confidence": False}
    variant = make_network("umsn", **config).state_dict()
    write_tensors(tmp_path / "variant.safetensors", variant, {"network": "umsn", "config": config})
    for weights, given, words in (
        (file, {"pairs": ["face0_ker09"]}, "has no pair 'face0_ker09'; did you mean"),
        (file, {"limit": 0}, "limit: expected at least 1"),
        ([], {}, "weights to look at are missing"),
        (tmp_path / "none", {}, "none"),
        (tmp_path / "variant.safetensors", {}, "this 'umsn' was trained without confidences"),
        (tmp_path / "early.safetensors", {}, "got no further than 'classes', and its confidences were not trained"),
        (tmp_path, {"network": "facedeblur-base"}, "estimates no confidences"),
    ):
        with pytest.raises(InputError) as error:
            confidence(small, weights, **given)
        assert words in str(error.value)


def test_means():
    assert mean(confidences((0.2, 0.4), (10,)).rows) == pytest.approx((0.3, 0.3, 0.3, 0.3))


def confidences(values, steps, sizes=(17,)):
    """A table of made-up rows: one image per value."""
    return Confidences(tuple(
        Confidence("umsn", f"w{step}.safetensors", f"{step:08}", "whole", step, "tiny", "a1" * 32, f"face{at}_k{size}",
                   f"face{at}", f"person{at}", f"k{size}", size, value, value, value, value)
        for step in steps for at, value in enumerate(values) for size in sizes
    ))  # fmt: skip


def test_command(umsn, small, tmp_path):
    _, file = umsn
    out = tmp_path / "table.csv"

    def run(*given):
        return CliRunner().invoke(facedeblur, ["confidence", str(small.root), *given])

    done = run(str(file), "-o", str(out), "--limit", "2")
    assert done.exit_code == 0, done.output
    first = confidence(small, str(file), limit=2).rows[0]
    assert Confidences.read(out).rows[0] == first
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["weights", "step", "pair", "kernel", "C_1", "C_2", "C_3", "C_4"]
    assert lines[1].split() == [str(file), "30", "face0_ker00_k19", "19x19", *(f"{one:.3f}" for one in first.classes)]
    assert len(lines) == 4 and lines[-1] == f"-> {out}"
    many = run(*[str(file)] * 4, "--json", "--limit", "1")
    assert many.stdout.count('"C_1"') == 4
    assert run(str(file), "-o", str(tmp_path / "table.txt")).exit_code == 2


def test_means_of_many_are_printed(monkeypatch, small):
    table = confidences(np.linspace(0, 1, 13), (3000, 50000))
    monkeypatch.setattr("facedeblur.methods.confidence.confidence", lambda *_, **__: table)
    done = CliRunner().invoke(facedeblur, ["confidence", str(small.root), "w"])
    assert [line.split() for line in done.stdout.splitlines()[1:]] == [
        [f"w{step}.safetensors", f"{step:,}", "13", "17x17", *["0.500"] * 4] for step in (3000, 50000)
    ]


def test_both_presets_have_four_classes():
    for preset, values in (("code", 3), ("paper", 1)):
        net = make_network("umsn", **NARROW["umsn"], preset=preset).eval()
        picture = torch.rand(1, 3, 16, 16)
        with torch.no_grad():
            assert net.outputs(picture, sharp=picture)["confidence"].shape == (1, 4, values)
