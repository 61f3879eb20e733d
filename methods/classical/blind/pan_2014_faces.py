"""Pan, Hu, Su & Yang, Deblurring face images with exemplars, ECCV 2014.

The gradients of a blurred face are compared with those of sharp exemplars; a first kernel is fitted to the gradients of
the best one along its contours (lower face, eyes, mouth), at full size, without coarser scales.
Then latent image (L0 gradient, `l0_gradient`) and kernel alternate, each kernel fitted to the strong gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from scipy import fft

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import list_images, read_photo
from facedeblur.methods.base import method
from facedeblur.methods.classical.blind.coarse_to_fine import GREY, HyperLaplacianBlind, Schedule
from facedeblur.methods.classical.blind.kernel_step import moved
from facedeblur.methods.classical.blind.l0_gradient import DECAY, L0Latent
from facedeblur.methods.classical.blind.scales import COUNT, Salient, differences

WEIGHT = 8e-3
"""Of the gradient's L0 norm at the first turn."""


class ExemplarLatent(L0Latent):
    """Latent image that begins with an exemplar's contours.

    Parameters
    ----------
    blurred : (H, W) float64
        Grey image in [0, 1].
    size : int
        Side of the kernel.
    edges : Edges
        Exemplars of the same size.
    """

    def __init__(self, blurred: np.ndarray, size: int, edges: Edges):
        super().__init__(blurred, size, WEIGHT)
        index, down, right, self.score = best_match(self.blurred, edges)
        self._given: np.ndarray | None = contour_edges(edges, index, down, right)
        self._salient = Salient(self.blurred, COUNT * size, 1 / DECAY)

    def gradients(self, kernel: np.ndarray) -> np.ndarray:
        """The exemplar's contours at first, then strong gradients (2, H - 1, W - 1) of the latent image."""
        if self._given is not None:
            given, self._given = self._given, None
            return given
        return self._salient(super().gradients(kernel))


@method("pan-2014-faces", version="2")
class Pan2014Faces(HyperLaplacianBlind):
    """Exemplar contours as first edges, then the L0 gradient (Pan et al. 2014), in our reading.

    The authors' contours are not available: ours are lines through dlib's 68 landmarks of the faces in a folder, in a
    thickness that we chose. Exemplars must be sharp, framed like the blurred faces, and not be among the photographs
    under test.

    Parameters
    ----------
    exemplars : str
        Folder of sharp faces.
    size : int
        Side of the kernel, odd.
    weight : float
        Data weight of the final hyper-Laplacian deconvolution (alpha 2/3).
    """

    schedule: ClassVar[Schedule] = Schedule(turns=20, coarsest=10**6)

    def __init__(self, *, exemplars: str, size: int = 27, weight: float = 500.0):
        super().__init__(size=size, weight=weight)
        self.exemplars: list[Exemplar] = read_exemplars(Path(exemplars), GREY)
        self._edges: dict[tuple[int, int], Edges] = {}

    def latent(self, blurred: np.ndarray, size: int, before: Any) -> ExemplarLatent:
        """Return the latent image of the only scale."""
        shape = (blurred.shape[0], blurred.shape[1])
        if shape not in self._edges:
            self._edges = {shape: edges_at(self.exemplars, shape)}
        return ExemplarLatent(blurred, size, self._edges[shape])


CONTOURS = (
    (range(17), False),
    (range(36, 42), True),
    (range(42, 48), True),
    (range(48, 60), True),
    (range(60, 68), True),
)
"""iBUG 68 numbering: jaw, both eyes, outer and inner lips; whether the line is closed."""
THICKNESS = 1 / 32
"""Width of a contour as a share of the image's side."""
REACH = 1 / 8
"""Greatest displacement that is searched, as a share of the side."""
_FRACTION = 4


@dataclass(frozen=True)
class Exemplar:
    """A sharp face.

    Attributes
    ----------
    grey : (H, W) float64
        In [0, 1].
    points : (68, 2) float64
        Landmarks (x, y) in pixels, origin at the middle of the first pixel.
    """

    grey: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class Edges:
    """Exemplars at one size of image, ready for matching.

    Attributes
    ----------
    maps : (M, 2, H - 1, W - 1) float64
        Gradients.
    contours : (M, H - 1, W - 1) bool
        Where the contours are.
    spectra : (M, 2, P, Q // 2 + 1) complex128
        Transforms of `maps`, each exemplar scaled to norm 1.
    shape : (P, Q)
        What they were continued to with zeros.
    """

    maps: np.ndarray
    contours: np.ndarray
    spectra: np.ndarray
    shape: tuple[int, int]


