"""Tensors in files: safetensors, which training writes with a header, and the torch files that users bring."""

from __future__ import annotations

import json
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError, MissingFile, need, shorten
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.schema import decode_json

if TYPE_CHECKING:
    import torch

HEADER = "facedeblur"
"""Key of the metadata under which a safetensors file holds its header."""

COUNTER = ".num_batches_tracked"
"""Batch normalisation counts its batches in these; inference does not need them and old files lack them."""

INSIDE = ("state_dict", "model")
"""Under which keys checkpoints keep their state dict."""


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a state dict.

    Nothing but tensors is unpickled. A checkpoint that keeps its state dict under ``state_dict`` or ``model`` and
    names that begin with ``module.`` (saved from several GPUs at once) are taken as well. Tensors of
    a file in torch's present format are read when they are first used, so the parts of a large file that
    are not needed cost nothing.

    Parameters
    ----------
    path : path
        A ``.safetensors`` file, or one of torch's (any other ending).

    Returns
    -------
    dict of str to torch.Tensor
        On the processor, in the precision of the file.

    Raises
    ------
    InputError
        When it is no such file.
    """
    if str(path).endswith(".safetensors"):
        state: Any = _safetensors(path)
    else:
        state = read_torch(path)
    inside = [state.get(key) for key in INSIDE] if isinstance(state, Mapping) else []
    state = next((inner for inner in inside if isinstance(inner, Mapping)), state)
    if not isinstance(state, Mapping) or not state or not all(hasattr(value, "shape") for value in state.values()):
        raise InputError(str(path), expected="a state dict", found=type(state).__name__, do="download it again")
    prefix = "module." if all(key.startswith("module.") for key in state) else ""
    return {key.removeprefix(prefix): value for key, value in state.items()}


def read_torch(path: str | Path) -> Any:
    """Read a file that torch has saved, if it contains only tensors in containers.

    Raises
    ------
    InputError
        When it is no such file.
    """
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (RuntimeError, ValueError, pickle.UnpicklingError, EOFError, OSError) as error:
        raise _unreadable(path, "a torch file of tensors", error) from error


def _safetensors(path: str | Path) -> dict[str, torch.Tensor]:
    safetensors = need("safetensors", "train")
    try:
        state: dict[str, torch.Tensor] = need("safetensors.torch", "train").load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise _unreadable(path, "a safetensors file", error) from error
    return state


def _unreadable(path: str | Path, expected: str, error: Exception) -> InputError:
    return InputError(str(path), expected=expected, found=shorten(str(error)), do="download it again")


def write_tensors(path: str | Path, tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a header, stored as JSON, to a safetensors file, atomically."""
    save = need("safetensors.torch", "train").save_file
    # Cloned: tensors that share memory are refused.
    whole = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}
    with replacing(path) as temporary:
        try:
            save(whole, temporary, metadata={HEADER: json.dumps(dict(header))})
        except need("safetensors", "train").SafetensorError as error:
            # It tells of a full disk in words only.
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def read_header(path: str | Path) -> dict[str, Any]:
    """Return the header of a safetensors file as `read_tensors` does, without its tensors; same errors."""
    return _opened(path, "np", lambda file: {})[1]


def read_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors and the header of a safetensors file; the header is empty unless `write_tensors` wrote it.

    Raises
    ------
    InputError
        If the file is missing, truncated, or not in that format.
    """
    return _opened(path, "pt", lambda file: {key: file.get_tensor(key) for key in list(file.keys())})


def _opened(
    path: str | Path, framework: str, read: Callable[[Any], dict[str, torch.Tensor]]
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    if not Path(path).is_file():
        raise MissingFile(path, expected="a safetensors file", do="check the path")
    safe = need("safetensors", "train")
    try:
        with safe.safe_open(str(path), framework=framework) as file:
            text = (file.metadata() or {}).get(HEADER, "{}")
            header = decode_json(text, dict[str, Any], f"{path}: header", "the header of weights")
            return read(file), header
    except InputError:
        raise
    except Exception as error:  # safetensors and torch raise what they like on damaged files
        raise InputError(str(path), f"damaged safetensors file ({error})", do="use another checkpoint") from error


def load_exactly(
    network: torch.nn.Module, state: Mapping[str, torch.Tensor], what: str, do: str, *, counters: bool = False
) -> None:
    """Load weights into a network; names and shapes must match exactly.

    Parameters
    ----------
    network : torch.nn.Module
    state : mapping of str to torch.Tensor
        Under the network's own names.
    what, do : str
        What the weights are and what the user does when they are others, for the error line.
    counters : bool
        Load the counters of batch normalisation too, which resuming a training needs; otherwise they may be absent.

    Raises
    ------
    InputError
        When a tensor is missing, left over or of another shape; the line names the first.
    """
    wanted, given = (
        {key: value for key, value in tensors.items() if counters or not key.endswith(COUNTER)}
        for tensors in (network.state_dict(), state)
    )
    for key in [*wanted, *given]:
        if key not in given:
            found = f"no '{key}'"
        elif key not in wanted:
            found = f"'{key}' as well"
        elif given[key].shape != wanted[key].shape:
            found = f"'{key}' of shape {tuple(given[key].shape)} instead of {tuple(wanted[key].shape)}"
        else:
            continue
        raise InputError(what, expected=f"the {len(wanted)} tensors of its layout", found=found, do=do)
    network.load_state_dict(given, strict=False)
