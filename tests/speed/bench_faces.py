"""Face embeddings, against facenet-pytorch one face at a time and against dlib."""

from __future__ import annotations

import functools

import numpy as np
from common import NotMeasured, PeerMissing, Ratio, Row, interleave

FACES = 40


def faces() -> np.ndarray:
    """Forty 128x128 RGB faces: two portraits, shifted, mirrored, darkened."""
    import matplotlib.cbook
    from skimage import data

    from facedeblur.benchmark.files.images import read_photo

    hopper = read_photo(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).pixels
    crops = []
    for i in range(FACES // 4):
        for crop in (
            data.astronaut()[40 + i : 168 + i, 160 + i : 288 + i],
            hopper[100 + i : 356 + i, 150:406][::2, ::2],
        ):
            crops += [crop, crop[:, ::-1] // 2]
    return np.stack(crops)


def facenet() -> Ratio:
    """InceptionResnetV1 with random weights: ours in batches, facenet-pytorch's one image at a time."""
    import torch

    from facedeblur.benchmark.faces.embedders.facenet import FaceNetEmbedder, FaceNetwork
    from facedeblur.benchmark.faces.inference import resized
    from facedeblur.benchmark.tensors import filled
    from facedeblur.benchmark.torchvision_shim import prepare

    try:
        prepare()
        from facenet_pytorch import InceptionResnetV1
    except Exception as error:
        raise PeerMissing("facenet-pytorch") from error
    torch.manual_seed(0)
    peer = InceptionResnetV1().eval()
    network = FaceNetwork(peer.state_dict())
    images = faces()

    def ours() -> np.ndarray:
        batches = filled(images, FaceNetEmbedder.batch)
        return np.concatenate(
            [network((resized(batch, 160) - 127.5) / 128)[:count].numpy() for batch, count in batches]
        )

    def theirs() -> np.ndarray:
        # In the layout that facenet-pytorch's own image reader gives, channels first.
        with torch.no_grad():
            return np.concatenate(
                [peer(((resized(images[i : i + 1], 160) - 127.5) / 128).contiguous()) for i in range(FACES)]
            )

    difference = float(np.abs(ours() - theirs()).max())
    seconds = interleave({"ours": ours, "peer": theirs})
    what = f"FaceNet embeddings, {FACES} faces in batches (differ by {difference:.0e})"
    return Ratio("G6", what, seconds["ours"], seconds["peer"], 3.0, "{facenet-pytorch}, one face at a time")


def descriptor() -> Ratio:
    """dlib's 128-d descriptor of 150-pixel chips: the port in batches, dlib on the list."""
    try:
        import dlib
    except ImportError as error:
        raise PeerMissing("dlib-bin") from error
    from facedeblur.benchmark.errors import InputError
    from facedeblur.benchmark.faces import EMBEDDERS, provider
    from facedeblur.benchmark.faces.inference import resized
    from facedeblur.benchmark.weights import locate

    try:
        weights = locate("dlib-resnet")
    except InputError as error:
        raise PeerMissing("face_recognition_models") from error
    peer, embedder = dlib.face_recognition_model_v1(str(weights.path)), provider(EMBEDDERS, "dlib-resnet")
    images = resized(faces(), 150).permute(0, 2, 3, 1).round().byte().numpy()
    ours = functools.partial(embedder.embed, images)
    theirs = functools.partial(peer.compute_face_descriptor, list(images))
    difference = float(np.abs(ours() - np.array(theirs())).max())
    if difference > 1e-4:
        raise AssertionError(f"the port differs from dlib by {difference}")
    seconds = interleave({"ours": ours, "peer": theirs})
    what = f"dlib's descriptor, {FACES} faces (differ by {difference:.0e})"
    return Ratio("G6", what, seconds["ours"], seconds["peer"], 15.0, "{dlib-bin}")


def detection() -> Ratio:
    """Whether there is a face in each image, against dlib's search of each."""
    try:
        import dlib
    except ImportError as error:
        raise PeerMissing("dlib-bin") from error
    from facedeblur.benchmark.metrics.base import metric

    images, ours, find = faces(), metric("detection[dlib-hog,up1]"), dlib.get_frontal_face_detector()

    def theirs() -> list[float]:
        return [float(len(find.run(np.ascontiguousarray(image), 1, 0.0)[0]) > 0) for image in images]

    found = theirs()
    if ours.measure(images, None, None).tolist() != found:
        raise AssertionError("the answers differ from dlib's")
    seconds = interleave({"ours": lambda: ours.measure(images, None, None), "peer": theirs})
    what = f"faces found by HOG, {FACES} images, {sum(found):g} with one"
    return Ratio("G6", what, seconds["ours"], seconds["peer"], 1.5, "{dlib-bin}")


def run() -> list[Row]:
    """All rows, one thread."""
    import torch

    torch.set_num_threads(1)
    rows: list[Row] = []
    for row in (facenet, descriptor, detection):
        try:
            rows.append(row())
        except PeerMissing as error:
            rows.append(NotMeasured("G6", f"faces: {row.__name__}", f"{error} is not installed"))
    return rows
