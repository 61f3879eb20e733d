"""MobileFaceNet: its network against the published graph, and its vectors on pairs of real people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import DETECTORS, EMBEDDERS, LANDMARKERS, provider
from facedeblur.benchmark.faces.embedders.mobilefacenet import MobileFaceNetwork, mobilefacenet, read_mxnet
from facedeblur.benchmark.metrics.base import metric
from facedeblur.benchmark.metrics.faces.verification import verification

PEOPLE = 24


@pytest.fixture
def y1(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of InsightFace's y1, which the embedder finds."""
    folder = shared_data / "models" / "mobilefacenet_y1"
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(folder))
    return folder


def as_onnx(folder: Path) -> Any:
    """The graph that InsightFace publishes with its weights, operator by operator, as an ONNX model."""
    onnx = pytest.importorskip("onnx")
    helper, numbers = onnx.helper, onnx.numpy_helper
    symbol = json.loads((folder / "model-symbol.json").read_text())["nodes"]
    arrays = {name: np.array(array) for name, array in read_mxnet(folder / "model-0000.params").items()}
    nodes, constants = [], {}
    for node in symbol:
        if node["op"] == "null":
            continue
        given, attrs = [symbol[at]["name"] for at, *_ in node["inputs"]], node.get("attrs", {})
        kind: str = node["op"]
        more: dict[str, Any] = {}
        if kind.endswith("_scalar"):
            constants[f"{node['name']}_by"] = np.float32(attrs["scalar"])
            kind, given = {"_minus_scalar": "Sub", "_mul_scalar": "Mul"}[kind], [*given, f"{node['name']}_by"]
        elif kind == "Convolution":
            pad = json.loads(attrs["pad"].replace("(", "[").replace(")", "]"))
            strides = json.loads(attrs["stride"].replace("(", "[").replace(")", "]"))
            kind, more = "Conv", {"group": int(attrs["num_group"]), "pads": pad * 2, "strides": strides}
        elif kind == "BatchNorm":
            if attrs["fix_gamma"] == "True":
                arrays[given[1]] = np.ones_like(arrays[given[1]])
            kind, more = "BatchNormalization", {"epsilon": float(attrs.get("eps", 1e-3))}
        elif kind == "LeakyReLU":
            kind, arrays[given[1]] = "PRelu", arrays[given[1]].reshape(-1, 1, 1)
        elif kind == "FullyConnected":
            nodes.append(helper.make_node("Flatten", given[:1], ["flat"]))
            kind, given, more = "Gemm", ["flat", *given[1:]], {"transB": 1}
        else:
            kind = {"elemwise_add": "Add"}[kind]
        nodes.append(helper.make_node(kind, given, [node["name"]], **more))
    kept = [numbers.from_array(value, name) for name, value in (arrays | constants).items()]
    ends = [helper.make_tensor_value_info(name, 1, shape)
            for name, shape in (("data", ["n", 3, 112, 112]), (symbol[-1]["name"], ["n", 128]))]  # fmt: skip
    graph = helper.make_graph(nodes, "y1", ends[:1], ends[1:], kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_vectors_are_those_of_the_published_graph(y1: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(as_onnx(y1).SerializeToString(), providers=["CPUExecutionProvider"])
    faces = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    (expected,) = session.run(None, {"data": faces.transpose(0, 3, 1, 2).astype(np.float32)})
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = provider(EMBEDDERS, "mobilefacenet").embed(faces)
    assert found.shape == (3, 128)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_tells_people_of_lfw_apart(y1: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from facedeblur.benchmark.files.images import read_photo
    from facedeblur.generators.align.photo import align_photo
    from facedeblur.generators.align.quality import Limits

    embedder = provider(EMBEDDERS, "mobilefacenet")
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(shared_data / "models" / "detectors"))
    finders = provider(DETECTORS, "yunet"), provider(LANDMARKERS, "yunet")
    crops = []
    for person in sorted(path for path in (shared_data / "lfw").iterdir() if path.is_dir())[:PEOPLE]:
        for photo in sorted(person.glob("*.jpg"))[:2]:
            pixels = read_photo(photo).pixels
            crop = align_photo(pixels, *finders, template="arcface112", limits=Limits(max_magnification=9)).crop
            assert crop is not None
            crops.append(crop)
    vectors = embedder.embed(np.array(crops)).reshape(PEOPLE, 2, -1).astype(np.float64)
    pairs = [np.sum((vectors[:, 0] - np.roll(vectors[:, 1], turn, axis=0)) ** 2, axis=1) for turn in (0, 1)]
    found = verification(np.concatenate(pairs), np.repeat([True, False], PEOPLE))
    # InsightFace reports 99.50 % on LFW.
    assert found.accuracy > 0.93 and found.eer < 0.05 and found.n == 2 * PEOPLE
    assert pairs[0].mean() < 1 < 1.8 < pairs[1].mean()


def test_the_file_of_mspls_script_loads_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    network = MobileFaceNetwork(512).train()
    with torch.no_grad():
        network(torch.randn(4, 3, 112, 112))  # moves the means of batch normalisation
    state = network.eval().state_dict()
    for name in ("conv_3.model.3.conv_dw.prelu.weight", "conv_45.project.bn.running_var", "conv_6_dw.conv.weight"):
        assert name in state
    torch.save(state, tmp_path / "model_mobilefacenet.pth")
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    faces = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = network((torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    embedder = provider(EMBEDDERS, "mobilefacenet")
    np.testing.assert_allclose(embedder.embed(faces), expected, atol=1e-5)
    assert embedder.embed(faces[:0]).shape == (0, 512)
    assert metric("identity[mobilefacenet,l2sq]").signature.options[0].startswith("mobilefacenet@")
    with pytest.raises(InputError, match=r"arcface112.*found 64x64.*detect"):
        embedder.embed(faces[:, :64, :64])


def test_parameters_are_about_those_of_the_paper() -> None:
    # "0.99 million parameters" (abstract), without batch normalisation and PReLU.
    weights = [parameter for parameter in MobileFaceNetwork(128).parameters() if parameter.ndim > 1]
    assert sum(parameter.numel() for parameter in weights) == 976_000


def test_other_files_are_refused_in_one_line(tmp_path: Path, shared_data: Path) -> None:
    whole = (shared_data / "models" / "mobilefacenet_y1" / "model-0000.params").read_bytes()
    fused = whole.replace(b"conv_6sep_conv2d_weight", b"conv_6sep_conv2d_weighs")
    for content in (b"", whole[:-5], whole[:2000], b"\0" * 400, fused):
        path = tmp_path / "model-0000.params"
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            mobilefacenet(path)
        assert "\n" not in str(caught.value) and "model_mobilefacenet.pth" in str(caught.value)
    torch.save({"linear.weight": torch.zeros(512, 512)}, tmp_path / "other.pth")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "none.pth")
    for name, found in (("other.pth", "conv1"), ("none.pth", "no 'linear.weight'")):
        with pytest.raises(InputError, match=found):
            mobilefacenet(tmp_path / name)
