"""UMSN, MSPL and Wang's DeepDeblur: layout, training, export; UMSN's presets and stages."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import torch
from narrow_nets import NARROW
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.blocks import PictureNorm
from facedeblur.methods.nets.deepdeblur import DeepDeblur, Inception
from facedeblur.methods.nets.mspl import Mspl
from facedeblur.methods.nets.umsn.network import Umsn
from facedeblur.methods.nets.umsn.parts import ConfidenceNet, Smoothing

SMALL: dict[str, Callable[[], nn.Module]] = {
    "umsn-code": lambda: Umsn(**NARROW["umsn"]),
    "umsn-paper": lambda: Umsn(preset="paper", **NARROW["umsn"]),
    "mspl": lambda: Mspl(**NARROW["mspl"]),
    "deepdeblur": lambda: DeepDeblur(**NARROW["deepdeblur"]),
}
FULL = {
    "umsn-code": (Umsn, 14_382_261),
    "umsn-paper": (lambda: Umsn(preset="paper"), 13_194_232),
    "mspl": (Mspl, 18_471_308),
    "deepdeblur": (DeepDeblur, 1_847_491),
}
each_narrow = pytest.mark.parametrize("name", SMALL)


@pytest.fixture(autouse=True)
def _seeded():
    """Same weights and pictures in every run; one thread, for small nets are slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    yield
    torch.set_num_threads(threads)


def count(net: nn.Module) -> int:
    return sum(weights.numel() for weights in net.parameters())


def faces(number: int = 4, size: int = 32) -> tuple[Tensor, Tensor]:
    """Smooth pictures with an edge each, and the same blurred by a mean of 5 x 5."""
    small = torch.rand(number, 3, 4, 4)
    sharp = nn.functional.interpolate(small, size=(size, size), mode="bicubic", align_corners=False).clamp(0, 1)
    for i in range(number):
        sharp[i, :, 6 + 4 * i : 10 + 4 * i, 8:24] = torch.rand(3, 1, 1)
    padded = nn.functional.pad(sharp, (2, 2, 2, 2), mode="replicate")
    return nn.functional.avg_pool2d(padded, 5, stride=1), sharp


@pytest.mark.parametrize("name", FULL)
def test_full_net_has_its_parameters_and_takes_a_step(name):
    make, parameters = FULL[name]
    net = make()
    assert count(net) == parameters
    if "umsn" in name:  # trained by itself before, as in the paper
        net.segmentation.requires_grad_(False)
    blurred, sharp = faces(1)
    # As printed, some forty normalisations follow one another, and gradients grow towards the first.
    rate = 1e-5 if name == "umsn-paper" else 1e-3
    optimiser = torch.optim.SGD([each for each in net.parameters() if each.requires_grad], lr=rate)
    before = ((net(blurred) - sharp) ** 2).mean()
    before.backward()
    optimiser.step()
    with torch.no_grad():
        assert ((net(blurred) - sharp) ** 2).mean() < before


def test_umsn_count_is_of_its_parts():
    net = Umsn()
    idle = {part: sum(w.numel() for name, w in net.idle.items() if name.startswith(part)) for part in ("seg", "deb")}
    assert count(net.segmentation) + idle["seg"] == 6_192_328
    assert count(net.streams) + count(net.base) + count(net.confidence) + idle["deb"] == 8_189_933
    # 21 x 4 weights of each first stage are idle.
    assert all(count(stream) + 84 == 357_261 for stream in net.streams)
    confidence = sum(w.numel() for name, w in net.idle.items() if "/conf_ker/" in name)
    assert count(net.confidence) + confidence == 340_643
    assert not any(w.requires_grad for w in net.idle.values())


@each_narrow
def test_outputs_have_the_shape_of_the_input(name):
    net = SMALL[name]().eval()
    blurred = torch.rand(2, 3, 24, 32)
    with torch.no_grad():
        found = net.outputs(blurred)
        assert net(blurred).shape == found["restored"].shape == blurred.shape
        assert torch.equal(net(blurred), found["restored"])


@each_narrow
def test_gradient_reaches_every_parameter_that_has_one(name):
    net = SMALL[name]()
    blurred, sharp = faces(2)
    found = net.outputs(blurred, **({"sharp": sharp} if "umsn" in name else {}))
    sum((each.float() ** 2).sum() for each in found.values() if each.requires_grad).backward()
    dead = [key for key, each in net.named_parameters() if each.grad is None or not each.grad.abs().sum() > 0]
    assert dead == [key for key, each in net.named_parameters() if not each.requires_grad]
    assert {key.split(".")[0] for key, _ in net.named_parameters()} - {"idle"} == set(net.parts)


