"""The page of a card: the Hub reads its fields, and names from outside do nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from facedeblur.benchmark.sets.set import Set
from facedeblur.reports.cards.write import card

yaml = pytest.importorskip("yaml")


def page(made: Set, folder: Path, **given: object) -> tuple[dict[str, object], str]:
    card(made, folder, **given)
    text = (folder / "README.md").read_text(encoding="utf-8")
    fields, _, body = text.removeprefix("---\n").partition("\n---\n")
    return yaml.safe_load(fields), body


def test_fields_of_the_hub(tiny: Set, tmp_path: Path) -> None:
    fields, body = page(tiny, tmp_path / "card", repo="me/tiny")
    assert fields == {
        "pretty_name": "tiny (Tiny)",
        "license": "cc0-1.0",
        "task_categories": ["image-to-image"],
        "size_categories": ["n<1K"],
        "tags": ["face-deblurring", "motion-deblurring", "image-restoration", "faces", "croissant", "facedeblur"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "test", "path": ["metadata.csv", "blur/*.png", "sharp/*.png"]}],
            }
        ],
    }
    assert 'load_dataset("me/tiny", split="test")' in body and "--local-dir set" in body
    assert f"Content hash: `{tiny.content_hash}`" in body and tiny.info["recipe"].strip() in body
    assert "| faker: 3 photographs | CC0 1.0 |" in body
    assert "facedeblur build recipe.toml --faces PHOTOGRAPHS --seed 7 -o set" in body


def test_the_hub_accepts_the_card(tiny: Set, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card(tiny, tmp_path / "card")
    data = hub.DatasetCard((tmp_path / "card" / "README.md").read_text(encoding="utf-8")).data
    assert (data.license, data.task_categories, data.size_categories) == ("cc0-1.0", ["image-to-image"], ["n<1K"])


def test_names_from_outside_are_texts(small_set: Callable[..., Set], tmp_path: Path) -> None:
    name = "a|b <script>alert(1)</script>\n---\nlicense: mit"
    source = {"licence": "CC0 1.0", "collection": "c|d\n# heading <img>"}
    made = small_set(tmp_path / "set", name=name, recipe="# ```\n# ````\nname = 'x'\n", sources=(source,))
    fields, body = page(made, tmp_path / "card", creators=["x} , y"])
    assert fields["license"] == "cc0-1.0" and fields["pretty_name"] == f"{name} (Tiny)"
    shown = re.sub(r"(`{3,})\w+\n.*?\n\1", "", body, flags=re.DOTALL)
    assert "<script>" not in shown and "<img>" not in shown and "\n# heading" not in shown
    assert "`````toml\n# ```\n# ````" in body
    (entry,) = re.findall(r"```bibtex\n(.*?)\n```", body, re.DOTALL)
    assert "author = {{x\\} , y}}" in entry and entry.count("\n@") == 0


def test_the_citation(tiny: Set, tmp_path: Path) -> None:
    given = {"creators": ["A. Author", "B & C"], "date": "2026-05-31", "repo": "me/tiny", "release": "2.0.0"}
    _, body = page(tiny, tmp_path / "card", **given)
    (entry,) = re.findall(r"```bibtex\n(.*?)\n```", body, re.DOTALL)
    assert entry.splitlines() == [
        f"@misc{{tiny-{tiny.content_hash[:10]},",
        "  title = {tiny (Tiny)},",
        "  author = {{A. Author} and {B \\& C}},",
        "  year = {2026},",
        "  version = {2.0.0},",
        "  url = {https://huggingface.co/datasets/me/tiny},",
        f"  note = {{Face-deblurring set made with facedeblur 0.1.0, content hash {tiny.content_hash}}},",
        "}",
    ]


def test_a_set_without_sharp_images(small_set: Callable[..., Set], tmp_path: Path) -> None:
    fields, body = page(small_set(tmp_path / "set", reference=False), tmp_path / "card")
    assert fields["configs"][0]["data_files"][0]["path"] == ["metadata.csv", "blur/*.png"]
    assert "sharp/" not in body and 'pairs[0]["blur"], pairs[0]["kernel_size"]' in body


def test_faces_of_the_package_need_no_photographs(small_set: Callable[..., Set], tmp_path: Path) -> None:
    recipe = 'name = "tiny"\n[faces]\npackage = ["open-small"]\n'
    assumed = [{"key": "blur.border", "text": "Not stated."}]
    _, body = page(small_set(tmp_path / "set", recipe=recipe, assumptions=assumed), tmp_path / "card")
    assert "`facedeblur build recipe.toml --seed 7 -o set` makes the set again" in body
    assert "- `blur.border`: Not stated." in body
