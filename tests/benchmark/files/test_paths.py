"""Paths from files stay in their folder, and files without an end are not read."""

from __future__ import annotations

import ast
import os
import socket
from pathlib import Path

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.paths import file_stem, inside, open_file, optional_path, read_file, special_kind

ROOT = Path(__file__).parents[3]
OUTSIDE = ["../x", "/etc/passwd", "..\\x", "a/../../x", "a\\..\\x", "C:/x", "C:\\x", "\\x", "//x", "", "a//b", "a\0b"]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("links", [False, True])
def test_a_path_may_not_leave_its_folder(tmp_path, path, links):
    with pytest.raises(InputError, match="expected a path inside") as caught:
        inside(tmp_path, path, links=links)
    assert "\0" not in str(caught.value)


@pytest.mark.parametrize("path", ["a.png", "a/b.png", "a/..b/c..png", "12:30.jpg", "a b/ü.png", "..."])
def test_usual_paths_are_joined(tmp_path, path):
    assert inside(tmp_path, path) == tmp_path / path
    assert inside("", path) == Path(path)
    assert optional_path(path) == path and optional_path("") == ""


@pytest.mark.parametrize("name", [".", "..", "a/b", "a\\b", "", "/a", "a\0"])
def test_a_name_is_no_path(name):
    with pytest.raises(ValueError, match=r"leaves its folder|cannot be the name"):
        file_stem(name)


def test_links_that_leave_are_refused_and_others_are_followed(tmp_path):
    root, other = tmp_path / "set", tmp_path / "other"
    (root / "real").mkdir(parents=True)
    other.mkdir()
    for folder in (root / "real", other):
        (folder / "x.png").write_bytes(b"x")
    (root / "within").symlink_to(root / "real")
    (root / "out").symlink_to(other)
    (root / "real" / "file.png").symlink_to(other / "x.png")
    (root / "chain").symlink_to(root / "out")
    (tmp_path / "alias").symlink_to(root)
    assert inside(root, "within/x.png").read_bytes() == b"x"
    assert inside(tmp_path / "alias", "real/x.png").read_bytes() == b"x"
    for path in ("out/x.png", "real/file.png", "chain/x.png", "out/absent.png"):
        with pytest.raises(InputError, match=r"found a link to .*other.*; put a copy there"):
            inside(root, path)
        assert inside(root, path, links=True) == root / path


# Columns of our tables that hold paths, or names of which paths are made; `pair.name` is the end of `pair.blur`.
PATH_COLUMNS = {"image_id", "pair_id", "label", "sharp", "blur", "source"}


def joins_of_columns(tree: ast.AST) -> list[int]:
    """Lines that join a path column to a folder in any other way than by `inside`."""
    guarded: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "inside":
            guarded |= {part for argument in node.args[1:] for part in ast.walk(argument)}
        if isinstance(node, ast.Subscript):
            guarded |= set(ast.walk(node.slice))  # the key of a mapping
    found = []
    for node in ast.walk(tree):
        joins = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        calls = isinstance(node, ast.Call) and ast.unparse(node.func) in {"Path", "os.path.join", "open"}
        calls |= isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".joinpath", ".with_name"))
        parts = [node.right] if joins else [*node.args] if calls else []
        for part in (inner for one in parts for inner in ast.walk(one)):
            if isinstance(part, ast.Attribute) and part not in guarded:
                name_of_pair = part.attr == "name" and ast.unparse(part.value) == "pair"
                if part.attr in PATH_COLUMNS or name_of_pair:
                    found.append(node.lineno)
    return found


def test_every_path_column_goes_through_the_one_function():
    found = []
    for floor in ("benchmark", "generators", "methods", "reports", "cli"):
        for file in sorted((ROOT / floor).rglob("*.py")):
            lines = joins_of_columns(ast.parse(file.read_text(encoding="utf-8")))
            found += [f"{file.relative_to(ROOT)}:{line}" for line in lines]
    assert found == [], "use benchmark.files.paths.inside there"


def test_the_search_finds_joins():
    bad = ["root / row.label", "out / 'a' / f'{row.image_id}.png'", "Path(folder, one.source)", "root / pair.name"]
    assert [len(joins_of_columns(ast.parse(line))) for line in bad] == [1, 1, 1, 1]
    assert joins_of_columns(ast.parse("inside(root, row.label); 1 / row.noise_sigma; root / path.name")) == []


def test_every_path_column_of_a_record_is_checked():
    from dataclasses import fields
    from typing import get_type_hints

    from facedeblur.benchmark.sets.set import Image, Pair

    for kind in (Image, Pair):
        hints = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            # The photograph that an image was made of is never opened again.
            if field.name in PATH_COLUMNS - {"source"}:
                assert hasattr(hints[field.name], "__metadata__"), f"{kind.__name__}.{field.name}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_has_no_end_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "to_folder.png").symlink_to(tmp_path / "folder.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "absent.png")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # names of sockets are short
        server.bind("socket.png")
        os.chdir(here)
        kinds = {"pipe": "a pipe", "link": "a pipe", "zero": "a device", "folder": "a folder", "to_folder": "a folder",
                 "socket": "a socket"}  # fmt: skip
        for name, kind in kinds.items():
            with pytest.raises(InputError, match=f"{name}.png: expected a file, found {kind}"):
                read_file(tmp_path / f"{name}.png")
            assert special_kind(tmp_path / f"{name}.png") == ("" if "folder" in name else kind)
    with pytest.raises(FileNotFoundError):
        open_file(tmp_path / "broken.png")
    assert special_kind(tmp_path / "broken.png") == "a broken link"
    (tmp_path / "file").write_bytes(b"whole")
    assert read_file(tmp_path / "file") == b"whole" and special_kind(tmp_path / "file") == ""
