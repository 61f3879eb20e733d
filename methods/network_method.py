"""Every network of `nets` as a method of its name: weights found and loaded, images padded, tiled, put through.

    facedeblur run umsn SET -o OUTPUTS --weights FOLDER --set tile=512

An own network becomes a method by a class with its name in ``NETS``::

    @method("my-net")
    class MyNet(NetworkMethod):
        net = "my-net"
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.base import method
from facedeblur.methods.network_weights import find_files, load_network

if TYPE_CHECKING:
    from torch import Tensor, nn


class NetworkMethod:
    """A network of `nets` with its weights.

    Images of any size: see `facedeblur.methods.nets.tiles` for how they are padded. Precision is the runner's
    (``--precision``).

    Parameters
    ----------
    tile : int
        Side of the tiles in pixels in which larger images are restored; 0 restores them whole. It bounds the memory;
        a network that normalises by the picture, or estimates one kernel from it, then does so for each tile.
    overlap : int
        Pixels that neighbouring tiles share, over which they are blended.
    channels_last : bool
        Lay the weights and images out with the channels last, which is quicker on some devices.
    compile : bool
        Use ``torch.compile``. Where that fails, a line in the log says so and the network runs as it is.

    Raises
    ------
    InputError
        For a negative number, or an overlap that is more than half a tile.
    """

    net: ClassVar[str]

    def __init__(self, *, tile: int = 0, overlap: int = 32, channels_last: bool = False, compile: bool = False):
        for key, value in (("tile", tile), ("overlap", overlap)):
            if value < 0:
                raise InputError(f"method '{self.net}', option '{key}'", expected="0 or more", found=f"{value}")
        if tile and 2 * overlap > tile:
            raise InputError(
                f"method '{self.net}', option 'overlap'", expected=f"at most half of the tile, {tile // 2}",
                found=f"{overlap}", do="set a smaller overlap or a larger tile",
            )  # fmt: skip
        self._tile, self._overlap, self._channels_last, self._compile = tile, overlap, channels_last, compile
        self._compiled: Any = None
        self.network: nn.Module | None = None

    @classmethod
    def find_weights(cls, near: Sequence[Path]) -> list[Path]:
        """The network's weight files; see `facedeblur.methods.network_weights.find_files`."""
        return find_files(cls.net, near)

    def load(self, device: str, weights: Mapping[str, Path]) -> None:
        """Make the network on `device` with the weights in the files.

        Raises
        ------
        InputError
            When they are not the network's.
        """
        import torch

        self.network = load_network(self.net, list(weights.values())).to(device)
        self._device = device
        if self._channels_last:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        """Restore (N, H, W, 3) float32 RGB in [0, 1]; not clipped."""
        import torch

        from facedeblur.methods.nets.tiles import restore_whole

        if self.network is None:
            raise InputError(f"method '{self.net}'", expected="its weights", found="none", do="call load first")
        with torch.no_grad():
            images = torch.from_numpy(np.ascontiguousarray(blurred, dtype=np.float32)).to(self._device)
            # What numpy has is the layout of channels last already.
            restored = restore_whole(
                self._forward,
                images.permute(0, 3, 1, 2),
                multiple=int(self.network.multiple),  # type: ignore[arg-type]  # a number, not a module
                smallest=int(getattr(self.network, "smallest", 1)),
                tile=self._tile,
                overlap=self._overlap,
            )
            array: np.ndarray = restored.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return array

    def _forward(self, images: Tensor) -> Tensor:
        from facedeblur.methods.engines import out_of_memory

        assert self.network is not None
        if not self._channels_last:
            images = images.contiguous()
        if self._compile:
            import torch

            try:
                # Not `or`: the compiled network passes len() on, which a network does not have.
                self._compiled = torch.compile(self.network) if self._compiled is None else self._compiled
                compiled: Tensor = self._compiled(images)
                return compiled
            except Exception as error:
                if out_of_memory(error):
                    raise
                why = f"{type(error).__name__}: {error}".strip().partition("\n")[0][:200]
                sys.stderr.write(f"torch.compile fails for '{self.net}', which runs as it is ({why})\n")
                self._compile = False
        restored: Tensor = self.network(images)
        return restored


def _method_of(name: str, net: str, summary: str) -> type[NetworkMethod]:
    """Class `name`, the method of a network of `nets`."""
    return method(net)(type(name, (NetworkMethod,), {"__module__": __name__, "__doc__": summary, "net": net}))


Shen2018 = _method_of(
    "Shen2018", "shen2018", "Semantic face deblurring by a parser and two scales (Shen et al., CVPR 2018)."
)
Shen2020 = _method_of(
    "Shen2020", "shen2020", "Semantic face deblurring, coarse, parsed and fine (Shen et al., IJCV 2020)."
)
Lin2020 = _method_of(
    "Lin2020", "lin2020", "Deblurring by sketch synthesis and a closed-form kernel (Lin et al., AAAI 2020)."
)
Umsn = _method_of("Umsn", "umsn", "Uncertainty guided multi-stream semantic network (Yasarla et al., TIP 2020).")
Dfpgnet = _method_of("Dfpgnet", "dfpgnet", "Deblurring guided by estimated deep features of faces (Jung et al.).")
Mspl = _method_of(
    "Mspl", "mspl", "Progressive semantic face deblurring, four networks in a row (Lee et al., IEEE Access 2020)."
)
DeepDeblur = _method_of(
    "DeepDeblur", "deepdeblur", "One-step restoration of blurry faces by inception modules (Wang et al. 2017)."
)
DeblurGan = _method_of("DeblurGan", "deblurgan", "Conditional adversarial network (Kupyn et al., CVPR 2018).")
DeblurGanV2 = _method_of(
    "DeblurGanV2", "deblurgan-v2", "Feature pyramid over a classification network (Kupyn et al., ICCV 2019)."
)
FacedeblurBase = _method_of(
    "FacedeblurBase", "facedeblur-base", "The compact residual U-Net that comes with the toolkit."
)
