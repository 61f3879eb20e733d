"""The network of Jin et al., as we read it: its rearranged image, its field of view, colours, sizes."""

from __future__ import annotations

import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.jin2018 import Block


def test_the_count_is_nearest_to_the_printed_one():
    def count(**config) -> int:
        with torch.device("meta"):
            return sum(each.numel() for each in make_network("jin2018", **config).parameters())

    # As counted in the first author's code for videos.
    assert count(width=144) == 4_972_032
    assert min((73, 74, 75), key=lambda width: abs(count(width=width) - 1.4e6)) == 74
    assert min((31, 32, 33), key=lambda width: abs(count(width=width) * 4 - 1.4e6)) == 32  # were it megabytes


def test_the_first_layer_sees_squares_of_20_pixels():
    net = make_network("jin2018", width=4, joint=4).double()
    image = torch.rand(1, 1, 64, 64, dtype=torch.float64, requires_grad=True)
    net.first(torch.nn.functional.pixel_unshuffle(image, 4))[0, :, 8, 8].sum().backward()
    seen = image.grad[0, 0].nonzero()
    assert seen.min(0).values.tolist() == [24, 24] and seen.max(0).values.tolist() == [43, 43]
    assert len(seen) == 20 * 20


def test_a_block_normalises_each_image_before_its_convolutions():
    torch.manual_seed(3)
    block, features = Block(4, (1, 2)).double(), torch.rand(2, 4, 9, 7, dtype=torch.float64)

    def activated(part, values, dilation):
        mean, variance = values.mean((2, 3), keepdim=True), values.var((2, 3), unbiased=False, keepdim=True)
        values = ((values - mean) / (variance + 1e-5).sqrt()).relu()
        size = part[2].weight.shape[-1]
        return torch.nn.functional.conv2d(values, part[2].weight, padding=dilation * (size // 2), dilation=dilation)

    wanted = features + activated(block.point, features, 1)
    wanted = wanted + activated(block.body[1], activated(block.body[0], features, 1), 2)
    torch.testing.assert_close(block(features), wanted)


def test_colours_share_their_weights_and_the_blurred_image_is_added():
    torch.manual_seed(4)
    net, blurred = make_network("jin2018", width=4, joint=4).eval(), torch.rand(2, 3, 16, 12)
    read = []
    net.last.register_forward_hook(lambda module, given, made: read.append(given[0]))
    with torch.no_grad():
        net(blurred)
        net(blurred.flip(1))
        # Before the last block a colour knows nothing of the others: in another order they come in that order.
        torch.testing.assert_close(read[1], read[0].flip(1))
        assert not torch.allclose(read[0], blurred, atol=1e-3)
        net.last[-1][2].weight.zero_()
        assert torch.equal(net(blurred), blurred)
        for fuse in net.fuses:
            for part in (fuse.point, fuse.body):
                part[2].weight.zero_()
        net(blurred)
    assert torch.equal(read[-1], blurred)  # the rearranged image is put back where it came from


def test_small_images_and_widths_are_refused():
    net = make_network("jin2018", width=2, joint=2)
    assert net(torch.rand(1, 3, 8, 8)).shape == (1, 3, 8, 8)
    with pytest.raises(InputError, match="multiples of 4, 8 or more"):
        net(torch.rand(1, 3, 4, 8))
    for wrong in ({"width": 0}, {"joint": 0}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} of jin2018"):
            make_network("jin2018", **wrong)
