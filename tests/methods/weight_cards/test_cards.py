"""Cards of weight files: complete, in agreement with the files that are there, and found by hash and name."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.weights import VARIABLE, WEIGHTS
from facedeblur.methods.kinds.state_file import DEBLURRING, FACES
from facedeblur.methods.nets.base import NETS, declared
from facedeblur.methods.weight_cards.cards import (
    Card,
    CardFile,
    card_named,
    card_of_hash,
    card_of_name,
    cards,
    checked_cards,
    find_card_files,
)
from facedeblur.methods.weight_cards.data_sets import data_sets

BASE = "fb6081a998c9e64ca3db3e792044da0adeb784c832b4c4531b3b589ec03a78a2"


def test_every_weight_file_that_the_toolkit_loads_has_a_card():
    ours = {name for name in NETS if declared(name).module.startswith("facedeblur.") and declared(name).files}
    wanted = {*WEIGHTS, *ours, *DEBLURRING, *FACES, "mtcnn", "facedeblur-base", "li-2018", "facedeblur"}
    assert wanted <= {card.belongs_to for card in cards()}


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.name)
def test_a_card_says_where_its_facts_were_read(card):
    assert card.source and card.read_from
    assert not any(file.sha256 for file in card.file) or any("sha256: " in place for place in card.read_from)
    # Every name that has an entry of its own is written as the entry.
    usual = {name.lower(): name for name in data_sets()}
    assert [name for name in card.trained_on if usual.get(name.lower(), name) != name] == []


@pytest.mark.parametrize("name", [name for name, weight in WEIGHTS.items() if weight.sha256])
def test_hashes_are_those_that_providers_demand(name):
    found = {file.sha256 for card in cards() if card.belongs_to == name for file in card.file}
    assert found == {WEIGHTS[name].sha256}


@pytest.mark.parametrize("name", ["facedeblur-base", "parser", "li-2018"])
def test_the_weights_in_the_package_agree_with_their_cards(name):
    (found,) = find_card_files(card_named(name))
    assert found.hash_state == "agrees" and found.path is not None
    assert found.digest == sha256(found.path.read_bytes()).hexdigest()


def test_files_of_others_agree_with_their_cards(shared_data, monkeypatch):
    folders = [shared_data / "models" / name for name in ("detectors", "edgeface", "mobilefacenet_y1")]
    monkeypatch.setenv(VARIABLE, ":".join(map(str, folders)))
    found = [one for card in cards() for one in find_card_files(card)]
    there = {one.name: one.hash_state for one in found if one.path}
    assert {"edgeface_xs_q.pt", "model-0000.params", "face_detection_yunet_2026may.onnx"} <= there.keys()
    assert set(there.values()) == {"agrees"}


def test_another_file_of_that_name_differs(tmp_path, monkeypatch):
    (tmp_path / "GFPGANv1.4.pth").write_bytes(b"something else")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (found,) = find_card_files(card_named("gfpgan-1.4"))
    assert found.hash_state == "differs" and found.path == tmp_path / "GFPGANv1.4.pth"
    (absent,) = find_card_files(card_named("gfpgan-1.3"))
    assert absent.hash_state == "known" and absent.path is None
    (tmp_path / "latest_net_G.pth").write_bytes(b"of unknown hash")
    assert find_card_files(card_named("deblurgan"))[0].hash_state == "unknown"


def test_a_card_is_found_by_its_name_and_by_that_of_a_file():
    assert card_named("NAFNet-GoPro-width64").name == "nafnet-gopro-width64"
    assert card_named("NAFNet-GoPro-width64.pth").name == "nafnet-gopro-width64"
    assert card_named("encoder_lv3.pkl").name == "dmphn"
    with pytest.raises(InputError, match="did you mean 'codeformer'"):
        card_named("codeformr")


def test_a_hash_tells_a_card_by_all_the_digits_that_the_card_has():
    for digest, name in (
        (BASE, "facedeblur-base"),
        (BASE.upper(), "facedeblur-base"),
        ("dcbb9e9d" + "0" * 56, "vgg19"),
    ):
        assert getattr(card_of_hash(digest), "name", "") == name
    assert card_of_hash(BASE[:-1] + "0") is None and card_of_hash("") is None


def test_a_name_tells_only_where_no_hash_and_no_other_weights_contradict():
    assert card_of_name("fftformer_GoPro.pth", "FFTformer").trained_on == ("GoPro",)  # type: ignore[union-attr]
    assert card_of_name("encoder_lv2.pkl", "dmphn").name == "dmphn"  # type: ignore[union-attr]
    assert card_of_name("fftformer_GoPro.pth", "NAFNet") is None
    assert card_of_name("Uformer_B.pth", "Uformer") is None, "the weights for denoising are called like that, too"
    assert card_of_name("NAFNet-GoPro-width64.pth", "NAFNet") is None, "its hash is known, so this is another file"


def test_the_licence_shown_says_whether_it_is_that_of_the_code():
    assert card_named("codeformer").shown_licence == "S-Lab License 1.0 (non-commercial)"
    assert card_named("nafnet-gopro-width32").shown_licence == "MIT (code)"
    assert card_named("restormer-motion-deblurring").shown_licence == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "b"}, "given twice"),
        ({"use": "cooking"}, "use"),
        ({"file": (CardFile("w.pt", "12ab"),)}, "8 to 64 hex digits"),
        ({"file": (CardFile("w.pt", "X" * 64),)}, "8 to 64 hex digits"),
        ({"read_from": ()}, "'read_from' is missing"),
    ],
)
def test_cards_that_do_not_agree_with_themselves_are_refused(change, said):
    card = Card("a", "metrics", "a", "https://example.org", read_from=("its README",))
    assert checked_cards((card,)) == (card,)
    with pytest.raises(InputError, match=said):
        checked_cards((replace(card, name="b"), replace(card, **change)))
