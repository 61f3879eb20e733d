"""``facedeblur kernels``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.cli.kernels import kernels
from facedeblur.generators.kernels import boracchi_foi as generator
from facedeblur.generators.kernels.files import read_bank
from facedeblur.generators.kernels.spline import SplineModel


def run(*arguments: str) -> str:
    done = CliRunner().invoke(kernels, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_writes_a_bank_and_says_so_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "bank.npz"
    line = run(str(out), "--sizes", "13:17:2", "--per-size", "2", "--seed", "5")
    bank = Bank.load(out)
    assert bank.ids == ("ker01_k13", "ker02_k13", "ker01_k15", "ker02_k15", "ker01_k17", "ker02_k17")
    assert np.array_equal(bank.kernel("ker02_k15"), generator.STANDARD.draw(5, 15, 2)[1])
    assert line == f"6 kernels of size 13 to 17, seed 5, sha256 {bank.digest()[:12]}, in {out}\n"


def test_options_reach_the_model(tmp_path: Path) -> None:
    options = ["--anxiety", "0.001,0.005", "--length", "20", "--exposure", "0.5", "--samples", "300"]
    run(str(tmp_path / "b.npz"), "--sizes", "13", "--per-size", "1", *options, "--centre", "barycentre")
    model = Bank.load(tmp_path / "b.npz").meta["model"]
    assert generator.KernelModel(**model) == generator.KernelModel(
        anxiety=(0.001, 0.005), length=20.0, exposure=0.5, samples=300, centre="barycentre"
    )


def test_other_formats_hold_the_same_kernels(tmp_path: Path) -> None:
    few = ["--sizes", "7,11", "--per-size", "2"]
    run(str(tmp_path / "b.npz"), *few, "--png", str(tmp_path / "png"))
    run(str(tmp_path / "b.mat"), *few)
    run(str(tmp_path / "folder"), *few)
    digest = Bank.load(tmp_path / "b.npz").digest()
    assert read_bank(tmp_path / "b.mat").digest() == digest
    assert read_bank(tmp_path / "png").digest() == read_bank(tmp_path / "folder").digest()


def test_other_laws_are_drawn_by_name(tmp_path: Path) -> None:
    run(str(tmp_path / "s.npz"), "--draw", "spline", "--sizes", "13", "--per-size", "2", "--grid", "6")
    assert np.array_equal(Bank.load(tmp_path / "s.npz").kernel("ker02_k13"), SplineModel(grid=6).draw(0, 13, 2)[1])
    line = run(str(tmp_path / "d.npz"), "--draw", "deblurgan", "--per-size", "2", "--samples", "300")
    assert line.startswith("2 kernels of size 65, seed 0")


def test_a_sheet_is_written_beside_the_bank(tmp_path: Path) -> None:
    line = run(str(tmp_path / "b.npz"), "--sizes", "13", "--per-size", "4", "--sheet", str(tmp_path / "look.png"))
    assert line.endswith(f"in {tmp_path / 'b.npz'} and {tmp_path / 'look.png'}\n")
    assert read_png(tmp_path / "look.png").shape[1] == 8 + 4 * (91 + 8)


def test_kernels_of_others_become_a_bank(tmp_path: Path) -> None:
    np.save(tmp_path / "theirs.npy", np.full((4, 6), 2.0))
    line = run(str(tmp_path / "b.npz"), "--from", str(tmp_path / "theirs.npy"), "--normalise", "--pad")
    assert line.startswith(f"1 kernel of size 7, from {tmp_path / 'theirs.npy'}, sha256 ")
    assert Bank.load(tmp_path / "b.npz").kernel("theirs").max() == pytest.approx(1 / 24)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pad"], "--pad is only valid with --from"),
        (["--from", "k.npy", "--seed", "3"], "--seed is not valid with --from"),
        (["--from", "k.npy", "--draw", "spline"], "--draw is not valid with --from"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(kernels, [str(tmp_path / "b.npz"), *arguments])
    assert done.exit_code == 2 and message in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["b.npz", "--sizes", "12"], "kernel size: expected an odd number"),
        (["b.npz", "--sizes", "big"], "sizes 'big'"),
        (["b.npz", "--seed", "-1"], "seed: expected"),
        (["b.npz", "--per-size", "0"], "kernels per size"),
        (["b.npz", "--length", "-3"], "kernel model, length"),
        (["b.txt"], "expected OUT.npz, OUT.mat or a folder"),
        (["b.npz", "--sheet", "b.jpg"], "a file name that ends with .png"),
        (["b.npz", "--draw", "spline", "--centre", "bbox"], "option 'centre' of draw 'spline'"),
        (["b.npz", "--draw", "deblurgan", "--sizes", "13"], "DeblurGAN kernels of size 13: expected 65"),
        (["b.npz", "--begin", "0.5", "--exposure", "0.5"], "kernel model, begin"),
        (["b.npz", "--from", "missing.npy"], "not found"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        run(*arguments)
    assert list(tmp_path.iterdir()) == []
