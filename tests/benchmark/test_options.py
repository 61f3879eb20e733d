"""One way to refuse an unknown word or option."""

from __future__ import annotations

from typing import Any

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import LISTED, PIN, Slot, fill, keywords, make, one_of


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
