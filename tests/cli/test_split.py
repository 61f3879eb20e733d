"""facedeblur split, and check of what sets share."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.sets.set import Image, Set
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.cli.build import build
from facedeblur.cli.check import check
from facedeblur.cli.split import split
from facedeblur.generators.photos.opening import open_collection
from facedeblur.generators.photos.specs import Selection


@pytest.fixture
def photos(tmp_path):
    for person in range(12):
        for n in range(3 if person else 1):
            write_png(tmp_path / "photos" / f"p{person}" / f"p{person}_{n + 1:04}.png", np.zeros((16, 16, 3), np.uint8))
    (tmp_path / "photos" / "empty").mkdir()
    return tmp_path / "photos"


def typed(command, *argv: object):
    return CliRunner().invoke(command, [str(part) for part in argv], catch_exceptions=False)


def test_split_writes_a_list_that_a_collection_takes(photos, tmp_path):
    done = typed(split, photos, "-o", tmp_path / "split.csv", "--seed", 4)
    assert done.exit_code == 0, done.output
    assert "lfw: 34 photographs, 12 identities" in done.output
    assert "0 photographs of       1 identity    no photograph" in done.output
    with (tmp_path / "split.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 35 and {row["role"] for row in rows} == {"train", "test", ""}
    found = open_collection(photos, Selection(listed=tmp_path / "split.csv", roles=("test",)))
    assert {p.source for p in found.photographs} == {row["source"] for row in rows if row["role"] == "test"}


def test_split_into_probes_and_gallery(photos, tmp_path):
    done = typed(split, f"people:{photos}", "-o", tmp_path / "a.csv", "--probe-gallery", "1:2", "--quiet")
    assert (done.exit_code, done.output) == (0, "")
    again = typed(
        split, photos, "-o", tmp_path / "b.csv", "--probe-gallery", "1:1", "--seed", 9, "--keep", tmp_path / "a.csv"
    )
    assert "11 photographs of      11 identities  probe" in again.output and "no gallery" in again.output
    with (tmp_path / "a.csv").open(newline="") as one, (tmp_path / "b.csv").open(newline="") as other:
        probes = [
            {row["source"] for row in csv.DictReader(stream) if row["role"] == "probe"} for stream in (one, other)
        ]
    assert probes[0] == probes[1] and len(probes[0]) == 11


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--probe-gallery", "1-9"], "two numbers such as 1:9"),
        (["--probe-gallery", "1:9"], r"expected 1 \+ 9 photographs"),
        (["--test-share", "1.5"], "between 0 and 1"),
        (["--match", "*.bmp"], "found none among 34"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(photos, tmp_path, argv, line):
    with pytest.raises(InputError, match=line):
        typed(split, photos, "-o", tmp_path / "out.csv", *argv)
    assert not (tmp_path / "out.csv").exists()
    assert (
        typed(split, photos, "-o", tmp_path / "out.csv", "--probe-gallery", "1:2", "--test-share", 0.2).exit_code == 2
    )
    assert typed(split, photos, "-o", tmp_path / "out.csv", "--keep", "x.csv").exit_code == 2


def make(out, people: dict[str, tuple[str, str, int]], kernel_seed: int):
    """A set of noise pictures: image id -> (identity, role, seed of the picture)."""
    pixels = {
        name: np.kron(np.random.default_rng(seed).integers(0, 256, (8, 8, 3)), np.ones((4, 4, 1))).astype(np.uint8)
        for name, (_, _, seed) in people.items()
    }
    images = [
        Image(name, person, role, "ok", 1, name, "", 1.0, 0, "", 32, 32, pixel_hash(pixels[name]), "")
        for name, (person, role, _) in people.items()
    ]
    kernel = np.random.default_rng(kernel_seed).random((5, 5))
    info = {"name": "toy", "title": "Toy", "recipe": "", "seed": 0, "sources": [], "packages": {}}
    writer = SetWriter(out, info)
    writer.start(
        images, lambda image: pixels[image.image_id], Bank.of(["ker01_k05"], [kernel / kernel.sum()]), n_kernels=1
    )
    writer.finish()
    return out


def test_check_refuses_a_set_that_shares_with_a_training_set(tmp_path):
    train = make(tmp_path / "train", {"a": ("Ann", "train", 1), "b": ("Bob", "train", 2)}, 1)
    clean = make(tmp_path / "clean", {"c": ("Cid", "test", 3)}, 2)
    leaky = make(tmp_path / "leaky", {"d": ("ann", "test", 4), "e": ("Eve", "test", 2)}, 1)
    done = typed(check, clean, "--against", train, "--jobs", 1)
    assert done.exit_code == 0 and f"no identity, photograph or kernel is shared with {train}" in done.output
    done = typed(check, leaky, "--against", train, "--jobs", 1, "--quiet")
    assert done.exit_code == 1
    for line in (
        "identity ann: also in",
        "as Ann (the same name)",
        "photograph e:",
        "as b (the same pixels)",
        "3 leaks",
    ):
        assert line in done.output
    assert "kernel ker01_k05: also in" in done.output
    done = typed(check, leaky, "--against", train, "--other-people", "--jobs", 1)
    assert "identity" not in done.output and "2 leaks" in done.output
    with pytest.raises(InputError, match="build it first"):
        typed(check, clean, "--against", tmp_path / "absent")


def test_check_compares_roles_within_a_set(tmp_path):
    people = {"a": ("Ann", "train", 1), "b": ("Ann", "test", 2), "c": ("Cid", "probe", 3), "d": ("Cid", "gallery", 3)}
    mixed = typed(check, make(tmp_path / "mixed", people, 1), "--jobs", 1)
    assert mixed.exit_code == 1 and "identity Ann: also in role train of the same set" in mixed.output
    twins = typed(check, make(tmp_path / "twins", {k: people[k] for k in "cd"}, 1), "--jobs", 1)
    assert twins.exit_code == 0 and "note: probe c is the photograph d of the gallery" in twins.output


def test_a_list_of_several_collections_builds_a_set(tmp_path):
    """Two folders, one list, and a set of the people for testing; the second folder does not replace the first."""
    draw = np.random.default_rng(0)
    for folder in "ab":
        for person in range(8):
            pixels = draw.integers(0, 256, (128, 128, 3), np.uint8)
            write_png(tmp_path / folder / f"{folder}{person}" / "1.png", pixels)
    (tmp_path / "own.toml").write_text(
        'name = "own"\ntitle = "Own"\nsource = "test"\n[image]\ntemplate = "shen128"\n'
        '[kernels]\nsizes = "9"\nper_size = 1\n'
    )
    folders, out = [tmp_path / "a", tmp_path / "b"], tmp_path / "set"
    done = typed(split, *folders, "-o", tmp_path / "split.csv", "--test-share", 0.5)
    assert [line for line in done.output.splitlines() if line.startswith("people: 8 photographs, 8 identities")], done
    with (tmp_path / "split.csv").open(newline="") as stream:
        test = {row["source"] for row in csv.DictReader(stream) if row["role"] == "test"}
    assert {source.partition("/")[0] for source in test} == {"people", "people-2"}
    faces = [word for folder in folders for word in ("--faces", f"people:{folder}")]
    done = typed(
        build, tmp_path / "own.toml", *faces, "--list", tmp_path / "split.csv", "--role", "test", "-o", out, "--jobs", 1
    )
    assert done.exit_code == 0 and done.output.count("from people: ") == 2, done.output
    made = Set.open(out)
    assert {image.source for image in made.images.values()} == test
    done = CliRunner().invoke(build, [str(tmp_path / "own.toml"), *map(str, faces), "--people", "17", "-o", "x"])
    assert isinstance(done.exception, InputError) and "found 16 people" in str(done.exception)
