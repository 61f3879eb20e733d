"""Blocks that networks share: halving against torch's own filter, the checks of input."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from skimage.transform import pyramid_gaussian
from torch import nn

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.blocks import Halve, ResBlock, check_images, check_until
from facedeblur.methods.running.measuring import count_parameters


def test_halving_is_antialiased_bicubic_inside_and_symmetric_at_the_border() -> None:
    images = torch.rand(2, 5, 24, 36, generator=torch.Generator().manual_seed(0))
    halved = Halve()(images)
    reference = F.interpolate(images, scale_factor=0.5, mode="bicubic", antialias=True)
    torch.testing.assert_close(halved[:, :, 2:-2, 2:-2], reference[:, :, 2:-2, 2:-2])
    # torch renormalises at the border, MATLAB mirrors the image: there, of an image mirrored by hand.
    mirrored = torch.cat([images.flip(2), images, images.flip(2)], 2)
    mirrored = torch.cat([mirrored.flip(3), mirrored, mirrored.flip(3)], 3)
    reference = F.interpolate(mirrored, scale_factor=0.5, mode="bicubic", antialias=True)[:, :, 12:24, 18:36]
    torch.testing.assert_close(halved, reference)


def test_gaussian_halving_is_a_step_of_scikit_images_pyramid() -> None:
    images = torch.rand(1, 3, 12, 20, generator=torch.Generator().manual_seed(0))
    _, wanted = pyramid_gaussian(images[0].permute(1, 2, 0).double().numpy(), 1, channel_axis=-1)
    found = Halve("gaussian")(images)[0].permute(1, 2, 0)
    torch.testing.assert_close(found, torch.from_numpy(wanted).float())
    with pytest.raises(InputError, match="did you mean 'gaussian'"):
        Halve("gaussan")


def test_halving_keeps_a_constant_and_carries_no_weights() -> None:
    halve = Halve()
    torch.testing.assert_close(halve(torch.full((1, 1, 8, 8), 0.7)), torch.full((1, 1, 4, 4), 0.7))
    assert not halve.state_dict()


def test_residual_block_adds_its_input() -> None:
    block = ResBlock(4, activation=nn.ReLU, norm=nn.InstanceNorm2d)
    assert count_parameters(block)[0] == 2 * 4 * 4 * 9
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    features = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(block(features), features.relu())


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 1, 32, 32), torch.float32),
        ((3, 32, 32), torch.float32),
        ((1, 3, 32, 33), torch.float32),
        ((1, 3, 0, 32), torch.float32),
        ((1, 3, 32, 32), torch.uint8),
    ],
)
def test_unusable_images_are_refused_in_one_line(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    with pytest.raises(InputError, match="input of network 'x'") as told:
        check_images(torch.zeros(shape, dtype=dtype), net="x", multiple=32)
    assert "\n" not in str(told.value)


def test_images_under_the_smallest_side_are_refused() -> None:
    check_images(torch.zeros(1, 3, 64, 64), net="x", multiple=32, smallest=64)
    with pytest.raises(InputError, match="64"):
        check_images(torch.zeros(1, 3, 64, 32), net="x", multiple=32, smallest=64)


def test_an_unknown_place_to_stop_names_the_nearest() -> None:
    check_until(None, net="x", parts=("coarse",))
    with pytest.raises(InputError, match="did you mean 'coarse'"):
        check_until("corse", net="x", parts=("coarse", "parsing"))
