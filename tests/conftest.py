"""Fixtures that several test files share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real faces, kernels and weights beside the checkout, where there is one."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is absent")
    return folder


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """Astronaut Eileen Collins, (512, 512, 3) uint8 RGB, public domain, part of scikit-image."""
    from skimage import data

    return np.asarray(data.astronaut())


@pytest.fixture(scope="session")
def dlib_models() -> None:
    """Skip where dlib or its models are not installed."""
    from importlib.util import find_spec

    for package in ("dlib", "face_recognition_models"):
        if find_spec(package) is None:
            pytest.skip(f"no faces to find: package {package} is not installed")
