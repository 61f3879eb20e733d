"""Faces: detectors, landmarkers, embedders and parsers behind four small base classes."""

from facedeblur.benchmark.faces.base import (
    DETECTORS,
    EMBEDDERS,
    LANDMARKERS,
    PARSERS,
    Detector,
    Embedder,
    Face,
    Landmarker,
    Parser,
    provider,
)

__all__ = [
    "DETECTORS",
    "EMBEDDERS",
    "LANDMARKERS",
    "PARSERS",
    "Detector",
    "Embedder",
    "Face",
    "Landmarker",
    "Parser",
    "provider",
]
