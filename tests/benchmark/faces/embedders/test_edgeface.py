"""EdgeFace: its network against timm's EdgeNeXt, and its vectors on pairs of real people."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import DETECTORS, EMBEDDERS, LANDMARKERS, Embedder, provider
from facedeblur.benchmark.faces.embedders.arcface import POINTS
from facedeblur.benchmark.faces.geometry import similarity
from facedeblur.benchmark.metrics.base import metric

NAMES = {"edgeface-xs": "edgenext_x_small", "edgeface-xxs": "edgenext_xx_small"}
PEOPLE, PHOTOS = 60, 4


@pytest.fixture
def weights(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("torch")
    folders = [shared_data / "models" / "edgeface", shared_data / "models" / "detectors"]
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", os.pathsep.join(map(str, folders)))
    return folders[0]


@pytest.fixture(scope="module")
def aligned(shared_data: Path) -> np.ndarray:
    """Faces of LFW: (people, photos, 112, 112, 3) uint8 RGB."""
    from facedeblur.benchmark.files.images import read_photo
    from facedeblur.generators.align.photo import align_photo
    from facedeblur.generators.align.quality import Limits

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEDEBLUR_WEIGHTS", str(shared_data / "models" / "detectors"))
        detector, landmarker = provider(DETECTORS, "yunet"), provider(LANDMARKERS, "yunet")
    faces = []
    for person in sorted(path for path in (shared_data / "lfw").iterdir() if path.is_dir())[:PEOPLE]:
        for photo in sorted(person.glob("*.jpg"))[:PHOTOS]:
            pixels = read_photo(photo).pixels
            crop = align_photo(
                pixels, detector, landmarker, template="arcface112", limits=Limits(max_magnification=9)
            ).crop
            assert crop is not None
            faces.append(crop)
    return np.array(faces).reshape(PEOPLE, PHOTOS, 112, 112, 3)


@pytest.mark.parametrize("name", NAMES)
def test_tells_people_of_lfw_apart(name: str, weights: Path, aligned: np.ndarray) -> None:
    embedder = provider(EMBEDDERS, name)
    assert isinstance(embedder, Embedder)
    vectors = embedder.embed(aligned.reshape(-1, 112, 112, 3)).astype(np.float64)
    assert vectors.shape == (PEOPLE * PHOTOS, 512)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    person = np.repeat(np.arange(PEOPLE), PHOTOS)
    first, second = np.triu_indices(len(person), 1)
    same = person[first] == person[second]
    close = np.sum(vectors[first] * vectors[second], axis=1)
    # The threshold is chosen on half of the people and tested on pairs within the other half.
    chosen, tested = (first < len(person) // 2) & (second < len(person) // 2), first >= len(person) // 2

    def accuracy(part: np.ndarray, threshold: float) -> float:
        alike = close[part] > threshold
        return float((alike[same[part]].mean() + (~alike)[~same[part]].mean()) / 2)

    threshold = max(np.linspace(-0.2, 0.8, 101), key=lambda value: accuracy(chosen, value))
    assert accuracy(tested, threshold) > 0.98


@pytest.mark.parametrize("name", NAMES)
def test_network_is_edgenext(name: str, weights: Path) -> None:
    from facedeblur.benchmark.faces.embedders.edgeface import EdgeFaceNetwork, dequantised
    from facedeblur.benchmark.torchvision_shim import prepare

    torch = pytest.importorskip("torch")
    prepare()
    timm = pytest.importorskip("timm")

    path = next(weights.glob(f"{name.replace('-', '_')}_q.pt"))
    with warnings.catch_warnings(action="ignore"):
        state = torch.load(path, map_location="cpu", weights_only=True)
    peer = timm.create_model(NAMES[name], num_classes=512).eval()
    peer.load_state_dict(dequantised(state), strict=True)
    batch = torch.rand((3, 3, 112, 112), generator=torch.Generator().manual_seed(4)) * 2 - 1
    with torch.inference_mode():
        expected = peer(batch).numpy()
    ours = EdgeFaceNetwork(state)(batch).numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-4 * np.abs(expected).max())


def test_vector_does_not_depend_on_company_or_process(weights: Path, aligned: np.ndarray) -> None:
    embedder = provider(EMBEDDERS, "edgeface-xxs")
    faces = aligned[0]
    together = embedder.embed(faces)
    np.testing.assert_array_equal(embedder.embed(faces[2:3])[0], together[2])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(embedder)).embed(faces), together)
    assert embedder.embed(faces[:0]).shape == (0, 512)


def test_detect_aligns_other_crops_and_as_is_refuses_them(
    weights: Path, aligned: np.ndarray, portrait: np.ndarray
) -> None:
    from facedeblur.generators.align.photo import align_photo

    pytest.importorskip("facenet_pytorch")
    embedder = provider(EMBEDDERS, "edgeface-xs,detect")
    assert embedder.definition[1:] == ("detect",)
    finder, marker = provider(DETECTORS, "mtcnn"), provider(LANDMARKERS, "mtcnn")
    crop = align_photo(portrait, finder, marker, template="arcface112").crop
    assert crop is not None
    expected = provider(EMBEDDERS, "edgeface-xs").embed(crop[None])[0]
    small = np.ascontiguousarray(portrait[:256, 96:352])
    found = embedder.embed(np.stack([small, np.zeros_like(small)]))
    assert found[0] @ expected > 0.97 and np.isnan(found[1]).all()
    assert np.abs(found[0] @ embedder.embed(aligned[0])[0]) < 0.3
    with pytest.raises(InputError, match=r"arcface112.*found 256x256.*detect"):
        provider(EMBEDDERS, "edgeface-xs").embed(small[None])


def test_similarity_is_scikit_images() -> None:
    from skimage.transform import estimate_transform

    rng = np.random.default_rng(5)
    noisy = POINTS @ [[1.2, 0.7], [-0.7, 1.2]] + [30, -4] + rng.normal(0, 2, (5, 2))
    np.testing.assert_allclose(
        similarity(noisy, POINTS), estimate_transform("similarity", noisy, POINTS).params[:2], atol=1e-9
    )


def test_points_are_those_of_the_template() -> None:
    from facedeblur.generators.align.template import template_named

    np.testing.assert_allclose(POINTS, template_named("arcface112").points, atol=1e-3)


def test_identity_metric_and_recognition_by_name(weights: Path, aligned: np.ndarray) -> None:
    from facedeblur.benchmark.whole_set.recognition import embedder_named

    made = metric("identity[edgeface-xs,l2]")
    sharp, other = aligned[0, 0], aligned[1, 0]
    values = made.measure(np.stack([sharp, aligned[0, 1], other]), sharp, made.prepare(sharp))
    assert values[0] < 1e-6 and values[1] < values[2] <= 2
    assert str(made.signature).startswith("identity[edgeface-xs@") and "l2" in str(made.signature)
    assert str(metric(str(made.signature)).signature) == str(made.signature)
    assert embedder_named("edgeface-xs").definition[0].startswith("edgeface-xs@")


def test_missing_file_is_one_line_with_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError) as caught:
        provider(EMBEDDERS, "edgeface-xs")
    line = str(caught.value)
    assert "edgeface_xs_q.pt" in line and str(tmp_path) in line and "EdgeFace's repository" in line and "\n" not in line


def test_other_files_and_options_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    path, face = tmp_path / "edgeface_xxs_q.pt", np.zeros((1, 112, 112, 3), np.uint8)
    for content, said in (({"stem.0.weight": torch.zeros(1)}, "EdgeFace"), ([1], "state dict"), (Path("x"), "tensors")):
        torch.save(content, path)
        with pytest.raises(InputError, match=said) as caught:
            provider(EMBEDDERS, "edgeface-xxs").embed(face)
        assert "\n" not in str(caught.value)
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="tensors"):
        provider(EMBEDDERS, "edgeface-xxs").embed(face)
    with pytest.raises(InputError, match="one of as-is, detect"):
        provider(EMBEDDERS, "edgeface-xxs,up1")
    with pytest.raises(InputError, match="uint8"):
        provider(EMBEDDERS, "edgeface-xxs").embed(face[0])
