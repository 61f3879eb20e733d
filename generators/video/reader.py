"""Videos of a folder, and their frames one at a time: files through PyAV or OpenCV, folders of images.

Only one frame is in memory. Frames are upright, 8-bit RGB, with their time; a frame that cannot be decoded has no
pixels but a reason.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile, need
from facedeblur.benchmark.files.images import SUFFIXES, read_photo
from facedeblur.benchmark.files.paths import open_file, special_kind
from facedeblur.benchmark.options import one_of
from facedeblur.generators.photos.files import check_text, image_ids

READERS = ("av", "cv2")
INTERLACED = "interlaced"
DEINTERLACE = "ffmpeg -i IN -vf bwdif -crf 12 OUT"
MAX_ASPECT = 4
"""Pixels that are wider, or higher, than this many times the other side are an error of the file."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame.

    Attributes
    ----------
    index : int
        Number in the video, from 0, in order of display.
    pixels : np.ndarray, shape (H, W, 3), uint8 RGB, or None
        None if `problem` states why they are missing.
    time : float
        Seconds; NaN if the video has no time stamps.
    problem : str
    """

    index: int
    pixels: np.ndarray | None
    time: float = math.nan
    problem: str = ""


class Footage:
    """A video that is read once, from the beginning, by iterating over it.

    Parameters
    ----------
    path : path
        Video file, or folder of frames.
    reader : {'av', 'cv2'}
        Decoder of files. PyAV converts colours identically on every machine.

    Attributes
    ----------
    frames, damaged, lost : int
        Number of frames so far, of those without pixels, and of packets that gave no frame.
    announced : int
        Number of frames according to the container; 0 if unknown.
    interlaced : int
        Number of interlaced frames so far, which have no pixels: each shows two moments.
    turned : str
        What was done to make the frames upright; empty if nothing.
    reshaped : str
        What was done to make the pixels square; empty if nothing.
    gaps : tuple of two floats
        Shortest and longest time between two frames so far, in seconds; NaN if unknown.
    """

    def __init__(self, path: str | Path, *, reader: str = "av"):
        one_of("reader", reader, READERS)
        self.path, self.reader = Path(path), reader
        self.frames = self.damaged = self.lost = self.announced = self.interlaced = 0
        self.turned = self.reshaped = ""
        self.gaps = (math.nan, math.nan)
        self._tick = 0.0

    @property
    def variable(self) -> bool:
        """True if the time between frames varied by more than the rounding of the container's clock."""
        return self.gaps[1] - self.gaps[0] > 2 * self._tick + 0.01 * self.gaps[0]

    @property
    def note(self) -> str:
        """Remarks on the frames so far, in one line."""
        notes = [said for said in (self.turned, self.reshaped) if said]
        if self.variable:
            notes.append(f"variable frame rate, {1e3 * self.gaps[0]:.1f} to {1e3 * self.gaps[1]:.1f} ms a frame")
        if self.interlaced:
            notes.append(f"{self.interlaced} interlaced frames; remove interlacing: {DEINTERLACE}")
        if self.damaged or self.lost:
            notes.append(f"{self.damaged + self.lost} damaged frames")
        if self.frames < self.announced:
            notes.append(f"{self.frames} of {self.announced} announced frames")
        return "; ".join(notes)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order of display.

        Raises
        ------
        InputError
            When the file is not a video, or its decoder is not installed.
        """
        if self.path.is_dir():
            frames = self._folder()
        else:
            open_file(self.path).close()  # refuses what has no end
            frames = self._av() if self.reader == "av" else self._cv2()
        before = math.nan
        for pixels, time, problem in frames:
            gap = time - before
            if not math.isnan(gap):
                low, high = self.gaps
                self.gaps = (gap, gap) if math.isnan(low) else (min(low, gap), max(high, gap))
            before = time
            self.interlaced += problem == INTERLACED
            self.damaged += pixels is None and problem != INTERLACED
            self.frames += 1
            yield Frame(self.frames - 1, pixels, time, problem)

    def _folder(self) -> Iterator[tuple[np.ndarray | None, float, str]]:
        files = frame_files(self.path)
        self.announced = len(files)
        for file in files:
            try:
                yield read_photo(file).pixels, math.nan, ""
            except InputError as error:
                yield None, math.nan, str(error).replace(str(file), file.name)

    def _av(self) -> Iterator[tuple[np.ndarray | None, float, str]]:
        av: Any = need("av", "io")
        flags = av.video.reformatter.Interpolation
        # Without these flags the colours depend on the processor.
        exact = flags.BICUBIC | flags.FULL_CHR_H_INT | flags.ACCURATE_RND | flags.BITEXACT
        try:
            container = av.open(str(self.path))
        except (av.error.FFmpegError, ValueError) as error:
            raise self._unreadable(getattr(error, "strerror", None) or str(error)) from error
        with container:
            if not container.streams.video:
                raise self._unreadable("it has no pictures")
            stream = container.streams.video[0]
            self.announced, whole = stream.frames, True
            size = self._square(stream.sample_aspect_ratio, stream.width, stream.height)
            for packet in container.demux(stream):
                try:
                    decoded = packet.decode()
                except av.error.FFmpegError:
                    self.lost, whole = self.lost + 1, False  # visible as a gap between the times of the frames
                    continue
                for frame in decoded:
                    time = math.nan if frame.time is None else float(frame.time)
                    self._tick = float(frame.time_base or 0)
                    # What is predicted from a damaged frame is damaged too, up to the next key frame.
                    whole = not frame.is_corrupt and (whole or bool(frame.key_frame))
                    if not whole:
                        yield None, time, "damaged, or predicted from a damaged one"
                        continue
                    if frame.interlaced_frame:
                        yield None, time, INTERLACED
                        continue
                    shown = {} if size is None else {"width": size[0], "height": size[1]}
                    pixels = frame.to_ndarray(format="rgb24", interpolation=exact, threads=1, **shown)
                    yield self._upright(pixels, frame), time, ""

    def _square(self, ratio: Fraction | float | None, width: int, height: int) -> tuple[int, int] | None:
        """Width and height of the frames with square pixels; None if they are square or nothing is said.

        Frames are enlarged along one side, so that nothing is lost: a pixel of 16:11 makes them wider, one of 8:9
        higher.
        """
        if not ratio or ratio == 1:
            return None
        if not 1 / MAX_ASPECT <= ratio <= MAX_ASPECT:
            raise self._unreadable(f"pixels {float(ratio):.3g} times as wide as high")
        size = (round(width * ratio), height) if ratio > 1 else (width, round(height / ratio))
        named = Fraction(ratio).limit_denominator(1000)
        self.reshaped = f"pixels of {named.numerator}:{named.denominator}, resized to {size[0]}x{size[1]}"
        return size

    def _upright(self, pixels: np.ndarray, frame: Any) -> np.ndarray:
        """Apply the display matrix ``x' = a x + c y, y' = b x + d y`` if it maps axes to axes."""
        stored = [bytes(entry) for entry in frame.side_data if entry.type.name == "DISPLAYMATRIX"]
        if not stored:
            return pixels
        a, b, _, c, d = (float(number) for number in np.frombuffer(stored[0][:20], np.int32))
        if (a, b, c, d) == (65536, 0, 0, 65536):
            return pixels
        across = abs(b) > abs(a)
        if (a or d) if across else (b or c):
            self.turned = "display matrix of an odd angle, left out"
            return pixels
        self.turned = "turned as the video says"
        turned = pixels.transpose(1, 0, 2) if across else pixels
        flip_x, flip_y = ((c < 0), (b < 0)) if across else ((a < 0), (d < 0))
        return np.ascontiguousarray(turned[:: -1 if flip_y else 1, :: -1 if flip_x else 1])

    def _cv2(self) -> Iterator[tuple[np.ndarray | None, float, str]]:
        import cv2

        capture = cv2.VideoCapture(str(self.path))
        try:
            if not capture.isOpened():
                raise self._unreadable("OpenCV cannot open it")
            self.announced = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            self._tick = 1e-3
            across, down = (capture.get(name) for name in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
            ratio = across / down if across > 0 and down > 0 else 1.0
            sides = (int(capture.get(name)) for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            size = self._square(ratio, *sides)
            said = [self.reshaped, "OpenCV does not tell interlaced frames"]
            self.reshaped = "; ".join(part for part in said if part)
            while True:
                done, pixels = capture.read()
                if not done:
                    return
                pixels = pixels if size is None else cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
                yield pixels[:, :, ::-1].copy(), capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3, ""
        finally:
            capture.release()

    def _unreadable(self, found: str) -> InputError:
        return InputError(str(self.path), f"not a readable video ({found})", do="copy it again, or leave it out")


VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".mts", ".m2ts", ".3gp", ".ogv"}
)
IDENTITIES = ("auto", "name", "parent")

# Names of folders that do not name a person; YouTube Faces numbers the videos of a person.
_NOBODY = re.compile(r"\d{1,2}|sharp|frames?|images?|video", re.IGNORECASE)
# Next to a folder 'sharp' these contain blurred images (GoPro, Ren 2019).
_BLURRED = frozenset({"blur", "blur_gamma", "blurry", "blurred"})


@dataclass(frozen=True)
class Video:
    """One video: a file, or a folder whose images are its frames.

    Attributes
    ----------
    video_id : str
        Unique, safe as a file name.
    source : str
        Path relative to the collection, forward slashes.
    path : Path
    identity : str
    problem : str
        Why it is no video, from its name or kind; empty for what is to be opened.
    """

    video_id: str
    source: str
    path: Path
    identity: str
    problem: str = ""


def list_videos(root: str | Path, *, identity: str = "auto", skip: tuple[Path, ...] = ()) -> list[Video]:
    """Videos under `root`: a video file, a folder of frames, or a folder with any number of both.

    Other files are listed, too, at the end, each with its `problem`, so that none is left out in silence.

    The layouts of YouTube Faces (``person/0/0.555.jpg``), Faces94 (``male/person/person.1.jpg``) and GoPro
    (``scene/sharp/000001.png`` next to ``scene/blur``, which is omitted) are such folders.

    Parameters
    ----------
    root : path
    identity : {'auto', 'name', 'parent'}
        Where the identity comes from: the name of the video, of its folder, or ``auto``: of the video unless its
        name is one or two digits or a word like ``sharp`` or ``frames``.
    skip : tuple of Path
        Folders that are not searched. Links to folders are followed, each folder once.

    Raises
    ------
    InputError
        When `root` does not exist or holds no video, a name is not UTF-8, or `identity` is not valid.
    """
    root = Path(root)
    one_of("identity", identity, IDENTITIES)
    if not root.exists():
        raise MissingFile(root, expected="a video or a folder of videos", do="check the path")
    problems: dict[Path, str] = {}
    if not root.is_dir():
        found = [root] if root.suffix.lower() in VIDEO_SUFFIXES else []
    else:
        seen = {path.resolve() for path in skip}
        listed = sorted(_videos(root, seen), key=lambda item: natural(item[0].relative_to(root).as_posix()))
        found = [path for path, problem in listed if not problem]
        problems = {path: problem for path, problem in listed if problem}
    if not found:
        kinds = " ".join(sorted(VIDEO_SUFFIXES))
        raise InputError(str(root), f"no videos ({kinds}) and no folders of frames", do="give another folder")
    base = root if root.is_dir() and found != [root] else root.parent
    found += problems
    sources = [path.relative_to(base).as_posix() for path in found]
    for source in sources:
        check_text(base, source)
    return [
        Video(name, source, path, _whose(path, identity), problems.get(path, ""))
        for path, source, name in zip(found, sources, image_ids(sources), strict=True)
    ]


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that compares numbers as numbers: ``0.9.jpg`` comes before ``0.10.jpg``."""
    parts = re.split(r"(\d+)", text)
    return tuple((int(part), len(part), "") if part.isdecimal() else (-1, 0, part) for part in parts)


