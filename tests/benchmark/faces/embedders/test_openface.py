"""OpenFace's nn4.small2 against a literal reading of its published definition, and its alignment."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import EMBEDDERS, Embedder, provider
from facedeblur.benchmark.faces.embedders.openface import TRIPLES, openface_chip, places
from facedeblur.benchmark.metrics.base import metric

torch = pytest.importorskip("torch")

# nn4.small2.def.lua, block by block: layer of the port, inputs, (size, reduced, outputs), stride, pool, pooled, plain.
TABLE = (
    (14, 192, ((3, 96, 128), (5, 16, 32)), 1, "max", 32, 64),
    (15, 256, ((3, 96, 128), (5, 32, 64)), 1, "lp", 64, 64),
    (16, 320, ((3, 128, 256), (5, 32, 64)), 2, "max", None, None),
    (17, 640, ((3, 96, 192), (5, 32, 64)), 1, "lp", 128, 256),
    (18, 640, ((3, 160, 256), (5, 64, 128)), 2, "max", None, None),
    (19, 1024, ((3, 96, 384),), 1, "lp", 96, 256),
    (21, 736, ((3, 96, 384),), 1, "max", 96, 256),
)


def port_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of every tensor in a file of the PyTorch port."""
    shapes: dict[str, tuple[int, ...]] = {}

    def unit(conv: str, norm: str, inputs: int, outputs: int, size: int) -> None:
        shapes[f"{conv}.weight"] = (outputs, inputs, size, size)
        for part in (f"{conv}.bias", *(f"{norm}.{p}" for p in ("weight", "bias", "running_mean", "running_var"))):
            shapes[part] = (outputs,)

    for at, (inputs, outputs, size) in {1: (3, 64, 7), 6: (64, 64, 1), 9: (64, 192, 3)}.items():
        unit(f"layer{at}", f"layer{at + 1}", inputs, outputs, size)
    for layer, inputs, wide, _, _, pooled, plain in TABLE:
        head = f"layer{layer}.seq_list"
        for at, (size, reduced, outputs) in enumerate(wide):
            unit(f"{head}.{at}.1_conv", f"{head}.{at}.2_bn", inputs, reduced, 1)
            unit(f"{head}.{at}.4_conv", f"{head}.{at}.5_bn", reduced, outputs, size)
        if pooled:
            unit(f"{head}.{len(wide)}.2_conv", f"{head}.{len(wide)}.3_bn", inputs, pooled, 1)
        if plain:
            unit(f"{head}.{len(wide) + 1}.1_conv", f"{head}.{len(wide) + 1}.2_bn", inputs, plain, 1)
    return shapes | {"layer25.weight": (128, 736), "layer25.bias": (128,)}


def random_state() -> dict[str, object]:
    rng = torch.Generator().manual_seed(7)
    state = {}
    for name, shape in port_shapes().items():
        if name.endswith(("running_var", "bn.weight")) or name in {"layer2.weight", "layer7.weight", "layer10.weight"}:
            state[name] = torch.rand(shape, generator=rng) + 0.5
        else:
            fan = int(np.prod(shape[1:])) or 1
            state[name] = torch.randn(shape, generator=rng) * (2 / fan) ** 0.5 * (0.2 if len(shape) == 1 else 1)
    for name in ("layer2", "layer10"):
        state[f"{name}.weight"] *= 50  # else the response normalisations behind them would hardly do anything
    return state


