"""Every network of `nets` as a method of its name: weights found and loaded, images padded, tiled, put through.

    facedeblur run umsn SET -o OUTPUTS --weights FOLDER --set tile=512

An own network becomes a method by a class with its name in ``NETS``::

    @method("my-net")
    class MyNet(NetworkMethod):
        net = "my-net"

Weights of the networks in `nets`: which files there are, where they lie, and how they are read.

Of every network ``NAME.safetensors``, as ``facedeblur train`` writes it (its configuration stands in the file, or in
the card ``NAME.json`` beside it); of some also what the authors have released, see `RELEASED`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.state_dict import load_exactly
from facedeblur.benchmark.weights import VARIABLE, WeightFile, folders, sha256_of
from facedeblur.methods.base import method

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
        """The network's weight files; see `facedeblur.methods.kinds.network.find_files`."""
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
        from facedeblur.methods.running.execution import out_of_memory

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


SHIPPED = Path(__file__).parents[1] / "nets" / "weights"
"""Weights that come with the package."""

State = Callable[["nn.Module"], Mapping[str, "Tensor"]]
"""From a network to the tensors that it loads."""


@dataclass(frozen=True)
class Released:
    """Weights as a paper's authors have released them.

    Attributes
    ----------
    files : tuple of tuple of str
        For each file that is needed its names or glob patterns, the preferred one first.
    reader : str
        ``"module:function"`` of one path a file to the network's configuration and a `State`.
    """

    files: tuple[tuple[str, ...], ...]
    reader: str


_READERS = "facedeblur.methods.nets.released"
RELEASED = {
    "umsn": Released((("SMaps_Best.pth", "SMaps*.pth"), ("Deblur_epoch*.pth", "Deblur*.pth")), f"{_READERS}:umsn"),
    "shen2018": Released(
        (("net_P_P_S_F.mat", "net_P*.mat"), ("net_G_P_S_F.mat", "net_G*.mat")), f"{_READERS}:shen2018"
    ),
    "deblurgan": Released((("latest_net_G.pth", "*_net_G.pth"),), f"{_READERS}:deblurgan"),
    "deblurgan-v2": Released(
        (("fpn_inception.h5", "fpn_mobilenet.h5", "best_fpn.h5", "*fpn*.h5"),), f"{_READERS}:deblurgan_v2"
    ),
}
"""Network -> what its authors have released. Of Lin 2020, DFPGnet and DeepDeblur that is nothing."""


def find_files(name: str, near: Sequence[Path] = ()) -> list[Path]:
    """Find the weights of a network.

    Parameters
    ----------
    name : str
    near : sequence of Path
        Folders that are searched before ``FACEDEBLUR_WEIGHTS`` (or the user's cache folder) and what comes with the
        package; a file here is taken as it is.

    Returns
    -------
    list of Path
        One ``.safetensors`` file, or one path for each of the authors' files.

    Raises
    ------
    InputError
        When none are found, or several files could be meant.
    """
    for place in near:
        if place.is_file():
            return [place]
        if not place.exists():
            raise MissingFile(str(place), expected=f"a folder or file of weights for '{name}'")
    searched = [*near, *folders(WeightFile(name, (), "")), SHIPPED]
    for place in searched:
        own = place / f"{name}.safetensors"
        if own.is_file():
            return [own]
        if name in RELEASED:
            found = [_one(place, patterns) for patterns in RELEASED[name].files]
            if all(found):
                return [path for path in found if path is not None]
    others = " and ".join(patterns[0] for patterns in RELEASED[name].files) if name in RELEASED else ""
    raise InputError(
        f"weights of '{name}'",
        expected=f"{name}.safetensors" + f" (or the authors' {others})" * bool(others) + " in one of the folders",
        found="none in " + ", ".join(str(place) for place in searched),
        do=f"put it there, set {VARIABLE}, give --weights PLACE, or make it with: facedeblur train {name}",
    )


def _one(place: Path, patterns: tuple[str, ...]) -> Path | None:
    for pattern in patterns:
        hits = sorted(path for path in place.glob(pattern) if path.is_file())
        if len(hits) > 1:
            names = ", ".join(path.name for path in hits[:3])
            raise InputError(
                str(place), expected=f"one file {pattern}", found=f"{len(hits)}: {names}", do="leave one there"
            )
        if hits:
            return hits[0]
    return None


def load_network(name: str, paths: Sequence[Path]) -> nn.Module:
    """Make a network with the weights in its files, ready to restore on the processor.

    Parameters
    ----------
    name : str
        A key of ``NETS``.
    paths : sequence of Path
        As `find_files` gives them.

    Raises
    ------
    InputError
        When a file is truncated, of another network or configuration, or holds values that are not finite.
    """
    import torch

    from facedeblur.methods.nets.base import network

    config, state = _read(name, paths)
    shown = " and ".join(str(path) for path in paths)
    with torch.random.fork_rng(devices=[]):  # the starting weights are drawn, and replaced at once
        try:
            net = network(name, **config)
        except TypeError as error:
            raise InputError(shown, expected=f"a configuration of '{name}'", found=str(error)) from error
    tensors = dict(state(net))
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InputError(shown, expected="finite weights", found=f"NaN or infinity in '{key}'", do="train it again")
    load_exactly(net, tensors, shown, f"give weights of '{name}' in that configuration")
    return net.eval().requires_grad_(False)


def _read(name: str, paths: Sequence[Path]) -> tuple[dict[str, Any], State]:
    if len(paths) == 1 and paths[0].suffix.lower() == ".safetensors":
        config, tensors = _read_own(name, paths[0])
        return config, lambda net: tensors
    if name not in RELEASED:
        raise InputError(str(paths[0]), expected=f"a file {name}.safetensors", found=f"'{paths[0].suffix}'")
    wanted = RELEASED[name]
    if len(paths) != len(wanted.files):
        names = " and ".join(patterns[0] for patterns in wanted.files)
        raise InputError(str(paths[0]), expected=f"{names}", found="one file", do="give the folder of both")
    module, _, function = wanted.reader.partition(":")
    read: tuple[dict[str, Any], State] = getattr(import_module(module), function)(*paths)
    return read


def _read_own(name: str, path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Configuration and tensors of what ``facedeblur train`` has written."""
    from facedeblur.methods.training.checkpoint import FORMAT, read_tensors

    tensors, header = read_tensors(path)
    if header.get("format") == FORMAT:
        raise InputError(
            str(path), expected="weights alone", found="a checkpoint to go on training from",
            do="give the .safetensors file that the training wrote beside the folder of checkpoints",
        )  # fmt: skip
    card = path.with_suffix(".json")
    if "config" not in header and card.is_file():
        header = _read_card(card, path)
    if header.get("network", name) != name:
        raise InputError(
            str(path), expected=f"weights of '{name}'", found=f"weights of '{header['network']}'",
            do=f"run {header['network']} with it",
        )  # fmt: skip
    config = header.get("config", {})
    if not isinstance(config, dict):
        raise InputError(str(path), expected="a table 'config' in its header", found=repr(config))
    return config, tensors


def _read_card(card: Path, weights: Path) -> dict[str, Any]:
    try:
        header = json.loads(card.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(str(card), expected="the card of the weights (JSON)", found=str(error)) from error
    if not isinstance(header, dict):
        raise InputError(str(card), expected="the card of the weights (JSON)", found=type(header).__name__)
    if header.get("sha256", sha256_of(weights)) != sha256_of(weights):
        raise InputError(
            str(card), expected=f"the card of {weights.name}", found="one with another sha256",
            do="put the card there that was written with the weights",
        )  # fmt: skip
    return header
