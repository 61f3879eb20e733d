"""The network of Song et al. 2019, as we read it: its components, its base image, and its dictionary of exemplars."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from narrow_nets import NARROW
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.song2019 import COMPONENTS, Exemplars, component_distances, component_maps
from facedeblur.methods.running.measuring import count_parameters

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded():
    """The same weights and images every time."""
    torch.manual_seed(0)


def narrow(**config):
    return make_network("song2019", **(NARROW["song2019"] | config))


def whole_maps(count, height, width):
    """Maps in which every pixel is of the rest."""
    maps = torch.zeros(count, len(COMPONENTS), height, width)
    maps[:, -1] = 1
    return maps


def test_parameter_counts_are_those_of_the_layout():
    def conv(taken, made, size):
        return taken * made * size**2

    structure = conv(7, 64, 7) + conv(64, 128, 3) + conv(128, 256, 3) + 16 * conv(256, 256, 3)
    structure += conv(256, 128, 4) + conv(128, 64, 4) + conv(64, 3, 3) + 3
    with torch.device("meta"):
        net = make_network("song2019")
    assert count_parameters(net.components)[0] == 772_363
    assert count_parameters(net.structure)[0] == structure == 10_484_867
    assert count_parameters(net)[0] == 11_257_234
    assert sum(each.numel() for each in net.details.buffers()) == 2 * 200 * 3 * 128**2 + 1
    assert {key.split(".")[0] for key in net.state_dict()} == set(net.parts)


def test_components_divide_the_face():
    assert sorted(name for names in COMPONENTS.values() for name in names) == sorted(HELEN)
    parsing = torch.randn(2, 11, 4, 5)
    maps = component_maps(parsing)
    torch.testing.assert_close(maps.sum(1), torch.ones(2, 4, 5))
    torch.testing.assert_close(maps[:, 1], parsing.softmax(1)[:, 6])
    torch.testing.assert_close(maps[:, 0], parsing.softmax(1)[:, 2:6].sum(1))


def test_distances_are_those_of_every_pair_and_component():
    images, others = torch.rand(2, 3, 30).double(), torch.rand(4, 3, 30).double()
    masks = torch.rand(2, 3, 30).double()
    found = component_distances(images, others, masks)
    for n in range(2):
        for c in range(3):
            for k in range(4):
                apart = (images[n] - others[k]).numpy()
                mask = masks[n, c].numpy()
                mean = (mask * apart).sum(1) / mask.sum()
                wanted = (mask * (apart - mean[:, None]) ** 2).sum() / mask.sum()
                np.testing.assert_allclose(float(found[n, c, k]), wanted, rtol=1e-9)


def test_details_are_those_of_the_nearest_exemplar():
    part = Exemplars(3, side=8, nearest=1)
    sharp = torch.rand(3, 3, 8, 8)
    soft = functional.avg_pool2d(functional.pad(sharp, (1, 1, 1, 1), mode="replicate"), 3, 1)
    part.take(sharp, soft)
    assert int(part.filled) == 3
    added = part(soft[[2, 0]] + 0.1, whole_maps(2, 8, 8))
    torch.testing.assert_close(added, 0.5 * (sharp - soft)[[2, 0]], atol=3e-3, rtol=0)
    # In training a face is not its own exemplar.
    other = part(soft[[2]], whole_maps(1, 8, 8), sharp[[2]])
    apart = component_distances(soft[[2]].flatten(2), soft[:2].flatten(2), torch.ones(1, 1, 64))[0, 0]
    nearest = int(apart.argmin())
    torch.testing.assert_close(other, 0.5 * (sharp - soft)[[nearest]], atol=3e-3, rtol=0)


def test_each_component_has_its_own_exemplar():
    part = Exemplars(2, side=8, nearest=1)
    sharp, soft = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    part.take(sharp, soft)
    maps = torch.zeros(1, len(COMPONENTS), 8, 8)
    maps[:, 0, :, :4], maps[:, 1, :, 4:] = 1, 1
    base = torch.cat([soft[:1, :, :, :4], soft[1:, :, :, 4:]], 3)
    with torch.no_grad():
        part.gain[:2] = torch.tensor([1.0, 0.25])
    details = sharp - soft
    wanted = torch.cat([details[:1, :, :, :4], 0.25 * details[1:, :, :, 4:]], 3)
    torch.testing.assert_close(part(base, maps), wanted, atol=6e-3, rtol=0)


def test_nearer_exemplars_count_more_and_empty_places_nothing():
    part = Exemplars(5, side=4, nearest=3)
    base = torch.rand(1, 3, 4, 4)
    part.take(torch.zeros(1, 3, 4, 4), base)
    assert not part(base, whole_maps(1, 4, 4), torch.zeros(1, 3, 4, 4)).any()
    assert not Exemplars(5, side=4, nearest=3)(base, whole_maps(1, 4, 4)).any()
    near, far = (base + scale * torch.randn(1, 3, 4, 4) / 8 for scale in (0.5, 2.0))
    part = Exemplars(5, side=4, nearest=3)
    part.take(torch.cat([torch.zeros_like(base), torch.ones_like(base)]), torch.cat([near, far]).clamp(0, 1))
    stored = part.soft[:2] / 255
    first, second = component_distances(base.flatten(2), stored.flatten(2), torch.ones(1, 1, 16))[0, 0]
    share = 1 / (1 + torch.exp(1 - second / first))
    wanted = 0.5 * (share * (0 - stored[:1]) + (1 - share) * (1 - stored[1:]))
    assert share > 0.6
    torch.testing.assert_close(part(base, whole_maps(1, 4, 4)), wanted, atol=1e-4, rtol=0)


def test_the_dictionary_is_filled_in_training_only_and_holds_no_face_twice():
    net = narrow()
    blurred, sharp = torch.rand(2, 2, 3, 64, 64)
    net.eval().outputs(blurred, sharp=sharp)
    net.train().outputs(blurred, sharp=sharp, until="base")
    assert int(net.details.filled) == 0
    # As a stage has it that trains this part alone.
    net.eval().details.train()
    net.outputs(blurred[:1], sharp=sharp[:1])
    alone = net.outputs(blurred[:1], sharp=sharp[:1])
    assert int(net.details.filled) == 1 and torch.equal(alone["restored"], alone["base"])
    net.train().outputs(blurred, sharp=sharp)
    net.outputs(blurred.flip(0), sharp=sharp.flip(0))
    assert int(net.details.filled) == 2
    wanted = functional.interpolate(sharp, size=(32, 32), mode="bilinear", align_corners=False)
    torch.testing.assert_close(net.details.sharp[:2] / 255, wanted, atol=3e-3, rtol=0)
    net.outputs(torch.rand(5, 3, 64, 64), sharp=torch.rand(5, 3, 64, 64))
    assert int(net.details.filled) == 4
    other = narrow()
    other.load_state_dict(net.state_dict(), strict=True)
    with torch.no_grad():
        assert torch.equal(net.eval()(blurred), other.eval()(blurred))
        assert not torch.equal(net(blurred), net.outputs(blurred, until="base")["restored"])


def test_the_parts_are_chained():
    net = narrow().eval()
    blurred = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        found = net.outputs(blurred)
        maps = component_maps(net.components(blurred))
        torch.testing.assert_close(found["base"], net.structure(blurred, maps))
        # Without exemplars nothing is added.
        assert torch.equal(found["restored"], found["base"]) and torch.equal(net(blurred), found["restored"])
        stopped = net.outputs(blurred, until="base")
        assert torch.equal(stopped["restored"], found["base"])
        assert net.outputs(blurred, until="parsing")["restored"] is blurred
        torch.testing.assert_close(net(blurred[1:]), found["restored"][1:], rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_parameter():
    net = narrow().train()
    blurred, sharp = torch.rand(2, 3, 3, 64, 64)
    found = net.outputs(blurred, sharp=sharp)
    (found["restored"].square().mean() + found["parsing"].square().mean()).backward()
    for key, each in net.named_parameters():
        assert each.grad is not None and each.grad.isfinite().all(), key
        assert each.dim() == 1 or each.grad.abs().max() > 0, key
    assert net.details.gain.grad.abs().min() > 0


def test_two_images_are_fitted(portrait):
    image = torch.from_numpy(portrait[::2, ::2].copy()).permute(2, 0, 1).float() / 255
    sharp = torch.stack([image[:, y : y + 64, x : x + 64] for y, x in ((10, 30), (50, 60))])
    blurred = functional.avg_pool2d(functional.pad(sharp, (3, 3, 0, 0), mode="replicate"), (1, 7), 1)
    net = narrow(width=12).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-4)
    losses = []
    for _ in range(60):
        loss = functional.mse_loss(net.outputs(blurred)["restored"], sharp)
        losses.append(float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    # Better than doing nothing.
    assert losses[-1] < float(functional.mse_loss(blurred, sharp)) / 2


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_traced_network_with_exemplars_does_the_same_for_other_sizes():
    net = narrow().train()
    net.outputs(torch.rand(4, 3, 64, 64), sharp=torch.rand(4, 3, 64, 64))
    net.eval()
    with torch.no_grad():
        traced = torch.jit.trace(net, torch.rand(1, 3, 64, 64), check_trace=False)
        other = torch.rand(2, 3, 96, 64)
        torch.testing.assert_close(traced(other), net(other), rtol=1e-4, atol=1e-5)


def test_bad_input_and_settings_are_refused():
    net = narrow().eval()
    for shape in ((1, 1, 64, 64), (3, 64, 64), (1, 3, 64, 70), (1, 3, 32, 64)):
        with pytest.raises(InputError, match="song2019"):
            net(torch.rand(shape))
    with pytest.raises(InputError, match="did you mean 'base'"):
        net.outputs(torch.rand(1, 3, 64, 64), until="bas")
    for key in ("width", "blocks", "parser_width", "exemplars", "side", "nearest"):
        with pytest.raises(InputError, match=f"{key} of song2019"):
            narrow(**{key: 0})
