"""DeblurGAN-v2: counts of both backbones, the cut of timm's networks, norms, weights by path, the authors' names."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.deblurgan_v2 import (
    CHANNELS,
    DeblurGanV2,
    Heads,
    ImageNorm,
    Pyramid,
    authors_state,
    make_backbone,
)

torch.set_num_threads(1)

TIMM = {"inception-resnet-v2": "inception_resnet_v2", "mobilenet-v2": "mobilenetv2_100"}


def count(net):
    return sum(each.numel() for each in net.parameters())


def whole(name):
    """The whole network of timm."""
    from facedeblur.benchmark import torchvision_shim

    torchvision_shim.prepare()
    import timm

    torch.manual_seed(0)
    return timm.create_model(name, pretrained=False)


def pyramid_and_heads(channels, f):
    """Parameters of the authors' layout, written out; f channels in the heads, 2f in the pyramid."""
    laterals = sum(channels[1:]) * 2 * f + channels[0] * f
    smooth = 3 * (9 * 4 * f * f + 2 * f) + (9 * 4 * f * f + f) + (9 * f * f // 2 + f // 2)
    heads = 4 * (9 * 2 * f * f + 9 * f * f)
    return laterals + smooth + heads + 9 * f // 2 * 3 + 3


@pytest.mark.parametrize(
    ("backbone", "f", "ours", "authors"),
    [("inception-resnet-v2", 128, 35_840_099, 60_929_291), ("mobilenet-v2", 64, 2_106_627, 3_312_707)],
)
def test_parameters(backbone, f, ours, authors):
    net = DeblurGanV2(backbone=backbone)
    assert count(net) == ours
    assert count(net) - count(net.backbone) == pyramid_and_heads(CHANNELS[backbone], f)
    # The authors keep all of Inception-ResNet-v2, and of MobileNetV2 all but its classifier.
    net = whole(TIMM[backbone])
    kept = count(net) if backbone == "inception-resnet-v2" else count(net) - count(net.classifier)
    assert pyramid_and_heads(CHANNELS[backbone], f) + kept == authors


@pytest.mark.parametrize("backbone", list(CHANNELS))
def test_stages_are_those_of_the_whole_network(backbone, tmp_path):
    torch.manual_seed(2)
    net = whole(TIMM[backbone]).eval()
    file = tmp_path / "weights.pt"
    torch.save(net.state_dict(), file)
    stages = make_backbone(backbone, weights=file, statistics="running").eval()
    seen = {}
    last = net.mixed_7a if backbone == "inception-resnet-v2" else net.blocks[5][1]
    first = net.conv2d_1a if backbone == "inception-resnet-v2" else net.blocks[0]
    for key, module in (("first", first), ("last", last)):
        module.register_forward_hook(lambda _module, _taken, made, key=key: seen.update({key: made}))
    side, sizes = (128, (63, 30, 13, 6, 2)) if backbone == "inception-resnet-v2" else (64, (32, 16, 8, 4, 2))
    image = torch.rand(1, 3, side, side)
    with torch.no_grad():
        net.forward_features(image)
        maps = [image]
        for stage in stages:
            maps.append(stage(maps[-1]))
    assert [tuple(each.shape[1:]) for each in maps[1:]] == [
        (channels, size, size) for channels, size in zip(CHANNELS[backbone], sizes, strict=True)
    ]
    torch.testing.assert_close(maps[1], seen["first"])
    torch.testing.assert_close(maps[5], seen["last"])


def test_the_norm_of_an_image_is_batch_norm_of_one():
    net = whole("mobilenetv2_100")
    norm = net.blocks[1][0].bn1.train()
    nn.init.uniform_(norm.weight)
    nn.init.uniform_(norm.bias)
    features = torch.randn(3, norm.num_features, 8, 8)
    wanted = torch.cat([norm(each[None]) for each in features])
    ours = ImageNorm(norm)
    torch.testing.assert_close(ours(features), wanted)
    torch.testing.assert_close(ours.eval()(features), wanted)


def test_pyramid_and_heads_written_out():
    """The paddings, the order of the joined maps and the sums, as F9 states them for Inception-ResNet-v2 at 128."""
    torch.manual_seed(6)
    pyramid, heads = Pyramid((2, 3, 4, 5, 6), 8), Heads(4, 8)
    features = [torch.rand(2, 2 + i, side, side) for i, side in enumerate((63, 30, 13, 6, 2))]
    state = {**pyramid.state_dict(), **heads.state_dict()}

    def up(maps, times):
        return maps.repeat_interleave(times, 2).repeat_interleave(times, 3)

    def smooth(name, maps):
        made = functional.conv2d(maps, state[f"{name}.0.weight"], state[f"{name}.0.bias"], padding=1)
        mean, spread = made.mean((2, 3), keepdim=True), made.var((2, 3), unbiased=False, keepdim=True)
        return ((made - mean) / (spread + 1e-5).sqrt()).relu()

    def head(i, maps):
        for layer in (0, 2):
            maps = functional.conv2d(maps, state[f"head{i}.{layer}.weight"], padding=1).relu()
        return maps

    pads = ((0, 1, 0, 1), (1, 1, 1, 1), (1, 2, 1, 2), (1, 1, 1, 1), (1, 1, 1, 1))
    sides = [
        functional.pad(functional.conv2d(each, state[f"lateral{i}.weight"]), pad, mode="reflect")
        for i, (each, pad) in enumerate(zip(features, pads, strict=True))
    ]
    map4 = sides[4]
    map3 = smooth("td1", sides[3] + up(map4, 2))
    map2 = smooth("td2", sides[2] + up(map3, 2))
    map1 = smooth("td3", sides[1] + up(map2, 2))
    joined = torch.cat([up(head(4, map4), 8), up(head(3, map3), 4), up(head(2, map2), 2), head(1, map1)], 1)
    half = smooth("smooth2", up(smooth("smooth", joined), 2) + sides[0])
    wanted = functional.conv2d(up(half, 2), state["final.weight"], state["final.bias"], padding=1).tanh()
    torch.testing.assert_close(heads(pyramid(features, (128, 128))), wanted)


def test_without_timm_it_is_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"package 'timm'.*facedeblur\[train\]"):
        DeblurGanV2()


