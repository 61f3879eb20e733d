"""Pictures inside a page: from lossless to small."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import numpy as np


def data_uri(kind: str, data: bytes) -> str:
    """An image as a ``data:`` URI; `kind` is the subtype: png, jpeg, webp."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _lossless(pixels: np.ndarray) -> str:
    import cv2

    # Above 100 the encoder keeps every sample; the files are smaller than PNG.
    return data_uri("webp", cv2.imencode(".webp", pixels[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes())


def _jpeg(quality: int, *, longest: int | None = None) -> Callable[[np.ndarray], str]:
    def encode(pixels: np.ndarray) -> str:
        import cv2

        height, width = pixels.shape[:2]
        if longest is not None and max(height, width) > longest:
            share = longest / max(height, width)
            size = (max(1, round(width * share)), max(1, round(height * share)))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        whole_colour = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, *whole_colour]
        return data_uri("jpeg", cv2.imencode(".jpg", pixels[:, :, ::-1], options)[1].tobytes())

    return encode


ENCODINGS: Sequence[tuple[str, Callable[[np.ndarray], str]]] = (
    ("lossless", _lossless),
    *((f"JPEG quality {quality}, for this page only", _jpeg(quality)) for quality in (95, 90, 80, 65)),
    ("JPEG quality 80 and shrunk to 256 pixels, for this page only", _jpeg(80, longest=256)),
)
"""Name and encoder of (H, W, 3) uint8 RGB, the truest first."""
