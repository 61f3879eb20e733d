"""Base classes of face providers (detectors, landmarkers, embedders, parsers), and their registries.

Coordinates are pixels, ``(x, y)``, with pixel centres at whole numbers: the centre of the top left pixel is ``(0, 0)``.
Left and right are the viewer's. Providers are made from option strings, so that a provider's name is its definition:
``dlib-hog,up1``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from typing import ClassVar, Self, TypeVar

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.options import Slot, fill, one_of
from facedeblur.benchmark.registry import Registry
from facedeblur.benchmark.tensors import on_device

P = TypeVar("P", bound="Provider")


@dataclass(frozen=True, eq=False)
class Face:
    """A face in an image.

    Attributes
    ----------
    box : tuple of four floats
        Left, top, right, bottom in pixels; may leave the image.
    score : float
        The detector's own confidence; not comparable between detectors.
    landmarks : np.ndarray, shape (5, 2) or (68, 2), float64, or None
        Points ``(x, y)`` where the detector gives them.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray | None = field(default=None, repr=False)

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        left, top, right, bottom = self.box
        return max(0.0, right - left) * max(0.0, bottom - top)

    def scaled(self, factor_x: float, factor_y: float | None = None) -> Face:
        """The same face in an image resized by these factors (pixel edges scale, centres follow)."""
        fx, fy = factor_x, factor_x if factor_y is None else factor_y
        left, top, right, bottom = self.box
        box = ((left + 0.5) * fx - 0.5, (top + 0.5) * fy - 0.5, (right + 0.5) * fx - 0.5, (bottom + 0.5) * fy - 0.5)
        points = None if self.landmarks is None else (self.landmarks + 0.5) * np.array([fx, fy]) - 0.5
        return replace(self, box=box, landmarks=points)


class Provider(ABC):
    """What detectors, landmarkers, embedders and parsers share: a name with options, by which they are made."""

    name: ClassVar[str]
    """What it is registered as."""

    terms: ClassVar[Mapping[str, str]] = {}
    """Its name and options in words; see `facedeblur.benchmark.options.meaning`."""

    choices: ClassVar[str] = ""
    """Its options as ``facedeblur list`` prints them."""

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the provider with these options; missing ones take their default. By default no options are accepted.

        Raises
        ------
        InputError
            If an option is unknown, or a package or weight file that it needs is missing.
        """
        fill(f"'{cls.name}'", options)
        return cls()

    @property
    @abstractmethod
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature: ``("dlib-hog", "up1")``.

        The name carries the first digits of the sha256 of its weights, ``dlib-resnet@55533b28``.
        """


class Detector(Provider):
    """Finds faces."""

    @abstractmethod
    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces in `image`, (H, W, 3) uint8 RGB, largest box first; empty if it shows no face."""

    def finds(self, image: np.ndarray) -> bool:
        """Whether `detect` finds any face in `image`, (H, W, 3) uint8 RGB; a detector may know it sooner."""
        return bool(self.detect(image))


class Landmarker(Provider):
    """Finds five points of a face that was detected, or more."""

    n_points: ClassVar[int] = 5
    """How many `points` returns: 5 or 68."""

    found_by: ClassVar[type[Detector] | None] = None
    """The detector whose boxes it was made for; the metric `landmarks` needs to know it."""

    @abstractmethod
    def landmarks(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Left eye, right eye, nose, mouth left, mouth right: (5, 2) float64 pixels ``(x, y)``.

        `image` is (H, W, 3) uint8 RGB. Raises `InputError` if the points cannot be found.
        """

    def points(self, image: np.ndarray, face: Face) -> np.ndarray:
        """All points of `face` in `image`, (H, W, 3) uint8 RGB: (n_points, 2) float64 pixels ``(x, y)``."""
        return self.landmarks(image, face)


class Embedder(Provider):
    """Turns face images into vectors whose distance tells identities apart."""

    unit_length: ClassVar[bool] = False
    """Whether all vectors have length 1, so that their distances have an end."""

    device: str = "cpu"
    """Where the network runs, as torch names it."""

    def on(self, device: str) -> Self:
        """Return the embedder with its network on `device`; itself if it is no dataclass with a field ``device``."""
        return on_device(self, device) if is_dataclass(self) else self

    @abstractmethod
    def embed(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, D) float32; a row of NaN where a face could not be embedded."""


class Parser(Provider):
    """Labels every pixel of a face image with one of its ``classes``, see `facedeblur.benchmark.sets.classes.TOLD`."""

    classes: tuple[str, ...]

    @abstractmethod
    def parse(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, H, W) uint8 indices into ``classes``."""


DETECTORS: Registry[type[Detector]] = Registry("detector", group="facedeblur.detectors")
LANDMARKERS: Registry[type[Landmarker]] = Registry("landmarker", group="facedeblur.landmarkers")
EMBEDDERS: Registry[type[Embedder]] = Registry("embedder", group="facedeblur.embedders")
PARSERS: Registry[type[Parser]] = Registry("parser", group="facedeblur.parsers")

