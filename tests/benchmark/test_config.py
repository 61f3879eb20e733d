"""Settings files: every mistake is named."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from facedeblur.benchmark.config import read_named, read_toml, shipped, strict
from facedeblur.benchmark.errors import InputError


@dataclass(frozen=True)
class Inner:
    sigma: float
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    title: str
    inner: Inner
    many: tuple[Inner, ...] = ()
    limit: int | None = None
    length: int | str = 1


def test_nested_tables():
    values = {"title": "t", "inner": {"sigma": 1, "names": ["a"]}, "many": [{"sigma": 0.5}], "limit": 3}
    assert strict(Outer, values, "x.toml") == Outer("t", Inner(1.0, ("a",)), (Inner(0.5),), 3)
    several = {"title": "t", "inner": {"sigma": 1}, "length": "all"}
    assert strict(Outer, several, "x.toml").length == "all" and strict(Outer, several | {"length": 7}, "").length == 7


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"title": "t", "inner": {"sigmma": 1.0}}, "x.toml: inner: key 'sigmma'.*did you mean 'sigma'"),
        ({"title": "t", "inner": {}}, "x.toml: inner: required key 'sigma' is missing"),
        ({"title": 3, "inner": {"sigma": 1.0}}, "x.toml: title: expected a value of type str, found 3"),
        ({"title": "t", "inner": {"sigma": True}}, "expected a value of type float, found True"),
        ({"title": "t", "inner": 5}, "expected a table, found 5"),
        ({"title": "t", "inner": {"sigma": 1.0}, "many": 7}, "many: expected a list"),
        ({"title": "t", "inner": {"sigma": 1.0}, "many": [{"sigma": "x"}]}, r"many\[0\]: sigma: expected"),
        ({"title": "t", "inner": {"sigma": 1.0}, "limit": "x"}, "limit: expected a value of type int"),
        ({"title": "t", "inner": {"sigma": 1.0}, "length": 1.5}, r"length: expected a value of type int | str"),
    ],
)
def test_mistakes_are_named(values, said):
    with pytest.raises(InputError, match=said):
        strict(Outer, values, "x.toml")


def test_not_toml(tmp_path):
    with pytest.raises(InputError, match="not found"):
        read_toml(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text("a = = 1")
    with pytest.raises(InputError, match=r"cannot be read as a TOML file \(.*line 1.*\)"):
        read_toml(tmp_path / "a.toml")


def test_a_named_file_is_read_as_the_file_itself(tmp_path):
    package = "facedeblur.benchmark.scoring.protocols"
    assert shipped(package) == sorted(shipped(package)) and "umsn" in shipped(package)
    values, text, where = read_named("umsn", package, "protocol")
    own = tmp_path / "own.toml"
    own.write_text(text, encoding="utf-8")
    assert read_named(own, package, "protocol") == (values, text, str(own)) and where == "umsn.toml"
    with pytest.raises(InputError, match=r"protocol 'umsm'.*umsn"):
        read_named("umsm", package, "protocol")
