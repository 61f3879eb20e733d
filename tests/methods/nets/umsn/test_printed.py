"""UMSN as printed, block by block: Appendix A, sections III-A to III-C, Figs. 4 and 5."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from facedeblur.methods.nets.umsn.network import Umsn
from facedeblur.methods.nets.umsn.parts import DenseBlock, Smoothing, Step, block_of
from facedeblur.methods.nets.umsn.printed import Nested, PrintedStage


def normed(x: torch.Tensor) -> torch.Tensor:
    mean = x.mean((2, 3), keepdim=True)
    return ((x - mean) / (((x - mean) ** 2).mean((2, 3), keepdim=True) + 1e-5).sqrt()).clamp(min=0)


def sequence(part: nn.Module) -> list[tuple[int, int, str]]:
    """(in, out, what follows) of each RB of a part, in its order."""
    steps = [one for one in part.modules() if isinstance(one, Step)]
    return [(one.block.expand.in_channels, one.transition.project.out_channels, one.transition.resize) for one in steps]


def test_the_block_is_that_of_figure_4():
    torch.manual_seed(0)
    block = block_of(6, 4, "printed")
    with torch.no_grad():
        for one in block.modules():
            if isinstance(one, Smoothing):
                one.weight.normal_()
        x = torch.rand(2, 6, 12, 10)
        y = F.conv2d(normed(x), block.expand.weight)
        y = F.conv2d(normed(y), block.convs[0].weight, padding=1)
        for conv, smoothing in zip(block.convs[1:], (block.smooth_before, block.smooth), strict=True):
            y = torch.cat([F.conv2d(one, smoothing.weight, padding=1) for one in normed(y).split(1, 1)], 1)
            y = F.conv2d(y, conv.weight, padding=2, dilation=2)
        wanted = torch.cat([x, y + F.conv2d(x, block.shortcut.weight)], 1)
        torch.testing.assert_close(block(x), wanted, rtol=1e-4, atol=1e-5)


def test_the_sequences_are_those_of_appendix_a():
    net = Umsn(preset="paper")
    base = [(3, 64, "half"), (64 + 4 * 8, 64, "keep"), *[(64, 64, "keep")] * 5, (64, 16, "keep")]
    assert sequence(net.base) == base
    for stream in net.streams:
        assert sequence(stream) == [(4, 16, "half"), *[(16, 16, "keep")] * 3, (16, 8, "keep")]
        assert stream(torch.rand(1, 3, 16, 16), torch.rand(1, 1, 16, 16)).shape == (1, 8, 8, 8)
    assert (net.base.nested.skip.in_channels, net.base.nested.skip.kernel_size) == (7, (1, 1))
    residual = net.base.nested.residual
    assert (residual.in_channels, residual.out_channels, residual.kernel_size) == (16, 3, (3, 3))


def test_every_block_is_the_printed_one_with_instance_normalisation():
    net = Umsn(preset="paper")
    blocks = [one for part in (net.segmentation, net.base, *net.streams) for one in part.modules()
              if isinstance(one, DenseBlock)]  # fmt: skip
    assert len(blocks) == 8 + 8 + 4 * 5
    for block in blocks:
        assert [(conv.kernel_size[0], conv.dilation[0]) for conv in (block.expand, *block.convs)] == [
            (1, 1), (3, 1), (3, 2), (3, 2),
        ]  # fmt: skip
        assert block.smooth is not None and block.smooth_before is not None
    assert not any(isinstance(one, nn.BatchNorm2d) for one in net.modules())


def test_residuals_are_nested_and_added():
    torch.manual_seed(0)
    nested, given, features = Nested(7, 4), torch.rand(1, 7, 8, 8), torch.rand(1, 4, 8, 8)
    with torch.no_grad():
        inner = features + F.conv2d(normed(given), nested.skip.weight)
        wanted = F.conv2d(normed(inner), nested.residual.weight, nested.residual.bias, padding=1)
        torch.testing.assert_close(nested(given, features), wanted, rtol=1e-4, atol=1e-5)
        stage, picture, mask = PrintedStage(width=4), torch.rand(1, 3, 16, 16), torch.rand(1, 1, 16, 16)
        made, taken = stage.picture(picture, mask, stage(picture, mask))
        assert torch.equal(made, picture - taken) and float(taken.abs().max()) > 0
        net = Umsn(preset="paper", width=8, segmentation_width=4, stream_width=4).eval()
        blurred = torch.rand(1, 3, 16, 16)
        found = net.outputs(blurred)
        torch.testing.assert_close(found["restored"], blurred + found["nrl"] - 0.5, rtol=1e-4, atol=1e-5)
        assert "restored_half" not in found and set(found) >= {f"nrl{i}" for i in range(1, 5)}
