"""Networks of Shen et al. 2018 and 2020: layout, counts, gradients, fitting, export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from narrow_nets import NARROW
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.shen.parser import ShenParser
from facedeblur.methods.nets.shen.shen2018 import Shen2018, TwoScale
from facedeblur.methods.nets.shen.shen2020 import Shen2020
from facedeblur.methods.running.measuring import count_parameters

Make = Callable[..., Any]
BOTH = pytest.mark.parametrize("make", [Shen2018, Shen2020])


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same weights and images every time."""
    torch.manual_seed(0)


def narrow(make: Make, **config: Any) -> Any:
    return make(**NARROW["shen2018"], **config)


def cancelled(name: str) -> bool:
    """Whether batch normalisation takes away what the bias called `name` adds: its gradient is rounding."""
    return name.startswith(("parser.encoder", "parser.decoder")) and name.endswith(".0.bias")


@pytest.fixture(scope="module")
def faces(portrait: np.ndarray) -> tuple[Tensor, Tensor]:
    """Four crops of a portrait, 32x32, and the same blurred along a line of 5 pixels."""
    image = torch.from_numpy(portrait[::4, ::4].copy()).permute(2, 0, 1).float() / 255
    sharp = torch.stack([image[:, y : y + 32, x : x + 36] for y, x in ((5, 40), (30, 10), (60, 50), (90, 75))])
    return sharp[..., 2:34].contiguous(), F.avg_pool2d(sharp, (1, 5), stride=1)


def test_parameter_counts_are_the_derived_ones() -> None:
    net = Shen2018()
    assert count_parameters(net.parser)[0] == 772_363
    assert count_parameters(net.deblur)[0] == 3_118_937
    assert count_parameters(net)[0] == 3_891_300
    assert count_parameters(Shen2020(resblocks=5))[0] == 6_886_333
    full = Shen2020()
    assert [count_parameters(part)[0] for part in (full.parser, full.coarse, full.fine)] == [
        772_363,
        3_358_425,
        3_575_257,
    ]
    assert count_parameters(full)[0] == 7_706_045
    # A further fine stage costs one more G_f, a shared one nothing.
    assert count_parameters(Shen2020(stages=3))[0] == 7_706_045 + 2 * 3_575_257
    assert count_parameters(Shen2020(stages=3, shared=True))[0] == 7_706_045


def test_convolutions_a_scale_and_input_channels_are_the_papers() -> None:
    """Section 3.5: 18 convolutions a scale, 11x11 first, then 5x5; section 3.2: 3, 6, 17 and 20 channels."""
    net = Shen2020()
    for part, inputs in ((net.coarse, 3), (net.fine[0], 17)):
        for scale, channels in ((part.small, inputs), (part.large, inputs + 3)):
            layers = [module for module in scale.modules() if isinstance(module, nn.Conv2d)]
            assert len(layers) == 18
            assert [layer.kernel_size[0] for layer in layers] == [11] + 17 * [5]
            assert layers[0].in_channels == channels


@BOTH
def test_full_network_takes_an_optimisation_step(make: Make) -> None:
    net = make()
    blurred = torch.rand(1, 3, 64, 64)
    sharp = torch.rand(1, 3, 64, 64)
    before = {name: value.clone() for name, value in net.named_parameters()}
    optimiser = torch.optim.Adam(net.parameters(), lr=4e-5)

    def loss() -> Tensor:
        found = net.outputs(blurred)
        parsing = F.cross_entropy(found["parsing"], torch.zeros(1, 64, 64, dtype=torch.long))
        return (found["restored"] - sharp).abs().mean() + 1e-3 * parsing

    first = loss()
    first.backward()
    optimiser.step()
    assert loss() < first
    still = [name for name, value in net.named_parameters() if torch.equal(before[name], value)]
    assert [name for name in still if not cancelled(name)] == []


@BOTH
def test_full_network_at_128_keeps_the_shape(make: Make) -> None:
    net = make(resblocks=5).eval()
    with torch.no_grad():
        restored = net(torch.rand(1, 3, 128, 128))
    assert restored.shape == (1, 3, 128, 128)
    assert torch.isfinite(restored).all()


