"""facedeblur-base: its layout, that it learns, and that it is exported."""

from __future__ import annotations

import pytest
import torch
from narrow_nets import NARROW

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.facedeblur_base import FacedeblurBase


def test_size_and_shape() -> None:
    net = make_network("facedeblur-base").eval()
    assert sum(one.numel() for one in net.parameters()) == 3_560_428
    blurred = torch.rand(2, 3, 48, 64)
    with torch.no_grad():
        restored = net(blurred)
    # Before training it changes nothing: the last layer begins at zero.
    assert torch.equal(restored, blurred)


def test_gradient_reaches_everything() -> None:
    torch.manual_seed(0)
    net = FacedeblurBase(**NARROW["facedeblur-base"])
    torch.nn.init.normal_(net.tail.weight, std=0.1)
    net.outputs(torch.rand(1, 3, 32, 32))["restored"].square().sum().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in net.parameters())


def test_it_learns_four_images() -> None:
    torch.manual_seed(0)
    net = FacedeblurBase(**NARROW["facedeblur-base"])
    sharp = torch.nn.functional.interpolate(torch.rand(4, 3, 8, 8), size=(32, 32), mode="nearest")
    blurred = torch.nn.functional.avg_pool2d(sharp, 5, 1, 2)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    losses = []
    for _ in range(120):
        loss = (net(blurred) - sharp).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5


def test_save_load_and_trace(tmp_path) -> None:
    torch.manual_seed(1)
    net = FacedeblurBase(**NARROW["facedeblur-base"]).eval()
    torch.nn.init.normal_(net.tail.weight, std=0.1)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    again = FacedeblurBase(**NARROW["facedeblur-base"]).eval()
    again.load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True))
    blurred = torch.rand(1, 3, 32, 48)
    traced = torch.jit.trace(net, torch.rand(1, 3, 32, 32))
    with torch.no_grad():
        assert torch.equal(net(blurred), again(blurred))
        torch.testing.assert_close(traced(blurred), net(blurred))


@pytest.mark.parametrize("shape", [(1, 3, 30, 32), (1, 1, 32, 32), (3, 32, 32)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="facedeblur-base"):
        FacedeblurBase(**NARROW["facedeblur-base"])(torch.rand(shape))
