"""UMSN's variants, those of Table VI of the paper: parameters, what they give, and whose weights they refuse."""

from __future__ import annotations

import pytest
import torch
from narrow_nets import NARROW
from torch import nn

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import declared, make_network
from facedeblur.methods.nets.umsn.network import Umsn
from facedeblur.methods.nets.umsn.parts import Smoothing
from facedeblur.methods.training.checkpoint import load_weights
from facedeblur.methods.training.losses.base import make_loss
from facedeblur.methods.training.recipe import load_train_recipe

ROWS = ("umsn-b-net", "umsn-masks", "umsn-nrl", "umsn-without-confidence", "umsn")
PARAMETERS = {"umsn-b-net": 7_640_448, "umsn-masks": 7_602_560, "umsn-nrl": 7_604_032}
"""Of B-Net alone; UMSN restores with 7,620,974."""


def count(*modules: nn.Module) -> int:
    return sum(weights.numel() for module in modules for weights in module.parameters())


def restoring(net: Umsn) -> int:
    """Parameters of F-Nets, without their tails, and B-Net."""
    streams = net.streams or ()
    return count(net.base, *(getattr(one, name) for one in streams for name in one.features))


def variant(row: str) -> Umsn:
    return make_network("umsn", **load_train_recipe(row).config | NARROW["umsn"])


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(5)


@pytest.mark.parametrize("row", PARAMETERS)
def test_b_net_alone_has_as_many_parameters_as_umsn(row):
    umsn = restoring(Umsn())
    alone = Umsn(**load_train_recipe(row).config)
    assert umsn == 7_620_974 and restoring(alone) == count(alone.base) == PARAMETERS[row]
    assert abs(restoring(alone) / umsn - 1) < 0.003
    assert count(alone) == PARAMETERS[row] + (0 if row == "umsn-b-net" else count(alone.segmentation))
    # One more channel inside, and one less, is farther away.
    config = load_train_recipe(row).config
    for other in (config["expansion"] - 1 / 64, config["expansion"] + 1 / 64):
        assert abs(count(Umsn(**config | {"expansion": other}).base) / umsn - 1) > 0.003


def test_without_the_confidence_umsn_lacks_its_network_only():
    without = Umsn(confidence=False)
    assert restoring(without) == 7_620_974 and not without.idle
    assert count(without) == 14_382_261 - 226_979 - 116_048


@pytest.mark.parametrize("row", ROWS)
def test_each_variant_gives_what_it_has(row):
    net = variant(row)
    blurred, sharp = torch.rand(2, 2, 3, 16, 16)
    found = net.outputs(blurred, sharp=sharp)
    wanted = {"restored", "restored_half"}
    if net.segmentation is not None:
        wanted |= {"parsing", "parsing_half", "masks"}
    if net.streams is not None:
        wanted |= {f"class{i}" for i in range(1, 5)} | {f"nrl{i}" for i in range(1, 5)}
    if net.nrl:
        wanted |= {"nrl"}
    if net.confidence is not None:
        wanted |= {"confidence"}
    assert set(found) == wanted and torch.equal(net(blurred), found["restored"])
    have = (net.segmentation, net.nrl or None, net.streams, net.confidence)
    assert [one is not None for one in have] == [ROWS.index(row) > at for at in range(4)]
    assert set(net.parts) == {name for name, _ in net.named_children()} - {"idle"}
    changed = net.outputs(blurred.flip(0), sharp=sharp)
    assert not torch.equal(changed["restored"], found["restored"])
    places = [place for place, part in (("parsing", net.segmentation), ("classes", net.streams)) if part is not None]
    for place in ("parsing", "classes"):
        if place in places:
            assert torch.equal(net.outputs(blurred, sharp=sharp, until=place)["restored"], blurred)
        else:
            with pytest.raises(InputError, match="until"):
                net.outputs(blurred, sharp=sharp, until=place)


def test_nested_residual_is_what_is_added_before_the_picture_is_made_clean():
    net = variant("umsn").eval()
    blurred = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        found = net.outputs(blurred)
        clean = net.base.finish.clean(2 * blurred - 1 + 2 * found["nrl"] - 1)
        torch.testing.assert_close((clean + 1) / 2, found["restored"])
        clean = net.streams[1].finish.clean(2 * blurred - 1 + 2 * found["nrl2"] - 1)
        torch.testing.assert_close((clean + 1) / 2, found["class2"])
    assert {"nrl", "residuals"} <= set(declared("umsn").keeps)


def test_masks_reach_the_picture_only_where_they_are_given():
    for row, reached in (("umsn-b-net", False), ("umsn-masks", True)):
        net = variant(row)
        seen = []
        net.base.enter.register_forward_pre_hook(lambda module, given, seen=seen: seen.append(given[0].shape[1]))
        net(torch.rand(1, 3, 16, 16))
        assert seen == [7 if reached else 3]


def test_every_pair_of_variants_refuses_the_others_weights():
    nets = {row: variant(row) for row in ROWS}
    for row, net in nets.items():
        for other, another in nets.items():
            if other != row:
                with pytest.raises(InputError, match="use weights of this network and configuration") as told:
                    load_weights(net, another.state_dict(), "w.safetensors")
                assert "\n" not in str(told.value)


def test_s_net_starts_with_the_same_weights_in_every_variant():
    nets = []
    for row in ROWS[1:]:
        torch.manual_seed(8)
        nets.append(variant(row).segmentation.state_dict())
    assert all(torch.equal(one[key], nets[0][key]) for one in nets for key in nets[0])


def test_first_weights_are_those_of_the_authors_code():
    net = Umsn()
    for part in (net.streams, net.base, net.confidence):
        drawn = torch.cat([one.weight.detach().flatten() for one in part.modules() if isinstance(one, nn.Conv2d)])
        assert float(drawn.std()) == pytest.approx(0.02, rel=0.01) and abs(float(drawn.mean())) < 2e-4
        smoothing = [one.weight.detach() for one in part.modules() if isinstance(one, Smoothing)]
        assert all(0.003 < float(one.std()) < 0.05 for one in smoothing)
    scales = torch.cat([one.weight.detach() for one in net.segmentation.modules() if isinstance(one, nn.BatchNorm2d)])
    assert 0 <= float(scales.min()) < 0.02 and 0.98 < float(scales.max()) <= 1 and 0.45 < float(scales.mean()) < 0.55
    first = net.segmentation.enter.block.expand.weight
    assert float(first.detach().abs().max()) <= 1 / 3**0.5  # torch's, of 3 channels
    paper = Umsn(preset="paper", **NARROW["umsn"])
    assert all(torch.equal(one.weight, Smoothing(3).weight) for one in paper.modules() if isinstance(one, Smoothing))


def test_what_no_variant_can_be_without():
    for given, says in (
        ({"masks": False}, "streams of umsn need masks"),
        ({"preset": "paper", "nrl": False}, "those of preset 'code'"),
        ({"expansion": 0.1}, "from 0.5 to 16"),
    ):
        with pytest.raises(InputError, match=says):
            Umsn(**NARROW["umsn"] | given)
    without = variant("umsn-without-confidence")
    blurred, sharp = torch.rand(2, 1, 3, 16, 16)
    found = without.outputs(blurred, sharp=sharp)
    loss = make_loss("confidence-guided", {"masks": "masks"})
    loss.bind(without)
    with pytest.raises(InputError, match="no confidence network"):
        loss(found, {"sharp": sharp})
    with pytest.raises(InputError, match="no S-Net"):
        variant("umsn-b-net").masks(blurred)
