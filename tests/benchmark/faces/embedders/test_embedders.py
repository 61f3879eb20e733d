"""The torch port of dlib's descriptor against dlib, and FaceNet's network against facenet-pytorch."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import EMBEDDERS, Embedder, provider
from facedeblur.benchmark.faces.embedders.dlib_resnet import BLOCKS, dlib_chip, pack, read_dat
from facedeblur.benchmark.faces.inference import resized
from facedeblur.benchmark.files.images import read_photo
from facedeblur.benchmark.weights import locate

FACENET = "20180402-114759-vggface2.pt"


@pytest.fixture(scope="module")
def hopper() -> np.ndarray:
    """Grace Hopper, public domain, part of matplotlib."""
    cbook = pytest.importorskip("matplotlib.cbook")
    return read_photo(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).pixels


@pytest.fixture(scope="module")
def eight_chips(dlib_models: None, portrait: np.ndarray, hopper: np.ndarray) -> np.ndarray:
    """150-pixel chips of two persons: as they are, mirrored, turned, dark."""
    base = [dlib_chip(photo) for photo in (portrait, hopper)]
    assert all(chip is not None and chip.shape == (150, 150, 3) for chip in base)
    return np.stack([variant for chip in base for variant in (chip, chip[:, ::-1], np.rot90(chip), chip // 3)])


def test_descriptor_agrees_with_dlib(eight_chips: np.ndarray) -> None:
    import dlib

    model = dlib.face_recognition_model_v1(str(locate("dlib-resnet").path))
    expected = np.array([model.compute_face_descriptor(np.ascontiguousarray(chip)) for chip in eight_chips])
    found = provider(EMBEDDERS, "dlib-resnet").embed(eight_chips)
    assert found.shape == (8, 128) and found.dtype == np.float32
    assert np.abs(found - expected).max() < 5e-6  # 4e-7 on AVX-512; the promise is 1e-4


def test_detect_agrees_with_dlibs_own_chain(dlib_models: None, portrait: np.ndarray, hopper: np.ndarray) -> None:
    import dlib

    model = dlib.face_recognition_model_v1(str(locate("dlib-resnet").path))
    predictor = dlib.shape_predictor(str(locate("dlib-68").path))
    embedder = provider(EMBEDDERS, "dlib-resnet,detect")
    for photo in (portrait, hopper):
        boxes = dlib.get_frontal_face_detector()(photo, 1)
        box = max(boxes, key=lambda box: box.area())
        expected = np.array(model.compute_face_descriptor(photo, predictor(photo, box)))
        assert np.abs(embedder.embed(photo[None])[0] - expected).max() < 1e-4
    assert embedder.definition[1:] == ("detect",)


def test_detect_gives_nan_where_there_is_no_face(dlib_models: None, portrait: np.ndarray) -> None:
    crop = portrait[40:180, 150:290]
    pair = np.stack([np.full_like(crop, 128), crop])
    found = provider(EMBEDDERS, "dlib-resnet,detect").embed(pair)
    assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


def test_vector_does_not_depend_on_its_company(eight_chips: np.ndarray) -> None:
    embedder = provider(EMBEDDERS, "dlib-resnet")
    small = eight_chips[:, ::-1][:, 11:139, 11:139]
    together = embedder.embed(np.concatenate([small, small[:3]]))
    alone = np.concatenate([embedder.embed(small[i : i + 1]) for i in (5, 0, 2)])
    np.testing.assert_array_equal(together[[5, 0, 2]], alone)
    np.testing.assert_array_equal(together[8:], together[:3])
    assert embedder.embed(small[:0]).shape == (0, 128)


def test_persons_differ_more_than_versions_of_one(eight_chips: np.ndarray) -> None:
    vectors = provider(EMBEDDERS, "dlib-resnet").embed(eight_chips)
    same = np.linalg.norm(vectors[0] - vectors[1])
    other = np.linalg.norm(vectors[0] - vectors[4])
    assert same < 0.4 < 0.6 < other


def test_embedder_is_picklable_and_named_by_its_weights(dlib_models: None, eight_chips: np.ndarray) -> None:
    embedder = provider(EMBEDDERS, "dlib-resnet")
    assert isinstance(embedder, Embedder)
    assert embedder.definition == ("dlib-resnet@55533b28",)
    again = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_array_equal(again.embed(eight_chips[:1]), embedder.embed(eight_chips[:1]))
    assert provider(EMBEDDERS, embedder.definition[0]).definition == embedder.definition


def test_resize_equals_bilinear_by_hand() -> None:
    row = np.array([0, 100, 200, 40], np.uint8)
    image = np.repeat(np.repeat(row[None, :, None], 4, axis=0), 3, axis=2)[None]
    # Centres of 8 pixels over 4: -0.25, 0.25, 0.75, ... of the input, the edge repeated.
    at = np.clip((np.arange(8) + 0.5) / 2 - 0.5, 0, 3)
    expected = np.interp(at, np.arange(4), row)
    found = resized(image, 8)[0, 0].numpy()
    np.testing.assert_allclose(found, np.tile(expected, (8, 1)), atol=1e-4)


@pytest.mark.parametrize("number", [0, 1, 150, 4736, 2**31, -3])
def test_packed_numbers(number: int) -> None:
    data = pack(number)
    size, negative = data[0] & 0x0F, bool(data[0] & 0x80)
    assert len(data) == 1 + size
    assert (-1) ** negative * int.from_bytes(data[1:], "little") == number


def test_dat_has_the_published_layout(dlib_models: None) -> None:
    path = locate("dlib-resnet").path
    weights = read_dat(path)
    assert len(weights.convolutions) == 1 + 2 * len(BLOCKS) == 29
    count = sum(array.size for layer in weights.convolutions for array in vars(layer).values())
    # Nothing but names and sizes is left over: about 130 bytes a tensor.
    assert 0 < path.stat().st_size - 4 * (count + weights.linear.size) < 59 * 150
    assert weights.convolutions[0].weight.shape == (32, 3, 7, 7) and weights.linear.shape == (256, 128)


def test_damaged_dat_is_one_line(dlib_models: None, tmp_path: Path) -> None:
    whole = locate("dlib-resnet").path.read_bytes()
    for name, data in (("cut.dat", whole[: len(whole) // 2]), ("text.dat", b"hello"), ("empty.dat", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=r"of the 59 of dlib's face network"):
            read_dat(tmp_path / name)


@pytest.fixture(scope="module")
def random_facenet(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, Path]:
    """facenet-pytorch's network with random weights and statistics, and the file that holds them."""
    import torch

    from facedeblur.benchmark.torchvision_shim import prepare

    try:
        prepare()
    except InputError as error:
        pytest.skip(str(error))
    inception = pytest.importorskip("facenet_pytorch").InceptionResnetV1
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = inception().eval()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.normal_(module.bias, 0, 0.1)
    path = tmp_path_factory.mktemp("weights") / FACENET
    state = network.state_dict()
    state["logits.weight"] = torch.zeros(2, 512)
    torch.save(state, path)
    return network, path


