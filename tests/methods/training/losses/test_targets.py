"""Drawings that sketches are compared with: their formulas, and what the kernel estimate makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from facedeblur.methods.nets.lin2020 import estimate_kernel, grey, wiener
from facedeblur.methods.training.losses.targets import Targets, l0_smoothed, shading, xdog
from facedeblur.methods.training.recipe import load_train_recipe


def as_images(luma: np.ndarray) -> torch.Tensor:
    """Grey (H, W) in [0, 1] as one RGB image."""
    return torch.from_numpy(luma).float().expand(1, 3, *luma.shape)


def literal_l0(luma: np.ndarray, weight: float, factor: float, most: float) -> np.ndarray:
    """Algorithm 1 of Xu et al. 2011 with matrices and a direct solver instead of Fourier transforms."""
    height, width = luma.shape

    def difference(n: int) -> sparse.csr_matrix:
        return sparse.csr_matrix(np.roll(np.eye(n), 1, axis=1) - np.eye(n))

    across, down = (
        sparse.kron(sparse.eye(height), difference(width)),
        sparse.kron(difference(height), sparse.eye(width)),
    )
    smooth, beta = luma.ravel(), 2 * weight
    while beta < most:
        h, v = across @ smooth, down @ smooth
        small = h**2 + v**2 < weight / beta
        h[small], v[small] = 0, 0
        matrix = sparse.eye(luma.size) + beta * (across.T @ across + down.T @ down)
        smooth = spsolve(matrix.tocsc(), luma.ravel() + beta * (across.T @ h + down.T @ v))
        beta *= factor
    return smooth.reshape(luma.shape).clip(0, 1)


@pytest.mark.parametrize("shape", [(12, 15), (13, 10)])
def test_l0_smoothing_is_the_algorithm(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    steps = np.where(np.add.outer(np.arange(shape[0]), np.arange(shape[1])) > 12, 0.8, 0.2)
    luma = np.clip(steps + 0.03 * rng.standard_normal(shape), 0, 1)
    found = l0_smoothed(as_images(luma), most=100.0)[0, 0].numpy()
    np.testing.assert_allclose(found, literal_l0(luma, 0.02, 2.0, 100.0), atol=1e-4)


def test_l0_smoothing_keeps_the_step_and_drops_the_noise() -> None:
    rng = np.random.default_rng(1)
    steps = np.where(np.arange(40) < 20, 0.2, 0.8) * np.ones((30, 1))
    found = l0_smoothed(as_images(steps + 0.03 * rng.standard_normal(steps.shape)))[0, 0].numpy()
    assert np.abs(found - steps).max() < 0.03
    assert np.abs(np.diff(found, axis=1)[:, 5:15]).max() < 1e-3


def test_shading_is_the_quotient_by_the_blurred_luma(portrait: np.ndarray) -> None:
    images = torch.from_numpy(portrait[::4, ::4].transpose(2, 0, 1)[None].copy()).float() / 255
    luma = grey(images)[0, 0].numpy().astype(np.float64)
    blurred = ndimage.gaussian_filter(luma, 8, mode="nearest", radius=24)
    expected = np.minimum(luma / (2 * blurred + 1e-3), 1)
    np.testing.assert_allclose(shading(images, sigma=8)[0, 0].numpy(), expected, atol=1e-4)


def test_shading_knows_no_brightness_and_keeps_what_is_dark(portrait: np.ndarray) -> None:
    images = torch.from_numpy(portrait[::4, ::4].transpose(2, 0, 1)[None].copy()).float() / 255
    assert float((shading(images) - shading(0.3 * images)).abs().max()) < 0.05
    # The lines of a dark photograph are one black area.
    assert float((xdog(0.3 * images) < 0.05).float().mean()) > 0.5
    assert float((shading(0.3 * images) < 0.05).float().mean()) < 0.2


def test_kernels_of_shading_restore_better_than_those_of_lines(portrait: np.ndarray) -> None:
    image = torch.from_numpy(portrait[:292, 90:342].transpose(2, 0, 1)[None].copy()).float() / 255
    kernel = torch.zeros(1, 51, 51)
    kernel[0, 25, 15:36] = kernel[0, 15:25, 35] = 1 / 31
    wide = torch.nn.functional.conv2d(image.transpose(0, 1), kernel[:, None].flip(2, 3)).transpose(0, 1)
    rest = (image.shape[2] - wide.shape[2]) // 2
    sharp = image[:, :, rest : rest + wide.shape[2], rest : rest + wide.shape[3]]

    def error(sketch: torch.Tensor) -> float:
        found = wiener(wide, estimate_kernel(grey(wide), sketch))
        return float((found.clamp(0, 1) - sharp).square().mean())

    blurred, true = (float((one.clamp(0, 1) - sharp).square().mean()) for one in (wide, wiener(wide, kernel)))
    assert error(shading(sharp)) < 1.2 * true < blurred
    assert error(shading(sharp)) < error(xdog(sharp)) / 1.5


@pytest.mark.parametrize(("name", "wanted"), [("lin2020", {"sketch"}), ("lin2020-l0", {"l0"})])
def test_recipes_are_given_the_drawings_that_they_name(name: str, wanted: set[str]) -> None:
    stages = load_train_recipe(name).stage
    batch = {"sharp": torch.rand(2, 3, 16, 20)}
    found = Targets(stages[0], [])(batch)
    assert set(found) == wanted | {"sharp"}
    assert all(found[key].shape == (2, 1, 16, 20) for key in wanted)
    assert set(Targets(stages[1], [])(batch)) == {"sharp"}


def test_structures_are_those_of_the_sharp_and_of_the_blurred_faces() -> None:
    first, second = load_train_recipe("xu2018").stage
    batch = {"sharp": torch.rand(2, 3, 16, 20), "blurred": torch.rand(2, 3, 16, 20)}
    for stage, name, source in ((first, "smooth", "blurred"), (second, "edges", "sharp")):
        found = Targets(stage, [])(batch)
        assert set(found) == {name, "sharp", "blurred"}
        torch.testing.assert_close(found[name], l0_smoothed(batch[source], weight=0.002))
        assert torch.equal(Targets(stage, [])(batch | {name: batch["sharp"]})[name], batch["sharp"])
