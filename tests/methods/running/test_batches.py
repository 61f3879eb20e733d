"""Outputs do not depend on how often a run was stopped, nor on which images share a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facedeblur.benchmark.files.images import read_png
from facedeblur.methods.running.batches import Batches
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.journal import RunJournal
from facedeblur.methods.running.runner import run

SIZES = ((128, 128), (96, 80), (128, 128))

COMPANY = """
import numpy as np
from facedeblur.methods import method

@method("company")
class Company:
    '''Differs by less than a grey level in company, so that it may have some.'''
    def restore(self, blurred):
        return (0.5 * blurred + (0.3 + 0.075 * (len(blurred) - 1)) / 255).astype(np.float32)
"""

TIRED = """
import time
from facedeblur.methods import method

@method("tired")
class Tired:
    '''Takes longer in company, or alone.'''
    def __init__(self, *, alone=0.0, together=0.0):
        self.alone, self.together = alone, together
    def restore(self, blurred):
        time.sleep(len(blurred) * (self.together if len(blurred) > 1 else self.alone))
        return 0.5 * blurred
"""


class Centre(torch.nn.Module):
    def forward(self, x):
        return x - x.mean() + 0.5


class OneImage(torch.nn.Module):
    """The mean of each channel, of a trace that knows one image at a time."""

    def forward(self, x):
        b, c, _, _ = x.shape
        return x - x.reshape(int(b), int(c), -1).mean(2).reshape(int(b), int(c), 1, 1) + 0.5


@pytest.fixture(scope="module")
def mixed(make_set):
    """24 pairs of two sizes."""
    return make_set(seed=11, shapes=SIZES, sizes=(13, 13, 13, 13, 19, 19, 27, 27))


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A plugin with one method."""
    plugin = tmp_path_factory.mktemp("company") / "company.py"
    plugin.write_text(COMPANY)
    return plugin


@pytest.fixture(scope="module")
def tired(tmp_path_factory):
    """A plugin with one method."""
    plugin = tmp_path_factory.mktemp("tired") / "tired.py"
    plugin.write_text(TIRED)
    return plugin


def pixels(outputs) -> dict[str, np.ndarray]:
    return {path.name: read_png(path) for path in sorted(outputs.root.glob("*.png"))}


@pytest.mark.parametrize("batch", [1, 3, 5, None])
def test_a_resumed_run_has_batches_of_the_unbroken_one(mixed, batch):
    pairs = list(mixed.pairs())
    unbroken = [tuple(pair.index for pair in some) for some in iter(Batches(pairs, mixed, batch=batch), None)]
    assert sorted(index for some in unbroken for index in some) == list(range(24))
    rng = np.random.default_rng(0)
    for _ in range(50):
        missing = set(np.flatnonzero(rng.random(24) < rng.random()).tolist())
        state = {pair.index: "missing" if pair.index in missing else "restored" for pair in pairs}
        again = Batches(pairs, mixed, batch=batch, state=lambda pair, state=state: state[pair.index])
        found = [tuple(pair.index for pair in some) for some in iter(again, None)]
        assert set(found) == {some for some in unbroken if missing & set(some)}
        assert len(set(found)) == len(found)


def test_an_image_that_failed_is_tried_again_alone(mixed):
    pairs = list(mixed.pairs())
    state = ["restored"] * 24
    state[2] = "failed"
    again = Batches(pairs, mixed, batch=4, state=lambda pair: state[pair.index])
    assert [[pair.index for pair in some] for some in iter(again, None)] == [[2]]


def test_a_limit_that_was_come_to_holds_after_a_stop(mixed):
    pairs = list(mixed.pairs())
    first = Batches(pairs, mixed, batch=8)
    batch = first()
    assert batch is not None and first.halve(batch) == 4
    later = Batches(pairs, mixed, batch=8, caps=first.caps)
    assert {len(some) for some in iter(later, None)} == {4, 8}, "8 of the other size"


