"""``facedeblur info``: cards of weight files."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from facedeblur.benchmark.weights import VARIABLE
from facedeblur.cli.info import info
from facedeblur.methods.weight_cards.cards import USES, cards


def shown(*words: str) -> str:
    done = CliRunner().invoke(info, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_cards_fit_a_hundred_columns():
    lines = shown("--weights").splitlines()
    assert max(map(len, lines[:-3])) <= 100
    assert [line for line in lines if line in USES.values()] == list(USES.values())
    head = next(line for line in lines if line.startswith("file "))
    assert head.split() == ["file", "found", "hash", "licence", "trained", "on", "published"]
    base = lines[lines.index("deblurring") + 2]
    assert "package" in base and "agrees" in base and "CelebAMask-HQ" in base


def test_one_card_is_shown_whole_with_its_sources(tmp_path, monkeypatch):
    (tmp_path / "codeformer.pth").write_bytes(b"another file")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    told = shown("--weights", "CodeFormer.pth")
    assert told.startswith("codeformer\n")
    assert str(tmp_path / "codeformer.pth") in told and "differs from the card" in told
    assert "S-Lab License 1.0" in told and "FFHQ" in told and "read from" in told
    assert "unknown (of the weights)" in shown("--weights", "nafnet-gopro-width64")
    assert "unknown" in shown("--weights", "kbnet-l")


def test_cards_as_json_have_every_fact():
    found = json.loads(shown("--weights", "--json"))
    assert [one["name"] for one in found] == [card.name for card in cards()]
    assert found[0]["files"][0]["hash"] == "agrees" and found[0]["trained_on"] == ["CelebAMask-HQ"]
    (one,) = json.loads(shown("--weights", "vgg19", "--json"))
    assert one["files"][0]["sha256"] == "dcbb9e9d"


def test_an_unknown_card_is_refused_with_the_nearest_name():
    from facedeblur.benchmark.errors import InputError

    with pytest.raises(InputError, match="did you mean 'mprnet-deblurring'"):
        CliRunner().invoke(info, ["--weights", "mprnet-deblur"], catch_exceptions=False)
    assert CliRunner().invoke(info, ["--json"]).exit_code == 2
