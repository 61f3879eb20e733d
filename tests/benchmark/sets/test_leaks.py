"""What two sets share and must not: identities, photographs however treated, kernels however stored."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.fft import dct
from scipy.signal import correlate2d

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, read_photo
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.leaks import (
    Print,
    face_leaks,
    kernel_leaks,
    leaks,
    matches,
    overlaps,
    plain_name,
    print_of,
    same_kernels,
)
from facedeblur.benchmark.sets.set import Image, Set
from facedeblur.benchmark.sets.writer import SetWriter

INFO = {"name": "toy", "title": "Toy", "recipe": "name = 'toy'", "seed": 3, "sources": [], "packages": {}}


def scene(seed: int) -> np.ndarray:
    """A picture with structure at every scale, (96, 96, 3) uint8; none of the same seed twice."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.normal(size=(n, n, 3)), (96, 96), interpolation=cv2.INTER_CUBIC) * 60 / n for n in (3, 6, 12)
    ]
    return np.clip(128 + 12 * sum(layers), 0, 255).astype(np.uint8)


def blur(size: int, seed: int) -> np.ndarray:
    """A random walk as kernel, (size, size) of sum 1."""
    rng = np.random.default_rng(seed)
    kernel, at = np.zeros((size, size)), np.array([size // 2, size // 2])
    for _ in range(3 * size):
        kernel[tuple(at)] += rng.random()
        at = np.clip(at + rng.integers(-1, 2, 2), 0, size - 1)
    return kernel / kernel.sum()


def make(out, people: dict[str, tuple[str, str, np.ndarray]], kernels: dict[str, np.ndarray]) -> Set:
    """A finished set without pairs: image id -> (identity, role, pixels)."""
    images = [
        Image(name, person, role, "ok", 1, f"{name}.jpg", "", 1.0, 0, "", 96, 96, pixel_hash(pixels), "")
        for name, (person, role, pixels) in people.items()
    ]
    bank = Bank.of(list(kernels), list(kernels.values())) if kernels else None
    writer = SetWriter(out, INFO, store="png")
    writer.start(images, lambda image: people[image.image_id][2], bank, n_kernels=len(kernels))
    return writer.finish()


def slow_hash(pixels: np.ndarray) -> list[int]:
    """The hash by its definition, one coefficient at a time."""
    grey = cv2.resize((pixels * [0.299, 0.587, 0.114]).sum(axis=2), (32, 32), interpolation=cv2.INTER_AREA)
    spectrum = dct(dct(grey, axis=0, norm="ortho"), axis=1, norm="ortho")
    signs = [1 if spectrum[row, total - row] > 0 else -1 for total in range(1, 11) for row in range(total + 1)]
    return signs[:64]


@pytest.mark.parametrize("seed", range(3))
def test_the_hash_is_64_signs_of_the_lowest_frequencies(seed):
    assert print_of(scene(seed)).signs.tolist() == slow_hash(scene(seed))


def treated(pixels: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    jpeg = cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
    return {
        "jpeg": jpeg,
        "half": cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "larger": cv2.resize(pixels, None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC),
        "noise": np.clip(pixels + rng.normal(0, 7.65, pixels.shape), 0, 255).astype(np.uint8),
        "mirrored": np.ascontiguousarray(pixels[:, ::-1]),
        "mirrored half": cv2.resize(pixels[:, ::-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    }


def test_a_treated_photograph_is_recognised_and_others_are_not(portrait):
    known = [print_of(scene(seed)) for seed in range(200)] + [print_of(portrait)]
    for name, pixels in treated(portrait).items():
        found = list(matches([print_of(scene(999)), print_of(pixels)], known))
        assert [(match.first, match.second) for match in found] == [(1, 200)], name
        assert found[0].mirrored == name.startswith("mirrored"), name


def test_flat_photographs_are_not_the_same():
    flat = [print_of(np.full((64, 64, 3), grey, np.uint8)) for grey in (0, 100)]
    assert list(matches(flat, flat)) == [] and list(matches([], flat)) == [] and list(matches(flat, [])) == []


def test_bits_are_counted_and_the_likest_is_taken():
    rng = np.random.default_rng(0)
    signs = rng.choice([-1, 1], 64).astype(np.int8)
    thumbnail = rng.normal(size=(32, 32))
    thumbnail = (thumbnail / np.linalg.norm(thumbnail)).astype(np.float32)
    near, far = signs.copy(), signs.copy()
    near[:8] *= -1
    far[:9] *= -1
    dim = thumbnail + 0.1 * np.roll(thumbnail, 1).astype(np.float32)
    dim /= np.linalg.norm(dim)
    others = [Print(far, thumbnail), Print(near, dim), Print(near, thumbnail)]
    (found,) = matches([Print(signs, thumbnail)], others)
    assert (found.second, found.bits, found.mirrored) == (2, 8, False)


def test_no_two_photographs_of_lfw_are_taken_for_one(shared_data):
    files = sorted((shared_data / "lfw").glob("*/*.jpg"))
    prints = [print_of(read_photo(file).pixels) for file in files]
    twins = {
        (files[place].stem, files[place + 1 + match.second].stem)
        for place in range(len(files) - 1)
        for match in matches([prints[place]], prints[place + 1 :])
    }
    # Of 499,500 pairs; by eye this one shows the same photograph twice.
    assert twins == {("Julie_Gerberding_0004", "Julie_Gerberding_0006")}


def test_the_same_kernel_is_found_in_any_form():
    originals = {f"ker{n:02}_k13": blur(13, n) for n in range(40)}
    eight_bit = np.floor(originals["ker07_k13"] / originals["ker07_k13"].max() * 255 + 0.5)
    shifted = np.zeros((21, 21))
    shifted[1:14, 7:20] = originals["ker11_k13"]
    train = Bank.of(list(originals), list(originals.values()))
    test = Bank.of(["bits", "moved", "new"], [eight_bit / eight_bit.sum(), shifted, blur(13, 99)])
    found = {match.first: match.second for match in same_kernels(test, train)}
    assert found == {"bits": "ker07_k13", "moved": "ker11_k13"}
    assert [leak.kind for leak in kernel_leaks(train, test)] == ["kernel", "kernel"]


def test_correlation_of_kernels_is_that_of_the_definition():
    one, other = blur(9, 1), blur(15, 2)
    wanted = correlate2d(other, one).max() / np.linalg.norm(one) / np.linalg.norm(other)
    (found,) = same_kernels(Bank.of(["one"], [one]), Bank.of(["other"], [other]), min_correlation=0.01)
    assert found.correlation == pytest.approx(wanted, abs=1e-5)
    assert not list(same_kernels(Bank.of(["a"], [one]), Bank.of(["b"], [other]), min_correlation=wanted + 1e-3))


def test_no_blur_is_no_leak():
    dot = np.zeros((5, 5))
    dot[2, 2] = 1
    assert list(same_kernels(Bank.of(["dot"], [dot]), Bank.of(["dot"], [dot]))) == []


@pytest.fixture
def two_sets(tmp_path):
    """Training: six scenes; test: one shared identity, one mirrored photograph, one copy, one shared kernel."""
    train = make(
        tmp_path / "train",
        {f"t{n}": (f"person {n}", "train", scene(n)) for n in range(6)},
        {f"ker{n:02}_k13": blur(13, n) for n in range(5)},
    )
    test = make(
        tmp_path / "test",
        {
            "other_photo": ("Person_2", "test", scene(50)),
            "mirrored": ("someone", "probe", np.ascontiguousarray(scene(3)[:, ::-1])),
            "copy": ("nobody", "gallery", scene(4)),
            "clean": ("Ångström", "test", scene(51)),
        },
        {"ker01_k13": blur(13, 77), "ker02_k13": blur(13, 3)},
    )
    return train, test


def test_every_leak_is_named(two_sets):
    train, test = two_sets
    seen = []
    found = leaks(train.root, test, progress=Reporter(lambda stage, done, total, note: seen.append((done, total))))
    assert [(leak.kind, leak.test, leak.train) for leak in found] == [
        ("identity", "Person_2", "person 2"),
        ("photograph", "mirrored", "t3"),
        ("photograph", "copy", "t4"),
        ("kernel", "ker02_k13", "ker03_k13"),
    ]
    assert "mirrored" in found[1].detail and found[2].detail == "the same pixels"
    assert seen[-1] == (10, 10)
    assert [leak.kind for leak in leaks(train, test, names=False)] == ["photograph", "photograph", "kernel"]
    assert leaks(train, test, workers=2) == found


def test_sets_that_share_nothing_pass(tmp_path, two_sets):
    train, _ = two_sets
    clean = make(tmp_path / "clean", {"x": ("new", "test", scene(60))}, {"ker01_k13": blur(13, 60)})
    assert leaks(train, clean) == []
    frames = make(tmp_path / "frames", {"y": ("newer", "test", scene(61))}, {})
    assert frames.bank is None and leaks(train, frames) == []


def test_roles_of_one_set_are_compared(tmp_path):
    mixed = make(
        tmp_path / "mixed",
        {
            "a": ("ann", "train", scene(1)), "b": ("ANN", "test", scene(2)), "c": ("cid", "gallery", scene(3)),
            "d": ("cid", "probe", scene(3)), "e": ("eve", "test", scene(1)),
        },
        {"k": blur(13, 1)},
    )  # fmt: skip
    found = overlaps(mixed, ["train"], ["test", "probe", "gallery"])
    assert [(leak.kind, leak.test, leak.train) for leak in found] == [
        ("identity", "ANN", "ann"),
        ("photograph", "e", "a"),
    ]
    twins = overlaps(mixed, ["gallery"], ["probe"])
    assert [(leak.kind, leak.test, leak.train) for leak in twins] == [("photograph", "d", "c")]
    # Only what is for training and what is not are compared across sets too.
    assert {(leak.test, leak.train) for leak in leaks(mixed, mixed) if leak.kind != "kernel"} == {
        ("ANN", "ann"),
        ("e", "a"),
    }
    assert overlaps(mixed, ["train"], []) == []


def test_names_are_compared_as_a_reader_would():
    assert plain_name("George_W_Bush") == plain_name("george w. bush") != plain_name("George_HW_Bush")
    assert plain_name("A\u030angstro\u0308m") == plain_name("Ångström")


def test_half_a_set_is_refused(tmp_path):
    (tmp_path / "half.building").mkdir()
    with pytest.raises(InputError, match="set is not finished"):
        leaks(tmp_path / "half", tmp_path / "half")


def test_faces_that_are_trained_on(tmp_path):
    """Pixels and likeness tell photographs; a name counts if somebody has several photographs."""
    test = make(tmp_path / "test", {
        "a1": ("Ann", "test", scene(1)), "a2": ("Ann", "test", scene(2)), "b1": ("Bob", "test", scene(3)),
        "c1": ("Cy", "train", scene(4)),
    }, {})  # fmt: skip
    train = {"x": ("ann", scene(5)), "y": ("Cy", scene(4)), "z": ("", treated(scene(3))["jpeg"]), "w": ("", scene(1))}
    faces = [Image(name, person, "train", "ok", 1, name, "", 1.0, 0, "", 96, 96, pixel_hash(pixels), "")
             for name, (person, pixels) in train.items()]  # fmt: skip
    pixels = [one for _, one in train.values()]
    found = face_leaks(faces, pixels.__getitem__, test)
    assert [(leak.kind, leak.test, leak.train) for leak in found] == [
        ("identity", "Ann", "ann"), ("photograph", "a1", "w"), ("photograph", "b1", "z"),
    ]  # fmt: skip
    lone = make(tmp_path / "lone", {"0": ("Ann", "test", scene(7))}, {})
    assert face_leaks(faces, pixels.__getitem__, lone) == []
