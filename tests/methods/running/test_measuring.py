"""Peak memory by methods of known appetite, and the sizes of methods."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from facedeblur.methods.running import measuring
from facedeblur.methods.running.measuring import sizes
from facedeblur.methods.running.runner import run

PLUGIN = """
from facedeblur.methods import method
@method("eater")
class Eater:
    parameters = 5
    def __init__(self, megabytes: int = 0):
        self.kept = b"x" * (megabytes << 20)
    def restore(self, blurred):
        return blurred
"""
NEEDS_PROC = pytest.mark.skipif(not measuring._STATUS.exists(), reason="only Linux tells the peak of an address space")


@NEEDS_PROC
def test_the_peak_is_that_of_the_method(make_set, tmp_path):
    tiny = make_set(sizes=(13, 13))
    plugin = tmp_path / "eater.py"
    plugin.write_text(PLUGIN)
    # A large parent must not show: it would in `getrusage`, which a new process inherits.
    large = b"x" * (400 << 20)
    found = {
        megabytes: run("eater", tiny.root, tmp_path / f"out{megabytes}", plugin=plugin, workers=1,
                       options={"megabytes": megabytes}).info
        for megabytes in (0, 200)
    }  # fmt: skip
    none, much = found[0]["memory"], found[200]["memory"]
    assert len(large) and none["peak_bytes"] < 400 << 20
    for part in ("peak_bytes", "growth_bytes"):
        assert (much[part] - none[part]) / 2**20 == pytest.approx(200, abs=40)
    assert none["growth_bytes"] < none["peak_bytes"] and "resident" in none["rule"]
    assert (found[0]["parameters"], found[0]["bytes_fp32"], found[0]["bytes_weights"]) == (5, 20, None)
    assert found[0]["timings"]["median_s"] > 0 and found[0]["timings"]["std_s"] >= 0


@NEEDS_PROC
def test_a_command_is_measured_in_its_own_process():
    script = "import sys; x = b'x' * (int(sys.argv[1]) << 20)"
    code = (
        "import subprocess, sys\nfrom facedeblur.methods.running.measuring import Meter\nmeter = Meter()\n"
        f"subprocess.run([sys.executable, '-c', {script!r}, sys.argv[1]])\n"
        "found = meter.read('cpu', command=True)\nprint(found.peak_bytes, '|', found.rule)"
    )
    told = [
        subprocess.run([sys.executable, "-c", code, size], capture_output=True, text=True, check=True).stdout
        for size in ("300", "0")
    ]
    assert 300 << 20 < int(told[0].split()[0]) < 500 << 20 and "of the command" in told[0]
    assert told[1].startswith("None"), "smaller than the process that started it: not known"


def test_a_gpu_is_asked_through_torch(monkeypatch):
    asked = []
    cuda = SimpleNamespace(max_memory_allocated=lambda device: asked.append(device) or 12345)
    monkeypatch.setattr(measuring, "loaded_torch", lambda: SimpleNamespace(cuda=cuda))
    found = measuring.Meter().read("cuda:1")
    assert (found.peak_bytes, found.growth_bytes, asked) == (12345, 12345, ["cuda:1"]) and "GPU" in found.rule


def test_systems_that_do_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(measuring, "_STATUS", tmp_path / "nothing")
    found = measuring.Meter().read("cpu")
    assert found.growth_bytes is None and (found.peak_bytes or 0) > 1 << 20
    monkeypatch.setitem(sys.modules, "resource", None)
    assert measuring.Meter().read("cpu").peak_bytes is None
    assert measuring.Meter().read("cpu", command=True).peak_bytes is None


def test_three_sizes_of_a_method(tmp_path):
    weights = tmp_path / "w.pth"
    weights.write_bytes(b"x" * 1000)
    assert sizes(100, None, [weights]) == {"parameters": 100, "bytes_fp32": 400, "bytes_weights": 1000}
    assert sizes(100, 7, [weights])["bytes_weights"] == 7
    assert sizes(None, None, []) == {"parameters": None, "bytes_fp32": None, "bytes_weights": None}
    assert sizes(0, None, []) == {"parameters": 0, "bytes_fp32": 0, "bytes_weights": 0}
