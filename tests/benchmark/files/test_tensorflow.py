"""Checkpoints that TensorFlow wrote, and damaged ones."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from tensorflow_files import write_checkpoint

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.tensorflow import read_checkpoint

# By TensorFlow 2.21: tf.compat.v1.train.Saver of two variables of a layer, an integer and a string.
INDEX = base64.b64decode(
    "AAAGCAEaAggBAA4PbmV0L29uZS9iaWFzZXMIARIEEgIIAigINT0zyPQIBxV3ZWlnaHRzCAESCBICCAISAggDIAgoGDVNycA3AAQN"
    "c3RlcAgJEgAgICgINZeqIwIABA13b3JkCAcSACAoKAk1G0wzPwAAAAABAAAAAJaHNW4AAAAAAQAAAADA8qGwAAECeAB4AAAAAAEA"
    "AAAAoNplyX0IigEOAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABX+4CLJHVH2w=="
)
DATA = base64.b64decode("AADAPwAAAMAAAAAAAACAPgAAAD8AAEA/AACAPwAAoD/4+gcAAAAAAARiUeuWdGV4dA==")


@pytest.fixture
def files(tmp_path):
    paths = tmp_path / "m.index", tmp_path / "m.data-00000-of-00001"
    for path, content in zip(paths, (INDEX, DATA), strict=True):
        path.write_bytes(content)
    return paths


def test_what_tensorflow_wrote_is_read(files):
    found = read_checkpoint(*files)
    assert {name: array.dtype.name for name, array in found.items()} == {
        "net/one/weights": "float32", "net/one/biases": "float32", "step": "int64",
    }  # fmt: skip
    np.testing.assert_array_equal(found["net/one/weights"], np.arange(6).reshape(2, 3) / 4)
    np.testing.assert_array_equal(found["net/one/biases"], [1.5, -2])
    assert found["step"] == 523000 and found["step"].shape == ()


def test_many_variables_in_several_blocks_are_read(tmp_path):
    rng = np.random.default_rng(1)
    made = {f"net/layer{i}/weights": rng.random((i % 5 + 1, 3)).astype("f4") for i in range(70)}
    write_checkpoint(tmp_path / "m", made)
    found = read_checkpoint(tmp_path / "m.index", tmp_path / "m.data-00000-of-00001")
    assert sorted(found) == sorted(made)
    for name, array in made.items():
        np.testing.assert_array_equal(found[name], array)


def test_damaged_files_are_told_in_one_line(files):
    index, data = files
    for size in range(0, len(INDEX), 5):
        index.write_bytes(INDEX[:size])
        with pytest.raises(
            InputError, match=r"m\.index.*cannot be read as the index of a TensorFlow checkpoint"
        ) as told:
            read_checkpoint(index, data)
        assert "\n" not in str(told.value)
    index.write_bytes(INDEX)
    data.write_bytes(DATA[:20])
    with pytest.raises(InputError, match=r"24 bytes of 'net/one/weights' at 8, found a file of 20.*to m\.index"):
        read_checkpoint(index, data)
    index.write_bytes(bytes(len(INDEX) - 60) + INDEX[-60:])
    with pytest.raises(InputError, match=r"m\.index"):
        read_checkpoint(index, data)
    with pytest.raises(InputError, match=r"m\.data"):
        index.write_bytes(INDEX)
        data.unlink()
        read_checkpoint(index, data)
