"""Layouts whose file names say which sharp image a blurred one belongs to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import ClassVar

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.given.layout import Couple, Layout, Listing, Pairing, role_of, stem_of


class Shen(Layout):
    """Test sets of Shen et al. (CVPR 2018, IJCV 2020) and MSPL (Lee et al. 2020): kernel and size are in the names."""

    shape = "IMAGE_ker01_blur_k13 and IMAGE, in folders of any name"
    notes: ClassVar = {"kernels": "The kernels are not in the folder: names and sizes are those of the file names."}
    _blurred = re.compile(r"(?P<place>(?:.*/)?)(?P<image>[^/]+)_(?P<kernel>ker\d+_blur_k(?P<size>\d+))")

    @classmethod
    def read(cls, root: Path, sources: Sequence[str]) -> Listing:
        """Pair ``IMAGE_ker01_blur_k13`` with ``IMAGE`` in the nearest folder."""
        pairing = Pairing(lambda key, blurred, sharp: cls._couple(blurred, sharp))
        found = {source: match for source in sources if (match := cls._blurred.fullmatch(stem_of(source)))}
        wanted = {match["image"] for match in found.values()}
        sharp: dict[str, list[str]] = {}
        for source in sources:
            name = stem_of(source).rpartition("/")[2]
            if source not in found and name in wanted:
                sharp.setdefault(name, []).append(source)
                pairing.enter_sharp(source, source)
            elif source not in found:
                pairing.others.append(source)
        for source, match in found.items():
            pairing.enter_blurred(source, stem_of(source), _nearest(source, sharp.get(match["image"], ())))
        return pairing.listing()

    @classmethod
    def _couple(cls, blurred: str, sharp: tuple[str, ...]) -> Couple:
        match = cls._blurred.fullmatch(stem_of(blurred))
        assert match is not None
        return Couple(
            blurred, sharp, match["image"], role_of(blurred), "uniform" if int(match["size"]) else "real",
            match["kernel"], int(match["size"]),
        )  # fmt: skip


def _nearest(source: str, places: Sequence[str]) -> str:
    """The path that has most folders in common with `source`; itself, which is none, if there is no path.

    Raises
    ------
    InputError
        When several are equally near.
    """
    if not places:
        return source

    def common(place: str) -> int:
        both = zip(source.split("/")[:-1], place.split("/")[:-1], strict=False)
        return len(list(takewhile(lambda folders: folders[0] == folders[1], both)))

    best = max(map(common, places))
    nearest = [place for place in places if common(place) == best]
    if len(nearest) > 1:
        raise InputError(
            f"'{source}'", f"two images may be its sharp one: '{nearest[0]}' and '{nearest[1]}'",
            do="give the folder of one test set",
        )  # fmt: skip
    return nearest[0]


class Lai2016(Layout):
    """Synthetic blur of Lai et al. (CVPR 2016): ground_truth/ with images blurred by 4 kernels or 4 camera motions."""

    licence = "not stated; for research"
    shape = "ground_truth/IMAGE and FOLDER/IMAGE_{kernel|gyro}_NN"
    notes: ClassVar = {"kernels": "The kernels are not read. Their sizes are those of the publisher's list."}
    _blurred = re.compile(r"(?:.*/)?(?P<image>[^/]+_\d+)_(?P<kernel>(?P<how>kernel|gyro)_(?P<number>\d+))")
    _sharp = re.compile(r"(?:.*/)?ground_truth/(?P<image>[^/]+)")
    _sizes: ClassVar = {"01": 51, "02": 75, "03": 75, "04": 101}

    @classmethod
    def read(cls, root: Path, sources: Sequence[str]) -> Listing:
        """Pair by the name of the image; ``kernel`` is uniform blur and ``gyro`` camera motion."""
        pairing = Pairing(lambda key, blurred, sharp: cls._couple(blurred, sharp))
        for source in sources:
            blurred, sharp = (pattern.fullmatch(stem_of(source)) for pattern in (cls._blurred, cls._sharp))
            if blurred:
                pairing.enter_blurred(source, stem_of(source), blurred["image"])
            elif sharp:
                pairing.enter_sharp(source, sharp["image"])
            else:
                pairing.others.append(source)
        return pairing.listing()

    @classmethod
    def _couple(cls, blurred: str, sharp: tuple[str, ...]) -> Couple:
        match = cls._blurred.fullmatch(stem_of(blurred))
        assert match is not None
        uniform = match["how"] == "kernel"
        return Couple(
            blurred, sharp, match["image"], "test", "uniform" if uniform else "nonuniform", match["kernel"],
            cls._sizes.get(match["number"], 0) if uniform else 0,
        )  # fmt: skip


class Kohler2012(Layout):
    """Köhler et al. (ECCV 2012): 48 photographs of camera shake, each with some 200 sharp frames along the shake."""

    shape = "BlurryImages/BlurryI_K and GroundTruthI_K_N in folders of any name"
    notes: ClassVar = {
        "sharp": "The sharp image of a photograph is the frame along its shake that is nearest to it (least squared "
        "error). The benchmark aligns a restored image with every frame and takes the best value: recipe and protocol "
        "kohler2012 do so.",
        "frames": "Of image 1 under shake 3, frame 30 and those behind frame 198 are left out, as in the authors' "
        "evaluation code.",
    }
    _blurred = re.compile(r"(?:.*/)?Blurry(?P<image>\d+)_(?P<kernel>\d+)", re.IGNORECASE)
    _sharp = re.compile(r"(?:.*/)?GroundTruth(?P<image>\d+)_(?P<kernel>\d+)_(?P<frame>\d+)", re.IGNORECASE)

    @classmethod
    def read(cls, root: Path, sources: Sequence[str]) -> Listing:
        """Pair by the numbers of image and camera shake."""
        pairing = Pairing(lambda key, blurred, sharp: cls._couple(key, blurred, sharp), several=True)
        for source in sources:
            blurred, sharp = (pattern.fullmatch(stem_of(source)) for pattern in (cls._blurred, cls._sharp))
            found = blurred or sharp
            if not found:
                pairing.others.append(source)
                continue
            key = f"{int(found['image'])}_{int(found['kernel'])}"
            if blurred:
                pairing.enter_blurred(source, key)
            elif sharp and not (key == "1_3" and (int(sharp["frame"]) == 30 or int(sharp["frame"]) > 198)):
                pairing.enter_sharp(source, key)
        return pairing.listing()

    @classmethod
    def _couple(cls, key: str, blurred: str, sharp: tuple[str, ...]) -> Couple:
        image, _, shake = key.partition("_")
        return Couple(blurred, sharp, f"image{image}", kernel=f"shake{int(shake):02d}")
