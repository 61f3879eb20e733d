"""Every provider is found by its name and refuses options that it does not have."""

from __future__ import annotations

import re

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import DETECTORS, EMBEDDERS, LANDMARKERS, PARSERS, Face, provider
from facedeblur.benchmark.faces.base import Detector, Embedder, Landmarker, Parser, largest_first, terms_of
from facedeblur.benchmark.options import meaning
from facedeblur.benchmark.registry import Registry

KINDS = ((DETECTORS, Detector), (LANDMARKERS, Landmarker), (EMBEDDERS, Embedder), (PARSERS, Parser))
PROVIDERS = [pytest.param(registry, kind, name, id=f"{registry.kind} {name}") for registry, kind in KINDS
             for name in registry]  # fmt: skip


@pytest.mark.parametrize(("registry", "kind", "name"), PROVIDERS)
def test_every_provider_describes_itself_and_refuses_what_it_does_not_know(
    registry: Registry, kind: type, name: str
) -> None:
    made = registry.get(name)
    assert issubclass(made, kind) and made.name == name and (made.__doc__ or "").partition("\n")[0]
    for form in made.terms:
        re.compile(form)
    if registry is not PARSERS:  # no report names them
        assert meaning(name, made.terms) != name
    with pytest.raises(InputError, match="option 'nonsense' of"):
        provider(registry, f"{name},nonsense")


@pytest.mark.parametrize(("registry", "kind", "name"), PROVIDERS)
def test_two_hashes_of_one_file_are_refused(registry: Registry, kind: type, name: str) -> None:
    pytest.importorskip("dlib")
    refused = "options '@11111111' and '@22222222' of .* exclude each other"
    no_weights = ("dlib-hog", "mtcnn")
    with pytest.raises(InputError, match="option '@11111111' of" if name in no_weights else refused):
        provider(registry, f"{name}@11111111,@22222222")


def test_words_of_a_provider_that_is_not_installed() -> None:
    assert terms_of(DETECTORS, "elsewhere@12345678") == {}


def test_scaled_keeps_pixel_edges() -> None:
    face = Face((-0.5, -0.5, 9.5, 4.5), 1.0, np.array([[0.0, 0.0]]))
    twice = face.scaled(2)
    assert twice.box == (-0.5, -0.5, 19.5, 9.5)
    assert twice.landmarks.tolist() == [[0.5, 0.5]]
    assert face.scaled(2, 4).area == face.area * 8


def test_largest_first() -> None:
    small, large = Face((0, 0, 2, 2), 9.0), Face((0, 0, 3, 3), 1.0)
    assert largest_first([small, large]) == [large, small]


def test_vectors_that_are_said_to_have_length_one_have() -> None:
    said, faces = 0, np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3)).astype(np.uint8)
    for name in EMBEDDERS:
        try:
            made = EMBEDDERS.get(name).of()
        except InputError:
            continue
        if made.unit_length:
            said += 1
            assert np.linalg.norm(made.embed(faces), axis=1) == pytest.approx(1, abs=1e-5)
    if not said:
        pytest.skip("no weights of such an embedder are here")