def test_inception_full():
    """A real step of the full network on the smallest image it takes; every parameter is reached."""
    torch.manual_seed(0)
    net = DeblurGanV2()
    blurred = torch.rand(1, 3, 128, 128)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)
    loss = functional.mse_loss(net(blurred), blurred.flip(3))
    loss.backward()
    for key, each in net.named_parameters():
        assert each.grad is not None and each.grad.isfinite().all(), key
        assert each.dim() == 1 or each.grad.abs().max() > 0, key
    optimiser.step()
    with torch.no_grad():
        assert functional.mse_loss(net(blurred), blurred.flip(3)) < loss
        net.eval()
        restored = net(torch.rand(1, 3, 128, 160))
    assert restored.shape == (1, 3, 128, 160)
    assert restored.min() >= 0 and restored.max() <= 1


def test_too_small_is_told():
    with pytest.raises(InputError, match="64 or more"):
        DeblurGanV2(backbone="mobilenet-v2")(torch.rand(1, 3, 32, 64))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"backbone": "mobilenet"}, "did you mean 'mobilenet-v2'"),
        ({"backbone": "mobilenet-v2", "statistics": "batch"}, "image, running"),
        ({"backbone": "mobilenet-v2", "width": 64, "pyramid": 64}, "twice as wide"),
        ({"backbone": "mobilenet-v2", "backbone_weights": "nowhere.pt"}, "nowhere.pt.*No such file"),
    ],
)
def test_bad_settings_are_told(config, words):
    with pytest.raises(InputError, match=words):
        DeblurGanV2(**config)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_unusable_weights_are_told(tmp_path, suffix):
    from safetensors.torch import save_file

    save = torch.save if suffix == "pt" else save_file
    file = tmp_path / f"weights.{suffix}"
    save({"conv_stem.weight": torch.zeros(3)}, str(file))
    with pytest.raises(InputError, match=r"conv_stem.weight.*mobilenetv2_100"):
        make_backbone("mobilenet-v2", weights=file)
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(InputError, match=r"a (torch|safetensors) file"):
        make_backbone("mobilenet-v2", weights=file)


