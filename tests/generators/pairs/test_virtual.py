"""The virtual training set: each pair what its parts say, alone and anywhere, without growing."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as ImageFile

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.generators.blur.degrade import degrade
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.build import build
from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.generators.kernels.spline import SplineModel
from facedeblur.generators.pairs.augment import LAWS, AugmentLaw
from facedeblur.generators.pairs.sharp_source import SharpArray, SharpFace, SharpFiles, one_size, packed
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.virtual import UNLABELLED, VirtualPairs, open_pairs
from facedeblur.generators.recipe import load_recipe

SIZES = (13, 15, 17, 19, 21, 23, 25, 27)


class Made:
    """As many faces as wanted, each made when it is read."""

    def __init__(self, n: int, side: int = 32):
        self.size = (side, side)
        self.faces: Sequence[SharpFace] = [SharpFace(f"{i}", f"{i // 2}") for i in range(n)]

    def read(self, number: int) -> np.ndarray:
        return np.random.default_rng(number).integers(0, 256, (*self.size, 3), np.uint8)


@pytest.fixture(scope="module")
def faces(portrait: np.ndarray) -> SharpArray:
    """Five crops of 64x64 with 20 pixels around."""
    return SharpArray(np.stack([portrait[i : i + 104, 150 + i : 254 + i] for i in range(5)]), around=20)


def test_a_pair_is_what_degrade_makes_of_its_parts(faces: SharpArray) -> None:
    pairs = VirtualPairs(faces, PairSpec(SIZES, 50, first=10, noise=Noise(0.02)), seed=3)
    for index in (0, 49, 50, 399, 400, 1999):
        image, rest = divmod(index, 400)
        size, number = SIZES[rest // 50], 10 + rest % 50
        stored, cut = faces.read(image), 20 - size // 2
        kernel = STANDARD.draw(3, size, 1, start=number)[0]
        wanted = degrade(stored[cut:-cut, cut:-cut], kernel, noise=Noise(0.02), seed=3, index=index, border="valid")
        pair = pairs[index]
        assert (pair.index, pair.kernel, pair.border) == (index, (size, number), "valid")
        assert pair.image_id == faces.faces[image].image_id
        assert np.array_equal(pair.blurred, wanted)
        assert np.array_equal(pair.sharp, stored[20:-20, 20:-20])
        assert pair.sharp.dtype == pair.blurred.dtype == np.uint8
    assert len(pairs) == 2000
    assert np.array_equal(pairs[-1].blurred, pairs[1999].blurred)


def test_the_fallback_stands_in_where_surroundings_end(portrait: np.ndarray) -> None:
    stored = portrait[None, 0:104, 150:254]
    source = SharpArray(stored, around=20, faces=[SharpFace("a", "a", margin=8)])
    pairs = VirtualPairs(source, PairSpec((13, 27), 1, fallback="replicate"))
    assert [pair.border for pair in pairs] == ["valid", "replicate"]
    kernel = STANDARD.draw(0, 27, 1)[0]
    wanted = degrade(stored[0, 20:-20, 20:-20], kernel, noise=Noise(0.01), seed=0, index=1, border="replicate")
    assert np.array_equal(pairs[1].blurred, wanted)


def test_in_order_it_is_the_built_set(tmp_path: Path, portrait: np.ndarray, small_recipe) -> None:
    for i in range(3):
        write_png(tmp_path / "crops" / f"{i}.png", portrait[40 + i : 168 + i, 160:288])
    recipe = small_recipe(tmp_path)
    made = build(recipe, tmp_path / "crops", tmp_path / "set", seed=5, workers=1)
    for pack in (False, True):
        pairs = open_pairs(
            recipe, tmp_path / "crops", workspace=tmp_path / "work", seed=5, shuffle=False, pack=pack, workers=1
        )
        rows = list(made.pairs())
        assert len(pairs) == len(rows) == 12
        for row, pair in zip(rows, pairs, strict=True):
            assert (row.image_id, row.kernel_size, row.border) == (pair.image_id, pair.kernel[0], pair.border)
            assert np.array_equal(made.blurred(row), pair.blurred)


def test_the_128_millionth_pair_alone() -> None:
    pairs = VirtualPairs(Made(6464), PairSpec(SIZES, 2500, first=10), seed=1)
    assert len(pairs) == 129_280_000
    index = 128_000_000
    image, rest = divmod(index, 20_000)
    size, number = SIZES[rest // 2500], 10 + rest % 2500
    pair = pairs[index]
    kernel = STANDARD.draw(1, size, 1, start=number)[0]
    wanted = degrade(pairs.source.read(image), kernel, noise=Noise(0.01), seed=1, index=index)
    assert (pair.image_id, pair.kernel) == (str(image), (size, number))
    assert np.array_equal(pair.blurred, wanted)
    longer = VirtualPairs(Made(6464), PairSpec(SIZES, 2500, first=10), seed=1, shuffle=True, repeats=2**32)
    assert len(longer) == 129_280_000 * 2**32
    last = longer[len(longer) - 1]
    assert last.index == len(longer) - 1 and not np.array_equal(last.blurred, longer[0].blurred)


def test_shuffled_every_lap_visits_all_once() -> None:
    pairs = VirtualPairs(Made(6), PairSpec((5, 7), 4, first=10), seed=2, shuffle=True, repeats=3)
    laps = [[pairs.plan(i) for i in range(lap * 48, lap * 48 + 48)] for lap in range(3)]
    orders = [[(plan.image, plan.size, plan.kernel) for plan in lap] for lap in laps]
    everything = {(image, size, kernel) for image in range(6) for size in (5, 7) for kernel in range(10, 14)}
    assert all(set(order) == everything and len(order) == 48 for order in orders)
    assert orders[0] != orders[1] != orders[2] != sorted(orders[2])
    assert len({plan.number for lap in laps for plan in lap}) == 144
    other = VirtualPairs(Made(6), PairSpec((5, 7), 4, first=10), seed=3, shuffle=True)
    assert [(p.image, p.size, p.kernel) for p in map(other.plan, range(48))] != orders[0]


def test_a_beginning_is_a_fair_sample() -> None:
    pairs = VirtualPairs(Made(6464), PairSpec(SIZES, 2500, first=10), shuffle=True)
    plans = [pairs.plan(i) for i in range(8000)]
    for counts, cells in (
        (Counter(plan.size for plan in plans), 8),
        (Counter(plan.image // 404 for plan in plans), 16),
        (Counter((plan.kernel - 10) // 250 for plan in plans), 10),
        (Counter((a.image < b.image) for a, b in zip(plans[::2], plans[1::2], strict=True)), 2),
    ):
        expected = sum(counts.values()) / cells
        # 99.99 % quantiles of chi-square stand below 45 for up to 15 degrees of freedom.
        assert len(counts) == cells and sum((n - expected) ** 2 / expected for n in counts.values()) < 45
    assert min(plan.kernel for plan in plans) >= 10


def test_memory_does_not_grow() -> None:
    pairs = VirtualPairs(Made(6464), PairSpec(SIZES, 2500, first=10), shuffle=True, repeats=1000)
    for i in range(20):
        pairs[i]
    pairs._kernels.limit = 200_000
    tracemalloc.start()
    for i in range(40, 100):
        pairs[i * 10**9]
    before = tracemalloc.get_traced_memory()[0]
    for i in range(100, 500):
        pairs[i * 10**8]
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 250_000 and pairs._kernels.held <= 200_000


def test_decoded_pictures_held_are_bounded(tmp_path: Path, portrait: np.ndarray, small_recipe) -> None:
    for i in range(6):
        write_png(tmp_path / "crops" / f"{i}.png", portrait[40 + i : 168 + i, 160:288])
    pairs = open_pairs(small_recipe(tmp_path), tmp_path / "crops", workspace=tmp_path / "w", pack=False, workers=1)
    source = pairs.source
    assert isinstance(source, SharpFiles)
    source._recent.limit = 2 * 128 * 128 * 3
    first = [source.read(i).copy() for i in range(6)]
    assert source._recent.held == 2 * 128 * 128 * 3
    (tmp_path / "crops" / "0.png").unlink()
    assert np.array_equal(source.read(5), first[5])  # held
    with pytest.raises(OSError, match=r"0\.png"):
        source.read(0)
    write_png(tmp_path / "crops" / "0.png", portrait[:50, :50])
    with pytest.raises(InputError, match=r"expected 128x128 pixels.*found 50x50"):
        source.read(0)
    write_png(tmp_path / "crops" / "0.png", portrait[:128, :128])
    with pytest.raises(InputError, match=r"0\.png: expected the crop as listed, found another"):
        source.read(0)


def test_photographs_in_their_own_sizes(tmp_path: Path, portrait: np.ndarray) -> None:
    sizes = {"a": (109, 89), "b": (125, 125), "c": (90, 131)}
    for name, (high, wide) in sizes.items():
        write_png(tmp_path / "photos" / f"{name}.png", portrait[40 : 40 + high, 120 : 120 + wide])
    pairs = open_pairs("anand-synthetic", tmp_path / "photos", workspace=tmp_path / "w", augment="lin", workers=1)
    assert pairs.source.size == (90, 89) and not one_size(pairs.source) and not (tmp_path / "w" / "faces.npy").exists()
    for index in range(8):
        pair = pairs[index]
        assert pair.sharp.shape == pair.blurred.shape == (*sizes[pair.image_id], 3)
        assert pairs.size_of(pairs.plan(index)) == sizes[pair.image_id]
    plain = open_pairs("anand-synthetic", tmp_path / "photos", workspace=tmp_path / "w", workers=1)
    pair = plain[0]
    top = sizes[pair.image_id]
    np.testing.assert_array_equal(pair.sharp, portrait[40 : 40 + top[0], 120 : 120 + top[1]])
    with pytest.raises(InputError, match="crops of one size to put into one array"):
        packed(plain.source, tmp_path / "faces.npy")


def test_packed_faces_are_the_same_and_are_found_again(tmp_path: Path, portrait: np.ndarray) -> None:
    class Mixed:
        size: tuple[int, int] = (64, 64)
        faces: Sequence[SharpFace] = [SharpFace("a", "a", 20), SharpFace("b", "b")]

        def read(self, number: int) -> np.ndarray:
            cut = portrait[0:104, 150:254]
            return cut if number == 0 else cut[20:84, 20:84]

    spec = PairSpec((13, 27), 2, border="valid", augment="shen")
    needed = spec.surroundings((64, 64))
    assert needed > 44
    one = packed(Mixed(), tmp_path / "faces.npy", needed=needed)
    stamp = (tmp_path / "faces.npy").stat().st_mtime_ns
    again = packed(Mixed(), tmp_path / "faces.npy", needed=needed)
    assert (tmp_path / "faces.npy").stat().st_mtime_ns == stamp
    for made in (one, again, pickle.loads(pickle.dumps(one))):
        for a, b in zip(VirtualPairs(made, spec), VirtualPairs(Mixed(), spec), strict=True):
            assert a.image_id == b.image_id
            assert np.array_equal(a.blurred, b.blurred) and np.array_equal(a.sharp, b.sharp)
    np.save(tmp_path / "flat.npy", np.zeros((3, 4)))
    with pytest.raises(InputError, match="expected \\(N, H, W, 3\\) of uint8"):
        SharpArray(tmp_path / "flat.npy")
    (tmp_path / "bad.npy").write_bytes(b"no array")
    with pytest.raises(InputError, match="cannot be read as a \\.npy array"):
        SharpArray(tmp_path / "bad.npy")


def test_another_process_makes_the_same_pair(tmp_path: Path, portrait: np.ndarray) -> None:
    array = np.ascontiguousarray(np.stack([portrait[i : i + 64, 150:214] for i in range(3)]))
    np.save(tmp_path / "faces.npy", array)
    pairs = VirtualPairs(SharpArray(tmp_path / "faces.npy"), PairSpec((5, 9), 4, augment="shen"), shuffle=True)
    wanted = pairs[17]
    (tmp_path / "pairs.pickle").write_bytes(pickle.dumps(pairs))
    code = (
        "import pickle, sys, hashlib; from pathlib import Path\n"
        "pair = pickle.loads(Path(sys.argv[1]).read_bytes())[17]\n"
        "sys.stdout.write(hashlib.sha256(pair.blurred.tobytes() + pair.sharp.tobytes()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "pairs.pickle")], capture_output=True, text=True, check=True
    )
    import hashlib

    assert done.stdout == hashlib.sha256(wanted.blurred.tobytes() + wanted.sharp.tobytes()).hexdigest()


def test_other_kernels_and_none(faces: SharpArray) -> None:
    model = SplineModel()
    spline = VirtualPairs(faces, PairSpec((13,), 3, first=2, model=model, noise=Noise(0)))
    assert np.array_equal(spline.kernel(13, 4), model.draw(0, 13, 1, start=4)[0])
    stored = faces.read(0)[14:-14, 14:-14]
    wanted = degrade(stored, spline.kernel(13, 2), noise=Noise(0), seed=0, index=0, border="valid")
    assert np.array_equal(spline[0].blurred, wanted)
    still = VirtualPairs(faces, PairSpec((1, 13), 1, noise=Noise(0)))
    assert np.array_equal(still[0].blurred, still[0].sharp)


def test_labels_follow_their_pair(tmp_path: Path, faces: SharpArray) -> None:
    labels = (np.indices((64, 64)).sum(0) // 8 % 11).astype(np.uint8)
    ImageFile.fromarray(labels).save(tmp_path / "l.png")
    files = {face.image_id: tmp_path / "l.png" for face in faces.faces[:4]}
    still = VirtualPairs(faces, PairSpec((13,), 1), label_files=files)
    assert np.array_equal(still.label(still.plan(2)), labels)
    with pytest.raises(InputError, match="face '0004' has no label file"):
        still.label(still.plan(4))
    moved = VirtualPairs(faces, PairSpec((13,), 1, augment=AugmentLaw(shift=20)), label_files=files)
    for index in range(4):
        plan = moved.plan(index)
        what = plan.augmentation
        assert what is not None
        x, y = round(what.shift_x), round(what.shift_y)
        wanted = np.full((64, 64), UNLABELLED, np.uint8)
        source = labels[max(0, -y) : 64 - max(0, y), max(0, -x) : 64 - max(0, x)]
        wanted[max(0, y) : 64 + min(0, y), max(0, x) : 64 + min(0, x)] = source
        assert np.array_equal(moved.label(plan), wanted)


def test_a_spec_comes_from_a_recipe() -> None:
    recipe, _ = load_recipe("shen2020-train")
    spec = PairSpec.of(recipe)
    assert (spec.sizes, spec.per_size, spec.first, spec.noise.sigma, spec.law) == (SIZES, 2500, 10, 0.01, LAWS["shen"])
    assert (spec.border, spec.fallback, spec.model) == ("valid", "reflect", recipe.kernels.model)
    whole = VirtualPairs(Made(6464, side=128), spec, shuffle=True)
    assert len(whole) == 129_280_000 and whole.plan(4).number == 2**63 + 4
    assert whole[100_000_000].sharp.shape == (128, 128, 3)
    with pytest.raises(InputError, match="recipe 'shen2020-train': expected 6,464 photographs, found 3; add"):
        VirtualPairs(Made(3, side=128), spec)
    assert len(VirtualPairs(Made(3, side=128), PairSpec.of(recipe, photographs=0))) == 60_000
    test, _ = load_recipe("shen2020")
    assert PairSpec.of(test).noise_from == 0 and PairSpec.of(test).law is None
    spline, _ = load_recipe("mspl-center")
    assert isinstance(PairSpec.of(spline).model, SplineModel)
    with pytest.raises(InputError, match=r"value 'sizez' of pairs.*did you mean 'sizes'"):
        PairSpec.of(recipe, sizez=(13,))
    for name in ("nonuniform", "saturated", "real"):
        with pytest.raises(InputError, match=f"recipe '{name}': expected uniform blur without saturation"):
            PairSpec.of(load_recipe(name)[0])


def test_bad_input_is_named(faces: SharpArray) -> None:
    cases = [
        ({"sizes": ()}, "pairs, sizes: expected different kernel sizes"),
        ({"sizes": (13, 13)}, "pairs, sizes"),
        ({"sizes": (0, 13)}, "pairs, sizes: expected .* odd from 5 on, or 1, found .0, 13."),
        ({"sizes": (-5,)}, "pairs, sizes"),
        ({"sizes": (4,)}, "pairs, sizes"),
        ({"per_size": 0}, "pairs, per_size"),
        ({"first": -1}, "pairs, first"),
        ({"border": "wrap"}, "pairs, border"),
        ({"fallback": "valid"}, "pairs, fallback"),
        ({"rounding": "up"}, "pairs, rounding"),
        ({"augment": "shenn"}, "augmentation 'shenn'.*did you mean 'shen'"),
        ({"photographs": 6}, "expected 6 photographs, found 5; add photographs"),
        ({"sizes": (65,)}, "kernel of 65x65: expected at most the size of the image"),
    ]
    for change, message in cases:
        with pytest.raises(InputError, match=message):
            VirtualPairs(faces, PairSpec(**{"sizes": (13,), "per_size": 2, **change}))
    pairs = VirtualPairs(faces, PairSpec((13,), 2))
    for index in (10, -11):
        with pytest.raises(IndexError, match="of 10"):
            pairs[index]
    for options in ({"repeats": 0}, {"repeats": 2**62}, {"seed": -1}):
        with pytest.raises(InputError):
            VirtualPairs(faces, PairSpec((13,), 2), **options)
