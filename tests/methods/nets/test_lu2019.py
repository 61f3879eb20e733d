"""Lu et al.: parts and their sizes, how content and blur are combined, what is drawn only in training."""

from __future__ import annotations

import pytest
import torch
from narrow_nets import narrow_network
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import make_network


def test_encoders_and_generators_have_the_authors_parameters():
    with torch.device("meta"):
        net = make_network("lu2019")
    counts = {part: sum(each.numel() for each in net.get_submodule(part).parameters()) for part in net.parts}
    assert counts == {"content": 9_018_112, "blur": 1_344_080, "generator": 9_564_710}


def test_images_are_made_of_the_content_of_one_and_the_blur_of_another():
    net = narrow_network("lu2019")
    blurred, sharp = torch.rand(2, 2, 3, 16, 24)
    with torch.no_grad():
        found = net.outputs(blurred, sharp=sharp)
        of_blurred, of_sharp = net.content(2 * blurred - 1, sharp=False), net.content(2 * sharp - 1, sharp=True)
        mean, _ = net.blur(2 * blurred - 1)
        made = {
            "restored": (of_blurred, mean, True), "sharp_self": (of_sharp, mean, True),
            "restored_random": (of_blurred, found["blur_drawn"], True),
            "reblurred": (of_sharp, mean, False), "blurred_self": (of_blurred, mean, False),
            "reblurred_random": (of_sharp, found["blur_drawn"], False),
        }  # fmt: skip
        for name, (content, blur, clear) in made.items():
            torch.testing.assert_close(found[name], (net.generator(content, blur, sharp=clear) + 1) / 2)
        again = net.outputs(found["reblurred"])["restored"]
        torch.testing.assert_close(found["sharp_cycle"], again)
        torch.testing.assert_close(found["blur_found"], net.blur(2 * found["reblurred_random"] - 1)[0])
        assert torch.equal(net(blurred), found["restored"])


def test_noise_is_drawn_in_training_alone():
    net, blurred = narrow_network("lu2019"), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(net(blurred), net(blurred))
        net.train()
        assert not torch.equal(net(blurred), net(blurred))


def test_the_norm_of_generators_is_over_all_values_of_an_image():
    step = narrow_network("lu2019").generator.sharp[1]
    features = torch.rand(2, step[0].in_channels, 4, 4)
    with torch.no_grad():
        taken = step[0](features)
        wanted = functional.layer_norm(taken, taken.shape[1:]) * step[1].weight[:, None, None]
        torch.testing.assert_close(step[:2](features), wanted + step[1].bias[:, None, None], rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_refused():
    for wrong in ({"width": 0}, {"values": 7}, {"values": 0}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} of lu2019"):
            make_network("lu2019", **wrong)
    with pytest.raises(InputError, match="16 or more"):
        narrow_network("lu2019")(torch.rand(1, 3, 12, 16))
