"""Averaged frames: the literal mean, the constraints, the set, and everything that can be wrong with a video."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import Face
from facedeblur.benchmark.files.images import read_png, write_png
from facedeblur.benchmark.sets.check import check
from facedeblur.benchmark.sets.set import Set
from facedeblur.generators.align.geometry import warp
from facedeblur.generators.photos.splits import role_of
from facedeblur.generators.video import faces as frame_faces
from facedeblur.generators.video import frames as frame_task
from facedeblur.generators.video import frames as frames_module
from facedeblur.generators.video.faces import flow, iou, share_left
from facedeblur.generators.video.reader import Frame
from facedeblur.generators.video.response import Response
from facedeblur.generators.video.spec import FrameSpec
from facedeblur.generators.video.windows import FrameStep, fault, is_cut, repetition, sequence, windows

WHOLE = {"template": "none", "detector": "none", "workers": 1}


def frames(
    videos: Path, out: Path, *, workers: int = 1, store: str = "png", name: str = "", seed: int = 0, **spec: Any
) -> Set:
    return frames_module.frames(videos, out, FrameSpec(**spec), workers=workers, store=store, name=name, seed=seed)


PASS = {"min_difference": 1, "repeat": 0.1, "max_cut": 0.1, "max_jitter": 0.25}


def pan(portrait: np.ndarray, n: int, *, step: int = 3, left: int = 60) -> list[np.ndarray]:
    """A 96x128 view of the face that moves to the right by `step` pixels a frame."""
    return [portrait[60:156, left + step * k : left + 128 + step * k] for k in range(n)]


def write_frames(folder: Path, pictures: Sequence[np.ndarray]) -> Path:
    for at, pixels in enumerate(pictures):
        write_png(folder / f"{at + 1}.png", np.ascontiguousarray(pixels))
    return folder


def literal_mean(pictures: Sequence[np.ndarray], gamma: float) -> np.ndarray:
    """The formula, sample by sample."""
    light = np.mean([(one / 255.0) ** gamma for one in pictures], axis=0)
    return np.floor(255 * light ** (1 / gamma) + 0.5).astype(np.uint8)


def statuses(made: Set) -> dict[str, str]:
    return {image.source.partition("#")[2]: image.status for image in made.images.values()}


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_set_holds_the_literal_means(tmp_path: Path, portrait: np.ndarray, gamma: float) -> None:
    pictures = pan(portrait, 20)
    write_frames(tmp_path / "clips" / "collins", pictures)
    made = frames(tmp_path / "clips", tmp_path / "set", length=5, stride=4, gamma=gamma, **WHOLE)
    assert check(tmp_path / "set") == []
    pairs = list(made.pairs())
    assert [pair.image_id for pair in pairs] == [f"collins_{first:06d}" for first in (0, 4, 8, 12)]
    for pair, first in zip(pairs, (0, 4, 8, 12), strict=True):
        np.testing.assert_array_equal(made.blurred(pair), literal_mean(pictures[first : first + 5], gamma))
        np.testing.assert_array_equal(made.sharp(made.images[pair.image_id]), pictures[first + 2])
        assert (pair.kernel_id, pair.kernel_size, pair.blur_kind, pair.border) == ("", 0, "frames", "frames")
        assert (pair.noise_sigma, pair.gamma, pair.blur) == (0.0, gamma, f"blur/{pair.image_id}_L5.png")
    image = made.images[pairs[1].image_id]
    assert (image.identity, image.role, image.source) == ("collins", "test", "collins#4-8")
    with (tmp_path / "set" / "windows.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["status"] for row in rows] == ["ok"] * 4
    for row in rows:
        # Three pixels a frame to the left, four steps.
        assert float(row["travel"]) == pytest.approx(12, abs=1) and float(row["slowest"]) == pytest.approx(3, abs=0.3)
        assert float(row["overlap"]) == pytest.approx(1 - 12 / 128, abs=0.01)
    assert made.info["counts"]["pairs"] == 4 and made.info["rejected"] == {}
    assert made.info["videos"] == [
        {"video": "collins", "identity": "collins", "frames": 20, "note": "", "windows": {"ok": 4}}
    ]
    assert not (tmp_path / "set.windows").exists()


def test_response_curve_of_a_camera(tmp_path: Path) -> None:
    codes = np.arange(256) / 255
    curves = np.stack([codes**2.2 + 0.01 * codes, np.expm1(3 * codes), codes**1.8 + codes], axis=1)
    np.save(tmp_path / "curve.npy", curves)
    (tmp_path / "curve.csv").write_text("\n".join(",".join(map(repr, row.tolist())) for row in curves) + "\n")
    stack = np.random.default_rng(1).integers(0, 256, (7, 20, 30, 3), dtype=np.uint8)
    wanted = np.empty((20, 30, 3), np.uint8)
    for channel in range(3):
        light = np.mean([np.interp(one[..., channel], np.arange(256), curves[:, channel]) for one in stack], axis=0)
        wanted[..., channel] = np.floor(np.interp(light, curves[:, channel], np.arange(256)) + 0.5)
    for name in ("curve.npy", "curve.csv"):
        np.testing.assert_array_equal(Response.from_file(tmp_path / name).mean(list(stack)), wanted)
    (tmp_path / "grey.txt").write_text("\n".join(map(repr, codes.tolist())))
    np.testing.assert_array_equal(
        Response.from_file(tmp_path / "grey.txt").mean(list(stack)), Response.power(1.0).mean(list(stack))
    )


def test_constant_frames_keep_every_value() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for gamma in (1.0, 2.2, 0.45, 10.0):
        np.testing.assert_array_equal(Response.power(gamma).mean([ramp] * 11), ramp)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1\n2\n3\n", "expected 256 rows of 1 or 3 numbers, found 3x1 float64"),
        ("\n".join(["0.5"] * 256), "light must be finite and rise from row to row; row 1 does not"),
        ("\n".join([*map(str, range(255)), "nan"]), "light must be finite and rise from row to row; row 255 does not"),
        ("one\ntwo", "not 256 rows of 1 or 3 numbers .could not convert"),
        (None, r"not found \(expected a response curve\)"),
    ],
)
def test_curve_that_is_none_is_one_line(tmp_path: Path, text: str | None, line: str) -> None:
    if text is not None:
        (tmp_path / "curve.txt").write_text(text)
    with pytest.raises(InputError, match=line):
        Response.from_file(tmp_path / "curve.txt")


def test_curve_goes_into_the_set(tmp_path: Path, portrait: np.ndarray) -> None:
    write_frames(tmp_path / "collins", pan(portrait, 5))
    curve = np.linspace(0, 1, 256) ** 2
    np.save(tmp_path / "camera.npy", curve)
    made = frames(tmp_path / "collins", tmp_path / "set", length=5, crf=tmp_path / "camera.npy", **WHOLE)
    (pair,) = made.pairs()
    assert pair.gamma == 0.0
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "set" / "response.csv"), curve)
    again = Response.from_file(tmp_path / "set" / "response.csv")
    np.testing.assert_array_equal(made.blurred(pair), again.mean(pan(portrait, 5)))
    assert check(tmp_path / "set") == []


def test_cut_is_found_and_a_fast_pan_is_none(tmp_path: Path, portrait: np.ndarray) -> None:
    there = [portrait[300:396, 200 + 3 * k : 328 + 3 * k] for k in range(8)]
    write_frames(tmp_path / "cut", [*pan(portrait, 7), *there])
    made = frames(tmp_path / "cut", tmp_path / "a", length=5, stride=1, **WHOLE)
    # Frame 7 is the first of the second shot.
    wanted = {f"{k}-{k + 4}": "shot cut" if k < 7 <= k + 4 else "ok" for k in range(11)}
    assert statuses(made) == wanted and made.info["rejected"] == {"shot cut": 4}
    write_frames(tmp_path / "pan", pan(portrait, 9, step=16, left=20))
    fast = frames(tmp_path / "pan", tmp_path / "b", length=5, stride=1, **WHOLE)
    assert fast.info["rejected"] == {}
    assert is_cut([FrameStep(9, 9, 0.99), FrameStep(9, 9, 0.5), FrameStep(9, 9, 0.99)], 0.1)
    assert is_cut([FrameStep(9, 9, 0.5), FrameStep(9, 9, 0.99)], 0.1)
    assert is_cut([FrameStep(9, 9, 0.5)], 0.1) and not is_cut([FrameStep(9, 9, 0.95)], 0.1)
    assert not is_cut([FrameStep(9, 9, 0.8), FrameStep(9, 9, 0.5), FrameStep(9, 9, 0.8)], 0.1)


def test_repeated_frames_are_rejected(tmp_path: Path, portrait: np.ndarray) -> None:
    moving = pan(portrait, 12)
    same = [*moving[:6], moving[5], *moving[6:]]
    write_frames(tmp_path / "same", same)
    made = frames(tmp_path / "same", tmp_path / "a", length=3, stride=3, **WHOLE)
    assert statuses(made) == {"0-2": "ok", "3-5": "ok", "6-8": "ok", "9-11": "ok"}
    made = frames(tmp_path / "same", tmp_path / "b", length=3, stride=5, **WHOLE)
    assert statuses(made) == {"0-2": "ok", "5-7": "identical frames", "10-12": "ok"}
    # Coded anew, the copy differs by a grey level here and there.
    copy = moving[5].copy()
    copy[::7, ::5] += 1
    write_frames(tmp_path / "near", [*moving[:6], copy, *moving[6:]])
    made = frames(tmp_path / "near", tmp_path / "c", length=3, stride=5, **WHOLE)
    assert statuses(made)["5-7"] == "near-duplicate frames"
    made = frames(tmp_path / "near", tmp_path / "d", length=3, stride=5, repeat=0.0, **WHOLE)
    assert statuses(made)["5-7"] == "ok"
    assert repetition([FrameStep(9, 2.0, 1), FrameStep(9, 0.1, 1), FrameStep(9, 4.0, 1)]) == pytest.approx(0.1 / 3)


def test_whole_sequence_is_one_pair_whatever_its_length(tmp_path: Path, portrait: np.ndarray) -> None:
    """Sharp is the frame in the middle, of an even number the one that is named; every frame is in the mean."""
    pictures = {"odd": pan(portrait, 7), "even": pan(portrait, 12, left=40)}
    for name, several in pictures.items():
        write_frames(tmp_path / "clips" / name, several)
    write_frames(tmp_path / "clips" / "lone", pan(portrait, 1))
    for middle, places in (("later", {"odd": 3, "even": 6}), ("earlier", {"odd": 3, "even": 5})):
        made = frames(tmp_path / "clips", tmp_path / middle, length="all", middle=middle, gamma=2.2, **WHOLE)
        pairs = {made.images[pair.image_id].identity: pair for pair in made.pairs()}
        assert {name: pair.pair_id for name, pair in pairs.items()} == {
            "odd": "odd_000000_L7", "even": "even_000000_L12"
        }  # fmt: skip
        for name, pair in pairs.items():
            np.testing.assert_array_equal(made.blurred(pair), literal_mean(pictures[name], 2.2))
            np.testing.assert_array_equal(made.sharp(made.images[pair.image_id]), pictures[name][places[name]])
        assert made.info["name"] == "frames-all" and made.info["rejected"] == {"too few frames": 1}
    four = frames(tmp_path / "clips" / "even", tmp_path / "four", length=4, **WHOLE)
    np.testing.assert_array_equal(four.sharp(four.images["even_000004"]), pictures["even"][6])


def test_whole_sequence_is_not_held_in_memory(portrait: np.ndarray) -> None:
    reads = []

    def read() -> list[Frame]:
        reads.append(1)
        return [Frame(k, pixels, k / 25) for k, pixels in enumerate(pan(portrait, 9))]

    whole = sequence(read)
    assert whole is not None and len(reads) == 1 and all(frame.pixels is None for frame in whole.frames)
    held = next(windows(read(), length=9, stride=9))
    assert whole.steps == held.steps and fault(whole, **PASS) == ("ok", "")
    spec, camera = FrameSpec(length="all", template="none", detector="none"), Response.power(1.0)
    one, two = (frame_faces.Crew(spec).expose(window, camera) for window in (whole, held))
    np.testing.assert_array_equal(one.blurred, two.blurred)
    assert one.motion == two.motion == pytest.approx(np.median([3, 3, 6, 6, 9, 9, 12, 12]), abs=0.5)
    assert sequence(lambda: read()[:1]) is None


def test_each_shot_of_a_video_is_a_sequence_on_request(tmp_path: Path, portrait: np.ndarray) -> None:
    there = [portrait[300:396, 200 + 3 * k : 328 + 3 * k] for k in range(9)]
    here, third = pan(portrait, 7), [portrait[60:156, 384 + k : 512 + k][::-1, ::-1] for k in range(1)]
    write_frames(tmp_path / "cut", [*third, *here, *there])
    with pytest.raises(InputError, match=r"shot cut 1 \(correlation falls to -?0\.\d+ at frame"):
        frames(tmp_path / "cut", tmp_path / "a", length="all", **WHOLE)
    made = frames(tmp_path / "cut", tmp_path / "b", length="all", cuts="split", **WHOLE)
    assert statuses(made) == {"0-0": "too few frames", "1-7": "ok", "8-16": "ok"}
    for pair, shot in zip(made.pairs(), (here, there), strict=True):
        np.testing.assert_array_equal(made.blurred(pair), literal_mean(shot, 1.0))
        np.testing.assert_array_equal(made.sharp(made.images[pair.image_id]), shot[len(shot) // 2])
    assert [pair.pair_id for pair in made.pairs()] == ["cut_000001_L7", "cut_000008_L9"]


def test_repeated_frames_are_left_out_on_request(tmp_path: Path, portrait: np.ndarray) -> None:
    moving = pan(portrait, 7)
    twice = [*moving[:3], moving[2], moving[2], *moving[3:]]
    write_frames(tmp_path / "twice", twice)
    made = frames(tmp_path / "twice", tmp_path / "a", length="all", repeated="drop", **WHOLE)
    (pair,) = made.pairs()
    np.testing.assert_array_equal(made.blurred(pair), literal_mean(moving, 1.0))
    np.testing.assert_array_equal(made.sharp(made.images[pair.image_id]), moving[3])
    assert made.images[pair.image_id].note == "2 repeated frames left out" and pair.pair_id == "twice_000000_L7"
    with pytest.raises(InputError, match=r"identical frames 1 \(2 of 8 steps\)"):
        frames(tmp_path / "twice", tmp_path / "b", length="all", **WHOLE)
    write_frames(tmp_path / "stopped", [moving[0]] * 4)
    with pytest.raises(InputError, match=r"identical frames 1 \(all 4 of them\)"):
        frames(tmp_path / "stopped", tmp_path / "c", length="all", repeated="drop", **WHOLE)


@pytest.mark.parametrize("length", [9, "all"])
def test_still_clip_with_noise_has_no_motion(tmp_path: Path, portrait: np.ndarray, length: int | str) -> None:
    """Each frame differs from the one before by a grey level here and there, and shows the same."""
    draw = np.random.default_rng(5)
    still = [
        (pan(portrait, 1)[0].astype(int) + draw.integers(-1, 2, (96, 128, 3))).clip(0, 255).astype(np.uint8)
        for _ in range(9)
    ]
    write_frames(tmp_path / "clips" / "still", still)
    write_frames(tmp_path / "clips" / "slow", pan(portrait, 9, step=1))
    made = frames(tmp_path / "clips", tmp_path / "set", length=length, **WHOLE)
    assert {image.identity: image.status for image in made.images.values()} == {
        "still": "too little motion", "slow": "ok"
    }  # fmt: skip
    (dropped,) = (image for image in made.images.values() if not image.ok)
    assert dropped.note.startswith("half of the frames lie within")
    without = frames(tmp_path / "clips", tmp_path / "any", length=length, min_motion=0.0, **WHOLE)
    assert without.n_pairs == 2


def test_split_by_identity_depends_on_seed_and_name_alone(tmp_path: Path, portrait: np.ndarray) -> None:
    for name in ("ann", "bo", "cy", "di", "ed"):
        write_frames(tmp_path / "clips" / name / "1", pan(portrait, 3))
        write_frames(tmp_path / "clips" / name / "2", pan(portrait, 3, left=40))
    clips, split = tmp_path / "clips", {"length": "all", "train_share": 0.7} | WHOLE
    made = frames(clips, tmp_path / "set", seed=1, **split)
    roles = {image.identity: image.role for image in made.images.values()}
    assert roles == {name: role_of(name, seed=1, test_share=0.3) for name in roles} and len(set(roles.values())) == 2
    parts = {role: frames(clips, tmp_path / role, seed=1, role=role, **split) for role in ("train", "test")}
    for role, part in parts.items():
        assert {image.identity for image in part.images.values()} == {name for name in roles if roles[name] == role}
    assert sum(part.n_pairs for part in parts.values()) == made.n_pairs == 10
    one = tmp_path / "clips" / "ann"
    with pytest.raises(InputError, match="no identity is left for"):
        frames(one, tmp_path / "none", role={"train": "test", "test": "train"}[roles["ann"]], seed=1, **split)


def test_least_flow(tmp_path: Path, portrait: np.ndarray) -> None:
    write_frames(tmp_path / "fast", pan(portrait, 9, step=3))
    write_frames(tmp_path / "fast_then_slow", [*pan(portrait, 4, step=3), *pan(portrait, 5, step=1, left=70)])
    made = frames(tmp_path, tmp_path / "set", length=9, min_flow=2.5, **WHOLE)
    assert {image.identity: image.status for image in made.images.values()} == {
        "fast": "ok", "fast_then_slow": "too little motion"
    }  # fmt: skip


@pytest.mark.parametrize(
    "region", [None, (200.0, 60.0, 260.0, 120.0), (-20.0, -20.0, 700.0, 700.0), (220, 115, 222, 116)]
)
def test_flow_of_a_known_shift(portrait: np.ndarray, region: tuple[float, float, float, float] | None) -> None:
    shifted = np.roll(portrait, (2, -3), axis=(0, 1))
    speed, dx, dy = flow(portrait, shifted, region)
    assert (dx, dy) == pytest.approx((-3, 2), abs=0.25) and speed == pytest.approx(np.hypot(3, 2), abs=0.3)


def test_shared_areas() -> None:
    assert iou((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(50 / 150)
    assert iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0 == iou((0, 0, 1, 1), (5, 5, 6, 6))
    assert share_left(100, 50, -25, 10) == pytest.approx(0.75 * 0.8) and share_left(100, 50, 130, 0) == 0


def test_windows_lie_where_they_should_and_name_what_is_wrong(portrait: np.ndarray) -> None:
    pictures = pan(portrait, 12)
    steady = [Frame(k, pixels, k / 25) for k, pixels in enumerate(pictures)]
    found = list(windows(iter(steady), length=5, stride=3))
    assert [[frame.index for frame in one.frames] for one in found] == [list(range(k, k + 5)) for k in (0, 3, 6)]
    assert all(fault(one, **PASS) == ("ok", "") and one.middle is one.frames[2] for one in found)
    assert [one.frames[0].index for one in windows(iter(steady), length=3, stride=7)] == [0, 7]
    assert list(windows(iter(steady[:4]), length=5, stride=1)) == []

    late = [Frame(frame.index, frame.pixels, frame.time + 0.04 * (frame.index > 6)) for frame in steady]
    named = [fault(one, **PASS) for one in windows(iter(late), length=5, stride=3)]
    assert named == [("ok", "")] + 2 * [("uneven timing", "40.0 to 80.0 ms a frame")]
    assert fault(next(windows(iter(late[4:]), length=5, stride=2)), **PASS | {"max_jitter": 1.1})[0] == "ok"
    hole = [Frame(k, None, k / 25, "torn") if k == 3 else frame for k, frame in enumerate(steady)]
    named = [fault(one, **PASS) for one in windows(iter(hole), length=3, stride=2)]
    assert [status for status, _ in named] == ["ok", "damaged frame", "ok", "ok", "ok"]
    assert named[1][1] == "frame 3: torn"
    other = [Frame(k, frame.pixels[:90] if k == 3 and frame.pixels is not None else frame.pixels) for k, frame in
             enumerate(steady)]  # fmt: skip
    assert [fault(one, **PASS)[0] for one in windows(iter(other), length=3, stride=3)][:2] == [
        "ok",
        "frame size changes",
    ]


class Blob:
    """A stand-in for a face detector: a box around what is bright."""

    definition = ("blob",)

    def detect(self, image: np.ndarray) -> list[Face]:
        y, x = np.nonzero(image[..., 0] > 200)
        return [Face((x.min(), y.min(), x.max() + 1, y.max() + 1), 1.0)] if len(x) else []


def blobs(places: Sequence[int | None]) -> list[Frame]:
    """Frames of texture with a bright square at x, or none."""
    floor = np.random.default_rng(3).integers(0, 100, (96, 400, 3), dtype=np.uint8)
    found = []
    for index, x in enumerate(places):
        pixels = floor.copy()
        if x is not None:
            pixels[30:70, x : x + 40] = 255
        found.append(Frame(index, pixels))
    return found


@pytest.mark.parametrize(
    ("places", "status", "note"),
    [
        ([10, 20, 30, 40, 45], "ok", ""),
        ([10, 20, None, 40, 45], "no face", "in the middle frame 2"),
        ([None, 20, 30, 40, 45], "face lost", "in frame 0"),
        ([10, 20, 30, 40, None], "face lost", "in frame 4"),
        ([10, 40, 60, 90, 120], "no overlap", "0.00 of first and last frame"),
    ],
)
def test_face_must_stay(monkeypatch: pytest.MonkeyPatch, places: list[int | None], status: str, note: str) -> None:
    monkeypatch.setattr(frame_faces, "_providers", lambda detector, landmarker: (Blob(), None))
    # The square has no texture to measure a flow by.
    spec = FrameSpec(length=5, template="none", min_motion=0.0)
    (window,) = windows(iter(blobs(places)), length=5, stride=5)
    camera = Response.power(1.0)
    exposure = frame_faces.Crew(spec).expose(window, camera)
    assert (exposure.status, exposure.note) == (status, note)
    if status == "ok":
        assert exposure.overlap == pytest.approx(5 / 75) and exposure.blurred is not None
        strict = frame_faces.Crew(replace(spec, min_overlap=0.1)).expose(window, camera)
        assert strict.status == "no overlap"


def head(portrait: np.ndarray, n: int) -> list[np.ndarray]:
    """A 256x256 view of the face that moves by (3, 2) pixels a frame."""
    return [portrait[2 * k : 256 + 2 * k, 90 + 3 * k : 346 + 3 * k] for k in range(n)]


def test_crop_held_still_or_following(dlib_models: None, tmp_path: Path, portrait: np.ndarray) -> None:
    pictures = head(portrait, 7)
    write_frames(tmp_path / "clips" / "collins", pictures)
    still = frames(tmp_path / "clips", tmp_path / "still", length=7, gamma=2.2, workers=1)
    (image,), (pair,) = still.images.values(), still.pairs()
    transform = np.array(image.transform.split(), np.float64).reshape(2, 3)
    crops = [warp(one, transform, 128, 128) for one in pictures]
    np.testing.assert_array_equal(still.sharp(image), crops[3])
    np.testing.assert_array_equal(still.blurred(pair), literal_mean(crops, 2.2))
    assert (image.status, image.n_faces, image.coverage) == ("ok", 1, 1.0)
    following = frames(tmp_path / "clips", tmp_path / "following", length=7, gamma=2.2, face="following", workers=1)
    (other,) = following.pairs()
    np.testing.assert_array_equal(following.sharp(image), crops[3])

    def blur(pixels: np.ndarray) -> float:
        return float(np.mean((pixels.astype(float) - crops[3]) ** 2))

    # The whole view moves, so a crop that follows takes nearly all of the blur away.
    assert blur(following.blurred(other)) < 0.3 * blur(still.blurred(pair))


def test_bad_videos_are_counted_rows(dlib_models: None, tmp_path: Path, portrait: np.ndarray) -> None:
    clips = tmp_path / "clips"
    write_frames(clips / "collins", head(portrait, 5))
    write_frames(clips / "wall", [np.full((64, 64, 3), 90 + k, np.uint8) for k in range(5)])
    write_frames(clips / "short", head(portrait, 4))
    (clips / "torn.mp4").write_text("no video")
    made = frames(clips, tmp_path / "set", length=5, workers=1)
    assert {image.identity: image.status for image in made.images.values()} == {
        "collins": "ok", "wall": "no face", "short": "too few frames", "torn": "unreadable"
    }  # fmt: skip
    notes = {image.identity: image.note for image in made.images.values()}
    assert notes["short"] == "4 frames, 5 are averaged" and notes["wall"] == "in the middle frame 2"
    assert notes["torn"].startswith("torn.mp4: not a readable video (Invalid data")
    assert made.info["rejected"] == {"no face": 1, "too few frames": 1, "unreadable": 1}
    assert made.info["counts"] | {"photographs": 4, "images": 1, "pairs": 1, "kernels": 0} == made.info["counts"]
    assert check(tmp_path / "set") == []


def test_nothing_usable_leaves_nothing(tmp_path: Path, portrait: np.ndarray) -> None:
    write_frames(tmp_path / "clips" / "short", pan(portrait, 4))
    with pytest.raises(InputError, match=r"too few frames 1 \(4 frames, 5 are averaged\)\); give other videos"):
        frames(tmp_path / "clips", tmp_path / "set", length=5, **WHOLE)
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"length": 1}, "option 'length': expected at least 2 frames, or 'all', found 1"),
        ({"length": "whole"}, "option 'length': expected at least 2 frames, or 'all', found whole"),
        ({"length": "all", "stride": 5}, "option 'stride': expected none with length 'all', found 5"),
        ({"cuts": "split"}, "cuts 'split' needs length 'all'; set it, or leave out cuts"),
        ({"stride": -1}, "option 'stride': expected at least 1 frame"),
        ({"middle": "sooner"}, "middle 'sooner': expected one of later, earlier"),
        ({"train_share": 1.0}, "option 'train_share'"),
        ({"train_share": 0.7, "role": "probe"}, "role 'probe'"),
        ({"gamma": 0.0}, "gamma: expected 0.1 to 10"),
        ({"crf": "absent.csv"}, r"absent.csv: not found \(expected a response curve\)"),
        ({"crf": "absent.csv", "gamma": 2.2}, "gamma and crf exclude each other"),
        ({"template": "none", "face": "following"}, "face 'following' needs a template"),
        ({"detector": "none"}, "detector 'none': expected template 'none'"),
        ({"template": "shen"}, "did you mean 'shen128'"),
        ({"face": "moving"}, "face 'moving': expected one of still, following"),
        ({"max_cut": 0.0}, "option 'max_cut'"),
        ({"role": "gallery"}, "role 'gallery'"),
        ({"store": "zip"}, "store 'zip'"),
        ({"detector": "dlib-hgo"}, "did you mean 'dlib-hog'"),
    ],
)
def test_bad_option_is_one_line(dlib_models: None, tmp_path: Path, options: dict[str, object], line: str) -> None:
    with pytest.raises(InputError, match=line):
        frames(tmp_path, tmp_path / "set", **options)  # type: ignore[arg-type]


def test_stopped_run_goes_on_and_a_finished_one_is_opened(
    tmp_path: Path, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = tmp_path / "clips"
    for name, left in (("a", 40), ("b", 60), ("c", 80)):
        write_frames(clips / name, pan(portrait, 9, left=left))
    whole = frames(clips, tmp_path / "whole", length=3, **WHOLE)
    worked: list[str] = []
    genuine = frame_task._entry

    def counting(task: frame_task.VideoTask, *rest: object) -> object:
        worked.append(task.video.video_id)
        if len(worked) == 5:
            raise KeyboardInterrupt
        return genuine(task, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(frame_task, "_entry", counting)
    with pytest.raises(KeyboardInterrupt):
        frames(clips, tmp_path / "set", length=3, **WHOLE)
    assert not (tmp_path / "set").exists()
    # Then stopped while the set is written.
    append = frames_module.SetWriter.append

    def stop(writer: object, pairs: object) -> None:
        if len(worked) > 0 and worked[-1] == "stop":
            raise KeyboardInterrupt
        append(writer, pairs)  # type: ignore[arg-type]
        worked.append("stop")

    monkeypatch.setattr(frames_module.SetWriter, "append", stop)
    with pytest.raises(KeyboardInterrupt):
        frames(clips, tmp_path / "set", length=3, **WHOLE)
    monkeypatch.setattr(frames_module.SetWriter, "append", append)
    made = frames(clips, tmp_path / "set", length=3, **WHOLE)
    assert Counter(worked) == {"a": 3, "b": 2 + 3, "c": 3, "stop": 1}
    assert made.content_hash == whole.content_hash and check(tmp_path / "set") == []
    worked.clear()
    assert frames(clips, tmp_path / "set", length=3, **WHOLE).content_hash == whole.content_hash and worked == []
    for options in ({"length": 5}, {"length": 3, "gamma": 2.2}, {"length": 3, "store": "npy"}, {"name": "talk"}):
        with pytest.raises(InputError, match="found a set made from other videos or options"):
            frames(clips, tmp_path / "set", **{"length": 3} | options, **WHOLE)  # type: ignore[arg-type]
    shutil.rmtree(clips / "c")
    with pytest.raises(InputError, match="found a set made from other videos or options"):
        frames(clips, tmp_path / "set", length=3, **WHOLE)
    assert worked == []


def test_workers_and_stores_give_the_same(tmp_path: Path, portrait: np.ndarray) -> None:
    for name, left in (("a", 40), ("b", 60)):
        write_frames(tmp_path / "clips" / name, pan(portrait, 9, left=left))
    one = frames(tmp_path / "clips", tmp_path / "one", length=3, **WHOLE)
    two = frames(tmp_path / "clips", tmp_path / "two", length=3, **WHOLE | {"workers": 2, "store": "npy"})
    assert one.content_hash == two.content_hash and check(tmp_path / "two") == []
    for pair in one.pairs():
        np.testing.assert_array_equal(one.blurred(pair), two.blurred(pair))
    assert (tmp_path / "one" / "windows.csv").read_text() == (tmp_path / "two" / "windows.csv").read_text()
    assert json.dumps(one.info["videos"]) == json.dumps(two.info["videos"])


def test_real_clip_and_real_frames(dlib_models: None, shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    made = frames(shared_data / "videos" / "d20.mp4", tmp_path / "d20", length=7, stride=25, gamma=2.2, workers=1)
    found = Counter(image.status for image in made.images.values())
    # The first frame belongs to another shot.
    assert statuses(made)["0-6"] == "shot cut" and found["ok"] >= 2 and sum(found.values()) == 7
    assert check(tmp_path / "d20") == []
    sharp = shared_data / "video_pairs_ren19"
    made = frames(sharp, tmp_path / "ren", length=5, min_coverage=0.8, **WHOLE)
    assert [image.identity for image in made.images.values()] == ["vd001"] * 5
    pictures = [read_png(sharp / "vd001" / "sharp" / f"{k:05d}.png") for k in range(1, 6)]
    first = next(made.pairs())
    np.testing.assert_array_equal(made.blurred(first), literal_mean(pictures, 1.0))


def test_what_is_no_video_is_a_row(tmp_path: Path, portrait: np.ndarray) -> None:
    av = pytest.importorskip("av", reason="videos need package av")
    videos = tmp_path / "videos"
    write_frames(videos / "good", pan(portrait, 5))
    with av.open(str(videos / "lace.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.options = {"preset": "ultrafast", "x264-params": "tff=1"}
        for pixels in pan(portrait, 5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        container.mux(stream.encode())
    (videos / "notes.txt").write_text("x")
    (videos / "text.mov").write_text("no video")
    made = frames(videos, tmp_path / "set", length=5, **WHOLE)
    rows = {image.source: (image.status, image.note) for image in made.images.values()}
    assert rows["good#0-4"][0] == "ok" and made.n_pairs == 1
    assert rows["lace.mp4#0-4"][0] == "interlaced" and "ffmpeg" in rows["lace.mp4#0-4"][1]
    assert rows["notes.txt"] == ("not a video", "suffix '.txt'")
    assert rows["text.mov"][0] == "unreadable" and len(rows) == 4
    assert made.info["rejected"] == {"interlaced": 1, "unreadable": 1, "not a video": 1}
    assert frames(videos, tmp_path / "set", length=5, **WHOLE).content_hash == made.content_hash
