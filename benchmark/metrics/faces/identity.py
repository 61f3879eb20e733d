"""How far the identity in a restored face is from that in the sharp one.

The distance between the embeddings of the two images: Euclidean or cosine (Shen et al., IJCV 2020,
section on identity distance), or squared Euclidean, by which OpenFace compares. The images of a test
set are aligned, so they are resized to the network's input as they are (for EdgeFace and MobileFaceNet
they must be of the template ``arcface112`` already); the option ``detect`` finds the face again.

The networks are those of `EMBEDDERS`: ``dlib-resnet``, ``edgeface-xs``, ``edgeface-xxs``,
``facenet-vggface2``, ``mobilefacenet``, ``openface-nn4.small2``, and what other packages add.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from facedeblur.benchmark.faces.base import EMBEDDERS, Embedder, as_image, terms_of
from facedeblur.benchmark.metrics.base import Metric
from facedeblur.benchmark.options import Slot, fill, pin_of

DISTANCES = ("l2", "l2sq", "cosine")
MODES = ("as-is", "aligned", "detect", "detect-inner")
DEFAULT = "dlib-resnet"
KEPT = 16

_HEADINGS = {"l2": "L2", "l2sq": "squared L2", "cosine": "cosine"}

_kept: OrderedDict[tuple[object, ...], np.ndarray] = OrderedDict()


@dataclass(frozen=True)
class EmbeddingSource:
    """Embeddings of batches, the last few remembered by content.

    Two metrics on the same embedder cost one forward pass per batch. The memory belongs
    to the process, not to the object, which stays small and picklable.

    Parameters
    ----------
    embedder : Embedder
    """

    embedder: Embedder

    def __call__(self, faces: np.ndarray) -> np.ndarray:
        """Embed (N, H, W, 3) uint8 RGB images; returns (N, D) float32, not to be written to."""
        content = hashlib.blake2b(np.ascontiguousarray(faces).data, digest_size=16).digest()
        key = (*self.embedder.definition, self.embedder.device, faces.shape, faces.dtype.str, content)
        vectors = _kept.get(key)
        if vectors is None:
            vectors = self.embedder.embed(faces)
            vectors.setflags(write=False)
            _kept[key] = vectors
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return vectors


@dataclass(frozen=True)
class IdentityDistance(Metric):
    """Distance of face embeddings: ``identity[dlib-resnet,l2]``, or ``cosine``, ``l2sq``; ``detect``.

    Parameters
    ----------
    source : EmbeddingSource
    distance : {'l2', 'l2sq', 'cosine'}
        ``|a - b|``, its square, or ``1 - a.b / (|a| |b|)``.
    """

    source: EmbeddingSource
    distance: str = "l2"

    name, higher_is_better = "identity", False
    device_bound = 1e-4
    summary = "distance between the embeddings of the restored and the sharp face"
    terms: ClassVar[Mapping[str, str]] = {
        "l2": "Euclidean",
        "l2sq": "squared Euclidean",
        "cosine": "one minus the cosine",
    }

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`.

        Parameters
        ----------
        *options : str
            An embedder (``dlib-resnet``, the default, ``edgeface-xs``, ``edgeface-xxs``, ``facenet-vggface2``,
            ``mobilefacenet``, ``openface-nn4.small2``), perhaps with the beginning of its weights' sha256
            behind ``@``; ``l2`` (the default), ``l2sq`` or ``cosine``; ``detect`` to find the face again (with OpenFace
            also ``detect-inner``: aligned by other points); ``as-is`` (or ``aligned``), the default, not to.
        """
        embedder, distance, mode = fill(
            f"metric '{cls.name}'", options, Slot((DEFAULT, *EMBEDDERS), pinned=True), DISTANCES, MODES
        )
        name, pin = embedder.partition("@")[0], pin_of(embedder)
        more = [*([f"@{pin}"] if pin else []), *([mode] if mode.startswith("detect") else [])]
        return cls(EmbeddingSource(EMBEDDERS.get(name).of(*more)), distance)

    @classmethod
    def terms_of(cls, options: Sequence[str]) -> Mapping[str, str]:
        """Return the meaning of the distance, and what the embedder says of its options."""
        return {**cls.terms, **terms_of(EMBEDDERS, options[0])}

    @property
    def options(self) -> tuple[str, ...]:
        """Embedder with the hash of its weights, distance, and ``detect`` where the face is found again."""
        name, *more = self.source.embedder.definition
        return name, self.distance, *more

    def on(self, device: str) -> Self:
        """Return the metric with its embedder on a device; see `Metric.on`."""
        return replace(self, source=EmbeddingSource(self.source.embedder.on(device)))

    @property
    def label(self) -> str:
        """Short column heading."""
        name = self.source.embedder.definition[0].partition("@")[0]
        return f"Identity {_HEADINGS[self.distance]} ({name})"

    @property
    def worst(self) -> float:
        """The largest that two unit vectors can differ: 2, squared 4.

        dlib's vectors are about 1.4 long, but even unrelated images stay below it.
        """
        return 4.0 if self.distance == "l2sq" else 2.0

    @property
    def limits(self) -> tuple[float, float]:
        """From 0 to what unit vectors can differ by; of longer ones only the cosine has an end."""
        ends = self.distance == "cosine" or self.source.embedder.unit_length
        return 0.0, self.worst if ends else math.inf

    def prepare(self, sharp: np.ndarray, label: np.ndarray | None = None) -> np.ndarray:
        """Embedding of the sharp image, (H, W, 3) uint8 RGB: shape (D,) float64, NaN where it has no face."""
        return self.source(as_image(sharp)[None])[0].astype(np.float64)

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: np.ndarray) -> np.ndarray:
        """Distances of restored images from the sharp one.

        Parameters
        ----------
        restored : np.ndarray, shape (N, H, W, 3), uint8 RGB
        sharp : np.ndarray, shape (H, W, 3), uint8 RGB
            Not looked at; its embedding is `prepared`.
        prepared : np.ndarray, shape (D,)
            What `prepare` returned.

        Returns
        -------
        np.ndarray, shape (N,), float64
            NaN where no face was found in either image (only where it is found again).
        """
        vectors = self.source(restored).astype(np.float64)
        if self.distance == "cosine":
            return cosine(vectors, prepared)
        return l2(vectors, prepared) if self.distance == "l2" else l2sq(vectors, prepared)


def l2(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances of vectors along the last axis: (..., D) and (..., D) to (...)."""
    return np.asarray(np.sqrt(l2sq(a, b)))


def l2sq(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of vectors along the last axis: (..., D) and (..., D) to (...)."""
    return np.asarray(np.sum((a - b) ** 2, axis=-1))


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine distances ``1 - a.b / (|a| |b|)`` along the last axis, in [0, 2]; NaN for a zero vector."""
    lengths = np.sqrt(np.sum(a * a, axis=-1) * np.sum(b * b, axis=-1))
    products = np.sum(a * b, axis=-1)
    ratio = np.divide(products, lengths, out=np.full(np.shape(products), np.nan), where=lengths > 0)
    return np.asarray(np.clip(1.0 - ratio, 0.0, 2.0))
