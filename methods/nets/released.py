"""Readers of the weights that papers' authors have released.

Each takes the paths of the files and gives the configuration of our network and a function from the network to its
state. Nothing but tensors is read from the files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import read_state

State = Callable[[nn.Module], Mapping[str, Tensor]]
Read = tuple[dict[str, Any], State]


def umsn(segmentation: Path, deblurring: Path) -> Read:
    """UMSN: ``SMaps_Best.pth`` and ``Deblur_epoch_N.pth`` of rajeevyasarla/UMSN-Face-Deblurring.

    Raises
    ------
    InputError
        When they are not these.
    """
    from facedeblur.methods.nets.umsn.keys import umsn_state

    state = umsn_state(read_state(segmentation), read_state(deblurring))
    return {}, lambda net: state


def shen2018(parser: Path, deblurring: Path) -> Read:
    """Shen 2018: ``net_P_P_S_F.mat`` and ``net_G_P_S_F.mat`` of joanshen0508/Deep-Semantic-Face-Deblurring.

    Raises
    ------
    InputError
        When they are not these.
    """
    from facedeblur.methods.nets.shen.mat import shen_state

    config, state = shen_state(parser, deblurring)
    return config, lambda net: state


def deblurgan(file: Path) -> Read:
    """DeblurGAN: ``latest_net_G.pth`` of KupynOrest/DeblurGAN, of nine blocks or six, instance normalisation.

    Raises
    ------
    InputError
        When it is another network.
    """
    theirs = read_state(file)
    state, config = deblurgan_state(theirs, str(file))
    return config, lambda net: state


def deblurgan_state(theirs: Mapping[str, Tensor], what: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Rename the authors' tensors; width and number of blocks follow from them.

    Their generator is one ``torch.nn.Sequential`` called ``model``: the convolutions are its entries 1, 4 and 7,
    blocks follow from 10 on (convolutions 1 and 5 or, with dropout, 6 of ``conv_block``), then
    the two transposed convolutions and the last one, 3 and 7 places behind the first of them.

    Parameters
    ----------
    theirs : mapping of str to torch.Tensor
    what : str
        The file, for the error line.

    Returns
    -------
    (dict, dict)
        State and configuration of `facedeblur.methods.nets.deblurgan.DeblurGan`.

    Raises
    ------
    InputError
        When a tensor is missing or left over, as with the code of December 2019, whose blocks have one convolution.
    """
    blocks = len({name.split(".")[1] for name in theirs if ".conv_block." in name})
    behind = 10 + blocks
    dropout = any(name.endswith(".conv_block.6.weight") for name in theirs)
    places = {"1": "down.1", "4": "down.4", "7": "down.7"}
    places |= {f"{behind}": "up.0", f"{behind + 3}": "up.3", f"{behind + 7}": "up.7"}
    for i in range(blocks):
        places[f"{10 + i}.conv_block.1"] = f"body.{i}.body.1"
        places[f"{10 + i}.conv_block.{6 if dropout else 5}"] = f"body.{i}.body.6"
    names = {f"model.{old}.{part}": f"{new}.{part}" for old, new in places.items() for part in ("weight", "bias")}
    # Instance normalisation of before torch 0.4 kept running moments that nobody used.
    foreign = [name for name in theirs if name not in names and ".running_" not in name and "num_batches" not in name]
    missing = [name for name in names if name not in theirs]
    if foreign or missing:
        found = f"'{foreign[0]}' as well" if foreign else f"no '{missing[0]}'"
        raise InputError(what, expected="DeblurGAN's generator with two convolutions a block", found=found)
    config = {"width": int(theirs["model.1.weight"].shape[0]), "blocks": blocks}
    return {new: theirs[old] for old, new in names.items()}, config


def deblurgan_v2(file: Path) -> Read:
    """DeblurGAN-v2: ``fpn_inception.h5`` or ``fpn_mobilenet.h5`` of VITA-Group/DeblurGANv2 (torch files, in spite of
    their ending).

    Raises
    ------
    InputError
        When it is neither.
    """
    from facedeblur.methods.nets.deblurgan_v2 import DeblurGanV2, authors_state

    theirs = read_state(file)
    lateral, head = (theirs.get(name) for name in ("fpn.lateral4.weight", "head1.block0.weight"))
    if lateral is None or head is None:
        raise InputError(str(file), expected="DeblurGAN-v2's generator", found=f"'{next(iter(theirs))}'")
    backbone = "inception-resnet-v2" if lateral.shape[1] == 2080 else "mobilenet-v2"

    def state(net: nn.Module) -> Mapping[str, Tensor]:
        assert isinstance(net, DeblurGanV2)
        return authors_state(net, theirs)

    return {"backbone": backbone, "width": int(head.shape[0])}, state