def mobilenet_of_the_authors():
    """Names and shapes of the encoder in the authors' MobileNet generator, from the table of MobileNetV2's paper."""
    shapes = {}

    def norm(name, c):
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (c,)
        shapes[f"{name}.num_batches_tracked"] = ()

    shapes["enc0.0.0.weight"] = (32, 3, 3, 3)
    norm("enc0.0.1", 32)
    taken, index = 32, 1
    begins = {0: 0, 2: 1, 4: 2, 7: 3, 11: 4}
    stage, offset = 0, 0
    for expansion, made, repeats in ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 2)):
        for _ in range(repeats):
            if index in begins:
                stage, offset = begins[index], index
            block, wide, i = f"enc{stage}.{index - offset}.conv", taken * expansion, 0
            if expansion > 1:
                shapes[f"{block}.0.weight"] = (wide, taken, 1, 1)
                norm(f"{block}.1", wide)
                i = 3
            shapes[f"{block}.{i}.weight"] = (wide, 1, 3, 3)
            norm(f"{block}.{i + 1}", wide)
            shapes[f"{block}.{i + 3}.weight"] = (made, wide, 1, 1)
            norm(f"{block}.{i + 4}", made)
            taken, index = made, index + 1
    return shapes


def released():
    """A state dictionary as the authors' MobileNet generator saves it."""
    shapes = {f"fpn.{name}": shape for name, shape in mobilenet_of_the_authors().items()}
    shapes["fpn.features.17.conv.0.weight"] = (960, 160, 1, 1)

    def smooth(name, taken, made):
        shapes[f"{name}.0.weight"], shapes[f"{name}.0.bias"] = (made, taken, 3, 3), (made,)
        shapes[f"{name}.1.running_mean"] = shapes[f"{name}.1.running_var"] = (made,)

    for i, c in enumerate((16, 24, 32, 64, 160)):
        shapes[f"fpn.lateral{i}.weight"] = (128 if i else 64, c, 1, 1)
    for i in (1, 2, 3):
        smooth(f"fpn.td{i}", 128, 128)
    for i in (1, 2, 3, 4):
        shapes[f"head{i}.block0.weight"], shapes[f"head{i}.block1.weight"] = (64, 128, 3, 3), (64, 64, 3, 3)
    smooth("smooth", 256, 64)
    smooth("smooth2", 64, 32)
    shapes["final.weight"], shapes["final.bias"] = (3, 32, 3, 3), (3,)
    torch.manual_seed(4)
    return {f"module.{name}": torch.rand(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("statistics", ["image", "running"])
def test_the_authors_weights_are_read(statistics):
    theirs = released()
    net = DeblurGanV2(backbone="mobilenet-v2", statistics=statistics)
    net.load_state_dict(authors_state(net, theirs), strict=True)
    ours = net.state_dict()
    for mine, yours in {
        "backbone.enc0.0.0.weight": "fpn.enc0.0.0.weight",
        "backbone.enc0.1.conv_dw.weight": "fpn.enc0.1.conv.0.weight",
        "backbone.enc1.0.conv_pw.weight": "fpn.enc1.0.conv.0.weight",
        "backbone.enc1.0.bn2.bias": "fpn.enc1.0.conv.4.bias",
        "backbone.enc4.4.conv_pwl.weight": "fpn.enc4.4.conv.6.weight",
        "pyramid.lateral0.weight": "fpn.lateral0.weight",
        "pyramid.td2.0.bias": "fpn.td2.0.bias",
        "heads.head3.2.weight": "head3.block1.weight",
        "heads.smooth2.0.weight": "smooth2.0.weight",
        "heads.final.bias": "final.bias",
    }.items():
        assert torch.equal(ours[mine], theirs[f"module.{yours}"]), mine
    if statistics == "running":
        assert torch.equal(ours["backbone.enc2.1.bn1.running_var"], theirs["module.fpn.enc2.1.conv.1.running_var"])


def test_other_weights_are_told():
    net, theirs = DeblurGanV2(backbone="mobilenet-v2", width=32), released()
    with pytest.raises(InputError, match="shape"):
        authors_state(net, theirs)
    del theirs["module.final.bias"]
    with pytest.raises(InputError, match=r"'final\.bias'"):
        authors_state(DeblurGanV2(backbone="mobilenet-v2"), theirs)
    with pytest.raises(InputError, match="stage 0"):
        authors_state(net, {"conv.weight": torch.zeros(1)})