def test_outputs_have_both_scales_and_the_logits() -> None:
    found = narrow(Shen2020, stages=2).outputs(torch.rand(2, 3, 64, 96))
    full, half = (2, 3, 64, 96), (2, 3, 32, 48)
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "coarse": full, "coarse_half": half, "fine1": full, "fine1_half": half,
        "restored": full, "restored_half": half, "parsing": (2, 11, 64, 96),
    }  # fmt: skip
    found = narrow(Shen2018).outputs(torch.rand(2, 3, 64, 96))
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "restored": full, "restored_half": half, "parsing": (2, 11, 64, 96)
    }  # fmt: skip


def test_early_stops_give_what_the_whole_pass_gives() -> None:
    net = narrow(Shen2020).eval()
    blurred = torch.rand(1, 3, 64, 64)
    whole = net.outputs(blurred)
    for until, names in (("coarse", ["coarse", "coarse_half"]), ("parsing", ["coarse", "coarse_half", "parsing"])):
        part = net.outputs(blurred, until=until)
        assert sorted(part) == sorted([*names, "restored"])
        for name in names:
            torch.testing.assert_close(part[name], whole[name])
    assert sorted(narrow(Shen2018).outputs(blurred, until="parsing")) == ["parsing", "restored"]


@pytest.mark.parametrize("shared", [False, True])
def test_fine_stages_follow_one_another(shared: bool) -> None:
    net = narrow(Shen2020, stages=2, shared=shared).eval()
    blurred = torch.rand(1, 3, 64, 64)
    found = net.outputs(blurred)
    maps = found["parsing"].softmax(1)
    last, small = found["fine1"], net.halve(blurred)
    again, _ = net.fine[-1](
        torch.cat([blurred, last, maps], 1), torch.cat([small, net.halve(last), F.max_pool2d(maps, 2)], 1)
    )
    torch.testing.assert_close(again, found["restored"])
    assert len(net.fine) == (1 if shared else 2)


@BOTH
def test_gradient_reaches_every_parameter(make: Make) -> None:
    net = narrow(make)
    net(torch.rand(3, 3, 64, 64)).square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0 or cancelled(name), name


@BOTH
def test_four_images_are_fitted(make: Make, faces: tuple[Tensor, Tensor]) -> None:
    sharp, blurred = faces
    net = narrow(make)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    losses = []
    for _ in range(35):
        found = net.outputs(blurred)
        loss = F.mse_loss(found["restored"], sharp)
        if "coarse" in found:
            loss = loss + F.mse_loss(found["coarse"], sharp)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses[-10:]) < losses[0] / 5


@BOTH
def test_weights_come_back_whole_and_strictly(make: Make) -> None:
    net, other = narrow(make).eval(), narrow(make).eval()
    blurred = torch.rand(1, 3, 64, 64)
    assert not torch.allclose(net(blurred), other(blurred))
    other.load_state_dict(net.state_dict(), strict=True)
    torch.testing.assert_close(net(blurred), other(blurred), rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="size mismatch"):
        make(width=4, parser_width=8, resblocks=1).load_state_dict(net.state_dict())


@BOTH
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_traced_network_gives_the_same_at_another_size(make: Make) -> None:
    net = narrow(make).eval()
    with torch.no_grad():
        traced = torch.jit.trace(net, torch.rand(1, 3, 64, 64))
        blurred = torch.rand(2, 3, 96, 64)
        torch.testing.assert_close(traced(blurred), net(blurred))


def test_image_moments_do_not_depend_on_the_batch() -> None:
    blurred = torch.rand(3, 3, 64, 64) * torch.tensor([0.2, 0.6, 1.0])[:, None, None, None]
    net = narrow(Shen2018).eval()
    with torch.no_grad():
        torch.testing.assert_close(net(blurred)[1:2], net(blurred[1:2]), rtol=1e-4, atol=1e-5)
        # One image in training mode is normalised by its own moments, too: what the authors' test code does.
        own = net(blurred[1:2])
        net.train()
        torch.testing.assert_close(net(blurred[1:2]), own, rtol=1e-4, atol=1e-5)


