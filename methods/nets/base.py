"""The networks and discriminators by name.

A network is a ``torch.nn.Module`` whose configuration is keyword-only and defaults to the published layout, with

* ``forward(blurred)``: (N, 3, H, W) float RGB in [0, 1] to the restored picture, same shape and range;
* ``outputs(blurred, *, labels=None, kernels=None)``: every named intermediate that a loss needs, with ``restored``;
* ``multiple``: what height and width must be multiples of; ``smallest``, where it has one: what they must reach;
* ``restores``, where it has stages of its own that restore: the names at which ``outputs(..., until=NAME)`` stops with
  a picture worth having, each with the parts that make it. Weights of a training that got no further restore that
  picture; those of a place that is not named are refused;
* ``parts``: names of the submodules that a stage trains or freezes; and where there are some that no stage trains,
  ``fixed``: their names;
* ``starts_from``, where it has any: names of settings that only say what weights a training begins with;
* ``prior_channels``, where it estimates deep features of a VGG network: how many channels of each layer;
* ``keeps``: what ``run --keep`` can store of its ``outputs``, a mapping of names to `facedeblur.methods.keep.Keep`;
* ``read_released(*files)``, a static method, where weights that the authors released can be read: from the paths of
  the files to the network's configuration and a function from the network to its state.

A network of another package or of a plugin is registered by the decorator `network`. Those that ship with facedeblur
are listed at the end of this module, one entry each, so that listing and running them imports no torch here. Either
way the network is also a method of the same name (`facedeblur.methods.kinds.network`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from facedeblur.benchmark.options import checked, make
from facedeblur.benchmark.registry import Registry
from facedeblur.methods.keep import Keep

if TYPE_CHECKING:
    from torch import Tensor, nn

UMSN_CLASSES = ("background", "skin", "parts", "hair")
"""The groups ``umsn4`` of `facedeblur.benchmark.sets.classes`, written out, since that module imports numpy."""

NETS: Registry[Callable[..., nn.Module]] = Registry("network", group="facedeblur.nets")
"""Name -> factory of every network; other packages add theirs by the entry-point group ``facedeblur.nets``."""

DISCRIMINATORS: Registry[Callable[..., nn.Module]] = Registry("discriminator", group="facedeblur.discriminators")
"""Name -> factory of every discriminator."""

Class = TypeVar("Class", bound=type[Any])

State = Callable[["nn.Module"], Mapping[str, "Tensor"]]
"""From a network to the tensors that it loads."""

Released = Callable[..., tuple[dict[str, Any], State]]
"""From the authors' files to the network's configuration and its `State`."""


@dataclass(frozen=True)
class Declared:
    """What is known of a network before its module is imported.

    Attributes
    ----------
    module : str
        Where it is defined.
    summary : str
        One line, with the paper.
    files : tuple of tuple of str
        The authors' weight files: for each file that is needed its names or glob patterns, the preferred one first.
    labels : tuple of (str, str), optional
        A setting and its value with which the network reads the true labels of each face.
    keeps : mapping of str to Keep
        Intermediate results that a run can keep.
    """

    module: str
    summary: str
    files: tuple[tuple[str, ...], ...] = ()
    labels: tuple[str, str] | None = None
    keeps: Mapping[str, Keep] = field(default_factory=dict)


_DECLARED: dict[str, Declared] = {}


@checked
def network(name: str, *, files: Sequence[Sequence[str]] = ()) -> Callable[[Class], Class]:
    """Return a class decorator that registers a network, and with it the method of that name.

    Parameters
    ----------
    name : str
        What it is called in training recipes, on the command line and in every table.
    files : sequence of sequences of str, optional
        Weight files that its ``read_released`` takes; see `Declared`.

    Raises
    ------
    InputError
        When the name is taken.

    Examples
    --------
    >>> import facedeblur as fd
    >>> from torch import nn
    >>> @fd.network("shallow")
    ... class Shallow(nn.Module):
    ...     '''Add what two convolutions see in the blurred image.'''
    ...
    ...     def __init__(self, *, width=32):
    ...         super().__init__()
    ...         first, last = nn.Conv2d(3, width, 5, padding=2), nn.Conv2d(width, 3, 5, padding=2)
    ...         self.layers = nn.Sequential(first, nn.ReLU(), last)
    ...
    ...     def forward(self, blurred):
    ...         return blurred + self.layers(blurred)
    >>> from facedeblur.methods.nets.base import make_network
    >>> sum(weights.numel() for weights in make_network("shallow", width=8).parameters())
    1211
    """

    def enter(cls: Class) -> Class:
        NETS.add(name, cls)
        _DECLARED[name] = _declared(cls, files)
        return cls

    return enter


def declared(name: str) -> Declared:
    """What the network called `name` declares.

    Raises
    ------
    InputError
        When there is no such network, or its module does not import.
    """
    if name not in _DECLARED:  # of an entry point
        factory = NETS.get(name)
        _DECLARED.setdefault(name, _declared(factory))
    return _DECLARED[name]


def make_network(name: str, **config: Any) -> nn.Module:
    """Return the network called `name`, with new weights.

    Parameters
    ----------
    name : str
        A key of `NETS`.
    **config
        Its configuration; what is not given is as published.

    Raises
    ------
    InputError
        When there is no such network, or it has no such setting.
    """
    net: nn.Module = make(NETS.get(name), config, f"network '{name}'")
    return net


def make_discriminator(name: str, **config: Any) -> nn.Module:
    """Return the discriminator called `name`, with new weights; parameters and errors as of `make_network`."""
    net: nn.Module = make(DISCRIMINATORS.get(name), config, f"discriminator '{name}'")
    return net


def _declared(factory: Callable[..., Any], files: Sequence[Sequence[str]] = ()) -> Declared:
    summary = (factory.__doc__ or "").strip().partition("\n")[0]
    return Declared(factory.__module__, summary, tuple(map(tuple, files)), keeps=getattr(factory, "keeps", {}))


def _ships(
    name: str,
    place: str,
    summary: str,
    files: tuple[tuple[str, ...], ...] = (),
    labels: tuple[str, str] | None = None,
    **keeps: Keep,
) -> None:
    place = f"facedeblur.methods.nets.{place}"
    NETS.add(name, place)
    _DECLARED[name] = Declared(place.partition(":")[0], summary, files, labels, keeps)


_ships(
    "shen2018", "shen.shen2018:Shen2018",
    "Semantic face deblurring by a parser and two scales (Shen et al., CVPR 2018).",
    (("net_P_P_S_F.mat", "net_P*.mat"), ("net_G_P_S_F.mat", "net_G*.mat")),
    labels=("semantics", "true"),
    parsing=Keep("labels"),
)  # fmt: skip
_ships(
    "shen2020", "shen.shen2020:Shen2020",
    "Semantic face deblurring, coarse, parsed and fine (Shen et al., IJCV 2020).",
    labels=("semantics", "true"),
    coarse=Keep(), parsing=Keep("labels"),
)  # fmt: skip
_ships(
    "lin2020", "lin2020:Lin2020",
    "Deblurring by sketch synthesis and a closed-form kernel (Lin et al., AAAI 2020).",
    sketch=Keep(), kernel=Keep("kernel"), initial=Keep(),
)  # fmt: skip
_ships(
    "lin2020-small", "lin2020:Lin2020Small",
    "The network of Lin et al. at small widths, with weights that come with the toolkit.",
    sketch=Keep(), kernel=Keep("kernel"), initial=Keep(),
)  # fmt: skip
_ships(
    "umsn", "umsn.network:Umsn",
    "Uncertainty guided multi-stream semantic network (Yasarla et al., TIP 2020).",
    (("SMaps_Best.pth", "SMaps*.pth"), ("Deblur_epoch*.pth", "Deblur*.pth")),
    masks=Keep(parts=UMSN_CLASSES),
    streams=Keep(sources=("class1", "class2", "class3", "class4"), parts=UMSN_CLASSES),
    nrl=Keep(),
    residuals=Keep(sources=("nrl1", "nrl2", "nrl3", "nrl4"), parts=UMSN_CLASSES),
)  # fmt: skip
_ships("dfpgnet", "dfpgnet:Dfpgnet", "Deblurring guided by estimated deep features of faces (Jung et al.).")
_ships(
    "mspl", "mspl:Mspl",
    "Progressive semantic face deblurring, four networks in a row (Lee et al., IEEE Access 2020).",
    steps=Keep(sources=("step1", "step2", "step3"), parts=("1", "2", "3")),
)  # fmt: skip
_ships(
    "deepdeblur", "deepdeblur:DeepDeblur",
    "One-step restoration of blurry faces by inception modules (Wang et al. 2017).",
)  # fmt: skip
_ships(
    "deblurgan", "deblurgan:DeblurGan",
    "Conditional adversarial network (Kupyn et al., CVPR 2018).",
    (("latest_net_G.pth", "*_net_G.pth"),),
)  # fmt: skip
_ships(
    "deblurgan-keras", "deblurgan_keras:DeblurGanKeras",
    "DeblurGAN as ported to Keras by R. Meudec, with batch normalisation (compared by Anand et al.).",
    (("generator.h5", "generator*.h5"),),
)  # fmt: skip
_ships(
    "deblurgan-v2", "deblurgan_v2:DeblurGanV2",
    "Feature pyramid over a classification network (Kupyn et al., ICCV 2019).",
    (("fpn_inception.h5", "fpn_mobilenet.h5", "best_fpn.h5", "*fpn*.h5"),),
)  # fmt: skip
_ships(
    "jin2018", "jin2018:Jin2018",
    "Convolutions on a rearranged image, wide and fast (Jin et al., CVPR Workshops 2018; our reading).",
)  # fmt: skip
_ships(
    "lu2019", "lu2019:Lu2019",
    "Training without pairs, content and blur disentangled (Lu et al., CVPR 2019).",
)  # fmt: skip
_ships(
    "nah2017", "multiscale.nah2017:Nah2017",
    "Multi-scale network for dynamic scenes (Nah et al., CVPR 2017).",
    (("model-1000.pt", "model-*.pt"),),
)  # fmt: skip
_ships(
    "srn", "multiscale.srn:Srn",
    "Scale-recurrent network with a convolutional LSTM (Tao et al., CVPR 2018).",
    (("deblur.model-523000.index", "deblur.model*.index"),
     ("deblur.model-523000.data-00000-of-00001", "deblur.model*.data-00000-of-00001")),
)  # fmt: skip
_ships(
    "dmphn", "multiscale.dmphn:Dmphn",
    "Multi-patch hierarchical network, patches level by level (Zhang et al., CVPR 2019).",
    tuple((f"{part}_lv{level}.pkl",) for part in ("encoder", "decoder") for level in range(1, 5)),
)  # fmt: skip
_ships(
    "xia2019", "xia2019:Xia2019",
    "Residual U-Net, trained with or without sharp images (Xia and Chakrabarti, NeurIPS 2019).",
    (("iter_250000.model.npz", "iter_*.model.npz"),),
)  # fmt: skip
_ships(
    "song2019", "song2019:Song2019",
    "Base image from facial components, details from exemplars (Song et al., IJCV 2019; our reading).",
    parsing=Keep("labels"), base=Keep(),
)  # fmt: skip
_ships(
    "xu2018", "xu2018:Xu2018",
    "Sharp edges by a network, then kernel and deconvolution (Xu et al., TIP 2018; our reading).",
    smooth=Keep(), edges=Keep(), kernel=Keep("kernel"),
)  # fmt: skip
_ships("facedeblur-base", "facedeblur_base:FacedeblurBase", "The compact residual U-Net that comes with the toolkit.")

for _name, _class in {"patchgan": "PatchGan", "dcgan": "Dcgan", "dfpg": "Dfpg", "double": "Double",
                      "nah2017": "Nah2017", "lu2019": "Lu2019"}.items():  # fmt: skip
    DISCRIMINATORS.add(_name, f"facedeblur.methods.nets.discriminators:{_class}")
