"""Networks as ONNX: exported, checked against torch, and run as methods of the kind ``onnx``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from narrow_nets import NARROW, write_narrow
from onnx import TensorProto, helper, numpy_helper

from facedeblur.benchmark.config import read_toml
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png
from facedeblur.cli.export import export as command
from facedeblur.methods.base import METHODS
from facedeblur.methods.find import find_method
from facedeblur.methods.kinds.export import _traced, export_network
from facedeblur.methods.kinds.onnx_file import Onnx
from facedeblur.methods.nets.loading import find_files
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run

CPU = Execution(device="cpu")

EXPORTABLE = [name for name in NARROW if name not in ("lin2020", "lin2020-small", "mspl", "xu2018")]
"""MSPL exports as DFPGnet does, of whose blocks it is made, and takes long."""


def model(path: Path, *, factor: float = 0.5, shape: tuple = ("n", 3, "h", "w"), kind: int = TensorProto.FLOAT) -> Path:
    """Write an ONNX file that multiplies by a number."""
    ends = [helper.make_tensor_value_info(name, kind, shape) for name in ("x", "y")]
    constant = helper.make_tensor("factor", kind, [1], [factor])
    node = helper.make_node("Mul", ["x", "factor"], ["y"])
    graph = helper.make_graph([node], "mul", ends[:1], ends[1:], [constant])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, str(path))
    return path


def loaded(path: Path, **options) -> Onnx:
    method = Onnx(**options)
    method.load("cpu", {path.name: path})
    return method


def photograph(height: int, width: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(height).random((count, height, width, 3), dtype=np.float32)


@pytest.mark.parametrize("name", EXPORTABLE)
def test_networks_export_with_free_sizes(name, tmp_path):
    write_narrow(name, tmp_path)
    done = export_network(name, tmp_path / "net.onnx", weights=tmp_path, size=40)
    assert done.free == ("images", "height", "width")
    assert done.difference < 1e-3
    onnx.checker.check_model(str(done.path))
    # Through the block, on a size that is no multiple of anything: padded as the network itself.
    entry = find_method(done.block)
    method = entry.kind(**entry.options)
    method.load("cpu", entry.weights)
    own = METHODS.get(name)()
    own.load("cpu", {path.name: path for path in find_files(name, [tmp_path])})
    image = photograph(45, 70, count=2)
    np.testing.assert_allclose(method.restore(image), own.restore(image), atol=1e-3)


@pytest.mark.parametrize(("name", "ending"), [("facedeblur-base", "ts"), ("shen2020", "pt2")])
def test_torchscript_and_programs_give_what_the_network_gives(name, ending, tmp_path):
    write_narrow(name, tmp_path)
    done = export_network(name, tmp_path / f"net.{ending}", weights=tmp_path, size=48)
    assert done.difference < 1e-3 and done.free == ("images", "height", "width")
    entry = find_method(done.block)
    method = entry.kind(**entry.options)
    method.load("cpu", entry.weights)
    own = METHODS.get(name)()
    own.load("cpu", {path.name: path for path in find_files(name, [tmp_path])})
    image = photograph(69, 80, count=2)
    np.testing.assert_allclose(method.restore(image), own.restore(image), atol=1e-3)


def test_a_network_whose_trace_knows_one_size_is_no_torchscript(tmp_path):
    write_narrow("xu2018", tmp_path)
    with pytest.raises(InputError, match=r"network 'xu2018' as torchscript does not run: .*; run it by name"):
        export_network("xu2018", tmp_path / "net.ts", weights=tmp_path, size=48)
    assert not (tmp_path / "net.ts").exists()


def test_an_unfinished_network_is_exported_as_far_as_it_restores(tmp_path):
    reached = {"stage": "coarse", "stage_steps": 5, "until": "coarse", "finished": False}
    net = write_narrow("shen2020", tmp_path, **reached)
    done = export_network("shen2020", tmp_path / "net.onnx", weights=tmp_path, size=40)
    assert "in stage 'coarse' after step 1 of 5" in done.remark
    image = photograph(64, 64)
    with torch.no_grad():
        coarse = net.outputs(torch.from_numpy(image).permute(0, 3, 1, 2))["coarse"].permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(loaded(done.path).restore(image), coarse, atol=1e-3)


@pytest.mark.parametrize("name", ["lin2020", "xu2018"])
def test_fourier_transforms_do_not_export(name, tmp_path, capfd):
    write_narrow(name, tmp_path)
    with pytest.raises(InputError) as error:
        export_network(name, tmp_path / "net.onnx", weights=tmp_path, size=64)
    assert f"network '{name}' cannot be exported: ONNX has no Fourier transforms" in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"{name}.safetensors"]
    assert capfd.readouterr().out == ""


def test_a_file_that_differs_from_torch_is_refused(tmp_path, monkeypatch):
    write_narrow("facedeblur-base", tmp_path)

    def other(net, *arguments):
        with torch.no_grad():
            net.tail.bias += 0.002
            made = _traced(net, *arguments)
            net.tail.bias -= 0.002
        return made

    monkeypatch.setattr("facedeblur.methods.kinds.export._traced", other)
    with pytest.raises(InputError, match=r"within 0.001 of torch's, found a difference of 0.002 for 1x32x32"):
        export_network("facedeblur-base", tmp_path / "net.onnx", weights=tmp_path, size=32)
    assert not (tmp_path / "net.onnx").exists()
    assert not (tmp_path / "net.toml").exists()


def test_what_does_not_work_with_free_sizes_is_fixed(tmp_path, monkeypatch):
    write_narrow("facedeblur-base", tmp_path)

    def fixed(net, name, side, axes, opset):
        # Sizes that are free are exported as if they were not: onnxruntime refuses another one.
        return _traced(net, name, side, {} if 2 in axes else axes, opset)

    monkeypatch.setattr("facedeblur.methods.kinds.export._traced", fixed)
    done = export_network("facedeblur-base", tmp_path / "net.onnx", weights=tmp_path, size=32)
    assert done.free == ("images",)
    method = loaded(done.path, multiple=16)
    assert method.restore(photograph(20, 32, count=3)).shape == (3, 20, 32, 3)
    with pytest.raises(InputError, match=r"at most 32x32, .* found 40x32"):
        method.restore(photograph(40, 32))


def test_the_description_states_what_the_weights_were_trained_on(tmp_path):
    made = export_network("facedeblur-base", tmp_path / "net.ts", size=32)
    values, _ = read_toml(made.block)
    assert values["trained_on"] == ["CelebAMask-HQ"] and values["licence"] == "non-commercial research only"


def test_the_command(tmp_path):
    write_narrow("facedeblur-base", tmp_path)
    out = tmp_path / "there" / "net.onnx"
    arguments = ["facedeblur-base", "--weights", str(tmp_path), "-o", str(out), "--size", "20"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    assert "(variable: images, height, width; differs from torch by at most" in done.output
    assert f"facedeblur run {out.with_suffix('.toml')} SET" in done.output
    block, _ = read_toml(out.with_suffix(".toml"))
    assert (block["kind"], block["path"], block["multiple"]) == ("onnx", "net.onnx", 16)
    assert CliRunner().invoke(command, [*arguments, "--quiet"]).output == ""


@pytest.mark.parametrize(
    ("name", "out", "why"),
    [
        ("facedeblur-base", "net.pt", "ends in .onnx, .ts or .pt2"),
        ("facedeblur-basic", "net.onnx", "did you mean 'facedeblur-base'"),
    ],
)
def test_bad_requests_are_one_line(name, out, why, tmp_path):
    with pytest.raises(InputError, match=why):
        export_network(name, tmp_path / out)


# The kind ``onnx``.


def test_a_run_of_an_onnx_file(make_set, tmp_path):
    set_ = make_set(sizes=(13,), shapes=((40, 32), (33, 32)))
    block = tmp_path / "halved.toml"
    model(tmp_path / "net.onnx")
    block.write_text('kind = "onnx"\npath = "net.onnx"\nversion = "3"\nmultiple = 16\n')
    outputs = run(block, set_.root, tmp_path / "out", workers=1, execution=CPU)
    assert [row.status for row in outputs.statuses()] == ["ok"] * 2
    for pair in set_.pairs():
        wanted = set_.blurred(pair) / 255 * 0.5 * 255
        assert np.abs(read_png(tmp_path / "out" / pair.name) - wanted).max() <= 0.51
    assert outputs.info["bytes_weights"] == (tmp_path / "net.onnx").stat().st_size
    with pytest.raises(InputError, match="precision 'bf16' cannot be set: method 'net' has the precision of its file"):
        run(block, set_.root, tmp_path / "half", workers=1, execution=Execution(device="cpu", precision="bf16"))


def test_the_file_itself_is_a_method(tmp_path):
    entry = find_method(model(tmp_path / "net.onnx"), options={"range": "-1..1"})
    assert (entry.kind, entry.shown, entry.options["range"]) == (Onnx, "net[range=-1..1]", "-1..1")
    with pytest.raises(InputError, match="a registered name"):
        find_method(tmp_path / "absent.onnx")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, lambda x: x / 2),
        ({"range": "-1..1"}, lambda x: (x - 0.5) / 2 + 0.5),
        ({"range": "0..255"}, lambda x: x / 2),
        ({"channels": "bgr"}, lambda x: x / 2),
        ({"multiple": 16, "smallest": 64}, lambda x: x / 2),
    ],
)
def test_ranges_and_padding(options, wanted, tmp_path):
    image = photograph(21, 30, count=2)
    np.testing.assert_allclose(loaded(model(tmp_path / "net.onnx"), **options).restore(image), wanted(image), atol=1e-6)


def test_the_order_of_the_channels(tmp_path):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ("n", 3, "h", "w")) for name in ("x", "y")]
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [1, 3, 1, 1], [1.0, 0.0, 0.0])
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "weights"], ["y"])], "first", ends[:1], ends[1:], [weights]
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "net.onnx"
    )
    image = photograph(4, 4)
    assert np.array_equal(loaded(tmp_path / "net.onnx").restore(image), image * [1, 0, 0])
    assert np.array_equal(loaded(tmp_path / "net.onnx", channels="bgr").restore(image), image * [0, 0, 1])


def test_a_fixed_batch_is_filled_up(tmp_path):
    method = loaded(model(tmp_path / "net.onnx", shape=(2, 3, 24, 32)))
    image = photograph(20, 32, count=5)
    np.testing.assert_allclose(method.restore(image), image / 2, atol=1e-6)


def test_half_precision_files_take_half_precision(tmp_path):
    method = loaded(model(tmp_path / "net.onnx", kind=TensorProto.FLOAT16))
    image = photograph(8, 8)
    restored = method.restore(image)
    assert restored.dtype == np.float32
    np.testing.assert_allclose(restored, image / 2, atol=1e-3)


def test_unusable_files_are_one_line(tmp_path, monkeypatch):
    torn = tmp_path / "torn.onnx"
    torn.write_bytes(model(tmp_path / "net.onnx").read_bytes()[:30])
    with pytest.raises(InputError, match="expected an ONNX file"):
        loaded(torn)
    with pytest.raises(InputError, match=r"expected one input of RGB images, \(N, 3, H, W\) or .*, found x"):
        loaded(model(tmp_path / "grey.onnx", shape=("n", 1, "h", "w")))
    with pytest.raises(InputError, match="option 'output': expected a number below 1, found 2"):
        loaded(tmp_path / "net.onnx", output=2)
    with pytest.raises(InputError, match="option 'smallest'"):
        Onnx(smallest=0)
    with pytest.raises(InputError, match=r"device 'cuda:1': .*install onnxruntime-gpu"):
        import onnxruntime

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
        Onnx().load("cuda:1", {"net.onnx": tmp_path / "net.onnx"})


def test_no_memory_is_told_to_the_runner(tmp_path):
    method = loaded(model(tmp_path / "net.onnx"))

    class Full:
        def run(self, *arguments):
            raise RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 9")

    method._session = Full()
    with pytest.raises(MemoryError):
        method.restore(photograph(8, 8))


def test_the_provider_of_a_gpu(monkeypatch):
    import onnxruntime

    from facedeblur.methods.kinds.onnx_file import _provider

    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    assert _provider(onnxruntime, "cuda") == ("CUDAExecutionProvider", {"device_id": 0})
    assert _provider(onnxruntime, "cuda:3") == ("CUDAExecutionProvider", {"device_id": 3})
    assert _provider(onnxruntime, "cpu") == "CPUExecutionProvider"


def external(path: Path, gain: float) -> Path:
    """Write an ONNX file whose weights are in ``NAME.data``, as torch 2.9 and later do by default."""
    weights = np.zeros((3, 3, 1, 1), np.float32)
    weights[range(3), range(3)] = gain
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("x", "y")]
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data = path.with_name(f"{path.name}.data")
    data.unlink(missing_ok=True)
    onnx.save(made, str(path), save_as_external_data=True, location=data.name, size_threshold=0)
    return path


def test_weights_in_a_file_of_their_own_belong_to_the_run(tiny, tmp_path):
    net = external(tmp_path / "net.onnx", 1.0)
    before = net.read_bytes()
    first = run(net, tiny.root, tmp_path / "out", execution=CPU)
    assert set(first.info["weights"]) == {"net.onnx", "net.onnx.data"}
    assert first.info["bytes_weights"] == net.stat().st_size + net.with_name("net.onnx.data").stat().st_size
    external(net, 0.5)
    assert net.read_bytes() == before
    with pytest.raises(InputError, match=r"expected a run with weights\.net\.onnx\.data"):
        run(net, tiny.root, tmp_path / "out", execution=CPU)
    other = run(net, tiny.root, tmp_path / "other", execution=CPU)
    pair = next(tiny.pairs())
    darker = read_png(other.root / pair.name).astype(int) - tiny.blurred(pair) / 2
    assert np.abs(darker).max() <= 0.5 and other.run_hash != first.run_hash
    net.with_name("net.onnx.data").unlink()
    with pytest.raises(InputError, match=r"net\.onnx\.data.*next to the ONNX file"):
        find_method(net)


@pytest.mark.parametrize(("kind", "name"), [(TensorProto.FLOAT16, "fp16"), (TensorProto.FLOAT, "fp32")])
def test_the_precision_of_the_file_is_recorded(tiny, tmp_path, kind, name):
    path = model(tmp_path / "net.onnx", kind=kind)
    outputs = run(path, tiny.root, tmp_path / "out", execution=CPU)
    assert (outputs.info["precision"], outputs.info["requested_precision"]) == (name, "fp32")
    assert run(path, tiny.root, tmp_path / "out", execution=CPU).info == outputs.info, "it resumes"


@pytest.mark.parametrize(("dtype", "name"), [(torch.float16, "fp16"), (torch.float64, "fp64"), (torch.float32, "fp32")])
def test_the_precision_of_torchscript_is_recorded(tiny, tmp_path, dtype, name):
    net = torch.nn.Conv2d(3, 3, 1).to(dtype)
    torch.jit.script(net).save(str(tmp_path / "net.ts"))
    outputs = run(tmp_path / "net.ts", tiny.root, tmp_path / "out", execution=CPU)
    assert outputs.info["precision"] == name
    assert outputs.info["counts"]["ok"] == tiny.n_pairs
