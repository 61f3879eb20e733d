"""The U-Net of Xia and Chakrabarti: its skips, its norm, and the authors' files."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.loading import find_files, load_network
from facedeblur.methods.nets.xia2019 import Layer


def test_layers_are_those_of_pix2pix_at_128_pixels():
    with torch.device("meta"):
        net = make_network("xia2019")
    assert net.multiple == 128
    assert [layer.conv.out_channels for layer in net.down] == [64, 128, 256, 512, 512, 512, 512]
    assert [layer.conv.in_channels for layer in net.up] == [512, 1024, 1024, 1024, 512, 256, 128]
    assert [layer.conv.out_channels for layer in net.up] == [512, 512, 512, 256, 128, 64, 3]
    assert [layer.norm is None for layer in net.up] == [False] * 6 + [True]


def test_a_layer_normalises_before_it_adds_its_biases():
    torch.manual_seed(1)
    layer, features = Layer(3, 4), torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        layer.bias.copy_(torch.randn(4))
        made = layer.conv(features).double()
        mean, variance = made.mean((0, 2, 3)), made.var((0, 2, 3), unbiased=False)
        wanted = (made - mean[:, None, None]) / (variance[:, None, None] + 1e-8).sqrt() + layer.bias[:, None, None]
        torch.testing.assert_close(layer(features).double(), wanted.relu(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer.norm.running_mean.double(), 0.01 * mean)


def test_the_blurred_image_is_added():
    net = make_network("xia2019", width=2, depth=3).eval()
    blurred = torch.rand(1, 3, 16, 8)
    with torch.no_grad():
        net.up[-1].conv.weight.zero_()
        net.up[-1].bias.copy_(torch.tensor([0.1, 0.2, -0.3]))
        change = net(blurred) - blurred
    torch.testing.assert_close(change, torch.tensor([0.1, 0.2, -0.3])[None, :, None, None].expand_as(change))
    for wrong in ({"width": 0}, {"depth": 1}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} of xia2019"):
            make_network("xia2019", **wrong)


def test_the_authors_files_are_read(tmp_path):
    torch.manual_seed(2)
    net = make_network("xia2019", width=2, depth=4)
    for _ in range(2):
        net(torch.rand(3, 3, 32, 32))  # for running moments
    arrays = {}
    for way, layers in (("e", net.down), ("d", net.up)):
        for number, layer in enumerate(layers, 1):
            arrays[f"{way}conv_{number}_w"] = layer.conv.weight.detach().numpy().transpose(2, 3, 1, 0)
            arrays[f"{way}conv_{number}_b"] = layer.bias.detach().numpy()
            if layer.norm is not None:
                arrays[f"{way}conv_{number}_mu"] = layer.norm.running_mean.numpy()
                arrays[f"{way}conv_{number}_var"] = layer.norm.running_var.numpy()
    arrays["kconv_1_w"] = np.zeros((4, 4, 2, 2), np.float32)  # the blind network estimates a kernel, too
    file = tmp_path / "iter_190000.model.npz"
    np.savez(file, **arrays)
    read, blurred = load_network("xia2019", find_files("xia2019", [tmp_path])), torch.rand(1, 3, 32, 16)
    with torch.no_grad():
        assert torch.equal(read(blurred), net.eval()(blurred))
    del arrays["dconv_3_mu"]
    np.savez(file, **arrays)
    with pytest.raises(InputError, match="expected Xia and Chakrabarti's U-Net, found no 'dconv_3_mu'"):
        load_network("xia2019", find_files("xia2019", [tmp_path]))
    np.savez(file, weight=np.zeros(3))
    with pytest.raises(InputError, match="found no 'econv_1_w'"):
        load_network("xia2019", find_files("xia2019", [tmp_path]))


def test_the_second_branch_estimates_a_kernel_of_27_pixels():
    with torch.device("meta"):
        net = make_network("xia2019", blind=True)
        with torch.no_grad():
            outputs = net(torch.rand(2, 3, 128, 128)), net.outputs(torch.rand(2, 3, 128, 128))["kernel"]
    assert [tuple(one.shape) for one in outputs] == [(2, 3, 128, 128), (2, 27, 27)]
    assert [layer.conv.in_channels for layer in net.kernel.up] == [512, 1024, 1024, 1024]
    assert [layer.conv.out_channels for layer in net.kernel.up] == [512, 512, 512, 256]
    layers = [*net.kernel.grow, net.kernel.last]
    assert [layer.conv.in_channels for layer in layers] == [512, 128, 64, 64, 64]
    assert [layer.conv.kernel_size[0] for layer in layers] == [4, 4, 4, 3, 1]
    small = make_network("xia2019", blind=True, width=2, depth=4)
    blurred = torch.rand(2, 3, 32, 32)
    found = small.eval().outputs(blurred)
    assert found["kernel"].shape == (2, 15, 15) and (found["kernel"] > 0).all()
    torch.testing.assert_close(found["kernel"].sum((1, 2)), torch.ones(2))
    torch.testing.assert_close(found["restored"], small(blurred))
    plain = make_network("xia2019", width=2, depth=4).eval()
    plain.load_state_dict({name: value for name, value in small.state_dict().items() if not name.startswith("kernel")})
    assert torch.equal(plain(blurred), small(blurred))
    with pytest.raises(InputError, match="expected square images, whose kernel it estimates, found 16x32"):
        small.outputs(blurred[..., :16])
    with pytest.raises(InputError, match="depth of xia2019: expected 3 or more"):
        make_network("xia2019", blind=True, depth=2)
