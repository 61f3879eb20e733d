"""ONNX files whose inputs are not (N, 3, H, W) float32, and what is recorded of them."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.find import find_method
from facedeblur.methods.kinds.onnx_file import Onnx, channels_last
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run


def network(path: Path, shape: tuple, kinds: tuple[int, int], nodes=None, outputs=("y",), initializers=()) -> Path:
    """Write an ONNX file; by default it returns its input in the type of the output."""
    nodes = nodes or [helper.make_node("Cast", ["x"], ["y"], to=kinds[1])]
    ends = [helper.make_tensor_value_info(name, kinds[1], shape) for name in outputs]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", kinds[0], shape)], ends, list(initializers)
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def loaded(path: Path, **options) -> Onnx:
    entry = find_method(path, options=options)
    method = entry.kind(**entry.options)
    method.load("cpu", entry.weights)
    return method


def images(height: int = 20, width: int = 30, count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).random((count, height, width, 3), dtype=np.float32)


@pytest.mark.parametrize(
    ("shape", "last"),
    [
        (("n", 3, "h", "w"), False),
        ((None, 3, None, None), False),
        (("b", "c", "h", "w"), False),
        (("n", "h", "w", 3), True),
        (("n", "h", "w", "channels"), True),
        ((1, 3, 256, 3), False),
        (("n", 1, "h", "w"), None),
        (("n", "h", "w"), None),
    ],
)
def test_where_the_channels_are(shape, last):
    assert channels_last(shape) is last


@pytest.mark.parametrize("shape", [("n", "h", "w", 3), ("b", "c", "h", "w"), (-1, 3, -1, -1), (1, 20, 32, 3)])
def test_orders_of_the_axes(shape, tmp_path):
    method = loaded(network(tmp_path / "net.onnx", shape, (TensorProto.FLOAT, TensorProto.FLOAT)))
    assert np.array_equal(method.restore(images()), images())


@pytest.mark.parametrize(
    ("kind", "off"),
    [
        (TensorProto.UINT8, 0.5 / 255),
        (TensorProto.DOUBLE, 0),
        (TensorProto.FLOAT16, 1e-3),
        (TensorProto.BFLOAT16, 4e-3),
    ],
)
def test_types_of_the_values(kind, off, tmp_path):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    method = loaded(network(tmp_path / "net.onnx", ("n", 3, "h", "w"), (kind, kind), nodes))
    restored = method.restore(images())
    assert restored.dtype == np.float32
    assert np.abs(restored - images()).max() <= off + 1e-7


def test_bytes_in_and_floats_out_need_the_range(tmp_path):
    path = network(tmp_path / "net.onnx", ("n", 3, "h", "w"), (TensorProto.UINT8, TensorProto.FLOAT))
    with pytest.raises(InputError, match=r"the input is of bytes and the output is not, .* --set output_range=0..255"):
        loaded(path)
    assert np.abs(loaded(path, output_range="0..255").restore(images()) - images()).max() <= 0.5 / 255 + 1e-7


def test_other_inputs_are_refused_when_loading(tmp_path):
    grey = network(tmp_path / "grey.onnx", ("n", 1, "h", "w"), (TensorProto.FLOAT, TensorProto.FLOAT))
    with pytest.raises(
        InputError, match=r"expected one input of RGB images.*found x .*; export the network alone, for"
    ):
        loaded(grey)
    whole = network(tmp_path / "whole.onnx", ("n", 3, "h", "w"), (TensorProto.INT32, TensorProto.INT32))
    with pytest.raises(InputError, match=r"expected an input of floats or bytes, found tensor\(int32\)"):
        loaded(whole)


def test_several_outputs_by_name(tmp_path):
    nodes = [helper.make_node("Identity", ["x"], ["first"]), helper.make_node("Neg", ["x"], ["second"])]
    both = (TensorProto.FLOAT, TensorProto.FLOAT)
    path = network(tmp_path / "net.onnx", ("n", 3, "h", "w"), both, nodes, ("first", "second"))
    assert np.array_equal(loaded(path, output="second").restore(images()), -images())
    assert np.array_equal(loaded(path, output="0").restore(images()), images())


def test_parameters_and_versions_are_recorded(tiny, tmp_path):
    weights = numpy_helper.from_array(np.eye(3, dtype=np.float16)[:, :, None, None], "w")
    bias = numpy_helper.from_array(np.zeros(3, np.float16), "b")
    nodes = [
        helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Conv", ["half", "w", "b"], ["z"]),
        helper.make_node("Cast", ["z"], ["y"], to=TensorProto.FLOAT),
    ]
    both = (TensorProto.FLOAT, TensorProto.FLOAT)
    path = network(tmp_path / "net.onnx", ("n", 3, "h", "w"), both, nodes, ("y",), (weights, bias))
    outputs = run(path, tiny.root, tmp_path / "out", execution=Execution(device="cpu"), limit=2)
    assert (outputs.info["parameters"], outputs.info["precision"]) == (12, "fp16")
    assert outputs.info["versions"]["onnxruntime"] == version("onnxruntime")
