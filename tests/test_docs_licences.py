"""The licences of code and weights are stated alike wherever a user may look."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from facedeblur.cli.main import facedeblur

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = sorted(
    path
    for floor in ("benchmark", "generators", "methods", "reports")
    for path in (ROOT / floor).rglob("*.safetensors")
)
TERMS = "non-commercial research only"
FREE = {"li-2018": "MIT, as the code (trained on generated CC0 portraits)"}
DATA = "CelebAMask-HQ"


def section(text: str, heading: str) -> str:
    """Text below a heading of a Markdown page, as one line."""
    found = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section '{heading}'"
    return " ".join(found[1].replace("**", "").split())


def test_the_package_ships_four_weight_files():
    assert [path.stem for path in WEIGHTS] == ["parser", "li-2018", "facedeblur-base", "lin2020-small"]


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda path: path.stem)
def test_the_cards_of_a_weight_file_state_its_licence(weights):
    licence = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))["licence"]
    assert licence == FREE[weights.stem] if weights.stem in FREE else TERMS in licence and DATA in licence
    card = weights.with_suffix(".md").read_text(encoding="utf-8")
    assert re.search(rf"^\| licence \| {re.escape(licence)}; the code is under the MIT licence \|$", card, re.MULTILINE)


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda path: path.stem)
def test_the_licence_of_the_weights_names_each_file_and_its_content(weights):
    text = (ROOT / "LICENSE-weights.md").read_text(encoding="utf-8")
    digest = sha256(weights.read_bytes()).hexdigest()
    assert re.search(rf"^\| `{weights.relative_to(ROOT).as_posix()}` \| .* \| `{digest}` \|$", text, re.MULTILINE)
    assert digest in weights.with_suffix(".md").read_text(encoding="utf-8")


def test_code_and_weights_are_told_apart_everywhere():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert setup["metadata"]["license"] == "MIT AND CC0-1.0 AND LicenseRef-facedeblur-weights"
    assert setup["metadata"]["license_files"].split() == ["LICENSE", "LICENSE-weights.md", "LICENSE-faces.md"]
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert "\nlicense: MIT\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for text in (
        section((ROOT / "LICENSE-weights.md").read_text(encoding="utf-8"), "Licence of the weights"),
        section((ROOT / "README.md").read_text(encoding="utf-8"), "Licence"),
    ):
        assert "MIT" in text and TERMS in text and DATA in text


def test_info_prints_them():
    shown = CliRunner().invoke(facedeblur, ["info"], catch_exceptions=False).output
    assert re.search(r"^  code +MIT$", shown, re.MULTILINE)
    for weights in WEIGHTS:
        terms = FREE.get(weights.stem, f"{TERMS} (trained on {DATA})")
        assert re.search(rf"^  weights {weights.stem} +{re.escape(terms)}$", shown, re.MULTILINE)
