"""Banks of kernels that are drawn by a law."""

from __future__ import annotations

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.kernels.bank import LAWS, kernels, law_named
from facedeblur.generators.kernels.boracchi_foi import KernelModel
from facedeblur.generators.kernels.deblurgan import DeblurganModel
from facedeblur.generators.kernels.law import KernelLaw
from facedeblur.generators.kernels.spline import SplineModel


def test_a_bank_is_drawn_by_the_law_of_its_model() -> None:
    spline = kernels((13, 15), 2, 3, draw=SplineModel(samples=5000))
    assert np.array_equal(spline.kernel("ker02_k15"), SplineModel(samples=5000).draw(3, 15, 2)[1])
    assert (spline.meta["draw"], spline.meta["model"]["samples"]) == ("spline", 5000)
    with pytest.raises(InputError, match=r"DeblurGAN kernels of size 13: expected 33"):
        kernels((13,), 2, 3, draw=DeblurganModel(canvas=32, length=30.0))
    compat = kernels((33,), 2, 3, draw=DeblurganModel(canvas=32, length=30.0))
    assert compat.sizes.tolist() == [33, 33] and compat.meta["draw"] == "deblurgan"


def test_the_default_bank_is_the_one_it_always_was() -> None:
    """Changes only with the model, the generator or the numbers behind them: then every set changes, too."""
    assert kernels(range(13, 28, 2), 10, 0).digest() == GOLDEN


GOLDEN = "d8903e4f6c5d68a9b1f4e9c22ace7da3445d5e49a176ab3f6dbbec80fa8a2307"


@pytest.mark.parametrize("draw", LAWS)
def test_every_law_has_sizes_of_its_own_and_is_stored_with_them(draw: str) -> None:
    made = kernels(per_size=1, draw=draw)
    assert made.sizes.tolist() == ([65] if draw == "deblurgan" else list(range(13, 28, 2)))
    assert made.meta["draw"] == draw
    law = LAWS[draw](**made.meta["model"])
    assert law == law_named(draw)
    assert np.array_equal(made.kernel(made.ids[-1]), law.draw(0, int(made.sizes[-1]))[0])


def test_sizes_may_be_text_or_numbers_and_options_those_of_the_law() -> None:
    text = kernels("7:11", 2, 3, first=4, samples=500, exposure=0.5, length=None)
    numbers = kernels(range(7, 12, 2), 2, 3, first=4, draw=KernelModel(samples=500, exposure=0.5))
    assert text.ids == ("ker05_k7", "ker06_k7", "ker05_k9", "ker06_k9", "ker05_k11", "ker06_k11")
    assert text.digest() == numbers.digest()


def test_a_law_of_ones_own_is_drawn_like_any_other() -> None:
    class Point(KernelLaw):
        """No blur, in kernels of any size."""

        def draw(self, seed: int, size: int, n: int = 1, *, start: int = 0) -> np.ndarray:
            made = np.zeros((n, size, size))
            made[:, size // 2, size // 2] = 1
            return made

    made = kernels("5,7", 2, draw=Point())
    assert made.meta["draw"] == "Point"
    assert np.array_equal(made.kernel("ker02_k5"), np.pad([[1.0]], 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draw": "splin"}, "draw 'splin': expected one of trajectory, spline, deblurgan; did you mean 'spline'"),
        ({"grid": 5}, "option 'grid' of draw 'trajectory': expected one of"),
        (
            {"draw": KernelModel(), "length": 9.0},
            "option 'length': the law is an object, which has its own options; set it there",
        ),
        ({"sizes": (13, 13)}, "kernel sizes: expected at least one size, each once"),
        ({"sizes": ()}, "kernel sizes: expected at least one size, each once"),
        ({"per_size": 0}, "kernels per size: expected at least 1"),
        ({"normalise": False}, "kernel model, normalise: kernels of a bank are always normalised"),
    ],
)
def test_what_cannot_be_drawn_is_named(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        kernels(**options)
