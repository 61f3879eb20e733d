"""What a run records of training data and licence, and from where it knows them."""

from __future__ import annotations

import json
import sys
from hashlib import sha256

import pytest

from facedeblur.benchmark.outputs import Outputs
from facedeblur.methods.base import METHODS, Spec
from facedeblur.methods.find import find_method
from facedeblur.methods.nets.loading import SHIPPED
from facedeblur.methods.running.runner import run
from facedeblur.methods.weight_cards.cards import card_named
from facedeblur.methods.weight_cards.facts import TOLD_BY, Facts, facts_of, facts_of_run

BASE = SHIPPED / "facedeblur-base.safetensors"
DIGEST = "fb6081a998c9e64ca3db3e792044da0adeb784c832b4c4531b3b589ec03a78a2"

PLUGIN = '''
from facedeblur.methods import method


@method("stated", trained_on=["celeba-hq", "My own"], licence="CC BY 4.0")
class Stated:
    """Half as bright."""

    def restore(self, blurred):
        return blurred * 0.5
'''


def spec(**given) -> Spec:
    return Spec("net", "1", False, (), "", **given)


def test_the_hash_of_a_file_tells_its_card():
    found = facts_of(spec(), {BASE.name: BASE}, {BASE.name: DIGEST})
    assert found == Facts(("CelebAMask-HQ",), "non-commercial research only", "hash")


def test_the_name_of_a_file_tells_only_for_the_network_that_it_belongs_to(tmp_path):
    file = tmp_path / "fftformer_GoPro.pth"
    file.write_bytes(b"x")
    digest = sha256(b"x").hexdigest()
    found = facts_of(spec(network="FFTformer"), {file.name: file}, {file.name: digest})
    assert found == Facts(("GoPro",), "MIT (code)", "name")
    assert facts_of(spec(), {file.name: file}, {file.name: digest}) == Facts()


def test_several_files_are_told_together(tmp_path):
    files = {name: tmp_path / name for name in ("SMaps_Best.pth", "Deblur_epoch_Best.pth")}
    for path in files.values():
        path.write_bytes(b"x")
    found = facts_of(Spec("umsn", "1", False, (), ""), files, dict.fromkeys(files, "0" * 64))
    assert found == Facts(("Helen", "CelebA"), "MIT (code)", "name")


def test_what_a_method_states_itself_comes_first():
    files, hashes = {BASE.name: BASE}, {BASE.name: DIGEST}
    assert facts_of(spec(trained_on=("GOPRO_Large",)), files, hashes) == Facts(
        ("GoPro",), "non-commercial research only", "description"
    )
    assert facts_of(spec(licence="mine"), files, hashes) == Facts(("CelebAMask-HQ",), "mine", "hash")
    assert facts_of(spec(licence="mine"), {}, {}) == Facts((), "mine", "description")
    assert set(TOLD_BY) == {"description", "hash", "training", "name"}


def test_a_run_that_recorded_nothing_is_told_by_the_hashes_of_its_weights():
    assert facts_of_run({"weights": {"any.safetensors": DIGEST}}).trained_on == ("CelebAMask-HQ",)
    recorded = {"trained_on": ["LFW"], "licence": "", "told_by": "description", "weights": {"a": DIGEST}}
    assert facts_of_run(recorded) == Facts(("LFW",), "", "description")
    assert facts_of_run({}) == Facts()


def test_the_method_whose_weights_are_its_own_states_what_its_card_says():
    card = card_named("li-2018")
    assert facts_of(find_method("li-2018").spec, {}, {}) == Facts(card.trained_on, card.licence, "description")


def test_a_plugin_states_them_and_the_run_records_them(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(METHODS, "_entries", dict(METHODS._entries))
    plugin = tmp_path / "stated.py"
    plugin.write_text(PLUGIN, encoding="utf-8")
    out = run("stated", tiny, tmp_path / "out", plugin=plugin, workers=1)
    assert out.info["trained_on"] == ["CelebA-HQ", "My own"]
    assert (out.info["licence"], out.info["told_by"]) == ("CC BY 4.0", "description")
    # An unchanged method resumes, and a run from before has the same hash.
    info = json.loads((out.root / "run.json").read_text(encoding="utf-8"))
    for key in ("trained_on", "licence", "told_by"):
        del info[key]
    (out.root / "run.json").write_text(json.dumps(info), encoding="utf-8")
    before = Outputs.open(out.root, tiny)
    assert before.run_hash == out.run_hash
    assert run("stated", tiny, tmp_path / "out", plugin=plugin, workers=1).run_hash == out.run_hash


def test_a_description_states_them_and_they_change_nothing_else(tmp_path):
    block = tmp_path / "mine.toml"
    argv = json.dumps([sys.executable, "-c", "pass", "{input}", "{output}"])
    block.write_text(f'kind = "command"\nargv = {argv}\n', encoding="utf-8")
    bare = find_method(block)
    with block.open("a", encoding="utf-8") as file:
        file.write('trained_on = ["CelebAMask-HQ", "FFHQ"]\nlicence = "MIT"\n')
    told = find_method(block)
    assert facts_of(told.spec, told.weights, told.hashes) == Facts(("CelebAMask-HQ", "FFHQ"), "MIT", "description")
    assert facts_of(bare.spec, bare.weights, bare.hashes) == Facts()
    assert (told.options, told.code, told.shown) == (bare.options, bare.code, bare.shown)


def test_a_file_of_a_network_states_them_in_its_description(tmp_path):
    torch = pytest.importorskip("torch")
    torch.jit.script(torch.nn.Identity()).save(str(tmp_path / "net.ts"))
    (tmp_path / "net.toml").write_text(
        'kind = "torchscript"\npath = "net.ts"\ntrained_on = ["GoPro"]\n', encoding="utf-8"
    )
    found = find_method(tmp_path / "net.toml")
    assert facts_of(found.spec, found.weights, found.hashes) == Facts(("GoPro",), "", "description")
    assert found.options == find_method(tmp_path / "net.ts").options


def test_the_network_in_the_package_runs_with_its_card(tiny, tmp_path):
    pytest.importorskip("torch")
    out = run("facedeblur-base", tiny, tmp_path / "out", limit=1, workers=1)
    assert out.info["trained_on"] == ["CelebAMask-HQ"] and out.info["told_by"] == "hash"
