"""A video to try things with: a portrait that sways past the camera, 48 frames of 320x320."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from facedeblur.generators.portraits import portraits

if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    portrait = portraits()["eileen_collins"][:, :, ::-1]
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), 25, (320, 320))
    for time in range(48):
        left, top = 70 + 40 * np.sin(time / 8), 5 + 3 * np.cos(time / 5)
        writer.write(cv2.getRectSubPix(portrait, (320, 320), (left + 160, top + 160)))
    writer.release()
