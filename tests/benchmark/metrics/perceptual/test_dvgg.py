"""d_VGG against a literal VGG-16 and its formulas written out."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scoring.protocol import Protocol, ProtocolMetric, choose

torch = pytest.importorskip("torch")

# Simonyan and Zisserman's configuration D as torchvision numbers it: convolutions, and where the five poolings are.
CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
NAMES = ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "5_3")
CHANNELS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


def features(state: dict, images: np.ndarray, mean: tuple[float, ...] = (0, 0, 0)) -> np.ndarray:
    """pool5 of ``features[0..30]``, the layers one after the other."""
    x = (torch.from_numpy(images).double() - torch.tensor(mean, dtype=torch.float64)).permute(0, 3, 1, 2)
    for at in range(31):
        if at in CONVOLUTIONS:
            weight, bias = (state[f"features.{at}.{part}"].double() for part in ("weight", "bias"))
            x = torch.nn.functional.conv2d(x, weight, bias, padding=1)
        elif at - 1 in CONVOLUTIONS:
            x = x.clamp(min=0)
        else:
            x = torch.stack(
                [x[..., i::2, j::2][..., : x.shape[2] // 2, : x.shape[3] // 2] for i in (0, 1) for j in (0, 1)]
            )
            x = x.amax(0)
    return x.numpy()


@pytest.fixture(scope="module")
def state() -> dict:
    rng = torch.Generator().manual_seed(11)
    made = {}
    for at, inputs, outputs in zip(CONVOLUTIONS, CHANNELS[:-1], CHANNELS[1:], strict=True):
        made[f"features.{at}.weight"] = torch.randn((outputs, inputs, 3, 3), generator=rng) * (2 / (9 * inputs)) ** 0.5
        made[f"features.{at}.bias"] = torch.randn(outputs, generator=rng) * 0.1
    return made


def dag(state: dict) -> dict:
    """The same tensors under the names of vgg_face_dag.pth, with (small) rests of the classifier."""
    named = {
        f"conv{name}.{part}": state[f"features.{at}.{part}"]
        for at, name in zip(CONVOLUTIONS, NAMES, strict=True)
        for part in ("weight", "bias")
    }
    return named | {"fc6.weight": torch.zeros(2, 2), "fc8.bias": torch.zeros(2)}


@pytest.fixture(scope="module")
def folder(state: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("vgg")
    torch.save(dag(state), made / "vgg_face_dag.pth")
    return made


@pytest.fixture
def weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(folder))
    return folder


def faces(count: int, height: int = 64, width: int = 64) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(64, 64), (75, 40)])
def test_both_variants_are_the_formulas(weights: Path, state: dict, size: tuple[int, int]) -> None:
    images = faces(4, *size)
    restored, sharp = images[:3], images[3]
    for text, mean in (("dvgg", (129.1863, 104.7624, 93.5940)), ("dvgg[mse]", (0, 0, 0))):
        both = features(state, images, mean)
        assert both.shape == (4, 512, size[0] // 32, size[1] // 32) and (both > 0).mean() > 0.3
        made = metric(text)
        found = made.measure(restored, sharp, made.prepare(sharp))
        expected = []
        for one in both[:3]:
            difference = one - both[3]
            if text == "dvgg":
                expected.append(np.sqrt(np.sum(difference**2)))
            else:
                expected.append(float(torch.nn.MSELoss()(torch.from_numpy(one), torch.from_numpy(both[3]))))
        assert found.dtype == np.float64 and found.shape == (3,)
        np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_it_is_a_metric_with_a_complete_name(weights: Path) -> None:
    for text, label in (("dvgg", "d_VGG"), ("dvgg[mse]", "d_VGG (mean square)"), ("dvgg[norm,vgg-face]", "d_VGG")):
        made = metric(text)
        assert isinstance(made, Metric) and made.label == label
        assert not made.higher_is_better and made.worst == np.inf and made.needs.sharp
        name, variant = made.signature.options
        assert name.startswith("vgg-face@") and len(name) == 17 and variant == ("mse" if "mse" in text else "norm")
        assert metric(str(made.signature)).signature == made.signature == Signature.parse(str(made.signature))
        assert pickle.loads(pickle.dumps(made)) == made


def test_zero_for_itself_more_for_more_noise_and_no_company(weights: Path) -> None:
    made = metric("dvgg")
    sharp = faces(1)[0]
    steps = [np.clip(sharp + s * np.random.default_rng(1).normal(size=sharp.shape), 0, 255) for s in (5, 20, 60)]
    restored = np.stack([sharp, *steps]).astype(np.uint8)
    prepared = made.prepare(sharp)
    values = made.measure(restored, sharp, prepared)
    assert values[0] == 0 and (np.diff(values) > 0).all()
    alone = [made.measure(restored[i : i + 1], sharp, prepared)[0] for i in range(4)]
    np.testing.assert_array_equal(values, alone)
    assert made.measure(restored[:0], sharp, prepared).shape == (0,)


def torch7(state: dict) -> dict:
    """The same network as in VGG_FACE.pth: bare numbers, blue first, the classifier one level deeper."""
    bare = {key.removeprefix("features."): value for key, value in state.items()}
    deep = {f"{at}.1.{part}": torch.zeros(2, 2) for at in (32, 35, 38) for part in ("weight", "bias")}
    return bare | deep | {"0.weight": state["features.0.weight"][:, [2, 1, 0]]}


@pytest.mark.parametrize("form", ["torchvision", "checkpoint", "safetensors", "torch7"])
def test_every_form_of_file_gives_the_same(
    form: str, weights: Path, state: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored, sharp = faces(2, 32, 32), faces(3, 32, 32)[2]
    made = metric("dvgg")
    expected = made.measure(restored, sharp, made.prepare(sharp))
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    classifier = {"classifier.0.weight": torch.zeros(2, 2), "classifier.6.bias": torch.zeros(2)}
    if form == "torchvision":
        torch.save(state | classifier, tmp_path / "VGGFace.pth")
    elif form == "checkpoint":  # as MSPL's program reads it
        torch.save({"state_dict": state | classifier}, tmp_path / "VGGFace16.pth")
    elif form == "torch7":
        torch.save(torch7(state), tmp_path / "VGG_FACE.pth")
    else:
        pytest.importorskip("safetensors.torch").save_file(dag(state), tmp_path / "vgg_face.safetensors")
    other = metric("dvgg")
    assert other.signature != made.signature  # another file, another hash
    np.testing.assert_array_equal(other.measure(restored, sharp, other.prepare(sharp)), expected)


def test_layers_and_parameters(state: dict) -> None:
    from facedeblur.benchmark.metrics.perceptual.vggface import VGGFace, vggface

    convolutions = 14_714_688
    assert sum(parameter.numel() for parameter in VGGFace().parameters()) == convolutions
    # With the classifier the published network has 145,002,878.
    assert convolutions + (25088 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 2622 == 145_002_878
    network = vggface(state)
    batch = torch.rand((1, 3, 64, 32), generator=torch.Generator().manual_seed(1)).requires_grad_()
    out = network(batch, ("pool2", "relu1_2", "pool5"))
    assert {name: tuple(value.shape) for name, value in out.items()} == {
        "relu1_2": (1, 64, 64, 32), "pool2": (1, 128, 16, 8), "pool5": (1, 512, 2, 1)
    }  # fmt: skip
    out["pool5"].sum().backward()
    assert batch.grad.abs().sum() > 0 and not any(p.requires_grad for p in network.parameters())
    with pytest.raises(InputError, match=r"'pool6'.*relu1_1 to relu5_3"):
        network(batch, ("pool5", "pool6"))
    with pytest.raises(InputError, match="32 pixels"):
        network(torch.zeros(1, 3, 31, 64))


def test_missing_weights_leave_the_other_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError) as caught:
        metric("dvgg[norm]")
    line = str(caught.value)
    assert "vgg_face_dag.pth" in line and str(tmp_path) in line and "\n" not in line
    columns = (ProtocolMetric("psnr", 0.0), ProtocolMetric("dvgg[norm]", float("inf"), optional=True))
    chosen = choose(Protocol("mine", "", "", columns))
    assert [entry.name for entry, _ in chosen.metrics] == ["psnr"]
    assert chosen.unavailable == (("dvgg[norm]", line),)


def test_bad_files_and_arguments_are_one_line(
    weights: Path, state: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = faces(2)
    made = metric("dvgg")
    prepared = made.prepare(images[0])
    with pytest.raises(InputError, match="shape of the sharp image"):
        made.measure(faces(1, 64, 32), images[0], prepared)
    with pytest.raises(InputError, match="uint8"):
        made.measure(images / 255, images[0], prepared)
    with pytest.raises(InputError, match="32 pixels"):
        made.prepare(images[0][:20])
    for args, said in (
        ("nrom", "did you mean 'norm'"),
        ("norm,mse", "'norm' and 'mse'"),
        ("vgg-face@00000000", "sha256"),
    ):
        with pytest.raises(InputError, match=said):
            metric(f"dvgg[{args}]")
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    whole = dag(state)
    for content, said in (
        ({k: v for k, v in whole.items() if k != "conv5_3.bias"}, r"no 'conv5_3\.bias'"),
        (whole | {"conv1_1.bias": torch.zeros(3)}, r"\(3,\) instead of \(64,\)"),
        ({"fc6.weight": torch.zeros(1)}, r"no 'conv1_1\.weight'"),
    ):
        torch.save(content, tmp_path / "vgg_face_dag.pth")
        with pytest.raises(InputError, match=said) as caught:
            metric("dvgg").prepare(images[0])
        assert "\n" not in str(caught.value)
