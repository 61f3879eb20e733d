"""UMSN's released weights, read into our network: the authors' tensor names and ours.

The authors release two files: of the segmentation network (``SMaps_Best.pth``) and of the deblurring network
(``Deblur_epoch_N.pth``, its names behind ``module.``). Their 1x1 transition layers are transposed convolutions, whose
weights lie the other way round. What their code makes and never applies goes to `idle`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from facedeblur.benchmark.errors import InputError

_DEEP = ("3", "3_1", "3_2")
_SIDES = ("11", "21", "31", "3_11", "3_21", "41", "51")
_SEGMENTATION, _DEBLURRING = "segmentation", "deblurring"
# Moments of two batch normalisations that are never applied: no place in our network.
_WITHOUT_PLACE = tuple(
    f"batchnorm{size}.{name}" for size in (1, 20) for name in ("running_mean", "running_var", "num_batches_tracked")
)


def idle_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights that the authors' code has and never applies, 116,048 numbers.

    A name is the file's (``segmentation/`` or ``deblurring/``) before the authors' name with ``/`` for each dot.
    """
    seg: dict[str, tuple[int, ...]] = {
        f"dense_block{name}.sharewconv1.weight": (1, 1, 3, 3) for name in ("2", *_DEEP, "4", "5")
    }
    seg |= {"refineclean1.weight": (8, 4, 7, 7), "refineclean1.bias": (8,)}
    seg |= {"refineclean2.weight": (4, 8, 3, 3), "refineclean2.bias": (4,)}
    seg |= {f"batchnorm{size}.{name}": (size,) for size in (1, 20) for name in ("weight", "bias")}
    deblur: dict[str, tuple[int, ...]] = {f"conf_ker.conv{i}.conv_o.weight": (32, 16, 1, 1) for i in (2, 3, 4)}
    deblur |= {"conf_ker.conv4.conv1.weight": (96, 16, 1, 1), "conf_ker.conv4.conv2.weight": (96, 96, 3, 3)}
    deblur |= {"conf_ker.conv4.conv4.weight": (32, 96, 3, 3)}
    for net in ("", *(f"deblur_class{i}." for i in (1, 2, 3, 4))):
        for i in (1, 2, 3, 4):
            deblur |= {f"{net}conv10{i}0.weight": (1, 20, 1, 1), f"{net}conv10{i}0.bias": (1,)}
    both = ((_SEGMENTATION, seg), (_DEBLURRING, deblur))
    return {_idle(file, name): shape for file, names in both for name, shape in names.items()}


