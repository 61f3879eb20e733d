"""Random numbers made by torch: the bits of those that numba makes."""

from __future__ import annotations

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.random.device import normals_on
from facedeblur.generators.random.philox import normals


def test_normals_are_the_cpus_bit_for_bit() -> None:
    numbers = [0, 7, 2**40 + 3, 2**63 + 2**33, 2**64 - 1]
    for seed in (0, 2**63 + 12345):
        made = normals_on("cpu", seed, numbers, 30_001)
        for row, number in zip(made.numpy(), numbers, strict=True):
            assert np.array_equal(row, normals(seed, number, 30_001))
    assert normals_on("cpu", 1, [3, 4], 0).shape == (2, 0)
    with pytest.raises(InputError, match="pair number"):
        normals_on("cpu", 0, [-1], 10)
