"""Network of Lin et al. 2020: layer counts, gradients, fitting, export."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from narrow_nets import NARROW
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.blocks import ResBlock
from facedeblur.methods.nets.lin2020 import DeArtifact, Lin2020, SketchGenerator, estimate_kernel, grey, wiener
from facedeblur.methods.running.measuring import count_parameters


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same weights and images every time."""
    torch.manual_seed(0)


def narrow(**config: Any) -> Lin2020:
    return Lin2020(**(NARROW["lin2020"] | {"kernel_size": 9} | config))


@pytest.fixture(scope="module")
def faces(portrait: np.ndarray) -> tuple[Tensor, Tensor]:
    """Four crops of a portrait, 32x32, and the same blurred along a line of 5 pixels."""
    image = torch.from_numpy(portrait[::4, ::4].copy()).permute(2, 0, 1).float() / 255
    sharp = torch.stack([image[:, y : y + 32, x : x + 36] for y, x in ((5, 40), (30, 10), (60, 50), (90, 75))])
    return sharp[..., 2:34].contiguous(), F.avg_pool2d(sharp, (1, 5), stride=1)


def layers_of(net: nn.Module) -> tuple[list[nn.Conv2d], int, int]:
    """Convolutions outside the residual blocks, transposed ones, residual blocks."""
    inside = {id(layer) for block in net.modules() if isinstance(block, ResBlock) for layer in block.modules()}
    plain = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d) and id(layer) not in inside]
    up = sum(isinstance(layer, nn.ConvTranspose2d) for layer in net.modules())
    return plain, up, sum(isinstance(layer, ResBlock) for layer in net.modules())


def test_numbers_of_layers_are_those_of_figure_3() -> None:
    plain, up, blocks = layers_of(SketchGenerator(width=4))
    assert (len(plain), up, blocks) == (10, 2, 6)
    assert sorted(layer.kernel_size[0] for layer in plain) == 8 * [3] + 2 * [7]
    assert (plain[0].kernel_size[0], plain[-1].kernel_size[0]) == (7, 7)
    net = DeArtifact(width=4)
    plain, up, blocks = layers_of(net)
    assert (len(plain), up, blocks) == (7, 1, 5)
    assert [layer.stride[0] for layer in plain].count(2) == 1
    # A PReLU behind each of the 7 + 1 + 10.
    assert sum(isinstance(layer, nn.PReLU) for layer in net.modules()) == 18


def test_parameter_counts_are_those_of_the_layout() -> None:
    def conv(inputs: int, outputs: int, size: int, bias: int = 0) -> int:
        return inputs * outputs * size**2 + bias * outputs

    sketch = conv(3, 64, 7) + conv(64, 64, 3) + conv(64, 128, 3) + conv(128, 128, 3) + conv(128, 256, 3)
    sketch += conv(256, 256, 3) + 12 * conv(256, 256, 3) + conv(256, 128, 3) + conv(256, 128, 3)
    sketch += conv(128, 64, 3) + conv(128, 64, 3) + conv(64, 64, 3) + conv(64, 1, 7, 1)
    clean = conv(4, 64, 3, 1) + conv(64, 64, 3, 1) + conv(64, 128, 3, 1) + 12 * conv(128, 128, 3, 1)
    clean += conv(128, 64, 3, 1) + conv(64, 64, 3, 1) + conv(64, 3, 3, 1) + 18
    net = Lin2020()
    assert count_parameters(net.generator)[0] == sketch == 9_007_361
    assert count_parameters(net.deartifact)[0] == clean == 1_996_629
    assert count_parameters(net)[0] == 11_003_990


def test_full_network_takes_the_papers_size() -> None:
    net = Lin2020().eval()
    with torch.no_grad():
        found = net.outputs(torch.rand(1, 3, 120, 100))
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "sketch": (1, 1, 120, 100), "kernel": (1, 51, 51), "initial": (1, 3, 120, 100), "restored": (1, 3, 120, 100)
    }  # fmt: skip
    assert all(torch.isfinite(value).all() for value in found.values())
    assert 0 <= float(found["sketch"].min()) < float(found["sketch"].max()) <= 1


def test_full_network_takes_an_optimisation_step() -> None:
    net = Lin2020()
    blurred, sharp = torch.rand(2, 1, 3, 64, 64)
    before = {name: value.clone() for name, value in net.named_parameters()}
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-4)
    first = (net(blurred) - sharp).abs().mean()
    first.backward()
    optimiser.step()
    assert (net(blurred) - sharp).abs().mean() < first
    assert all(not torch.equal(before[name], value) for name, value in net.named_parameters())


def test_gradient_of_the_end_reaches_every_parameter_of_the_sketch_generator_too() -> None:
    net = narrow()
    (net(torch.rand(2, 3, 32, 32)) - 0.5).abs().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


