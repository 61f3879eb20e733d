"""TorchScript and ONNX files as methods."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile, need, shorten
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.weights import sha256_of
from facedeblur.methods.base import Spec
from facedeblur.methods.options import defaults, read_options, shown_name
from facedeblur.methods.runnable import Runnable

RANGES = {"0..1": (1.0, 0.0), "-1..1": (2.0, -1.0), "0..255": (255.0, 0.0)}
CHANNELS = ("rgb", "bgr")


class ExportedNetwork:
    """Base of both kinds: range and order of the channels, and padding.

    Parameters
    ----------
    range : {'0..1', '-1..1', '0..255'}
        Range of its input and output.
    channels : {'rgb', 'bgr'}
        Their order.
    multiple : int
        Height and width must be multiples of this; the image is mirrored at the bottom and right, then cut.
    output : int
        Which one of several outputs is the restored image.
    smallest : int
        Least height and width; smaller images are padded in the same way.
    """

    def __init__(
        self, *, range: str = "0..1", channels: str = "rgb", multiple: int = 1, output: int = 0, smallest: int = 1
    ):
        one_of("range", range, RANGES)
        one_of("channels", channels, CHANNELS)
        for key, number in (("multiple", multiple), ("smallest", smallest)):
            if number < 1:
                raise InputError(f"option '{key}'", expected="at least 1", found=f"{number}")
        self._scale, self._shift = RANGES[range]
        self._flip, self._multiple, self._output, self._smallest = channels == "bgr", multiple, output, smallest

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        """Restore (N, H, W, 3) float32 RGB in [0, 1]."""
        height, width = blurred.shape[1:3]
        tall, wide = self._room(height, width)
        padded = np.pad(blurred, ((0, 0), (0, tall - height), (0, wide - width), (0, 0)), mode="symmetric")
        planes = padded[..., ::-1] if self._flip else padded
        given = np.ascontiguousarray(planes.transpose(0, 3, 1, 2)) * np.float32(self._scale) + np.float32(self._shift)
        array = ((self._run(given) - np.float32(self._shift)) / np.float32(self._scale)).transpose(0, 2, 3, 1)
        array = array[..., ::-1] if self._flip else array
        if array.shape == padded.shape:
            array = array[:, :height, :width]
        return np.ascontiguousarray(array)

    def _room(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that images of a size are padded to."""
        tall, wide = (-(-max(side, self._smallest) // self._multiple) * self._multiple for side in (height, width))
        return tall, wide

    def _run(self, planes: np.ndarray) -> np.ndarray:
        """(N, 3, H, W) float32 in the network's own range and order to its result, float32."""
        raise TypeError(f"{type(self).__name__} has no _run")


class TorchScript(ExportedNetwork):
    """A TorchScript network: (N, 3, H, W) float32 to the same; parameters as of `ExportedNetwork`."""

    def __init__(
        self, *, range: str = "0..1", channels: str = "rgb", multiple: int = 1, output: int = 0, smallest: int = 1
    ):
        super().__init__(range=range, channels=channels, multiple=multiple, output=output, smallest=smallest)
        self.network: Any = None

    def load(self, device: str, weights: Mapping[str, Path]) -> None:
        """Load the file of `weights` on `device`.

        Raises
        ------
        InputError
            If it is not a TorchScript file.
        """
        import torch

        (path,) = weights.values()
        try:
            self.network = torch.jit.load(str(path), map_location=device).eval()
        except RuntimeError as error:
            raise InputError(
                str(path), expected="a TorchScript file (torch.jit.save)", found=str(error).strip().partition("\n")[0],
                do="export the network with torch.jit.script or torch.jit.trace",
            ) from error  # fmt: skip
        self._device = device
        names = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16", torch.float64: "fp64"}
        stored = _most_stored(names, ((one.dtype, one.numel()) for one in self.network.parameters()))
        self._dtype = next(dtype for dtype, name in names.items() if name == stored)
        # With 32-bit weights, the precision is the one that was requested.
        self.stored_precision = "" if stored == "fp32" else stored

    def _run(self, planes: np.ndarray) -> np.ndarray:
        import torch

        restored = self.network(torch.from_numpy(planes).to(self._device, self._dtype))
        if isinstance(restored, tuple | list):
            restored = restored[self._output]
        array: np.ndarray = restored.float().cpu().numpy()
        return array


class Onnx(ExportedNetwork):
    """An ONNX network for onnxruntime, (N, 3, H, W) float to the same; parameters as of `ExportedNetwork`.

    On a GPU it needs onnxruntime's CUDA provider. A model with a fixed batch size is given that many images at a time;
    a model with a fixed image size is given images padded to that size.
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
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] not in (3, None):
            found = ", ".join(f"{one.name} {one.shape}" for one in inputs) or "none"
            raise InputError(str(path), expected="one input (N, 3, H, W)", found=found, do="export the network alone")
        if self._output >= len(self._session.get_outputs()):
            many = len(self._session.get_outputs())
            raise InputError("option 'output'", expected=f"a number below {many}", found=f"{self._output}")
        self._name, self._half = inputs[0].name, inputs[0].type == "tensor(float16)"
        self.stored_precision = _onnx_precision(path)
        fixed = [side if isinstance(side, int) else None for side in inputs[0].shape]
        self._at_once, self._fixed = fixed[0], (fixed[2], fixed[3])

    def _room(self, height: int, width: int) -> tuple[int, int]:
        room = super()._room(height, width)
        tall, wide = (fixed or side for fixed, side in zip(self._fixed, room, strict=True))
        if height > tall or width > wide:
            raise InputError("image for the ONNX network", expected=f"at most {tall}x{wide}", found=f"{height}x{width}")
        return tall, wide

    def _run(self, planes: np.ndarray) -> np.ndarray:
        step = self._at_once or len(planes)
        parts = []
        for start in range(0, len(planes), step):
            part = planes[start : start + step]
            # A fixed batch is filled up with its last image.
            full = np.concatenate([part, np.repeat(part[-1:], step - len(part), 0)])
            parts.append(self._infer(full.astype(np.float16) if self._half else full)[: len(part)])
        return np.concatenate(parts)

    def _infer(self, planes: np.ndarray) -> np.ndarray:
        try:
            restored = self._session.run(None, {self._name: planes})[self._output]
        except Exception as error:
            # onnxruntime has one type for all its errors: only the text identifies this one.
            if "allocate memory" in str(error).lower() or "out of memory" in str(error).lower():
                raise MemoryError(str(error)) from error
            raise
        return np.asarray(restored, dtype=np.float32)


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


@dataclass(frozen=True)
class ExportedBlock:
    """Keys of a TOML block with ``kind = "torchscript"`` or ``"onnx"``; see `TorchScript` and `Onnx`."""

    kind: str
    path: str
    name: str = ""
    version: str = ""
    sha256: str = ""
    range: str = "0..1"
    channels: str = "rgb"
    multiple: int = 1
    output: int = 0
    smallest: int = 1
    timeout: float | None = None
    batch: int | None = None


def exported(path: Path, *, options: Mapping[str, Any], block: ExportedBlock | None = None) -> Runnable:
    """Return the method in a TorchScript or ONNX file; without `block` the suffix decides.

    Raises
    ------
    InputError
        If the file is missing, is not the one that the block declares, or an option is unknown.
    """
    if not path.is_file():
        raise InputError(f"method '{path}' is neither a registered name nor a file", do="see facedeblur list methods")
    block = block or ExportedBlock("onnx" if path.suffix.lower() == ".onnx" else "torchscript", str(path))
    kind = Onnx if block.kind == "onnx" else TorchScript
    sha = sha256_of(path)
    if block.sha256 and sha != block.sha256.removeprefix("sha256:").lower():
        raise InputError(str(path), expected=block.sha256[:23], found=f"sha256:{sha[:16]}", do="use the declared file")
    usual = defaults(kind) | {key: getattr(block, key) for key in defaults(kind)}
    name = block.name or path.stem
    chosen = read_options(kind, usual | dict(options), name=name)
    weights = {path.name: path} | (_external_data(path) if kind is Onnx else {})
    hashes = {file: sha256_of(place) for file, place in weights.items()}
    spec = Spec(name, block.version, False, tuple(hashes.items()), f"{kind.__name__} file")
    shown = shown_name(name, chosen, usual)
    return Runnable(kind, spec, chosen, shown, weights, hashes, timeout=block.timeout, batch=block.batch)


def _external_data(path: Path) -> dict[str, Path]:
    """The files next to an ONNX file that hold tensors of it, by the names that it has for them.

    Raises
    ------
    InputError
        When the file is not ONNX, or one of the others is missing.
    """
    helper: Any = need("onnx.external_data_helper", "onnx")
    names = {helper.ExternalDataInfo(one).location for one in _tensors(path) if helper.uses_external_data(one)}
    files = {str(name): path.parent / str(name) for name in sorted(names)}
    for file in files.values():
        if not file.is_file():
            raise MissingFile(
                file, expected=f"the file that holds tensors of {path.name}", do="put it next to the ONNX file"
            )
    return files


def _tensors(path: Path) -> list[Any]:
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


def _most_stored(names: Mapping[Any, str], tensors: Iterable[tuple[Any, int]]) -> str:
    """Name of the type in which most values are stored; ``fp32`` without any values.

    Parameters
    ----------
    names : mapping
        Names of the types that count.
    tensors : iterable of (type, int)
        Type and number of values of each tensor.
    """
    counts: Counter[str] = Counter()
    for kind, count in tensors:
        if kind in names:
            counts[names[kind]] += count
    return max(counts, key=lambda name: counts[name], default="fp32")


def _onnx_precision(path: Path) -> str:
    """The precision of most values in an ONNX file."""
    proto: Any = need("onnx", "onnx").TensorProto
    names = {proto.FLOAT: "fp32", proto.FLOAT16: "fp16", proto.BFLOAT16: "bf16", proto.DOUBLE: "fp64"}
    return _most_stored(names, ((one.data_type, math.prod(one.dims)) for one in _tensors(path)))
