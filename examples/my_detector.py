"""A detector of one's own: patches of the colour of skin, for want of a better one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import DETECTORS, Face, as_image, largest_first


@dataclass(frozen=True)
class SkinDetector:
    """Boxes around connected skin-coloured pixels that fill at least `share` of the image."""

    share: float = 0.02

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and all options: they stand in the name of every column that this detector makes."""
        return ("skin", f"share{self.share:g}")

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces in (H, W, 3) uint8 RGB, largest first; coordinates are of pixel centres."""
        tones = cv2.cvtColor(as_image(image), cv2.COLOR_RGB2YCrCb)
        skin = cv2.inRange(tones, np.array([60, 135, 85]), np.array([255, 180, 135]))
        _, _, stats, _ = cv2.connectedComponentsWithStats(skin)
        faces = []
        for left, top, width, height, area in stats[1:].tolist():  # the first is what is no skin
            if area >= self.share * skin.size:
                faces.append(Face((left, top, left + width - 1, top + height - 1), score=area / skin.size))
        return largest_first(faces)


@DETECTORS.register("skin")
def skin_detector(*options: str) -> SkinDetector:
    """Make a `SkinDetector` from its options: ``share0.02``, the least share of the image."""
    share = 0.02
    for option in options:
        try:
            share = float(option.removeprefix("share"))
        except ValueError:
            raise InputError(f"option '{option}' of detector 'skin'", expected="a share, as share0.05") from None
    return SkinDetector(share)
