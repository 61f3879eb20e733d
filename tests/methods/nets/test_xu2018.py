"""The network of Xu et al. 2018, as we read it: its edges, the kernel from them, and the deconvolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from narrow_nets import NARROW
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.classical.nonblind.krishnan_fergus_2009 import BETAS, hyper_laplacian, threshold
from facedeblur.methods.classical.nonblind.krishnan_fergus_2009 import shrink as shrink_one
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.lin2020 import estimate_kernel, grey
from facedeblur.methods.nets.xu2018 import ALPHA, deconvolve, shrink
from facedeblur.methods.running.measuring import count_parameters
from facedeblur.methods.training.losses.targets import DRAWINGS

torch.set_num_threads(1)


def narrow(**config):
    torch.manual_seed(0)
    return make_network("xu2018", **(NARROW["xu2018"] | {"kernel_size": 9} | config))


@pytest.fixture(scope="module")
def faces(portrait):
    """Two crops of a portrait, 48x48, and the same blurred along a line of 7 pixels."""
    image = torch.from_numpy(portrait[::3, ::3].copy()).permute(2, 0, 1).float() / 255
    sharp = torch.stack([image[:, y : y + 48, x : x + 54] for y, x in ((5, 40), (60, 50))])
    return sharp[..., 3:51].contiguous(), functional.avg_pool2d(sharp, (1, 7), stride=1)


def test_parameter_counts_are_those_of_the_layout():
    def conv(taken, made, size):
        return taken * made * size**2

    details = conv(3, 64, 9) + 4 * conv(64, 64, 3) + conv(64, 1, 3) + 1
    edges = conv(1, 64, 9) + 12 * conv(64, 64, 5) + conv(64, 1, 5) + 1
    with torch.device("meta"):
        net = make_network("xu2018")
    assert count_parameters(net.suppress)[0] == details == 163_585
    assert count_parameters(net.enhance)[0] == edges == 1_235_585
    assert count_parameters(net)[0] == 1_399_170
    assert {key.split(".")[0] for key in net.state_dict()} == set(net.parts)


def test_an_edge_depends_on_79_pixels():
    """The first convolutions of 9, five of 3 and thirteen of 5."""
    net = make_network("xu2018", width=1, kernel_size=3).double()
    for part in (net.suppress.body, net.enhance.body):
        for place, layer in enumerate(part):
            if isinstance(layer, torch.nn.InstanceNorm2d):
                part[place] = torch.nn.Identity()
            elif isinstance(layer, torch.nn.Conv2d):
                torch.nn.init.ones_(layer.weight)
    image = torch.rand(1, 3, 101, 101, dtype=torch.float64, requires_grad=True)
    net.outputs(image)["edges"][0, 0, 50, 50].backward()
    seen = image.grad[0, 0].nonzero()
    assert seen.min(0).values.tolist() == [11, 11] and seen.max(0).values.tolist() == [89, 89]


def test_kernel_and_image_follow_from_the_edges():
    net = narrow(beta=0.2, weight=300.0).eval()
    blurred = torch.rand(2, 3, 20, 25)
    found = net.outputs(blurred)
    assert torch.equal(found["edges"], net.enhance(net.suppress(blurred)))
    kernel = estimate_kernel(grey(blurred), found["edges"], size=9, beta=0.2)
    torch.testing.assert_close(found["kernel"], kernel)
    torch.testing.assert_close(found["kernel"].sum((1, 2)), torch.ones(2))
    torch.testing.assert_close(found["restored"], deconvolve(blurred, kernel, weight=300.0))
    assert torch.equal(net(blurred), found["restored"])
    stopped = net.outputs(blurred, until="smooth")
    assert torch.equal(stopped["smooth"], found["smooth"]) and stopped["restored"] is blurred
    alone = net(blurred[1:])
    torch.testing.assert_close(alone, found["restored"][1:], rtol=1e-4, atol=1e-5)


def test_the_batch_is_deconvolved_as_one_image_at_a_time():
    generator = np.random.default_rng(2)
    images = generator.random((2, 21, 34, 3), dtype=np.float32)
    kernels = [kernel / kernel.sum() for kernel in generator.random((2, 7, 7))]
    wanted = hyper_laplacian(images, kernels, alpha=ALPHA, weight=500.0)
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2).double()
    found = deconvolve(tensors, torch.from_numpy(np.stack(kernels)), weight=500.0)
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), wanted, atol=2e-3)


@pytest.mark.parametrize("beta", BETAS)
def test_shrinkage_finds_the_least_of_all_values(beta):
    values = torch.linspace(-3, 3, 241, dtype=torch.float64)
    values = values[(values.abs() - threshold(ALPHA, beta)).abs() > 1e-3]
    found = shrink(values, beta)
    grid = torch.linspace(-3, 3, 12001, dtype=torch.float64)
    costs = grid.abs() ** ALPHA + beta / 2 * (grid - values[:, None]) ** 2
    own = found.abs() ** ALPHA + beta / 2 * (found - values) ** 2
    assert (own <= costs.min(1).values + 1e-6).all()
    one_by_one = [shrink_one(np.float32(v), 3, np.float32(beta), np.float32(threshold(ALPHA, beta))) for v in values]
    np.testing.assert_allclose(found.numpy(), one_by_one, atol=1e-5)


def test_edges_of_the_sharp_face_give_the_kernel(faces):
    sharp, blurred = faces
    kernel = estimate_kernel(grey(blurred), DRAWINGS["edges"](sharp), size=9, beta=0.6)
    true = torch.zeros(9, 9)
    true[4, 1:8] = 1 / 7
    for one in kernel:
        assert torch.corrcoef(torch.stack([one.flatten(), true.flatten()]))[0, 1] > 0.9
    errors = [
        functional.mse_loss(deconvolve(blurred, one, weight=500.0), sharp) for one in (kernel, true.expand_as(kernel))
    ]
    assert errors[0] < 1.25 * errors[1] < functional.mse_loss(blurred, sharp)


def test_two_images_are_fitted(faces):
    sharp, blurred = faces
    net = narrow(width=12, edges=4)
    wanted = DRAWINGS["edges"](sharp)
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(80):
        edges = net.outputs(blurred)["edges"]
        loss = sum(torch.diff(edges - wanted, dim=axis).abs().mean() for axis in (-1, -2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        restored = net(blurred)
    # Better than doing nothing.
    assert functional.mse_loss(restored, sharp) < functional.mse_loss(blurred, sharp) / 1.5


def test_gradients_reach_the_edges_and_stop_behind_them():
    net = narrow()
    found = net.outputs(torch.rand(2, 3, 16, 16))
    assert not found["kernel"].requires_grad and not found["restored"].requires_grad
    (found["smooth"].square().mean() + found["edges"].square().mean()).backward()
    for key, each in net.named_parameters():
        assert each.grad is not None and each.grad.isfinite().all(), key
        assert each.dim() == 1 or each.grad.abs().max() > 0, key


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_traced_network_gives_the_same_for_other_images_of_that_size():
    net = narrow().eval()
    with torch.no_grad():
        traced = torch.jit.trace(net, torch.rand(1, 3, 20, 25))
        blurred = torch.rand(3, 3, 20, 25)
        torch.testing.assert_close(traced(blurred), net(blurred), rtol=1e-4, atol=1e-5)


def test_half_precision_stays_finite():
    net = narrow().eval().bfloat16()
    with torch.no_grad():
        restored = net(torch.rand(1, 3, 20, 25).bfloat16())
    assert restored.dtype == torch.bfloat16 and restored.isfinite().all()


def test_small_images_and_wrong_settings_are_refused():
    net = narrow()
    for shape in ((1, 3, 8, 20), (1, 1, 20, 20), (3, 20, 20)):
        with pytest.raises(InputError, match="input of network 'xu2018'"):
            net(torch.rand(shape))
    with pytest.raises(InputError, match="did you mean 'smooth'"):
        net.outputs(torch.rand(1, 3, 20, 20), until="smoth")
    for wrong in ({"width": 0}, {"details": 1}, {"edges": 1}, {"weight": 0.0}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} of xu2018"):
            narrow(**wrong)
    with pytest.raises(InputError, match="odd number"):
        narrow(kernel_size=10)(torch.rand(1, 3, 32, 32))
