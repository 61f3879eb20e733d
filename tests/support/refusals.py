"""What a refused call says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from facedeblur.benchmark.errors import InputError


def told(call: Callable[[], object]) -> str:
    """Call, and return the one line of the `InputError` that it raises."""
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)