@pytest.mark.parametrize(
    ("name", "rate", "steps"),
    [("umsn-code", 1e-2, 30), ("umsn-paper", 1e-2, 20), ("mspl", 3e-3, 15), ("deepdeblur", 3e-3, 40)],
)
def test_narrow_net_learns_four_pictures(name, rate, steps):
    net = SMALL[name]()
    blurred, sharp = (pictures[..., 4:20, 4:20] for pictures in faces())
    optimiser = torch.optim.Adam([each for each in net.parameters() if each.requires_grad], lr=rate)
    losses = []
    for _ in range(steps):
        loss = ((net(blurred) - sharp) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-3:]) / 3 < losses[0] / 5, (losses[0], losses[-3:])


@each_narrow
def test_weights_are_saved_and_loaded(name):
    net, other = SMALL[name]().eval(), SMALL[name]().eval()
    blurred = torch.rand(1, 3, 32, 32)
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    with torch.no_grad():
        assert not torch.equal(net(blurred), other(blurred))
        other.load_state_dict(torch.load(file, weights_only=True), strict=True)
        assert torch.equal(net(blurred), other(blurred))


@each_narrow
def test_traced_net_does_the_same_for_other_sizes(name):
    net = SMALL[name]().eval()
    with torch.no_grad():
        traced = torch.jit.trace(net, torch.rand(1, 3, 32, 32), check_trace=False)
        other = torch.rand(2, 3, 48, 40)
        torch.testing.assert_close(traced(other), net(other), rtol=1e-4, atol=1e-5)


