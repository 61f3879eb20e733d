"""State dicts of published networks as methods: spandrel knows the code that belongs to the names in the file.

    pip install "facedeblur[nets]"
    facedeblur run NAFNet-GoPro-width64.pth SET -o OUTPUTS --set tlc=384

Architectures with licences of their own (Restormer, MPRNet, CodeFormer) are in the package ``spandrel_extra_arches``,
which users install themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from facedeblur.benchmark.errors import InputError, need, said_by
from facedeblur.benchmark.faces.geometry import similarity
from facedeblur.benchmark.files.state_dict import read_tensors, read_torch
from facedeblur.benchmark.sets.set import Set
from facedeblur.generators.align.template import template_named

if TYPE_CHECKING:
    from torch import Tensor, nn

DEBLURRING = ("NAFNet", "Uformer", "FFTformer", "KBNet", "Restormer", "MPRNet")
FACES = ("GFPGAN", "RestoreFormer", "CodeFormer")
"""Networks for faces: images of 512x512 in [-1, 1]."""

FACE_SIDE = 512
NONE = "none"
"""The template of images as they are."""


class StateFile:
    """A published network whose architecture is recognised from its state dict.

    Parameters
    ----------
    tile : int
        Side in pixels of the tiles in which larger images are restored; 0 restores images whole.
    overlap : int
        Pixels that neighbouring tiles share.
    resize : int
        Enlarge or reduce images so that their longer side has this many pixels, and the result back (bicubic); 0 does
        not. By default 512 for networks of faces, which know no other size.
    tlc : int
        Side in pixels of the window over which a NAFNet averages (Chu et al. 2022), 384 in its published results on
        GoPro; 0 averages over the image, as in its training.
    template : str
        For networks of faces: the template by which the images were aligned (``shen128``, ...). Each is moved to FFHQ's
        layout, which the network knows, and its result back; what that layout does not cover stays as it was. With
        ``none`` images are resized only. A run takes the template of its set if this is empty.

    Raises
    ------
    InputError
        For a negative number, or tiles of images that are resized.
    """

    def __init__(self, *, tile: int = 0, overlap: int = 32, resize: int = 0, tlc: int = 0, template: str = ""):
        for key, value in (("tile", tile), ("overlap", overlap), ("resize", resize), ("tlc", tlc)):
            if value < 0:
                raise InputError(f"option '{key}'", expected="0 or more", found=f"{value}")
        if tile and 2 * overlap > tile:
            raise InputError("option 'overlap'", expected=f"at most half of the tile, {tile // 2}", found=f"{overlap}")
        if tile and resize:
            raise InputError("options 'tile' and 'resize' exclude each other", do="leave one of them out")
        self._tile, self._overlap, self._resize, self._tlc = tile, overlap, resize, tlc
        self._template = template
        self._layout = Layout(template) if template not in ("", NONE) else None
        self.network: nn.Module | None = None

    def load(self, device: str, weights: Mapping[str, Path]) -> None:
        """Make the network of the file of `weights` on `device`.

        Raises
        ------
        InputError
            If its tensors do not fit the architecture, or an option does not.
        """
        (path,) = weights.values()
        state = read_state_dict(path)
        name = architecture_of(state)
        try:
            described = _registry().load(dict(state))
        except Exception as error:  # each architecture raises kinds of its own
            raise InputError(
                str(path), expected=f"weights of {name or 'a known network'}", found=said_by(error)
            ) from error
        sizes = described.size_requirements
        self._multiple, self._smallest = max(1, int(sizes.multiple_of)), max(1, int(sizes.minimum))
        self._square, self._face = bool(sizes.square), name in FACES
        if self._face and self._resize != FACE_SIDE:
            raise InputError(f"option 'resize' of {name}", expected=f"{FACE_SIDE}", found=f"{self._resize}")
        if self._template and not self._face:
            raise InputError(f"option 'template': {name} is not a network of faces", do="leave it out")
        self.network = described.model.to(device).eval().requires_grad_(False)
        self._device = device
        if self._tlc:
            if name != "NAFNet":
                raise InputError(f"option 'tlc': {name} is not a NAFNet", do="leave it out")
            self._windows = average_locally(described.model, self._tlc)
        else:
            self._windows = []

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        """Restore (N, H, W, 3) float32 RGB in [0, 1]; not clipped."""
        if self._layout is None:
            return self._restore(blurred)
        faces = np.stack([self._layout.there(image) for image in blurred])
        return np.stack(
            [self._layout.back(face, image) for face, image in zip(self._restore(faces), blurred, strict=True)]
        )

    def _restore(self, blurred: np.ndarray) -> np.ndarray:
        import torch
        from torch.nn.functional import interpolate

        from facedeblur.methods.nets.tiles import mirror, restore_whole

        height, width = blurred.shape[1:3]
        scaled = partial(interpolate, mode="bicubic", align_corners=False, antialias=True)
        with torch.no_grad():
            images = torch.from_numpy(np.ascontiguousarray(blurred, dtype=np.float32)).to(self._device)
            images = images.permute(0, 3, 1, 2)
            tall, wide = height, width
            if self._resize:
                tall, wide = (max(1, round(side * self._resize / max(height, width))) for side in (height, width))
                images = scaled(images, size=(tall, wide))
            if self._square or self._face:
                side = max(tall, wide)
                images = mirror(images, side, side)
            restored = restore_whole(
                self._forward, images, multiple=self._multiple, smallest=self._smallest, tile=self._tile,
                overlap=self._overlap,
            )[:, :, :tall, :wide]  # fmt: skip
            if self._resize:
                restored = scaled(restored, size=(height, width))
            array: np.ndarray = restored.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return array

    def _forward(self, images: Tensor) -> Tensor:
        assert self.network is not None
        images = images.contiguous()
        for window in self._windows:
            window.side = max(images.shape[2:])
        found = self.network(2 * images - 1 if self._face else images)
        restored: Tensor = found[0] if isinstance(found, tuple | list) else found
        return (restored + 1) / 2 if self._face else restored


class Layout:
    """The map from images of a template to faces of 512x512 in FFHQ's layout, and back.

    Parameters
    ----------
    name : str
        A template of five points.

    Raises
    ------
    InputError
        If there is no such template, or it has other points.
    """

    def __init__(self, name: str):
        own, ffhq = template_named(name), template_named("ffhq512")
        if own.fit != "similarity":
            raise InputError(
                f"option 'template': '{name}' has no five points", do=f"give {NONE} to resize the images only"
            )
        self._name, self._size = name, (own.height, own.width)
        self._map = similarity(own.points, ffhq.points)

    def there(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) float32 to (512, 512, 3), mirrored where the image ends.

        Raises
        ------
        InputError
            If the image does not have the size of the template.
        """
        if image.shape[:2] != self._size:
            height, width = self._size
            raise InputError(
                f"images of template '{self._name}'", expected=f"{height}x{width}",
                found=f"{image.shape[0]}x{image.shape[1]}", do=f"give --set template={NONE} to resize the images only",
            )  # fmt: skip
        moved: np.ndarray = cv2.warpAffine(
            image, self._map, (FACE_SIDE, FACE_SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        return moved

    def back(self, face: np.ndarray, image: np.ndarray) -> np.ndarray:
        """(512, 512, 3) float32 to the place of the face in its image, (H, W, 3), which stays around it."""
        scale = float(np.hypot(self._map[0, 0], self._map[1, 0]))
        # Reduced first, by areas: the map back would skip pixels.
        side = min(FACE_SIDE, max(1, round(FACE_SIDE / scale)))
        small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA) if side < FACE_SIDE else face
        ratio = side / FACE_SIDE
        whole = self._map * ratio
        whole[:, 2] += 0.5 * ratio - 0.5  # the centre of the first pixel is at 0
        size = (image.shape[1], image.shape[0])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(small, whole, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.warpAffine(
            np.ones((side, side), np.float32), whole, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )[..., None]
        joined: np.ndarray = inside * moved + (1 - inside) * image
        return joined.astype(np.float32)


def read_state_dict(path: Path) -> dict[str, Any]:
    """Tensors of a state dict by their canonical names; empty if the file holds none, or spandrel is missing.

    Raises
    ------
    InputError
        If the file cannot be read without running code from it.
    """
    found = read_tensors(path)[0] if path.suffix.lower() == ".safetensors" else read_torch(path)
    if not isinstance(found, Mapping) or not find_spec("spandrel"):
        return {}
    state = _spandrel().canonicalize_state_dict(dict(found))
    return {str(key): value for key, value in state.items() if hasattr(value, "shape")}


def architecture_of(state: Mapping[str, Any]) -> str:
    """Name of the network that a state dict belongs to; empty if it is none of `DEBLURRING` and `FACES`."""
    if not state or not find_spec("spandrel"):
        return ""
    for known in _registry().architectures("detection"):
        if known.detect(dict(state)):
            name = str(known.architecture.name)
            return name if name in (*DEBLURRING, *FACES) else ""
    return ""


def fit_options(architecture: str, options: Mapping[str, Any], the_set: Set | None) -> tuple[dict[str, Any], str]:
    """Fit the options of `StateFile` to an architecture and a set.

    Parameters
    ----------
    architecture : str
    options : mapping
        What the user says, which is kept.
    the_set : Set, optional
        Set to restore; without one the template stays open.

    Returns
    -------
    dict
        Options that differ from those of `StateFile`.
    str
        What the user should know of them; empty if there is nothing.

    Raises
    ------
    InputError
        If a network of faces needs the template of the set, and the set does not say it or it has no five points.
    """
    if architecture not in FACES:
        return dict(options), ""
    found = {"resize": FACE_SIDE} | dict(options)
    if found.get("template") or the_set is None:
        return found, ""
    name = the_set.template
    needs = f"{architecture} needs faces in FFHQ's layout, and"
    do = f"give the template of its faces, --set template=NAME, or --set template={NONE} to resize the images only"
    if name in ("", NONE):
        raise InputError(f"{needs} set '{the_set.name}' names no template", do=do)
    if template_named(name).fit != "similarity":
        raise InputError(f"{needs} template '{name}' of set '{the_set.name}' has no five points", do=do)
    return found | {"template": name}, f"faces are moved from the set's template {name} to FFHQ's layout, and back"


def average_locally(network: nn.Module, side: int) -> list[Any]:
    """Replace averages over the whole picture by averages over windows (Chu et al. 2022, section 3.2).

    Parameters
    ----------
    network : torch.nn.Module
        Its layers ``AdaptiveAvgPool2d(1)`` are replaced.
    side : int
        Side of the window in pixels of the image; of smaller features it is as much smaller.

    Returns
    -------
    list
        The new layers, whose ``side`` has to be the longer side of the image before the network runs.
    """
    import torch
    from torch.nn.functional import avg_pool2d, pad

    class Window(torch.nn.Module):
        side = 1

        def forward(self, features: Tensor) -> Tensor:
            height, width = (int(one) for one in features.shape[2:])
            wanted = max(1, round(side * max(height, width) / self.side))
            down, across = min(wanted, height), min(wanted, width)
            mean: Tensor = avg_pool2d(features, (down, across), stride=1)
            more = (width - int(mean.shape[3]), height - int(mean.shape[2]))
            around = (more[0] // 2, more[0] - more[0] // 2, more[1] // 2, more[1] - more[1] // 2)
            return pad(mean, around, mode="replicate") if any(around) else mean

    made: list[Any] = []
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, torch.nn.AdaptiveAvgPool2d) and child.output_size in (1, (1, 1)):
                made.append(Window())
                setattr(module, name, made[-1])
    return made


def _registry() -> Any:
    """Architectures of spandrel, and those of the extra package if the user has installed it."""
    known = _spandrel().MAIN_REGISTRY
    if find_spec("spandrel_extra_arches"):
        need("spandrel_extra_arches", "nets").install(ignore_duplicates=True)
    return known


def _spandrel() -> Any:
    """The package, for which torchvision has to be made ready."""
    from facedeblur.benchmark.torchvision_shim import prepare

    prepare()
    return need("spandrel", "nets")
