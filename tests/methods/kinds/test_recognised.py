"""Files that are given as a network: each is named for what it is."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.methods.find import find_method
from facedeblur.methods.kinds.recognised import kind_of_network


class Net(nn.Module):
    """A network that changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c(x)


def test_kinds_are_found_by_content_not_by_name(tmp_path):
    torch.jit.script(Net()).save(str(tmp_path / "net.pth"))
    torch.export.save(torch.export.export(Net().eval(), (torch.zeros(1, 3, 8, 8),)), tmp_path / "net.pt2")
    (tmp_path / "net.pt2").rename(tmp_path / "net.bin")
    assert kind_of_network(tmp_path / "net.pth") == "torchscript"
    assert kind_of_network(tmp_path / "net.bin") == "pt2"
    (tmp_path / "block.toml").write_text('kind = "onnx"\npath = "net.pth"\n')
    with pytest.raises(
        InputError, match=r'expected an ONNX file, found a TorchScript file; write kind = "torchscript"'
    ):
        find_method(tmp_path / "block.toml")


def hdf5(path: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(20))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")


CASES = {
    "weights.pth": (
        lambda path: torch.save(Net().state_dict(), path),
        "this is a state dict (2 tensors, 'c.weight' first), the weights of a network without its code; load it into",
    ),
    "old.pth": (
        lambda path: torch.save(Net().state_dict(), path, _use_new_zipfile_serialization=False),
        "this is a state dict (2 tensors, 'c.weight' first)",
    ),
    "ckpt.tar": (
        lambda path: torch.save({"state_dict": Net().state_dict(), "epoch": 3}, path),
        "this is a checkpoint with state_dict, epoch, without the code of its network; load it into",
    ),
    "whole.pt": (
        lambda path: torch.save(Net(), path),
        f"this is a pickled Python object of class {Net.__module__}.Net, which only its own code can load; load it in",
    ),
    "old.pt": (
        lambda path: torch.save(Net(), path, _use_new_zipfile_serialization=False),
        f"this is a pickled Python object of class {Net.__module__}.Net",
    ),
    "layer.pt": (
        lambda path: torch.save(nn.Conv2d(3, 3, 1), path),
        "this is a pickled Python object of class torch.nn.modules.conv.Conv2d",
    ),
    "one.pt": (lambda path: torch.save(torch.zeros(3), path), "this is a single tensor, not a network"),
    "list.pt": (lambda path: torch.save([1, 2], path), "this is a saved list, not a network"),
    "umsn.safetensors": (
        lambda path: write_tensors(path, {"a": torch.zeros(1)}, {"network": "umsn"}),
        "this is weights without their network; run the network with them: facedeblur run umsn SET --weights umsn.safe",
    ),
    "net.h5": (hdf5, "this is an HDF5 file, such as Keras writes; export the network to ONNX"),
    "net.tflite": (lambda path: path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(9)), "this is a TensorFlow Lite file"),
    "pack.zip": (zipped, "found a ZIP archive"),
    "page.pt": (lambda path: path.write_text("<!DOCTYPE html><html>"), "found an HTML page"),
    "empty.ts": (lambda path: path.touch(), "found an empty file"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_network_is_named(name, tmp_path):
    write, said = CASES[name]
    write(tmp_path / name)
    with pytest.raises(InputError) as error:
        find_method(tmp_path / name)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_nothing_in_a_pickle_is_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"net": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(InputError, match=r"trap.pth: this is a pickled Python object of class pathlib.Path, which"):
        find_method(tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()
