"""What a reader needs to know of the numbers: definitions in words, hashes, versions."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports.board import Board
from facedeblur.reports.entry import Entry
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


def run_facts(entry: Entry) -> list[tuple[str, str]]:
    """Everything that the run and the scoring of one method recorded, paths left out."""
    skipped = {"method", "oracle", "schema", "set", "path", "hash", "files", "store"}
    facts = [("run hash", str(entry.meta.run.get("hash", "")))]
    facts += [(name, line(value)) for name, value in entry.meta.run.items() if name not in skipped]
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