def test_facenet_agrees_with_facenet_pytorch(
    random_facenet: tuple[object, Path], portrait: np.ndarray, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    network, path = random_facenet
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(path.parent))
    faces = np.stack([portrait[40:200, 140:300], hopper[100:260, 150:310], hopper[100:260, 310:150:-1]])
    with torch.no_grad():
        inputs = (torch.tensor(faces).permute(0, 3, 1, 2).float() - 127.5) / 128
        expected = network(inputs).numpy()
    embedder = provider(EMBEDDERS, "facenet-vggface2")
    found = embedder.embed(faces)
    assert np.abs(expected[0] - expected[1]).max() > 1e-4  # random, but not blind
    assert np.abs(found - expected).max() < 2e-6
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(found[1], embedder.embed(faces[1:2])[0])
    assert embedder.definition[0].startswith("facenet-vggface2@")


def test_bad_facenet_files_are_one_line(
    random_facenet: tuple[object, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    face = np.zeros((1, 160, 160, 3), np.uint8)
    state = torch.load(random_facenet[1], weights_only=True)
    del state["mixed_6a.branch0.conv.weight"]
    for content, message in ((state, "InceptionResnetV1"), ([1, 2], "a state dict"), (None, "a torch file of tensors")):
        if content is None:
            (tmp_path / FACENET).write_bytes(b"not a torch file")
        else:
            torch.save(content, tmp_path / FACENET)
        with pytest.raises(InputError, match=message):
            provider(EMBEDDERS, "facenet-vggface2").embed(face)


def test_pickled_code_in_a_weight_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.write_text, (tmp_path / "ran", "ran"))

    torch.save({"conv2d_1a.conv.weight": Trap()}, tmp_path / FACENET)
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match="a torch file of tensors"):
        provider(EMBEDDERS, "facenet-vggface2").embed(np.zeros((1, 160, 160, 3), np.uint8))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "faces", [np.zeros((9, 9, 3), np.uint8), np.zeros((1, 9, 9, 3)), np.zeros((1, 9, 9, 1), np.uint8)]
)
def test_batch_of_another_kind_is_refused(dlib_models: None, faces: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"\(N, H, W, 3\) uint8 RGB"):
        provider(EMBEDDERS, "dlib-resnet").embed(faces)


def test_device_that_is_not_there_is_one_line(dlib_models: None) -> None:
    embedder = replace(provider(EMBEDDERS, "dlib-resnet"), device="cuda:97")
    with pytest.raises(InputError, match="device 'cuda:97'"):
        embedder.embed(np.zeros((1, 9, 9, 3), np.uint8))
