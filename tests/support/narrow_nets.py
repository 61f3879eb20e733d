"""The narrow configuration of every network, which all tests share, and its weights as a training exports them."""

from __future__ import annotations

from pathlib import Path

import torch

from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.methods.nets.base import make_network

NARROW: dict[str, dict[str, object]] = {
    "shen2018": {"width": 8, "parser_width": 8, "resblocks": 1},
    "shen2020": {"width": 8, "parser_width": 8, "resblocks": 1},
    "lin2020": {"width": 8, "resblocks": 1, "clean_width": 8, "clean_resblocks": 1, "kernel_size": 15},
    "lin2020-small": {"width": 8, "resblocks": 1, "clean_width": 8, "clean_resblocks": 1, "kernel_size": 15},
    "umsn": {"width": 16, "segmentation_width": 8, "stream_width": 4},
    "dfpgnet": {"width": 16, "blocks": 1, "prior_blocks": 1, "reduction": 4},
    "mspl": {"width": 16, "blocks": 1, "reduction": 1},
    "deepdeblur": {"width": 16, "reduced": 8, "modules": 2},
    "deblurgan": {"width": 16, "blocks": 2},
    "deblurgan-keras": {"width": 8, "blocks": 2},
    "deblurgan-v2": {"backbone": "mobilenet-v2", "width": 32},
    "dmphn": {"width": 4},
    "jin2018": {"width": 8, "joint": 8},
    "lu2019": {"width": 4},
    "nah2017": {"width": 8, "blocks": 2},
    "srn": {"width": 4, "blocks": 1},
    "song2019": {"width": 8, "blocks": 1, "parser_width": 8, "exemplars": 4, "side": 32},
    "xia2019": {"width": 4, "depth": 5},
    "xu2018": {"width": 8, "details": 2, "edges": 3, "kernel_size": 15},
    "facedeblur-base": {"widths": [8, 16, 16, 16], "depths": [1, 1, 1, 1]},
}


def narrow_network(name: str) -> torch.nn.Module:
    """The network with reproducible weights; nothing in it is zero that starts as zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        net = make_network(name, **NARROW[name])
        if name == "umsn":
            # The authors' first weights are so small that a narrow network gives nearly the same for every image.
            for module in net.modules():
                if isinstance(module, torch.nn.Conv2d):
                    module.reset_parameters()
        for parameter in net.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
    return net.eval()


def write_narrow(name: str, folder: Path, *, file: str = "", **header: object) -> torch.nn.Module:
    """Write ``NAME.safetensors`` as a training does; return the network."""
    net = narrow_network(name)
    folder.mkdir(parents=True, exist_ok=True)
    card = {"name": name, "network": name, "config": NARROW[name], "stage": "all", "stage_step": 1}
    write_tensors(folder / (file or f"{name}.safetensors"), net.state_dict(), card | header)
    return net
