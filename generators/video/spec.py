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
from facedeblur.generators.recipe import AveragingSpec
from facedeblur.generators.video.reader import READERS
from facedeblur.generators.video.response import Response
from facedeblur.generators.video.windows import MIDDLES

NONE = "none"
ALL = "all"
FACES = ("still", "following")
REPEATED = ("reject", "drop")
CUTS = ("reject", "split")


@checked
@dataclass(frozen=True)
class FrameSpec(AveragingSpec):
    """How frames become pairs: what a recipe says (`AveragingSpec`), and the rest.

    Attributes
    ----------
    gamma : float
        0 where `crf` is given.
    crf : path
        Response curve of the camera, a file; empty for the power law.
    template : str
        Alignment template of the face crop, or ``none``: whole frames.
    detector, landmarker : str
        Providers that find the faces; with detector ``none``, whole frames need no face.
    choose : {'largest', 'central'}
        Which of several faces.
    min_coverage : float
        Smallest share of the crop inside the frame.
    reader : {'av', 'cv2'}
    identity : str
        Where the identity comes from, see `reader.list_videos`.
    role : str
        Role of every row; with `train_share` the part that is made, or empty for both.

    Raises
    ------
    InputError
        When both `gamma` and `crf` are given.
    """

    length: int | str = 11
    crf: str | Path = ""
    template: str = "shen128"
    detector: str = "dlib-hog"
    landmarker: str = "dlib-68"
    choose: str = "largest"
    min_coverage: float = 0.95
    reader: str = "av"
    identity: str = "auto"
    role: str = ""

    def __post_init__(self) -> None:
        if self.crf and self.gamma not in (0.0, 1.0):
            raise InputError("gamma and crf exclude each other", do="leave one out")
        settled = {
            "stride": self.stride or self.frames,
            "role": self.role or ("" if self.train_share else "test"),
            "gamma": 0.0 if self.crf else float(self.gamma),
            "crf": str(self.crf),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    @property
    def frames(self) -> int:
        """Number of frames that are averaged; 0 for whole sequences."""
        return self.length if isinstance(self.length, int) else 0

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
        everything = self.length == ALL
        for option, good, expected, found in (
            (
                "length",
                everything or (isinstance(self.length, int) and self.length >= 2),
                "at least 2 frames, or 'all'",
                self.length,
            ),
            (
                "stride",
                self.stride == 0 if everything else self.stride >= 1,
                "none with length 'all'" if everything else "at least 1 frame",
                self.stride,
            ),
            ("min_coverage", 0 <= self.min_coverage <= 1, "0 to 1", self.min_coverage),
            ("min_difference", 0 <= self.min_difference <= 255, "0 to 255 grey levels", self.min_difference),
            ("min_motion", self.min_motion >= 0, "at least 0 pixels", self.min_motion),
            ("min_flow", self.min_flow >= 0, "at least 0 pixels", self.min_flow),
            ("min_overlap", 0 <= self.min_overlap < 1, "at least 0 and under 1", self.min_overlap),
            ("repeat", 0 <= self.repeat < 1, "at least 0 and under 1", self.repeat),
            ("max_cut", 0 < self.max_cut <= 2, "above 0, up to 2", self.max_cut),
            ("max_jitter", self.max_jitter >= 0, "at least 0", self.max_jitter),
            ("train_share", 0 <= self.train_share < 1, "at least 0 and under 1", self.train_share),
        ):
            if not good:
                raise InputError(f"option '{option}'", expected=expected, found=str(found), do="change it")
        one_of("face", self.face, FACES)
        one_of("choose", self.choose, CHOICES)
        one_of("reader", self.reader, READERS)
        one_of("middle", self.middle, MIDDLES)
        one_of("repeated", self.repeated, REPEATED)
        one_of("cuts", self.cuts, CUTS)
        if self.cuts == "split" and not everything:
            raise InputError("cuts 'split' needs length 'all'", do="set it, or leave out cuts")
        one_of("role", self.role, ("", "train", "test") if self.train_share else ROLES[:3])
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
