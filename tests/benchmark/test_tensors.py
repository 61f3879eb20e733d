"""How images reach a network: as tensors, in batches of one size."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from facedeblur.benchmark.tensors import as_tensor, filled

torch = pytest.importorskip("torch")


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 5, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
def test_every_batch_has_one_size_and_nothing_is_lost(count: int) -> None:
    whole = images(count)
    found = list(filled(whole, 4))
    assert all(batch.shape == (4, 5, 4, 3) for batch, _ in found)
    assert [batch.tolist() for batch, there in found for batch in batch[:there]] == [one.tolist() for one in whole]
    for batch, there in found:
        assert all((filling == batch[there - 1]).all() for filling in batch[there:])


def test_a_tensor_has_the_values_and_lies_channel_by_channel_last() -> None:
    whole = images(3)
    made = as_tensor(whole, device="cpu")
    assert made.dtype == torch.float32 and made.shape == (3, 3, 5, 4)
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert (made.numpy() == whole.transpose(0, 3, 1, 2)).all() and made.max() > 1


def test_views_and_read_only_arrays_are_taken_without_a_warning_and_not_written_to() -> None:
    whole = images(4)
    frozen = whole[:, ::-1]
    frozen.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = as_tensor(frozen, device="cpu")
    made.zero_()
    assert (whole == images(4)).all()
