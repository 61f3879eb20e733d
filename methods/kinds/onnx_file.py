"""ONNX files as methods, run by onnxruntime."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile, need, shorten
from facedeblur.methods.kinds.exported_base import RANGES, ExportedNetwork
from facedeblur.methods.kinds.torch_file import most_stored

BYTES, BFLOAT16 = "tensor(uint8)", "tensor(bfloat16)"
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, BYTES: np.uint8}
_CHANNEL_NAMES = ("c", "ch", "channel", "channels")


class Onnx(ExportedNetwork):
    """An ONNX network for onnxruntime; parameters as of `ExportedNetwork`.

    Its input is (N, 3, H, W) or (N, H, W, 3), of floats of any precision or of bytes. On a GPU it needs onnxruntime's
    CUDA provider. A model with a fixed batch size is given that many images at a time; a model with a fixed image size
    is given images padded to that size.
    """

    autocast = False
    """The precision is the file's."""

    def load(self, device: str, weights: Mapping[str, Path]) -> None:
        """Load the first file of `weights` for `device`; it names the others itself.

        Raises
        ------
        InputError
            If onnxruntime does not support the device, or the file is not an ONNX network with one image as input.
        """
        ort = need("onnxruntime", "onnx")
        path = next(iter(weights.values()))
        options = ort.SessionOptions()
        threads = os.environ.get("OMP_NUM_THREADS", "")
        options.intra_op_num_threads = int(threads) if threads.isdigit() else 0
        try:
            self._session = ort.InferenceSession(str(path), options, providers=[_provider(ort, device)])
        except InputError:
            raise
        except Exception as error:  # onnxruntime raises kinds of its own
            raise InputError(str(path), expected="an ONNX file", found=shorten(str(error))) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        last = channels_last(inputs[0].shape) if len(inputs) == 1 else None
        if last is None:
            found = ", ".join(f"{one.name} {one.shape}" for one in inputs) or "none"
            raise InputError(
                str(path), expected="one input of RGB images, (N, 3, H, W) or (N, H, W, 3)", found=found,
                do="export the network alone, for RGB images",
            )  # fmt: skip
        self._name, self._last, self._type = inputs[0].name, last, inputs[0].type
        if self._type not in (*_TYPES, BFLOAT16):
            raise InputError(
                str(path), expected="an input of floats or bytes", found=self._type, do="export the network for float32"
            )
        self._names = [one.name for one in outputs]
        self._read_ranges(path, outputs)
        tensors = tensors_of(path)
        self.stored_precision = _precision(tensors)
        self.parameters = _count(tensors)
        fixed = [side if isinstance(side, int) and side > 0 else None for side in inputs[0].shape]
        self._at_once, self._fixed = fixed[0], (fixed[1], fixed[2]) if last else (fixed[2], fixed[3])

    def _read_ranges(self, path: Path, outputs: Sequence[Any]) -> None:
        """Take 0..255 as the range of bytes, and check that the wanted result is there."""
        if self._output.isdigit() and self._output not in self._names and int(self._output) >= len(outputs):
            raise InputError("option 'output'", expected=f"a number below {len(outputs)}", found=self._output)
        if self._type == BYTES:
            self._into = RANGES["0..255"]
        kinds = {one.type for one in outputs}
        if kinds == {BYTES}:
            self._out_of = RANGES["0..255"]
        elif self._type == BYTES and not self._output_range:
            raise InputError(
                f"{path}: the input is of bytes and the output is not, so its range is unknown",
                do="give --set output_range=0..255 or another range",
            )  # fmt: skip

    def _run(self, planes: np.ndarray) -> dict[str, np.ndarray]:
        given = planes.transpose(0, 2, 3, 1) if self._last else planes
        try:
            if self._type == BFLOAT16:
                found = self._run_bfloat16(given)
            else:
                typed = np.rint(given) if self._type == BYTES else given
                typed = np.ascontiguousarray(typed, dtype=_TYPES[self._type])
                found = self._session.run(None, {self._name: typed})
        except Exception as error:
            # onnxruntime has one type for all its errors: only the text identifies this one.
            if "allocate memory" in str(error).lower() or "out of memory" in str(error).lower():
                raise MemoryError(str(error)) from error
            raise
        return {
            name: np.asarray(array, dtype=np.float32)
            for name, array in zip(self._names, found, strict=True)
            if isinstance(array, np.ndarray)  # a sequence is no image
        }

    def _run_bfloat16(self, given: np.ndarray) -> list[np.ndarray]:
        """Run a network of bfloat16, which numpy does not have: torch converts it."""
        torch: Any = need("torch", "all")
        ort: Any = need("onnxruntime", "onnx")
        halves = torch.from_numpy(np.ascontiguousarray(given)).to(torch.bfloat16).view(torch.int16).numpy()
        number = need("onnx", "onnx").TensorProto.BFLOAT16
        value = ort.OrtValue.ortvalue_from_numpy_with_onnx_type(halves.view(np.uint16), number)
        results = self._session.run_with_ort_values(None, {self._name: value})
        return [torch.from_dlpack(one).float().numpy() for one in results]


