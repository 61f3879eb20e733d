"""The weights of Shen et al. 2018 as MATLAB files, read into our network.

The authors' ``main_deblur18.m`` loads two files with one variable each: ``net_P``, a 1x12 struct array of the face
parser, and ``net_G``, a 1x33 one of the deblurring network. Their test code names the fields: ``w`` and ``b`` of a
convolution, ``bw`` and ``bb`` of the normalisation behind it, ``upw`` and ``upb`` of the transposed convolution
before it. MatConvNet has filters as (height, width, in, out), those of a transposed convolution as (height, width,
out, in), and correlates, as torch does. The files themselves are not public any more: what is known is how they are
read. (Their code divides 8-bit values by 256, ours by 255.)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.files.mat import load_mat
from facedeblur.benchmark.files.schema import reading

Layer = dict[str, np.ndarray]
PARSER_LAYERS = 12
ENCODER = 6


def shen_state(parser: Path, deblurring: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Configuration and state of `facedeblur.methods.nets.shen.shen2018.Shen2018` from the two files.

    Width, classes and the number of residual blocks follow from the arrays. The normalisation has no moments in
    the files; the network goes by those of each image.

    Raises
    ------
    InputError
        When a file cannot be read, has another variable, or a layer lacks a field.
    """
    p, g = read_layers(parser, "net_P"), read_layers(deblurring, "net_G")
    blocks, rest = divmod(len(g) - 13, 4)
    if len(p) != PARSER_LAYERS:
        raise InputError(str(parser), expected=f"{PARSER_LAYERS} layers", found=f"{len(p)}")
    if rest or blocks < 1:
        raise InputError(str(deblurring), expected="33 layers, or 13 and 4 for each residual block", found=f"{len(g)}")
    state: dict[str, Tensor] = {}

    def put(name: str, file: Path, at: int, layer: Layer, fields: tuple[str, str]) -> None:
        for part, field in zip(("weight", "bias"), fields, strict=True):
            array = layer.get(field)
            if array is None or not array.size or array.dtype.kind != "f":
                raise InputError(
                    str(file), expected=f"numbers in field '{field}' of layer {at + 1}", found="none",
                    do="save it in MATLAB from plain single arrays (gather)",
                )  # fmt: skip
            filters = array.ndim == 4
            flat = array.transpose(3, 2, 0, 1) if filters else array.ravel()
            state[f"{name}.{part}"] = torch.from_numpy(np.ascontiguousarray(flat, dtype=np.float32))

    for at, layer in enumerate(p[:-1]):
        decoding = at - ENCODER
        unit = f"parser.encoder.{at}" if decoding < 0 else f"parser.decoder.{decoding}"
        if decoding >= 0:
            put(f"parser.ups.{decoding}", parser, at, layer, ("upw", "upb"))
        put(f"{unit}.0", parser, at, layer, ("w", "b"))
        put(f"{unit}.1", parser, at, layer, ("bw", "bb"))
        channels = state[f"{unit}.1.weight"].shape
        state |= {f"{unit}.1.running_mean": torch.zeros(channels), f"{unit}.1.running_var": torch.ones(channels)}
    put("parser.classify", parser, PARSER_LAYERS - 1, p[-1], ("w", "b"))
    one = [*(f"head.{i}" for i in range(3)), *(f"blocks.{i}.{j}" for i in range(blocks) for j in (0, 2))]
    one += ["tail.0", "tail.1", "last"]
    names = [*(f"deblur.small.{name}" for name in one), "deblur.up", *(f"deblur.large.{name}" for name in one)]
    for at, (name, layer) in enumerate(zip(names, g, strict=True)):
        put(name, deblurring, at, layer, ("w", "b"))
    config = {
        "classes": len(state["parser.classify.bias"]),
        "parser_width": len(state["parser.encoder.0.0.bias"]),
        "width": len(state["deblur.small.head.0.bias"]),
        "resblocks": blocks,
    }
    return config, state


def read_layers(path: Path, variable: str) -> list[Layer]:
    """Read a struct array of MATLAB (any version of MAT files), one mapping of field to array per element.

    Parameters
    ----------
    path : Path
    variable : str

    Returns
    -------
    list of dict
        Arrays in MATLAB's order of axes; an empty field is an array without elements.

    Raises
    ------
    InputError
        When it is no MAT file, lacks the variable, or has something else in it.
    """
    loaded = load_mat(path, expected="a MAT file", do="download it again", variable_names=[variable])
    if loaded is None:
        return _read_hdf5(path, variable)
    array = loaded.get(variable)
    if not isinstance(array, np.ndarray) or array.dtype.names is None:
        raise _another(path, variable, "no struct array of that name")
    return [{field: np.asarray(element[field]) for field in array.dtype.names} for element in array.ravel()]


def _read_hdf5(path: Path, variable: str) -> list[Layer]:
    h5py = need("h5py", "io")
    with reading(path, f"a struct array '{variable}'", do="download it again"), h5py.File(path, "r") as file:
        group = file.get(variable)
        if not isinstance(group, h5py.Group):
            raise _another(path, variable, f"{', '.join(name for name in file if name[0] != '#') or 'nothing'}")
        layers: list[Layer] = []
        for field, references in group.items():
            # One reference per element; axes of arrays are in reverse.
            for at, reference in enumerate(np.asarray(references).ravel()):
                layers += [{}] * (at + 1 - len(layers))
                stored = file[reference]
                array = np.zeros(0) if stored.attrs.get("MATLAB_empty") else np.asarray(stored).T
                layers[at] = layers[at] | {field: array}
        return layers


def _another(path: Path, variable: str, found: str) -> InputError:
    return InputError(str(path), expected=f"the struct array '{variable}'", found=found, do="download it again")
