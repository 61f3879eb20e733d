"""``facedeblur frames``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@options.command(
    examples="""
    # Average 11 frames at a time, cropped to the face
    facedeblur frames videos/ -o set/
    # Average light instead of coded values, and require that the face moves
    facedeblur frames videos/ -o set/ --gamma 2.2 --min-flow 1
    # Use whole frames of any scene
    facedeblur frames videos/ -o set/ --template none --detector none
    """
)
@click.argument("videos", type=click.Path())
@click.option("-o", "--out", metavar="FOLDER", required=True, type=options.Output(), help="Folder of the new set.")
@options.name("frames-LENGTH")
@click.option(
    "--length",
    metavar="N",
    default=11,
    help="Number of frames that are averaged, odd; the middle one is the sharp image.",
)
@click.option(
    "--stride",
    metavar="N",
    default=None,
    type=int,
    show_default="--length",
    help="Number of frames from the start of one window to the start of the next.",
)
@click.option(
    "--gamma",
    metavar="EXPONENT",
    default=1.0,
    help="Exponent that turns coded values into light before averaging; 1 averages coded values, 2.2 light.",
)
@click.option(
    "--crf",
    metavar="FILE",
    default=None,
    type=click.Path(),
    help="Response curve of the camera, a file of 256 lines; use it instead of --gamma.",
)
@click.option(
    "--template",
    metavar="TEMPLATE",
    default="shen128",
    help="Size and placement of the crops: a name from `facedeblur list templates`, a TOML file, or none for whole "
    "frames.",
)
@click.option(
    "--face",
    type=click.Choice(["still", "following"]),
    default="still",
    help="Cut all frames like the middle one (still), or align each frame (following).",
)
@click.option(
    "--min-flow",
    metavar="PIXELS",
    default=0.0,
    help="Reject windows in which the face moves less from frame to frame (median optical flow); 0 only requires that "
    "frames differ.",
)
@click.option(
    "--min-overlap",
    metavar="SHARE",
    default=0.0,
    help="Reject windows unless the face boxes of the first and the last frame overlap by more than this "
    "(intersection over union, 0 to 1).",
)
@click.option(
    "--max-cut",
    metavar="DROP",
    default=0.1,
    help="Reject windows with a shot cut: one step at which the correlation of neighbouring frames drops by more than "
    "this, and far more than at the others.",
)
@click.option(
    "--repeat",
    metavar="SHARE",
    default=0.1,
    help="Reject windows with repeated frames, which change by less than this share of the median change.",
)
@click.option(
    "--max-jitter",
    metavar="SHARE",
    default=0.25,
    help="Reject windows in which a frame interval deviates from the median by more than this share of it.",
)
@options.finders
@click.option(
    "--reader", type=click.Choice(["av", "cv2"]), default="av", help="Video decoder: PyAV (av) or OpenCV (cv2)."
)
@click.option(
    "--identity",
    type=click.Choice(["auto", "name", "parent"]),
    default="auto",
    help="Take the identity from the name of the video (name) or of its folder (parent); auto uses the folder if the "
    "name of the video says nothing, such as 12 or frames.",
)
@click.option("--role", type=click.Choice(["test", "train", "probe"]), default="test", help="Role of every pair.")
@options.licence
@options.store
@options.jobs
@options.quiet
@click.pass_context
def frames(ctx: click.Context, videos: str, out: str, quiet: bool, crf: str | None, **given: Any) -> None:
    """Make a set from VIDEOS: the mean of consecutive frames is a blurred image, the middle frame its sharp one.

    VIDEOS is a video, a folder of frames, or a folder of these (YouTube Faces, Faces94, GoPro).
    A window of --length frames gives one pair. OUT/windows.csv lists every window with its measurements and,
    if it was rejected, the reason. Whole frames (--template none) need no face, and --detector none skips
    the search for one. Run the command again to resume an interrupted run.
    """
    from facedeblur.generators.video.frames import frames as make
    from facedeblur.generators.video.spec import FrameSpec

    chosen = {name: given.pop(name) for name in list(given) if name in FrameSpec.__dataclass_fields__}
    with bars(quiet=quiet) as reporter:
        made = make(videos, out, FrameSpec(crf=crf or "", **chosen), progress=reporter, **given)
    counts, rejected = made.info["counts"], made.info["rejected"]
    if not quiet:
        click.echo(f"{counts['pairs']:>7,}  ok, of {counts['identities']:,} identities")
        for status, count in rejected.items():
            click.echo(f"{count:>7,}  {status}")
        click.echo(
            f"{counts['photographs']:>7,}  windows of {len(made.info['videos']):,} videos, listed in {out}/windows.csv"
        )
        click.echo(f"content hash {made.content_hash[:16]}  ->  {made.root}")
    failed = False
    for video in made.info["videos"]:
        lost = not video["windows"].get("ok")
        failed |= lost
        why = ", ".join(f"{status} {count:,}" for status, count in video["windows"].items()) if lost else ""
        note = "; ".join(part for part in (why and f"no pair: {why}", video["note"]) if part)
        if note:
            click.echo(f"{video['video']}: {note}", err=True)
    if failed:
        ctx.exit(1)