DETECTORS.add("dlib-hog", "facedeblur.benchmark.faces.detectors.dlib_hog:HogDetector")
DETECTORS.add("dlib-mmod", "facedeblur.benchmark.faces.detectors.dlib_mmod:MmodDetector")
DETECTORS.add("mtcnn", "facedeblur.benchmark.faces.detectors.mtcnn:MtcnnDetector")
DETECTORS.add("yunet", "facedeblur.benchmark.faces.detectors.yunet:YunetDetector")
LANDMARKERS.add("dlib-68", "facedeblur.benchmark.faces.detectors.dlib_hog:Landmarker68")
LANDMARKERS.add("mtcnn", "facedeblur.benchmark.faces.detectors.mtcnn:MtcnnLandmarker")
LANDMARKERS.add("yunet", "facedeblur.benchmark.faces.detectors.yunet:YunetLandmarker")
EMBEDDERS.add("dlib-resnet", "facedeblur.benchmark.faces.embedders.dlib_resnet:DlibEmbedder")
EMBEDDERS.add("edgeface-xs", "facedeblur.benchmark.faces.embedders.edgeface:EdgeFaceXs")
EMBEDDERS.add("edgeface-xxs", "facedeblur.benchmark.faces.embedders.edgeface:EdgeFaceXxs")
EMBEDDERS.add("facenet-vggface2", "facedeblur.benchmark.faces.embedders.facenet:FaceNetEmbedder")
EMBEDDERS.add("mobilefacenet", "facedeblur.benchmark.faces.embedders.mobilefacenet:MobileFaceNetEmbedder")
EMBEDDERS.add("openface-nn4.small2", "facedeblur.benchmark.faces.embedders.openface:OpenFaceEmbedder")
PARSERS.add("bisenet", "facedeblur.benchmark.faces.parsers.bisenet:BiSeNetParser")
PARSERS.add("facedeblur", "facedeblur.benchmark.faces.parsers.own:OwnParser")
PARSERS.add("dlib-68", "facedeblur.benchmark.faces.parsers.landmarks:LandmarkParser")


def largest_first(faces: Sequence[Face]) -> list[Face]:
    """Sort faces by box area, largest first; equal areas keep their order."""
    return sorted(faces, key=lambda face: -face.area)


def as_image(image: np.ndarray) -> np.ndarray:
    """Return `image` contiguous after checking that it is (H, W, 3) uint8.

    Raises
    ------
    InputError
        When it is of another shape or type.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise InputError("image", expected="(H, W, 3) uint8 RGB", found=f"{image.shape} {image.dtype}")
    return np.ascontiguousarray(image)


def as_batch(faces: np.ndarray) -> np.ndarray:
    """Return `faces` after checking that they are (N, H, W, 3) uint8.

    Raises
    ------
    InputError
        When they are of another shape or type.
    """
    if faces.ndim != 4 or faces.shape[3] != 3 or faces.dtype != np.uint8 or 0 in faces.shape[1:]:
        raise InputError("faces", expected="(N, H, W, 3) uint8 RGB", found=f"{faces.shape} {faces.dtype}")
    return faces


def provider(registry: Registry[type[P]], spec: str) -> P:
    """Make the provider that `spec` defines: a name, then options, joined by commas.

    Weights pinned in the name (``dlib-resnet@55533b28``) are handed on as the option ``@55533b28``, and the place of
    weights behind the name (``shen2020:weights/``, up to the end of `spec`) as the option ``:weights/``.

    Raises
    ------
    InputError
        When the name or an option is not known, or its package or weights are missing.
    """
    before, colon, place = spec.partition(":")
    if "," in before:  # a colon inside an option
        before, colon, place = spec, "", ""
    head, *options = [part.strip() for part in before.split(",")]
    name, at, sha = head.partition("@")
    return registry.get(name).of(*([f"@{sha}"] if at else []), *([f":{place}"] if colon else []), *options)


def provider_of(registry: Registry[type[P]], words: Sequence[str], default: str, metric: str) -> str:
    """Return what `provider` makes the provider of that the options of a metric name: a name, then its options.

    Parameters
    ----------
    registry : Registry
        Of the providers that may be named.
    words : sequence of str
        The name of at most one, perhaps with ``@1234abcd``, and options of it, in any order.
    default : str
        The provider that options without a name belong to.
    metric : str
        Name of the metric, for messages.

    Raises
    ------
    InputError
        If two providers are named, or a word looks like a misspelt name.
    """
    names = [word for word in words if word.partition("@")[0] in registry]
    options = [word for word in words if word not in names]
    if not names and options and "did you mean" in suggest(options[0], registry):
        one_of(registry.kind, options[0], registry)
    return ",".join([*fill(f"metric '{metric}'", names, Slot((default, *registry), pinned=True)), *options])


def terms_of(registry: Registry[type[P]], name: str) -> Mapping[str, str]:
    """Return the words of a provider (see `Provider.terms`) by its name; none if it is not installed."""
    try:
        return registry.get(name.partition("@")[0]).terms
    except InputError:
        return {}


@dataclass(frozen=True)
class OwnLandmarks(Landmarker):
    """Landmarker of a detector that gives five points with every face.

    The points of a face that has five are returned as they are; for a box of another detector
    the search is run on the image, and the face that covers the box best is taken.

    Parameters
    ----------
    detector : Detector
        Must give five landmarks with every face.
    """

    detector: Detector

    found_by: ClassVar[type[Detector]]

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the landmarker of the detector with these options; see `Provider.of`."""
        return cls(cls.found_by.of(*options))

    @property
    def definition(self) -> tuple[str, ...]:
        """The detector's."""
        return self.detector.definition

    def landmarks(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Eye centres, nose tip and mouth corners of `face`: (5, 2) float64 pixels ``(x, y)``.

        Raises
        ------
        InputError
            When the detector finds no face where the box is.
        """
        if face.landmarks is not None and face.landmarks.shape == (5, 2):
            return face.landmarks
        others = [other for other in self.detector.detect(image) if _overlap(face.box, other.box) >= 0.3]
        if not others:
            name = self.definition[0]
            raise InputError(f"landmarks by {name}", "no face was found in the box")
        return np.asarray(max(others, key=lambda other: _overlap(face.box, other.box)).landmarks)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / whole if whole > 0 else 0.0
