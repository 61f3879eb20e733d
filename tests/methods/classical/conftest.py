"""What tests of the classical methods share."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="module")
def pairs(tiny):
    """(sharp, blurred, kernel) of every pair, float in [0, 1]."""
    return [
        (tiny.sharp(tiny.images[pair.image_id]) / 255, (tiny.blurred(pair) / 255).astype(np.float32),
         tiny.bank.kernel(pair.kernel_id))
        for pair in tiny.pairs()
    ]  # fmt: skip
