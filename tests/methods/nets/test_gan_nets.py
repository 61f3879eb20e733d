"""DFPGnet, DeblurGAN and DeblurGAN-v2: counts, shapes, gradients, learning, saving, export, bad input."""

from __future__ import annotations

import io
import warnings

import pytest
import torch
from narrow_nets import NARROW
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.dfpgnet import FeatureTransform
from facedeblur.methods.nets.loading import load_network
from facedeblur.methods.nets.vgg import Vgg, fill_vgg

torch.set_num_threads(1)

# Dropout would keep four pictures from being learnt by heart.
CONFIGS = {name: NARROW[name] for name in ("dfpgnet", "deblurgan-v2")}
CONFIGS["deblurgan"] = NARROW["deblurgan"] | {"dropout": 0.0}
RATES = {"dfpgnet": 5e-4, "deblurgan": 3e-3, "deblurgan-v2": 3e-3}
SIDES = {"dfpgnet": 16, "deblurgan": 16, "deblurgan-v2": 64}
names = pytest.mark.parametrize("name", list(CONFIGS))


def narrow(name):
    torch.manual_seed(0)
    return make_network(name, **CONFIGS[name])


def count(net):
    return sum(each.numel() for each in net.parameters())


def pairs(side, n=4):
    """Blurred and sharp: random checks of two colours, and their mean over 5x5."""
    generator = torch.Generator().manual_seed(5)
    sharp = functional.interpolate(torch.rand(n, 3, side // 4, side // 4, generator=generator), scale_factor=4)
    padded = functional.pad(sharp, (2, 2, 2, 2), mode="replicate")
    return functional.avg_pool2d(padded, 5, 1), sharp


def conv(taken, made, side):
    return taken * made * side * side + made


def test_dfpgnet_has_the_published_parameters():
    net = make_network("dfpgnet")

    def blocks(c, n):
        return n * (2 * conv(c, c, 3) + conv(c, c // 16, 1) + conv(c // 16, c, 1))

    def transform(c):
        return 4 * conv(c, c, 3)

    encoder = conv(3, 64, 1) + blocks(64, 5) + conv(64, 128, 4) + blocks(128, 5) + conv(128, 256, 4) + blocks(256, 10)
    priors = sum(transform(c) + blocks(c, 10) for c in (64, 128, 256))
    decoder = sum(transform(c) + blocks(c, 5) for c in (64, 128, 256))
    decoder += conv(256, 128, 4) + conv(128, 64, 4) + conv(64, 3, 1)
    assert (count(net.encoder), count(net.priors), count(net.decoder)) == (encoder, priors, decoder)
    assert (encoder, priors, decoder) == (14_401_180, 18_702_488, 11_556_175)
    assert count(net) == 44_659_843


def test_dfpgnet_without_priors_and_with_vgg_face_for_an_encoder():
    nets = {guide: make_network("dfpgnet", guide=guide) for guide in ("encoder", "vgg-face")}
    assert count(nets["encoder"]) == 44_659_843 - 18_702_488 == 25_957_355
    encoder = conv(3, 64, 3) + conv(64, 64, 3) + conv(64, 128, 3) + conv(128, 128, 3)
    encoder += conv(128, 256, 3) + 2 * conv(256, 256, 3)
    assert (count(nets["vgg-face"].decoder), count(nets["vgg-face"].encoder)) == (11_556_175, encoder)
    assert encoder == 1_735_488 and not any(one.requires_grad for one in nets["vgg-face"].encoder.parameters())
    assert nets["encoder"].parts == ("encoder", "decoder") and nets["vgg-face"].parts == ("decoder",)
    for wrong, match in (
        ({"guide": "vgg"}, "guide"), ({"encoder_weights": "random"}, "only VGG-Face"),
        ({"guide": "vgg-face", "width": 48}, "divisor of 64"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=match):
            make_network("dfpgnet", **wrong)


def test_vgg_face_as_an_encoder_gives_its_features_to_the_decoder():
    net = make_network("dfpgnet", width=16, blocks=1, reduction=4, guide="vgg-face", encoder_weights="random").eval()
    vgg = Vgg("vgg-face", layers=("relu1_2", "relu2_2", "relu3_3"))
    fill_vgg(vgg, "random")
    blurred = torch.rand(2, 3, 16, 24)
    one, two, three = (features[:, ::4] / 58 for features in vgg(blurred).values())
    decoder, given = net.decoder, []
    decoder.last.register_forward_pre_hook(lambda _, taken: given.append(taken[0]))
    with torch.no_grad():
        restored = net(blurred)
        deep = decoder.stage3(decoder.transform3(three, three))
        middle = decoder.stage2(decoder.transform2(decoder.up2(deep), two))
        last = decoder.stage1(decoder.transform1(decoder.up1(middle), one)) + one
    torch.testing.assert_close(given[0], last)
    assert restored.shape == blurred.shape and list(net.outputs(blurred)) == ["restored"]


def test_weights_of_vgg_face_are_needed_only_where_a_training_begins(tmp_path, monkeypatch):
    config = {"width": 16, "blocks": 1, "reduction": 4, "guide": "vgg-face"}
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match="vgg_face_dag"):
        make_network("dfpgnet", **config, encoder_weights="vgg-face")
    net = make_network("dfpgnet", **config, encoder_weights="random").eval()
    header = {"name": "dfpgnet-vggface", "network": "dfpgnet", "config": config | {"encoder_weights": "vgg-face"}}
    write_tensors(tmp_path / "a.safetensors", net.state_dict(), header)
    again, blurred = load_network("dfpgnet", [tmp_path / "a.safetensors"]), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(again(blurred), net(blurred))


def test_deblurgan_has_the_published_parameters():
    net = make_network("deblurgan")
    assert count(net) == 11_378_179
    assert round(count(net) * 4 / 1e6, 2) == 45.51
    # What a block of one convolution, the slip of the stored code, would leave.
    assert count(net) - 9 * conv(256, 256, 3) == 6_067_459


def test_deblurgan_of_anand_is_leaky_throughout():
    net = make_network("deblurgan", leak=0.2, **NARROW["deblurgan"])
    kinds = [type(each).__name__ for each in net.modules()]
    assert kinds.count("LeakyReLU") == 3 + 2 + 2 and "ReLU" not in kinds
    assert {each.negative_slope for each in net.modules() if isinstance(each, torch.nn.LeakyReLU)} == {0.2}
    plain = make_network("deblurgan", **NARROW["deblurgan"])
    assert plain.state_dict().keys() == net.state_dict().keys()
    with pytest.raises(InputError, match="leak of deblurgan: expected at least 0 and under 1, found 1"):
        make_network("deblurgan", leak=1.0)


def test_dfpgnet_full():
    net = make_network("dfpgnet")
    blurred = torch.rand(1, 3, 16, 24)
    outputs = net.outputs(blurred)
    assert {key: tuple(value.shape) for key, value in outputs.items()} == {
        "restored": (1, 3, 16, 24), "priors1": (1, 64, 16, 24), "priors2": (1, 128, 8, 12), "priors3": (1, 256, 4, 6),
    }  # fmt: skip
    step(net, blurred)


def test_deblurgan_full():
    net = make_network("deblurgan").eval()
    blurred = torch.rand(1, 3, 32, 48)
    restored = net(blurred).detach()
    assert restored.shape == blurred.shape
    assert restored.min() >= 0 and restored.max() <= 1
    step(net.train(), blurred)


def step(net, blurred):
    """One real step of the optimiser: it lowers the loss on its image."""
    sharp = blurred.flip(3)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)
    dropouts = [each for each in net.modules() if isinstance(each, torch.nn.Dropout)]
    for each in dropouts:
        each.eval()
    loss = functional.mse_loss(net(blurred), sharp)
    loss.backward()
    optimiser.step()
    with torch.no_grad():
        assert functional.mse_loss(net(blurred), sharp) < loss


def test_the_feature_transform_is_its_formula():
    torch.manual_seed(1)
    transform = FeatureTransform(4)
    features, guide = torch.rand(2, 2, 4, 6, 6)

    def branch(module):
        hidden = functional.conv2d(guide, module[0].weight, module[0].bias, padding=1)
        hidden = torch.where(hidden > 0, hidden, 0.2 * hidden)
        return functional.conv2d(hidden, module[2].weight, module[2].bias, padding=1)

    wanted = branch(transform.gamma) * features + branch(transform.beta)
    torch.testing.assert_close(transform(features, guide), wanted)


def test_deblurgan_adds_a_bounded_change():
    net = narrow("deblurgan")
    blurred = torch.rand(1, 3, 16, 16)
    change = (net(blurred) - blurred).detach()
    assert 0 < change.abs().max() <= 0.5
    with torch.no_grad():
        net.up[-2].bias.fill_(50.0)  # tanh is 1 everywhere: plus 2 in [-1, 1] is plus a half of the range
    torch.testing.assert_close(net(blurred), blurred + 0.5)
    torch.testing.assert_close(net.eval()(blurred), (blurred + 0.5).clamp(0, 1))


@names
def test_gradient_reaches_every_parameter(name):
    net, (blurred, sharp) = narrow(name), pairs(SIDES[name])
    functional.l1_loss(net(blurred), sharp).backward()
    for key, each in net.named_parameters():
        assert each.grad is not None, key
        assert each.grad.isfinite().all(), key
        # A shift before an instance norm is taken out again: its gradient is zero but for rounding.
        assert each.dim() == 1 or each.grad.abs().max() > 0, key


@names
def test_overfits_four_images(name):
    net, (blurred, sharp) = narrow(name), pairs(SIDES[name])
    optimiser = torch.optim.Adam(net.parameters(), lr=RATES[name], betas=(0.5, 0.99))
    start = functional.mse_loss(net(blurred), sharp).item()
    # Five times better than at the start, and better than the blurred images.
    enough, loss = min(start / 5, functional.mse_loss(blurred, sharp).item()), start
    for _ in range(150):
        value = functional.mse_loss(net(blurred), sharp)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        loss = value.item()
        if loss < enough:
            break
    assert loss < enough


@names
def test_state_round_trip(name):
    net, other = narrow(name).eval(), make_network(name, **CONFIGS[name]).eval()
    blurred, _ = pairs(SIDES[name])
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    assert not torch.equal(net(blurred), other(blurred))
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    assert torch.equal(net(blurred), other(blurred))


@names
def test_export_round_trip(name):
    net, (blurred, _) = narrow(name).eval(), pairs(SIDES[name])
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(net, blurred[:1])
        file = io.BytesIO()
        torch.jit.save(traced, file)
        file.seek(0)
        loaded = torch.jit.load(file)
        torch.testing.assert_close(loaded(blurred), net(blurred), rtol=1e-4, atol=1e-5)
        larger, _ = pairs(2 * SIDES[name], n=1)
        torch.testing.assert_close(loaded(larger), net(larger), rtol=1e-4, atol=1e-5)


@names
def test_an_image_does_not_depend_on_its_batch(name):
    net, (blurred, _) = narrow(name).eval(), pairs(SIDES[name])
    with torch.no_grad():
        torch.testing.assert_close(net(blurred)[2:3], net(blurred[2:3]), rtol=1e-3, atol=1e-4)


@names
def test_bad_input_is_told(name):
    net, side = narrow(name).eval(), SIDES[name]
    for shape in ((1, 1, side, side), (3, side, side), (1, 3, side, side + 2), (1, 3, 0, 0)):
        with pytest.raises(InputError, match=name):
            net(torch.rand(shape))
    with pytest.raises(InputError, match=name):
        net(torch.zeros(1, 3, side, side, dtype=torch.uint8))


@names
def test_parts_are_the_whole(name):
    net = narrow(name)
    assert sum(count(net.get_submodule(part)) for part in net.parts) == count(net)


def test_too_small_is_told():
    with pytest.raises(InputError, match="8 or more"):
        narrow("deblurgan")(torch.rand(1, 3, 4, 4))
