"""Names, the places they point to, and what is said about a name that is not there."""

from __future__ import annotations

import pickle
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from facedeblur.benchmark.errors import InputError, need, suggest
from facedeblur.benchmark.registry import Registry


def test_lazy_entries_are_imported_when_asked_for():
    registry: Registry[object] = Registry("thing")
    registry.add("join", "os.path:join")
    registry.add("bad", "os.path:absent")
    registry.add("worse", "no.such.module:x")
    import os.path

    assert list(registry) == ["bad", "join", "worse"]
    assert registry.get("join") is os.path.join
    for name in ("bad", "worse"):
        with pytest.raises(InputError, match=f"thing '{name}'"):
            registry.get(name)
    assert set(registry.broken) == {"bad", "worse"}


def test_a_name_is_taken_once():
    registry: Registry[object] = Registry("thing")
    registry.register("a")(int)
    registry.register("a")(int)
    with pytest.raises(InputError, match="thing 'a' is already registered"):
        registry.register("a")(str)


def test_nearest_name_is_suggested():
    registry: Registry[object] = Registry("method")
    registry.register("wiener")(int)
    with pytest.raises(InputError, match="did you mean 'wiener'"):
        registry.get("weiner")
    assert suggest("zzz", ["b", "a"]) == "known: a, b"
    some = ", ".join(f"pair{i:04d}" for i in range(24))
    assert suggest("zzz", [f"pair{i:04d}" for i in range(8000)]) == f"known: {some}, and 7,976 more"


def test_a_broken_plugin_is_named_and_stops_nothing(monkeypatch):
    points = [EntryPoint("broken", "no.such.module:x", "g"), EntryPoint("fine", "os.path:join", "g")]
    other = EntryPoint("other", "os.path:join", "of another group")
    monkeypatch.setattr("facedeblur.benchmark.registry._entry_points", lambda: EntryPoints([*points, other]))
    registry: Registry[object] = Registry("thing", group="g")
    assert list(registry) == ["broken", "fine"]
    assert callable(registry.get("fine"))
    with pytest.raises(InputError):
        registry.get("broken")
    assert "no" in registry.broken["broken"]


def test_errors_are_one_line_and_cross_processes():
    error = InputError("a.png", expected="128x128\npixels", found="64x64", do="crop it")
    assert str(error) == "a.png: expected 128x128 pixels, found 64x64; crop it"
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.found) == (str(error), "64x64")


def test_missing_package_says_which_extra():
    with pytest.raises(InputError, match=r"pip install 'facedeblur\[io\]'"):
        need("no_such_package", "io")


def test_one_registry_follows_from_another():
    seeds, plants = Registry("seed"), Registry("plant")
    plants.derive(seeds, f"{__name__}:grown")
    plants.add("fern", 1)
    seeds.add("oak", object())
    assert list(plants) == ["fern", "oak"] and "oak" in plants and "elm" not in plants
    assert (plants.get("oak"), plants.get("fern")) == ("oak, grown", 1)
    with pytest.raises(InputError, match="plant 'oak' is already registered"):
        plants.add("oak", 2)
    with pytest.raises(InputError, match="did you mean 'oak'"):
        plants.get("oaks")


def grown(name: str) -> str:
    return f"{name}, grown"
