"""Which code a method is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedeblur.benchmark.weights import sha256_of
from facedeblur.methods.code import code_of, code_of_module


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        file = folder / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_modules_of_its_own_folder_belong_to_a_file(tmp_path):
    write(
        tmp_path,
        net="import os, arch\nimport numpy as np\nfrom parts import blocks\n\ndef load():\n    import late\n",
        arch="from parts.blocks import Block\n",
        late="import net\n",
        unused="import arch\n",
        parts__blocks="from . import norms\nfrom .deep import attention\n",
        parts__norms="",
        parts__deep__attention="from ..norms import *\nfrom ... import too_far\n"
        + f"from {'.' * 99} import still_farther\n",
    )
    found = code_of(tmp_path / "net.py")
    assert next(iter(found)) == "net.py"
    assert set(found) == {
        "net.py", "arch.py", "late.py", "parts/blocks.py", "parts/norms.py", "parts/deep/attention.py"
    }  # fmt: skip
    assert found["parts/norms.py"] == sha256_of(tmp_path / "parts" / "norms.py")


def test_packages_with_and_without_an_init(tmp_path):
    write(tmp_path, net="import one.two.three\n", one__two__three="")
    (tmp_path / "one" / "__init__.py").write_text("")
    assert set(code_of(tmp_path / "net.py")) == {"net.py", "one/__init__.py", "one/two/three.py"}


@pytest.mark.parametrize("code", [b"print 'python 2'\n", b"\x00\x01", b"\xff\xfe = 3\n"])
def test_what_does_not_parse_is_hashed_alone(tmp_path, code):
    (tmp_path / "net.py").write_bytes(code)
    assert code_of(tmp_path / "net.py") == {"net.py": sha256_of(tmp_path / "net.py")}


def test_the_module_of_a_command_imports_from_where_it_is_run(tmp_path):
    write(
        tmp_path,
        tool="",
        start="",
        pack__net="from . import blocks\n",
        pack__blocks="",
        pack__tool="",
    )
    (tmp_path / "pack" / "__init__.py").write_text("import start\n")
    (tmp_path / "pack" / "__main__.py").write_text("import tool\nfrom pack.net import Net\n")
    inside = {f"pack/{name}.py" for name in ("__init__", "__main__", "net", "blocks")}
    assert set(code_of_module("pack", tmp_path)) == inside | {"tool.py", "start.py"}
    assert code_of_module("tool", tmp_path) == {"tool.py": sha256_of(tmp_path / "tool.py")}
    assert code_of_module("json.tool", tmp_path) == {}
