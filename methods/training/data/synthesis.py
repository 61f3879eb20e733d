"""Sketches drawn by a network: a sketch synthesiser, trained on pairs of photograph and sketch, draws other faces.

Lin et al., AAAI 2020, section Experiments, have few sketches by artists and let the network of Chen et al. 2018 draw
the sharp faces of their training set. Here a training that sees sharp faces and stops after their sketches makes such a
network: the recipe ``lin2020-sketches``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.weights import sha256_of
from facedeblur.generators.pairs.sketches import sketch_file, write_sketch
from facedeblur.generators.pairs.virtual import VirtualPairs
from facedeblur.methods.nets.loading import header_of, load_parts, remark_on
from facedeblur.methods.nets.tiles import mirror, whole_side

RECIPE = "lin2020-sketches"


def check_synthesiser(weights: str | Path) -> str:
    """Check that weights are of a network that draws sharp faces, without reading them; return the network's name.

    Raises
    ------
    InputError
        When the file is missing or damaged, or its training saw blurred faces or drew no sketches.
    """
    header = header_of([Path(weights)])
    if (header.input, header.until) != ("sharp", "sketch"):
        raise InputError(
            str(weights), expected="weights of a network that draws sketches of sharp faces",
            found=f"weights of '{header.network}' for {header.input} faces, stage '{header.stage}'",
            do=f"train one: facedeblur train {RECIPE} --sketches FOLDER",
        )  # fmt: skip
    return header.network


def load_synthesiser(weights: str | Path) -> nn.Module:
    """Load a network that draws sharp faces, from the weights that its training exported.

    Raises
    ------
    InputError
        As `check_synthesiser`, or when the weights do not fit the network.
    """
    return load_parts(check_synthesiser(weights), [Path(weights)])[0]


@torch.no_grad()
def draw(net: nn.Module, face: np.ndarray, device: torch.device) -> np.ndarray:
    """Draw a face, (H, W, 3) uint8 RGB, as (H, W) uint8, 255 is paper."""
    height, width = face.shape[:2]
    multiple = int(getattr(net, "multiple", 1))
    images = torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1)))[None].to(device).float().div_(255)
    images = mirror(images, *(whole_side(side, multiple=multiple) for side in (height, width)))
    outputs_of = net.outputs
    sketch: torch.Tensor = outputs_of(images, until="sketch")["sketch"]  # type: ignore[operator]
    whole = sketch[0, 0, :height, :width].float().clamp(0, 1).mul(255).add(0.5).to(torch.uint8)
    return np.asarray(whole.cpu().numpy())


def draw_missing(
    pairs: VirtualPairs, weights: Path, workspace: Path, *, device: torch.device, reporter: Reporter = SILENT
) -> dict[str, Path]:
    """Draw every face that has no sketch, with its surroundings, into files of a folder; those that are there are kept.

    Parameters
    ----------
    pairs : VirtualPairs
    weights : Path
        See `load_synthesiser`.
    workspace : Path
        Folder of the sketches.
    device : torch.device
        Where the network draws.
    reporter : Reporter
        Gets the progress.

    Returns
    -------
    dict
        ``image_id`` -> file, of the faces without a sketch.
    """
    net = load_synthesiser(weights).to(device)
    if not header_of([weights]).finished:
        reporter.say(f"sketches are drawn by {remark_on([weights])}")
    files: dict[str, Path] = {}
    for number, face in enumerate(pairs.source.faces):
        if face.image_id not in pairs.sketch_files:
            pixels = pairs.source.read(number)
            made_from = [sha256_of(weights), pixel_hash(pixels)]
            file = sketch_file(workspace, face.image_id, made_from)
            if not file.is_file():
                write_sketch(workspace, face.image_id, made_from, draw(net, pixels, device))
            files[face.image_id] = file
        reporter.progress("drawing sketches", number + 1, len(pairs.source.faces))
    return files
