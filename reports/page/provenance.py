"""What a reader needs to know of the numbers: definitions in words, hashes, versions.

The command lines that lead from photographs to a report; words in capitals are the reader's own paths.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scoring.protocol import load_protocol, protocols
from facedeblur.benchmark.scoring.table import Column
from facedeblur.generators.recipe import load_recipe, recipes
from facedeblur.generators.video.spec import FrameSpec
from facedeblur.methods.base import METHODS
from facedeblur.reports.leaderboard.board import Board, MethodScores
from facedeblur.reports.tables.measured import find
from facedeblur.reports.text import plain

_FAMILIES = {
    "psnr": "peak signal-to-noise ratio of 8-bit images, 10 log₁₀(peak² / mean squared error), averaged in dB",
    "ssim": "structural similarity of 8-bit images with K = (0.01, 0.03), L = 255",
    "detection": "share of restored images in which the detector finds a face",
    "identity": "distance between the embeddings of the restored and the sharp face",
    "dvgg": "distance between the features of the restored and the sharp face in a VGG network",
    "lpips": "learned perceptual distance between the restored and the sharp image (Zhang et al., CVPR 2018)",
    "dists": "distance in structure and texture of VGG features (Ding et al., TPAMI 2020)",
    "niqe": "naturalness of the restored image alone, distance from a model of sharp images (Mittal et al., SPL 2013)",
    "landmarks": "mean distance of the landmarks of the restored from those of the sharp face",
    "psnr-class": "PSNR of one semantic class",
    "ssim-class": "SSIM of one semantic class",
    "psnr-shift": "PSNR after the sub-pixel shift that makes the error smallest",
    "ssim-shift": "SSIM after the sub-pixel shift that makes the error smallest",
    "psnr-crop": "PSNR without the image's border",
    "ssim-crop": "SSIM without the image's border",
}
_ARGUMENTS = {
    "rgb": "error over the three RGB channels together",
    "y-limited": "on luma, BT.601 in 16…235, which reads 1.3 to 1.6 dB higher than on RGB",
    "y-full": "on luma, BT.601 in 0…255",
    "255": "peak 255",
    "matlab3d": "as MATLAB's ssim treats RGB: one window that also runs across the channels, replicated borders",
    "perchannel": "each channel by itself, only where the window lies inside the image",
    "perchannel-replicate": "each channel by itself, replicated borders",
    "skimage": "scikit-image's default: sample covariance",
    "uniform": "uniform window",
    "l2": "Euclidean",
    "cosine": "one minus the cosine",
    "up1": "on the image at twice its size",
    "detect": "the face is found again first",
    "up0": "on the image as it is",
    "dlib-hog": "dlib's HOG frontal face detector",
    "dlib-mmod": "dlib's convolutional face detector",
    "edgeface-xs": "the EdgeFace-XS network",
    "edgeface-xxs": "the EdgeFace-XXS network",
    "dlib-resnet": "dlib's 128-d residual network",
    "facenet-vggface2": "FaceNet (InceptionResnetV1 trained on VGGFace2)",
    "openface-nn4.small2": "OpenFace's nn4.small2 network",
    "l2sq": "squared Euclidean",
    "detect-inner": "the face is found again and aligned by the inner corners of the eyes and the lower lip",
    "vgg-face": "VGG-Face, layer pool5",
    "norm": "Euclidean norm of the difference, images less the mean colour of VGG-Face",
    "mse": "mean squared difference, images as they are",
    "alex": "AlexNet",
    "vgg": "VGG-16",
    "vgg16": "VGG-16",
    "v0.1": "version 0.1 of its weights",
    "interocular": "divided by the distance between the outer corners of the eyes",
    "interpupil": "divided by the distance between the eyes' centres",
    "masked": "over the whole image, black outside the class in both images",
    "region": "over the pixels of the class alone",
}


def define(column: Column) -> str:
    """Say in words what a column measures and what a failure counts as."""
    signature = Signature.parse(column.signature)
    told = "; ".join([_FAMILIES.get(signature.name, column.label), *(_argument(arg) for arg in signature.args)])
    return f"{told[:1].upper()}{told[1:]}. A failed pair counts as {plain(column.failure)}."


def _argument(text: str) -> str:
    name, _, digest = text.partition("@")
    if name[:1] in "sw" and name[1:].replace(".", "", 1).isdigit():
        name = f"Gaussian of σ = {name[1:]}" if name[0] == "s" else f"window of {name[1:]} pixels"
    elif name.startswith("cap") and name[3:].replace(".", "", 1).isdigit():
        name = f"identical images count as {name[3:]} dB"
    else:
        name = _ARGUMENTS.get(name, name)
    return f"{name} (weights {digest})" if digest else name


def set_facts(board: Board) -> list[tuple[str, str]]:
    """Names and values that identify the set."""
    info = board.set
    counts = info.get("counts") or {}
    facts = [("Set", info.get("name")), ("Content hash", info.get("hash")), ("Seed", info.get("seed"))]
    facts += [(str(name).capitalize(), f"{number:,}") for name, number in counts.items()]
    facts += [("Protocol", board.leader.meta.protocol)]
    facts += [(f"Source {place}", line(source)) for place, source in enumerate(info.get("sources") or [], start=1)]
    facts += [("Built with", line(info.get("packages") or {}))]
    facts += [("Scored with", line(board.leader.meta.versions)), ("Reported with", f"facedeblur {own_version()}")]
    return [(name, str(value)) for name, value in facts if value not in (None, "")]


def run_facts(method: MethodScores) -> list[tuple[str, str]]:
    """Everything that the run and the scoring of one method recorded, paths left out."""
    skipped = {"method", "oracle", "schema", "set", "path", "hash", "files", "store"}
    facts = [("run hash", str(method.meta.run.get("hash", "")))]
    facts += [(name, line(value)) for name, value in method.meta.run.items() if name not in skipped]
    return [(name, text) for name, text in facts if text]


def line(value: Any) -> str:
    """A recorded value on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {line(part)}" for name, part in value.items() if part not in (None, ""))
    if isinstance(value, list | tuple):
        return ", ".join(line(part) for part in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def recipe_text(board: Board) -> str:
    """The recipe as it stands in the set."""
    recipe = board.set.get("recipe") or ""
    return recipe if isinstance(recipe, str) else json.dumps(recipe, indent=2, ensure_ascii=False)


def own_version() -> str:
    """Version of the installed package."""
    try:
        return version("facedeblur")
    except PackageNotFoundError:
        return "(not installed)"


def commands(board: Board, *, among: str = "") -> list[str]:
    """The lines that make the numbers of a board again.

    Parameters
    ----------
    board : Board
    among : str
        The set's name, where the report is of several sets: `report_command` comes after the lines of all of them.
    """
    folder = f"/{shlex.quote(among)}" if among else ""
    made_in, outputs = f"SETS{folder}" if among else "SET", f"OUTPUTS{folder}"
    lines = [f"{_make(board)} -o {made_in}"]
    folders = [f"{outputs}/{place}" for place in range(1, len(board.methods) + 1)]
    made = {str(method.meta.run.get("hash")): folder for method, folder in zip(board, folders, strict=True)}
    # A run with the kernels of another comes after it.
    order = sorted(zip(board, folders, strict=True), key=lambda one: bool(one[0].meta.run.get("given_kernels")))
    for method, folder in order:
        run = method.meta.run
        if run.get("foreign"):
            lines.append(f"# {folder}: restored by {line(run.get('method'))}, outside facedeblur".replace("\n", " "))
        else:
            given = run.get("given_kernels")
            kernels = ["--kernels", made.get(given["run"], "KERNELS")] if given else []
            lines.append(" ".join(["facedeblur run", *_quoted(_run_words(run)), made_in, *kernels, "-o", folder]))
    lines += [f"facedeblur score {made_in} {' '.join(folders)} {asked}" for asked in _asked(board)]
    return lines if among else [*lines, f"facedeblur report {' '.join(folders)} -o report.html"]


def report_command(names: Sequence[str]) -> str:
    """The last command line of a report of several sets."""
    return f"facedeblur report {' '.join(f'OUTPUTS/{shlex.quote(name)}/*' for name in names)} -o report.html"


def _quoted(words: Sequence[str]) -> list[str]:
    return [shlex.quote(word) for word in words]


def _make(board: Board) -> str:
    """How the set is made: by a recipe that ships, by one of the reader's own, or of videos without a recipe."""
    name, text = str(board.set.get("name", "RECIPE")), recipe_text(board)
    try:
        recipe: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        recipe = {}
    frames = recipe.get("frames")
    if isinstance(frames, Mapping) and "name" not in recipe:
        return " ".join(["facedeblur frames VIDEOS", *_quoted(_frame_words(frames, name))])
    own = str(recipe.get("name", name))
    ships = own in recipes() and load_recipe(own)[1] == text
    words = [own if ships else f"{own}.toml", "--faces", "VIDEOS" if frames else "PHOTOS"]
    words += ["--name", name] if name != own else []
    words += ["--seed", str(board.set["seed"])] if board.set.get("seed") is not None else []
    return " ".join(["facedeblur build", *_quoted(words)])


def _frame_words(frames: Mapping[str, Any], name: str) -> list[str]:
    """What differs from the usual; the steps of a window are its length where nobody says otherwise."""
    usual = dataclasses.asdict(FrameSpec()) | {"stride": frames.get("length")}
    # A camera's curve stands in the place of gamma.
    told = {key: value for key, value in frames.items() if value != usual.get(key) and (key, value) != ("gamma", 0.0)}
    words = [word for key, value in told.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    return [*words, *(["--name", name] if name != f"frames-{frames.get('length')}" else [])]


def _run_words(run: Mapping[str, Any]) -> list[str]:
    """Method, the options that its displayed name tells, and the precision where it is not the usual one."""
    name, shown = str(run.get("name") or run["method"]), str(run["method"])
    options, files = run.get("options") or {}, list(run.get("weights") or {})
    told = shown.removeprefix(f"{name}[").removesuffix("]") if shown.startswith(f"{name}[") else ""
    words = [name]
    if name not in METHODS:
        block = {"argv", "range"} & options.keys()
        alone = len(files) == 1 and files[0].rpartition(".")[0] == name
        words = [files[0] if alone else f"{name}.toml"] if block else words
        words += [word for file in run.get("code") or {} if not block for word in ("--plugin", file)]
    for key, value in options.items():
        if f",{key}={value}," in f",{told},":
            words += ["--set", f"{key}={value}"]
    if run.get("precision", "fp32") != "fp32":
        words += ["--precision", str(run["precision"])]
    return words


def _asked(board: Board) -> list[str]:
    """The protocol, and the metrics that were added to it."""
    protocol = board.leader.meta.protocol
    if protocol not in protocols():
        return [f"--protocol {shlex.quote(f'{protocol}.toml')}"]
    known = [entry.name for entry in load_protocol(protocol).metric]
    added = [one.signature for one in board.columns if not any(find((one,), name) for name in known)]
    further = " ".join(f"--metric {shlex.quote(signature)}" for signature in added)
    return [f"--protocol {shlex.quote(protocol)}", *([further] if further else [])]
