"""Learning the weights of data terms: the closed form by a dense matrix, its derivative by differences, a small run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, signal
from skimage import data

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.methods.classical.blind.kernel_step import NormalEquations
from facedeblur.methods.training import data_fitting
from facedeblur.methods.training.data_fitting import Fit, FittingRecipe, fit_of, kernel_loss, learn_weights, matrix_of

SIZE = 5


def bent() -> np.ndarray:
    """A kernel of 5x5 and sum 1."""
    kernel = np.zeros((SIZE, SIZE))
    kernel[1, 1] = kernel[2, 2] = kernel[2, 3] = kernel[3, 3] = 0.25
    return kernel


def fits_of(count: int, *, spoiled: int) -> list[Fit]:
    """Noise blurred by `bent`, seen in three ways of which one, `spoiled`, is of another kernel."""
    out = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        each = []
        for order in range(3):
            maps = np.pad(rng.normal(size=(1, 24, 26)), ((0, 0), (4, 4), (4, 4)))
            kernel = bent()[::-1] if order == spoiled else bent()
            each.append(NormalEquations(maps, signal.convolve(maps, kernel[None], "same"), SIZE))
        matrices = np.stack([matrix_of(one.lags, SIZE) for one in each])
        out.append(Fit(matrices, np.stack([one.right.ravel() for one in each]), bent().ravel()))
    return out


def test_matrix_is_the_square_of_the_convolution() -> None:
    maps = np.random.default_rng(0).normal(size=(2, 9, 11))
    columns = []
    for at in range(SIZE**2):
        tap = np.zeros(SIZE**2)
        tap[at] = 1
        columns.append(np.concatenate([signal.convolve(one, tap.reshape(SIZE, SIZE)).ravel() for one in maps]))
    dense = np.stack(columns, axis=1)
    equations = NormalEquations(maps, maps, SIZE)
    np.testing.assert_allclose(matrix_of(equations.lags, SIZE), dense.T @ dense, atol=1e-10)


def test_loss_is_none_for_the_true_equations_and_its_slope_that_of_differences() -> None:
    fits = fits_of(3, spoiled=0)
    assert kernel_loss(np.array([0.0, 1.0, 1.0]), fits, 1e-9)[0] < 1e-12
    for orders in ([0.4, 1.0, 0.5], [2.0, 0.1, 0.3]):
        _, slope = kernel_loss(np.array(orders), fits, 20.0)
        numeric = optimize.approx_fprime(np.array(orders), lambda w: kernel_loss(w, fits, 20.0)[0], 1e-6)
        np.testing.assert_allclose(slope, numeric, rtol=1e-3, atol=1e-7)
        assert np.abs(slope).max() > 1e-4


@pytest.mark.parametrize("spoiled", [0, 1, 2])
def test_a_spoiled_order_gets_no_weight(spoiled: int) -> None:
    fits = fits_of(2, spoiled=spoiled)
    bounds = [(0, data_fitting.HIGHEST)] * 3
    found = optimize.minimize(kernel_loss, np.ones(3), (fits, 20.0), jac=True, method="L-BFGS-B", bounds=bounds)
    others = np.delete(found.x, spoiled)
    assert found.x[spoiled] < 0.02 * others.min()


def photographs(folder: Path) -> str:
    folder.mkdir()
    for number, picture in enumerate((data.astronaut()[:256, 96:352], data.cat()[:256, 96:352])):
        write_png(folder / f"{number}.png", np.ascontiguousarray(picture))
    return f"folder:{folder}"


def test_weights_are_learned_from_photographs(tmp_path: Path) -> None:
    told: list[dict] = []
    recipe = FittingRecipe(pairs=2, rounds=2, crop=64, kernels=(7,))
    faces = photographs(tmp_path / "faces")
    orders = learn_weights(faces, recipe=recipe, report=told.append)
    assert [row["round"] for row in told] == [1, 2]
    assert all(row["after"] < row["before"] for row in told)
    assert max(orders) > 0 and min(orders) >= 0
    assert told[-1]["orders"] == pytest.approx(orders, abs=1e-4)
    assert learn_weights(faces, recipe=recipe) == orders


def test_the_known_kernel_is_moved_to_where_the_estimate_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_fitting._Watched, "estimate", lambda self, image: np.roll(bent(), 1, 0))
    monkeypatch.setattr(data_fitting._Watched, "last", None, raising=False)
    blurred = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    with pytest.raises(InputError, match="another seed"):  # nothing was estimated
        fit_of(blurred, bent(), (0.0, 1.0, 0.0))
    start = data_fitting._Watched.__init__

    def begun(self, size, orders) -> None:
        start(self, size, orders)
        self.latent(blurred, size, None)

    monkeypatch.setattr(data_fitting._Watched, "__init__", begun)
    fit = fit_of(blurred, bent(), (0.0, 1.0, 0.0))
    np.testing.assert_array_equal(fit.true.reshape(SIZE, SIZE), np.roll(bent(), 1, 0))
    assert fit.matrices.shape == (3, 25, 25) and fit.right.shape == (3, 25)
