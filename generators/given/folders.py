"""Layouts that tell blurred and sharp images by their folders; a pair has the same name on both sides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from facedeblur.generators.given.layout import Couple, Layout, Listing, Pairing, role_of, stem_of, told

_PART = "(?:(?:train|training|test|testing|val|valid|validation)/)"


class ByFolder(Layout):
    """A layout whose two sides are patterns of paths without suffix.

    The groups of a pattern are the key of an image: a blurred and a sharp image with the same groups are a pair.

    Attributes
    ----------
    blurred, sharp : str
        Regular expressions of the whole path, in any case.
    kind : str
        Kind of the blur, see `facedeblur.benchmark.sets.set.Pair`.
    gamma : float
    sequences : bool
        True where a folder is a sequence or scene, whose images have one identity.
    """

    blurred: ClassVar[str]
    sharp: ClassVar[str]
    kind: ClassVar[str] = "real"
    gamma: ClassVar[float] = 1.0
    sequences: ClassVar[bool] = False

    @classmethod
    def read(cls, root: Path, sources: Sequence[str]) -> Listing:
        """Pair images whose paths differ by the folder of their side alone."""
        sides = [re.compile(pattern, re.IGNORECASE) for pattern in (cls.blurred, cls.sharp)]
        pairing = Pairing(cls._couple)
        for source in sources:
            blurred, sharp = (side.fullmatch(stem_of(source)) for side in sides)
            if blurred:
                pairing.enter_blurred(source, _key(blurred))
            elif sharp:
                pairing.enter_sharp(source, _key(sharp))
            else:
                pairing.others.append(source)
        return pairing.listing()

    @classmethod
    def _couple(cls, key: str, blurred: str, sharp: tuple[str, ...]) -> Couple:
        place = key.rpartition("/")[0] if cls.sequences else ""
        return Couple(
            blurred, sharp, (place or key).replace("/", "_"), role_of(told(blurred)), cls.kind, gamma=cls.gamma,
            border="frames" if cls.kind == "frames" else "",
        )  # fmt: skip


def _key(found: re.Match[str]) -> str:
    return "".join(part for part in found.groups() if part)


class Plain(ByFolder):
    """Two folders of images with the same names: blur/ (or blurred/, blurry/) and sharp/ (or gt/)."""

    shape = "{blur|blurred|blurry}/NAME and {sharp|gt}/NAME, in the folder itself or in train/ and test/"
    blurred = rf"({_PART}?)(?:blur|blurred|blurry)/(.+)"
    sharp = rf"({_PART}?)(?:sharp|gt)/(.+)"


class GoPro(ByFolder):
    """GoPro (Nah et al., CVPR 2017), averaged without gamma: a folder per sequence with blur/ and sharp/."""

    licence = "CC BY 4.0"
    shape = "{train|test}/SEQUENCE/{blur|sharp}/NAME"
    blurred = r"((?:.*/)?[^/]+/)blur/([^/]+)"
    sharp = r"((?:.*/)?[^/]+/)sharp/([^/]+)"
    kind = "frames"
    sequences = True


class GoProGamma(GoPro):
    """GoPro (Nah et al., CVPR 2017), averaged with gamma 2.2: as gopro, with blur_gamma/ instead of blur/."""

    shape = "{train|test}/SEQUENCE/{blur_gamma|sharp}/NAME"
    blurred = r"((?:.*/)?[^/]+/)blur_gamma/([^/]+)"
    gamma = 2.2
    recognised = False


class REDS(ByFolder):
    """REDS (Nah et al., CVPRW 2019): train_blur/ and train_sharp/ (or val_) with a folder per sequence."""

    licence = "CC BY 4.0"
    shape = "{train|val|test}_{blur|sharp}/SEQUENCE/NAME"
    blurred = r"((?:.*/)?(?:train|val|test))_blur(/.+)"
    sharp = r"((?:.*/)?(?:train|val|test))_sharp(/.+)"
    kind = "frames"
    sequences = True


class BSD(ByFolder):
    """BSD (Zhong et al., ECCV 2020), real blur through a beam splitter: a folder per sequence with Blur/ and Sharp/."""

    shape = "{train|valid|test}/SEQUENCE/{Blur|Sharp}/RGB/NAME"
    blurred = r"((?:.*/)?)Blur/RGB/(.+)"
    sharp = r"((?:.*/)?)Sharp/RGB/(.+)"
    sequences = True


class RealBlur(ByFolder):
    """RealBlur (Rim et al., ECCV 2020), real blur: a folder per scene with blur/blur_1.png and gt/gt_1.png."""

    shape = "SCENE/{blur/blur_N|gt/gt_N}"
    blurred = r"((?:.*/)?)blur/blur_(\d+)"
    sharp = r"((?:.*/)?)gt/gt_(\d+)"
    sequences = True
    notes: ClassVar = {
        "role": "All pairs are test pairs. The publisher's lists (RealBlur_J_test_list.txt) are read as list:FILE."
    }


class Ren2019(ByFolder):
    """Face videos (Ren et al., ICCV 2019): a folder per video with blurry/ and sharp/."""

    shape = "VIDEO/{blurry|sharp}/NAME"
    blurred = r"((?:.*/)?[^/]+/)blurry/([^/]+)"
    sharp = r"((?:.*/)?[^/]+/)sharp/([^/]+)"
    sequences = True


class HIDE(ByFolder):
    """HIDE (Shen et al., ICCV 2019), averaged frames: train/ and test/ with blurred images, GT/ with all sharp ones."""

    shape = "{train|test|test/FOLDER}/NAME and GT/NAME"
    blurred = r"((?:.*/)?)(?:train|test|test/(?!blur|sharp|gt/|input|target|lq/)[^/]+)/([^/]+)"
    sharp = r"((?:.*/)?)GT/([^/]+)"
    kind = "frames"


class InputTarget(ByFolder):
    """GoPro, HIDE and others as Restormer has them: input/ and target/ (or input_crops/, target_crops/)."""

    shape = "{input|target}/NAME or {input_crops|target_crops}/NAME"
    blurred = r"((?:.*/)?)input(?:_crops)?/(.+)"
    sharp = r"((?:.*/)?)target(?:_crops)?/(.+)"


class BasicSR(ByFolder):
    """Pairs as BasicSR has them: lq/ and gt/."""

    shape = "{lq|gt}/NAME"
    blurred = r"((?:.*/)?)lq/(.+)"
    sharp = r"((?:.*/)?)gt/(.+)"
