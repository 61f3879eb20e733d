"""Intermediate results on their way from a network through the runner into folders that are outputs themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from narrow_nets import NARROW, narrow_network, write_narrow

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png, to_uint8
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.sets.classes import LABEL_COLOURS, classes_in, coloured
from facedeblur.methods.nets.base import NETS, declared, make_network
from facedeblur.methods.nets.tiles import mirror, whole_side
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run

CPU = Execution(device="cpu", batch=1)


def wanted(net, the_set, pair):
    """What the network itself gives for one padded image, cut to its size."""
    blurred = the_set.blurred(pair)
    height, width = blurred.shape[:2]
    images = torch.from_numpy(blurred.astype(np.float32) / 255).permute(2, 0, 1)[None]
    sides = [whole_side(side, multiple=net.multiple, smallest=getattr(net, "smallest", 1)) for side in (height, width)]
    with torch.no_grad():
        found = net.outputs(mirror(images, *sides))
    return {name: entry if name == "kernel" else entry[..., :height, :width] for name, entry in found.items()}


def kept(outputs, folder, the_set):
    opened = Outputs.open(outputs.root / folder, the_set)
    for pair, status in zip(the_set.pairs(), opened.statuses(), strict=True):
        image = the_set.image_of(pair)
        yield pair, opened.read(pair, status, (image.height, image.width))


@pytest.mark.parametrize("store", ["png", "npy"])
def test_sketch_and_initial_image_are_those_of_the_network(tiny, tmp_path, store):
    net = write_narrow("lin2020", tmp_path / "weights")
    options = {"weights": tmp_path / "weights", "execution": CPU, "store": store}
    outputs = run("lin2020", tiny, tmp_path / "out", keep=["sketch", "kernel", "initial"], **options)
    made = {pair.pair_id: wanted(net, tiny, pair) for pair in tiny.pairs()}
    for name in ("sketch", "initial"):
        for pair, found in kept(outputs, name, tiny):
            expected = made[pair.pair_id][name][0].permute(1, 2, 0).numpy()
            assert found.status == "ok"
            assert np.abs(found.pixels.astype(int) - to_uint8(np.broadcast_to(expected, found.pixels.shape))).max() <= 1
    bank = outputs.kernels()
    assert bank is not None and len(bank) == tiny.n_pairs
    for pair in tiny.pairs():
        assert np.abs(bank.kernel(pair.pair_id) - made[pair.pair_id]["kernel"][0].numpy()).max() < 1e-5
    assert outputs.info["keep"] == ["sketch", "kernel", "initial"]
    plain = run("lin2020", tiny, tmp_path / "plain", **options)
    assert plain.run_hash == outputs.run_hash
    assert not (plain.root / "sketch").exists() and plain.kernels() is None
    similar = score(tiny, outputs, metrics=["kernel-similarity"])
    assert np.isfinite(similar.values(similar.meta.columns[0].signature)).all()


def test_a_parsing_is_drawn_in_the_colours_of_its_classes(tiny, tmp_path):
    net = write_narrow("shen2020", tmp_path / "weights")
    outputs = run("shen2020", tiny, tmp_path / "out", keep=["parsing"], weights=tmp_path / "weights", execution=CPU)
    for pair, found in kept(outputs, "parsing", tiny):
        assert np.mean(classes_in(found.pixels) == wanted(net, tiny, pair)["parsing"][0].argmax(0).numpy()) > 0.999


def test_a_network_that_reads_true_labels_keeps_what_it_has(make_set, tmp_path):
    """Its coarse images, which need none; there is no parsing."""
    the_set = make_set(labelled=True, sizes=(13,), shapes=((128, 128), (90, 100)))
    config = NARROW["shen2020"] | {"semantics": "true"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        net = make_network("shen2020", **config).eval()
    write_tensors(tmp_path / "shen2020.safetensors", net.state_dict(), {"network": "shen2020", "config": config})
    options = {"weights": tmp_path, "execution": CPU}
    outputs = run("shen2020", the_set, tmp_path / "out", keep=["coarse"], **options)
    assert outputs.info["oracle"] and outputs.info["counts"]["ok"] == 2
    for pair, found in kept(outputs, "coarse", the_set):
        blurred = the_set.blurred(pair)
        images = torch.from_numpy(blurred.astype(np.float32) / 255).permute(2, 0, 1)[None]
        sides = [whole_side(side, multiple=net.multiple, smallest=1) for side in blurred.shape[:2]]
        with torch.no_grad():
            coarse = net.outputs(mirror(images, *sides), until="coarse")["coarse"][0].permute(1, 2, 0).numpy()
        expected = to_uint8(coarse[: blurred.shape[0], : blurred.shape[1]])
        assert found.status == "ok" and np.abs(found.pixels.astype(int) - expected).max() <= 1
    with pytest.raises(InputError, match="has no 'parsing' with these weights; leave 'parsing' out of --keep"):
        run("shen2020", the_set, tmp_path / "parsing", keep=["parsing"], **options)
    assert not (tmp_path / "parsing").exists()


def test_masks_and_streams_have_a_folder_per_class(tiny, tmp_path):
    net = write_narrow("umsn", tmp_path / "weights")
    keep = ["masks", "streams"]
    outputs = run("umsn", tiny, tmp_path / "out", keep=keep, weights=tmp_path / "weights", execution=CPU, limit=2)
    made = {pair.pair_id: wanted(net, tiny, pair) for pair in list(tiny.pairs())[:2]}
    for place, part in enumerate(("background", "skin", "parts", "hair")):
        for name, source in (("masks", "masks"), ("streams", f"class{place + 1}")):
            for pair, found in list(kept(outputs, f"{name}-{part}", tiny))[:2]:
                entry = made[pair.pair_id][source][0]
                entry = entry[place][None] if name == "masks" else entry
                expected = to_uint8(np.broadcast_to(entry.permute(1, 2, 0).numpy(), found.pixels.shape))
                assert np.abs(found.pixels.astype(int) - expected).max() <= 1


def test_every_declared_result_is_in_the_outputs_of_its_network(tmp_path):
    declaring = {name: declared(name).keeps for name in NETS if declared(name).keeps}
    assert {"lin2020", "shen2018", "shen2020", "umsn", "mspl"} <= set(declaring)
    for name, keeps in declaring.items():
        net = narrow_network(name)
        found = net.outputs(torch.rand(1, 3, 64, 64))
        assert {source for label, keep in keeps.items() for source in keep.sources or (label,)} <= set(found)


def test_a_run_in_two_parts_keeps_the_same_files(tiny, tmp_path):
    write_narrow("lin2020", tmp_path / "weights")
    options = {"weights": tmp_path / "weights", "execution": CPU, "keep": ["sketch"]}
    whole = run("lin2020", tiny, tmp_path / "whole", **options)
    first = run("lin2020", tiny, tmp_path / "parts", limit=2, **options)
    statuses = [row.status for row in Outputs.open(first.root / "sketch", tiny).statuses()]
    assert statuses[:2] == ["ok", "ok"] and all(status.startswith("failed: not run") for status in statuses[2:])
    parts = run("lin2020", tiny, tmp_path / "parts", **options)
    one, other = (Outputs.open(run_.root / "sketch", tiny) for run_ in (whole, parts))
    assert one.run_hash == other.run_hash and one.files_hash == other.files_hash
    pair = next(iter(tiny.pairs()))
    (parts.root / "sketch" / pair.name).unlink()
    run("lin2020", tiny, tmp_path / "parts", **options)
    assert (read_png(parts.root / "sketch" / pair.name) == read_png(whole.root / "sketch" / pair.name)).all()
    with pytest.raises(InputError, match="keep"):
        run("lin2020", tiny, tmp_path / "parts", **options | {"keep": []})


def test_an_altered_file_is_noticed(tiny, tmp_path):
    write_narrow("lin2020", tmp_path / "weights")
    outputs = run("lin2020", tiny, tmp_path / "out", weights=tmp_path / "weights", execution=CPU, keep=["sketch"])
    first, second = list(tiny.pairs())[:2]
    (outputs.root / "sketch" / first.name).write_bytes((outputs.root / "sketch" / second.name).read_bytes())
    assert next(kept(outputs, "sketch", tiny))[1].status == "failed: altered since the run"


def test_kept_images_are_scored_like_outputs(tiny, tmp_path):
    write_narrow("lin2020", tmp_path / "weights")
    outputs = run("lin2020", tiny, tmp_path / "out", weights=tmp_path / "weights", execution=CPU, keep=["initial"])
    scores = score(tiny, outputs.root / "initial", metrics=["psnr"])
    assert scores.meta.method == "lin2020:initial"
    assert np.isfinite(scores.values(scores.meta.columns[0].signature)).all()


@pytest.mark.parametrize(
    ("method", "keep", "options", "words"),
    [
        ("lin2020", ["skech"], {}, r"intermediate result 'skech' of method 'lin2020'.*sketch, kernel, initial"),
        ("unsharp", ["sketch"], {}, "method 'unsharp' keeps no intermediate results"),
        ("lin2020", ["sketch"], {"tile": 64}, "whole images"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_one_line(tiny, tmp_path, method, keep, options, words):
    write_narrow("lin2020", tmp_path / "weights")
    weights = tmp_path / "weights"
    with pytest.raises(InputError, match=words) as found:
        run(method, tiny, tmp_path / "out", keep=keep, options=options, weights=weights, execution=CPU)
    assert "\n" not in str(found.value)
    assert not (tmp_path / "out").exists()


def test_classes_are_read_back_from_their_colours():
    labels = np.arange(11).reshape(1, 11)
    assert (classes_in(coloured(labels)) == labels).all()
    assert classes_in(LABEL_COLOURS[None] // 2 + 3) is None