def channels_last(shape: Sequence[Any]) -> bool | None:
    """Whether a shape is (N, H, W, 3) and not (N, 3, H, W); None where it is neither.

    A side is a number, a name, or unknown (None or -1).
    """
    if len(shape) != 4:
        return None
    first, last = shape[1], shape[3]
    if first == 3:
        return False
    if last == 3 or str(last).lower() in _CHANNEL_NAMES:
        return True
    known = isinstance(first, int) and first > 0
    return None if known else False


def external_data(path: Path) -> dict[str, Path]:
    """The files next to an ONNX file that hold tensors of it, by the names that it has for them.

    Raises
    ------
    InputError
        When the file is not ONNX, or one of the others is missing.
    """
    helper: Any = need("onnx.external_data_helper", "onnx")
    names = {helper.ExternalDataInfo(one).location for one in tensors_of(path) if helper.uses_external_data(one)}
    files = {str(name): path.parent / str(name) for name in sorted(names)}
    for file in files.values():
        if not file.is_file():
            raise MissingFile(
                file, expected=f"the file that holds tensors of {path.name}", do="put it next to the ONNX file"
            )
    return files


def tensors_of(path: Path) -> list[Any]:
    """Every tensor that an ONNX file has or names, without the values that are in other files."""
    onnx: Any = need("onnx", "onnx")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf raises kinds of its own
        raise InputError(str(path), expected="an ONNX file", found=shorten(str(error))) from error
    return list(_tensors_in(model, onnx.TensorProto))


def _tensors_in(message: Any, kind: type[Any]) -> Iterator[Any]:
    """Yield the messages of a kind in a protobuf message, at any depth: graphs are in graphs, and in functions."""
    if isinstance(message, kind):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in [value] if hasattr(value, "ListFields") else value:
                yield from _tensors_in(one, kind)


def _precision(tensors: Sequence[Any]) -> str:
    """The precision of most values in an ONNX file."""
    proto: Any = need("onnx", "onnx").TensorProto
    names = {proto.FLOAT: "fp32", proto.FLOAT16: "fp16", proto.BFLOAT16: "bf16", proto.DOUBLE: "fp64"}
    return most_stored((names.get(one.data_type, ""), math.prod(one.dims)) for one in tensors)


def _count(tensors: Sequence[Any]) -> int:
    """Number of parameters: values of tensors of floats, or of bytes in quantised files, without single numbers."""
    proto: Any = need("onnx", "onnx").TensorProto
    kinds = (proto.FLOAT, proto.FLOAT16, proto.BFLOAT16, proto.DOUBLE, proto.INT8, proto.UINT8)
    sizes = (math.prod(one.dims) for one in tensors if one.data_type in kinds)
    return sum(size for size in sizes if size > 1)


def _provider(ort: Any, device: str) -> str | tuple[str, dict[str, int]]:
    """onnxruntime's provider for a device."""
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return "CPUExecutionProvider"
    if kind == "cuda" and "CUDAExecutionProvider" in ort.get_available_providers():
        return ("CUDAExecutionProvider", {"device_id": int(number or 0)})
    raise InputError(
        f"device '{device}'", expected="a device that onnxruntime supports",
        found=", ".join(ort.get_available_providers()), do="give --device cpu, or install onnxruntime-gpu",
    )  # fmt: skip
