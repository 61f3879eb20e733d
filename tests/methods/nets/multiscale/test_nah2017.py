"""The multi-scale network of Nah et al.: its layers, its pyramid, and the authors' files."""

from __future__ import annotations

import re

import pytest
import torch
from skimage.transform import pyramid_gaussian

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.loading import find_files, load_network


def test_each_scale_has_forty_convolutions_and_nineteen_blocks():
    with torch.device("meta"):
        net = make_network("nah2017")
    for scale in net.scales:
        kinds = [type(module).__name__ for module in scale.modules()]
        assert (kinds.count("Conv2d"), kinds.count("Residual")) == (40, 19)
    assert [scale[0].in_channels for scale in net.scales] == [3, 6, 6]


def test_scales_read_the_pyramid_and_what_was_restored_before():
    torch.manual_seed(4)
    net = make_network("nah2017", width=4, blocks=1).eval()
    read = []
    for scale in net.scales:
        scale.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    blurred = torch.rand(1, 3, 24, 32)
    with torch.no_grad():
        found = net.outputs(blurred)
        first = net.ups[0](found["restored_quarter"] - 0.5)
        second = net.ups[1](found["restored_half"] - 0.5)
    levels = list(pyramid_gaussian(blurred[0].permute(1, 2, 0).double().numpy(), 2, channel_axis=-1))[::-1]
    for given, level in zip(read, levels, strict=True):
        torch.testing.assert_close(given[0, :3].permute(1, 2, 0) + 0.5, torch.from_numpy(level).float())
    torch.testing.assert_close(read[1][:, 3:], first)
    torch.testing.assert_close(read[2][:, 3:], second)


def test_the_authors_files_are_read(tmp_path):
    torch.manual_seed(5)
    net = make_network("nah2017", width=4, blocks=3, white=255.0).eval()
    theirs = {}
    for name, value in net.state_dict().items():
        part, number, rest = re.match(r"(scales|ups)\.(\d)\.(.+)", name).groups()
        old = f"body_models.{2 - int(number)}.body" if part == "scales" else f"conv_end_models.{2 - int(number)}.uppath"
        theirs[f"{old}.{rest}"] = value
    torch.save({"G": theirs, "D": {"dense.weight": torch.zeros(1)}}, tmp_path / "model-200.pt")
    read = load_network("nah2017", find_files("nah2017", [tmp_path]))
    blurred = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(read(blurred), net(blurred))
        # Values of 0 to 255 inside are not those of 0 to 1.
        usual = make_network("nah2017", width=4, blocks=3)
        usual.load_state_dict(net.state_dict())
        assert not torch.allclose(usual(blurred), net(blurred), atol=1e-3)
    del theirs["conv_end_models.1.uppath.0.bias"]
    torch.save({"G": theirs}, tmp_path / "model-200.pt")
    with pytest.raises(InputError, match=r"found no 'ups.1.0.bias'"):
        load_network("nah2017", find_files("nah2017", [tmp_path]))
    for other in ({"G": {"conv.weight": torch.zeros(3)}}, {"model": torch.zeros(3)}, torch.zeros(2)):
        torch.save(other, tmp_path / "model-200.pt")
        with pytest.raises(InputError, match=r"expected the multi-scale network of Nah et al\. under 'G'"):
            load_network("nah2017", find_files("nah2017", [tmp_path]))


def test_wrong_settings_are_told():
    for wrong in ({"width": 0}, {"blocks": 0}, {"white": 0.0}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} of nah2017"):
            make_network("nah2017", **wrong)
