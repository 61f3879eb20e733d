"""Networks as methods: finds and loads the weights, pads or tiles the images, and runs the network.

    facedeblur run umsn SET -o OUTPUTS --weights FOLDER --set tile=512

Every network that is registered in ``NETS`` is a method of the same name, without further code.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.methods.base import Spec
from facedeblur.methods.keep import Keep
from facedeblur.methods.nets.base import declared
from facedeblur.methods.nets.loading import find_files, load_network, remark_on, takes_labels
from facedeblur.methods.running.execution import out_of_memory

if TYPE_CHECKING:
    from torch import Tensor, nn


class NetworkMethod:
    """A network of `nets` with its weights.

    Images may have any size; `facedeblur.methods.nets.tiles` pads them. The runner sets the precision
    (``--precision``).

    Parameters
    ----------
    tile : int
        Side in pixels of the tiles in which larger images are restored, which bounds the memory; 0 restores images
        whole. A network that normalises by the picture, or estimates one kernel from it, then does so per tile.
    overlap : int
        Pixels that neighbouring tiles share, over which they are blended.
    channels_last : bool
        Store weights and images with the channels last, which is faster on some devices.
    compile : bool
        Use ``torch.compile``. If that fails, a line in the log says so and the network runs uncompiled.

    Raises
    ------
    InputError
        For a negative number, or an overlap that is more than half a tile.
    """

    keeps: ClassVar[Mapping[str, Keep]] = {}
    keep: tuple[str, ...] = ()
    net: ClassVar[str]
    method_spec: ClassVar[Spec]

    def __init__(self, *, tile: int = 0, overlap: int = 32, channels_last: bool = False, compile: bool = False):
        for key, value in (("tile", tile), ("overlap", overlap)):
            if value < 0:
                raise InputError(f"option '{key}' of method '{self.net}'", expected="0 or more", found=f"{value}")
        if tile and 2 * overlap > tile:
            raise InputError(
                f"option 'overlap' of method '{self.net}'", expected=f"at most half of the tile, {tile // 2}",
                found=f"{overlap}", do="set a smaller overlap or a larger tile",
            )  # fmt: skip
        self._tile, self._overlap, self._channels_last, self._compile = tile, overlap, channels_last, compile
        self._compiled: Any = None
        self.network: nn.Module | None = None
        self.kept: dict[str, np.ndarray] = {}

    @classmethod
    def find_weights(cls, near: Sequence[Path]) -> list[Path]:
        """The network's weight files; see `facedeblur.methods.nets.loading.find_files`."""
        return find_files(cls.net, near)

    @classmethod
    def remark_on(cls, paths: Sequence[Path]) -> str:
        """How far the training of the weights got; see `facedeblur.methods.nets.loading.remark_on`."""
        return remark_on(paths)

    @classmethod
    def takes_labels(cls, paths: Sequence[Path]) -> bool:
        """Whether `restore` needs labels; see `facedeblur.methods.nets.loading.takes_labels`."""
        return takes_labels(cls.net, paths)

    def load(self, device: str, weights: Mapping[str, Path]) -> None:
        """Make the network on `device` with the weights in the files.

        Raises
        ------
        InputError
            If the files do not fit the network, or it does not have what it is to keep.
        """
        import torch

        from facedeblur.methods.nets.tiles import whole_side

        self.network = load_network(self.net, list(weights.values())).to(device)
        self._device = device
        if self.keep:
            if self._tile:
                raise InputError("intermediate results are those of whole images", do="leave out --keep or 'tile'")
            multiple, smallest = self._sides()
            side = max(64 // multiple * multiple, whole_side(1, multiple=multiple, smallest=smallest))
            with torch.no_grad():
                self._outputs(side, side, torch.zeros(1, 4, side, side, device=device))
        if self._channels_last:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs

    def restore(self, blurred: np.ndarray, labels: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """Restore (N, H, W, 3) float32 RGB in [0, 1]; not clipped.

        A network that reads true labels is given those of each image, (H, W) uint8, classes of the 11 of Helen.
        """
        import torch

        from facedeblur.methods.nets.tiles import restore_whole

        if self.network is None:
            raise InputError(f"method '{self.net}' has no weights yet", do="call load first")
        with torch.no_grad():
            images = torch.from_numpy(np.ascontiguousarray(blurred, dtype=np.float32)).to(self._device)
            # The numpy array already has the channels last.
            images = images.permute(0, 3, 1, 2)
            if labels is not None:
                # A fourth channel, so that they are padded and tiled as the images are.
                maps = torch.from_numpy(np.stack(labels).astype(np.float32)).to(self._device)
                images = torch.cat([images, maps.unsqueeze(1)], 1)
            multiple, smallest = self._sides()
            restored = restore_whole(
                partial(self._outputs, *blurred.shape[1:3]) if self.keep else self._forward,
                images,
                multiple=multiple,
                smallest=smallest,
                tile=self._tile,
                overlap=self._overlap,
            )
            array: np.ndarray = restored.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return array

    def _sides(self) -> tuple[int, int]:
        """What height and width must be multiples of, and what they must reach."""
        return int(self.network.multiple), int(getattr(self.network, "smallest", 1))  # type: ignore

    def _outputs(self, height: int, width: int, images: Tensor) -> Tensor:
        """Restore padded images and keep what is wanted, cut to the size of the images."""
        blurred, *labels = _divided(images)
        given = {"labels": labels[0] if labels else None}
        found: dict[str, Tensor] = self.network.outputs(blurred.contiguous(), **given)  # type: ignore
        self._keep(found, height, width)
        return found["restored"]

    def _keep(self, found: Mapping[str, Tensor], height: int, width: int) -> None:
        """Leave the intermediate results in ``kept`` and ``estimated_kernels``.

        Raises
        ------
        InputError
            When the network has no such result with these weights.
        """
        self.kept = {}
        for name in self.keep:
            keep = self.keeps[name]
            entries = [found.get(source) for source in keep.sources or (name,)]
            present = [entry.float().cpu() for entry in entries if entry is not None]
            if len(present) < len(entries):
                raise InputError(
                    f"network '{self.net}' has no '{name}' with these weights", do=f"leave '{name}' out of --keep"
                )
            if keep.kind == "kernel":
                self.estimated_kernels = list(present[0].double().numpy())
                continue
            if keep.kind == "labels":
                if present[0].shape[1] != len(HELEN):
                    raise InputError(
                        f"'{name}' of network '{self.net}'", expected=f"the {len(HELEN)} classes of Helen",
                        found=f"{present[0].shape[1]}", do=f"leave '{name}' out of --keep",
                    )  # fmt: skip
                present = [present[0].argmax(1)]
            elif keep.parts and len(present) == 1:
                present = list(present[0].split(1, 1))
            for folder, entry in zip(keep.folders(name), present, strict=True):
                cut = entry[..., :height, :width]
                if cut.dim() == 4:
                    cut = cut[:, 0] if cut.shape[1] == 1 else cut.permute(0, 2, 3, 1)
                self.kept[folder] = cut.contiguous().numpy()

    def _forward(self, images: Tensor) -> Tensor:
        assert self.network is not None
        blurred, *labels = _divided(images)
        if not self._channels_last:
            blurred = blurred.contiguous()
        if self._compile:
            import torch

            try:
                # Not `or`: the compiled network passes len() on, which a network does not have.
                self._compiled = torch.compile(self.network) if self._compiled is None else self._compiled
                compiled: Tensor = self._compiled(blurred, *labels)
                return compiled
            except Exception as error:
                if out_of_memory(error):
                    raise
                why = shorten(f"{type(error).__name__}: {error}", 200)
                sys.stderr.write(f"torch.compile failed for '{self.net}', which runs uncompiled ({why})\n")
                self._compile = False
        restored: Tensor = self.network(blurred, *labels)
        return restored


def _divided(images: Tensor) -> list[Tensor]:
    """Divide the channels into RGB and, if there is a fourth, labels, (N, H, W) int."""
    return [images] if images.shape[1] == 3 else [images[:, :3], images[:, 3].round().long()]


@cache
def network_method(name: str) -> type[NetworkMethod]:
    """Return the class of the method that runs the network called `name`.

    Raises
    ------
    InputError
        When there is no such network, or its module does not import.
    """
    own = declared(name)
    spec = Spec(name, "1", False, (), own.summary)
    # Its module is the network's, whose file is recorded with a run if it is a plugin.
    content = {"__module__": own.module, "__doc__": own.summary, "net": name, "method_spec": spec}
    content["keeps"] = own.keeps
    return type(f"NetworkMethod[{name}]", (NetworkMethod,), content)
