"""``facedeblur card`` from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import write_pixels
from facedeblur.benchmark.sets.set import Image, Pair
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.cli.card import card

pytest.importorskip("yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of one pair whose licence is not stated."""
    root = tmp_path_factory.mktemp("card") / "set"
    pixels = np.full((16, 16, 3), 9, np.uint8)
    image = Image("a", "a", "test", "ok", -1, "a.png", "", 1.0, 0, "", 16, 16, pixel_hash(pixels), "")
    writer = SetWriter(root, {"name": "one", "seed": 0, "sources": [{"folder": "photos", "licence": "not stated"}]})
    writer.start([image], lambda _: pixels, Bank.of(["k1_k3"], [np.full((3, 3), 1 / 9)]), n_kernels=1)
    write_pixels(writer.work, "blur/a_k1_k3.png", 0, pixels, store="png")
    writer.append([Pair(0, "a_k1_k3", "a", "k1_k3", 3, "uniform", "valid", 0.0, 1.0, 0, image.sharp,
                        "blur/a_k1_k3.png", pixel_hash(pixels))])  # fmt: skip
    writer.finish()
    return root


def test_a_card(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        card, [str(folder), "-o", str(tmp_path / "c"), "--licence", "cc-by-4.0", "--repo", "me/x"]
    )
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        f"{tmp_path / 'c'}: 1 pair with images, licence cc-by-4.0",
        "not stated: creator (--creator), datePublished (--date)",
    ]
    assert (tmp_path / "c" / "blur" / "a_k1_k3.png").is_file()


def test_quiet_texts(folder: Path, tmp_path: Path) -> None:
    arguments = [str(folder), "-o", str(tmp_path / "c"), "--licence", "unknown", "--no-images", "--quiet"]
    assert CliRunner().invoke(card, arguments).output == ""
    assert not (tmp_path / "c" / "blur").exists() and (tmp_path / "c" / "README.md").is_file()


def test_no_licence(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(card, [str(folder), "-o", str(tmp_path / "c")])
    assert isinstance(done.exception, InputError) and "does not state the licence" in str(done.exception)
    assert not list(tmp_path.iterdir())
