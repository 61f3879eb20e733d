"""The VGG feature extractor, its weight files, and the losses over its features, against loops."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.perceptual import backbones, vggface
from facedeblur.methods.nets import vgg as vgg_weights
from facedeblur.methods.nets.vgg import NORMALISATIONS, Vgg, fill_vgg, layer_names, named
from facedeblur.methods.training.losses.base import make_loss

NARROW = (2, 3, 2, 2, 2)
RNG = np.random.default_rng(8)


def state(network: str = "vgg16", widths=NARROW) -> dict[str, torch.Tensor]:
    """Random weights by our names."""
    made, inputs = {}, 3
    for name in layer_names(network):
        if name.startswith("conv"):
            outputs = widths[int(name[4]) - 1]
            made[f"{name}.weight"] = torch.from_numpy(RNG.normal(0, 0.4, (outputs, inputs, 3, 3))).float()
            made[f"{name}.bias"] = torch.from_numpy(RNG.normal(0, 0.2, outputs)).float()
            inputs = outputs
    return made


def literal(image: np.ndarray, weights: dict[str, torch.Tensor], last: str, network: str = "vgg16") -> np.ndarray:
    """Layer `last` of a (3, H, W) normalised image: one output value after the other."""
    x = image
    for name in layer_names(network):
        if name.startswith("conv"):
            w, b = weights[f"{name}.weight"].numpy(), weights[f"{name}.bias"].numpy()
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
            y = np.zeros((len(w), *x.shape[1:]))
            for o, i, j in np.ndindex(*y.shape):
                y[o, i, j] = (w[o] * padded[:, i : i + 3, j : j + 3]).sum() + b[o]
        elif name.startswith("relu"):
            y = np.maximum(x, 0)
        else:
            y = np.zeros((len(x), x.shape[1] // 2, x.shape[2] // 2))
            for o, i, j in np.ndindex(*y.shape):
                y[o, i, j] = x[o, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()
        if name == last:
            return y
        x = y
    raise AssertionError(last)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> tuple[dict[str, torch.Tensor], str]:
    made = state()
    path = tmp_path_factory.mktemp("weights") / "narrow.pth"
    torch.save(made, path)
    return made, str(path)


def test_layers_stand_in_their_published_order():
    vgg19 = layer_names("vgg19")
    # torchvision's features[14] of VGG19 is the layer of DeblurGAN's code.
    assert vgg19[14] == "conv3_3"
    assert len(vgg19) == 37 and len(layer_names("vgg16")) == len(layer_names("vgg-face")) == 31
    assert layer_names("vgg16")[30] == "pool5"
    full = Vgg("vgg16", layers=["pool5"])
    assert sum(weight.numel() for weight in full.parameters()) == 14_714_688
    cut = Vgg("vgg16", layers=["pool2", "relu1_2"])
    assert list(cut.convolutions) == ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]
    assert not any(weight.requires_grad for weight in cut.parameters())


@pytest.mark.parametrize("distance", ["l1", "l2"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_perceptual_is_eq_8_over_the_wanted_layers(weights, distance, reduction):
    made, path = weights
    output, sharp = RNG.random((2, 3, 8, 8)), RNG.random((2, 3, 8, 8))
    wanted = 0.0
    for layer, weight in (("relu1_2", 1.0), ("conv2_1", 0.5), ("pool3", 2.0)):
        part, count = 0.0, 0
        for n in range(2):
            ours, theirs = (literal(2 * image[n] - 1, made, layer) for image in (output, sharp))
            part += (np.abs(ours - theirs) if distance == "l1" else (ours - theirs) ** 2).sum()
            count += ours.size
        wanted += weight * part / (2 if reduction == "sum" else count)
    loss = make_loss(
        "perceptual",
        {"network": "vgg16", "layers": ["relu1_2", "conv2_1", "pool3"], "layer_weights": [1, 0.5, 2],
         "distance": distance, "weights": path, "normalise": "symmetric", "widths": list(NARROW),
         "reduction": reduction},
    )  # fmt: skip
    restored = torch.from_numpy(output).float().requires_grad_()
    found = loss({"restored": restored}, {"sharp": torch.from_numpy(sharp).float()})
    assert float(found.detach()) == pytest.approx(wanted, rel=1e-4)
    found.backward()
    assert restored.grad.abs().sum() > 0


@pytest.mark.parametrize("name", sorted(NORMALISATIONS))
@pytest.mark.parametrize("bgr", [False, True])
def test_normalisations(weights, name, bgr):
    made, _ = weights
    image = RNG.random((3, 4, 4))
    by_hand = {
        "none": image,
        "imagenet": (image - np.array([0.485, 0.456, 0.406])[:, None, None])
        / np.array([0.229, 0.224, 0.225])[:, None, None],
        "symmetric": image * 2 - 1,
        "255": image * 255,
        "vgg-face": image * 255 - np.array([129.1863, 104.7624, 93.5940])[:, None, None],
    }[name]
    vgg = Vgg("vgg16", layers=["conv1_1"], normalise=name, bgr=bgr, widths=NARROW)
    vgg.fill(made, "here")
    found = vgg(torch.from_numpy(image[None]).float())["conv1_1"][0].numpy()
    wanted = literal(by_hand[::-1] if bgr else by_hand, made, "conv1_1")
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_vgg_face_is_the_network_that_the_metric_uses(tmp_path):
    made = state("vgg-face", (64, 128, 256, 512, 512))
    metric = vggface.vggface(made)
    vgg = Vgg("vgg-face", layers=["pool5", "relu3_3"])
    vgg.fill(made, "here")
    image = torch.from_numpy(RNG.random((1, 3, 32, 32))).float()
    theirs = metric(255 * image - torch.tensor(vggface.MEAN)[:, None, None], layers=("relu3_3", "pool5"))
    for layer, ours in vgg(image).items():
        torch.testing.assert_close(ours, theirs[layer], rtol=1e-5, atol=1e-5 * float(theirs[layer].max()))


@pytest.mark.parametrize("bgr", [False, True])
def test_vgg_face_of_torch_takes_blue_first(tmp_path, bgr):
    """`VGG_FACE.pth` is turned to red first, unless the recipe gives it blue first."""
    made = state("vgg-face", NARROW)
    numbers = {name: at for at, name in enumerate(layer_names("vgg-face"))}
    bare = {f"{numbers[key.partition('.')[0]]}.{key.partition('.')[2]}": value for key, value in made.items()}
    bare["0.weight"] = made["conv1_1.weight"].flip(1)
    torch.save(bare, tmp_path / "VGG_FACE.pth")
    vgg, other = (Vgg("vgg-face", layers=["relu1_2"], bgr=one, widths=NARROW) for one in (False, bgr))
    vgg.fill(made, "here")
    fill_vgg(other, str(tmp_path / "VGG_FACE.pth"))
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(other(image)["relu1_2"], vgg(image)["relu1_2"], rtol=1e-4, atol=1e-4)


def test_vgg16_defaults_to_the_weights_that_lpips_carries(monkeypatch):
    made = state("vgg16", (64, 128, 256, 512, 512))
    pairs = tuple((made[f"{n}.weight"], made[f"{n}.bias"]) for n in layer_names("vgg16") if n.startswith("conv"))
    asked = []

    def located(name):
        asked.append(name)
        return SimpleNamespace(path="vgg16.ckpt", sha256="0")

    bone = backbones.Backbone(pairs, ())
    monkeypatch.setattr(vgg_weights, "locate", located)
    monkeypatch.setattr(backbones, "load", lambda net, path, sha, device: bone)
    loss = make_loss("perceptual", {"layers": ["relu1_2", "relu5_3"]})
    assert asked == ["lpips-vgg"]
    image = torch.from_numpy(RNG.random((1, 3, 32, 32))).float()
    normalised = (image - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    taps = backbones.vgg16(normalised, bone)
    for ours, theirs in zip(loss.features(image).values(), (taps[0], taps[4]), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.max()))


def renamed(made: dict[str, torch.Tensor], scheme: str) -> dict[str, torch.Tensor]:
    layers = layer_names("vgg16")
    names = {
        "named": lambda layer: layer,
        "underscored": lambda layer: f"module.{layer.replace('conv', 'conv_')}",
        "torchvision": lambda layer: f"features.{layers.index(layer)}",
        "lpips": lambda layer: f"net.slice{layer[4]}.{layers.index(layer)}",
        "bare": lambda layer: str(layers.index(layer)),
    }[scheme]
    found = {f"{names(key.split('.')[0])}.{key.split('.')[1]}": value for key, value in made.items()}
    return found | {"classifier.0.weight": torch.zeros(4, 4), "fc6.weight": torch.zeros(4, 4)}


@pytest.mark.parametrize("scheme", ["named", "underscored", "torchvision", "lpips", "bare"])
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_weight_files_by_the_names_in_use(tmp_path, weights, scheme, ending):
    made, _ = weights
    path = tmp_path / f"vgg{ending}"
    if ending == ".pth":
        torch.save({"state_dict": renamed(made, scheme)}, path)
    else:
        pytest.importorskip("safetensors.torch").save_file(renamed(made, scheme), path)
    vgg = Vgg("vgg16", layers=["pool5"], widths=NARROW)
    fill_vgg(vgg, str(path))
    for key, value in vgg.convolutions.state_dict().items():
        assert torch.equal(value, made[key])
    assert set(named(renamed(made, scheme), "vgg16")) == set(made)


def test_feature_priors(weights):
    made, path = weights
    sharp = RNG.random((1, 3, 8, 8))
    layers, wanted, outputs = ("relu1_2", "relu2_2", "relu3_3"), 0.0, {}
    for at, layer in enumerate(layers, 1):
        truth = literal(sharp[0] * 255, made, layer)
        guess = RNG.normal(0, 50, truth.shape)
        outputs[f"priors{at}"] = torch.from_numpy(guess[None]).float()
        wanted += np.abs(guess - truth).mean()
    options = {"weights": path, "normalise": "255", "widths": list(NARROW)}
    batch = {"sharp": torch.from_numpy(sharp).float()}
    assert float(make_loss("feature-priors", options)(outputs, batch)) == pytest.approx(wanted, rel=1e-4)
    with pytest.raises(InputError, match="the shape of relu2_2"):
        make_loss("feature-priors", options)(outputs | {"priors2": outputs["priors1"]}, batch)
    with pytest.raises(InputError, match="'priors3'"):
        make_loss("feature-priors", options)({"priors1": outputs["priors1"], "priors2": outputs["priors2"]}, batch)


def test_random_weights_are_the_same_twice_and_touch_no_global_state():
    before = torch.get_rng_state()
    first, second = (Vgg("vgg16", layers=["relu2_2"], widths=NARROW) for _ in range(2))
    torch.set_rng_state(before)
    fill_vgg(first, "random")
    fill_vgg(second, "random")
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first.convolutions["conv2_2"].weight, second.convolutions["conv2_2"].weight)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"network": "vgg18"}, "did you mean 'vgg1"),
        ({"layers": ["relu3_4"], "weights": "random"}, "did you mean 'relu3_"),
        ({"layers": [], "weights": "random"}, "at least one layer"),
        ({"layer_weights": [1.0], "weights": "random"}, "2 numbers"),
        ({"normalise": "imagnet", "weights": "random"}, "did you mean 'imagenet'"),
        ({"network": "vgg19"}, "vgg19-dcbb9e9d.pth"),
        ({"weights": "nowhere/vgg.pth"}, "nowhere/vgg.pth"),
    ],
)
def test_wrong_options_are_told(options, words, monkeypatch, tmp_path):
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match=words) as caught:
        make_loss("perceptual", options)
    assert "\n" not in str(caught.value)


def test_a_missing_vgg_face_says_where_to_put_it(monkeypatch, tmp_path):
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match="vgg_face_dag"):
        make_loss("feature-priors")


def test_wrong_weight_files_are_told(tmp_path, weights):
    made, path = weights
    with pytest.raises(InputError, match=r"conv1_1.weight: expected shape \(64, 3, 3, 3\)"):
        make_loss("perceptual", {"weights": path})
    cut = tmp_path / "cut.pth"
    torch.save({key: value for key, value in made.items() if key != "conv2_1.bias"}, cut)
    with pytest.raises(InputError, match=r"conv2_1\.bias.*missing"):
        make_loss("perceptual", {"weights": str(cut), "widths": NARROW})
    torch.save(made | {"conv1_1.bias": torch.full((2,), float("nan"))}, cut)
    with pytest.raises(InputError, match="NaN"):
        make_loss("perceptual", {"weights": str(cut), "widths": NARROW})
    cut.write_bytes((tmp_path / "cut.pth").read_bytes()[:100])
    with pytest.raises(InputError, match=r"cut\.pth"):
        make_loss("perceptual", {"weights": str(cut), "widths": NARROW})


def test_images_too_small_or_grey_are_told():
    vgg = Vgg("vgg16", layers=["pool3"], widths=NARROW)
    for shape in ((1, 3, 7, 8), (1, 1, 8, 8)):
        with pytest.raises(InputError, match="at least 8"):
            vgg(torch.zeros(shape))
