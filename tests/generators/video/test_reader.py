"""Videos: every frame, upright, in order, with its time; what is broken is said."""

from __future__ import annotations

import math
import os
import tracemalloc
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.generators.video.reader import Footage, fingerprint, list_videos, natural
from facedeblur.generators.video.windows import windows

av = pytest.importorskip("av", reason="videos need package av")


def write_video(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    rate: int = 25,
    milliseconds: Sequence[int] | None = None,
    turn: tuple[int, bool] | None = None,
    **options: str,
) -> Path:
    """Encode RGB frames without loss (unless options say otherwise), the index in front of the pictures."""
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream("libx264rgb", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "rgb24", {"preset": "ultrafast", "qp": "0"} | options
        if turn:
            stream.set_display_rotation(turn[0], hflip=turn[1])
        for at, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            if milliseconds:
                frame.pts, frame.time_base = milliseconds[at], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def pan(portrait: np.ndarray, n: int, *, step: int = 3) -> list[np.ndarray]:
    """A 96x128 view that moves to the right."""
    return [portrait[60:156, 60 + step * k : 188 + step * k] for k in range(n)]


@pytest.mark.parametrize("reader", ["av", "cv2"])
def test_every_frame_in_order_with_its_time(tmp_path: Path, portrait: np.ndarray, reader: str) -> None:
    wanted = pan(portrait, 30)
    footage = Footage(write_video(tmp_path / "pan.mp4", wanted), reader=reader)
    found = list(footage)
    assert [frame.index for frame in found] == list(range(30)) and footage.announced == 30
    for frame, pixels in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(frame.pixels, pixels)
    np.testing.assert_allclose([frame.time for frame in found], np.arange(30) / 25, atol=1e-3)
    note = {"av": "", "cv2": "OpenCV does not tell interlaced frames"}[reader]
    assert not footage.variable and footage.note == note


def test_clock_in_milliseconds_is_not_a_variable_rate(tmp_path: Path, portrait: np.ndarray) -> None:
    # 30 frames a second on Matroska's clock: 33, 33, 34 ms.
    footage = Footage(write_video(tmp_path / "pan.mkv", pan(portrait, 12), rate=30))
    assert len(list(footage)) == 12 and footage.gaps[1] - footage.gaps[0] > 5e-4
    assert not footage.variable


def test_variable_rate_is_reported(tmp_path: Path, portrait: np.ndarray) -> None:
    times = [0, 40, 80, 120, 200, 240]
    footage = Footage(write_video(tmp_path / "pan.mkv", pan(portrait, 6), milliseconds=times))
    np.testing.assert_allclose([frame.time for frame in footage], np.array(times) / 1e3, atol=1e-6)
    assert footage.variable and footage.note == "variable frame rate, 40.0 to 80.0 ms a frame"


@pytest.mark.parametrize("angle", [90, 180, -90])
def test_turned_as_the_container_says(tmp_path: Path, portrait: np.ndarray, angle: int) -> None:
    lying = pan(portrait, 3)
    path = write_video(tmp_path / "turned.mp4", lying, turn=(angle, False))
    footage = Footage(path)
    found = [frame.pixels for frame in footage]
    # The angle is counter-clockwise, as is numpy's.
    np.testing.assert_array_equal(found, [np.rot90(one, angle // 90) for one in lying])
    np.testing.assert_array_equal(found, [frame.pixels for frame in Footage(path, reader="cv2")])
    assert footage.note == "turned as the video says"


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_mirrored_as_the_container_says(tmp_path: Path, portrait: np.ndarray, angle: int) -> None:
    stored = pan(portrait, 1)
    path = write_video(tmp_path / "mirrored.mp4", stored, turn=(angle, True))
    (frame,) = Footage(path)
    assert frame.pixels is not None
    np.testing.assert_array_equal(frame.pixels, np.rot90(stored[0], angle // 90)[:, ::-1])


def test_truncated_file_gives_what_is_there(tmp_path: Path, portrait: np.ndarray) -> None:
    wanted = pan(portrait, 40)
    whole = write_video(tmp_path / "whole.mp4", wanted, g="5")
    half = tmp_path / "half.mp4"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    footage = Footage(half)
    found = list(footage)
    assert 5 < len(found) < 40
    np.testing.assert_array_equal([frame.pixels for frame in found], wanted[: len(found)])
    assert f"{len(found)} of 40 announced frames" in footage.note


def test_damage_reaches_to_the_next_key_frame(tmp_path: Path, portrait: np.ndarray) -> None:
    wanted = pan(portrait, 40)
    path = write_video(tmp_path / "whole.mp4", wanted, g="10")
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    start, size = packets[13]
    data[start : start + size] = bytes([255]) * size
    (tmp_path / "damaged.mp4").write_bytes(data)
    footage = Footage(tmp_path / "damaged.mp4")
    found = {round(frame.time * 25): frame.pixels for frame in footage if frame.pixels is not None}
    assert sorted(found) == [*range(13), *range(20, 40)]
    for at, pixels in found.items():
        np.testing.assert_array_equal(pixels, wanted[at])
    assert footage.damaged + footage.lost == 7 and "7 damaged frames" in footage.note


def test_what_is_no_video_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    with wave.open(str(tmp_path / "sound.mp4"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    for name, why in (("text", "Invalid data"), ("empty", "Invalid data"), ("sound", "it has no pictures")):
        with pytest.raises(InputError, match=f"{name}.mp4: not a readable video .*{why}"):
            list(Footage(tmp_path / f"{name}.mp4"))
    with pytest.raises(InputError, match="OpenCV cannot open it"):
        list(Footage(tmp_path / "text.mp4", reader="cv2"))
    with pytest.raises(InputError, match="reader 'ffmpeg': expected one of av, cv2"):
        Footage(tmp_path / "text.mp4", reader="ffmpeg")


def test_folder_of_frames_in_natural_order(tmp_path: Path, portrait: np.ndarray) -> None:
    wanted = pan(portrait, 12)
    for at, pixels in enumerate(wanted):
        write_png(tmp_path / f"0.{at + 1}.png", pixels)
    (tmp_path / "0.3.png").write_bytes(b"not a picture")
    footage = Footage(tmp_path)
    found = list(footage)
    assert found[2].pixels is None and found[2].problem.startswith("0.3.png: not an image but a text file")
    assert all(math.isnan(frame.time) for frame in found)
    for frame, pixels in zip(found[3:], wanted[3:], strict=True):
        np.testing.assert_array_equal(frame.pixels, pixels)
    assert footage.note == "1 damaged frames" and not footage.variable
    assert sorted(["a10", "a9", "a09", "b"], key=natural) == ["a9", "a09", "a10", "b"]


def test_published_layouts(tmp_path: Path, portrait: np.ndarray) -> None:
    small = portrait[:16, :16]
    for name in (
        "ytf/Aaron_Eckhart/0/0.555.png", "ytf/Aaron_Eckhart/1/1.12.png", "ytf/Zoe/0/0.1.png",
        "faces94/male/9336923/9336923.1.png", "faces94/female/asamma/asamma.2.png",
        "gopro/GOPR0372_07_00/sharp/000001.png", "gopro/GOPR0372_07_00/blur/000001.png",
        "gopro/GOPR0372_07_00/blur_gamma/000001.png", "mixed/.hidden/1.png", "mixed/made.building/1.png",
    ):  # fmt: skip
        write_png(tmp_path / name, small)
    (tmp_path / "mixed" / "d10.mp4").touch()
    (tmp_path / "mixed" / "d9.MOV").touch()
    (tmp_path / "mixed" / "notes.txt").touch()

    def found(name: str, **options: object) -> list[tuple[str, str]]:
        return [(v.source, v.identity) for v in list_videos(tmp_path / name, **options) if not v.problem]  # type: ignore[arg-type]

    assert found("ytf") == [
        ("Aaron_Eckhart/0", "Aaron_Eckhart"), ("Aaron_Eckhart/1", "Aaron_Eckhart"), ("Zoe/0", "Zoe")
    ]  # fmt: skip
    assert found("faces94") == [("female/asamma", "asamma"), ("male/9336923", "9336923")]
    assert found("gopro") == [("GOPR0372_07_00/sharp", "GOPR0372_07_00")]
    assert found("gopro/GOPR0372_07_00/sharp") == [("sharp", "GOPR0372_07_00")]
    assert found("mixed", skip=(tmp_path / "mixed" / "made.building",)) == [("d9.MOV", "d9"), ("d10.mp4", "d10")]
    assert found("mixed/d10.mp4", identity="parent") == [("d10.mp4", "mixed")]
    assert found("ytf/Zoe", identity="name") == [("0", "0")]
    ids = [video.video_id for video in list_videos(tmp_path) if not video.problem]
    assert len(set(ids)) == len(ids) == 9
    (tmp_path / "ytf" / "Zoe" / "again").symlink_to(tmp_path / "ytf")
    assert len(found("ytf")) == 3
    with pytest.raises(InputError, match=r"no videos \(.*mp4.*\) and no folders of frames"):
        list_videos(tmp_path / "mixed" / "notes.txt")
    with pytest.raises(InputError, match="not found"):
        list_videos(tmp_path / "absent")
    with pytest.raises(InputError, match="identity 'mother'"):
        list_videos(tmp_path, identity="mother")


def test_fingerprint_sees_every_byte(tmp_path: Path, portrait: np.ndarray) -> None:
    for name in ("1.png", "2.png"):
        write_png(tmp_path / "clip" / name, portrait[:32, :32])
    (video,) = list_videos(tmp_path)
    before = fingerprint(video)
    assert before == fingerprint(video)
    (tmp_path / "clip" / "2.png").rename(tmp_path / "clip" / "0.png")
    renamed = fingerprint(video)
    write_png(tmp_path / "clip" / "1.png", portrait[1:33, :32])
    assert len({before, renamed, fingerprint(video)}) == 3


def test_memory_does_not_grow_with_the_video(tmp_path: Path, portrait: np.ndarray) -> None:
    def once(path: Path, n: int) -> int:
        tracemalloc.start()
        try:
            count = sum(1 for _ in windows(Footage(path), length=7, stride=1))
            assert count == n - 6
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def peak(n: int) -> int:
        frames = [np.roll(portrait[:192, :256], 2 * k, axis=1) for k in range(n)]
        path = write_video(tmp_path / f"{n}.mp4", frames, qp="30")
        del frames
        # Other threads of the test process are measured too, and now and then take something; not every time.
        return min(once(path, n) for _ in range(3))

    peak(10)
    frame = 192 * 256 * 3
    short, long = peak(40), peak(400)
    assert long < 1.05 * short + frame and long < 20 * frame


def test_real_clips_and_frames(shared_data: Path) -> None:
    clips = list_videos(shared_data / "videos")
    assert [clip.video_id for clip in clips[:3]] == ["d0", "d3", "d9"] and len(clips) == 9
    footage = Footage(clips[0].path)
    sizes = {frame.pixels.shape for frame in footage if frame.pixels is not None}
    assert (footage.frames, sizes, footage.note) == (78, {(512, 512, 3)}, "")
    (pair,) = list_videos(shared_data / "video_pairs_ren19")
    assert (pair.source, pair.identity) == ("vd001/sharp", "vd001")
    found = [frame.pixels for frame in Footage(pair.path) if frame.pixels is not None]
    assert len(found) == 25 and {one.shape for one in found} == {(311, 271, 3)}


def write_disc(file: Path, *, ratio: Fraction | None = None, interlaced: bool = False) -> None:
    """A moving disc of 80 pixels that is round when it is shown, in 120 rows of 160 pixels."""
    av = pytest.importorskip("av")
    squeeze = float(ratio or 1)
    rows, columns = np.mgrid[:128, :160]
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        stream.options = {"crf": "2", "preset": "ultrafast"} | ({"x264-params": "tff=1"} if interlaced else {})
        if ratio:
            stream.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio = ratio
        for index in range(5):
            pixels = np.full((128, 160, 3), 60, np.uint8)
            pixels[((columns - 80 - index) * squeeze) ** 2 + (rows - 60) ** 2 < 40**2] = 220, 180, 150
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def disc_of(pixels: np.ndarray) -> tuple[int, int]:
    """Width and height of the disc."""
    inside = pixels[:, :, 0] > 140
    return int(inside.any(0).sum()), int(inside.any(1).sum())


@pytest.mark.parametrize("reader", ["av", "cv2"])
@pytest.mark.parametrize("ratio", [None, Fraction(16, 11), Fraction(8, 9)])
def test_pixels_that_are_not_square(tmp_path, reader, ratio):
    write_disc(tmp_path / "a.mp4", ratio=ratio)
    footage = Footage(tmp_path / "a.mp4", reader=reader)
    frames = [frame.pixels for frame in footage]
    assert len(frames) == 5 and footage.interlaced == 0
    size = {None: (128, 160), Fraction(16, 11): (128, 233), Fraction(8, 9): (144, 160)}[ratio]
    for pixels in frames:
        assert pixels is not None and pixels.shape[:2] == size
        width, height = disc_of(pixels)
        assert abs(width - height) <= 2 and height >= 76
    assert (f"pixels of {ratio.numerator}:{ratio.denominator}" if ratio else "") in footage.note
    assert ("interlaced" in footage.note) == (reader == "cv2")


def test_interlaced_frames_have_a_reason_instead_of_pixels(tmp_path):
    write_disc(tmp_path / "a.mp4", interlaced=True)
    footage = Footage(tmp_path / "a.mp4")
    assert {(frame.pixels is None, frame.problem) for frame in footage} == {(True, "interlaced")}
    assert footage.note.startswith("5 interlaced frames; remove interlacing: ffmpeg") and footage.damaged == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_video_is_listed_with_its_reason(tmp_path):
    folder = tmp_path / "videos"
    (folder / "frames").mkdir(parents=True)
    write_png(folder / "frames" / "1.png", np.zeros((20, 20, 3), np.uint8))
    (folder / "clip.mp4").write_bytes(b"no video, but called one")
    (folder / "clip.txt").write_text("notes")
    os.mkfifo(folder / "pipe.mp4")
    os.mkfifo(folder / "frames" / "2.png")
    (folder / "zero.mov").symlink_to("/dev/zero")
    (folder / "broken.mp4").symlink_to(tmp_path / "absent")
    found = list_videos(folder)
    assert [(video.video_id, video.problem) for video in found] == [
        ("clip", ""), ("frames", ""), ("broken", "a broken link, not a file"), ("clip-txt", "suffix '.txt'"),
        ("frames_2", "a pipe, not a file"), ("pipe", "a pipe, not a file"), ("zero", "a device, not a file"),
    ]  # fmt: skip
    assert all(fingerprint(video) for video in found)
    for name in ("pipe.mp4", "zero.mov"):
        for reader in ("av", "cv2"):
            with pytest.raises(InputError, match=r"found a (pipe|device)"):
                list(Footage(folder / name, reader=reader))
