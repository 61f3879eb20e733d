"""Discriminators: counts against the layouts written out, shapes, patches, gradients, bad input."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import make_discriminator
from facedeblur.methods.nets.blocks import he_initialise
from facedeblur.methods.nets.discriminators import PatchGan

torch.set_num_threads(1)

NARROW = {
    "patchgan": {"width": 8}, "double": {"width": 8}, "dcgan": {"width": 8, "size": 32},
    "dfpg": {"width": 16, "reduction": 4}, "nah2017": {"width": 8, "size": 64},
    "lu2019": {"width": 4},
}  # fmt: skip


def count(net):
    return sum(each.numel() for each in net.parameters())


def conv(taken, made, side):
    return taken * made * side * side + made


def inputs(name, n=2):
    torch.manual_seed(3)
    if name == "dfpg":
        return tuple(torch.rand(n, 16 << i, 32 >> i, 32 >> i) for i in range(3))
    if name == "lu2019":
        return tuple(torch.rand(n, 3, 64, 64) for _ in range(4))
    side = NARROW[name].get("size", 32)
    return (torch.rand(n, 3, side, side),)


def scores(net, given):
    made = net(*given)
    return made if isinstance(made, tuple) else (made,)


def test_patchgan_has_the_published_parameters():
    wanted = conv(3, 64, 4) + conv(64, 128, 4) + conv(128, 256, 4) + conv(256, 512, 4) + conv(512, 1, 4)
    assert count(make_discriminator("patchgan")) == wanted == 2_764_737


def test_double_is_a_patch_and_a_deeper_one():
    net = make_discriminator("double")
    deeper = conv(3, 64, 4) + conv(64, 128, 4) + conv(128, 256, 4) + conv(256, 512, 4)
    deeper += 2 * conv(512, 512, 4) + conv(512, 1, 4)
    assert (count(net.patch), count(net.full)) == (2_764_737, deeper)
    assert count(net) == 13_919_106


def test_lu2019_has_four_judges_of_three_sizes():
    net = make_discriminator("lu2019")
    one = conv(3, 64, 4) + conv(64, 128, 4) + conv(128, 256, 4) + conv(256, 512, 4) + conv(512, 1, 1)
    assert count(net) == 12 * one == 33_084_684
    # With the generator's, the number that DFPG prints: 53.0 M.
    assert count(net) + 19_926_902 == 53_011_586
    net = make_discriminator("lu2019", width=2)
    images = [torch.rand(1, 3, 128, 128) for _ in range(4)]
    with torch.no_grad():
        found = net(*images)
        assert [tuple(score.shape[2:]) for score in found] == [(8, 8), (4, 4), (2, 2)] * 4
        # Each judge sees its own image alone.
        changed = net(*images[:2], images[2].flip(3), images[3])
    assert [torch.equal(*both) for both in zip(found, changed, strict=True)] == [True] * 6 + [False] * 3 + [True] * 3
    with pytest.raises(InputError, match="four batches of images"):
        net(*images[:3])


def test_nah2017_is_the_published_table():
    net = make_discriminator("nah2017")
    widths = [3, 32, 32, 64, 64, 128, 128, 256, 256, 512]
    wanted = sum(25 * taken * made for taken, made in pairwise(widths)) + 16 * 512 * 512 + 513
    assert count(net) == wanted
    assert count(make_discriminator("nah2017", size=128)) == wanted - 12 * 512 * 512
    with torch.no_grad():
        assert net(torch.rand(1, 3, 256, 256)).shape == (1, 1, 1, 1)
    with pytest.raises(InputError, match="power of two, 64 or more"):
        make_discriminator("nah2017", size=96)
    with pytest.raises(InputError, match="set its size to 128"):
        net(torch.rand(1, 3, 128, 128))


def test_dcgan_is_six_strided_convolutions():
    net = make_discriminator("dcgan")
    strided = [each for each in net.modules() if isinstance(each, torch.nn.Conv2d)]
    assert [each.stride for each in strided] == [(2, 2)] * 6
    wanted = conv(3, 64, 4) + sum(16 * c * 2 * c + 2 * 2 * c for c in (64, 128, 256, 512)) + conv(1024, 1, 4)
    assert count(net) == wanted == 11_164_481
    assert net.eval()(torch.rand(2, 3, 128, 128)).shape == (2, 1, 1, 1)


def test_dfpg_is_table_4():
    net = make_discriminator("dfpg")
    wanted = sum(conv(c, c // 16, 1) + conv(c // 16, c, 1) + conv(c, c, 4) for c in (64, 128, 256))
    wanted += conv(64, 64, 3) + conv(64 + 128, 128, 3) + conv(128 + 256, 256, 3) + conv(256, 512, 4) + conv(512, 1, 4)
    assert count(net) == wanted == 4_637_021
    features = [torch.rand(1, 64 << i, 64 >> i, 32 >> i) for i in range(3)]
    assert net(*features).shape == (1, 1, 4, 2)
    narrow = [torch.rand(1, 8 << i, 64 >> i, 32 >> i) for i in range(3)]
    with pytest.raises(InputError, match=r"'dfpg': expected 64, found 8; write config = \{width = 8\} under \[stage"):
        net(*narrow)


def test_dfpg_without_attention_weighs_all_channels_alike():
    torch.manual_seed(0)
    equal, learned = make_discriminator("dfpg", width=16, attention=False), make_discriminator("dfpg", width=16)
    assert count(equal) == count(learned) - count(learned.attentions)
    features = [torch.rand(1, 16 << i, 32 >> i, 32 >> i) for i in range(3)]
    for one, attention in zip(features, equal.attentions, strict=True):
        assert torch.equal(attention(one), torch.ones(1, one.shape[1], 1, 1))
    with torch.no_grad():
        for attention in learned.attentions:  # sigmoid(100) is 1 in single precision
            attention[3].weight.zero_()
            attention[3].bias.fill_(100.0)
        equal.load_state_dict({key: one for key, one in learned.state_dict().items() if "attention" not in key})
        torch.testing.assert_close(equal.eval()(*features), learned.eval()(*features))


@pytest.mark.parametrize(("padding", "side"), [(2, 35), (1, 30)])
def test_size_of_the_score_map(padding, side):
    assert PatchGan(width=4, padding=padding)(torch.rand(1, 3, 256, 256)).shape == (1, 1, side, side)


@pytest.mark.parametrize(("layers", "patch"), [(3, 70), (5, 286)])
def test_a_score_sees_its_patch(layers, patch):
    net = PatchGan(width=4, layers=layers, norm="none")
    with torch.no_grad():
        for each in net.parameters():
            each.abs_()  # no two paths cancel
    image = torch.rand(1, 3, 512, 512, requires_grad=True)
    made = net(image)
    made[0, 0, made.shape[2] // 2, made.shape[3] // 2].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero()
    assert rows.max() - rows.min() + 1 == patch


@pytest.mark.parametrize("name", list(NARROW))
def test_gradient_reaches_everything(name):
    torch.manual_seed(0)
    net, given = make_discriminator(name, **NARROW[name]), inputs(name)
    for each in given:
        each.requires_grad_()
    made = scores(net, given)
    # Two terms, as of a real and a false one: the mean of a map behind an instance norm has no gradient but rounding.
    sum(functional.softplus(each).square().mean() for each in made).backward()
    for each in given:
        assert each.grad.abs().max() > 0
    for key, each in net.named_parameters():
        assert each.grad is not None and each.grad.isfinite().all(), key
        assert each.dim() == 1 or each.grad.abs().max() > 0, key


@pytest.mark.parametrize("name", list(NARROW))
def test_learns_to_tell_two_kinds_apart(name):
    torch.manual_seed(0)
    net, real = make_discriminator(name, **NARROW[name]), inputs(name, n=2 if name == "lu2019" else 4)
    if name == "lu2019":  # in a narrow one without norm the weights of N(0, 0.02) let nothing through
        he_initialise(net)
    false = tuple(functional.avg_pool2d(each, 3, 1, padding=1) for each in real)
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.5, 0.999))
    for step in range(60):
        pairs = list(zip(scores(net, real), scores(net, false), strict=True))
        if all(one.mean() > other.mean() + 1.5 for one, other in pairs):
            assert step > 0  # what is apart untrained shows nothing
            break
        loss = sum((functional.softplus(-one).mean() + functional.softplus(other).mean()) for one, other in pairs)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for one, other in pairs:
        assert one.mean() > other.mean() + 1


def test_spectral_norm_bounds_the_trunk():
    net = make_discriminator("dfpg", **NARROW["dfpg"])
    for _ in range(60):  # each forward is a step of the power iteration
        net(*inputs("dfpg"))
    net.eval()
    trunk = [level[i] for level in net.levels for i in (0, 2)] + [net.head, net.last]
    for each in trunk:
        largest = torch.linalg.matrix_norm(each.weight.detach().flatten(1), 2)
        torch.testing.assert_close(largest, torch.tensor(1.0), rtol=0.02, atol=0)


@pytest.mark.parametrize("name", list(NARROW))
def test_state_round_trip(name):
    net, other = make_discriminator(name, **NARROW[name]).eval(), make_discriminator(name, **NARROW[name]).eval()
    other.load_state_dict(net.state_dict(), strict=True)
    given = inputs(name)
    for one, two in zip(scores(net, given), scores(other, given), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize(
    ("name", "config", "words"),
    [
        ("patchgan", {"norm": "layer"}, "instance, batch, none"),
        ("patchgan", {"padding": 3}, "1 or 2"),
        ("dcgan", {"size": 100}, "power of two"),
    ],
)
def test_bad_settings_are_told(name, config, words):
    with pytest.raises(InputError, match=words):
        make_discriminator(name, **config)


def test_bad_input_is_told():
    with pytest.raises(InputError, match=r"\(N, 3, H, W\)"):
        make_discriminator("double", width=8)(torch.rand(1, 1, 32, 32))
    with pytest.raises(InputError, match="24 or more"):
        PatchGan(width=4, padding=1)(torch.rand(1, 3, 16, 16))
    with pytest.raises(InputError, match=r"128x128.*64x64"):
        make_discriminator("dcgan", width=8)(torch.rand(1, 3, 64, 64))
    first, second, third = inputs("dfpg")
    with pytest.raises(InputError, match="features 3"):
        make_discriminator("dfpg", **NARROW["dfpg"])(first, second, second)
    with pytest.raises(InputError, match="multiples of 16"):
        make_discriminator("dfpg", **NARROW["dfpg"])(first[..., :24], second, third)
