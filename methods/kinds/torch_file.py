"""TorchScript files and those of ``torch.export`` (``.pt2``) as methods."""

from __future__ import annotations

import inspect
import json
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, said_by
from facedeblur.methods.kinds.exported_base import ExportedNetwork, flattened

PRECISIONS = ("float32", "float16", "bfloat16", "float64")
_SHORT = dict(zip(PRECISIONS, ("fp32", "fp16", "bf16", "fp64"), strict=True))


class _TorchFile(ExportedNetwork):
    """What both kinds share: torch's tensors in and out, in the type of the network."""

    network: Any = None
    _device = "cpu"

    def _run(self, planes: np.ndarray) -> dict[str, np.ndarray]:
        import torch

        restored = self.network(torch.from_numpy(planes).to(self._device, self._dtype))
        return {name: tensor.detach().float().cpu().numpy() for name, tensor in flattened(restored).items()}

    def _told_precision(self, stored: str) -> None:
        import torch

        self._dtype = getattr(torch, next(name for name, short in _SHORT.items() if short == stored))
        # With 32-bit weights, the precision is the one that was requested.
        self.stored_precision = "" if stored == "fp32" else stored


class TorchScript(_TorchFile):
    """A TorchScript network: (N, 3, H, W) of floats to the same; parameters as of `ExportedNetwork`."""

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
                str(path), expected="a TorchScript file (torch.jit.save)", found=said_by(error),
                do="export the network with torch.jit.script or torch.jit.trace",
            ) from error  # fmt: skip
        self._device = device
        self._told_precision(most_stored((_short(one.dtype), one.numel()) for one in self.network.parameters()))


class ExportedProgram(_TorchFile):
    """A network of ``torch.export.save``: (N, 3, H, W) of floats to the same; parameters as of `ExportedNetwork`.

    What the file fixes when it is exported for one size or number of images is kept to, as for ONNX. Nothing is
    unpickled but tensors, and a file whose graph names anything but operators is refused.
    """

    def load(self, device: str, weights: Mapping[str, Path]) -> None:
        """Load the file of `weights` on `device`.

        Raises
        ------
        InputError
            If it is not such a file, was exported in training mode, takes more than one image, or names code.
        """
        import torch

        (path,) = weights.values()
        check_program(path)
        with _tensors_only():
            try:
                program: Any = torch.export.load(str(path))
            except Exception as error:  # it raises what it likes
                raise InputError(
                    str(path), expected=f"a file of torch.export.save that torch {torch.__version__} reads",
                    found=said_by(error), do="export it again with this version of torch",
                ) from error  # fmt: skip
        values = [node.meta["val"] for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
        if len(values) != 1 or values[0].dim() != 4 or int(values[0].shape[1]) != 3:
            shapes = ", ".join(str(tuple(getattr(one, "shape", ()))) for one in values) or "none"
            raise InputError(str(path), expected="one input (N, 3, H, W)", found=shapes, do="export the network alone")
        if program.graph_signature.buffers_to_mutate or _trains(program.graph):
            raise InputError(
                f"{path}: the network was exported in training mode", do="call net.eval() and export again"
            )
        if device != "cpu":
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(program, device)
        checked = "check_guards" in inspect.signature(program.module).parameters
        # Guards are made by executing text of the file; sizes are compared here instead.
        self.network = program.module(**{"check_guards": False} if checked else {})
        self._device = device
        fixed = [side if isinstance(side, int) else None for side in values[0].shape]
        self._at_once, self._fixed = fixed[0], (fixed[2], fixed[3])
        self._told_precision(_short(values[0].dtype) or "fp32")


def _trains(graph: Any) -> bool:
    """Whether an operator of a graph does what it does in training, as batch normalisation and dropout."""
    for node in graph.nodes:
        arguments = getattr(getattr(node.target, "_schema", None), "arguments", ())
        given = dict(zip((one.name for one in arguments), node.args, strict=False)) | dict(node.kwargs)
        if given.get("training") is True or given.get("train") is True:
            return True
    return False


def most_stored(tensors: Iterable[tuple[str, int]]) -> str:
    """Name of the precision in which most values are stored; ``fp32`` without any values.

    Parameters
    ----------
    tensors : iterable of (str, int)
        Precision (empty: it does not count) and number of values of each tensor.
    """
    counts: Counter[str] = Counter()
    for kind, count in tensors:
        if kind:
            counts[kind] += count
    return max(counts, key=lambda name: counts[name], default="fp32")


def _short(dtype: Any) -> str:
    return _SHORT.get(str(dtype).removeprefix("torch."), "")


# What a graph may call: operators of tensors, and arithmetic of sizes.
_OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|prim|quantized|quantized_decomposed|torchvision|higher_order)\.\w+(\.\w+)?"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|pow|eq|ne|lt|le|gt|ge|and_|or_|not_)"
    r"|math\.(ceil|floor|trunc|sqrt)|torch\.sym_\w+|torch\.sym_\w+"
)
# Sizes as text: numbers, names of sizes, and functions of sympy and torch that compute sizes; torch evaluates it.
_EXPRESSION = re.compile(
    r"(\s|[-+*/%(),<>=!&|~]|\d+(\.\d+)?(e[-+]?\d+)?|(s|u|f|z|zuf|us)\d+"
    r"|Max|Min|Mod|PythonMod|ModularIndexing|FloorDiv|CeilDiv|CleanDiv|IntTrueDiv|FloatTrueDiv|floor|ceiling|sqrt|Abs"
    r"|Eq|Ne|Gt|Ge|Lt|Le|Unequality|Equality|ToFloat|TruncToInt|RoundToInt|CeilToInt|FloorToInt|Identity|int_oo|oo"
    r"|Symbol\('[a-z]+\d*'|Integer|Rational|Float|Add|Mul|Pow|positive|integer|nonnegative|True|False)*"
)


def check_program(path: Path) -> None:
    """Refuse a file of ``torch.export`` that would run more than operators of tensors.

    Reading such a file, torch evaluates the sizes in it, which are text, and looks operators up by their names.

    Raises
    ------
    InputError
        If it is damaged, is compiled code, or names something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            described = [json.loads(archive.read(name)) for name in names if name.endswith(".json")]
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise InputError(str(path), expected="a file of torch.export.save", found=said_by(error)) from error
    if any(name.endswith((".so", ".cpp", ".cubin")) for name in names):
        raise InputError(f"{path}: this is compiled code (AOTInductor)", do="save the network with torch.export.save")
    for key, text in (pair for one in described for pair in _texts(one)):
        allowed = {"target": _OPERATORS, "expr_str": _EXPRESSION}.get(key)
        if allowed is not None and not allowed.fullmatch(text):
            raise InputError(
                f"{path}: the file names '{text[:80]}', which is not an operator of tensors", do="do not run it"
            )


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text in JSON that is a value of a key, with the key; a target is one of nodes of the graph only."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str):
                # Inputs and outputs of the signature have targets, too: names of their weights.
                if key != "target" or "inputs" in value:
                    yield key, inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


@contextmanager
def _tensors_only() -> Iterator[None]:
    """Have ``torch.load`` unpickle tensors only, whoever calls it: ``torch.export.load`` asks for more."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
