"""A detector of one's own: patches of the colour of skin, for want of a better one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from facedeblur.benchmark.faces.base import DETECTORS, Detector, Face, as_image, largest_first
from facedeblur.benchmark.options import Slot, fill


@DETECTORS.register("skin")
@dataclass(frozen=True)
class SkinDetector(Detector):
    """Boxes around connected skin-coloured pixels that fill at least `share` of the image."""

    share: float = 0.02

    name = "skin"
    terms = {"skin": "patches of skin colour", "share(.+)": "of at least {} of the image"}  # noqa: RUF012

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the detector with its option, ``share0.02``."""
        (share,) = fill("detector 'skin'", options, Slot(("share0.02",), form=r"share0\.\d+"))
        return cls(float(share.removeprefix("share")))

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and all options: they are part of the name of every column that this detector makes."""
        return ("skin", f"share{self.share:g}")

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces in (H, W, 3) uint8 RGB, largest first; coordinates are of pixel centres."""
        tones = cv2.cvtColor(as_image(image), cv2.COLOR_RGB2YCrCb)
        skin = cv2.inRange(tones, np.array([60, 135, 85]), np.array([255, 180, 135]))
        _, _, stats, _ = cv2.connectedComponentsWithStats(skin)
        faces = []
        for left, top, width, height, area in stats[1:].tolist():  # the first is the background
            if area >= self.share * skin.size:
                faces.append(Face((left, top, left + width - 1, top + height - 1), score=area / skin.size))
        return largest_first(faces)