def literal(state: dict, x: object) -> object:
    """The published definition, layer by layer, with torch's own modules."""
    nn, f = torch.nn, torch.nn.functional

    def unit(x, conv, norm, stride=1):
        weight = state[f"{conv}.weight"]
        x = f.conv2d(x, weight, state[f"{conv}.bias"], stride, weight.shape[-1] // 2)
        parts = (state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return f.batch_norm(x, *parts, training=False, eps=1e-5).clamp(min=0)

    def lrn(x):
        # Not torch.nn.CrossMapLRN2d: that one never takes channel 0 out of the sum again, which Lua's original does.
        squares = [x[:, max(0, c - 2) : c + 3].square().sum(1) for c in range(x.shape[1])]
        return x / (1 + 1e-4 / 5 * torch.stack(squares, 1)) ** 0.75

    x = lrn(nn.MaxPool2d(3, 2, 1)(unit(x, "layer1", "layer2", 2)))
    x = unit(unit(x, "layer6", "layer7"), "layer9", "layer10")
    x = nn.MaxPool2d(3, 2, 1)(lrn(x))
    for layer, _, wide, stride, kind, pooled, plain in TABLE:
        head, ys = f"layer{layer}.seq_list", []
        for at, _ in enumerate(wide):
            y = unit(x, f"{head}.{at}.1_conv", f"{head}.{at}.2_bn")
            ys.append(unit(y, f"{head}.{at}.4_conv", f"{head}.{at}.5_bn", stride))
        at = len(wide)
        y = (nn.MaxPool2d(3, 2) if kind == "max" else nn.LPPool2d(2, 3, 3))(x)
        ys.append(unit(y, f"{head}.{at}.2_conv", f"{head}.{at}.3_bn") if pooled else y)
        if plain:
            ys.append(unit(x, f"{head}.{at + 1}.1_conv", f"{head}.{at + 1}.2_bn"))
        side = max(y.shape[2] for y in ys)
        x = torch.zeros(len(x), sum(y.shape[1] for y in ys), side, side)
        start = 0
        for y in ys:
            edge = (side - y.shape[2]) // 2
            x[:, start : start + y.shape[1], edge : edge + y.shape[2], edge : edge + y.shape[2]] = y
            start += y.shape[1]
    x = nn.AvgPool2d(3)(x).flatten(1) @ state["layer25.weight"].T + state["layer25.bias"]
    return x / x.norm(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def state() -> dict:
    return random_state()


@pytest.fixture
def weights(state: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ``openface.pth`` of the right shape and no sense; dlib's files come from their package."""
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    torch.save(state, tmp_path / "openface.pth")
    return tmp_path


def faces(count: int, side: int = 96, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_parameters_are_those_published(state: dict) -> None:
    from facedeblur.benchmark.faces.embedders.openface import OpenFaceNetwork

    published = 3_733_968
    network = OpenFaceNetwork()
    assert sum(parameter.numel() for parameter in network.parameters()) == published
    assert sum(np.prod(shape) for name, shape in port_shapes().items() if "running" not in name) == published


def test_embedding_is_the_literal_one(weights: Path, state: dict) -> None:
    images = faces(5)
    with torch.no_grad():
        expected = literal(state, torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255).numpy()
    embedder = provider(EMBEDDERS, "openface-nn4.small2")
    assert isinstance(embedder, Embedder) and embedder.definition[0].startswith("openface-nn4.small2@")
    found = embedder.embed(images)
    assert found.shape == (5, 128) and found.dtype == np.float32
    assert np.std(expected, axis=0).max() > 1e-3  # else a constant would pass
    np.testing.assert_allclose(found, expected, atol=2e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_fused_and_layer_by_layer_agree_and_gradients_flow(state: dict) -> None:
    from facedeblur.benchmark.faces.embedders.openface import openface_network

    network = openface_network(state, do="")
    batch = torch.rand((2, 3, 96, 96), generator=torch.Generator().manual_seed(1), requires_grad=True)
    plain = network(batch)
    plain[:, 0].sum().backward()
    assert batch.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in network.parameters())
    fused = network.fused()
    assert not any("norm" in name for name in fused.state_dict())
    np.testing.assert_allclose(fused(batch.detach()).numpy(), plain.detach().numpy(), atol=2e-5)
    with pytest.raises(InputError, match=r"\(N, 3, 96, 96\)"):
        fused(torch.zeros(1, 3, 128, 128))


@pytest.mark.parametrize("form", ["own.pth", "own.safetensors", "parallel", "checkpoint", "old"])
def test_every_form_of_file_gives_the_same_vectors(
    form: str, state: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facedeblur.benchmark.faces.embedders.openface import openface_network, port_names

    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    own = openface_network(state, do="").state_dict()
    assert {name.rpartition(".")[0] for name in own} == set(port_names())
    name = "openface-nn4.small2.safetensors" if form == "own.safetensors" else "openface_20180119.pth"
    if form == "own.safetensors":
        pytest.importorskip("safetensors.torch").save_file(own, tmp_path / name)
    elif form == "own.pth":
        torch.save(own, tmp_path / name)
    elif form == "parallel":
        torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / name)
    elif form == "checkpoint":
        torch.save({"state_dict": state, "epoch": 3}, tmp_path / name)
    else:
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=False)
    images = faces(2)
    with torch.no_grad():
        expected = literal(state, torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255).numpy()
    np.testing.assert_allclose(provider(EMBEDDERS, "openface-nn4.small2").embed(images), expected, atol=2e-5)


def test_vector_does_not_depend_on_company_or_process(weights: Path) -> None:
    embedder = provider(EMBEDDERS, "openface-nn4.small2")
    images = faces(23, 40)
    together = embedder.embed(images)
    np.testing.assert_array_equal(embedder.embed(images[21:22])[0], together[21])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(embedder)).embed(images[:3]), together[:3])
    assert embedder.embed(images[:0]).shape == (0, 128)


@pytest.mark.parametrize("triple", ["outer", "inner"])
def test_points_are_brought_to_the_mean_face(triple: str, dlib_models: None, portrait: np.ndarray) -> None:
    from facedeblur.benchmark.faces.detectors.dlib_hog import HogDetector, Landmarker68

    chip = openface_chip(portrait, triple)
    assert chip is not None and chip.shape == (96, 96, 3) and chip.dtype == np.uint8
    # Found again in the crop, set into a border that the detector needs, they lie where they were sent.
    bordered = np.pad(chip, ((48, 48), (48, 48), (0, 0)), mode="edge")
    found = Landmarker68.of().points(bordered, HogDetector().detect(bordered)[0])[list(TRIPLES[triple])] - 48
    assert np.abs(found - places(triple)).max() < 4
    assert openface_chip(np.zeros_like(portrait)) is None


def test_places_are_those_of_the_mean_face(dlib_models: None, shared_data: Path) -> None:
    """dlib's points of real people, brought to one triple, lie on average at the other, and fill the crop."""
    import cv2

    from facedeblur.benchmark.faces.detectors.dlib_hog import HogDetector, Landmarker68
    from facedeblur.benchmark.files.images import read_photo

    # Worked out to 30 digits from OpenFace's published mean face.
    np.testing.assert_allclose(
        places("outer"), [[18.639071, 16.249623], [75.730472, 15.184430], [47.515288, 49.386367]], 1e-6
    )
    np.testing.assert_allclose(
        places("inner"), [[34.923355, 17.082899], [59.420461, 16.586700], [48.019580, 72.056101]], 1e-6
    )
    people = sorted(path for path in (shared_data / "lfw").iterdir() if path.is_dir())[:16]
    moved: dict[str, list[np.ndarray]] = {triple: [] for triple in TRIPLES}
    for person in people:
        photo = read_photo(min(person.glob("*.jpg"))).pixels
        points = Landmarker68.of().points(photo, HogDetector(0).detect(photo)[0])
        for triple, indices in TRIPLES.items():
            ends = (points[list(indices)].astype(np.float32), places(triple).astype(np.float32))
            matrix = cv2.getAffineTransform(*ends)
            moved[triple].append(points @ matrix[:, :2].T + matrix[:, 2])
    for triple, other in (("outer", "inner"), ("inner", "outer")):
        mean = np.mean(moved[triple], axis=0)
        assert np.abs(mean[list(TRIPLES[other])] - places(other)).max() < 3.5
        assert np.abs(mean.min(axis=0)).max() < 4 and np.abs(mean.max(axis=0) - 96).max() < 7


def test_detect_embeds_the_chip_and_gives_nan_without_a_face(
    weights: Path, dlib_models: None, portrait: np.ndarray
) -> None:
    crop = np.ascontiguousarray(portrait[30:190, 140:300])
    pair = np.stack([np.full_like(crop, 128), crop])
    plain = provider(EMBEDDERS, "openface-nn4.small2")
    for mode, triple in (("detect", "outer"), ("detect-inner", "inner")):
        embedder = provider(EMBEDDERS, f"openface-nn4.small2,{mode}")
        assert embedder.definition[1:] == (mode,)
        found = embedder.embed(pair)
        assert np.isnan(found[0]).all()
        np.testing.assert_array_equal(found[1], plain.embed(openface_chip(crop, triple)[None])[0])


def test_identity_metric_has_openfaces_distance(weights: Path) -> None:
    sharp, other = faces(2, 32)
    restored = np.stack([sharp, other])
    values = {}
    for distance in ("l2", "l2sq", "cosine"):
        made = metric(f"identity[openface-nn4.small2,{distance}]")
        assert str(metric(str(made.signature)).signature) == str(made.signature)
        values[distance] = made.measure(restored, sharp, made.prepare(sharp))
        assert values[distance][0] == pytest.approx(0, abs=1e-12) and 0 < values[distance][1] <= made.worst
    np.testing.assert_allclose(values["l2sq"], values["l2"] ** 2, rtol=1e-12)
    np.testing.assert_allclose(values["l2sq"], 2 * values["cosine"], atol=1e-6)  # of unit vectors
    assert metric("identity[openface-nn4.small2,l2sq]").worst == 4
    assert metric("identity[openface-nn4.small2,l2sq]").label == "Identity squared L2 (openface-nn4.small2)"
    assert str(metric("identity[openface-nn4.small2,l2sq,detect-inner]").signature).endswith(",l2sq,detect-inner]")
    with pytest.raises(InputError, match="one of as-is, detect"):
        metric("identity[dlib-resnet,detect-inner]")


def test_missing_file_is_one_line_with_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError) as caught:
        metric("identity[openface-nn4.small2,l2sq]")
    line = str(caught.value)
    assert "openface.pth" in line and str(tmp_path) in line and "OpenFacePytorch" in line and "\n" not in line


def test_other_files_and_options_are_refused(state: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    path = tmp_path / "openface.pth"
    short = {name: value for name, value in state.items() if name != "layer25.bias"}
    wide = state | {"layer1.bias": torch.zeros(65)}
    more = state | {"layer20.weight": torch.zeros(1)}
    for content, said in (
        (short, r"no 'linear\.bias'"),
        (wide, r"\(65,\) instead of \(64,\)"),
        (more, "'layer20.weight' as well"),
        ({"epoch": 1}, "state dict"),
        ([1], "state dict"),
        ({}, "state dict"),
        (Path("x"), "file of tensors"),
    ):
        torch.save(content, path)
        with pytest.raises(InputError, match=said) as caught:
            provider(EMBEDDERS, "openface-nn4.small2").embed(faces(1))
        assert "\n" not in str(caught.value)
    for content in (b"", b"nothing", b"PK\x03\x04" + bytes(200)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="file of tensors"):
            provider(EMBEDDERS, "openface-nn4.small2").embed(faces(1))
    path.rename(tmp_path / "openface-nn4.small2.safetensors")
    with pytest.raises(InputError, match="a safetensors file"):
        provider(EMBEDDERS, "openface-nn4.small2").embed(faces(1))
    with pytest.raises(InputError, match="one of as-is, detect, detect-inner"):
        provider(EMBEDDERS, "openface-nn4.small2,up1")
    with pytest.raises(InputError, match="'detect' and 'detect-inner'"):
        provider(EMBEDDERS, "openface-nn4.small2,detect,detect-inner")
    with pytest.raises(InputError, match="uint8"):
        provider(EMBEDDERS, "openface-nn4.small2").embed(faces(1)[0])
