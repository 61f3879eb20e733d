"""UMSN's released weights: a literal forward pass by the authors' tensor names beside our network."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.umsn.keys import _table, idle_shapes, umsn_state
from facedeblur.methods.nets.umsn.network import Umsn


class Weights:
    """Random tensors by the authors' names, each made when the literal network first asks for it."""

    def __init__(self, seed: int):
        self.random = torch.Generator().manual_seed(seed)
        self.tensors: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        if name not in self.tensors:
            scale = 1.0 if len(shape) < 2 else 1.4 / (shape[1] * shape[2] * shape[3]) ** 0.5
            self.tensors[name] = scale * torch.randn(shape, generator=self.random)
        assert self.tensors[name].shape == shape, name
        return self.tensors[name]


def normed(x: Tensor) -> Tensor:
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) / (((x - mean) ** 2).mean((2, 3), keepdim=True) + 1e-5).sqrt()


def lrelu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.2 * x)


def conv(w: Weights, name: str, x: Tensor, out: int, size: int = 3) -> Tensor:
    return F.conv2d(x, w(f"{name}.weight", out, x.shape[1], size, size), w(f"{name}.bias", out), padding=size // 2)


def block(w: Weights, name: str, x: Tensor, out: int, kind: str) -> Tensor:
    """Dilations of conv2, conv3 (0: there is none) and conv4; what is done with the input."""
    second, third, fourth = {"rs": (1, 1, 1), "rs1": (1, 2, 1), "dl": (1, 2, 2), "dls": (2, 0, 2)}.get(kind, (1, 0, 1))
    inside = out * (4 if kind == "dls" else 3)

    def before(number: int, y: Tensor) -> Tensor:
        y = normed(y)
        if kind == "dls":
            here, size = f"{name}.bn{number}", y.shape[1]
            y = y * w(f"{here}.weight", size)[:, None, None] + w(f"{here}.bias", size)[:, None, None]
            w.tensors[f"{here}.running_mean"] = torch.zeros(size)
            w.tensors[f"{here}.running_var"] = torch.ones(size)
            w.tensors[f"{here}.num_batches_tracked"] = torch.tensor(0)
        return y.clamp(min=0)

    y = F.conv2d(before(1, x), w(f"{name}.conv1.weight", inside, x.shape[1], 1, 1))
    for number, dilation in ((2, second), (3, third), (4, fourth)):
        if dilation:
            y = before(number, y)
            smooth = {"dl": "sharewconv", "dls": "sharewconv2"}.get(kind) if number == 4 else None
            if smooth:
                each = [F.conv2d(c, w(f"{name}.{smooth}.weight", 1, 1, 3, 3), padding=1) for c in y.split(1, 1)]
                y = torch.cat(each, 1)
            weight = w(f"{name}.conv{number}.weight", out if number == 4 else inside, inside, 3, 3)
            y = F.conv2d(y, weight, padding=dilation, dilation=dilation)
    if kind != "cf":
        y = y + F.conv2d(x, w(f"{name}.conv_o.weight", out, x.shape[1], 1, 1))
    return y if kind in {"cf", "plain"} else torch.cat([x, y], 1)


def move(w: Weights, name: str, x: Tensor, out: int, how: str = "") -> Tensor:
    y = normed(x).clamp(min=0)
    if how == "bilinear":
        y = F.conv2d(y, w(f"{name}.conv1.weight", out, x.shape[1], 1, 1))
        y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)
        return F.conv2d(y, w(f"{name}.conv2.weight", out, out, 3, 3), padding=1)
    y = F.conv_transpose2d(y, w(f"{name}.conv1.weight", x.shape[1], out, 1, 1))
    if how == "down":
        return (y[..., ::2, ::2] + y[..., 1::2, ::2] + y[..., ::2, 1::2] + y[..., 1::2, 1::2]) / 4
    return y.repeat_interleave(2, 2).repeat_interleave(2, 3) if how == "up" else y