def read_exemplars(folder: Path, weights: np.ndarray) -> list[Exemplar]:
    """Read every photograph of `folder` in which dlib finds a face.

    Parameters
    ----------
    folder : Path
        Sharp faces, aligned as the blurred ones are.
    weights : (3,) float64
        Of R, G and B in the grey image.

    Raises
    ------
    InputError
        If `folder` is not a folder, holds no photograph or no face, or if dlib is not installed.
    """
    from facedeblur.benchmark.faces.detectors.dlib_hog import HogDetector, Landmarker68

    if not folder.is_dir():
        raise InputError(f"exemplars '{folder}' is not a folder", do="give a folder of sharp faces")
    files = list_images(folder)
    detector, landmarker = HogDetector.of(), Landmarker68.of()
    found = []
    for file in files:
        pixels = read_photo(file).pixels
        faces = detector.detect(pixels)
        if faces:
            grey = (pixels / 255) @ weights
            found.append(Exemplar(grey, landmarker.points(pixels, faces[0])))
    if not found:
        raise InputError(f"exemplars '{folder}': none of the photographs has a detectable face", do="give sharp faces")
    return found


def edges_at(exemplars: list[Exemplar], shape: tuple[int, int]) -> Edges:
    """Gradients and contours of the exemplars, each stretched to (H, W) = `shape`."""
    height, width = shape
    maps, contours = [], []
    for exemplar in exemplars:
        grey = cv2.resize(exemplar.grey, (width, height), interpolation=cv2.INTER_AREA)
        maps.append(differences(grey))
        factor = np.array([width / exemplar.grey.shape[1], height / exemplar.grey.shape[0]])
        contours.append(drawn((exemplar.points + 0.5) * factor - 0.5, shape)[:-1, :-1])
    stack = np.stack(maps)
    norms = np.sqrt((stack**2).sum(axis=(1, 2, 3), keepdims=True))
    room = tuple(fft.next_fast_len(2 * side, real=True) for side in shape)
    spectra = fft.rfft2(stack / np.maximum(norms, 1e-9), s=room)
    return Edges(stack, np.stack(contours), spectra, (room[0], room[1]))


def drawn(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Contours of the 68 points (x, y) as (H, W) bool."""
    canvas = np.zeros(shape, np.uint8)
    thick = max(1, round(THICKNESS * min(shape)))
    for which, closed in CONTOURS:
        line = np.rint(points[list(which)] * 2**_FRACTION).astype(np.int32)
        cv2.polylines(canvas, [line], closed, 1, thick, cv2.LINE_8, _FRACTION)
    return canvas > 0


def best_match(blurred: np.ndarray, edges: Edges) -> tuple[int, int, int, float]:
    """Find the exemplar and its displacement with the greatest normalised correlation of gradients.

    Parameters
    ----------
    blurred : (2, H - 1, W - 1) float64
        Gradients of the blurred image.
    edges : Edges
        Of the same size.

    Returns
    -------
    index, down, right : int
        Exemplar, and the pixels by which it is to be moved.
    score : float
        The correlation, at most 1.
    """
    norm = float(np.sqrt((blurred**2).sum()))
    seen = fft.rfft2(blurred, s=edges.shape)
    reach = max(1, round(REACH * min(blurred.shape[1:])))
    at = np.arange(-reach, reach + 1)
    scores = fft.irfft2((edges.spectra.conj() * seen).sum(axis=1), s=edges.shape)[:, at[:, None], at[None, :]]
    index, down, right = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return int(index), int(at[down]), int(at[right]), float(scores[index, down, right]) / max(norm, 1e-9)


def contour_edges(edges: Edges, index: int, down: int, right: int) -> np.ndarray:
    """Gradients (2, H - 1, W - 1) of an exemplar on its contours, moved; 0 elsewhere."""
    kept = np.where(edges.contours[index], edges.maps[index], 0.0)
    return moved(kept, down, right)
