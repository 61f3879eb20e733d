"""What a face provider is: four small interfaces, and the registries of who provides them.

Coordinates are pixels, ``(x, y)``, with pixel centres at whole numbers: the centre of the
top left pixel is ``(0, 0)``. Left and right are the viewer's. Providers are made by factories
that take option strings, so that a provider's name is its definition: ``dlib-hog,up1``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.registry import Registry

T = TypeVar("T")


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


@runtime_checkable
class Detector(Protocol):
    """Finds faces.

    ``definition`` is the provider's name and its options, complete, as they stand in a
    signature: ``("dlib-hog", "up1")``.
    """

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""
        ...

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces in `image`, (H, W, 3) uint8 RGB, largest box first; empty where there is none."""
        ...


@runtime_checkable
class Landmarker(Protocol):
    """Finds five points of a face that was detected."""

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""
        ...

    def landmarks(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Left eye, right eye, nose, mouth left, mouth right: (5, 2) float64 pixels ``(x, y)``.

        `image` is (H, W, 3) uint8 RGB. Raises `InputError` where the points cannot be found.
        """
        ...


@runtime_checkable
class Embedder(Protocol):
    """Turns face images into vectors whose distance tells identities apart.

    ``definition`` holds the name with the first eight hex digits of the weights' sha256:
    ``("dlib-resnet@55533b28",)``. Where all vectors have length 1, ``unit_length = True`` says so:
    then their distances have an end.
    """

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""
        ...

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, D) float32; a row of NaN where a face could not be embedded."""
        ...


@runtime_checkable
class Parser(Protocol):
    """Labels every pixel of a face image with one of its ``classes``."""

    classes: tuple[str, ...]

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""
        ...

    def parse(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, H, W) uint8 indices into ``classes``."""
        ...


DetectorFactory: TypeAlias = Callable[..., Detector]
LandmarkerFactory: TypeAlias = Callable[..., Landmarker]
EmbedderFactory: TypeAlias = Callable[..., Embedder]
ParserFactory: TypeAlias = Callable[..., Parser]

DETECTORS: Registry[DetectorFactory] = Registry("detector", group="facedeblur.detectors")
LANDMARKERS: Registry[LandmarkerFactory] = Registry("landmarker", group="facedeblur.landmarkers")
EMBEDDERS: Registry[EmbedderFactory] = Registry("embedder", group="facedeblur.embedders")
PARSERS: Registry[ParserFactory] = Registry("parser", group="facedeblur.parsers")

DETECTORS.add("dlib-hog", "facedeblur.benchmark.faces.detectors.dlib_hog:hog_detector")
DETECTORS.add("dlib-mmod", "facedeblur.benchmark.faces.detectors.dlib_mmod:mmod_detector")
DETECTORS.add("mtcnn", "facedeblur.benchmark.faces.detectors.mtcnn:mtcnn_detector")
DETECTORS.add("yunet", "facedeblur.benchmark.faces.detectors.yunet:yunet_detector")
LANDMARKERS.add("dlib-68", "facedeblur.benchmark.faces.detectors.dlib_hog:landmarker_68")
LANDMARKERS.add("mtcnn", "facedeblur.benchmark.faces.detectors.mtcnn:mtcnn_landmarker")
LANDMARKERS.add("yunet", "facedeblur.benchmark.faces.detectors.yunet:yunet_landmarker")
EMBEDDERS.add("dlib-resnet", "facedeblur.benchmark.faces.embedders.dlib_resnet:dlib_embedder")
EMBEDDERS.add("edgeface-xs", "facedeblur.benchmark.faces.embedders.edgeface:edgeface_xs")
EMBEDDERS.add("edgeface-xxs", "facedeblur.benchmark.faces.embedders.edgeface:edgeface_xxs")
EMBEDDERS.add("facenet-vggface2", "facedeblur.benchmark.faces.embedders.facenet:facenet_embedder")
EMBEDDERS.add("openface-nn4.small2", "facedeblur.benchmark.faces.embedders.openface:openface_embedder")
PARSERS.add("bisenet", "facedeblur.benchmark.faces.parsers.networks:bisenet_parser")
PARSERS.add("facedeblur", "facedeblur.benchmark.faces.parsers.networks:own_parser")
PARSERS.add("dlib-68", "facedeblur.benchmark.faces.parsers.landmarks:landmark_parser")


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


def provider(registry: Registry[Callable[..., T]], spec: str) -> T:
    """Make the provider that `spec` defines: a name, then options, joined by commas.

    Weights pinned in the name (``dlib-resnet@55533b28``) are handed on as the option ``@55533b28``.

    Raises
    ------
    InputError
        When the name or an option is not known, or its package or weights are missing.
    """
    head, *options = [part.strip() for part in spec.split(",")]
    name, at, sha = head.partition("@")
    return registry.get(name)(*([f"@{sha}"] if at else []), *options)


def unpinned(kind: str, options: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take the option that pins weights, ``@1234abcd``, out of a provider's options.

    Returns
    -------
    sha : str or None
        What stands behind ``@``.
    rest : list of str
        The other options, in order.

    Raises
    ------
    InputError
        When there are two: one of them would not hold.
    """
    pins = [option for option in options if option.startswith("@")]
    if len(pins) > 1:
        raise InputError(
            f"{kind} option '{pins[1]}'", expected="one of a kind", found=f"'{pins[0]}' as well", do="remove it"
        )
    return (pins[0][1:] if pins else None), [option for option in options if not option.startswith("@")]


def no_more(kind: str, options: Sequence[str], expected: str) -> None:
    """Refuse options that a provider does not know.

    Raises
    ------
    InputError
        When `options` is not empty.
    """
    if options:
        raise InputError(f"{kind} option '{options[0]}'", expected=expected, found=f"'{options[0]}'", do="remove it")
