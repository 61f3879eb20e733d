"""What kind of network a file holds, told by its content, and what to do with files that hold none."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.contents import kind_of
from facedeblur.benchmark.files.state_dict import read_header, read_torch
from facedeblur.benchmark.words import many
from facedeblur.methods.kinds.state_file import DEBLURRING, FACES, architecture_of, read_state_dict

KINDS = {
    "torchscript": "a TorchScript file",
    "pt2": "a file of torch.export",
    "onnx": "an ONNX file",
    "state": "a state dict",
}

_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_SCRIPT = "torch.jit.script(net.eval()).save('net.ts')"
_OTHERS = (
    (0, b"\x89HDF", "an HDF5 file, such as Keras writes", "export the network to ONNX (tf2onnx)"),
    (4, b"TFL3", "a TensorFlow Lite file", "convert it to ONNX (tf2onnx --tflite)"),
)


def kind_of_network(path: Path) -> str:
    """Return the key of `KINDS` for the network in a file.

    Raises
    ------
    InputError
        If it holds none that can be run as it is: the line says what it is, and what to do.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if zipfile.is_zipfile(path):
        kind = _kind_of_archive(path)
        if kind:
            return kind
    elif head.startswith(_OLD_TORCH):
        return _kind_of_saved(path, list(_classes(path.read_bytes())))
    elif path.suffix.lower() == ".safetensors":
        own = str(read_header(path).get("network", ""))
        if not own and architecture_of(read_state_dict(path)):
            return "state"
        raise InputError(
            f"{path}: this is weights without their network",
            do=f"run the network with them: facedeblur run {own or 'NETWORK'} SET --weights {path.name}",
        )  # fmt: skip
    # An ONNX file begins with its version, a field of protobuf.
    elif path.suffix.lower() == ".onnx" or (head[:1] == b"\x08" and b"\x12" in head[:8]):
        return "onnx"
    for start, magic, name, do in _OTHERS:
        if head[start : start + len(magic)] == magic:
            raise InputError(f"{path}: this is {name}", do=do)
    raise InputError(
        str(path), expected="a network: TorchScript (.ts), torch.export (.pt2) or ONNX", found=kind_of(head),
        do=f"export the network, for instance with {_SCRIPT}",
    )  # fmt: skip


def _kind_of_archive(path: Path) -> str:
    """The kind of a network in a ZIP archive; empty if it is none of torch's."""
    with zipfile.ZipFile(path) as archive:
        names = [name.partition("/")[2] for name in archive.namelist()]
        if "constants.pkl" in names:
            return "torchscript"
        if "archive_format" in names or "serialized_exported_program.json" in archive.namelist():
            return "pt2"
        if "data.pkl" in names:
            inside = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            return _kind_of_saved(path, list(_classes(archive.read(inside))))
        if "model.weights.h5" in archive.namelist():
            raise InputError(f"{path}: this is a Keras file", do="export the network to ONNX (tf2onnx)")
    return ""


def _kind_of_saved(path: Path, classes: list[str]) -> str:
    """The kind of what ``torch.save`` has written: weights of a known network.

    Raises
    ------
    InputError
        For a network with its class, or weights of an unknown network.
    """
    do = f"load it into the network in Python and save that with {_SCRIPT}"
    if find_spec("spandrel") is None:
        do += f"; pip install 'facedeblur[nets]' runs the weights of {', '.join((*DEBLURRING, *FACES))}"
    try:
        found = read_torch(path)
    except InputError as error:
        usual = ("torch", "collections", "numpy", "builtins", "__builtin__")
        foreign = [name for name in classes if name.partition(".")[0] not in usual]
        named = next(iter(foreign), "") or next((name for name in classes if name.startswith("torch.nn.modules")), "")
        if named:
            raise InputError(
                f"{path}: this is a pickled Python object of class {named}, which only its own code can load",
                do=f"load it in Python where that code is, and save the network with {_SCRIPT}",
            ) from error
        raise
    if isinstance(found, Mapping) and architecture_of(read_state_dict(path)):
        return "state"
    if hasattr(found, "shape"):
        raise InputError(f"{path}: this is a single tensor, not a network", do="give the file of a network")
    if isinstance(found, Mapping) and found and all(hasattr(value, "shape") for value in found.values()):
        inside = f"{many(len(found), 'tensor')}, '{next(iter(found))}' first"
        raise InputError(f"{path}: this is a state dict ({inside}), the weights of a network without its code", do=do)
    if isinstance(found, Mapping):
        keys = ", ".join(map(str, list(found)[:6])) or "nothing"
        raise InputError(f"{path}: this is a checkpoint with {keys}, without the code of its network", do=do)
    raise InputError(f"{path}: this is a saved {type(found).__name__}, not a network", do="give the file of a network")


def _classes(data: bytes) -> Iterator[str]:
    """Yield the names that pickles refer to, without running them."""
    while data:
        texts: list[Any] = []
        end = len(data)
        try:
            for code, argument, place in pickletools.genops(data):
                if code.name == "GLOBAL":
                    yield str(argument).replace(" ", ".")
                elif code.name == "STACK_GLOBAL" and len(texts) > 1:
                    yield f"{texts[-2]}.{texts[-1]}"
                elif isinstance(argument, str):
                    texts.append(argument)
                if code.name == "STOP":
                    end = (place or 0) + 1
        except ValueError:
            return  # behind the last pickle are the values of tensors
        data = data[end:]
