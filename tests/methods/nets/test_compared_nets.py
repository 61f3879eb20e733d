"""Networks that the papers compare with: counts, shapes, gradients, learning, export, bad input, weights."""

from __future__ import annotations

import inspect
import warnings

import pytest
import torch
from narrow_nets import NARROW
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import make_network

torch.set_num_threads(1)

# Parameters, as printed or known from the authors' code; where they are printed as megabytes, these.
FULL = {
    "dmphn": (7_232_524, 28.9),
    "jin2018": (1_413_792, None),
    "lu2019": (19_926_902, None),
    "nah2017": (11_721_321, 46.9),
    "srn": (8_061_411, 32.2),
    "xia2019": (41_825_667, None),
}
RATES = {"dmphn": 3e-3, "jin2018": 1e-2, "lu2019": 3e-3, "nah2017": 3e-3, "srn": 3e-3, "xia2019": 1e-2}
STEPS = {"dmphn": 60, "jin2018": 60, "lu2019": 150, "nah2017": 60, "srn": 120, "xia2019": 120}
names = pytest.mark.parametrize("name", list(FULL))


def narrow(name):
    torch.manual_seed(0)
    return make_network(name, **NARROW[name])


def side(net):
    return max(16, net.multiple, getattr(net, "smallest", 1))


def pairs(size, n=2):
    """Blurred and sharp: random checks of several colours, and their mean over 5x5."""
    generator = torch.Generator().manual_seed(5)
    sharp = functional.interpolate(torch.rand(n, 3, size // 8, size // 8, generator=generator), scale_factor=8)
    padded = functional.pad(sharp, (2, 2, 2, 2), mode="replicate")
    return functional.avg_pool2d(padded, 5, 1), sharp


@names
def test_full_network_has_its_parameters(name):
    with torch.device("meta"):
        count = sum(each.numel() for each in make_network(name).parameters())
    parameters, megabytes = FULL[name]
    assert count == parameters
    assert megabytes is None or abs(count * 4 / 1e6 - megabytes) < 0.1


@names
def test_outputs_are_as_large_as_their_names_say(name):
    net = narrow(name).eval()
    blurred = torch.rand(2, 3, side(net), side(net) + net.multiple)
    with torch.no_grad():
        found = net.outputs(blurred)
        assert torch.equal(net(blurred), found["restored"])
    for key, value in found.items():
        step = {"half": 2, "quarter": 4}.get(key.rpartition("_")[2], 1)
        assert value.shape == (2, 3, blurred.shape[2] // step, blurred.shape[3] // step)


@names
def test_gradient_reaches_every_parameter_and_parts_are_the_whole(name):
    net = narrow(name)
    blurred, sharp = pairs(side(net), 3)  # batch norm of two values has no gradient
    given = {"sharp": sharp} if "sharp" in inspect.signature(net.outputs).parameters else {}
    sum(value.square().mean() for value in net.outputs(blurred, **given).values()).backward()
    for key, each in net.named_parameters():
        assert each.grad is not None and each.grad.isfinite().all(), key
        assert each.dim() == 1 or each.grad.abs().max() > 0, key
    assert {key.split(".")[0] for key, _ in net.named_parameters()} == set(net.parts)


@names
def test_learns_two_images_by_heart(name):
    net = narrow(name)
    blurred, sharp = pairs(side(net))
    optimiser = torch.optim.Adam(net.parameters(), lr=RATES[name])
    start = functional.mse_loss(net(blurred), sharp).item()
    # Five times better than at the start, and better than the blurred images.
    enough = min(start / 5, functional.mse_loss(blurred, sharp).item())
    for _ in range(STEPS[name]):
        loss = functional.mse_loss(net(blurred), sharp)
        if loss.item() < enough:
            return
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    raise AssertionError(f"{loss.item():.4g} after {STEPS[name]} steps, which should be below {enough:.4g}")


@names
def test_traced_network_does_the_same_for_other_sizes(name):
    net = narrow(name).eval()
    size = side(net)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(net, torch.rand(1, 3, size, size), check_trace=False)
        other = torch.rand(2, 3, 2 * size, size)
        torch.testing.assert_close(traced(other), net(other), rtol=1e-4, atol=1e-5)


@names
def test_an_image_does_not_depend_on_its_batch(name):
    net = narrow(name).eval()
    blurred, _ = pairs(side(net))
    with torch.no_grad():
        torch.testing.assert_close(net(blurred)[1:2], net(blurred[1:2]), rtol=1e-4, atol=1e-5)


@names
def test_bad_input_is_told(name):
    net = narrow(name).eval()
    size = side(net)
    for shape in ((1, 1, size, size), (3, size, size), (1, 3, size, size + 2), (1, 3, 0, 0)):
        with pytest.raises(InputError, match=name):
            net(torch.rand(shape))
