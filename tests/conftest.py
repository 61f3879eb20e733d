"""Fixtures that several test files share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from small_recipe import small_recipe_text
from warm_processes import Warm, warm_up, with_popen

from facedeblur.methods.running import supervisor


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long and with which seed the tests in ``faults/`` look for faults."""
    group = parser.getgroup("faults")
    group.addoption("--faults-minutes", type=float, default=0.0, help="Look for this long; 0 tries a few faults.")
    group.addoption("--faults-seed", type=int, default=0, help="Seed of the choice of faults.")


LONG = ("test_docs_tutorials.py", "test_examples.py", "test_chain.py")
"""Files of tests that take long, each a chain of commands. They go first: at the end one process would work alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long tests first."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session")
def small_recipe() -> Callable[..., Path]:
    """``small_recipe(folder, sigma)`` writes a recipe of four kernels into `folder`."""

    def write(folder: Path, sigma: float = 0.01) -> Path:
        path = folder / f"small{sigma}.toml"
        path.write_text(small_recipe_text("9,13", 2, sigma))
        return path

    return write


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real faces, kernels and weights beside the checkout, where there is one."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is absent")
    return folder


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    """Address of a dask scheduler on this machine with two worker processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster.scheduler_address


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


def common_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for temporary files that all test workers share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def warm_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the workers of `run` start warm, each in milliseconds."""
    base, patch = common_folder(tmp_path_factory), pytest.MonkeyPatch()
    if sys.platform == "linux":
        patch.setattr(
            supervisor, "subprocess", with_popen(lambda *command, **how: Warm.shared(base).popen(*command, **how))
        )
    yield
    patch.undo()


@pytest.fixture(scope="session")
def warm_commands(tmp_path_factory: pytest.TempPathFactory, dlib_models: None) -> Path:
    """Folder with an executable `facedeblur` that starts warm; without one where processes cannot."""
    from filelock import FileLock

    base = common_folder(tmp_path_factory)
    folder = base / "warm"
    with FileLock(base / "warm-commands.lock"):
        if not folder.exists():
            folder.mkdir()
            if sys.platform == "linux":
                warm_up(Warm.shared(base), base / "warming").executable(folder)
    return folder


@pytest.fixture(scope="session")
def old_processor(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which numba compiles for SSE2 alone, each function once for all tests."""
    compiled = common_folder(tmp_path_factory) / "compiled-for-sse2"
    return {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(compiled)}


@dataclass(frozen=True)
class Demo:
    """What `facedeblur demo` left, and what it printed."""

    folder: Path
    exit_code: int
    output: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, dlib_models: None) -> Demo:
    """The README's first command as it comes, once for all tests, in whichever process they run."""
    from click.testing import CliRunner
    from filelock import FileLock

    from facedeblur.cli.main import facedeblur

    base = common_folder(tmp_path_factory)
    folder, record = base / "whole" / "demo", base / "whole" / "demo.json"
    with FileLock(base / "demo.lock"):
        if not record.is_file():
            folder.parent.mkdir()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(supervisor, "subprocess", subprocess)  # no worker starts warm
                argv = ["demo", "-o", str(folder), "--jobs", "2"]
                shown = CliRunner().invoke(facedeblur, argv, catch_exceptions=False)
            record.write_text(json.dumps([shown.exit_code, shown.output]), encoding="utf-8")
        exit_code, output = json.loads(record.read_text(encoding="utf-8"))
    return Demo(folder, exit_code, output)
