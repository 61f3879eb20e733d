"""Everything, except the videos, that determines a set of averaged frames."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import DETECTORS, LANDMARKERS, provider
from facedeblur.benchmark.options import checked, one_of
from facedeblur.generators.align.photo import CHOICES
from facedeblur.generators.align.template import template_named
from facedeblur.generators.photos.lists import ROLES
from facedeblur.generators.video.reader import READERS
from facedeblur.generators.video.response import Response

NONE = "none"
FACES = ("still", "following")


@checked
@dataclass(frozen=True)
class FrameSpec:
    """How frames become pairs.

    Attributes
    ----------
    length : int
        Frames averaged, odd; the middle one is the sharp image.
    stride : int
        Frames from the start of one window to the start of the next; by default `length`.
    gamma : float
        Exponent of the linearisation: 1 averages coded values, 2.2 averages light,
        ``(mean I^2.2)^(1/2.2)``. 0 where `crf` is given.
    crf : path
        Response curve of the camera, a file; empty for the power law.
    template : str
        Alignment template of the face crop, or ``none``: whole frames.
    face : {'still', 'following'}
        Use the crop of the middle frame for all, or align every frame.
    detector, landmarker : str
        Providers that find the faces; with detector ``none``, whole frames need no face.
    choose : {'largest', 'central'}
        Which of several faces.
    min_coverage : float
        Smallest share of the crop inside the frame.
    min_flow : float
        Smallest median optical flow of the face between neighbouring frames, in pixels of the video; 0 requires
        only that frames differ.
    min_overlap : float
        The boxes of the face in the first and the last frame must overlap more than this (intersection over union).
    repeat, max_cut, max_jitter : float
        Limits for near-duplicate frames, shot cuts and uneven timing; see `windows.fault`.
    reader : {'av', 'cv2'}
    identity, role : str
        Where the identity comes from, see `reader.list_videos`; role of every row.

    Raises
    ------
    InputError
        When both `gamma` and `crf` are given.
    """

    length: int = 11
    stride: int = None  # type: ignore[assignment]
    gamma: float = 1.0
    crf: str | Path = ""
    template: str = "shen128"
    face: str = "still"
    detector: str = "dlib-hog"
    landmarker: str = "dlib-68"
    choose: str = "largest"
    min_coverage: float = 0.95
    min_flow: float = 0.0
    min_overlap: float = 0.0
    repeat: float = 0.1
    max_cut: float = 0.1
    max_jitter: float = 0.25
    reader: str = "av"
    identity: str = "auto"
    role: str = "test"

    def __post_init__(self) -> None:
        if self.crf and self.gamma not in (0.0, 1.0):
            raise InputError("gamma and crf exclude each other", do="leave one out")
        settled = {
            "stride": self.length if self.stride is None else self.stride,
            "gamma": 0.0 if self.crf else float(self.gamma),
            "crf": str(self.crf),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    @property
    def whole(self) -> bool:
        """True if whole frames are used."""
        return self.template == NONE

    def response(self) -> Response:
        """The camera."""
        return Response.from_file(self.crf) if self.crf else Response.power(self.gamma)

    def check(self) -> None:
        """Check the options.

        Raises
        ------
        InputError
            When an option is out of range, or a provider is missing.
        """
        odd = self.length >= 3 and self.length % 2 == 1
        for option, good, expected, found in (
            ("length", odd, "an odd number of frames from 3 on, which has a middle", self.length),
            ("stride", self.stride >= 1, "at least 1 frame", self.stride),
            ("min_coverage", 0 <= self.min_coverage <= 1, "0 to 1", self.min_coverage),
            ("min_flow", self.min_flow >= 0, "at least 0 pixels", self.min_flow),
            ("min_overlap", 0 <= self.min_overlap < 1, "at least 0 and under 1", self.min_overlap),
            ("repeat", 0 <= self.repeat < 1, "at least 0 and under 1", self.repeat),
            ("max_cut", 0 < self.max_cut <= 2, "above 0, up to 2", self.max_cut),
            ("max_jitter", self.max_jitter >= 0, "at least 0", self.max_jitter),
        ):
            if not good:
                raise InputError(f"option '{option}'", expected=expected, found=str(found), do="change it")
        one_of("face", self.face, FACES)
        one_of("choose", self.choose, CHOICES)
        one_of("reader", self.reader, READERS)
        one_of("role", self.role, ROLES[:3])
        self.response()
        if not self.whole:
            template_named(self.template)
            provider(LANDMARKERS, self.landmarker)
        elif self.face == "following":
            raise InputError("face 'following' needs a template", do="leave out template 'none'")
        if self.detector != NONE:
            provider(DETECTORS, self.detector)
        elif not self.whole:
            raise InputError("detector 'none'", expected="template 'none'", found=f"template '{self.template}'")

    def text(self) -> str:
        """The options as TOML, for the record."""
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in asdict(self).items()]
        return "[frames]\n" + "\n".join(lines) + "\n"
