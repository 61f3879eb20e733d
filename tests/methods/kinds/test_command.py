"""TorchScript files and commands as methods."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.reporter import Reporter
from facedeblur.methods.find import find_method
from facedeblur.methods.kinds.torch_file import TorchScript
from facedeblur.methods.running.runner import run

PROGRAM = """
import sys, time, os, pathlib
from PIL import Image, ImageOps
source, target, mode = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
print("working on", len(list(source.iterdir())))
for file in sorted(source.iterdir()):
    image = Image.open(file)
    if "face1_ker01" in file.name:
        if mode == "skip":
            continue
        if mode == "hang":
            pathlib.Path(sys.argv[4]).write_text(str(os.getpid()))
            time.sleep(1000)
        if mode == "crash":
            sys.exit("no luck with " + file.name)
        if mode == "grey":
            image = image.convert("L")
        if mode == "small":
            image = image.crop((0, 0, 64, 128))
        if mode == "torn":
            (target / file.name).write_bytes(file.read_bytes()[:1000])
            continue
    (ImageOps.invert(image) if image.mode == "RGB" else image).save(target / file.name)
    if mode == "hostile":
        file.write_bytes(b"overwritten")
"""


@pytest.fixture
def block(tmp_path):
    """Write a TOML block of the program in a mode; return its path."""
    (tmp_path / "program.py").write_text(PROGRAM)

    def write(mode: str, *, extra: str = "") -> Path:
        file = tmp_path / "inverter.toml"
        argv = [sys.executable, "program.py", "{input}", "{output}", mode, str(tmp_path / "pid")]
        file.write_text(f'kind = "command"\nversion = "2"\nargv = {argv!r}\n{extra}')
        return file

    return write


def torch_file(path: Path, kind: str = "same") -> Path:
    """Save a TorchScript network: the identity, one with two outputs, one that wants sides of 16 n."""
    import torch

    class Same(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    class Two(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x, torch.cat([x[:, :1] * 2.0, x[:, 1:]], 1)

    class Strict(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape[2] % 16 == 0 and x.shape[3] % 16 == 0, "size"
            return x

    torch.jit.script({"same": Same, "two": Two, "strict": Strict}[kind]()).save(str(path))
    return path


def statuses(outputs) -> list[str]:
    return [row.status for row in outputs.statuses()]


def check_inverted(outputs, tiny) -> None:
    for pair, row in zip(tiny.pairs(), outputs.statuses(), strict=True):
        if row.ok:
            assert np.array_equal(outputs.restored(pair, (128, 128)), 255 - tiny.blurred(pair))


def test_a_command_restores_a_set(tiny, tmp_path, block):
    outputs = run(block("all"), tiny.root, tmp_path / "out", progress=Reporter(say=pytest.fail))
    assert statuses(outputs) == ["ok"] * 8
    check_inverted(outputs, tiny)
    info = outputs.info
    assert (info["method"], info["version"], info["oracle"]) == ("inverter", "2", False)
    assert info["options"]["argv"][2:4] == ["{input}", "{output}"]
    assert set(info["code"]) == {"program.py"}
    assert info["timings"]["images"] == 8
    assert "whole calls" in info["timings"]["rule"]
    assert "working on 8" in (outputs.root / "run.log").read_text()


def test_a_command_runs_in_chunks(tiny, tmp_path, block):
    outputs = run(block("all", extra="batch = 3"), tiny.root, tmp_path / "out")
    assert statuses(outputs) == ["ok"] * 8
    log = (outputs.root / "run.log").read_text().splitlines()
    assert log == ["working on 3", "working on 3", "working on 2"]


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("skip", "failed: output missing"),
        ("grey", "failed: output: expected 8-bit RGB, found 8-bit grey, 128x128"),
        ("small", "failed: output: expected 128x128 pixels, found 64x128"),
        ("torn", "failed: output: truncated PNG"),
        ("crash", "failed: command ended with exit code 1: no luck with face1_ker01_k13.png"),
    ],
)
def test_a_bad_output_of_a_command_costs_itself_only(tiny, tmp_path, block, mode, reason):
    outputs = run(block(mode), tiny.root, tmp_path / "out")
    assert [row.pair_id for row in outputs.statuses() if not row.ok] == ["face1_ker01_k13"]
    assert statuses(outputs)[5] == reason
    check_inverted(outputs, tiny)


def test_a_command_that_hangs_is_ended_with_its_process(tiny, tmp_path, block):
    outputs = run(block("hang", extra="timeout = 3\nbatch = 1"), tiny.root, tmp_path / "out")
    assert statuses(outputs)[5] == "failed: no answer within 3 s"
    assert outputs.info["counts"] == {"pairs": 8, "ok": 7, "failed": 1, "not_run": 0}
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not [path for path in outputs.root.iterdir() if path.name.startswith(".")]


def test_a_command_cannot_reach_the_set(tiny, tmp_path, block):
    before = [path.read_bytes() for path in sorted((tiny.root / "blur").iterdir())]
    run(block("hostile"), tiny.root, tmp_path / "out")
    assert [path.read_bytes() for path in sorted((tiny.root / "blur").iterdir())] == before


def test_a_command_that_changed_is_another_run(tiny, tmp_path, block):
    run(block("all"), tiny.root, tmp_path / "out")
    (tmp_path / "program.py").write_text(PROGRAM + "\n# edited\n")
    with pytest.raises(InputError, match="a run with code"):
        run(block("all"), tiny.root, tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('kind = "comand"', "did you mean 'command'"),
        ('argv = ["a"]', "key 'kind'.*missing"),
        ('kind = "command"\nargv = ["python", "{input}", "{output}"]\ntimeot = 3', "did you mean 'timeout'"),
        ('kind = "command"', "key 'argv'.*missing"),
        ('kind = "command"\nargv = ["python", "{input}"]', r"'\{output\}' is missing from argv"),
        ('kind = "command"\nargv = "python {input} {output}"', "argv: expected a list"),
        (
            'kind = "command"\nargv = ["no-such-program-here", "{input}", "{output}"]',
            "program 'no-such-program-here' is not installed",
        ),
        ('kind = "torchscript"\npath = "absent.ts"', "absent.ts: not found"),
        ("kind = ", "cannot be read as a TOML file"),
    ],
)
def test_a_wrong_block_is_told_in_one_line(tmp_path, text, line):
    file = tmp_path / "method.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=line) as error:
        find_method(file)
    assert "\n" not in str(error.value)


def test_a_command_takes_no_options_and_must_be_there(tmp_path, block):
    with pytest.raises(InputError, match="a command has no options"):
        find_method(block("all"), options={"x": "1"})
    with pytest.raises(InputError, match="not found"):
        find_method(tmp_path / "absent.toml")


def test_torchscript_identity_is_the_blurred_image(tiny, tmp_path):
    file = torch_file(tmp_path / "same.ts")
    outputs = run(file, tiny.root, tmp_path / "out", options={"multiple": "48", "range": "-1..1"})
    assert statuses(outputs) == ["ok"] * 8
    for pair in tiny.pairs():
        assert np.array_equal(outputs.restored(pair, (128, 128)), tiny.blurred(pair))
    assert outputs.method == "same[range=-1..1,multiple=48]"
    assert set(outputs.info["weights"]) == {"same.ts"}
    assert outputs.info["parameters"] == 0


def test_a_torchscript_block_says_how_the_network_is_fed(tmp_path):
    """Doubling in 0..255 and taking the second of two outputs, blue first."""
    torch_file(tmp_path / "two.ts", "two")
    keys = ['kind = "torchscript"', 'name = "twice"', 'path = "two.ts"', 'range = "0..255"', 'channels = "bgr"']
    (tmp_path / "net.toml").write_text("\n".join([*keys, "output = 1", "batch = 2"]))
    entry = find_method(tmp_path / "net.toml")
    assert (entry.shown, entry.batch) == ("twice", 2)
    made = TorchScript(**entry.options)
    made.load("cpu", entry.weights)
    image = np.random.default_rng(0).random((2, 8, 9, 3)).astype(np.float32) / 2
    wanted = image * np.array([1, 1, 2], dtype=np.float32)
    assert np.abs(made.restore(image) - wanted).max() < 1e-6


def test_torchscript_padding_is_cut_off(tmp_path):
    torch_file(tmp_path / "strict.ts", "strict")
    image = np.random.default_rng(0).random((1, 20, 33, 3)).astype(np.float32)
    made = TorchScript(multiple=16)
    made.load("cpu", {"strict.ts": tmp_path / "strict.ts"})
    assert np.abs(made.restore(image) - image).max() < 1e-6


def test_a_file_that_is_no_torchscript(tiny, tmp_path):
    file = tmp_path / "weights.pt"
    file.write_bytes(b"not a network")
    with pytest.raises(InputError, match=r"weights.pt: expected a network: TorchScript"):
        run(file, tiny.root, tmp_path / "out")
    with pytest.raises(InputError, match="neither a registered name nor a file"):
        run(tmp_path / "absent.pt", tiny.root, tmp_path / "out")
    (tmp_path / "m.toml").write_text(f'kind = "torchscript"\npath = "weights.pt"\nsha256 = "{"0" * 64}"\n')
    with pytest.raises(InputError, match="use the declared file"):
        find_method(tmp_path / "m.toml")
    good = torch_file(tmp_path / "good.ts")
    for options, said in (({"range": "0..2"}, "range '0"), ({"channels": "yuv"}, "channels 'yuv'"),
                          ({"multiple": "0"}, "option 'multiple'")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            run(good, tiny.root, tmp_path / "out", options=options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", ["./restore", "bin/restore"])
def test_a_path_is_looked_up_from_the_folder_of_the_file(tmp_path, monkeypatch, given):
    program = tmp_path / "methods" / given
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    block = tmp_path / "methods" / "mine.toml"
    block.write_text(f'kind = "command"\nargv = ["{given}", "{{input}}", "{{output}}"]')
    monkeypatch.chdir(tmp_path)
    assert find_method(block).fixed["argv"][0] == str(tmp_path / "methods" / Path(given))
