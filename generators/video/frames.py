"""Makes a set from videos: consecutive frames are averaged to a blurred image, the middle one is the sharp image.

Anand et al. (Motion Deblurring of Faces) and Nah et al. (CVPR 2017, GoPro) make motion blur like this. What the
former leave open is an option here, and all measurements are recorded: see `FrameSpec`.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.images import pixel_hash, read_png, write_png
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.schema import conform, read_json_lines, reading
from facedeblur.benchmark.files.stores import STORES, write_pixels
from facedeblur.benchmark.files.tables import from_json, write_rows
from facedeblur.benchmark.options import checked, one_of
from facedeblur.benchmark.parallel import ALL, Workers, imap
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.sets.set import Image, Pair, Set, building
from facedeblur.benchmark.sets.writer import SetWriter, is_built
from facedeblur.generators.align.geometry import write_transform
from facedeblur.generators.photos.splits import role_of
from facedeblur.generators.video.faces import Crew, Exposure
from facedeblur.generators.video.reader import Footage, Video, fingerprint, list_videos
from facedeblur.generators.video.response import Response
from facedeblur.generators.video.spec import FrameSpec
from facedeblur.generators.video.windows import (
    IDENTICAL,
    OK,
    TOO_SHORT,
    Window,
    fault,
    repetition,
    sequence,
    shots,
    windows,
)

PACKAGES = {"facedeblur": "facedeblur", "numpy": "numpy", "opencv-python": "cv2", "av": "av"}
# Part of every key: raise it when the same video would give another set.
VERSION = 3

ASSUMPTIONS = {
    "gamma": "Anand et al. average the coded values; Nah et al. (GoPro) average light, gamma 2.2.",
    "length": "Anand et al. average all frames of a sequence (length 'all'), Nah et al. 7 to 13.",
    "middle": "Of an even number the later of the two frames in the middle is the sharp one; not stated.",
    "min_difference": "'Each frame should differ by at least one-pixel value' is taken as: of two neighbouring frames "
    "some sample differs by at least so many grey levels.",
    "min_motion": "'There should be a motion flow in the whole set of frames' is taken as: half of the frames lie at "
    "least so many pixels from the middle one, by the median optical flow of the face.",
    "min_overlap": "'The first and last frames should contain an overlap' is taken of the face's boxes.",
    "repeat": "Neighbours that differ by under this share of the median of the other steps are one frame shown twice.",
    "max_cut": "A shot ends where the correlation of 32x32 thumbnails falls by more, and by over 4 times the median of "
    "the other steps.",
}


@checked
def frames(
    videos: str | Path,
    out: str | Path,
    spec: FrameSpec = FrameSpec(),
    *,
    name: str = "",
    licence: str = "",
    store: str = "png",
    seed: int = 0,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
    record: Mapping[str, Any] | None = None,
) -> Set:
    """Make a set of averaged frames from videos.

    Every window of frames that passes the checks gives one pair with its own sharp image; with length ``all`` a video
    or, where it is divided at its cuts, a shot is one window. Windows that do not pass
    are listed in ``images.csv`` and, with all measures, in ``windows.csv`` with their reason; ``set.json``
    counts the reasons (``rejected``) and says of every video what was found (``videos``). Call it again to resume an
    interrupted run; a finished one is opened.

    Parameters
    ----------
    videos : path
        Video file, folder of frames, or a folder of such; see `reader.list_videos`.
    out : path
        Folder of the set. A response curve given as `FrameSpec.crf` is kept in it as ``response.csv``.
    spec : FrameSpec
        How frames become pairs: how many are averaged, in which light, what is cut out, what is left out. Videos
        of 240 frames per second usually take 7 to 13 frames, those of 25 or 30 take fewer.
    name : str
        What the set is called in every table; ``frames-11`` for 11 frames where it is not given.
    licence : str
        Licence of the videos, for the record.
    store : {'png', 'npy'}
        One PNG per picture, or one array for all.
    seed : int
        Determines which identities are used for training, with `AveragingSpec.train_share`; nothing else is random.
    workers : Workers or int
        Where to compute, one task per video.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets it instead.
    record : mapping, optional
        Fields of ``set.json`` that replace those of this function: name, title, recipe, assumptions.

    Returns
    -------
    Set

    Raises
    ------
    InputError
        When an option, the videos or `out` cannot be used, or no window at all can.
    """
    spec.check()
    one_of("store", store, STORES)
    out = Path(out)
    workspace = out.with_name(out.name + ".windows")
    with only_writer(out, working=(building(out), workspace)):
        found = list_videos(videos, identity=spec.identity, skip=(out, workspace, building(out)))
        tasks = [VideoTask(video, spec, workspace, _key(video, spec, role), role)
                 for video, role in _with_roles(found, spec, seed, videos)]  # fmt: skip
        described = json.dumps([store, seed, name, record, *(task.key for task in tasks)])
        inputs = hashlib.sha256(described.encode()).hexdigest()
        if is_built(out, "inputs", inputs, other="a set made from other videos or options"):
            shutil.rmtree(workspace, ignore_errors=True)  # of a command that was killed at its end
            return Set.open(out)
        journals = []
        with reporting(progress) as reporter:
            for journal in imap(make_windows, tasks, workers):
                journals.append(journal)
                reporter.progress("videos", len(journals), len(tasks))
        reports, images, rows = _read(journals)
        rejected = Counter(image.status for image in images if not image.ok)
        if not any(image.ok for image in images):
            shutil.rmtree(workspace)
            raise InputError(
                str(videos), f"no window of frames can be averaged ({_reasons(rejected, images)})",
                do="give other videos or options",
            )  # fmt: skip
        info: dict[str, Any] = {
            "name": name or f"frames-{spec.length}",
            "title": f"Means of {spec.length} frames" + (f", {spec.template}, {spec.face}" if not spec.whole else ""),
            "recipe": spec.text(),
            "seed": seed,
            "assumptions": [{"key": f"frames.{key}", "text": text} for key, text in ASSUMPTIONS.items()],
            "sources": [{"folder": Path(videos).resolve().name, "licence": licence or "not stated"}],
            "packages": {name: version(name) for name, module in PACKAGES.items() if find_spec(module)},
            "inputs": inputs,
            "rejected": dict(rejected.most_common()),
            "videos": [asdict(report) for report in reports],
            **(record or {}),
        }
        writer = SetWriter(out, info, store=store)
        done = set(writer.start(images, lambda image: read_png(inside(workspace, image.sharp)), None, n_kernels=1))
        write_rows(writer.work / "windows.csv", WindowRow, rows)
        if spec.crf:
            light = spec.response().light
            lines = (",".join(repr(float(number)) for number in row) for row in light)
            (writer.work / "response.csv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
        for rank, entry in enumerate(entry for entry in _entries(journals) if entry.image.ok):
            if entry.image.image_id not in done:
                writer.append([_write_pair(writer, workspace, entry, rank, spec, seed)])
        finished = writer.finish()
        shutil.rmtree(workspace)
        return finished


def _write_pair(writer: SetWriter, workspace: Path, entry: WindowEntry, rank: int, spec: FrameSpec, seed: int) -> Pair:
    image = entry.image
    pair_id = f"{image.image_id}_L{entry.window.frames}"
    pair = Pair(
        index=rank,
        pair_id=pair_id,
        image_id=image.image_id,
        kernel_id="",
        kernel_size=0,
        blur_kind="frames",
        border="frames",
        noise_sigma=0.0,
        gamma=spec.gamma,
        seed=seed,
        sharp=image.sharp,
        blur=f"blur/{pair_id}.png",
        sha256=entry.blurred,
    )
    pixels = read_png(inside(workspace, f"blur/{image.image_id}.png"))
    write_pixels(writer.work, pair.blur, rank, pixels, store=writer.store)
    return pair


def _with_roles(found: Sequence[Video], spec: FrameSpec, seed: int, videos: str | Path) -> list[tuple[Video, str]]:
    """The videos that are used, each with the role of its rows."""
    if not spec.train_share:
        return [(video, spec.role) for video in found]
    roles = [role_of(video.identity, seed=seed, test_share=1 - spec.train_share) for video in found]
    kept = [(video, role) for video, role in zip(found, roles, strict=True) if spec.role in ("", role)]
    if not any(not video.problem for video, _ in kept):
        people = len({video.identity for video in found})
        raise InputError(
            str(videos), f"no identity is left for {spec.role} (split of {people} identities, seed {seed})",
            do="give more people, another seed or another share",
        )  # fmt: skip
    return kept


def _key(video: Video, spec: FrameSpec, role: str) -> str:
    """Everything that the windows of a video depend on: its bytes, name, identity and role, the options, the camera."""
    camera = hashlib.sha256(spec.response().light.tobytes()).hexdigest()
    about = [video.video_id, video.source, video.identity, role, fingerprint(video)]
    return json.dumps([VERSION, *about, camera, spec.text()])


def _entries(journals: Sequence[Path]) -> Iterator[WindowEntry]:
    for journal in journals:
        yield from (entry for entry in read_journal(journal) if isinstance(entry, WindowEntry))


def _read(journals: Sequence[Path]) -> tuple[list[VideoReport], list[Image], list[WindowRow]]:
    reports: list[VideoReport] = []
    images: list[Image] = []
    rows: list[WindowRow] = []
    for journal in journals:
        for found in read_journal(journal):
            if isinstance(found, WindowEntry):
                images.append(found.image)
                rows.append(found.window)
            else:
                reports.append(found)
    return reports, images, rows


def _reasons(rejected: Counter[str], images: Sequence[Image]) -> str:
    """The statuses with their counts, and the first note of a lone reason."""
    told = ", ".join(f"{status} {count:,}" for status, count in rejected.most_common())
    return f"{told} ({images[0].note})" if len(rejected) == 1 and images[0].note else told


UNREADABLE = "unreadable"
NOT_A_VIDEO = "not a video"


@dataclass(frozen=True)
class WindowRow:
    """A row of ``windows.csv``: the measurements of one window of frames.

    Attributes
    ----------
    image_id, video : str
        The row of ``images.csv``, and the video's path in the collection.
    first, last, frames : int
        Frame numbers from 0, -1 for a video without frames; number of frames in the window, repeated ones left out.
    status : str
        ``ok``, or the reason why there is no pair.
    time, interval : float
        Time of the middle frame and median time between frames, in seconds; NaN if the video has no time stamps.
    difference : int
        Smallest, over the steps, of the largest difference of a sample, in grey levels; -1 if not measured.
    repeat, ncc : float
        See `windows.repetition`; smallest correlation of a step.
    slowest, travel, motion, overlap : float
        See `faces.Exposure`.
    """

    image_id: str
    video: str
    first: int
    last: int
    frames: int
    status: str
    time: float = math.nan
    interval: float = math.nan
    difference: int = -1
    repeat: float = math.nan
    ncc: float = math.nan
    slowest: float = math.nan
    travel: float = math.nan
    motion: float = math.nan
    overlap: float = math.nan


@dataclass(frozen=True)
class VideoReport:
    """Result for one video, recorded in ``set.json``."""

    video: str
    identity: str
    frames: int
    note: str
    windows: dict[str, int]


@dataclass(frozen=True)
class WindowEntry:
    """One window: its rows and the hash of the blurred pixels, empty if absent."""

    image: Image
    window: WindowRow
    blurred: str


@dataclass(frozen=True)
class VideoTask:
    """A video to process; `key` states everything that the result depends on."""

    video: Video
    spec: FrameSpec
    folder: Path
    key: str
    role: str


def make_windows(task: VideoTask) -> Path:
    """Average every window of a video and return its journal; a finished one is returned at once.

    Crops go to ``folder/sharp`` and ``folder/blur``. Only one window is in memory.
    """
    journal = task.folder / "journal" / f"{task.video.video_id}.jsonl"
    if _key_of(journal) == task.key:
        return journal
    footage = Footage(task.video.path, reader=task.spec.reader)
    counts: Counter[str] = Counter()
    with replacing(journal) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(json.dumps({"key": task.key}) + "\n")
        for entry in _window_entries(task, footage):
            counts[entry.image.status] += 1
            stream.write(json.dumps([asdict(entry.image), asdict(entry.window), entry.blurred]) + "\n")
        report = VideoReport(task.video.source, task.video.identity, footage.frames, footage.note, dict(counts))
        stream.write(json.dumps(asdict(report)) + "\n")
    return journal


def read_journal(path: Path) -> Iterator[WindowEntry | VideoReport]:
    """Yield the entries of a journal, and the report on the video at the end."""
    do = "remove it and run again"
    for place, found in enumerate(read_json_lines(path, dict[str, Any] | list[Any], "windows of a video", do=do)):
        with reading(f"{path} line {place + 1}", "windows of a video", do=do):
            if isinstance(found, list):
                image, window, blurred = found
                yield WindowEntry(from_json(image, Image), from_json(window, WindowRow), blurred)
            elif place:
                yield conform(found, VideoReport, f"{path} line {place + 1}", "the report on a video", do=do)


def _key_of(journal: Path) -> str:
    try:
        return str(next(read_json_lines(journal, dict[str, str], "the key of a video"))["key"])
    except (InputError, StopIteration, KeyError):
        return ""


def _window_entries(task: VideoTask, footage: Footage) -> Iterator[WindowEntry]:
    if task.video.problem:
        yield _nothing(task, NOT_A_VIDEO, task.video.problem)
        return
    spec, crew, camera, any_window = task.spec, Crew(task.spec), task.spec.response(), False
    try:
        for window in _windows(footage, spec):
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
        found = f"{footage.frames} frames, {spec.frames or 'at least 2'} are averaged"
        yield _nothing(task, TOO_SHORT, "; ".join(part for part in (found, footage.note) if part))


def _windows(footage: Footage, spec: FrameSpec) -> Iterator[Window]:
    if spec.frames:
        yield from windows(footage, length=spec.frames, stride=spec.stride, middle=spec.middle)
        return
    # Its counts are those of the first reading; the others are of footage of their own.
    readings = chain([footage], (Footage(footage.path, reader=footage.reader) for _ in repeat(None)))
    whole = sequence(lambda: next(readings), middle=spec.middle)
    if whole is not None:
        yield from shots(whole, max_cut=spec.max_cut, middle=spec.middle) if spec.cuts == "split" else [whole]


def _entry(task: VideoTask, window: Window, crew: Crew, camera: Response) -> WindowEntry:
    spec, video = task.spec, task.video
    first, last = window.frames[0].index, window.frames[-1].index
    image_id = f"{video.video_id}_{first:06d}"
    drop = spec.repeated == "drop"
    status, note = fault(
        window,
        min_difference=0 if drop else spec.min_difference,
        repeat=0.0 if drop else spec.repeat,
        max_cut=spec.max_cut,
        max_jitter=spec.max_jitter,
    )
    if status == OK and drop:
        kept = window.without_repeats(
            min_difference=spec.min_difference, repeat=spec.repeat, middle=spec.middle
        )  # fmt: skip
        if kept.steps:
            window = kept
        else:
            status, note = IDENTICAL, f"all {len(window.frames)} of them"
    exposure = crew.expose(window, camera) if status == OK else Exposure(status, note)
    left_out = f"{window.repeats} repeated frames left out" * bool(window.repeats)
    sharp = blurred = ""
    width = height = 0
    crop, mean = exposure.sharp, exposure.blurred
    if crop is not None and mean is not None:
        write_png(task.folder / "sharp" / f"{image_id}.png", crop)
        write_png(task.folder / "blur" / f"{image_id}.png", mean)
        sharp, blurred, (height, width) = pixel_hash(crop), pixel_hash(mean), crop.shape[:2]
    image = Image(
        image_id=image_id,
        identity=video.identity,
        role=task.role,
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
        note="; ".join(part for part in (exposure.note, left_out) if part),
    )
    row = WindowRow(
        image_id,
        video.source,
        first,
        last,
        len(window.frames),
        exposure.status,
        time=window.middle.time,
        interval=window.interval,
        difference=min((step.greatest for step in window.steps), default=-1),
        repeat=repetition(window.steps),
        ncc=min((step.ncc for step in window.steps), default=math.nan),
        slowest=exposure.slowest,
        travel=exposure.travel,
        motion=exposure.motion,
        overlap=exposure.overlap,
    )
    return WindowEntry(image, row, blurred)


def _nothing(task: VideoTask, status: str, note: str) -> WindowEntry:
    """The row of a video without a window."""
    video = task.video
    image = Image(
        video.video_id, video.identity, task.role, status, -1, video.source, "", 0.0, 0, "", 0, 0, "", note
    )  # fmt: skip
    return WindowEntry(image, WindowRow(video.video_id, video.source, -1, -1, 0, status), "")
