"""Pan, Hu, Su & Yang, Deblurring face images with exemplars, ECCV 2014.

The gradients of a blurred face are compared with those of sharp exemplars; the best one lends the gradients of
its contours (lower face, eyes, mouth), to which a first kernel is fitted at full size, with no coarser scale before.
Then latent image (L0 gradient, `l0_gradient`) and kernel take turns, each kernel fitted to the strong gradients.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from facedeblur.methods.base import method
from facedeblur.methods.classical.coarse_to_fine import GREY, HyperLaplacianBlind, Schedule
from facedeblur.methods.classical.exemplars import Edges, Exemplar, best_match, contour_edges, edges_at, read_exemplars
from facedeblur.methods.classical.l0_gradient import DECAY, L0Latent
from facedeblur.methods.classical.scales import COUNT, Salient

WEIGHT = 8e-3
"""Of the gradient's L0 norm at the first turn."""


class ExemplarLatent(L0Latent):
    """Latent image that begins with an exemplar's contours.

    Parameters
    ----------
    blurred : (H, W) float32
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


@method("pan-2014-faces")
class Pan2014Faces(HyperLaplacianBlind):
    """Exemplar contours as first edges, then the L0 gradient (Pan et al. 2014), in our reading.

    The authors' contours are not to be had: ours are lines through dlib's 68 landmarks of the faces in a folder, as
    thick as we chose. Exemplars must be sharp, framed as the blurred faces are, and other photographs than those under
    test.

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
        """The latent image of the one scale there is."""
        shape = (blurred.shape[0], blurred.shape[1])
        if shape not in self._edges:
            self._edges = {shape: edges_at(self.exemplars, shape)}
        return ExemplarLatent(blurred, size, self._edges[shape])
