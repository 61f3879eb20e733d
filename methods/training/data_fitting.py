"""Learn the weights of the data terms of `facedeblur.methods.classical.blind.pan_2017` (Pan et al., ICCV 2017).

In turn, blurred images with known kernels are deblurred with the present weights w, and the weights are moved so that
the closed form ``k(w) = M^-1 b``, fitted to the last latent images, comes nearest to the known kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize, signal

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.methods.classical.blind.kernel_step import NormalEquations, moved
from facedeblur.methods.classical.blind.pan_2017 import PARTS, FittedLatent, Pan2017
from facedeblur.methods.training.data.blurred_crops import TEST_KERNELS, CropLaw, read_grey

HIGHEST = 100.0
"""Greatest weight."""


@dataclass(frozen=True)
class FittingRecipe:
    """How the weights are learned.

    Attributes
    ----------
    pairs, rounds : int
        Blurred images, and how often all are deblurred again with the new weights.
    crop : int
        Their side in pixels.
    kernels : tuple of int
        Sizes of the kernels.
    noise : float
        Greatest standard deviation of the noise.
    start : (3,) float
        First weights of the orders 0, 1 and 2.
    seed : int
    """

    pairs: int = 24
    rounds: int = 3
    crop: int = 128
    kernels: tuple[int, ...] = (13, 17, 21, 25)
    noise: float = 0.01
    start: tuple[float, float, float] = (0.1, 1.0, 0.5)
    seed: int = 0


@dataclass(frozen=True)
class Fit:
    """One image: ``A_i`` (3, n, n) and ``b_i`` (3, n) of each order, and the known kernel (n,), n = size squared."""

    matrices: np.ndarray
    right: np.ndarray
    true: np.ndarray


class _Watched(Pan2017):
    def __init__(self, size: int, orders: Sequence[float]):
        super().__init__(size=size)
        self.orders = orders
        self.last: FittedLatent | None = None

    def latent(self, blurred: np.ndarray, size: int, before: Any) -> FittedLatent:
        self.last = FittedLatent(blurred, size, before, self.orders)
        return self.last


def fit_of(blurred: np.ndarray, true: np.ndarray, orders: Sequence[float]) -> Fit:
    """Deblur an image with the present weights and collect the normal equations of its last latent image.

    Parameters
    ----------
    blurred : (H, W) float32
        Grey, in [0, 1].
    true : (k, k) float64
        Its kernel, which is moved by whole pixels to where the estimate is: blind deconvolution cannot know the place.
    orders : (3,) float
    """
    size = true.shape[0]
    method = _Watched(size, orders)
    kernel = method.estimate(np.repeat(blurred[..., None], 3, axis=2))
    if kernel.shape != true.shape or method.last is None:
        raise InputError(f"no kernel of {size}x{size} pixels was found for a training image", do="use another seed")
    responses = method.last.responses(kernel)
    each = [NormalEquations(responses[part], method.last.seen[part], size) for part in PARTS]
    cross = signal.correlate(kernel, true, "full")
    down, right = (int(at) - size + 1 for at in np.unravel_index(np.argmax(cross), cross.shape))
    return Fit(
        np.stack([matrix_of(one.lags, size) for one in each]),
        np.stack([one.right.ravel() for one in each]),
        moved(true, down, right).ravel(),
    )


def matrix_of(lags: np.ndarray, size: int) -> np.ndarray:
    """Return ``X'X`` (size^2, size^2) whose entry of taps p and q is the autocorrelation at the lag p - q."""
    at = np.arange(size)
    step = at[:, None] - at + size - 1
    whole = lags[step[:, None, :, None], step[None, :, None, :]]
    return np.ascontiguousarray(whole.reshape(size**2, size**2))


def kernel_loss(orders: np.ndarray, fits: Sequence[Fit], ridge: float) -> tuple[float, np.ndarray]:
    """Mean of ``|k(w) - k_true|^2 / (2 |k_true|^2)`` and its derivative by the three weights."""
    loss, slope = 0.0, np.zeros(3)
    for one in fits:
        system = np.tensordot(orders, one.matrices, 1)
        system[np.diag_indices_from(system)] += ridge
        kernel = np.linalg.solve(system, orders @ one.right)
        rest = kernel - one.true
        scale = len(fits) * float(one.true @ one.true)
        loss += float(rest @ rest) / (2 * scale)
        back = np.linalg.solve(system, rest)  # the system is symmetric
        slope += (one.right - one.matrices @ kernel) @ back / scale
    return loss, slope


def learn_weights(
    faces: str | Path,
    *,
    recipe: FittingRecipe | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> tuple[float, float, float]:
    """Learn the weights of the orders 0, 1 and 2 from photographs, with kernels that are not in test sets.

    Parameters
    ----------
    faces : path
        A collection of photographs, such as ``folder:FOLDER``.
    recipe : FittingRecipe, optional
    report : callable, optional
        Called after each round with ``round, before, after, orders``: the loss with the old and the new weights.

    Raises
    ------
    InputError
        When there are no photographs, or no kernel of a training image can be estimated.
    """
    recipe = recipe or FittingRecipe()
    photographs, _ = read_grey(faces)
    rng = np.random.default_rng(recipe.seed)
    crops = CropLaw(recipe.crop, (recipe.crop + 32, 2 * recipe.crop), recipe.noise)
    pairs = []
    for number in range(recipe.pairs):
        size = recipe.kernels[number % len(recipe.kernels)]
        kernel = STANDARD.draw(recipe.seed, size, start=TEST_KERNELS + number)[0]
        pairs.append((crops.draw(photographs, kernel, rng)[1], kernel))
    orders = np.array(recipe.start)
    for turn in range(recipe.rounds):
        fits = [fit_of(blurred, kernel, orders.tolist()) for blurred, kernel in pairs]
        before = kernel_loss(orders, fits, Pan2017.ridge)[0]
        found = optimize.minimize(
            kernel_loss, orders, (fits, Pan2017.ridge), jac=True, method="L-BFGS-B", bounds=[(0, HIGHEST)] * 3
        )
        orders = found.x
        if report:
            report({
                "round": turn + 1, "before": round(before, 5), "after": round(float(found.fun), 5),
                "orders": [round(float(one), 4) for one in orders],
            })  # fmt: skip
    first, second, third = (float(one) for one in orders)
    return first, second, third
