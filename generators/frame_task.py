"""One video to averaged exposures in a folder, with a line of journal for each of its windows."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.sets.set import Image
from facedeblur.generators.frame_faces import Crew, Exposure
from facedeblur.generators.frame_spec import FrameSpec
from facedeblur.generators.motion import repetition
from facedeblur.generators.response import Response
from facedeblur.generators.transforms import write_transform
from facedeblur.generators.video import Footage
from facedeblur.generators.video_list import Video
from facedeblur.generators.windows import OK, Window, fault, windows

UNREADABLE = "unreadable"
TOO_SHORT = "too few frames"


@dataclass(frozen=True)
class WindowRow:
    """A row of ``windows.csv``: what was measured of one run of frames.

    Attributes
    ----------
    image_id, video : str
        The row of ``images.csv``, and the video's path in the collection.
    first, last : int
        Frames, from 0; -1 for a video that gave none.
    status : str
        ``ok`` or the reason why there is no pair.
    time, interval : float
        Time of the middle frame and usual time between frames, in seconds; NaN where the video has no clock.
    difference : int
        Least over the steps of the greatest difference of a sample, in grey levels; -1 where not measured.
    repeat, ncc : float
        See `motion.repetition`; least correlation of a step.
    slowest, travel, overlap : float
        See `frame_faces.Exposure`.
    """

    image_id: str
    video: str
    first: int
    last: int
    status: str
    time: float = math.nan
    interval: float = math.nan
    difference: int = -1
    repeat: float = math.nan
    ncc: float = math.nan
    slowest: float = math.nan
    travel: float = math.nan
    overlap: float = math.nan


@dataclass(frozen=True)
class VideoReport:
    """What became of one video; goes into ``set.json``."""

    video: str
    identity: str
    frames: int
    note: str
    windows: dict[str, int]


@dataclass(frozen=True)
class Entry:
    """One window: its rows, and the hash of the blurred pixels, empty where there are none."""

    image: Image
    window: WindowRow
    blurred: str


@dataclass(frozen=True)
class VideoTask:
    """A video to work through; `key` says what the result depends on."""

    video: Video
    spec: FrameSpec
    folder: Path
    key: str


def make_windows(task: VideoTask) -> Path:
    """Average every window of a video; return the journal, at once where it is there already.

    Crops go to ``folder/sharp`` and ``folder/blur``. Only one window is in memory.
    """
    journal = task.folder / "journal" / f"{task.video.video_id}.jsonl"
    if _key_of(journal) == task.key:
        return journal
    footage = Footage(task.video.path, reader=task.spec.reader)
    counts: Counter[str] = Counter()
    with replacing(journal) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(json.dumps({"key": task.key}) + "\n")
        for entry in _entries(task, footage):
            counts[entry.image.status] += 1
            stream.write(json.dumps([asdict(entry.image), asdict(entry.window), entry.blurred]) + "\n")
        report = VideoReport(task.video.source, task.video.identity, footage.frames, footage.note, dict(counts))
        stream.write(json.dumps(asdict(report)) + "\n")
    return journal


def read_journal(path: Path) -> Iterator[Entry | VideoReport]:
    """Yield a journal's entries one at a time, and the video's report at the end."""
    with path.open(encoding="utf-8") as stream:
        next(stream)
        for line in stream:
            found = json.loads(line)
            if isinstance(found, dict):
                yield VideoReport(**found)
            else:
                image, window, blurred = found
                yield Entry(Image(**image), WindowRow(**window), blurred)


def _key_of(journal: Path) -> str:
    try:
        with journal.open(encoding="utf-8") as stream:
            return str(json.loads(next(stream))["key"])
    except (FileNotFoundError, StopIteration, ValueError, KeyError):
        return ""


def _entries(task: VideoTask, footage: Footage) -> Iterator[Entry]:
    spec, crew, camera, any_window = task.spec, Crew(task.spec), task.spec.response(), False
    try:
        for window in windows(footage, length=spec.length, stride=spec.stride):
            any_window = True
            yield _entry(task, window, crew, camera)
    except InputError as error:
        if footage.frames:
            raise
        yield _nothing(task, UNREADABLE, str(error).replace(str(task.video.path), task.video.path.name))
        return
    if not footage.frames:
        yield _nothing(task, UNREADABLE, f"no frame in it; {footage.note}".rstrip("; "))
    elif not any_window:
        found = f"{footage.frames} frames, {spec.length} are averaged"
        yield _nothing(task, TOO_SHORT, "; ".join(part for part in (found, footage.note) if part))


def _entry(task: VideoTask, window: Window, crew: Crew, camera: Response) -> Entry:
    spec, video, middle = task.spec, task.video, window.middle
    first, last = window.frames[0].index, window.frames[-1].index
    image_id = f"{video.video_id}_{first:06d}"
    status, note = fault(window, repeat=spec.repeat, max_cut=spec.max_cut, max_jitter=spec.max_jitter)
    exposure = crew.expose(window) if status == OK else Exposure(status, note)
    sharp = blurred = ""
    width = height = 0
    if exposure.status == OK:
        crop, mean = exposure.crops[spec.length // 2], camera.mean(exposure.crops)
        write_png(task.folder / "sharp" / f"{image_id}.png", crop)
        write_png(task.folder / "blur" / f"{image_id}.png", mean)
        sharp, blurred, (height, width) = pixel_hash(crop), pixel_hash(mean), crop.shape[:2]
    image = Image(
        image_id=image_id,
        identity=video.identity,
        role=spec.role,
        status=exposure.status,
        n_faces=exposure.n_faces,
        source=f"{video.source}#{first}-{last}",
        transform=write_transform(exposure.transform),
        coverage=exposure.coverage if exposure.status == OK else 0.0,
        margin=0,
        label="",
        width=width,
        height=height,
        sha256=sharp,
        note=exposure.note,
    )
    row = WindowRow(
        image_id,
        video.source,
        first,
        last,
        exposure.status,
        time=middle.time,
        interval=window.interval,
        difference=min((step.greatest for step in window.steps), default=-1),
        repeat=repetition(window.steps),
        ncc=min((step.ncc for step in window.steps), default=math.nan),
        slowest=exposure.slowest,
        travel=exposure.travel,
        overlap=exposure.overlap,
    )
    return Entry(image, row, blurred)


def _nothing(task: VideoTask, status: str, note: str) -> Entry:
    """The row of a video without a window."""
    video = task.video
    image = Image(
        video.video_id, video.identity, task.spec.role, status, -1, video.source, "", 0.0, 0, "", 0, 0, "", note
    )  # fmt: skip
    return Entry(image, WindowRow(video.video_id, video.source, -1, -1, status), "")
