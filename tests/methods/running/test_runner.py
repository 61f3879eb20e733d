"""The runner against methods that raise, hang, die and lie; stopping and going on; other sets."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from seal import seal

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, read_png, to_uint8
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.tables import write_rows
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.reporter import Reporter
from facedeblur.methods.classical.nonblind.wiener import Wiener
from facedeblur.methods.running.batches import Batches, usual_batch
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.journal import RunJournal
from facedeblur.methods.running.measuring import count_parameters, summarise_times
from facedeblur.methods.running.runner import run

BAD = '''
import ctypes, os, time
import numpy as np
from facedeblur.methods import method

TARGET = os.environ.get("BAD_TARGET", "")

def is_target(image):
    """The chosen image is told by its sum."""
    return TARGET and abs(float(image.astype(np.float64).sum()) - float(TARGET)) < 1e-2

class Base:
    parameters = 12
    def restore(self, blurred):
        for image in blurred:
            if is_target(image):
                return self.fail(blurred)
        return blurred * 0.5

@method("bad-raise")
class Raising(Base):
    def fail(self, blurred):
        raise ValueError("not this one\\nsecond line")

@method("bad-hang")
class Hanging(Base):
    def fail(self, blurred):
        while True:
            time.sleep(0.01)

@method("bad-exit")
class Exiting(Base):
    def fail(self, blurred):
        os._exit(3)

@method("bad-segfault")
class Segfaulting(Base):
    def fail(self, blurred):
        os.kill(os.getpid(), 11)

@method("bad-size")
class WrongSize(Base):
    def fail(self, blurred):
        return blurred[:, :-1]

@method("bad-nan")
class NotANumber(Base):
    def fail(self, blurred):
        out = blurred * 0.5
        for at, image in enumerate(blurred):
            if is_target(image):
                out[at, 3, 3, 1] = np.nan
        return out

@method("bad-type")
class Integers(Base):
    def fail(self, blurred):
        return (blurred * 255).astype(np.uint8)

@method("bad-range")
class Bright(Base):
    def fail(self, blurred):
        return blurred * 255

@method("bad-list")
class Listing(Base):
    def fail(self, blurred):
        return list(blurred)

@method("bad-memory")
class Hungry(Base):
    def restore(self, blurred):
        if len(blurred) > 2:
            raise MemoryError("no room")
        return blurred * 0.5

@method("always-raise")
class Always:
    def restore(self, blurred):
        raise RuntimeError("never works")

@method("bad-load")
class BadLoad:
    def load(self, device, weights):
        raise RuntimeError("the network is torn")
    def restore(self, blurred):
        return blurred

@method("hang-load")
class HangLoad:
    def load(self, device, weights):
        time.sleep(100)
    def restore(self, blurred):
        return blurred

@method("chatty")
class Chatty:
    def restore(self, blurred):
        print("a line on standard output")
        return blurred

@method("slow")
class Slow:
    def restore(self, blurred):
        time.sleep(float(os.environ.get("SLOW_S", "0.15")) * len(blurred))
        return blurred

@method("net")
class Net:
    def __init__(self, *, gain: float = 0.5):
        self.gain = gain
    def load(self, device, weights):
        import torch
        torch.manual_seed(0)
        self.network = torch.nn.Conv2d(3, 3, 3, padding=1)
        torch.nn.init.zeros_(self.network.weight)
        torch.nn.init.constant_(self.network.bias, self.gain)
    def restore(self, blurred):
        import torch
        tensor = torch.from_numpy(blurred).permute(0, 3, 1, 2)
        assert not torch.is_grad_enabled()
        self.kind = self.network(tensor).dtype
        return self.network(tensor).float().permute(0, 2, 3, 1).numpy()
'''


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("plugin") / "bad.py"
    file.write_text(BAD)
    return file


@pytest.fixture
def target(tiny, monkeypatch):
    """Choose a pair on which the bad methods misbehave."""

    def choose(index: int) -> None:
        pixels = next(pair for pair in tiny.pairs() if pair.index == index)
        image = tiny.blurred(pixels).astype(np.float32) / np.float32(255)
        monkeypatch.setenv("BAD_TARGET", repr(float(image.astype(np.float64).sum())))

    return choose


def statuses(outputs: Outputs) -> list[str]:
    return [row.status for row in outputs.statuses()]


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_wiener_by_the_runner_is_wiener_by_hand(tiny, tmp_path):
    outputs = run("wiener", tiny.root, tmp_path / "out", workers=1)
    assert statuses(outputs) == ["ok"] * 8
    for pair, row in zip(tiny.pairs(), outputs.statuses(), strict=True):
        blurred = (tiny.blurred(pair) / np.float32(255)).astype(np.float32)
        wanted = to_uint8(Wiener().restore(blurred[None], [tiny.bank.kernel(pair.kernel_id)])[0])
        got = outputs.restored(pair, (128, 128))
        assert np.array_equal(got, wanted)
        assert row.sha256 == pixel_hash(got)
        assert 0 < row.seconds < 5
    info = outputs.info
    assert info["oracle"] is True
    assert info["options"] == {"gamma": 0.01}
    assert info["set"] == {"name": tiny.name, "hash": tiny.content_hash}
    assert (info["device"], info["precision"], info["parameters"], info["bytes_fp32"]) == ("cpu", "fp32", 0, 0)
    assert info["counts"] == {"pairs": 8, "ok": 8, "failed": 0, "not_run": 0}
    assert info["timings"]["images"] == 7  # eight images, the first discarded
    assert info["timings"]["min_s"] <= info["timings"]["median_s"] <= info["timings"]["max_s"]
    assert (info["timings"]["height"], info["timings"]["width"]) == (128, 128)
    assert {"python", "numpy", "facedeblur"} <= set(info["versions"])
    assert sorted(path.name for path in outputs.root.iterdir()) == sorted(
        [*(pair.name for pair in tiny.pairs()), "run.json", "status.csv"]
    )


def test_the_only_image_is_restored_twice_for_its_run_time(tiny, tmp_path):
    outputs = run("wiener", tiny.root, tmp_path / "out", limit=1, workers=1)
    assert statuses(outputs)[0] == "ok" and outputs.info["counts"]["ok"] == 1
    (row,) = [row for row in outputs.statuses() if row.status == "ok"]
    assert outputs.info["timings"]["images"] == 1 and outputs.info["timings"]["mean_s"] == row.seconds


@pytest.mark.parametrize(
    ("name", "index", "reason"),
    [
        ("bad-raise", 0, "failed: ValueError: not this one second line"),
        ("bad-exit", 0, "failed: its process died with exit code 3"),
        ("bad-exit", 7, "failed: its process died with exit code 3"),
        ("bad-segfault", 5, "failed: its process died of SIGSEGV"),
        ("bad-size", 5, "failed: expected shape (1, 128, 128, 3), found (1, 127, 128, 3)"),
        ("bad-nan", 5, "failed: expected finite values, found NaN or infinity"),
        ("bad-type", 5, "failed: expected float32 in [0, 1], found uint8"),
        ("bad-list", 0, "failed: expected a numpy array, found list"),
    ],
)
def test_a_misbehaving_method_costs_its_own_image_only(tiny, tmp_path, bad, target, name, index, reason):
    target(index)
    outputs = run(name, tiny.root, tmp_path / "out", plugin=bad, workers=1)
    assert statuses(outputs) == ["ok"] * index + [reason] + ["ok"] * (7 - index)
    assert outputs.info["counts"]["failed"] == 1
    assert outputs.info["parameters"] == 12
    assert not (outputs.root / f"{next(p for p in tiny.pairs() if p.index == index).name}").exists()


def test_values_far_over_one_are_not_clipped_in_silence(tiny, tmp_path, bad, target):
    target(2)
    outputs = run("bad-range", tiny.root, tmp_path / "out", plugin=bad, workers=1)
    assert statuses(outputs)[2].startswith("failed: expected values in [0, 1], found a mean of ")


@pytest.fixture(scope="module")
def many(make_set):
    """Twenty-four pairs, so that batches come after the ten single images."""
    return make_set(sizes=(13,) * 12, seed=5)


@pytest.mark.parametrize("name", ["bad-raise", "bad-exit", "bad-nan", "bad-hang"])
def test_the_culprit_in_a_batch_is_found(many, tmp_path, bad, monkeypatch, name):
    pair = list(many.pairs())[17]
    image = many.blurred(pair).astype(np.float32) / np.float32(255)
    monkeypatch.setenv("BAD_TARGET", repr(float(image.astype(np.float64).sum())))
    said = []
    outputs = run(
        name, many.root, tmp_path / "out", plugin=bad, workers=1, execution=Execution(batch=8, timeout=1.5),
        progress=Reporter(say=said.append),
    )  # fmt: skip
    assert [row.index for row in outputs.statuses() if not row.ok] == [17]
    if name == "bad-hang":
        assert statuses(outputs)[17] == "failed: no answer within 1.5 s"
    if name in ("bad-hang", "bad-exit"):
        assert len(outputs.info["notes"]) == len(said) == 2  # the batch, then the image alone


def test_a_batch_too_large_for_the_memory_is_halved(many, tmp_path, bad):
    said = []
    outputs = run(
        "bad-memory", many, tmp_path / "out", plugin=bad, workers=1, execution=Execution(batch=8),
        progress=Reporter(say=said.append),
    )  # fmt: skip
    assert statuses(outputs) == ["ok"] * 24
    assert said[0] == "out of memory with a batch of 8: at most 4 per batch from here on"
    assert said[-1].endswith("at most 2 per batch from here on")
    assert outputs.info["notes"] == said


def test_a_method_that_never_works_is_given_up(many, tmp_path, bad):
    said = []
    outputs = run(
        "always-raise", many.root, tmp_path / "out", plugin=bad, workers=1, progress=Reporter(say=said.append)
    )
    got = statuses(outputs)
    assert got[:5] == ["failed: RuntimeError: never works"] * 5
    assert all(status.startswith("failed: not run (method 'always-raise' failed on the first 5") for status in got[5:])
    assert outputs.info["stopped"] == said[-1]
    assert "never works" in (outputs.root / "run.log").read_text()


def test_a_method_that_does_not_load_leaves_a_whole_table(tiny, tmp_path, bad):
    outputs = run("bad-load", tiny.root, tmp_path / "out", plugin=bad)
    assert len(statuses(outputs)) == 8
    assert all("cannot be loaded: RuntimeError: the network is torn" in status for status in statuses(outputs))
    assert outputs.info["counts"] == {"pairs": 8, "ok": 0, "failed": 0, "not_run": 8}


def test_loading_has_a_time_limit(tiny, tmp_path, bad):
    begin = time.monotonic()
    outputs = run("hang-load", tiny.root, tmp_path / "out", plugin=bad, execution=Execution(timeout=0.5))
    assert time.monotonic() - begin < 30
    assert "load did not return within 0.5 s" in outputs.info["stopped"]


def test_what_a_method_prints_goes_to_the_log(tiny, tmp_path, bad, capfd):
    outputs = run("chatty", tiny.root, tmp_path / "out", plugin=bad, workers=1)
    assert statuses(outputs) == ["ok"] * 8
    assert "a line on standard output" in (outputs.root / "run.log").read_text()
    assert capfd.readouterr().out == ""


def test_failed_images_are_tried_again_and_finished_ones_kept(tiny, tmp_path, bad, target, monkeypatch):
    target(3)
    first = run("bad-raise", tiny.root, tmp_path / "out", plugin=bad, workers=1)
    times = {path.name: path.stat().st_mtime_ns for path in first.root.glob("*.png")}
    assert len(times) == 7
    before = first.run_hash
    monkeypatch.setenv("BAD_TARGET", "")
    second = run("bad-raise", tiny.root, tmp_path / "out", plugin=bad, workers=1)
    assert statuses(second) == ["ok"] * 8
    assert {name: (second.root / name).stat().st_mtime_ns for name in times} == times
    assert second.run_hash != before
    said = []
    third = run("bad-raise", tiny.root, tmp_path / "out", plugin=bad, workers=1, progress=Reporter(say=said.append))
    assert said == [f"{tmp_path / 'out'}: all 8 pairs are already restored, nothing to do"]
    assert third.run_hash == second.run_hash


def test_an_output_that_was_deleted_is_made_again(tiny, tmp_path):
    first = run("unsharp", tiny.root, tmp_path / "out", workers=1)
    before = first.run_hash
    lost = first.root / next(iter(tiny.pairs())).name
    lost.unlink()
    assert run("unsharp", tiny.root, tmp_path / "out", workers=1).run_hash == before
    assert lost.is_file()


def test_a_limit_leaves_the_rest_for_later(tiny, tmp_path):
    outputs = run("blurred", tiny.root, tmp_path / "out", limit=3)
    assert statuses(outputs) == ["ok"] * 3 + ["failed: not run (limit 3)"] * 5
    assert outputs.info["counts"] == {"pairs": 8, "ok": 3, "failed": 0, "not_run": 5}
    whole = run("blurred", tiny.root, tmp_path / "out")
    assert statuses(whole) == ["ok"] * 8


def start(method: str, set_root: Path, out: Path, plugin: Path) -> subprocess.Popen[bytes]:
    """Run in a process of its own, which can be killed."""
    code = (
        "import sys\nfrom facedeblur.methods.running.execution import Execution\n"
        "from facedeblur.methods.running.runner import run\n"
        "run(sys.argv[1], sys.argv[2], sys.argv[3], plugin=sys.argv[4], workers=1, execution=Execution(batch=2))"
    )
    command = [sys.executable, "-c", code, method, str(set_root), str(out), str(plugin)]
    # Slow enough that even a busy machine stops it before its end; and heeding interrupts, which a job in the
    # background of a shell does not.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    slow = os.environ | {"SLOW_S": "0.6"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, env=slow, preexec_fn=heed)


def wait_for_rows(out: Path, count: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        table = out / "status.partial.csv"
        if table.is_file() and len(table.read_text().splitlines()) > count:
            return
        time.sleep(0.02)
    raise AssertionError("the run did not begin")


def children(pid: int) -> list[int]:
    """Process ids of the children of a process, from the system's table."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc and signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_goes_on_and_leaves_no_process(tiny, tmp_path, bad, how):
    out = tmp_path / "out"
    process = start("slow", tiny.root, out, bad)
    try:
        wait_for_rows(out, 2)
        workers = children(process.pid)
        process.send_signal(how)
        process.wait(timeout=20)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
    assert len(workers) == 1
    deadline = time.monotonic() + 10
    while alive(workers[0]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(workers[0])
    with pytest.raises(InputError, match="this run is not finished; run the same facedeblur run command again"):
        Outputs.open(out, tiny)
    done = [line for line in (out / "status.partial.csv").read_text().splitlines()[1:] if ",ok," in line]
    assert 2 <= len(done) < 8
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    said = []
    outputs = run("slow", tiny.root, out, plugin=bad, workers=1, progress=Reporter(say=said.append))
    assert said[0] == f"{out}: {len(done)} of 8 pairs are already restored, resuming"
    assert statuses(outputs) == ["ok"] * 8
    kept = [name for name in times if (out / name).stat().st_mtime_ns == times[name]]
    assert len(kept) >= len(done)
    assert not list(out.glob("*.tmp"))
    assert not list(out.glob("*.partial.*"))


def test_a_row_cut_off_while_it_was_written_is_run_again(tiny, tmp_path):
    out = tmp_path / "out"
    whole = run("blurred", tiny.root, out, workers=1)
    wanted = whole.run_hash
    table = (out / "status.csv").read_bytes()
    (out / "status.partial.csv").write_bytes(table[:-30])
    info = json.loads((out / "run.json").read_text())
    (out / "run.partial.json").write_text(json.dumps(info))
    (out / "run.json").unlink()
    (out / "status.csv").unlink()
    (out / ".left.png.1.tmp").write_bytes(b"half")
    said = []
    outputs = run("blurred", tiny.root, out, workers=1, progress=Reporter(say=said.append))
    assert said[0].endswith("7 of 8 pairs are already restored, resuming")
    assert outputs.run_hash == wanted
    assert (out / "status.csv").read_bytes().count(b"\n") == table.count(b"\n")
    assert not (out / ".left.png.1.tmp").exists()


def test_another_run_in_the_same_folder_is_refused(tiny, make_set, tmp_path):
    out = tmp_path / "out"
    run("wiener", tiny.root, out)
    with pytest.raises(InputError, match=r"a run with method = wiener\[gamma=0.02\], found wiener;"):
        run("wiener", tiny.root, out, options={"gamma": "0.02"})
    with pytest.raises(InputError, match="store = npy"):
        run("wiener", tiny.root, out, store="npy")
    other = make_set(seed=9)
    with pytest.raises(InputError, match=r"belong to another set: expected set 'tiny9'.*found set 'tiny0'.*new folder"):
        run("wiener", other.root, out)
    assert statuses(Outputs.open(out, tiny)) == ["ok"] * 8


def test_a_folder_with_other_files_is_refused(tiny, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"holds other files, such as thesis.tex"):
        run("blurred", tiny.root, tmp_path)
    with pytest.raises(InputError, match="holds other files"):
        run("blurred", tiny.root, tiny.root)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex"]


def test_a_refused_run_leaves_nothing(tiny, tmp_path):
    out = tmp_path / "out"
    for options in ({"gamma": "-1"}, {"gama": "1"}, {"gamma": "x"}):
        with pytest.raises(InputError, match="option"):
            run("wiener", tiny.root, out, options=options)
    for arguments in ({"device": "cuda"}, {"device": "tpu"}, {"precision": "bf16"}, {"precision": "fp8"}, {"batch": 0},
                      {"timeout": -1}):  # fmt: skip
        with pytest.raises(InputError):
            run("wiener", tiny.root, out, execution=Execution(**arguments))
    for arguments in ({"store": "gif"}, {"limit": 0}):
        with pytest.raises(InputError):
            run("wiener", tiny.root, out, **arguments)
    with pytest.raises(InputError, match="build it first"):
        run("wiener", tmp_path / "nowhere", out)
    assert not out.exists()


def test_several_workers_give_the_same_outputs(many, tmp_path):
    one = run("wiener", many.root, tmp_path / "one", workers=1, execution=Execution(batch=1))
    two = run("wiener", many.root, tmp_path / "two", workers=2, execution=Execution(batch=3))
    assert one.run_hash == two.run_hash
    assert one.info["jobs"] == 1
    assert two.info["jobs"] == 2


def test_npy_holds_the_same_pixels(tiny, make_set, tmp_path):
    png = run("unsharp", tiny.root, tmp_path / "png", workers=1)
    npy = run("unsharp", tiny.root, tmp_path / "npy", workers=1, store="npy")
    assert npy.run_hash == png.run_hash
    from_npy = run("unsharp", make_set(store="npy").root, tmp_path / "from", workers=1)
    assert from_npy.run_hash == png.run_hash
    assert (npy.root / "restored.npy").is_file()
    assert not list(npy.root.glob("*.png"))
    for pair in tiny.pairs():
        assert np.array_equal(png.restored(pair, (128, 128)), npy.restored(pair, (128, 128)))


def test_images_of_several_sizes(make_set, tmp_path):
    mixed = make_set(shapes=((64, 80), (96, 64), (64, 80)), sizes=(13, 13, 13, 13, 13), seed=3)
    outputs = run("wiener", mixed.root, tmp_path / "out", workers=1, execution=Execution(batch=4))
    assert statuses(outputs) == ["ok"] * 15
    for pair in mixed.pairs():
        image = mixed.images[pair.image_id]
        assert outputs.restored(pair, (image.height, image.width)).shape == (image.height, image.width, 3)
    assert outputs.info["timings"]["images"] == 9
    assert (outputs.info["timings"]["height"], outputs.info["timings"]["width"]) == (64, 80)
    with pytest.raises(InputError, match="images of one size"):
        run("wiener", mixed.root, tmp_path / "npy", store="npy", workers=1)


def test_a_damaged_blurred_image_fails_alone(make_set, tmp_path):
    damaged = make_set(seed=4)
    pair = list(damaged.pairs())[2]
    file = damaged.root / pair.blur
    file.write_bytes(file.read_bytes()[:2000])
    outputs = run("wiener", damaged.root, tmp_path / "out", workers=1)
    assert [row.index for row in outputs.statuses() if not row.ok] == [2]
    assert "truncated" in statuses(outputs)[2]


def test_a_swapped_blurred_image_fails_alone(make_set, tmp_path):
    swapped = make_set(seed=5)
    pairs = list(swapped.pairs())
    (swapped.root / pairs[2].blur).write_bytes((swapped.root / pairs[5].blur).read_bytes())
    outputs = run("blurred", swapped.root, tmp_path / "out", workers=1)
    assert [row.index for row in outputs.statuses() if not row.ok] == [2]
    assert "its pixels are not those that the set was built with" in statuses(outputs)[2]
    assert "facedeblur check" in statuses(outputs)[2]


def test_a_set_with_edited_tables_is_not_run(make_set, tmp_path):
    edited = make_set(seed=7)
    bank = edited.bank
    Bank.of(bank.ids, [bank.kernel(name)[::-1, ::-1] for name in bank.ids], bank.meta).save(edited.root / "kernels.npz")
    with pytest.raises(InputError, match=r"kernels\.npz.*facedeblur check"):
        run("wiener", edited.root, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_an_oracle_needs_one_kernel_an_image(make_set, tmp_path):
    other = make_set(seed=6)
    pairs = list(other.pairs())
    pairs[1] = replace(pairs[1], blur_kind="nonuniform")
    write_rows(other.root / "manifest.csv", type(pairs[0]), pairs)
    seal(other.root)
    outputs = run("wiener", other.root, tmp_path / "out", workers=1)
    assert [row.index for row in outputs.statuses() if not row.ok] == [1]
    assert "blur of kind 'nonuniform'" in statuses(outputs)[1]


def test_a_network_is_counted_and_its_precision_recorded(tiny, tmp_path, bad):
    outputs = run(
        "net", tiny.root, tmp_path / "out", plugin=bad, options={"gain": "0.25"}, execution=Execution(precision="bf16")
    )
    assert statuses(outputs) == ["ok"] * 8
    assert (outputs.info["parameters"], outputs.info["bytes_fp32"]) == (84, 336)
    assert outputs.info["precision"] == "bf16"
    assert outputs.info["jobs"] == 1
    assert outputs.method == "net[gain=0.25]"
    assert set(np.unique(outputs.restored(next(iter(tiny.pairs())), (128, 128)))) == {64}
    with pytest.raises(InputError, match="precision = fp32"):
        run("net", tiny.root, tmp_path / "out", plugin=bad, options={"gain": "0.25"})


def test_a_setting_of_a_plugin_is_not_taken_for_its_precision(tiny, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from facedeblur.methods import method\n@method('exact')\nclass Exact:\n    precision = 'very high'\n"
        "    def load(self, device, weights): pass\n    def restore(self, blurred):\n        return blurred\n"
    )
    assert run("exact", tiny.root, tmp_path / "out", plugin=file).info["precision"] == "fp32"


def test_a_plugin_that_changed_is_another_run(tiny, tmp_path):
    file = tmp_path / "mine.py"
    text = (
        "from facedeblur.methods import method\n@method('edited')\nclass M:\n"
        "    def restore(self, blurred):\n        return blurred * {}\n"
    )
    file.write_text(text.format(0.5))
    run("edited", tiny.root, tmp_path / "out", plugin=file, workers=1)
    file.write_text(text.format(0.25))
    with pytest.raises(InputError, match=r"expected a run with code"):
        run("edited", tiny.root, tmp_path / "out", plugin=file, workers=1)


def test_a_module_of_a_plugin_that_changed_is_another_run(tiny, tmp_path):
    (tmp_path / "arch_of_mine.py").write_text("def gain():\n    return 0.5\n")
    (tmp_path / "my_net.py").write_text(
        "from facedeblur.methods import method\nfrom arch_of_mine import gain\n@method('helped')\nclass Helped:\n"
        "    def restore(self, blurred):\n        return (blurred * gain()).astype('float32')\n"
    )
    first = run("helped", tiny.root, tmp_path / "out", plugin=tmp_path / "my_net.py", workers=1)
    assert list(first.info["code"]) == ["my_net.py", "arch_of_mine.py"]
    (tmp_path / "arch_of_mine.py").write_text("def gain():\n    return 0.25\n")
    with pytest.raises(InputError, match=r"expected a run with code\.arch_of_mine\.py"):
        run("helped", tiny.root, tmp_path / "out", plugin=tmp_path / "my_net.py", workers=1)
    other = run("helped", tiny.root, tmp_path / "other", plugin=tmp_path / "my_net.py", workers=1)
    assert other.run_hash != first.run_hash


def test_a_class_of_a_script_can_be_run(tiny, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom facedeblur.methods import method\nfrom facedeblur.methods.running.runner import run\n"
        "@method('of-a-script')\nclass M:\n    def restore(self, blurred):\n        return 1 - blurred\n"
        "run(M, sys.argv[1], sys.argv[2], workers=1)\n"
    )
    done = subprocess.run(
        [sys.executable, script, tiny.root, tmp_path / "out"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pair = next(iter(tiny.pairs()))
    assert np.array_equal(read_png(tmp_path / "out" / pair.name), 255 - tiny.blurred(pair))


def test_a_full_disk_stops_the_run_and_loses_nothing(tiny, tmp_path, monkeypatch):
    """Writing under a file in the way of the outputs fails as a full disk does: by OSError in the worker."""
    out = tmp_path / "out"
    run("blurred", tiny.root, out, workers=1, limit=2)
    pair = list(tiny.pairs())[4]
    (out / pair.name).mkdir()
    with pytest.raises(OSError):
        run("blurred", tiny.root, out, workers=1)
    (out / pair.name).rmdir()
    assert statuses(run("blurred", tiny.root, out, workers=1)) == ["ok"] * 8


def test_a_run_stopped_before_its_times_are_noted_measures_them(tiny, tmp_path, monkeypatch):
    """They are noted before the last image is recorded, or there would be nothing left to measure."""
    note = RunJournal.note

    def stop(self: RunJournal, **facts: object) -> None:
        if "timings" in facts:
            raise KeyboardInterrupt
        note(self, **facts)

    with monkeypatch.context() as patch:
        patch.setattr(RunJournal, "note", stop)
        with pytest.raises(KeyboardInterrupt):
            run("unsharp", tiny.root, tmp_path / "out", workers=1)
    info = run("unsharp", tiny.root, tmp_path / "out", workers=1).info
    # Of 8 images, the first one in each of the two processes does not count.
    assert info["timings"]["images"] == 6 and info["memory"]["peak_bytes"] > 0


def test_timings_follow_the_rule():
    made = summarise_times([9.0, 1.0, 2.0, 6.0], size=(128, 100), device="x")
    assert (made["images"], made["mean_s"], made["median_s"], made["min_s"], made["max_s"]) == (3, 3.0, 2.0, 1.0, 6.0)
    assert made["std_s"] == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert summarise_times([1.0], size=(1, 1), device="x") == {}


def test_parameters_are_asked_in_three_ways():
    import torch

    net = torch.nn.Linear(4, 2)
    assert count_parameters(type("A", (), {"network": net})()) == (10, None)
    assert count_parameters(net) == (10, None)
    assert count_parameters(type("B", (), {"parameters": lambda self: 7, "size_bytes": 14})()) == (7, 14)
    assert count_parameters(object()) == (None, None)


def test_batches_keep_their_size_and_lose_nothing(many):
    pairs = list(many.pairs())
    batches = Batches(iter(pairs), many, batch=5)
    first = batches.take(3)
    assert [pair.index for pair in first] == [0, 1, 2]
    got = [pair for batch in iter(batches, None) for pair in batch]
    assert [pair.index for pair in [*first, *got]] == list(range(24))
    assert usual_batch((128, 128)) == 32
    assert usual_batch((2000, 3000)) == 1
    again = Batches(iter(pairs), many, batch=8)
    batch = again()
    assert batch is not None
    assert again.halve(batch) == 4
    assert [len(batch) for batch in iter(again, None)] == [4, 4, 4, 4, 4, 4]


@pytest.mark.parametrize("before", ["create_array", "_save"])
def test_an_array_stopped_before_its_first_row_is_resumed(tiny, tmp_path, monkeypatch, before):
    """Killed after any of the first files of a folder: the next run knows whose it is."""
    from facedeblur.methods.running import journal

    out = tmp_path / "out"

    def stop(*_, **__):
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(journal if before == "create_array" else journal.RunJournal, before, stop)
        run("blurred", tiny.root, out, store="npy", workers=1)
    assert statuses(run("blurred", tiny.root, out, store="npy", workers=1)) == ["ok"] * 8


def test_a_finished_run_forgets_what_a_kill_left(tiny, tmp_path):
    out = tmp_path / "out"
    run("blurred", tiny.root, out, workers=1)
    for name in ("run.partial.json", "status.partial.csv", ".run.json.1.tmp"):
        (out / name).write_text("{}")
    run("blurred", tiny.root, out, workers=1)
    assert not [path.name for path in out.iterdir() if "partial" in path.name or path.suffix == ".tmp"]
