"""Export networks as ONNX, TorchScript or torch.export files, which are kept if they give the same as the network."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError, need, said_by, shorten
from facedeblur.benchmark.files.atomic import write_bytes, write_text
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.weights import sha256_of
from facedeblur.methods.base import Spec
from facedeblur.methods.nets.loading import find_files, load_network, remark_on
from facedeblur.methods.weight_cards.facts import BY_NAME, facts_of

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST = 1e-3
"""Largest difference from torch, for values in [0, 1], at which a file is kept."""

OPSET = 17
SIDE = 128
FORMATS = {".onnx": "onnx", ".ts": "torchscript", ".pt2": "pt2"}
"""Ending of a file -> its kind, as in TOML blocks."""

# Axes of input and output that may vary, by name; the most flexible choice is tried first.
_AXES: tuple[dict[int, str], ...] = ({0: "images", 2: "height", 3: "width"}, {0: "images"}, {})


@dataclass(frozen=True)
class Exported:
    """An exported network.

    Attributes
    ----------
    path, block : Path
        The file, and the TOML file by which ``facedeblur run`` takes it as a method.
    free : tuple of str
        Which of ``images``, ``height`` and ``width`` may vary (the latter two in multiples of the network's).
    side : int
        Height and width of the example, and of every image if they may not vary.
    difference : float
        Largest observed difference from torch.
    remark : str
        How far the training of the weights got, if not to its end.
    """

    path: Path
    block: Path
    free: tuple[str, ...]
    side: int
    difference: float
    remark: str = ""


def export_network(
    name: str, out: str | Path, *, weights: str | Path | None = None, size: int = SIDE, opset: int = OPSET
) -> Exported:
    """Write a network of `nets` with its weights as ONNX, TorchScript or torch.export file, and a TOML block.

    Input ``blurred`` and output ``restored`` are (N, 3, H, W) float32 RGB in [0, 1]. Number, height and width may
    vary if the network allows it; otherwise they are fixed to one image and `size`. The file is run on noise, of two
    sizes if sizes may vary, and compared with the network.

    Parameters
    ----------
    name : str
        A key of ``NETS``.
    out : path
        Ends in ``.onnx``, ``.ts`` or ``.pt2``; the block gets the same name with ``.toml``.
    weights : path, optional
        Folder or file, as for ``facedeblur run``.
    size : int
        Height and width of the example, raised to what the network takes.
    opset : int
        Version of ONNX's operators; other formats have none.

    Raises
    ------
    InputError
        For an unknown network, missing or wrong weights, a network that the format cannot express, or a file whose
        result differs from the network's by more than `MOST`.
    """
    from facedeblur.methods.nets.base import NETS
    from facedeblur.methods.nets.tiles import whole_side

    out = Path(out)
    kind = FORMATS.get(out.suffix.lower())
    if kind is None:
        raise InputError(f"output '{out}'", expected="a name that ends in .onnx, .ts or .pt2", do="rename it")
    if kind == "onnx":
        need("onnx", "onnx")
        need("onnxruntime", "onnx")
    NETS.get(name)
    paths = find_files(name, [Path(weights)] if weights is not None else [])
    net = load_network(name, paths)
    multiple, smallest = int(net.multiple), int(getattr(net, "smallest", 1))  # type: ignore[arg-type]
    side = whole_side(size, multiple=multiple, smallest=smallest)
    other = whole_side(side + 1, multiple=multiple)
    if kind == "onnx":
        _refuse_fourier(net, name, side)
    reasons: list[InputError] = []
    # A TorchScript file cannot say that its sizes are fixed.
    for axes in _AXES[:1] if kind == "torchscript" else _AXES:
        shapes = [(1, side, side)]
        shapes += [(2, side, other)] if 2 in axes else [(2, side, side)] if axes else []
        try:
            model = _exported(kind, net, name, side, axes, opset)
            difference = _difference(kind, net, name, model, shapes)
        except InputError as error:
            reasons.append(error)
            continue
        with only_writer(out):
            write_bytes(out, model)
            block = _write_block(out, kind, name, paths, net)
        return Exported(out, block, tuple(axes.values()), side, difference, remark_on(paths))
    raise reasons[0]


def _exported(kind: str, net: nn.Module, name: str, side: int, axes: dict[int, str], opset: int) -> bytes:
    """Return the network as the bytes of a file, in which the axes may vary.

    Raises
    ------
    InputError
        If the format cannot express it.
    """
    if kind == "onnx":
        return _traced(net, name, side, axes, opset)
    write = _write_script if kind == "torchscript" else _write_program
    said = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            warnings.simplefilter("ignore")
            return write(net, side, axes)
    except Exception as error:  # torch raises kinds of its own, and what the network's own code raises
        raise InputError(
            f"network '{name}' cannot be exported as {kind}: {said_by(error)}", do="run it by name"
        ) from error


def _write_script(net: nn.Module, side: int, axes: dict[int, str]) -> bytes:
    import torch

    with torch.no_grad():
        script: Any = torch.jit.trace(net, _example(side), check_trace=False)
    stream = io.BytesIO()
    torch.jit.save(script, stream)
    return stream.getvalue()


def _write_program(net: nn.Module, side: int, axes: dict[int, str]) -> bytes:
    import torch
    from torch.export import Dim

    multiple, smallest = int(net.multiple), int(getattr(net, "smallest", 1))  # type: ignore[arg-type]
    free: dict[int, Any] = {}
    for axis, word in axes.items():
        if axis == 0:
            free[axis] = Dim(word, min=1, max=4096)
        else:
            steps = Dim(f"{word}_", min=max(2, -(-smallest // multiple)), max=2**16 // multiple)
            free[axis] = multiple * steps if multiple > 1 else steps
    # torch takes a number of the example that is 1 for fixed.
    example = _example(side).repeat(2 if axes else 1, 1, 1, 1)
    if 2 in axes:
        example = torch.nn.functional.pad(example, (0, 2 * multiple, 0, multiple))
    with torch.no_grad():
        program = torch.export.export(net, (example,), dynamic_shapes=(free,) if free else None)
    stream = io.BytesIO()
    torch.export.save(program, stream)
    return stream.getvalue()


def _example(side: int) -> Tensor:
    import torch

    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def _refuse_fourier(net: nn.Module, name: str, side: int) -> None:
    """Refuse complex transforms before the exporter does, which would print the whole network."""
    import torch

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        graph = torch.jit.trace(net, _example(side), check_trace=False).inlined_graph
    if any(node.kind().startswith("aten::fft_") for node in graph.nodes()):
        raise InputError(f"network '{name}' cannot be exported: ONNX has no Fourier transforms", do="run it with torch")


def _traced(net: nn.Module, name: str, side: int, axes: dict[int, str], opset: int) -> bytes:
    """Return the network as the bytes of an ONNX file.

    Raises
    ------
    InputError
        If it uses an operator that ONNX lacks.
    """
    import torch

    said = io.StringIO()
    options: dict[str, Any] = {"opset_version": opset, "input_names": ["blurred"], "output_names": ["restored"]}
    options["dynamic_axes"] = dict.fromkeys(("blurred", "restored"), axes) if axes else None
    # By tracing: the exporter that newer versions of torch prefer needs more packages and is not in torch 2.2.
    options |= {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    try:
        # The exporter warns of problems that the comparison with torch would reveal.
        with (
            tempfile.TemporaryDirectory() as room,
            warnings.catch_warnings(),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            warnings.simplefilter("ignore")
            torch.onnx.export(net, (_example(side),), f"{room}/net.onnx", **options)
            return Path(room, "net.onnx").read_bytes()
    except Exception as error:  # torch.onnx raises kinds of its own, and what the network's own code raises
        why = shorten(str(error))
        raise InputError(
            f"network '{name}' cannot be exported as ONNX: {type(error).__name__}: {why}", do="run it with torch"
        ) from error  # fmt: skip


def _difference(
    kind: str, net: nn.Module, name: str, model: bytes, shapes: Sequence[tuple[int, int, int]]
) -> float:  # fmt: skip
    """Largest difference between a file and the network for noise of shapes (N, H, W).

    Raises
    ------
    InputError
        When the file cannot be read or refuses a shape, or the difference is over `MOST`.
    """
    import torch

    largest = 0.0
    for number, height, width in shapes:
        noise = np.random.default_rng(height + width).random((number, 3, height, width), dtype=np.float32)
        with torch.no_grad():
            wanted = net(torch.from_numpy(noise)).numpy()
            try:
                found = _run_file(kind, model, noise)
            except Exception as error:  # onnxruntime and torch raise kinds of their own
                raise InputError(
                    f"network '{name}' as {kind} does not run: {said_by(error)}", do="run it by name"
                ) from error
        off = float(np.abs(found - wanted).max()) if found.shape == wanted.shape else float("inf")
        largest = max(largest, off)
        if not off <= MOST:
            raise InputError(
                f"network '{name}' as {kind}", expected=f"results within {MOST:g} of torch's",
                found=f"a difference of {off:.3g} for {number}x{height}x{width}", do="run it by name",
            )  # fmt: skip
    return largest


def _run_file(kind: str, model: bytes, images: np.ndarray) -> np.ndarray:
    """Result of an exported network for (N, 3, H, W)."""
    import torch

    found: np.ndarray
    if kind == "onnx":
        ort: Any = need("onnxruntime", "onnx")
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        found = session.run(None, {"blurred": images})[0]
        return found
    stream = io.BytesIO(model)
    network: Any = torch.jit.load(stream) if kind == "torchscript" else torch.export.load(stream).module()
    found = network(torch.from_numpy(images)).detach().numpy()
    return found


def _write_block(out: Path, kind: str, name: str, paths: Sequence[Path], net: nn.Module) -> Path:
    """Write the TOML block of an exported network."""
    block = out.with_suffix(".toml")
    digest = "+".join(sha256_of(path)[:8] for path in paths)
    lines: dict[str, Any] = {
        "kind": kind, "path": out.name, "name": f"{name}-{kind}", "version": f"weights {digest}",
        "sha256": f"sha256:{sha256_of(out)}", "multiple": int(net.multiple),  # type: ignore[arg-type]
        "smallest": int(getattr(net, "smallest", 1)),
    }  # fmt: skip
    hashes = {path.name: sha256_of(path) for path in paths}
    facts = facts_of(Spec(name, "", False, (), ""), {path.name: path for path in paths}, hashes)
    # What a file's name alone tells would read as if it were known.
    if BY_NAME not in facts.told_by.split(", "):
        told = {"trained_on": list(facts.trained_on), "licence": facts.licence}
        lines |= {key: value for key, value in told.items() if value}
    write_text(block, "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items()))
    return block
