"""The licence on a card is what the sources say or what is given, and nothing else."""

from __future__ import annotations

import pytest
from refusals import told

from facedeblur.benchmark.registry import Registry
from facedeblur.generators.photos.opening import COLLECTIONS
from facedeblur.reports.cards.licence import KNOWN, Licence, Source, check_shareable, decide, known, sources


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("CC0 1.0", "cc0-1.0"),
        ("cc0", "cc0-1.0"),
        ("Creative Commons Zero 1.0", "cc0-1.0"),
        ("CC BY 4.0 (DeBruine and Jones 2017)", "cc-by-4.0"),
        ("CC-BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
        ("cc by-nc-nd 3.0", "cc-by-nc-nd-3.0"),
        ("mit", "mit"),
    ],
)
def test_usual_names(text: str, identifier: str) -> None:
    found = known(text)
    assert found is not None and found.identifier == identifier and found.url.startswith("https://")


@pytest.mark.parametrize(
    "text", ["", "not stated", "CC BY", "CC BY 9.9", "CC0 1.0; CC BY 4.0", "public domain", "submit", "cc09"]
)
def test_what_is_not_one_known_licence(text: str) -> None:
    assert known(text) is None


def test_addresses_of_creative_commons() -> None:
    assert KNOWN["cc-by-nc-sa-4.0"] == (
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0",
        "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    )


def stated(*licences: str) -> list[Source]:
    return sources({"sources": [{"collection": f"c{place}", "licence": one} for place, one in enumerate(licences)]})


def test_the_licence_of_all_sources_is_that_of_the_set() -> None:
    assert decide("", stated("CC0 1.0", "cc0"), "s").identifier == "cc0-1.0"
    assert decide("", stated("public domain (NASA)"), "s") == Licence("other", "public domain (NASA)")


@pytest.mark.parametrize(
    ("licences", "line"),
    [
        ((), "set 's' does not state the licence of its photographs; state it with --licence"),
        (("not stated",), "does not state the licence of its photographs (c0)"),
        (("",), "does not state the licence of its photographs (c0)"),
        (("not stated; for research",), "does not state"),
        (("CC0 1.0", "not stated"), "does not state the licence of its photographs (c1)"),
        (("CC0 1.0", "CC BY 4.0"), "photographs of several licences (CC0 1.0; CC BY 4.0)"),
    ],
)
def test_it_is_never_guessed(licences: tuple[str, ...], line: str) -> None:
    assert line in told(lambda: decide("", stated(*licences), "s"))
    assert decide("cc-by-4.0", stated(*licences), "s").identifier == "cc-by-4.0"


def test_what_may_be_given() -> None:
    assert decide("CC BY 4.0", [], "s").identifier == "cc-by-4.0"
    assert decide("unknown", [], "s").front_matter() == {"license": "unknown"}
    own = decide("Free for anyone, ask us", [], "s")
    assert own.front_matter() == {
        "license": "other", "license_name": "free-for-anyone-ask-us", "license_link": "LICENSE",
    }  # fmt: skip
    assert "did you mean 'cc-by-4.0'?" in told(lambda: decide("cc-by-4", [], "s"))


@pytest.mark.parametrize(
    ("licence", "shareable"),
    [
        ("CC0 1.0", True),
        ("CC BY-NC 4.0", True),
        ("CC BY-ND 4.0", False),
        ("public domain (NASA; US Navy)", True),
        ("not stated", True),
        ("non-commercial research, no redistribution", False),
        ("research only", False),
        ("Only for non commercial use", False),
    ],
)
def test_what_may_be_passed_on(licence: str, *, shareable: bool) -> None:
    (source,) = stated(licence)
    assert source.shareable == shareable
    if not shareable:
        assert "may not be passed on (c0: " in told(lambda: check_shareable([source], "s"))


def test_collections_of_research_are_not_passed_on() -> None:
    """Every collection says what it is; those that are known to forbid redistribution are recognised by their words."""
    assert isinstance(COLLECTIONS, Registry)
    words = {name: str(COLLECTIONS.get(name).licence) for name in COLLECTIONS}
    forbidden = {name for name, text in words.items() if not stated(text)[0].shareable}
    assert {"celeba", "celebamask", "helen", "lfw", "multipie", "pie", "pubfig", "fei"} <= forbidden
    assert "london" not in forbidden


def test_the_licence_is_not_said_twice() -> None:
    (source,) = sources({"sources": [{"collection": "helen: 3 photographs; licence: research only", "licence": "x y"}]})
    assert (source.collection, source.stated) == ("helen: 3 photographs", "x y")
    assert sources({})[:] == []


def test_pseudo_labels_stay_in_the_description() -> None:
    told_ = "c: 3 photographs; licence: public domain (A; B); pseudo-labels by facedeblur@34f30dce"
    (source,) = sources({"sources": [{"collection": told_, "licence": "public domain (A; B)"}]})
    assert source.collection == "c: 3 photographs; pseudo-labels by facedeblur@34f30dce"
