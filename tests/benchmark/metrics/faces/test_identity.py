"""Identity distance: formulas, one forward pass for two metrics, and what its signature says."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.spatial import distance

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import Embedder
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.metrics.faces.identity import EmbeddingSource, IdentityDistance, cosine, l2
from facedeblur.benchmark.metrics.signature import Signature


@dataclass(frozen=True)
class MeanColour(Embedder):
    """An embedder that can be computed by hand, and counts its calls; a black image has no face."""

    name: str
    calls: list[int] = field(default_factory=list)

    @property
    def definition(self) -> tuple[str, ...]:
        return (self.name,)

    def embed(self, faces: np.ndarray) -> np.ndarray:
        self.calls.append(len(faces))
        vectors = faces.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)
        vectors[vectors.sum(axis=1) == 0] = np.nan
        return vectors


def flat(*colours: tuple[int, int, int]) -> np.ndarray:
    return np.stack([np.full((4, 4, 3), colour, np.uint8) for colour in colours])


def test_distances_equal_scipys() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(20, 128)), rng.normal(size=128)
    np.testing.assert_allclose(l2(a, b), [distance.euclidean(row, b) for row in a], rtol=1e-13)
    np.testing.assert_allclose(cosine(a, b), [distance.cosine(row, b) for row in a], rtol=1e-12)
    assert cosine(b, b) == pytest.approx(0, abs=1e-15) and cosine(b, -b) == pytest.approx(2)
    assert np.isnan(cosine(np.zeros(128), b))


def test_values_by_hand() -> None:
    source = EmbeddingSource(MeanColour("by-hand"))
    restored, sharp = flat((30, 0, 0), (0, 40, 0), (0, 0, 0)), flat((30, 0, 0))[0]
    euclidean, angle = IdentityDistance(source, "l2"), IdentityDistance(source, "cosine")
    prepared = euclidean.prepare(sharp)
    assert prepared.tolist() == [30, 0, 0]
    np.testing.assert_array_equal(euclidean.measure(restored, sharp, prepared), [0, 50, np.nan])
    np.testing.assert_array_equal(angle.measure(restored, sharp, prepared), [0, 1, np.nan])
    black = np.zeros_like(sharp)
    assert np.isnan(euclidean.measure(restored, black, euclidean.prepare(black))).all()


def test_two_metrics_share_one_pass_and_changed_pixels_do_not() -> None:
    embedder = MeanColour("counting")
    two = [IdentityDistance(EmbeddingSource(embedder), kind) for kind in ("l2", "cosine")]
    restored, sharp = flat((10, 20, 30), (1, 2, 3)), flat((9, 9, 9))[0]
    for one in two:
        one.measure(restored, sharp, one.prepare(sharp))
    assert embedder.calls == [1, 2]
    before = two[0].measure(restored, sharp, two[0].prepare(sharp))
    restored[0] = 200  # the same array, written over: a cache by identity would not see it
    after = two[0].measure(restored, sharp, two[0].prepare(sharp))
    assert embedder.calls == [1, 2, 2]
    assert before[0] != after[0] and before[1] == after[1]


def test_embedders_do_not_share_what_is_remembered() -> None:
    image = flat((1, 2, 3))
    first, second = MeanColour("one"), MeanColour("two")
    EmbeddingSource(first)(image)
    EmbeddingSource(second)(image)
    assert first.calls == second.calls == [1]


def test_signature_is_complete_and_parses_back(dlib_models: None) -> None:
    for args, expected in (
        ((), "identity[dlib-resnet@55533b28,l2]"),
        (("cosine", "dlib-resnet"), "identity[dlib-resnet@55533b28,cosine]"),
        (("dlib-resnet@5553", "aligned"), "identity[dlib-resnet@55533b28,l2]"),
        (("detect", "l2"), "identity[dlib-resnet@55533b28,l2,detect]"),
    ):
        made = IdentityDistance.of(*args)
        assert isinstance(made, Metric)
        assert str(made.signature) == expected
        assert metric(str(made.signature)).signature == made.signature == Signature.parse(expected)
        assert pickle.loads(pickle.dumps(made)) == made


def test_real_faces(dlib_models: None, portrait: np.ndarray) -> None:
    sharp = np.ascontiguousarray(portrait[50:178, 160:288])
    rng = np.random.default_rng(0)
    noisy = np.clip(sharp + rng.normal(0, 25, sharp.shape), 0, 255).astype(np.uint8)
    other = rng.integers(0, 256, sharp.shape, dtype=np.uint8)
    restored = np.stack([sharp, noisy, other])
    for made, bounds in ((IdentityDistance.of("l2"), (0.05, 0.5)), (IdentityDistance.of("cosine"), (0.001, 0.05))):
        prepared = made.prepare(sharp)
        values = made.measure(restored, sharp, prepared)
        assert values.dtype == np.float64 and values[0] == pytest.approx(0, abs=1e-12)
        assert bounds[0] < values[1] < bounds[1] < values[2] < made.worst
        alone = [made.measure(restored[i : i + 1], sharp, prepared)[0] for i in range(3)]
        np.testing.assert_array_equal(values, alone)


def test_embeddings_on_a_device_give_the_distances_of_the_processor(dlib_models: None, portrait: np.ndarray) -> None:
    sharp = np.ascontiguousarray(portrait[50:178, 160:288])
    restored = np.stack([sharp, sharp // 2, sharp[:, ::-1]])
    made = IdentityDistance.of("l2")
    there = made.on("cpu:0")
    assert there.source.embedder.device == "cpu:0" and there.signature == made.signature
    values = there.measure(restored, sharp, there.prepare(sharp))
    wanted = made.measure(restored, sharp, made.prepare(sharp))
    np.testing.assert_allclose(values, wanted, rtol=made.device_bound, atol=made.device_bound)


def test_detect_gives_nan_for_what_is_no_face(dlib_models: None, portrait: np.ndarray) -> None:
    sharp = np.ascontiguousarray(portrait[50:178, 160:288])
    made = IdentityDistance.of("detect")
    values = made.measure(np.stack([np.zeros_like(sharp), sharp]), sharp, made.prepare(sharp))
    assert np.isnan(values[0]) and values[1] == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("l3",), "did you mean 'l2'"),
        (("dlib-resent",), "did you mean 'dlib-resnet'"),
        (("l2", "cosine"), "options .l2. and .cosine. of metric .identity. exclude each other"),
        (("detect", "as-is"), "options .detect. and .as-is."),
        (("dlib-resnet@1234abcd",), "sha256 beginning with 1234abcd"),
    ],
)
def test_bad_arguments_are_one_line(dlib_models: None, args: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        IdentityDistance.of(*args)


def test_missing_facenet_weights_are_one_line(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"20180402-114759-vggface2\.pt"):
        IdentityDistance.of("facenet-vggface2", "l2")