def umsn_state(*files: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn state dicts of the authors into one for ``Umsn(preset="code")``.

    Parameters
    ----------
    *files : mapping of str to torch.Tensor
        One or both of the authors' files, in any order. With one, the result has that part only.

    Raises
    ------
    InputError
        For a file that is neither, is given twice, has names that do not belong in it or lacks some.
    """
    state: dict[str, Tensor] = {}
    seen: set[str] = set()
    for weights in files:
        named = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
        file = _SEGMENTATION if "refine3_i.weight" in named else _DEBLURRING
        table = _table(file)
        foreign = [name for name in named if name not in table and name not in _WITHOUT_PLACE]
        # torch before 0.4.1 did not count batches; our networks do not need the number.
        missing = [name for name in table if name not in named and not name.endswith(".num_batches_tracked")]
        if foreign or missing:
            raise InputError(
                "weights for umsn", expected=f"the names of the authors' {file} network",
                found=f"{len(foreign)} other names ({', '.join(foreign[:2]) or 'none'}) "
                f"and {len(missing)} missing ({', '.join(missing[:2]) or 'none'})",
                do="give the authors' SMaps or Deblur file",
            )  # fmt: skip
        if file in seen:
            raise InputError(f"weights for umsn: the file of the {file} network is given twice")
        seen.add(file)
        for theirs, (ours, turned) in table.items():
            if theirs in named:
                state[ours] = named[theirs].transpose(0, 1).contiguous() if turned else named[theirs]
            else:
                state[ours] = torch.tensor(0)
    return state


def _idle(file: str, name: str) -> str:
    return f"{file}/{name}".replace(".", "/")


def _table(file: str) -> dict[str, tuple[str, bool]]:
    """Their name -> (our name, whether the two channel axes change places)."""
    table = _segmentation_table() if file == _SEGMENTATION else _deblurring_table()
    for name in idle_shapes():
        where, _, path = name.partition("/")
        if where == file:
            theirs = ".".join(path.split("/"))
            table[theirs] = (f"idle.{name}", False)
    return table


def _block(theirs: str, ours: str, *, convs: int = 3, smooth: str = "", shortcut: bool = True) -> dict[str, str]:
    names = {f"{theirs}.conv1.weight": f"{ours}.expand.weight"}
    for place, conv in enumerate((2, 3, 4) if convs == 3 else (2, 4)):
        names[f"{theirs}.conv{conv}.weight"] = f"{ours}.convs.{place}.weight"
    if smooth:
        names[f"{theirs}.{smooth}.weight"] = f"{ours}.smooth.weight"
    if shortcut:
        names[f"{theirs}.conv_o.weight"] = f"{ours}.shortcut.weight"
    return names


def _norms(theirs: str, ours: str) -> dict[str, str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return {
        f"{theirs}.bn{number}.{part}": f"{ours}.norms.{place}.{part}"
        for place, number in enumerate((1, 2, 4)) for part in parts
    }  # fmt: skip


def _convs(pairs: Mapping[str, str], theirs: str = "", ours: str = "") -> dict[str, str]:
    return {f"{theirs}{old}.{part}": f"{ours}{new}.{part}" for old, new in pairs.items() for part in ("weight", "bias")}


def _straight(names: Mapping[str, str]) -> dict[str, tuple[str, bool]]:
    return {theirs: (ours, False) for theirs, ours in names.items()}


def _turned(names: Mapping[str, str]) -> dict[str, tuple[str, bool]]:
    return {f"{theirs}.conv1.weight": (f"{ours}.project.weight", True) for theirs, ours in names.items()}


def _segmentation_table() -> dict[str, tuple[str, bool]]:
    net = "segmentation."
    steps = {"2": "down", **{name: f"deep.{i}" for i, name in enumerate(_DEEP)}, "4": "climb"}
    names = _block("dense_block1", f"{net}enter.block") | _block("dense_block6", f"{net}last.block")
    wide = {f"dense_block{name}": f"{net}{step}.block" for name, step in steps.items()}
    wide["dense_block5"] = f"{net}merge"
    for theirs, ours in wide.items():
        names |= _block(theirs, ours, convs=2, smooth="sharewconv2") | _norms(theirs, ours)
    names |= _convs(
        {
            "conv_refin": "squeeze", "conv_refin64": "squeeze_half", "refine3": "logits", "refine3_i": "logits_half",
            **{f"conv{side}": f"sides.convs.{i}" for i, side in enumerate(_SIDES)},
        },
        ours=net,
    )  # fmt: skip
    moves = {"1": "enter", **steps, "6": "last"}
    turned = {f"trans_block{name}": f"{net}{step}.transition" for name, step in moves.items()}
    return _straight(names) | _turned({**turned, "trans_block5": f"{net}up"})


def _deblurring_table() -> dict[str, tuple[str, bool]]:
    finish = {"refine3": "finish.residual", "refineclean1": "finish.clean1", "refineclean2": "finish.clean2"}
    names: dict[str, str] = {}
    turned: dict[str, str] = {}
    for i in range(4):
        theirs, ours = f"deblur_class{i + 1}.", f"streams.{i}."
        for name, step in {"1": "enter", "2": "deep1", "3": "deep2", "5": "merge", "6": "last"}.items():
            smooth = "" if name in "16" else "sharewconv"
            names |= _block(f"{theirs}dense_block{name}", f"{ours}{step}.block", smooth=smooth)
            if name != "6":
                turned[f"{theirs}trans_block{name}"] = f"{ours}{step}.transition"
        names |= _linear(f"{theirs}trans_block6", f"{ours}last.transition")
        names |= _convs({"conv_refin": "subtract", "conv_refin_in": "skip", **finish}, theirs, ours)
    names |= _block("dense_block_cl", "base.fuse", convs=2)
    steps = {"1": "enter", "6": "last"} | {name: f"deep.{i}" for i, name in enumerate(("2", *_DEEP, "4"))}
    for name, step in steps.items():
        names |= _block(f"dense_block{name}", f"base.{step}.block", smooth="" if name in "126" else "sharewconv")
        turned[f"trans_block{name}"] = f"base.{step}.transition"
    names |= _block("dense_block5", "base.merge") | _linear("trans_block5", "base.up")
    halves = {"conv_refin_in64": "skip_half", "conv_refin64": "subtract_half"}
    sides = {f"conv{side}": f"sides.convs.{i}" for i, side in enumerate(_SIDES)}
    names |= _convs({"conv_refin": "subtract", "conv_refin_in": "skip", **halves, **finish, **sides}, ours="base.")
    for i in (2, 3):
        names |= _block(f"conf_ker.conv{i}", f"confidence.blocks.{i - 2}", convs=2, shortcut=False)
    names |= _convs({"conv1": "enter", "conv_refin": "values"}, "conf_ker.", "confidence.")
    turned |= {f"conf_ker.trans_block{i + 1}": f"confidence.downs.{i}" for i in range(3)}
    turned["conf_ker.trans_block4"] = "confidence.last"
    return _straight(names) | _turned(turned)


def _linear(theirs: str, ours: str) -> dict[str, str]:
    return {f"{theirs}.conv1.weight": f"{ours}.project.weight", f"{theirs}.conv2.weight": f"{ours}.refine.weight"}