@pytest.mark.parametrize("stops", [(11,), (12, 15, 23), (3, 14)])
def test_a_stopped_run_has_the_outputs_of_an_unbroken_one(mixed, tmp_path, stops, company):
    how = {"plugin": company, "workers": 1, "execution": Execution(batch=4)}
    whole = run("company", mixed.root, tmp_path / "whole", **how)
    assert whole.info["compared"] == {"images": 2, "grey_levels": 1, "why": ""} and whole.info["notes"] == []
    for stop in stops:
        run("company", mixed.root, tmp_path / "stopped", limit=stop, **how)
    stopped = run("company", mixed.root, tmp_path / "stopped", **how)
    assert stopped.info["counts"] == whole.info["counts"]
    ours, theirs = pixels(whole), pixels(stopped)
    assert ours.keys() == theirs.keys() and len(ours) == 24
    assert [name for name in ours if not np.array_equal(ours[name], theirs[name])] == []
    assert stopped.run_hash == whole.run_hash
    alone = run("company", mixed.root, tmp_path / "alone", **how | {"execution": Execution(batch=1)})
    assert alone.run_hash != whole.run_hash, "or there would be nothing to see"


@pytest.mark.parametrize(("alone", "together", "most"), [(0.01, 0.2, 1), (0.2, 0.0, 32)])
def test_a_processor_makes_batches_only_if_they_are_faster(mixed, tmp_path, tired, alone, together, most):
    options = {"alone": alone, "together": together}
    outputs = run("tired", mixed.root, tmp_path / "out", plugin=tired, workers=1, options=options)
    times = outputs.info["batch_times"]
    assert times["batch"] == 8 and times["chosen"] == most and (times["batch_s"] > times["single_s"]) == (most == 1)
    assert outputs.info["batch_limits"].get("any", 32) == most and outputs.info["notes"] == []
    by_oneself = sum(status.seconds >= alone for status in outputs.statuses())
    assert by_oneself == (24 if most == 1 else 10)
    told = run("tired", mixed.root, tmp_path / "told", plugin=tired, workers=1, execution=Execution(batch=8))
    assert "batch_times" not in told.info and told.info["batch_limits"] == {}
    ours, theirs = pixels(outputs), pixels(told)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs) and len(theirs) == 24


def test_another_batch_after_a_stop_is_noted(mixed, tmp_path, company):
    how = {"plugin": company, "workers": 1}
    run("company", mixed.root, tmp_path / "out", limit=12, execution=Execution(batch=4), **how)
    resumed = run("company", mixed.root, tmp_path / "out", execution=Execution(batch=2), **how)
    said = "resumed with batch 2 after 12 pairs with batch 4"
    assert any(note.startswith(said) for note in resumed.info["notes"])


@pytest.mark.parametrize(("net", "said"), [(Centre(), "differ from those of single"), (OneImage(), "batch")])
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_network_that_mixes_its_batch_gets_single_images(mixed, tmp_path, net, said):
    file = tmp_path / "net.ts"
    torch.jit.trace(net, torch.rand(1, 3, 128, 128), check_trace=False).save(str(file))
    outputs = run(file, mixed.root, tmp_path / "out", workers=1)
    alone = run(file, mixed.root, tmp_path / "alone", workers=1, execution=Execution(batch=1))
    assert outputs.run_hash == alone.run_hash and outputs.info["counts"]["ok"] == 24
    assert len(outputs.info["notes"]) == 1 and said in outputs.info["notes"][0]
    assert "one at a time" in outputs.info["notes"][0] and alone.info["notes"] == []


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_an_interrupted_run_keeps_its_notes(mixed, tmp_path, monkeypatch):
    file = tmp_path / "net.ts"
    torch.jit.trace(Centre(), torch.rand(1, 3, 128, 128), check_trace=False).save(str(file))
    record = RunJournal.record

    def stop(self, rows):
        if "compared" in self.info:
            raise KeyboardInterrupt
        record(self, rows)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(RunJournal, "record", stop)
        run(file, mixed.root, tmp_path / "out", workers=1)
    (note,) = run(file, mixed.root, tmp_path / "out", workers=1).info["notes"]
    assert "differ from those of single images" in note


def test_an_output_that_was_damaged_is_compared_with_in_one_line(mixed, tmp_path, company):
    how = {"plugin": company, "workers": 1, "execution": Execution(batch=4)}
    first = run("company", mixed.root, tmp_path / "out", limit=8, **how)
    output = first.root / next(mixed.pairs()).name
    output.write_bytes(output.read_bytes()[:-20])
    (note,) = run("company", mixed.root, tmp_path / "out", **how).info["notes"]
    assert "truncated PNG" in note and "one at a time" in note
