"""What the source of a class or function says of it."""

from __future__ import annotations

import pytest

from facedeblur.benchmark.described import Described, described

SOURCE = '''
from described_here.base import Base as Above


def factory():
    """Make it.

    Slowly.
    """


class Near(Above):
    """Near."""

    near: str = "yes"


@register("far", oracle=True, weights=dict())
class Far(Near, Unknown):
    """Far."""

    near = "no"
    computed = 1 + 1
    bare: int


class Silent:
    pass


value = 3
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "described_here"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "base.py").write_text("class Base:\n    choices = 'a or b'\n    near = None\n")
    # Importing it would end the test.
    (folder / "things.py").write_text(SOURCE + "raise SystemExit\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "described_here.things"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("factory", Described("Make it.", {})),
        ("Near", Described("Near.", {"choices": "a or b", "near": "yes"})),
        ("Far", Described("Far.", {"choices": "a or b", "near": "no", "oracle": True})),
        ("Silent", Described("", {})),
        ("value", None),
        ("absent", None),
    ],
)
def test_it_is_read_without_importing_it(package, name, found):
    assert described(f"{package}:{name}") == found


def test_a_module_without_source_says_nothing():
    assert described("math:sqrt") is None
    assert described("no_such_module_here:x") is None