@each_narrow
def test_wrong_input_is_refused(name):
    net = SMALL[name]()
    with pytest.raises(InputError, match=r"expected \(N, 3, H, W\) float"):
        net(torch.rand(1, 1, 32, 32))
    with pytest.raises(InputError, match="float"):
        net(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(InputError, match="float"):
        net.outputs(torch.rand(3, 32, 32))
    if net.multiple > 1:
        with pytest.raises(InputError, match="multiples of 4"):
            net(torch.rand(1, 3, 30, 32))


def test_umsn_refuses_what_does_not_fit():
    net = Umsn(**NARROW["umsn"])
    blurred = torch.rand(1, 3, 32, 32)
    with pytest.raises(InputError, match="16 or more"):
        net(torch.rand(1, 3, 12, 16))
    with pytest.raises(InputError, match="sharp pictures for umsn"):
        net.outputs(blurred, sharp=torch.rand(1, 3, 16, 16))
    with pytest.raises(InputError, match="labels for umsn"):
        net.outputs(blurred, labels=torch.zeros(1, 16, 16, dtype=torch.long))
    with pytest.raises(InputError, match="did you mean 'parsing'"):
        net.outputs(blurred, until="pasing")
    with pytest.raises(InputError, match="did you mean 'paper'"):
        Umsn(preset="papr")
    for name, value in {"width": 18, "segmentation_width": 0, "stream_width": 3}.items():
        with pytest.raises(InputError, match=name):
            Umsn(**{name: value})
    for make in (lambda: Mspl(width=0), lambda: Mspl(blocks=0), lambda: DeepDeblur(modules=0)):
        with pytest.raises(InputError, match="1 or more"):
            make()


def test_umsn_stages_stop_where_they_should():
    net = Umsn(**NARROW["umsn"]).eval()
    blurred, sharp = faces(2)
    labels = torch.zeros(2, 32, 32, dtype=torch.long)
    labels[:, :8], labels[:, 8:12], labels[:, 12:14], labels[:, 14:20] = 1, 2, 9, 10
    with torch.no_grad():
        parsing = net.outputs(blurred, until="parsing")
        classes = net.outputs(blurred, labels=labels, sharp=sharp, until="classes")
        whole = net.outputs(blurred, labels=labels)
        assert set(parsing) == {"restored", "parsing", "parsing_half"}
        assert parsing["parsing"].shape == (2, 4, 32, 32) and parsing["parsing_half"].shape == (2, 4, 16, 16)
        assert "restored_half" not in classes and "confidence" not in whole
        assert whole["restored_half"].shape == (2, 3, 16, 16)
        masks = whole["masks"]
        assert torch.equal(masks.sum(1), torch.ones(2, 32, 32))
        rows = [masks[0, k, :, 0].nonzero().flatten().tolist() for k in range(4)]
        assert rows == [list(range(20, 32)), list(range(8)), list(range(8, 14)), list(range(14, 20))]
        assert torch.equal(net.outputs(blurred, sharp=sharp)["masks"], net.masks(sharp))
        assert torch.equal(net.outputs(blurred)["masks"], net.masks(blurred))
        # Each first stage saw its own class blurred and the rest sharp, under the masks of the blurred picture.
        guide = net.masks(blurred)
        for i, stream in enumerate(net.streams):
            seen = 2 * torch.where(masks[:, [i]] > 0, blurred, sharp) - 1
            mask = guide[:, [i]]
            expected = (stream.picture(seen, mask, stream(seen, mask))[0] + 1) / 2
            torch.testing.assert_close(classes[f"class{i + 1}"], expected, rtol=1e-4, atol=1e-5)


def test_umsn_presets_differ_as_said():
    code, paper = Umsn(**NARROW["umsn"]).eval(), Umsn(preset="paper", **NARROW["umsn"]).eval()
    blurred, sharp = faces(2)
    with torch.no_grad():
        of_code, of_paper = code.outputs(blurred, sharp=sharp), paper.outputs(blurred, sharp=sharp)
    torch.testing.assert_close(of_paper["masks"].sum(1), torch.ones(2, 32, 32))
    assert (of_code["masks"].sum(1) - 1).abs().max() > 1e-3
    assert of_code["confidence"].shape == (2, 4, 3) and of_paper["confidence"].shape == (2, 4, 1)
    assert len(code.confidence.blocks) == 2 and len(paper.confidence.blocks) == 3
    assert any(isinstance(each, PictureNorm) for each in code.modules())
    assert not any(isinstance(each, nn.BatchNorm2d) for each in paper.modules())


def test_confidence_without_a_mask_takes_the_picture_as_it_is():
    net = ConfidenceNet(width=4)
    restored, sharp = torch.rand(2, 1, 3, 16, 16)
    ones = torch.ones(1, 1, 16, 16)
    assert net(restored, sharp).shape == (1, 3)
    torch.testing.assert_close(net(restored, sharp), net(restored, sharp, ones))


def test_umsn_restores_a_picture_the_same_in_any_batch():
    net = Umsn(**NARROW["umsn"])
    net(faces(2)[0])
    net.eval()
    blurred, _ = faces(3)
    with torch.no_grad():
        torch.testing.assert_close(net(blurred)[1:2], net(blurred[1:2]), rtol=1e-4, atol=1e-5)


def test_smoothing_is_one_kernel_for_all_channels():
    layer, features = Smoothing(5), torch.rand(2, 5, 9, 8)
    assert torch.equal(layer(features), features)
    with torch.no_grad():
        layer.weight.copy_(torch.rand(1, 1, 3, 3))
        each = [nn.functional.conv2d(features[:, [i]], layer.weight, padding=1) for i in range(5)]
        torch.testing.assert_close(layer(features), torch.cat(each, 1))


def test_inception_reaches_six_before_and_seven_after():
    module = Inception(1, reduced=1)
    with torch.no_grad():
        for weights in module.parameters():
            weights.fill_(0.0)
        module.join.weight[0, 4], module.reduce[4].weight[:], module.branches[4].weight[:] = 1.0, 1.0, 1.0
        impulse = torch.zeros(1, 1, 40, 40)
        impulse[0, 0, 20, 20] = 1.0
        rows = module(impulse)[0, 0, :, 20].nonzero().flatten()
    # The kernel at row r reads r - 6 to r + 7, so row 20 is read from 13 to 26.
    assert (int(rows.min()), int(rows.max())) == (13, 26)


def test_mspl_steps_are_pictures_of_the_features_on_the_way():
    net = Mspl(width=16, blocks=1).eval()
    with torch.no_grad():
        found = net.outputs(torch.rand(1, 3, 32, 32))
    assert list(found) == ["step1", "step2", "step3", "restored"]
    assert all(each.min() > 0 and each.max() < 1 for each in found.values())
    assert len({float(each.mean()) for each in found.values()}) == 4
