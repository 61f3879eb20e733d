"""MATLAB files are read, told apart, or refused in one line, wherever they are damaged."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.io import savemat

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.mat import HDF5, load_mat

load = partial(load_mat, expected="such a file", do="save it again")
VERSION_7_3 = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"


@pytest.mark.parametrize("compressed", [False, True])
def test_variables_are_read_with_the_options_of_scipy(tmp_path, compressed):
    savemat(tmp_path / "a.mat", {"a": np.arange(6.0).reshape(2, 3), "b": 1}, do_compression=compressed)
    found = load(tmp_path / "a.mat", variable_names=["a"])
    assert np.array_equal(found["a"], np.arange(6.0).reshape(2, 3)) and "b" not in found


@pytest.mark.parametrize(
    "start",
    [HDF5, bytes(512) + HDF5, VERSION_7_3, VERSION_7_3.ljust(512) + HDF5],
    ids=["bare", "512", "header", "both"],
)
def test_version_7_3_is_left_to_h5py(tmp_path, start):
    (tmp_path / "a.mat").write_bytes(start + bytes(100))
    assert load(tmp_path / "a.mat") is None


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_cut_anywhere_is_refused_in_one_line(tmp_path, compressed):
    """Cut inside a variable it is refused; between two of them scipy reads what is whole."""
    file = tmp_path / "a.mat"
    cells = np.array([[np.ones((5, 5))], [np.eye(4)]], object)
    savemat(file, {"k": np.random.default_rng(0).random((9, 9)), "c": cells}, do_compression=compressed)
    whole = file.read_bytes()
    refused = 0
    for size in range(0, len(whole), 7):
        file.write_bytes(whole[:size])
        try:
            load(file)
        except InputError as error:
            refused += 1
            assert "a.mat" in str(error) and "cannot be read as such a file" in str(error) and "\n" not in str(error)
    assert refused >= len(range(0, len(whole), 7)) - 2


def test_damage_that_only_zlib_sees_is_told(tmp_path):
    file = tmp_path / "a.mat"
    savemat(file, {"k": np.random.default_rng(0).random((9, 9))}, do_compression=True)
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 255
    file.write_bytes(damaged)
    with pytest.raises(InputError, match="decompressing"):
        load(file)


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="not found"):
        load(tmp_path / "a.mat")