def test_the_two_kinds_of_normalisation_share_weights_and_differ_in_evaluation() -> None:
    compat, usual = narrow(Shen2018).eval(), narrow(Shen2018, compat=False).eval()
    usual.load_state_dict(compat.state_dict(), strict=True)
    blurred = torch.rand(2, 3, 64, 64)
    assert not torch.allclose(compat(blurred), usual(blurred), atol=1e-3)
    compat.train(), usual.train()
    torch.testing.assert_close(compat(blurred), usual(blurred), rtol=0, atol=0)


def test_parser_is_the_forward_pass_of_the_facts() -> None:
    """Protocols F2 written out, layer by layer, from the weights alone."""
    parser = ShenParser(width=6, classes=4, own_moments=True).double().eval()
    state = dict(parser.named_parameters())
    image = torch.rand(1, 3, 64, 64, dtype=torch.float64)

    def unit(x: Tensor, place: str) -> Tensor:
        weight = state[f"{place}.0.weight"]
        x = F.conv2d(x, weight, state[f"{place}.0.bias"], padding=weight.shape[-1] // 2)
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
        scale, shift = (state[f"{place}.1.{name}"][None, :, None, None] for name in ("weight", "bias"))
        return ((x - mean) / (variance + 1e-4).sqrt() * scale + shift).clamp_min(0)

    assert [state[f"encoder.{at}.0.weight"].shape[-1] for at in range(6)] == [3, 3, 5, 3, 3, 3]
    e1 = unit(image, "encoder.0")
    e2 = unit(F.max_pool2d(e1, 2), "encoder.1")
    e3 = unit(F.max_pool2d(e2, 2), "encoder.2")
    e4 = unit(F.max_pool2d(e3, 2), "encoder.3")
    e5 = unit(F.max_pool2d(e4, 2), "encoder.4")
    x = unit(F.max_pool2d(e5, 2), "encoder.5")
    for at, skip in enumerate((e5, e4, e3, e2, None)):
        x = F.conv_transpose2d(x, state[f"ups.{at}.weight"], state[f"ups.{at}.bias"], stride=2, padding=1)
        x = unit(x, f"decoder.{at}")
        x = x if skip is None else x + skip
    expected = F.conv2d(x, state["classify.weight"], state["classify.bias"], padding=1)
    torch.testing.assert_close(parser(image), expected)


def test_deblurring_network_is_the_forward_pass_of_the_facts() -> None:
    """Protocols F2: the running sum stays without ReLU, upsampled channels come first."""
    net = TwoScale(4, width=5, resblocks=2).double()
    state = dict(net.named_parameters())

    def layer(x: Tensor, place: str) -> Tensor:
        weight = state[f"{place}.weight"]
        return F.conv2d(x, weight, state[f"{place}.bias"], padding=weight.shape[-1] // 2)

    def scale(x: Tensor, name: str) -> Tensor:
        for at in range(3):
            x = layer(x, f"{name}.head.{at}").clamp_min(0)
        total = x
        for at in range(2):
            total = total + layer(
                layer(total.clamp_min(0), f"{name}.blocks.{at}.0").clamp_min(0), f"{name}.blocks.{at}.2"
            )
        x = total.clamp_min(0)
        for at in range(2):
            x = layer(x, f"{name}.tail.{at}").clamp_min(0)
        return layer(x, f"{name}.last")

    images, halves = (torch.randn(2, 4, side, side, dtype=torch.float64) for side in (16, 8))
    half = scale(halves, "small")
    up = F.conv_transpose2d(half, state["up.weight"], state["up.bias"], stride=2, padding=1)
    full = scale(torch.cat([up, images], 1), "large")
    for ours, expected in zip(net(images, halves), (full, half), strict=True):
        torch.testing.assert_close(ours, expected)


@BOTH
@pytest.mark.parametrize("shape", [(1, 3, 63, 64), (1, 1, 64, 64), (3, 64, 64), (1, 3, 64, 48)])
def test_unusable_input_is_refused(make: Make, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="input of network 'shen20"):
        narrow(make)(torch.rand(shape))


def test_moments_of_one_value_are_refused() -> None:
    net = narrow(Shen2018)
    with pytest.raises(InputError, match="more than 32x32"):
        net.train()(torch.rand(1, 3, 32, 32))
    with pytest.raises(InputError, match="more than 32x32"):
        net.eval()(torch.rand(4, 3, 32, 32))
    assert narrow(Shen2020).eval()(torch.rand(1, 3, 32, 32)).shape == (1, 3, 32, 32)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InputError, match="stages"):
        Shen2020(stages=0)
    with pytest.raises(InputError, match="did you mean 'coarse'"):
        narrow(Shen2020).outputs(torch.rand(1, 3, 64, 64), until="corase")
    for side in (0, 4):
        with pytest.raises(InputError, match="first_kernel"):
            narrow(Shen2020, first_kernel=side)
    with pytest.raises(InputError, match="did you mean 'predicted'"):
        narrow(Shen2018, semantics="predict")


@pytest.mark.parametrize(
    ("first_kernel", "fine", "printed"),
    [(5, 3_347_929, 14.56), (9, 3_480_537, 14.70), (11, 3_575_257, 14.80), (13, 3_688_921, 14.92)],
)
def test_the_first_kernel_costs_what_table_7_prints(first_kernel: int, fine: int, printed: float) -> None:
    """The differences to 11x11 are those of one fine network, in millions of parameters."""
    net = Shen2020(first_kernel=first_kernel)
    assert count_parameters(net.fine)[0] == fine
    assert (fine - 3_575_257) / 1e6 == pytest.approx(printed - 14.80, abs=0.015)
    for part in (net.coarse, *net.fine):
        for scale in (part.small, part.large):
            assert [layer.kernel_size[0] for layer in scale.head] == [first_kernel, 5, 5]


@BOTH
def test_true_labels_take_the_place_of_the_parser(make: Make) -> None:
    net = narrow(make, semantics="true").eval()
    blurred, labels = torch.rand(2, 3, 64, 64), torch.randint(0, 11, (2, 64, 64))
    assert not any(name.startswith("parser") for name, _ in net.named_parameters()) and "parser" not in net.parts
    whole = narrow(make).eval()
    whole.load_state_dict(net.state_dict(), strict=False)
    # Logits that leave no doubt.
    whole.parser.forward = lambda images: 200 * F.one_hot(labels, 11).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(net(blurred, labels), whole(blurred))
    assert not torch.allclose(net(blurred, labels), net(blurred, torch.zeros_like(labels)))
    for wrong in (None, labels[:, :32]):
        with pytest.raises(InputError, match="labels"):
            net(blurred, wrong)
    # A value that is no class is on no map.
    torch.testing.assert_close(net(blurred, torch.full_like(labels, 255)), net(blurred, torch.full_like(labels, 11)))


@BOTH
def test_without_semantics_the_image_is_read_alone(make: Make) -> None:
    net = narrow(make, semantics="none").eval()
    assert "parsing" not in net.outputs(torch.rand(1, 3, 64, 64))
    last = net.deblur if make is Shen2018 else net.fine[0]
    assert last.small.head[0].in_channels == (3 if make is Shen2018 else 6)
    with pytest.raises(InputError, match="until"):
        net.outputs(torch.rand(1, 3, 64, 64), until="parsing")


def test_the_parser_can_be_given_images_alone() -> None:
    net, sharp = narrow(Shen2020).eval(), torch.rand(1, 3, 64, 64)
    found = net.outputs(sharp, until="parser")
    torch.testing.assert_close(found["parsing"], net.parser(sharp))
    assert sorted(found) == ["parsing", "restored"]


@pytest.mark.parametrize(
    ("make", "config"),
    [
        (Shen2018, {"semantics": "true", "compat": False}),
        (Shen2018, {"semantics": "none", "compat": False}),
        (Shen2020, {"first_kernel": 5}),
        (Shen2020, {"stages": 2}),
        (Shen2020, {"stages": 2, "shared": True}),
    ],
)
def test_variants_of_the_tables_are_fitted(make: Make, config: dict[str, Any], faces: tuple[Tensor, Tensor]) -> None:
    sharp, blurred = faces
    net = narrow(make, **config)
    labels = torch.zeros(4, 32, 32, dtype=torch.long)
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    losses = []
    for _ in range(30):
        found = net.outputs(blurred, labels=labels)
        pictures = [name for name in found if name in ("restored", "coarse", "fine1")]
        loss = sum(F.mse_loss(found[name], sharp) for name in pictures) / len(pictures)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses[-5:]) < losses[0] / 3
