"""The parsing network of a method as a parser, and label images that a run kept, in the parsing test."""

from __future__ import annotations

import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from narrow_nets import NARROW, write_narrow

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import PARSERS, provider
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.weights import sha256_of
from facedeblur.benchmark.whole_set.fid import fid
from facedeblur.benchmark.whole_set.parsing import Parsing, parser_named
from facedeblur.methods.labelling import Labeller
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.parsing import _Test, parse
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run


@pytest.fixture(autouse=True)
def _forget():
    """Paths repeat among the tests; weights do not."""
    parser_named.cache_clear()


@pytest.mark.parametrize("name", ["shen2018", "shen2020"])
def test_it_is_the_network_p_of_these_weights(name, tmp_path):
    net = write_narrow(name, tmp_path / "here, at@home")
    file = tmp_path / "here, at@home" / f"{name}.safetensors"
    digest = sha256_of(file)[:8]
    face = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), np.uint8)
    with torch.no_grad():
        wanted = net.parser(torch.from_numpy(face).permute(0, 3, 1, 2) / 255).argmax(1).numpy()
    for spec in (f"{name}:{file.parent}", f"{name}:{file}", f"{name}@{digest}:{file}"):
        parser = provider(PARSERS, spec)
        assert parser.definition == (f"{name}@{digest}",)
        assert np.array_equal(parser.parse(face), wanted)


def test_s_net_tells_the_four_groups_of_umsn(tmp_path, make_set):
    """Whatever it is in Helen's classes, a pixel of brows, eyes, nose, lips and teeth is one of the parts."""
    the_set = make_set(labelled=True, sizes=(13,), shapes=((64, 64),))
    net = write_narrow("umsn", tmp_path, stage="segmentation-sharp", until="parsing")
    spec = f"umsn:{tmp_path}"
    (pair,) = the_set.pairs()
    for given, pixels in ((None, the_set.blurred(pair)), ("sharp", the_set.sharp(the_set.image_of(pair)))):
        # The shorter side has 128 pixels in front of the network.
        picture = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        large = torch.nn.functional.interpolate(picture, (128, 128), mode="bilinear", antialias=True)
        logits = net.outputs(large, until="parsing")["parsing"]
        scores = torch.nn.functional.interpolate(logits, (64, 64), mode="bilinear")
        found = scores.argmax(1)[0].numpy()
        truth = np.array([0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3])[the_set.label(the_set.image_of(pair))]
        wanted = [2 * np.sum((found == k) & (truth == k)) / (np.sum(found == k) + np.sum(truth == k)) for k in range(4)]
        results = parse(the_set, [None], parser=spec, workers=1)
        one = results[0 if given else 1]
        assert list(one.scores("umsn4").values()) == pytest.approx(wanted, abs=2e-3)
    assert one.parser == f"umsn@{sha256_of(tmp_path / 'umsn.safetensors')[:8]}"
    assert one.not_parsed("umsn4") == ()
    assert set(one.not_parsed()) == set(one.scores()) - {"background", "skin", "hair"}
    assert np.isnan(one.scores()["nose"]) and one.scores()["hair"] == one.scores("umsn4")["hair"]


def test_labels_need_each_class_by_itself(tmp_path):
    write_narrow("umsn", tmp_path)
    with pytest.raises(InputError, match="tells parts of a face as one class"):
        Labeller(f"umsn:{tmp_path}")


def test_weights_that_cannot_parse_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path / "none"))
    net = write_narrow("shen2020", tmp_path / "coarse", until="coarse")
    bare = NARROW["shen2020"] | {"semantics": "true"}
    without = make_network("shen2020", **bare)
    write_tensors(tmp_path / "true.safetensors", without.state_dict(), {"network": "shen2020", "config": bare})
    many = NARROW["shen2020"] | {"classes": 14}
    write_tensors(tmp_path / "14.safetensors", make_network("shen2020", **many).state_dict(),
                  {"network": "shen2020", "config": many})  # fmt: skip
    for spec, words in {
        f"shen2020:{tmp_path}/coarse": "trained as far as the coarse images only",
        f"shen2020:{tmp_path}/true.safetensors": "have no parsing network",
        f"shen2020:{tmp_path}/14.safetensors": "expected the 11 classes of Helen, found 14",
        "shen2020": "weights of 'shen2020' are missing",
        f"shen2020@0000:{tmp_path}/true.safetensors": "sha256 beginning with 0000",
        f"shen2020@ab:{tmp_path}/true.safetensors": "beginning with 4 digits or more, found 2",
        f"shen2020:{tmp_path}/nowhere": "nowhere",
        f"facedeblur:{tmp_path}": "option ':",
    }.items():
        with pytest.raises(InputError, match=words):
            provider(PARSERS, spec)
    assert net is not None


def test_workers_know_it():
    """What is sent to a worker imports this module there, where nothing else would."""
    sent = pickle.dumps(_Test.look)
    code = (
        f"import pickle; pickle.loads({sent!r})\n"
        "from facedeblur.benchmark.faces.base import PARSERS\nassert 'shen2020' in PARSERS"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_kept_parsing_is_scored_as_the_network_found_it(make_set, tmp_path, dlib_models):
    """P on its coarse images during the run: the pixels of every class are counted by hand."""
    the_set = make_set(labelled=True, sizes=(13, 19))
    net = write_narrow("shen2020", tmp_path / "weights")
    spec = f"shen2020:{tmp_path / 'weights'}"
    out = run("shen2020", the_set, tmp_path / "out", keep=["parsing"], weights=tmp_path / "weights",
              execution=Execution(device="cpu", batch=1))  # fmt: skip
    sharp, fine, kept = parse(the_set, [out, out.root / "parsing"], parser=spec, workers=1)
    assert (kept.method, kept.parser) == ("shen2020:parsing", sharp.parser) and fine.parser == sharp.parser
    hits = np.zeros(11, np.int64)
    for pair in the_set.pairs():
        blurred = torch.from_numpy(the_set.blurred(pair)).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            found = net.outputs(blurred)["parsing"].argmax(1)[0].numpy()
        truth = the_set.label(the_set.image_of(pair))
        hits += np.bincount(truth[truth == found], minlength=11)
    assert np.abs(kept.counts().sum(axis=0)[:, 0] - hits).max() <= 2  # a tie may fall otherwise in a batch
    assert kept.scores() != fine.scores() and Parsing.read(out.root / "parsing") == kept
    assert parse(the_set, out.root / "parsing", workers=1) == kept, "whatever parses the other images"
    for refused in (partial(score, metrics=["psnr"]), partial(fid, by="dlib-resnet")):
        with pytest.raises(InputError, match=r"label images, not restored ones; run: facedeblur parse"):
            refused(the_set, out.root / "parsing", workers=1)


def test_a_picture_among_kept_labels_is_a_failure(make_set, tmp_path):
    the_set = make_set(labelled=True, sizes=(13,), shapes=((128, 128),))
    write_narrow("shen2020", tmp_path / "weights")
    out = run("shen2020", the_set, tmp_path / "out", keep=["parsing"], weights=tmp_path / "weights",
              execution=Execution(device="cpu", batch=1))  # fmt: skip
    pair = next(iter(the_set.pairs()))
    table = out.root / "parsing" / "status.csv"
    table.write_text(table.read_text().rpartition(",")[0] + ",\n")  # the hash of the labels
    write_png(out.root / "parsing" / pair.name, the_set.blurred(pair))
    found = parse(the_set, out.root / "parsing", workers=1)
    assert found.rows["status"].to_list() == ["failed: expected the colours of the classes, found others"]
    assert found.misses == 1 and found.mean() == 0
