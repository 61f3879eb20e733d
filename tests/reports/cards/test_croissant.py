"""The card for programs has the terms of Croissant and what is known of the set."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from facedeblur.benchmark.sets.set import Set
from facedeblur.reports.cards.croissant import CONTEXT
from facedeblur.reports.cards.write import card

pytest.importorskip("yaml")


def made(the_set: Set, folder: Path, **given: object) -> dict[str, Any]:
    card(the_set, folder, **given)
    found: dict[str, Any] = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    return found


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    for inner in value if isinstance(value, list) else []:
        yield from keys(inner)


def test_what_is_required_is_there(tiny: Set, tmp_path: Path) -> None:
    found = made(tiny, tmp_path / "card", repo="me/tiny", creators=["A"], date="2026-05-31", release="1.2.0")
    assert found["conformsTo"] == ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
    assert found["@type"] == "sc:Dataset" and found["name"] == "tiny" and found["version"] == "1.2.0"
    assert found["url"] == "https://huggingface.co/datasets/me/tiny" and found["datePublished"] == "2026-05-31"
    assert found["creator"] == [{"@type": "sc:Person", "name": "A"}]
    assert found["license"] == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert found["citeAs"].startswith("@misc{tiny-") and found["identifier"] == f"sha256:{tiny.content_hash}"


def test_what_is_not_known_is_absent(tiny: Set, tmp_path: Path) -> None:
    found = made(tiny, tmp_path / "card")
    assert "creator" not in found and "datePublished" not in found
    assert found["url"] == f"urn:sha256:{tiny.content_hash}"


def test_where_it_is_from(tiny: Set, tmp_path: Path) -> None:
    found = made(tiny, tmp_path / "card")
    assert found["prov:wasDerivedFrom"] == [
        {"@type": "prov:Entity", "prov:label": "faker: 3 photographs", "license": "CC0 1.0"}
    ]
    activity = found["prov:wasGeneratedBy"]
    assert activity["prov:label"] == "recipe tiny, seed 7"
    assert activity["prov:wasAssociatedWith"]["softwareRequirements"] == ["numpy 2"]


def test_terms_are_known(tiny: Set, tmp_path: Path) -> None:
    """Each term is in the context, has a prefix that is, or is one of schema.org's."""
    text = "name description url license version identifier keywords creator datePublished distribution"
    schema = {*text.split(), "contentUrl", "contentSize", "encodingFormat", "sha256", "softwareRequirements"}
    found = made(tiny, tmp_path / "card", creators=["A"], date="2026-05-31")
    body = {key: value for key, value in found.items() if key != "@context"}
    for key in keys(body):
        prefix, colon, _ = key.partition(":")
        assert key.startswith("@") or (prefix if colon else key) in CONTEXT or key in schema, key


def test_properties_of_responsible_ai_are_those_of_the_vocabulary(tiny: Set, tmp_path: Path) -> None:
    constants = pytest.importorskip("mlcroissant._src.core.constants", reason="package mlcroissant is not installed")
    known = {str(value) for name, value in vars(constants).items() if name.startswith("ML_COMMONS_")}
    used = {key for key in keys(made(tiny, tmp_path / "card")) if key.startswith("rai:")}
    assert {"rai:dataCollection", "rai:dataBiases", "rai:personalSensitiveInformation"} <= used
    assert {key.replace("rai:", CONTEXT["rai"]) for key in used} <= known


def test_ids_are_unique_and_references_lead_somewhere(small_set: Callable[..., Set], tmp_path: Path) -> None:
    found = made(small_set(tmp_path / "set", labels=True, gallery=True), tmp_path / "card")
    parts = [*found["distribution"], *found["recordSet"], *(one for r in found["recordSet"] for one in r["field"])]
    ids = [one["@id"] for one in parts]
    assert len(set(ids)) == len(ids)
    assert {"blur-files", "sharp-files", "labels-files", "gallery-files", "kernels.npz"} <= set(ids)

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if set(value) == {"@id"}:
                yield value["@id"]
            for inner in value.values():
                yield from references(inner)
        for inner in value if isinstance(value, list) else []:
            yield from references(inner)

    assert set(references(found["recordSet"])) <= set(ids)
