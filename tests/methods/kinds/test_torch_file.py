"""TorchScript files and those of ``torch.export``."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import Dim

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.find import find_method
from facedeblur.methods.kinds.exported_base import ExportedNetwork
from facedeblur.methods.kinds.torch_file import check_program
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run

CPU = Execution(device="cpu")
FREE = {0: Dim("n"), 2: Dim("h", min=8), 3: Dim("w", min=8)}


class Halve(nn.Module):
    """Half of every value, by a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 3, 1, bias=False)
        self.c.weight.data = torch.eye(3)[:, :, None, None] / 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c(x)


class Counted(Halve):
    """A network with a layer that counts batches in training."""

    def __init__(self) -> None:
        super().__init__()
        self.n = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.n(self.c(x))


def program(path: Path, net: nn.Module, *, side: int = 16, free: bool = False, dtype=torch.float32) -> Path:
    """Export a network for images of a size, or of any."""
    # Two images: torch specialises what is 1 in the example.
    example = torch.zeros(2 if free else 1, 3, side, side, dtype=dtype)
    torch.export.save(torch.export.export(net, (example,), dynamic_shapes=(FREE,) if free else None), path)
    return path


def loaded(path: Path, **options) -> ExportedNetwork:
    entry = find_method(path, options=options)
    method = entry.kind(**entry.options)
    method.load("cpu", entry.weights)
    return method


def images(height: int, width: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(height).random((count, height, width, 3), dtype=np.float32)


def test_a_program_with_free_sizes(tmp_path):
    method = loaded(program(tmp_path / "net.pt2", Halve().eval(), free=True))
    for given in (images(21, 30), images(16, 16, 3)):
        np.testing.assert_allclose(method.restore(given), given / 2, atol=1e-6)
    assert sum(one.numel() for one in method.network.parameters()) == 9


def test_a_program_for_one_size_gets_padded_images_one_at_a_time(tmp_path):
    method = loaded(program(tmp_path / "net.pt2", Halve().eval()))
    given = images(12, 16, 3)
    np.testing.assert_allclose(method.restore(given), given / 2, atol=1e-6)
    with pytest.raises(InputError, match=r"at most 16x16, the size that the file was exported for, found 17x16"):
        method.restore(images(17, 16))


def test_half_precision(tmp_path):
    method = loaded(program(tmp_path / "net.pt2", Halve().half().eval(), dtype=torch.float16))
    given = images(16, 16)
    np.testing.assert_allclose(method.restore(given), given / 2, atol=1e-3)
    assert method.stored_precision == "fp16"


def test_a_run_of_a_program(make_set, tmp_path):
    set_ = make_set(sizes=(13,), shapes=((40, 32), (40, 32)))
    outputs = run(program(tmp_path / "net.pt2", Halve().eval(), side=48), set_.root, tmp_path / "out", execution=CPU)
    assert [row.status for row in outputs.statuses()] == ["ok"] * 2
    assert (outputs.info["parameters"], outputs.info["precision"]) == (9, "fp32")


def test_a_program_that_was_exported_in_training_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"exported in training mode; call net.eval\(\) and export again"):
        loaded(program(tmp_path / "net.pt2", Counted().train()))


def altered(path: Path, change) -> Path:
    """A copy of a program whose description was changed."""
    other = path.with_name("altered.pt2")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("models/model.json"):
                data = json.dumps(change(json.loads(data))).encode()
            target.writestr(name, data)
    return other


def test_a_program_that_names_code_is_refused(tmp_path):
    made = program(tmp_path / "net.pt2", Halve().eval(), free=True)
    check_program(made)

    def operator(description):
        description["graph_module"]["graph"]["nodes"][0]["target"] = "torch.hub.load"
        return description

    def size(description):
        text = json.dumps(description).replace('"expr_str": "', '"expr_str": "__import__(\'os\').getcwd() or ', 1)
        return json.loads(text)

    with pytest.raises(InputError, match=r"the file names 'torch\.hub\.load', which is not an operator of tensors"):
        loaded(altered(made, operator))
    with pytest.raises(InputError, match=r"the file names '__import__\('os'\)"):
        loaded(altered(made, size))


def test_a_program_with_a_pickle_in_it_runs_nothing(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    made = program(tmp_path / "net.pt2", Halve().eval())
    torch.save(Trap(), tmp_path / "trap")
    other = tmp_path / "trap.pt2"
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            pickled = name.endswith("sample_inputs/model.pt")
            target.writestr(name, (tmp_path / "trap").read_bytes() if pickled else source.read(name))
    try:
        loaded(other)
    except InputError as error:
        assert "expected a file of torch.export.save" in str(error)
    assert not (tmp_path / "sprung").exists()


def test_sizes_that_do_not_fit_name_the_options(tmp_path):
    class Corner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            low = nn.functional.avg_pool2d(x, 2)
            return x + nn.functional.interpolate(low, scale_factor=2.0)

    torch.jit.script(Corner()).save(str(tmp_path / "net.ts"))
    with pytest.raises(InputError) as error:
        loaded(tmp_path / "net.ts").restore(images(21, 30))
    assert "Traceback" not in str(error.value)
    assert "the network failed: RuntimeError: The size of tensor a (21) must match" in str(error.value)
    assert "the images are 21x30: if the network takes only certain sizes, give --set multiple=N" in str(error.value)
    assert loaded(tmp_path / "net.ts", multiple=2).restore(images(21, 30)).shape == (1, 21, 30, 3)


def test_a_reason_is_the_last_line_of_a_trace(make_set, tmp_path):
    class Refuses(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape[3] > 1000, "needs wide images"
            return x

    torch.jit.script(Refuses()).save(str(tmp_path / "net.ts"))
    set_ = make_set(sizes=(13,), shapes=((32, 32),))
    (row,) = run(tmp_path / "net.ts", set_.root, tmp_path / "out", execution=CPU).statuses()
    assert row.status == "failed: the network failed: RuntimeError: AssertionError: needs wide images"