def frame_files(folder: Path) -> list[Path]:
    """The images of a folder of frames in natural order."""
    files = (path for path in folder.iterdir() if _counts(path, SUFFIXES))
    return sorted(files, key=lambda path: natural(path.name))


def fingerprint(video: Video) -> str:
    """sha256 (hex) of a video file, or of the names and files of its frames."""
    digest = hashlib.sha256(video.problem.encode())
    if video.problem:
        return digest.hexdigest()
    for path in frame_files(video.path) if video.path.is_dir() else [video.path]:
        if path is not video.path:
            digest.update(f"{path.name}\0{path.stat().st_size}\n".encode())
        with open_file(path) as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _videos(folder: Path, seen: set[Path]) -> Iterator[tuple[Path, str]]:
    """Yield videos and folders of frames, and every other file with the reason why it is neither."""
    seen.add(folder.resolve())
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if any(_counts(path, SUFFIXES) for path in entries):
        yield folder, ""
    for path in entries:
        kind = "" if path.is_dir() else special_kind(path)
        if kind:
            yield path, f"{kind}, not a file"
        elif _counts(path, VIDEO_SUFFIXES):
            yield path, ""
        elif path.is_file() and path.suffix.lower() not in SUFFIXES:
            yield path, f"suffix '{path.suffix}'"
    folders = [path for path in entries if path.is_dir()]
    pairs = any(path.name.lower() == "sharp" for path in folders)
    for path in folders:
        if path.resolve() not in seen and not (pairs and path.name.lower() in _BLURRED):
            yield from _videos(path, seen)


def _counts(path: Path, suffixes: frozenset[str]) -> bool:
    return path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()


def _whose(path: Path, identity: str) -> str:
    path = path.resolve()
    own = path.name if path.is_dir() else path.stem
    if identity == "name" or (identity == "auto" and not _NOBODY.fullmatch(own)):
        return own
    return path.parent.name or own