def test_the_parts_are_chained_as_in_figure_2() -> None:
    net = narrow(beta=0.05, gamma=0.02).eval()
    blurred = torch.rand(2, 3, 32, 40)
    found = net.outputs(blurred)
    kernel = estimate_kernel(grey(blurred), net.generator(blurred), size=9, beta=0.05)
    torch.testing.assert_close(found["kernel"], kernel)
    torch.testing.assert_close(found["initial"], wiener(blurred, kernel, gamma=0.02))
    torch.testing.assert_close(found["restored"], net.deartifact(found["initial"], found["sketch"]))
    torch.testing.assert_close(net(blurred), found["restored"])
    stopped = net.outputs(blurred, until="sketch")
    assert sorted(stopped) == ["restored", "sketch"]
    torch.testing.assert_close(stopped["sketch"], found["sketch"])


def test_rows_of_table_2_change_what_they_say() -> None:
    blurred = torch.rand(2, 3, 32, 40)
    full = narrow()
    blind = narrow(sketch_to_artifact=False).eval()
    found = blind.outputs(blurred)
    torch.testing.assert_close(found["restored"], blind.deartifact(found["initial"]))
    one_channel = 9 * NARROW["lin2020"]["clean_width"]  # type: ignore[operator]
    assert count_parameters(blind)[0] == count_parameters(full)[0] - one_channel
    intensity = narrow(space="intensity").eval()
    intensity.load_state_dict(full.state_dict())
    kernel = estimate_kernel(grey(blurred), full.generator(blurred), size=9, space="intensity")
    torch.testing.assert_close(intensity.outputs(blurred)["kernel"], kernel)
    printed = narrow(beta=0.01, beta_scale="absolute").eval()
    printed.load_state_dict(full.state_dict())
    kernel = estimate_kernel(grey(blurred), full.generator(blurred), size=9, beta=0.01, scale="absolute")
    torch.testing.assert_close(printed.outputs(blurred)["kernel"], kernel)


def test_the_naive_network_is_the_generator_alone() -> None:
    net = narrow(naive=True).eval()
    blurred = torch.rand(2, 3, 8, 12)
    found = net.outputs(blurred)
    assert list(found) == ["restored"]
    assert found["restored"].shape == blurred.shape
    assert net.parts == ("generator",) == tuple({key.split(".")[0] for key in net.state_dict()})
    more = 2 * (49 * NARROW["lin2020"]["width"] + 1)  # type: ignore[operator]
    assert count_parameters(net)[0] == count_parameters(narrow().generator)[0] + more
    with pytest.raises(InputError, match="cannot stop after 'sketch'"):
        net.outputs(blurred, until="sketch")


def test_the_de_artifact_network_starts_at_the_initial_image() -> None:
    initial, sketch = torch.rand(1, 3, 16, 16), torch.rand(1, 1, 16, 16)
    net = DeArtifact(width=8)
    change = (net(initial, sketch) - initial).detach()
    assert 0 < float(change.abs().max()) < 0.1


def test_four_images_are_fitted(faces: tuple[Tensor, Tensor]) -> None:
    sharp, blurred = faces
    net = narrow()
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(80):
        loss = F.mse_loss(net(blurred), sharp)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses[-10:]) < losses[0] / 5
    # Better than doing nothing.
    assert min(losses[-10:]) < float(F.mse_loss(blurred, sharp)) / 1.5


def test_weights_come_back_whole_and_strictly() -> None:
    net, other = narrow().eval(), narrow().eval()
    blurred = torch.rand(1, 3, 32, 32)
    assert not torch.allclose(net(blurred), other(blurred))
    other.load_state_dict(net.state_dict(), strict=True)
    torch.testing.assert_close(net(blurred), other(blurred), rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_traced_network_gives_the_same_for_other_images_of_that_size() -> None:
    net = narrow().eval()
    with torch.no_grad():
        traced = torch.jit.trace(net, torch.rand(1, 3, 32, 40))
        blurred = torch.rand(3, 3, 32, 40)
        torch.testing.assert_close(traced(blurred), net(blurred), rtol=1e-4, atol=1e-5)


def test_sixteen_bits_in_autocast_and_in_the_weights() -> None:
    net = narrow().eval()
    blurred = torch.rand(1, 3, 32, 32)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.isfinite(net(blurred)).all()
    with torch.no_grad():
        restored = net.bfloat16()(blurred.bfloat16())
    assert restored.dtype == torch.bfloat16
    assert torch.isfinite(restored).all()


@pytest.mark.parametrize("shape", [(1, 3, 31, 32), (1, 1, 32, 32), (3, 32, 32)])
def test_unusable_input_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="input of network 'lin2020'"):
        narrow()(torch.rand(shape))


def test_images_smaller_than_the_kernel_and_wrong_settings_are_refused() -> None:
    with pytest.raises(InputError, match="48 at most"):
        narrow(kernel_size=51)(torch.rand(1, 3, 48, 64))
    with pytest.raises(InputError, match="odd number"):
        narrow(kernel_size=10)(torch.rand(1, 3, 32, 32))
    with pytest.raises(InputError, match="relative, absolute"):
        narrow(beta_scale="none")
    with pytest.raises(InputError, match="did you mean 'sketch'"):
        narrow().outputs(torch.rand(1, 3, 32, 32), until="sketh")