def sides(w: Weights, features: dict[str, Tensor], size: int) -> list[Tensor]:
    maps = []
    for name, x in features.items():
        y = lrelu(conv(w, f"conv{name}", x, 1))
        maps.append(y.repeat_interleave(size // y.shape[2], 2).repeat_interleave(size // y.shape[3], 3))
    return maps[::-1]


def segmentation(w: Weights, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits at full and half size of (1, 3, H, H) in [-1, 1]."""
    half = x[..., ::2, ::2]
    x1 = move(w, "trans_block1", block(w, "dense_block1", x, 61, "rs1"), 64, "down")
    x2 = move(w, "trans_block2", block(w, "dense_block2", torch.cat([x1, half], 1), 64, "dls"), 64, "down")
    x3 = move(w, "trans_block3", block(w, "dense_block3", x2, 64, "dls"), 64)
    x31 = move(w, "trans_block3_1", block(w, "dense_block3_1", x3, 64, "dls"), 64)
    x32 = move(w, "trans_block3_2", block(w, "dense_block3_2", x31, 64, "dls"), 64)
    x4 = move(w, "trans_block4", block(w, "dense_block4", torch.cat([x32, x2], 1), 64, "dls"), 64, "up")
    wide = block(w, "dense_block5", torch.cat([x4, x1], 1), 64, "dls")
    small = conv(w, "refine3_i", lrelu(conv(w, "conv_refin64", wide, 16)), 4)
    x5 = move(w, "trans_block5", torch.cat([wide, small.sigmoid()], 1), 64, "up")
    x6 = move(w, "trans_block6", block(w, "dense_block6", x5, 64, "rs1"), 16)
    levels = {"11": x1, "21": x2, "31": x3, "3_11": x31, "3_21": x32, "41": x4, "51": x5}
    x6 = torch.cat([x6, *sides(w, levels, x.shape[2])], 1)
    return conv(w, "refine3", lrelu(conv(w, "conv_refin", x6, 16)), 4), small


def cleaned(w: Weights, name: str, x: Tensor) -> Tensor:
    return conv(w, f"{name}refineclean2", lrelu(conv(w, f"{name}refineclean1", x, 8, 7)), 3).tanh()


def first_stage(w: Weights, n: str, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    both = torch.cat([x, mask], 1)
    x1 = move(w, f"{n}trans_block1", block(w, f"{n}dense_block1", both, 28, "rs"), 16, "down")
    x2 = move(w, f"{n}trans_block2", block(w, f"{n}dense_block2", x1, 16, "dl"), 16)
    x3 = move(w, f"{n}trans_block3", block(w, f"{n}dense_block3", x2, 16, "dl"), 16)
    x5 = move(w, f"{n}trans_block5", block(w, f"{n}dense_block5", torch.cat([x3, x1], 1), 16, "dl"), 16)
    x6 = move(w, f"{n}trans_block6", block(w, f"{n}dense_block6", x5, 16, "rs"), 16, "bilinear")
    x7 = lrelu(conv(w, f"{n}conv_refin_in", both, 16)) - lrelu(conv(w, f"{n}conv_refin", x6, 16))
    return cleaned(w, n, x - conv(w, f"{n}refine3", x7, 3).tanh()), x5


def deblurring(w: Weights, x: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    half, guided = x[..., ::2, ::2], torch.cat([x, masks], 1)
    streams = [first_stage(w, f"deblur_class{i}.", x, masks[:, i - 1 : i]) for i in (1, 2, 3, 4)]
    classes = block(w, "dense_block_cl", torch.cat([each for _, each in streams], 1), 32, "plain")
    x1 = move(w, "trans_block1", block(w, "dense_block1", guided, 57, "rs"), 32, "down")
    x2 = move(w, "trans_block2", block(w, "dense_block2", torch.cat([x1, half, classes], 1), 64, "rs1"), 64)
    x3 = move(w, "trans_block3", block(w, "dense_block3", x2, 64, "dl"), 64)
    x31 = move(w, "trans_block3_1", block(w, "dense_block3_1", x3, 64, "dl"), 64)
    x32 = move(w, "trans_block3_2", block(w, "dense_block3_2", x31, 64, "dl"), 64)
    x4 = move(w, "trans_block4", block(w, "dense_block4", x32, 64, "dl"), 64)
    wide = block(w, "dense_block5", torch.cat([x4, x1, classes], 1), 64, "rs1")
    small = lrelu(conv(w, "conv_refin_in64", half, 16)) - lrelu(conv(w, "conv_refin64", wide, 16))
    small = conv(w, "refine3", small, 3).tanh()
    x5 = move(w, "trans_block5", torch.cat([wide, small], 1), 64, "bilinear")
    x6 = move(w, "trans_block6", block(w, "dense_block6", torch.cat([x5, guided], 1), 64, "rs"), 16)
    levels = {"11": torch.cat([x1, classes], 1), "21": x2, "31": x3, "3_11": x31, "3_21": x32, "41": x4, "51": x5}
    x6 = torch.cat([x6, *sides(w, levels, x.shape[2])], 1)
    x7 = lrelu(conv(w, "conv_refin_in", guided, 16)) - lrelu(conv(w, "conv_refin", x6, 16))
    restored = cleaned(w, "", x - conv(w, "refine3", x7, 3).tanh())
    return restored, cleaned(w, "", half - small), [picture for picture, _ in streams]


def confidence(w: Weights, restored: Tensor, sharp: Tensor) -> Tensor:
    """(1, 3) of masked pictures in [-1, 1]; the third block twice, as the code has it."""
    n = "conf_ker."
    y = move(w, f"{n}trans_block1", conv(w, f"{n}conv1", torch.cat([restored, sharp], 1), 16), 16, "down")
    y = move(w, f"{n}trans_block2", block(w, f"{n}conv2", y, 32, "cf"), 16, "down")
    y = move(w, f"{n}trans_block3", block(w, f"{n}conv3", y, 32, "cf"), 16, "down")
    y = move(w, f"{n}trans_block4", block(w, f"{n}conv3", y, 32, "cf"), 16)
    return conv(w, f"{n}conv_refin", y.mean((2, 3), keepdim=True).sigmoid(), 3, 1).sigmoid().flatten(1)


@pytest.fixture(scope="module")
def released() -> tuple[Weights, Weights, Tensor, Tensor]:
    """Both files, as the authors would have written them, and two (3, 32, 32) pictures, blurred and sharp."""
    seg, deblur = Weights(1), Weights(2)
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    sharp = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    logits, _ = segmentation(seg, 2 * x[:1] - 1)
    restored, _, _ = deblurring(deblur, 2 * x[:1] - 1, logits.sigmoid())
    confidence(deblur, restored, restored)
    for name in ("2", "3", "3_1", "3_2", "4", "5"):
        seg(f"dense_block{name}.sharewconv1.weight", 1, 1, 3, 3)
    conv(seg, "refineclean1", torch.zeros(1, 4, 8, 8), 8, 7)
    conv(seg, "refineclean2", torch.zeros(1, 8, 8, 8), 4)
    for size in (1, 20):
        for part in ("weight", "bias", "running_mean", "running_var"):
            seg(f"batchnorm{size}.{part}", size)
        seg.tensors[f"batchnorm{size}.num_batches_tracked"] = torch.tensor(0)
    for net in ("", "deblur_class1.", "deblur_class2.", "deblur_class3.", "deblur_class4."):
        for name in ("conv1010", "conv1020", "conv1030", "conv1040"):
            conv(deblur, f"{net}{name}", torch.zeros(1, 20, 2, 2), 1, 1)
    block(deblur, "conf_ker.conv4", torch.zeros(1, 16, 4, 4), 32, "plain")
    for name in ("conv2", "conv3"):
        deblur(f"conf_ker.{name}.conv_o.weight", 32, 16, 1, 1)
    return seg, deblur, x, sharp


def test_released_files_have_the_published_number_of_parameters(released):
    def count(w: Weights) -> int:
        no_parameter = ("running_mean", "running_var", "num_batches_tracked")
        return sum(each.numel() for name, each in w.tensors.items() if not name.endswith(no_parameter))

    seg, deblur, _, _ = released
    assert (count(seg), count(deblur)) == (6_192_328, 8_189_933)
    assert sum(each.numel() for name, each in deblur.tensors.items() if name.startswith("conf_ker")) == 340_643
    assert sum(torch.Size(shape).numel() for shape in idle_shapes().values()) == 116_048


def test_translated_weights_do_what_the_authors_network_does(released):
    seg, deblur, x, sharp = released
    prefixed = {f"module.{name}": tensor for name, tensor in deblur.tensors.items()}
    net = Umsn().eval()
    net.load_state_dict(umsn_state(prefixed, seg.tensors), strict=True)
    with torch.no_grad():
        found, alone = net.outputs(x, sharp=sharp), net(x)
        for i in (0, 1):
            picture, target = 2 * x[[i]] - 1, 2 * sharp[[i]] - 1
            logits, small = segmentation(seg, picture)
            masks = segmentation(seg, target)[0].sigmoid()
            restored, half, pictures = deblurring(deblur, picture, logits.sigmoid())
            expected = {
                "parsing": logits, "parsing_half": small, "masks": masks,
                "restored": (restored + 1) / 2, "restored_half": (half + 1) / 2,
                **{f"class{k}": (each + 1) / 2 for k, each in enumerate(pictures, start=1)},
            }  # fmt: skip
            for name, value in expected.items():
                assert value.std() > 1e-3, name
                torch.testing.assert_close(found[name][[i]], value, rtol=1e-3, atol=1e-4, msg=lambda m, n=name: n + m)
            torch.testing.assert_close(alone[[i]], (restored + 1) / 2, rtol=1e-3, atol=1e-4)
            each = [confidence(deblur, restored * masks[:, [k]], target * masks[:, [k]]) for k in range(4)]
            torch.testing.assert_close(found["confidence"][[i]], torch.stack(each, 1), rtol=1e-3, atol=1e-4)


def test_every_name_of_ours_comes_from_one_of_theirs(released):
    seg, deblur, _, _ = released
    names = [ours for file in ("segmentation", "deblurring") for ours, _ in _table(file).values()]
    assert len(names) == len(set(names))
    assert set(names) == set(Umsn().state_dict())
    assert set(_table("deblurring")) == set(deblur.tensors)
    assert set(seg.tensors) - set(_table("segmentation")) == {
        f"batchnorm{size}.{part}"
        for size in (1, 20) for part in ("running_mean", "running_var", "num_batches_tracked")
    }  # fmt: skip


def test_one_file_gives_its_part_and_old_files_need_no_batch_counts(released):
    seg, deblur, _, _ = released
    old = {name: each for name, each in seg.tensors.items() if not name.endswith("num_batches_tracked")}
    state = umsn_state(old)
    assert set(state) == {name for name in Umsn().state_dict() if name.startswith(("segmentation", "idle.seg"))}
    assert not any(name.startswith("segmentation") for name in umsn_state(deblur.tensors))


def test_files_that_do_not_belong_are_refused(released):
    seg, deblur, _, _ = released
    with pytest.raises(InputError, match=r"1 other names \(conv0.weight\) and 0 missing"):
        umsn_state({**deblur.tensors, "conv0.weight": torch.zeros(1)})
    lacking = {name: each for name, each in seg.tensors.items() if name != "conv11.bias"}
    with pytest.raises(InputError, match=r"segmentation network.* 1 missing \(conv11.bias\)"):
        umsn_state(lacking)
    with pytest.raises(InputError, match="deblurring network is given twice"):
        umsn_state(deblur.tensors, deblur.tensors)
    with pytest.raises(InputError, match="SMaps or Deblur"):
        umsn_state({})
