"""The networks and discriminators by name.

A network is a ``torch.nn.Module`` whose configuration is keyword-only and defaults to the published layout, with

* ``forward(blurred)``: (N, 3, H, W) float RGB in [0, 1] to the restored picture, same shape and range;
* ``outputs(blurred, *, labels=None, kernels=None)``: every named intermediate that a loss needs, with ``restored``;
* ``multiple``: what height and width must be multiples of; ``smallest``, where it has one: what they must reach;
* ``parts``: names of the submodules that a stage trains or freezes; and where there are some that no stage trains,
  ``fixed``: their names.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

NETS: Registry[Callable[..., nn.Module]] = Registry("network", group="facedeblur.nets")
"""Name -> factory of every network; other packages add theirs by the entry-point group ``facedeblur.nets``."""

DISCRIMINATORS: Registry[Callable[..., nn.Module]] = Registry("discriminator", group="facedeblur.discriminators")
"""Name -> factory of every discriminator."""

_NETS = {
    "shen2018": "shen.shen2018:Shen2018",
    "shen2020": "shen.shen2020:Shen2020",
    "lin2020": "lin2020:Lin2020",
    "umsn": "umsn.network:Umsn",
    "dfpgnet": "dfpgnet:Dfpgnet",
    "mspl": "mspl:Mspl",
    "deepdeblur": "deepdeblur:DeepDeblur",
    "deblurgan": "deblurgan:DeblurGan",
    "deblurgan-v2": "deblurgan_v2:DeblurGanV2",
    "facedeblur-base": "facedeblur_base:FacedeblurBase",
}
for _name, _place in _NETS.items():
    NETS.add(_name, f"facedeblur.methods.nets.{_place}")

_DISCRIMINATORS = {"patchgan": "PatchGan", "dcgan": "Dcgan", "dfpg": "Dfpg", "double": "Double"}
for _name, _class in _DISCRIMINATORS.items():
    DISCRIMINATORS.add(_name, f"facedeblur.methods.nets.discriminators:{_class}")


def network(name: str, **config: Any) -> nn.Module:
    """The network called `name`, with new weights.

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
    return _made(NETS, name, config)


def discriminator(name: str, **config: Any) -> nn.Module:
    """The discriminator called `name`, with new weights; parameters and errors as of `network`."""
    return _made(DISCRIMINATORS, name, config)


def _made(registry: Registry[Callable[..., nn.Module]], name: str, config: dict[str, Any]) -> nn.Module:
    factory = registry.get(name)
    settings = inspect.signature(factory).parameters
    if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in settings.values()):
        for key in config:
            if key not in settings:
                raise InputError(
                    f"{registry.kind} '{name}', setting '{key}'", expected="one that it has", do=suggest(key, settings)
                )
    return factory(**config)
