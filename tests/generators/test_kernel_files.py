"""Banks of kernels: drawn, stored, exported and read back."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.kernel_files import Bank, bank, parse_sizes, read_bank, write_bank, write_pngs
from facedeblur.generators.kernels import KernelModel, kernels


@pytest.fixture(scope="module")
def small() -> Bank:
    return bank(3, (7, 13), 3, model=KernelModel(samples=500))


def test_a_bank_holds_the_first_kernels_of_every_size(small: Bank) -> None:
    assert small.ids == ("ker01_k7", "ker02_k7", "ker03_k7", "ker01_k13", "ker02_k13", "ker03_k13")
    assert small.sizes.tolist() == [7, 7, 7, 13, 13, 13] and len(small) == 6
    assert np.array_equal(small.kernel("ker02_k13"), kernels(3, 13, 2, model=KernelModel(samples=500))[1])
    assert small.kernels.shape == (6, 13, 13)
    assert np.array_equal(small.kernels[0, 3:-3, 3:-3], small.kernel("ker01_k7"))
    assert small.kernels[0].sum() == pytest.approx(1)
    assert small.meta["seed"] == 3 and small.meta["model"]["samples"] == 500
    with pytest.raises(InputError, match=r"kernel 'ker1_k7': .* did you mean 'ker01_k7'"):
        small.kernel("ker1_k7")


def test_the_default_bank_is_the_one_it_always_was() -> None:
    """Changes only with the model, the generator or the numbers behind them: then every set changes, too."""
    assert bank(0, range(13, 28, 2), 10).digest() == GOLDEN


GOLDEN = "d8903e4f6c5d68a9b1f4e9c22ace7da3445d5e49a176ab3f6dbbec80fa8a2307"


@pytest.mark.parametrize("name", ["bank.npz", "bank.mat"])
def test_values_names_and_origin_survive(small: Bank, tmp_path: Path, name: str) -> None:
    write_bank(small, tmp_path / name)
    back = read_bank(tmp_path / name)
    assert (back.ids, back.meta, back.digest()) == (small.ids, small.meta, small.digest())
    assert np.array_equal(back.kernels, small.kernels)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_matlab_sees_a_cell_array(small: Bank, tmp_path: Path) -> None:
    write_bank(small, tmp_path / "bank.mat")
    cells = loadmat(tmp_path / "bank.mat")["kernels"]
    assert cells.shape == (6, 1) and cells[0, 0].shape == (7, 7) and cells[5, 0].shape == (13, 13)


def test_png_folder_keeps_sixteen_bits_and_states_the_scale(small: Bank, tmp_path: Path) -> None:
    write_bank(small, tmp_path / "folder")
    listed = json.loads((tmp_path / "folder" / "kernels.json").read_text())
    pixels = cv2.imread(str(tmp_path / "folder" / "ker01_k13.png"), cv2.IMREAD_UNCHANGED)
    assert pixels.dtype == np.uint16 and pixels.max() == 65535
    kernel = small.kernel("ker01_k13")
    assert np.abs(pixels / listed["scale"]["ker01_k13"] - kernel).max() <= 0.5 / listed["scale"]["ker01_k13"] + 1e-15
    back = read_bank(tmp_path / "folder")
    assert back.ids == small.ids and back.meta == small.meta
    assert np.abs(back.kernels - small.kernels).max() < 1e-4


def test_digest_follows_names_values_and_sizes(small: Bank) -> None:
    renamed = Bank(("a", *small.ids[1:]), small.sizes, small.kernels)
    values = small.kernels.copy()
    values[0, 6, 6] = np.nextafter(values[0, 6, 6], 1)
    wider = Bank(small.ids, small.sizes, np.pad(small.kernels, ((0, 0), (1, 1), (1, 1))))
    digests = [b.digest() for b in (small, renamed, Bank(small.ids, small.sizes, values))]
    assert len(set(digests)) == 3
    assert wider.digest() == small.digest()


def test_kernels_of_others_are_read(small: Bank, tmp_path: Path) -> None:
    a, b = small.kernel("ker01_k7"), small.kernel("ker02_k7")
    np.save(tmp_path / "one.npy", a)
    np.save(tmp_path / "two.npy", np.stack([a, b]))
    np.savez(tmp_path / "loose.npz", first=a, others=np.stack([a, b]), note=np.arange(3))
    savemat(tmp_path / "loose.mat", {"kernel": a, "stack": np.stack([a, b], axis=2), "L": 64})
    cv2.imwrite(str(tmp_path / "grey.png"), np.round(255 * a / a.max()).astype(np.uint8))
    assert read_bank(tmp_path / "one.npy").ids == ("one",)
    assert np.array_equal(read_bank(tmp_path / "two.npy").kernel("two_02"), b)
    assert read_bank(tmp_path / "loose.npz").ids == ("first", "others_01", "others_02")
    loose = read_bank(tmp_path / "loose.mat")
    assert set(loose.ids) == {"kernel", "stack_01", "stack_02"}
    assert np.array_equal(loose.kernel("stack_02"), b)
    assert np.abs(read_bank(tmp_path / "grey.png").kernel("grey") - a).max() < 0.01
    np.save(tmp_path / "loud.npy", 5 * a)
    with pytest.raises(InputError, match="sum 1 within 1e-6"):
        read_bank(tmp_path / "loud.npy")
    assert np.allclose(read_bank(tmp_path / "loud.npy", normalise=True).kernel("loud"), a)


def test_published_kernels_are_read(shared_data: Path) -> None:
    shen = read_bank(shared_data / "deblur_outputs_shen18" / "kernel_27_(1).mat")
    assert shen.sizes.tolist() == [27]
    assert len(read_bank(shared_data / "kernels" / "levin09_8kernels.npz", normalise=True)) == 8
    with pytest.raises(InputError, match=r"version 7\.3"):
        read_bank(shared_data / "kernels" / "Levin09.mat")


def bad_files(folder: Path) -> dict[str, str]:
    (folder / "text.npz").write_text("hello")
    (folder / "text.png").write_text("hello")
    (folder / "text.mat").write_text("hello")
    (folder / "text.npy").write_text("hello")
    (folder / "empty.png").write_bytes(b"")
    (folder / "kernel.txt").write_text("1")
    (folder / "none").mkdir()
    np.save(folder / "even.npy", np.full((4, 4), 1 / 16))
    np.save(folder / "line.npy", np.ones(3))
    cv2.imwrite(str(folder / "colour.png"), np.arange(27, dtype=np.uint8).reshape(3, 3, 3))
    savemat(folder / "scalar.mat", {"L": 64})
    return {
        "text.npz": "a numpy archive",
        "text.png": "expected a PNG",
        "text.mat": "a MATLAB file",
        "text.npy": "a numpy array",
        "empty.png": "expected a PNG",
        "kernel.txt": "found '.txt'",
        "none": "expected kernels, found none",
        "even.npy": "odd size",
        "line.npy": r"found \(3,\)",
        "colour.png": "a grey image",
        "scalar.mat": "expected kernels, found none",
        "missing.npz": "nothing there",
    }


def test_bad_files_get_one_line_with_their_name(tmp_path: Path) -> None:
    for name, message in bad_files(tmp_path).items():
        with pytest.raises(InputError, match=message) as caught:
            read_bank(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_damaged_bank_is_refused(small: Bank, tmp_path: Path) -> None:
    path = tmp_path / "bank.npz"
    small.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="a kernel bank"):
        Bank.load(path)
    np.savez(path, ids=np.array(["a"]), sizes=[3], kernels=np.eye(3)[None], meta=np.array("{}"))
    with pytest.raises(InputError, match="a sound kernel bank, found kernel a: expected sum 1"):
        Bank.load(path)
    with pytest.raises(InputError, match="found no file"):
        Bank.load(tmp_path / "missing.npz")


def test_an_interrupted_write_leaves_what_was_there(
    small: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bank.npz"
    small.save(path)
    before = path.read_bytes()

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small.save(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("ids", "sizes", "shape"),
    [(("a",), [3, 3], (2, 3, 3)), (("a", "a"), [3, 3], (2, 3, 3)), ((), [], (0, 3, 3)), (("a",), [5], (1, 3, 3))],
)
def test_a_bank_of_odd_ends_is_refused(ids: tuple[str, ...], sizes: list[int], shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="kernel bank: expected as many"):
        Bank(ids, np.array(sizes), np.full(shape, 1 / 9))


def test_sizes_are_written_as_range_or_list() -> None:
    assert parse_sizes("13:27:2") == (13, 15, 17, 19, 21, 23, 25, 27)
    assert parse_sizes("13:17") == (13, 15, 17)
    assert parse_sizes("21, 31") == (21, 31)
    for text in ("", "13:", "27:13:2", "13:27:0", "1:2:3:4", "13;15"):
        with pytest.raises(InputError, match="13:27:2 or 21,31"):
            parse_sizes(text)


def test_bad_bank_options_are_named(small: Bank, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="kernel sizes"):
        bank(0, (), 1)
    with pytest.raises(InputError, match="kernel sizes"):
        bank(0, (13, 13), 1)
    with pytest.raises(InputError, match="kernels per size"):
        bank(0, (13,), 0)
    with pytest.raises(InputError, match="normalise"):
        bank(0, (13,), 1, model=KernelModel(normalise=False))
    with pytest.raises(InputError, match=r"found '\.jpg'"):
        write_bank(small, tmp_path / "bank.jpg")
    write_pngs(small, tmp_path / "deep" / "folder")
    (tmp_path / "deep" / "folder" / "kernels.json").write_text("{}")
    with pytest.raises(InputError, match="the list that stands beside"):
        read_bank(tmp_path / "deep" / "folder")
