"""Banks of kernels: drawn, stored, exported and read back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.signal import convolve2d

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.generators.blur.convolve import blur
from facedeblur.generators.kernels.bank import kernels, parse_sizes
from facedeblur.generators.kernels.boracchi_foi import KernelModel
from facedeblur.generators.kernels.files import pad_odd, read_bank, write_bank, write_pngs


@pytest.fixture(scope="module")
def small() -> Bank:
    return kernels((7, 13), 3, 3, draw=KernelModel(samples=500))


def test_a_bank_holds_the_first_kernels_of_every_size(small: Bank) -> None:
    assert small.ids == ("ker01_k7", "ker02_k7", "ker03_k7", "ker01_k13", "ker02_k13", "ker03_k13")
    assert small.sizes.tolist() == [7, 7, 7, 13, 13, 13] and len(small) == 6
    assert np.array_equal(small.kernel("ker02_k13"), KernelModel(samples=500).draw(3, 13, 2)[1])
    assert small.kernels.shape == (6, 13, 13)
    assert np.array_equal(small.kernels[0, 3:-3, 3:-3], small.kernel("ker01_k7"))
    assert small.kernels[0].sum() == pytest.approx(1)
    assert small.meta["seed"] == 3 and small.meta["model"]["samples"] == 500
    with pytest.raises(InputError, match=r"kernel 'ker1_k7' of the bank: .* did you mean 'ker01_k7'"):
        small.kernel("ker1_k7")


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
    assert read_bank(shared_data / "kernels" / "kernels_12.mat").sizes.tolist() == [25] * 12
    assert read_bank(shared_data / "kernels" / "k_large_1.png").sizes.tolist() == [67]


def test_version_7_3_of_levins_kernels_is_that_of_the_archive(shared_data: Path) -> None:
    pytest.importorskip("h5py")
    hdf5 = read_bank(shared_data / "kernels" / "Levin09.mat", normalise=True)
    archive = read_bank(shared_data / "kernels" / "levin09_8kernels.npz", normalise=True)
    assert hdf5.ids == tuple(f"kernels_{i:02}" for i in range(1, 9))
    assert np.array_equal(hdf5.kernels, archive.kernels)


def test_levins_kernels_stand_upright(shared_data: Path) -> None:
    """They blur his sharp image into his blurred ones, turned by 180 degrees as he stores them; transposed not."""
    pytest.importorskip("h5py")
    hdf5 = read_bank(shared_data / "kernels" / "Levin09.mat", normalise=True)
    folder = shared_data / "kernels" / "levin09_set"
    sharp = cv2.imread(str(folder / "im1.png"), cv2.IMREAD_GRAYSCALE) / 255
    upright = 0
    for i, name in enumerate(hdf5.ids, start=1):
        taken = cv2.imread(str(folder / f"im1_kernel{i}_img.png"), cv2.IMREAD_GRAYSCALE)[28:-28, 28:-28] / 255
        turned = np.ascontiguousarray(hdf5.kernel(name)[::-1, ::-1])
        errors = []
        for kernel in (turned, np.ascontiguousarray(turned.T)):
            made = blur(sharp, kernel)
            shifts = [(y, x) for y in range(-2, 3) for x in range(-2, 3)]
            errors.append(min(np.mean((made[28 + y : 227 + y, 28 + x : 227 + x] - taken) ** 2) for y, x in shifts))
        upright += errors[0] < errors[1]
    assert upright >= 7


def test_kernels_of_even_and_unequal_sides_are_padded_on_request(shared_data: Path) -> None:
    large, kohler = shared_data / "kernels" / "k_large_2.png", shared_data / "kernels" / "kohler12_estimated"
    for path, message in ((large, "an odd size, which has a centre, found 70x70"), (kohler, "square array")):
        with pytest.raises(InputError, match=message):
            read_bank(path)
    padded = read_bank(large, pad=True)
    assert padded.sizes.tolist() == [71] and padded.meta["padded"] == ["k_large_2"]
    estimated = read_bank(kohler, pad=True)
    assert len(estimated) == 48 and sorted(set(estimated.sizes.tolist())) == [41, 139, 141]
    assert len(estimated.meta["padded"]) == 12
    assert np.abs(estimated.kernels.sum((1, 2)) - 1).max() < 1e-12


def write_hdf5(path: Path, contents: dict[str, object], *, header: bool = True) -> None:
    """A file as MATLAB writes version 7.3: dimensions reversed, cells as references, 512 bytes of text before it."""
    import h5py

    with h5py.File(path, "w", userblock_size=512 if header else 0) as file:
        hidden = file.create_group("#refs#")
        for name, value in contents.items():
            if isinstance(value, list):
                references = np.empty((len(value), 1), h5py.ref_dtype)
                for i, cell in enumerate(value):
                    references[i, 0] = hidden.create_dataset(f"{name}{i}", data=cell.T).ref
                file.create_dataset(name, data=references, dtype=h5py.ref_dtype).attrs["MATLAB_class"] = b"cell"
            elif isinstance(value, dict):
                group = file.create_group(name)
                for key, field in value.items():
                    group.create_dataset(key, data=field.T)
            elif isinstance(value, str):
                text = np.array([[ord(letter)] for letter in value], np.uint16)
                file.create_dataset(name, data=np.hstack([text, text])).attrs["MATLAB_class"] = b"char"
            elif value is None:
                empty = file.create_dataset(name, data=np.ones((2, 2), np.uint64))
                empty.attrs["MATLAB_empty"] = np.uint8(1)
            else:
                file.create_dataset(name, data=np.asarray(value).T)
    if header:
        with path.open("r+b") as raw:
            raw.write(b"MATLAB 7.3 MAT-file".ljust(512, b" "))


@pytest.mark.parametrize("header", [True, False])
def test_matlab_7_3_is_transposed_back(small: Bank, tmp_path: Path, header: bool) -> None:
    pytest.importorskip("h5py")
    a, b, large = small.kernel("ker01_k7"), small.kernel("ker02_k7"), small.kernel("ker01_k13")
    assert np.abs(a - a.T).max() > 0.01
    contents = {
        "cells": [a, large, b],
        "single": a.astype(np.float32) / a.astype(np.float32).sum(),
        "stack": np.stack([a, b], axis=2),
        "fields": {"k": b, "scale": np.array([[1.0]])},
        "note": "hello",
        "nothing": None,
        "L": np.array([[64.0]]),
    }
    write_hdf5(tmp_path / "new.mat", contents, header=header)
    back = read_bank(tmp_path / "new.mat")
    assert set(back.ids) == {"cells_01", "cells_02", "cells_03", "single", "stack_01", "stack_02", "fields_k"}
    assert back.meta == {"source": "new.mat"}
    for name, kernel in (("cells_01", a), ("cells_02", large), ("stack_02", b), ("fields_k", b)):
        assert np.array_equal(back.kernel(name), kernel), name
    assert np.abs(back.kernel("single") - a).max() < 1e-7
    savemat(tmp_path / "old.mat", {"cells": np.array([[a], [large], [b]], object), "stack": contents["stack"]})
    old = read_bank(tmp_path / "old.mat")
    assert old.ids == ("cells_01", "cells_02", "cells_03", "stack_01", "stack_02")
    assert all(np.array_equal(old.kernel(name), back.kernel(name)) for name in old.ids)


def test_a_training_bank_as_umsn_stores_it(tmp_path: Path) -> None:
    """kernel.mat: one (29, 29, n) array in MATLAB, small kernels among zeros; n first and columns second on disk."""
    pytest.importorskip("h5py")
    drawn = [KernelModel(samples=500).draw(1, size, 3) for size in (13, 29)]
    stack = np.concatenate([np.pad(drawn[0], ((0, 0), (8, 8), (8, 8))), drawn[1]])
    write_hdf5(tmp_path / "kernel.mat", {"kernels": stack.transpose(1, 2, 0)})
    back = read_bank(tmp_path / "kernel.mat")
    assert back.ids == tuple(f"kernels_{i:02}" for i in range(1, 7))
    assert np.array_equal(back.kernels, stack)


def test_padding_keeps_the_middle_that_matlab_takes(tmp_path: Path) -> None:
    for shape in ((4, 4), (4, 7), (6, 3), (5, 9), (2, 9)):
        kernel = np.random.default_rng(0).random(shape)
        kernel /= kernel.sum()
        padded = pad_odd(kernel)
        assert padded.shape[0] == padded.shape[1] == max(n + 1 - n % 2 for n in shape)
        # conv2(impulse, kernel, 'same') puts the kernel's pixel n // 2, counted from 0, on the impulse.
        image = np.random.default_rng(1).random((30, 31))
        full = convolve2d(image, kernel)
        y, x = shape[0] // 2, shape[1] // 2
        assert np.abs(blur(image, padded, border="zero") - full[y : y + 30, x : x + 31]).max() < 1e-12
    assert np.array_equal(pad_odd(np.eye(3)), np.eye(3))
    np.savez(tmp_path / "odd.npz", k=np.full((2, 3), 1 / 6), n=np.arange(3))
    with pytest.raises(InputError, match=r"found a matrix of 2x3; use pad=True"):
        read_bank(tmp_path / "odd.npz")
    assert read_bank(tmp_path / "odd.npz", pad=True).meta == {"source": "odd.npz", "padded": ["k"]}


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
    (folder / "cut.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(100))
    savemat(folder / "flipped.mat", {"k": np.random.default_rng(0).random((9, 9))}, do_compression=True)
    damaged = bytearray((folder / "flipped.mat").read_bytes())
    damaged[-1] ^= 255  # of zlib's sum
    (folder / "flipped.mat").write_bytes(damaged)
    return {
        "flipped.mat": "a MATLAB file.*decompressing",
        "cut.mat": "a whole MATLAB 7.3 file",
        "text.npz": "a numpy archive",
        "text.png": "not an image but a text file",
        "text.mat": "a MATLAB file",
        "text.npy": "a numpy array",
        "empty.png": "the file is empty",
        "kernel.txt": "found '.txt'",
        "none": "expected kernels, found none",
        "even.npy": "odd size",
        "line.npy": r"found \(3,\)",
        "colour.png": "a grey image",
        "scalar.mat": "expected kernels, found none",
        "missing.npz": "not found",
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
    with pytest.raises(InputError, match=r"invalid kernel bank \(kernel a: expected sum 1"):
        Bank.load(path)
    with pytest.raises(InputError, match="not found"):
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
    with pytest.raises(InputError, match="kernel bank: expected one name and one size per kernel"):
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
        kernels((), 1, 0)
    with pytest.raises(InputError, match="kernel sizes"):
        kernels((13, 13), 1, 0)
    with pytest.raises(InputError, match="kernels per size"):
        kernels((13,), 0, 0)
    with pytest.raises(InputError, match="normalise"):
        kernels((13,), 1, 0, draw=KernelModel(normalise=False))
    with pytest.raises(InputError, match=r"found '\.jpg'"):
        write_bank(small, tmp_path / "bank.jpg")
    write_pngs(small, tmp_path / "deep" / "folder")
    (tmp_path / "deep" / "folder" / "kernels.json").write_text("{}")
    with pytest.raises(InputError, match="the list next to exported kernels"):
        read_bank(tmp_path / "deep" / "folder")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "..\\x", "C:\\x"])
def test_names_of_kernels_do_not_leave_the_folder(tmp_path, name):
    kernel = np.zeros((5, 5))
    kernel[2, 2] = 1
    bank = Bank.of([name], [kernel])
    with pytest.raises(InputError, match="a path inside"):
        write_bank(bank, tmp_path / "folder")
    write_bank(Bank.of(["a"], [kernel]), tmp_path / "good")
    listed = json.loads((tmp_path / "good" / "kernels.json").read_text())
    listed["scale"] = {name: 1.0}
    (tmp_path / "good" / "kernels.json").write_text(json.dumps(listed))
    with pytest.raises(InputError, match="a path inside"):
        read_bank(tmp_path / "good")


def grey_kernel() -> np.ndarray:
    pixels = np.zeros((15, 15), np.uint8)
    pixels[7, 3:12] = 255
    return pixels


def test_a_folder_of_pictures_of_every_kind(tmp_path):
    from PIL import Image

    for name in ("a.png", "B.PNG", "c.jpg", "d.bmp", "e.tif", "f.webp", "g.PPM"):
        options = {"quality": 100, "lossless": True} if name.endswith(("jpg", "webp")) else {}
        Image.fromarray(grey_kernel()).convert("RGB").save(tmp_path / name, **options)
    Image.fromarray(grey_kernel()).save(tmp_path / "a.tif")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "more").mkdir()
    bank = read_bank(tmp_path)
    assert bank.ids == ("B", "a.png", "a.tif", "c", "d", "e", "f", "g")
    assert bank.meta["skipped"] == ["more/", "notes.txt"]
    wanted = grey_kernel() / grey_kernel().sum()
    for name in bank.ids:
        assert np.abs(bank.kernel(name) - wanted).max() < (2e-3 if name == "c" else 1e-15)


def test_suffixes_in_capitals(tmp_path):
    from PIL import Image

    kernel = grey_kernel() / grey_kernel().sum()
    Image.fromarray(grey_kernel()).save(tmp_path / "k.png")
    (tmp_path / "k.png").rename(tmp_path / "K.PNG")
    np.savez(tmp_path / "o.npz", kernels=kernel[None])
    (tmp_path / "o.npz").rename(tmp_path / "O.NPZ")
    np.save(tmp_path / "n.npy", kernel)
    (tmp_path / "n.npy").rename(tmp_path / "N.NPY")
    savemat(tmp_path / "m.mat", {"kernel": kernel, "wide": np.ones((3, 5))})
    (tmp_path / "m.mat").rename(tmp_path / "M.MAT")
    for name in ("K.PNG", "O.NPZ", "N.NPY", "M.MAT"):
        bank = read_bank(tmp_path / name)
        assert len(bank) == 1 and np.abs(bank.kernel(bank.ids[0]) - kernel).max() < 1e-15
    assert bank.meta["skipped"] == ["wide (3x5)"]


def test_sixteen_bits_of_a_kernel_are_kept(tmp_path):
    deep = np.zeros((5, 5), np.uint16)
    deep[2] = 1, 300, 65535, 300, 1
    for name in ("a.png", "a.tif"):
        cv2.imwrite(str(tmp_path / name), deep)
        assert np.allclose(read_bank(tmp_path / name).kernel("a"), deep / deep.sum(), rtol=0, atol=1e-16)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("suffix", [".png", ".npz", ".npy", ".mat"])
def test_a_pipe_is_no_kernel(tmp_path, suffix):
    os.mkfifo(tmp_path / f"a{suffix}")
    with pytest.raises(InputError, match="found a pipe"):
        read_bank(tmp_path / f"a{suffix}")
    if suffix == ".png":
        with pytest.raises(InputError, match="found a pipe"):
            read_bank(tmp_path)


def test_a_stack_in_matlab_files_is_read_exactly(tmp_path):
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(1)
    stack = rng.random((29, 29, 7)) ** 6
    stack /= stack.sum((0, 1))
    savemat(tmp_path / "v5.mat", {"kernels": stack})
    with h5py.File(tmp_path / "v73.mat", "w", userblock_size=512) as file:
        file.create_dataset("kernels", data=stack.T).attrs["MATLAB_class"] = np.bytes_(b"double")
    with (tmp_path / "v73.mat").open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + b"\0" * 8 + b"\0\x02IM")
    np.save(tmp_path / "right.npy", np.moveaxis(stack, 2, 0))
    for name in ("v5.mat", "v73.mat", "right.npy"):
        assert np.array_equal(read_bank(tmp_path / name).kernels, np.moveaxis(stack, 2, 0))
