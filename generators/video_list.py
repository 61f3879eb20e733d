"""Videos of a collection: files and folders of frames, in natural order, and whose face each shows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import SUFFIXES
from facedeblur.generators.names import check_text, image_ids

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".mts", ".m2ts", ".3gp", ".ogv"}
)
IDENTITIES = ("auto", "name", "parent")

# Folders of frames with these names say what is in them, not who; YouTube Faces numbers a person's videos.
_NOBODY = re.compile(r"\d{1,2}|sharp|frames?|images?|video", re.IGNORECASE)
# Beside a folder 'sharp' these hold what somebody has blurred already (GoPro, Ren 2019).
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
    """

    video_id: str
    source: str
    path: Path
    identity: str


def list_videos(root: str | Path, *, identity: str = "auto", skip: tuple[Path, ...] = ()) -> list[Video]:
    """Videos under `root`: a video file, a folder of frames, or a folder with any number of both.

    The layouts of YouTube Faces (``person/0/0.555.jpg``), Faces94 (``male/person/person.1.jpg``) and GoPro
    (``scene/sharp/000001.png`` beside ``scene/blur``, which is left out) are such folders.

    Parameters
    ----------
    root : path
    identity : {'auto', 'name', 'parent'}
        Whose face a video shows: its own name, its folder's, or ``auto``: its own unless that is one
        or two digits or a word like ``sharp`` or ``frames``.
    skip : tuple of Path
        Folders that are left out with all that is in them. Links to folders are followed, each folder once.

    Raises
    ------
    InputError
        When there is nothing at `root`, no video in it, a name is not UTF-8, or `identity` is not known.
    """
    root = Path(root)
    if identity not in IDENTITIES:
        raise InputError(f"identity '{identity}'", expected=", ".join(IDENTITIES), do="choose one")
    if not root.exists():
        raise InputError(str(root), expected="a video or a folder of videos", found="nothing there")
    if root.is_file():
        found = [root] if root.suffix.lower() in VIDEO_SUFFIXES else []
    else:
        seen = {path.resolve() for path in skip}
        found = sorted(_videos(root, seen), key=lambda path: natural(path.relative_to(root).as_posix()))
    if not found:
        kinds = " ".join(sorted(VIDEO_SUFFIXES))
        raise InputError(
            str(root), expected=f"videos ({kinds}) or folders of frames", found="none", do="give another folder"
        )
    base = root if root.is_dir() and found != [root] else root.parent
    sources = [path.relative_to(base).as_posix() for path in found]
    for source in sources:
        check_text(base, source)
    return [
        Video(name, source, path, _whose(path, identity))
        for path, source, name in zip(found, sources, image_ids(sources), strict=True)
    ]


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key in which numbers count as numbers: ``0.9.jpg`` stands before ``0.10.jpg``."""
    parts = re.split(r"(\d+)", text)
    return tuple((int(part), len(part), "") if part.isdecimal() else (-1, 0, part) for part in parts)


def frame_files(folder: Path) -> list[Path]:
    """The images of a folder of frames in natural order."""
    files = (path for path in folder.iterdir() if _counts(path, SUFFIXES))
    return sorted(files, key=lambda path: natural(path.name))


def fingerprint(video: Video) -> str:
    """sha256 (hex) of a video's file, or of its frames' names and files."""
    digest = hashlib.sha256()
    for path in frame_files(video.path) if video.path.is_dir() else [video.path]:
        if path is not video.path:
            digest.update(f"{path.name}\0{path.stat().st_size}\n".encode())
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _videos(folder: Path, seen: set[Path]) -> Iterator[Path]:
    seen.add(folder.resolve())
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    yield from (path for path in entries if _counts(path, VIDEO_SUFFIXES))
    if any(_counts(path, SUFFIXES) for path in entries):
        yield folder
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
