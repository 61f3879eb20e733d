"""Every network as a method: sizes, tiles, options, and what the runner makes of failures."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from narrow_nets import NARROW, write_narrow
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png, to_uint8
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.weights import sha256_of
from facedeblur.methods.base import METHODS, Spec
from facedeblur.methods.find import find_method
from facedeblur.methods.kinds.network import NetworkMethod
from facedeblur.methods.nets.base import NETS, declared
from facedeblur.methods.nets.tiles import mirror, restore_whole, tile_starts, whole_side
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run

CPU = Execution(device="cpu")

PLUGIN = """
import torch
from torch import nn
from facedeblur.methods.nets.base import network

class Plain(nn.Module):
    multiple = 4
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))
    def forward(self, blurred):
        return self.weight * blurred

@network("hungry")
class Hungry(Plain):
    '''Takes two images at a time.'''
    def forward(self, blurred):
        if len(blurred) > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return super().forward(blurred)

@network("torn-1.5")
class Torn(Plain):
    '''Returns NaN.

    More.
    '''
    def forward(self, blurred):
        restored = super().forward(blurred)
        restored[0, 1, 2, 3] = float("nan")
        return restored
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "nets_of_mine.py"
    file.write_text(PLUGIN)
    for name in ("hungry", "torn-1.5"):
        write_tensors(file.with_name(f"{name}.safetensors"), {"weight": torch.tensor(0.5)}, {"network": name})
    return file


@pytest.fixture
def base(tmp_path) -> NetworkMethod:
    """facedeblur-base, narrow, loaded."""
    write_narrow("facedeblur-base", tmp_path)
    return loaded("facedeblur-base", tmp_path)


def loaded(name, folder, **options) -> NetworkMethod:
    method = METHODS.get(name)(**options)
    method.load("cpu", {path.name: path for path in method.find_weights([folder])})
    return method


def photograph(height: int, width: int, count: int = 1) -> np.ndarray:
    """Smooth noise, (N, H, W, 3) float32 in [0, 1]."""
    noise = np.random.default_rng(height * width).random((count, height, width, 3), dtype=np.float32)
    return noise * 0.5 + 0.25


def test_every_network_is_a_method():
    ships = {name for name in NETS if declared(name).module.startswith("facedeblur.methods.nets.")}
    assert ships == set(NARROW), "give every network that ships a narrow configuration, which all tests share"
    for name in ships:
        assert METHODS.get(name).net == name
        assert METHODS.get(name).method_spec.summary


