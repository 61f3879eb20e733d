"""Outputs on disk: finished, unfinished, foreign, damaged, of another set."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.files.stores import create_array, write_pixels
from facedeblur.benchmark.files.tables import read_rows, write_rows
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.sets.set import Set


def write_outputs(root: Path, of: Set, *, store: str = "png", **info: object) -> Outputs:
    """Outputs as the runner writes them, of a method that returns its input."""
    root.mkdir()
    if store == "npy":
        create_array(root, "restored", count=of.n_pairs, size=(20, 16))
    rows = []
    for pair in of.pairs():
        pixels = of.blurred(pair)
        write_pixels(root, f"restored/{pair.name}" if store == "npy" else pair.name, pair.index, pixels, store=store)
        rows.append(Status(pair.index, pair.pair_id, "ok", 0.25, pixel_hash(pixels)))
    write_rows(root / "status.csv", Status, rows)
    described = {
        "schema": 1, "method": "copy", "version": "1", "oracle": False, "foreign": False, "options": {}, "weights": {},
        "store": store, "set": {"name": of.name, "hash": of.content_hash},
    }  # fmt: skip
    (root / "run.json").write_text(json.dumps(described | info))
    return Outputs.open(root, of)


@pytest.mark.parametrize("store", ["png", "npy"])
def test_outputs_read_back(toy, tmp_path, store):
    outputs = write_outputs(tmp_path / "out", toy, store=store)
    assert (outputs.method, outputs.store, outputs.foreign) == ("copy", store, False)
    rows = list(outputs.statuses())
    assert [row.pair_id for row in rows] == [pair.pair_id for pair in toy.pairs()]
    assert all(row.ok and row.seconds == 0.25 for row in rows)
    for pair, row in zip(toy.pairs(), rows, strict=True):
        assert pixel_hash(outputs.restored(pair, (20, 16))) == row.sha256 == pair.sha256
    assert outputs.extra == ()


@pytest.mark.parametrize("store", ["png", "npy"])
def test_hashes_are_the_same_whichever_is_asked_for_first(toy, tmp_path, store):
    write_outputs(tmp_path / "out", toy, store=store)
    one, other = (Outputs.open(tmp_path / "out", toy) for _ in range(2))
    assert (one.run_hash, one.files_hash) == (other.files_hash, other.run_hash)[::-1]


def test_the_store_does_not_change_the_run_hash(toy, tmp_path):
    png, npy = (write_outputs(tmp_path / store, toy, store=store) for store in ("png", "npy"))
    assert png.run_hash == npy.run_hash
    assert len(png.run_hash) == 64


CHANGES = [
    {"method": "other"},
    {"version": "2"},
    {"options": {"a": 1}},
    {"weights": {"g": "f"}},
    {"code": {"m.py": "0"}},
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_run_hash_tells_runs_apart(toy, tmp_path, change):
    assert write_outputs(tmp_path / "a", toy).run_hash != write_outputs(tmp_path / "b", toy, **change).run_hash


def test_the_run_hash_tells_pixels_apart(toy, tmp_path):
    outputs = write_outputs(tmp_path / "a", toy)
    before = outputs.run_hash
    rows = list(outputs.statuses())
    write_rows(outputs.root / "status.csv", Status, [*rows[:-1], replace(rows[-1], sha256="0" * 64)])
    assert Outputs.open(outputs.root, toy).run_hash != before


def test_outputs_of_another_set_are_refused(toy, tmp_path):
    with pytest.raises(InputError) as refused:
        write_outputs(tmp_path / "out", toy, set={"name": "elsewhere", "hash": "12ab" * 16})
    line = str(refused.value)
    assert "the outputs of 'copy' belong to another set" in line
    assert f"expected set 'toy' ({toy.content_hash[:12]})" in line
    assert "found set 'elsewhere' (12ab12ab12ab)" in line
    assert "give the set that they were made from" in line


def test_a_folder_that_is_none(toy, tmp_path):
    with pytest.raises(InputError, match="not found"):
        Outputs.open(tmp_path / "absent", toy)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="found a file"):
        Outputs.open(tmp_path / "file", toy)


def test_an_unfinished_run_is_refused(toy, tmp_path):
    outputs = write_outputs(tmp_path / "out", toy)
    (outputs.root / "run.json").rename(outputs.root / "run.partial.json")
    with pytest.raises(InputError, match="run the same facedeblur run command again"):
        Outputs.open(outputs.root, toy)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', "\x00"])
def test_a_damaged_description_is_named(toy, tmp_path, text):
    outputs = write_outputs(tmp_path / "out", toy)
    (outputs.root / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run.json: .*the description of a run"):
        Outputs.open(outputs.root, toy)


def test_another_schema_is_refused(toy, tmp_path):
    with pytest.raises(InputError, match="expected schema 1, found 99"):
        write_outputs(tmp_path / "out", toy, schema=99)


@pytest.mark.parametrize("cut", ["shorter", "longer", "swapped"])
def test_a_table_that_does_not_fit_the_set_is_refused(toy, tmp_path, cut):
    outputs = write_outputs(tmp_path / "out", toy)
    table = outputs.root / "status.csv"
    rows = list(read_rows(table, Status))
    changed = {"shorter": rows[:-1], "longer": [*rows, rows[0]], "swapped": [rows[1], rows[0], *rows[2:]]}[cut]
    write_rows(table, Status, changed)
    with pytest.raises(InputError, match=r"status.csv"):
        list(Outputs.open(outputs.root, toy).statuses())


def test_a_foreign_folder_is_taken_by_its_file_names(toy, tmp_path):
    root = tmp_path / "their-method"
    root.mkdir()
    pairs = list(toy.pairs())
    for pair in pairs[1:]:
        write_png(root / pair.name, toy.blurred(pair))
    write_png(root / "unknown.png", toy.blurred(pairs[0]))
    (root / "thumb.JPG").write_bytes(b"x")
    (root / "notes.txt").write_text("not an image")
    (root / ".hidden.png").write_bytes(b"x")
    outputs = Outputs.open(root, toy)
    assert (outputs.method, outputs.foreign, outputs.info["oracle"]) == ("their-method", True, False)
    rows = list(outputs.statuses())
    assert rows[0].status == "failed: output missing"
    assert all(row.ok and math.isnan(row.seconds) and row.sha256 == "" for row in rows[1:])
    assert np.array_equal(outputs.restored(pairs[2], (20, 16)), toy.blurred(pairs[2]))
    assert outputs.extra == ("thumb.JPG", "unknown.png")
    before = outputs.run_hash
    write_png(root / pairs[3].name, toy.blurred(pairs[0]))
    assert Outputs.open(root, toy).run_hash != before
    assert Outputs.open(root, toy, check=False).foreign
    assert Outputs.open(root.rename(tmp_path / "two\nlines\u202e"), toy).method == "two lines "


def test_a_folder_without_any_file_of_the_set_is_refused(toy, tmp_path):
    root = tmp_path / "empty"
    root.mkdir()
    (root / "unrelated.png").write_bytes(b"x")
    with pytest.raises(InputError, match="no file in it has the name of a blurred image of set 'toy'"):
        Outputs.open(root, toy)


def test_a_bad_output_is_named(toy, tmp_path):
    root = tmp_path / "out"
    root.mkdir()
    pairs = list(toy.pairs())
    whole = toy.blurred(pairs[0])
    write_png(root / pairs[0].name, whole[:-1])
    cv2.imwrite(str(root / pairs[1].name), whole[..., 0])
    write_png(root / pairs[2].name, whole)
    (root / pairs[2].name).write_bytes((root / pairs[2].name).read_bytes()[:-20])
    cv2.imwrite(str(root / pairs[3].name), whole.astype(np.uint16) * 257)
    (root / pairs[4].name).write_text("a text file")
    outputs = Outputs.open(root, toy)
    reasons = ["16x20 pixels, found 16x19", "8-bit RGB, found 8-bit grey", "truncated", "8-bit RGB, found 16-bit RGB",
               "starts with 'a text file'", "not found"]  # fmt: skip
    for pair, reason in zip(pairs, reasons, strict=True):
        with pytest.raises(InputError, match=reason):
            outputs.restored(pair, (20, 16))


def test_outputs_whose_folder_was_deleted_say_so_in_a_notebook(toy, tmp_path):
    outputs = write_outputs(tmp_path / "copy", toy)
    assert "cannot be shown" not in outputs._repr_html_()
    shutil.rmtree(outputs.root)
    assert "cannot be shown" in outputs._repr_html_()
