"""``facedeblur recognise``: what it prints, and its exit codes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.faces.base import EMBEDDERS, Embedder
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.sets.set import Image, Pair
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.benchmark.whole_set.recognition import embedder_named
from facedeblur.cli.recognise import recognise


class Corner(Embedder):
    """Embeds an image by its first pixel."""

    name, definition = "corner", ("corner@0",)

    def embed(self, faces):
        return faces[:, 0, 0].astype(np.float32)


@pytest.fixture
def pixels_set(tmp_path, monkeypatch):
    """Two people, two gallery images each, one probe each with one pair."""
    monkeypatch.setitem(EMBEDDERS._entries, "corner", Corner)
    embedder_named.cache_clear()
    pixels, images = {}, []
    for person, value in (("ann", 40), ("bob", 200)):
        for number, role in enumerate(("probe", "gallery", "gallery")):
            name = f"{person}{number}"
            pixels[name] = np.full((6, 6, 3), value + number, np.uint8)
            sha = pixel_hash(pixels[name])
            images.append(Image(name, person, role, "ok", 1, f"{name}.jpg", "", 1.0, 0, "", 6, 6, sha, ""))
    writer = SetWriter(tmp_path / "set", {"name": "two", "recipe": "", "seed": 0})
    bank = Bank.of(["k"], [np.ones((1, 1))])
    writer.start(images, lambda image: pixels[image.image_id], bank, n_kernels=1)
    for index, name in enumerate(("ann0", "bob0")):
        write_png(writer.work / f"blur/{name}_k.png", pixels["bob0"])
        image = next(image for image in images if image.image_id == name)
        writer.append([Pair(index, f"{name}_k", name, "k", 1, "uniform", "reflect", 0.0, 1.0, 0, image.sharp,
                            f"blur/{name}_k.png", pixel_hash(pixels["bob0"]))])  # fmt: skip
    made = writer.finish()
    for name in ("ann0", "bob0"):
        write_png(tmp_path / "net" / f"{name}_k.png", pixels[name])
    yield made
    embedder_named.cache_clear()


def test_the_table(pixels_set, tmp_path):
    arguments = [str(pixels_set.root), str(tmp_path / "net"), "--input", "--embedder", "corner", "--jobs", "1"]
    done = CliRunner().invoke(recognise, arguments)
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    assert "two: gallery of 4 images, 2 people" in done.output
    assert ["clear", "images,", "leave-one-out", "6", "100.00", "100.00", "100.00", "0"] in lines
    assert ["clear", "probes", "2", "100.00", "100.00", "100.00", "0"] in lines
    # Ann's probe looks like Bob: his two images come before hers.
    assert ["blurred", "images", "2", "50.00", "100.00", "100.00", "0"] in lines
    assert ["net", "2", "100.00", "100.00", "100.00", "0"] in lines


def test_json_and_misses(pixels_set, tmp_path):
    (tmp_path / "net" / "ann0_k.png").unlink()
    arguments = [str(pixels_set.root), str(tmp_path / "net"), "--embedder", "corner", "--jobs", "1"]
    done = CliRunner().invoke(recognise, [*arguments, "--json"])
    assert done.exit_code == 1
    (row,) = json.loads(done.output)
    assert (row["method"], row["curve"]["misses"], row["curve"]["top5"]) == ("net", 1, 0.5)
    assert (row["leave_one_out"]["top1"], row["verification"]) == (1.0, None)
    printed = CliRunner().invoke(recognise, arguments)
    assert "net: 1 failed: output missing" in printed.output
    quiet = CliRunner().invoke(recognise, [*arguments, "--quiet"])
    assert (quiet.exit_code, quiet.output) == (1, "")


def test_bad_use(pixels_set):
    assert "give OUTPUTS, or --input" in CliRunner().invoke(recognise, [str(pixels_set.root)]).output
    done = CliRunner().invoke(recognise, [str(pixels_set.root), "--input", "--mode", "detekt"])
    assert done.exit_code == 2 and "detekt" in done.output
