"""One way to refuse an unknown word or option."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import LISTED, PIN, Slot, checked, fill, keywords, make, one_of

if TYPE_CHECKING:
    import pandas as pd


def test_a_known_word_is_returned_and_an_unknown_one_is_refused_with_the_nearest():
    assert one_of("border", "valid", ("valid", "reflect")) == "valid"
    with pytest.raises(InputError) as caught:
        one_of("option", "gama", {"gamma": 1, "mode": 2}, of="method 'wiener'")
    assert str(caught.value) == "option 'gama' of method 'wiener': expected one of gamma, mode; did you mean 'gamma'?"
    with pytest.raises(InputError, match="option 'x' of y: no such name is accepted here"):
        one_of("option", "x", (), of="y")
    with pytest.raises(InputError, match="word 'x': unknown; known: w0, w1"):
        one_of("word", "x", [f"w{number}" for number in range(LISTED + 1)])


class _Base:
    def __init__(self, *, scale: float = 1.0):
        if scale < 0:
            raise ValueError("negative")
        self.scale = scale


class _Derived(_Base):
    def __init__(self, *, offset: int = 0, **options: Any):
        super().__init__(**options)
        self.offset = offset


def test_options_of_a_class_include_those_of_its_bases():
    assert list(keywords(_Derived) or ()) == ["offset", "scale"]
    assert keywords(type("Empty", (), {})) == {}
    assert keywords(lambda **anything: anything) is None
    made = make(_Derived, {"scale": 2.0, "offset": 3}, "loss 'derived'")
    assert (made.scale, made.offset) == (2.0, 3)
    assert make(lambda **anything: anything, {"x": 1}, "it") == {"x": 1}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scales": 1.0}, "option 'scales' of loss 'derived': expected one of offset, scale; did you mean 'scale'?"),
        ({"scale": -1.0}, "options of loss 'derived': invalid value (negative)"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(InputError) as caught:
        make(_Derived, options, "loss 'derived'")
    assert str(caught.value) == words


def test_words_are_sorted_into_slots_and_empty_slots_get_their_default():
    slots = (("rgb", "y"), ("255",), Slot(("",), form=r"cap\d+"), Slot(("v1",), pinned=True))
    assert fill("metric 'm'", [], *slots) == ("rgb", "255", "", "v1")
    assert fill("metric 'm'", ["cap40", "v1@1234", "y"], *slots) == ("y", "255", "cap40", "v1@1234")
    assert fill("detector 'd'", ["@1234", "up0"], ("up1", "up0"), PIN) == ("up0", "@1234")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["yy"], "option 'yy' of metric 'm': expected one of rgb, y, v1"),
        (["v2@1234"], "option 'v2@1234'"),
        (["rgb@1234"], "option 'rgb@1234'"),
        ([""], "option ''"),
        (["y", "rgb"], "options 'y' and 'rgb' of metric 'm' exclude each other; give one"),
        (["v1@12", "v1@34"], "options 'v1@12' and 'v1@34' of metric 'm' exclude each other"),
    ],
)
def test_words_that_fit_no_slot_or_the_same_one_are_refused(given, words):
    with pytest.raises(InputError) as caught:
        fill("metric 'm'", given, ("rgb", "y"), Slot(("v1",), pinned=True))
    assert words in str(caught.value)


@checked
def _taken(
    number: int = 1,
    share: float = 0.5,
    flag: bool = False,
    file: str | Path = "",
    sizes: str | Sequence[int] = (),
    groups: Iterable[str] | Iterable[Iterable[str]] = (),
    pixels: np.ndarray = None,  # type: ignore[assignment]
    hook: Callable[[str], None] | None = None,
    kind: type[Any] = int,
    terms: Mapping[str, str] | None = None,
    word: Literal["a", "b"] = "a",
    anything: Any = None,
    frame: pd.DataFrame | None = None,
    later: _Later | None = None,
    bare=None,
    **others: int,
) -> dict[str, Any]:
    """What was given."""
    return {name: value for name, value in locals().items() if value is not None}


@checked
@dataclass(frozen=True)
class _Later:
    size: int = 3


@pytest.mark.parametrize(
    "given",
    [
        {"number": np.int16(3)},
        {"number": True},
        {"share": 1},
        {"share": np.float32(1)},
        {"share": np.uint8(1)},
        {"flag": np.bool_(True)},
        {"file": Path("x")},
        {"sizes": "13:27"},
        {"sizes": np.arange(3)},
        {"sizes": range(3)},
        {"sizes": [np.int64(3), 5]},
        {"groups": ["a", ["b", "c"]]},
        {"groups": (word for word in "ab")},
        {"groups": {"a": 1}.keys()},
        {"pixels": np.zeros(3)},
        {"pixels": None},
        {"hook": print},
        {"kind": str},
        {"terms": {"a": "b"}},
        {"word": "c"},
        {"anything": object()},
        {"frame": object()},
        {"later": _Later(4)},
        {"bare": object()},
        {"other": object()},
    ],
)
def test_what_fits_its_annotation_and_what_has_none_that_is_known_is_accepted(given):
    _taken(**given)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"number": 1.0}, "'number' must be int, not 1.0"),
        ({"number": None}, "'number' must be int, not None"),
        ({"share": "1"}, "'share' must be float, not '1'"),
        ({"flag": 1}, "'flag' must be bool, not 1"),
        ({"file": b"x"}, "'file' must be str or path, not b'x'"),
        ({"sizes": 3}, "'sizes' must be str or sequence of int, not 3"),
        ({"sizes": [3, "x"]}, "'sizes' must be str or sequence of int, not 'x'"),
        ({"groups": ["a", ["b", 3]]}, "'groups' must be sequence of str or sequence of them, not 3"),
        ({"pixels": [[1]]}, "'pixels' must be ndarray or None, not [[1]]"),
        ({"hook": 3}, "'hook' must be callable or None, not 3"),
        ({"kind": 3}, "'kind' must be class, not 3"),
        ({"terms": ["a"]}, "'terms' must be mapping or None, not ['a']"),
        ({"word": 3}, "'word' must be 'a' or 'b', not 3"),
        ({"later": ValueError()}, "'later' must be _Later or None, not of type ValueError"),
    ],
)
def test_what_is_plainly_of_another_type_is_refused(given, line):
    with pytest.raises(InputError) as caught:
        _taken(**given)
    assert str(caught.value) == f"_taken: {line}"


def test_a_checked_function_or_class_is_what_it_was_otherwise():
    assert _taken(2, 0.1)["number"] == 2 and _taken.__doc__ == "What was given."
    assert list(inspect.signature(_taken).parameters)[:2] == ["number", "share"]
    assert str(inspect.signature(_Later)) == "(size: 'int' = 3) -> None"
    assert pickle.loads(pickle.dumps(_taken)) is _taken and pickle.loads(pickle.dumps(_Later(4))) == _Later(4)
    assert replace(_Later(4), size=5) == _Later(5) and keywords(_Later)
    with pytest.raises(InputError, match="_Later: 'size' must be int, not 'x'"):
        replace(_Later(), size="x")
    with pytest.raises(TypeError, match="unexpected keyword"):
        _Later(sizes=3)