@pytest.mark.parametrize("name", NARROW)
def test_odd_sizes_are_padded_and_cut(name, tmp_path):
    net = write_narrow(name, tmp_path)
    method = loaded(name, tmp_path)
    image = photograph(37, 70)
    restored = method.restore(image)
    assert restored.shape == image.shape
    assert restored.dtype == np.float32
    step, least = net.multiple, getattr(net, "smallest", 1)
    tall, wide = (-(-max(side, least) // step) * step for side in (37, 70))
    padded = np.pad(image, ((0, 0), (0, tall - 37), (0, wide - 70), (0, 0)), mode="symmetric")
    with torch.no_grad():
        wanted = net(torch.from_numpy(padded.transpose(0, 3, 1, 2).copy())).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(restored, wanted[:, :37, :70], atol=2e-4)


@pytest.mark.parametrize(("side", "multiple", "smallest", "wanted"),
                         [(128, 32, 1, 128), (129, 32, 1, 160), (5, 4, 51, 52), (5, 1, 1, 5)])  # fmt: skip
def test_the_side_that_a_network_takes(side, multiple, smallest, wanted):
    assert whole_side(side, multiple=multiple, smallest=smallest) == wanted


@pytest.mark.parametrize("shape", [(5, 7), (1, 3), (2, 1)])
def test_small_images_are_mirrored_again_and_again(shape):
    image = np.random.default_rng(0).random((2, 3, *shape), dtype=np.float32)
    wanted = np.pad(image, ((0, 0), (0, 0), (0, 33 - shape[0]), (0, 20 - shape[1])), mode="symmetric")
    np.testing.assert_array_equal(mirror(torch.from_numpy(image), 33, 20).numpy(), wanted)


def test_the_tiles_cover_the_image():
    for total in (64, 96, 160, 400):
        starts = tile_starts(total, 64, 20, 16)
        assert starts[0] == 0
        assert starts[-1] + 64 == max(total, 64)
        assert all(start % 16 == 0 for start in starts)
        assert all(later - start <= 64 - 20 for start, later in pairwise(starts))


def blur(images: torch.Tensor) -> torch.Tensor:
    """A network that sees three pixels far."""
    return functional.avg_pool2d(functional.pad(images, (3, 3, 3, 3), mode="replicate"), 7, stride=1)


def test_tiles_join_without_a_seam():
    image = torch.rand(2, 3, 150, 210, generator=torch.Generator().manual_seed(1))
    whole = restore_whole(blur, image, multiple=8)
    tiled = restore_whole(blur, image, multiple=8, tile=64, overlap=24)
    # Only the outer three of the shared pixels differ, and they count least there.
    assert (tiled - whole).abs().max() < 0.15 * (image - whole).abs().max()
    hard = restore_whole(blur, image, multiple=8, tile=64, overlap=0)
    assert (tiled - whole).abs().max() < 0.5 * (hard - whole).abs().max()
    flat = restore_whole(lambda part: part, image, multiple=8, tile=64, overlap=24)
    torch.testing.assert_close(flat, image, atol=1e-6, rtol=0)


def test_a_tile_as_large_as_the_image_changes_nothing(base, tmp_path):
    image = photograph(50, 90)
    tiled = loaded("facedeblur-base", tmp_path, tile=96, overlap=16)
    np.testing.assert_array_equal(tiled.restore(image), base.restore(image))
    smaller = loaded("facedeblur-base", tmp_path, tile=48, overlap=16).restore(image)
    assert smaller.shape == image.shape
    assert 0 < np.abs(smaller - base.restore(image)).max() < 0.1


def test_no_more_than_one_tile_is_put_through_at_once(base):
    seen = []
    base.network.register_forward_hook(lambda module, given, out: seen.append(tuple(given[0].shape)))
    base._tile, base._overlap = 32, 8
    base.restore(photograph(40, 100, count=2))
    # Steps of 24 sink to multiples of 16, so that the tiles stay on the network's grid.
    assert len(seen) == 2 * 6
    assert set(seen) == {(2, 3, 32, 32)}


@pytest.mark.parametrize("options", [{"tile": -1}, {"overlap": -2}, {"tile": 64, "overlap": 40}])
def test_impossible_tiles_are_refused(options):
    with pytest.raises(InputError, match="option"):
        METHODS.get("facedeblur-base")(**options)


def test_channels_last_changes_the_layout_alone(base, tmp_path):
    other = loaded("facedeblur-base", tmp_path, channels_last=True)
    assert other.network.head.weight.is_contiguous(memory_format=torch.channels_last)
    layouts = []
    other.network.register_forward_hook(
        lambda module, given, out: layouts.append(given[0].is_contiguous(memory_format=torch.channels_last))
    )
    image = photograph(32, 48)
    np.testing.assert_allclose(other.restore(image), base.restore(image), atol=1e-5)
    assert layouts == [True]


def test_a_network_is_compiled_by_option(base, tmp_path, monkeypatch):
    calls = []

    class Compiled:
        def __init__(self, network):
            self.network = network
            calls.append("compiled")

        def __call__(self, images):
            calls.append(tuple(images.shape))
            return self.network(images)

        def __len__(self):
            raise TypeError("torch's passes this on to the network")

    monkeypatch.setattr(torch, "compile", Compiled)
    method = loaded("facedeblur-base", tmp_path, compile=True)
    image = photograph(32, 32)
    for _ in range(2):
        np.testing.assert_array_equal(method.restore(image), base.restore(image))
    assert calls == ["compiled", (1, 3, 32, 32), (1, 3, 32, 32)]


@pytest.mark.parametrize("late", [False, True])
def test_a_network_that_does_not_compile_runs_as_it_is(base, tmp_path, monkeypatch, capsys, late):
    def broken(network):
        def call(images):
            raise TypeError("no compiler\nsecond line")

        if late:
            return call
        raise RuntimeError("Dynamo is not there\nsecond line")

    monkeypatch.setattr(torch, "compile", broken)
    method = loaded("facedeblur-base", tmp_path, compile=True)
    image = photograph(32, 32)
    np.testing.assert_array_equal(method.restore(image), base.restore(image))
    method.restore(image)
    said = capsys.readouterr().err
    assert said.count("torch.compile failed for 'facedeblur-base', which runs uncompiled") == 1
    assert len(said.splitlines()) == 1


def test_restoring_before_loading_is_told():
    with pytest.raises(InputError, match="call load first"):
        METHODS.get("facedeblur-base")().restore(photograph(16, 16))


def test_a_run_by_name(make_set, tmp_path):
    set_ = make_set(sizes=(13, 19), shapes=((96, 128), (70, 50)))
    net = write_narrow("facedeblur-base", tmp_path / "weights")
    outputs = run("facedeblur-base", set_, tmp_path / "out", weights=tmp_path / "weights", workers=1, execution=CPU)
    assert [row.status for row in outputs.statuses()] == ["ok"] * 4
    info = json.loads((tmp_path / "out" / "run.json").read_text())
    assert info["parameters"] == sum(parameter.numel() for parameter in net.parameters())
    assert list(info["weights"]) == ["facedeblur-base.safetensors"]
    assert info["options"] == {"tile": 0, "overlap": 32, "channels_last": False, "compile": False}
    pair = next(pair for pair in set_.pairs() if pair.image_id == "face1")
    blurred = set_.blurred(pair)[None].astype(np.float32) / np.float32(255)
    wanted = to_uint8(loaded("facedeblur-base", tmp_path / "weights").restore(blurred)[0])
    restored = read_png(tmp_path / "out" / pair.name)
    assert np.abs(restored.astype(int) - wanted).max() <= 1
    # bf16 goes through the runner's autocast.
    file, options = tmp_path / "weights" / "facedeblur-base.safetensors", {"tile": "64", "overlap": "16"}
    half = run(
        "facedeblur-base", set_.root, tmp_path / "half", weights=file, workers=1, options=options,
        execution=Execution(device="cpu", precision="bf16"),
    )  # fmt: skip
    assert [row.status for row in half.statuses()] == ["ok"] * 4
    assert half.info["precision"] == "bf16"
    assert half.info["method"] == "facedeblur-base[tile=64,overlap=16]"


def test_a_batch_too_large_is_halved(make_set, tmp_path, plugin):
    said: list[str] = []
    set_ = make_set(sizes=(13, 13, 19, 27, 13), shapes=((40, 40),) * 4)  # the first ten are put through one by one
    outputs = run(
        "hungry", set_, tmp_path / "out", plugin=plugin, workers=1, execution=Execution(batch=8, device="cpu"),
        progress=Reporter(say=said.append),
    )  # fmt: skip
    assert said[:2] == ["out of memory with a batch of 8: at most 4 per batch from here on",
                        "out of memory with a batch of 4: at most 2 per batch from here on"]  # fmt: skip
    assert [row.status for row in outputs.statuses()] == ["ok"] * 20


def test_nan_is_a_failed_row(make_set, tmp_path, plugin):
    set_ = make_set(sizes=(13,), shapes=((64, 64), (64, 64)))
    outputs = run("torn-1.5", set_.root, tmp_path / "out", plugin=plugin, workers=1, execution=CPU)
    assert [row.status for row in outputs.statuses()] == ["failed: expected finite values, found NaN or infinity"] * 2


def test_a_network_of_a_plugin_is_a_method_of_its_name(plugin):
    found = find_method("torn-1.5", plugin=plugin)
    assert found.code == {plugin.name: sha256_of(plugin)}
    assert found.loads and list(found.weights) == ["torn-1.5.safetensors"]
    assert found.spec == Spec("torn-1.5", "1", False, (), "Returns NaN.")
    assert "torn-1.5" in list(METHODS)
    with pytest.raises(InputError, match=r"method 'torn-1\.5' is already registered"):
        METHODS.add("torn-1.5", NetworkMethod)


def test_listing_methods_and_finding_a_network_do_not_load_torch():
    code = (
        "import sys\nfrom facedeblur.methods.base import METHODS, spec_of\n"
        "from facedeblur.methods.find import find_method\n"
        "assert find_method('facedeblur-base').loads\n"
        "assert all(spec_of(METHODS.get(name)).summary for name in METHODS)\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
